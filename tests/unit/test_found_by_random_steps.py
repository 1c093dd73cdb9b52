"""Optimizers, schedulers, draws and storages on which random testing once found another result than PyTorch's."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tinygrad_hw as torch

F = torch.nn.functional
INF, NAN = math.inf, math.nan


def param(values: Any, grad: Any) -> Any:
    p = torch.nn.Parameter(torch.tensor(values))
    p.grad = torch.tensor(grad)
    return p


# -- draws -----------------------------------------------------------------------------------------


def test_alpha_dropout_rounds_every_step_to_the_dtype() -> None:
    torch.manual_seed(0)
    out = F.alpha_dropout(torch.tensor([0.0, 1.0, 2.0, -1.0]), 0.5, True)
    assert out.tolist() == [-0.7791939377784729, -0.7791939377784729, 2.5520036220550537, -0.7791939377784729]
    x = [0.3, 1.0, 2.0, -1.0]
    torch.manual_seed(0)
    assert F.alpha_dropout(torch.tensor(x).half(), 0.3, True).tolist() == [
        -1.0595703125,
        -1.0595703125,
        2.17578125,
        -1.0595703125,
    ]
    for f, shape in ((F.alpha_dropout, (4,)), (F.feature_alpha_dropout, (1, 4))):
        torch.manual_seed(0)
        out = f(torch.tensor(x).bfloat16().reshape(shape), 0.3, True)
        assert out.dtype == torch.bfloat16
        assert out.flatten().tolist() == [-1.0625, -1.0625, 2.171875, -1.0625]


def test_alpha_dropout_of_bfloat16_has_a_gradient() -> None:
    torch.manual_seed(0)
    x = torch.ones(4, dtype=torch.bfloat16, requires_grad=True)
    F.alpha_dropout(x, 0.3, True).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert x.grad.tolist() == [0.0, 0.0, 0.859375, 0.0]


def test_dropout_of_bfloat16_rounds_its_scale() -> None:
    torch.manual_seed(0)
    assert F.dropout(torch.tensor([0.3, 1.0, 2.0, -1.7]).bfloat16(), 0.1, True).tolist() == [
        0.0,
        1.109375,
        2.21875,
        0.0,
    ]
    torch.manual_seed(0)
    out = F.dropout1d(torch.tensor([[0.3, 1.1], [2.0, -1.7]]).bfloat16(), 0.1, True)
    assert out.tolist() == [[0.0, 0.0], [2.21875, -1.890625]]


def test_dropping_everything_asks_for_no_dimensions() -> None:
    assert F.feature_alpha_dropout(torch.ones(3), 1.0, True).tolist() == [0.0, 0.0, 0.0]
    assert torch.feature_dropout(torch.ones(3), 1.0, True).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.feature_alpha_dropout(torch.ones(3), 0.5, True)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (torch.float64, [-0.3270943753763652, 2.0, -0.8173874152498675, -0.15449334587275323]),
        (torch.float32, [-0.3270943760871887, 2.0, -0.8173874616622925, -0.15449334681034088]),
        (torch.bfloat16, [-0.326171875, 2.0, -0.81640625, -0.154296875]),
    ],
)
def test_slopes_of_rrelu(dtype: Any, values: list[float]) -> None:
    torch.manual_seed(0)
    out = F.rrelu(torch.tensor([-1.0, 2.0, -3.0, -0.7], dtype=dtype), training=True)
    assert out.dtype == dtype
    assert out.tolist() == values


def test_gradient_of_rrelu() -> None:
    torch.manual_seed(0)
    x = (-torch.ones(4, dtype=torch.bfloat16)).requires_grad_()
    out = F.rrelu(x, training=True)
    assert out.grad_fn is not None
    assert out.grad_fn.name() == "RreluWithNoiseBackward0"
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.326171875, 0.2734375, 0.220703125, 0.31640625]


def test_multinomial_of_bfloat16_adds_in_float32() -> None:
    torch.manual_seed(5)
    assert torch.multinomial(torch.linspace(0.1, 1, 300).bfloat16(), 6, True).tolist() == [234, 139, 168, 156, 141, 274]
    assert torch.multinomial(torch.tensor([0.1, 0.7, 0.4]).bfloat16(), 3).tolist() == [1, 2, 0]


# -- steps -----------------------------------------------------------------------------------------


def test_rprop_leaves_a_parameter_whose_gradient_is_nan() -> None:
    p = param([1.0, 2.0, 3.0], [NAN, INF, -1.0])
    optimizer = torch.optim.Rprop([p], lr=0.1)
    optimizer.step()
    optimizer.step()
    assert p.tolist() == [1.0, 1.7799999713897705, 3.2199997901916504]
    assert optimizer.state[p]["step_size"].tolist() == [0.10000000149011612, 0.12000000476837158, 0.12000000476837158]


def test_adafactor_makes_infinite_gradients_nan() -> None:
    p = param([[1.0, 1.0, 1.0]], [[INF, 1.0, 1.0]])
    optimizer = torch.optim.Adafactor([p], lr=0.1)
    optimizer.step()
    assert all(math.isnan(v) for v in p.flatten().tolist())
    assert str(optimizer.state[p]["row_var"].tolist()) == "[[nan]]"
    assert str(optimizer.state[p]["col_var"].tolist()) == "[[nan, 1.0, 1.0]]"


def test_zero_grad_of_an_expanded_gradient() -> None:
    p = torch.nn.Parameter(torch.ones(2, 1))
    p.grad = torch.ones(1, 1).expand(2, 1)
    torch.optim.SGD([p], lr=0.1).zero_grad(set_to_none=False)
    assert p.grad.tolist() == [[0.0], [0.0]]
    x = torch.zeros(1)
    x.expand(3).fill_(2)
    assert x.tolist() == [2.0]
    with pytest.raises(RuntimeError, match="single memory location"):
        x.expand(3).fill_(torch.tensor(2.0))


def test_order_of_the_state_of_lbfgs() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.LBFGS([p], max_iter=3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((p**2 - 2) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    keys = [
        "func_evals",
        "n_iter",
        "al",
        "d",
        "t",
        "old_dirs",
        "old_stps",
        "ro",
        "H_diag",
        "prev_flat_grad",
        "prev_loss",
    ]
    assert list(optimizer.state_dict()["state"][0]) == keys


# -- schedulers ------------------------------------------------------------------------------------


def test_order_of_the_states_of_schedulers() -> None:
    s = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    keys = [
        "base_lrs",
        "last_epoch",
        "_step_count",
        "_is_initial",
        "_get_lr_called_within_step",
        "_last_lr",
        "lr_lambdas",
    ]
    assert list(s.LambdaLR(optimizer, lambda e: 0.9).state_dict()) == keys
    assert list(s.MultiplicativeLR(optimizer, lambda e: 0.9).state_dict()) == keys
    assert list(s.ChainedScheduler([s.StepLR(optimizer, 2)]).state_dict()) == ["_last_lr", "_schedulers"]
    parts = s.SequentialLR(optimizer, [s.StepLR(optimizer, 2), s.StepLR(optimizer, 3)], [2])
    assert list(parts.state_dict()) == ["_milestones", "last_epoch", "_last_lr", "_schedulers"]


def test_the_state_of_fewer_groups_is_loaded() -> None:
    lambda_lr = torch.optim.lr_scheduler.LambdaLR
    one = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    state = lambda_lr(one, lambda e: 0.9**e).state_dict()
    two = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(2)], lr=0.1)
    scheduler = lambda_lr(two, lambda e: 0.9**e)
    scheduler.load_state_dict({**state, "last_epoch": 5})
    assert scheduler.last_epoch == 5


# -- storages --------------------------------------------------------------------------------------


def test_expanded_and_diagonal_views_know_their_storage() -> None:
    x = torch.ones(4, 4)
    assert x.diagonal().untyped_storage().nbytes() == 64
    assert x.diagonal(1).untyped_storage().data_ptr() == x.data_ptr()
    assert torch.ones(2, 1).expand(3, 2, 5).untyped_storage().nbytes() == 8


# -- rounding --------------------------------------------------------------------------------------


def test_a_number_added_to_bfloat16_is_rounded_first() -> None:
    x = torch.tensor([-1.33], dtype=torch.bfloat16)
    assert x.add(1.4477193338).tolist() == [0.1171875]
    assert (1.4477193338 + x).tolist() == [0.1171875]
    assert x.clone().add_(1.4477193338).tolist() == [0.1171875]
    assert (x - -1.4477193338).tolist() == [0.1171875]
    assert (x * 1.4477193338).tolist() == [-1.921875]


def test_shift_of_alpha_dropout_at_high_chances() -> None:
    for dtype, value in ((torch.float16, -0.287109375), (torch.bfloat16, -0.28125)):
        torch.manual_seed(0)
        assert set(F.alpha_dropout(torch.zeros(8, dtype=dtype), 0.9, True).tolist()) == {value}
