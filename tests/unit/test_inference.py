"""Inference mode where PyTorch has no answer to compare with: what it costs, derivatives inside, what runs late."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.autograd.version import DetachedCell, InferenceCell, mode
from tinygrad_hw.summary import summary
from tinygrad_hw.utils.checkpoint import checkpoint

REFUSED = "Inplace update to inference tensor outside InferenceMode is not allowed"
NOT_SAVED = "Inference tensors cannot be saved for backward"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    yield
    assert NAMESPACE["NEW_CELL"] is None and mode.enabled and not mode.inference


def inference(*shape: int, requires_grad: bool = False) -> Any:
    with torch.inference_mode():
        return torch.ones(shape, requires_grad=requires_grad)


def test_new_tensors_ask_for_their_cell_only_while_a_thread_is_in_the_mode() -> None:
    assert NAMESPACE["NEW_CELL"] is None
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with torch.inference_mode():
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(60)
    try:
        assert NAMESPACE["NEW_CELL"] is not None
        x = torch.ones(2)
        # This thread's tensors stay ordinary.
        assert type(x._version_cell) is type((x * 2)._version_cell) is type(x[0]._version_cell) is list
        with torch.inference_mode():
            assert (x * 2).is_inference()
    finally:
        done.set()
        thread.join()
    assert NAMESPACE["NEW_CELL"] is None


def test_an_error_inside_leaves_the_mode() -> None:
    with pytest.raises(ZeroDivisionError), torch.inference_mode(), torch.inference_mode():
        _ = 1 / 0
    assert not torch.ones(1).is_inference()

    @torch.inference_mode()
    def generator() -> Any:
        yield torch.ones(1)

    items = generator()
    assert next(items).is_inference()
    assert not torch.ones(1).is_inference()
    items.close()


def test_every_op_makes_inference_tensors() -> None:
    """Functions that wrap arrays themselves, ops of several results, ops on lists, layers."""
    x = torch.randn(4, 6)
    with torch.inference_mode():
        made = [
            *x.max(1),
            *x.sort(),
            *x.var(0, keepdim=True),
            torch.linalg.svd(x).S,
            torch.cat([x, x]),
            torch.einsum("ij,kj", x, x),
            torch.fft.rfft(x),
            torch.where(x > 0, x, 0.0),
            x.numpy() * torch.ones(6),
            torch.randint(0, 3, (2,)),
            torch.bernoulli(x.sigmoid()),
            nn.functional.one_hot(torch.arange(3)),
            nn.Sequential(nn.Linear(6, 3), nn.LayerNorm(3), nn.Dropout(0.5))(x),
            nn.Conv1d(4, 2, 3)(x),
            *nn.LSTM(6, 2)(x)[1],
            nn.MultiheadAttention(6, 2)(x, x, x)[0],
            torch.tensor(np.ones(2)),
            torch.zeros(2).long(),
            x.to(torch.float64),
            x.flip(0),
            next(iter(torch.utils.data.DataLoader([1.0, 2.0], 2))),
        ]
    assert all(t.is_inference() for t in made)
    assert not any(t.requires_grad for t in made)


def test_cells() -> None:
    i = inference(3)
    assert type(i._version_cell) is InferenceCell and i[0]._version_cell is i._version_cell
    other = inference(3)
    assert other._version_cell is not i._version_cell
    d = i.detach()
    assert type(d._version_cell) is DetachedCell
    d.add_(1)
    assert d._version == 1 and i.tolist() == [2, 2, 2]
    with torch.inference_mode():
        i.add_(1)
        d.add_(1)
    assert i.tolist() == [4, 4, 4] and d._version == 2
    with pytest.raises(RuntimeError, match="do not track version counter"):
        _ = i._version
    with pytest.raises(RuntimeError, match=NOT_SAVED):
        _ = d * torch.ones(3, requires_grad=True)


def test_history_is_not_lost_inside() -> None:
    """In-place views and writes to recorded tensors in the mode."""
    p = torch.randn(2, 3, requires_grad=True)
    h = p * 2
    with torch.inference_mode():
        h.t_()
        assert h.shape == (3, 2)
    (h * torch.arange(6.0).reshape(3, 2)).sum().backward()
    assert torch.equal(p.grad, 2 * torch.arange(6.0).reshape(3, 2).t())


def test_backward_inside() -> None:
    p = torch.tensor([1.0, 2.0], requires_grad=True)
    late = checkpoint(lambda t: t.exp() * t, p, use_reentrant=False)
    y = (p * p).sum() + late.sum()
    with torch.inference_mode():
        y.backward()
    np.testing.assert_allclose(p.grad.numpy(), (2 * p + (p + 1) * p.exp()).detach().numpy(), rtol=1e-6)
    assert p.grad.is_inference()
    with pytest.raises(RuntimeError, match=REFUSED):
        (p * 2).sum().backward()
    assert p.grad.tolist() == p.grad.clone().tolist()
    p.grad = None
    (p * 2).sum().backward()
    assert p.grad.tolist() == [2, 2]


def test_derivatives_inside() -> None:
    """Functions that differentiate are right inside; PyTorch's functional ones give zeros there."""
    x = torch.tensor([1.0, 2.0, 3.0])
    cube = lambda t: t**3  # noqa: E731
    with torch.inference_mode():
        i = torch.tensor([1.0, 2.0, 3.0])
        for t in (x, i):
            assert torch.func.grad(lambda a: cube(a).sum())(t).tolist() == [3, 12, 27]
            assert torch.func.jvp(cube, (t,), (torch.ones(3),))[1].tolist() == [3, 12, 27]
            assert torch.func.jacrev(cube)(t).diagonal().tolist() == [3, 12, 27]
            assert torch.func.hessian(lambda a: cube(a).sum())(t).diagonal().tolist() == [6, 12, 18]
            assert torch.autograd.functional.jacobian(cube, t).diagonal().tolist() == [3, 12, 27]
            assert torch.autograd.functional.hvp(lambda a: cube(a).sum(), t, torch.ones(3))[1].tolist() == [6, 12, 18]
        weight = nn.grad.conv1d_weight(torch.ones(1, 1, 4), (1, 1, 2), torch.ones(1, 1, 3))
    assert weight.tolist() == [[[3, 3]]]
    assert torch.func.grad(lambda a: cube(a).sum())(i).tolist() == [3, 12, 27]
    assert torch.autograd.functional.jacobian(cube, i).diagonal().tolist() == [3, 12, 27]


def test_compiled_functions() -> None:
    @torch.compile
    def double(t: Any) -> Any:
        return (t * 2 + 1).relu()

    p = torch.ones(3, requires_grad=True)
    for _ in range(3):
        with torch.inference_mode():
            y = double(p)
            assert y.is_inference() and y.tolist() == [3, 3, 3] and not y.requires_grad
        with torch.no_grad():
            assert not double(p).is_inference()
        z = double(p)
        assert not z.is_inference() and z.requires_grad
        with pytest.raises(RuntimeError, match=REFUSED):
            y.add_(1)

    @torch.compile
    def product(t: Any, u: Any) -> Any:
        return (t * u).sum()

    q = torch.ones(3)
    for _ in range(3):
        assert product(p, q).item() == 3
    with pytest.raises(RuntimeError, match=NOT_SAVED):
        product(p, inference(3))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Muon"])
def test_optimizers_refuse_before_anything_is_changed(name: str) -> None:
    ordinary, late = torch.ones(2, 2, requires_grad=True), inference(2, 2, requires_grad=True)
    optimizer = getattr(torch.optim, name)([ordinary, late], lr=0.1)
    for p in (ordinary, late):
        p.grad = torch.ones(2, 2)
    with pytest.raises(RuntimeError, match=REFUSED):
        optimizer.step()
    assert ordinary.tolist() == late.tolist() == [[1, 1], [1, 1]]
    with torch.inference_mode():
        optimizer.step()
    assert ordinary[0, 0].item() < 1 and torch.equal(ordinary, late)


def test_gradients_that_are_inference_tensors() -> None:
    p = torch.ones(2, requires_grad=True)
    p.grad = inference(2)
    for change in (
        lambda: nn.utils.clip_grad_norm_([p], 0.1),
        lambda: nn.utils.clip_grad_value_([p], 0.1),
        lambda: torch.optim.SGD([p], 0.1).zero_grad(set_to_none=False),
    ):
        with pytest.raises(RuntimeError, match=REFUSED):
            change()
        assert p.grad.tolist() == [1, 1]


def test_running_statistics() -> None:
    with torch.inference_mode():
        norm = nn.BatchNorm1d(2)
    with pytest.raises(RuntimeError, match=REFUSED):
        norm(torch.randn(4, 2))
    assert norm.running_mean.tolist() == [0, 0]
    with torch.inference_mode():
        norm(torch.ones(4, 2))
    assert norm.running_mean.tolist() == pytest.approx([0.1, 0.1])
    norm.eval()
    with torch.no_grad():
        assert norm(torch.ones(1, 2)).shape == (1, 2)


def test_a_model_loaded_inside_is_used_inside_and_outside() -> None:
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
        y = model(torch.ones(1, 3))
    with torch.no_grad():
        assert torch.equal(model(torch.ones(1, 3)), y)
    with pytest.raises(RuntimeError, match=NOT_SAVED):
        model(torch.ones(1, 3))
    trained = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    trained.load_state_dict(model.state_dict())
    trained(torch.ones(1, 3)).sum().backward()
    assert torch.equal(trained(torch.ones(1, 3)), y)


def test_summary_of_a_model_made_inside() -> None:
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    assert "BatchNorm1d" in str(summary(model, (2, 3), verbose=0))
    assert model[1].running_mean.tolist() == [0] * 4


def test_numpy_writes_to_it_count_nowhere() -> None:
    i = inference(2)
    i.numpy()[0] = 5
    assert i.tolist() == [5, 1]
    with pytest.raises(RuntimeError, match=REFUSED):
        np.add(i, 1, out=i)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.inference_mode():
            x = torch.ones(2) * 3
        assert repr(x) == "tensor([3., 3.])"
