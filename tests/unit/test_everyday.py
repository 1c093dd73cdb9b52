"""What scripts written for PyTorch do, with what PyTorch does for them."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.nn import functional as F

# -- the names of a graph --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "SelectBackward0"),
        ((0, 1), "SelectBackward0"),
        ((slice(None), 1), "SelectBackward0"),
        ((Ellipsis, 0), "SelectBackward0"),
        ((slice(1, 2), 0), "SelectBackward0"),
        ((0, slice(None)), "SelectBackward0"),
        (slice(0, 1), "SliceBackward0"),
        (slice(None), "SliceBackward0"),
        ((0, slice(0, 2)), "SliceBackward0"),
        ((slice(0, 3, 2), slice(None)), "SliceBackward0"),
        ((slice(None), slice(None)), "AliasBackward0"),
        (Ellipsis, "AliasBackward0"),
        ((), "AliasBackward0"),
        (None, "UnsqueezeBackward0"),
        ((0, None), "UnsqueezeBackward0"),
        ((None, 0), "SelectBackward0"),
        ([0], "IndexBackward0"),
        ((0, [1]), "IndexBackward0"),
    ],
)
def test_an_index_is_named_after_its_last_piece(index: Any, name: str) -> None:
    x = torch.ones(3, 4, 2, requires_grad=True)
    y = (x * 2)[index]
    assert y.grad_fn.name() == name
    y.sum().backward()
    expected = torch.zeros(3, 4, 2)
    expected[index] = 2.0
    assert torch.equal(x.grad, expected)


def test_a_leaf_in_next_functions() -> None:
    x = torch.ones(1, requires_grad=True)
    assert x.exp().grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"


# -- gradients -------------------------------------------------------------------------------------


def test_grad_takes_only_inputs_where_pytorch_has_it() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(outputs=x**3, inputs=x, grad_outputs=None, create_graph=True, only_inputs=True)
    assert torch.autograd.grad(g, x, None, True, False, True)[0].item() == 12.0
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        torch.autograd.grad(x * 2, x, only_inputs=False)


def test_grad_of_a_dictionary_of_inputs() -> None:
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    found = torch.autograd.grad(a * b, {"a": a, "b": b})
    assert {k: v.item() for k, v in found.items()} == {"a": 3.0, "b": 2.0}
    torch.autograd.backward(a * b, inputs={"a": a})
    assert a.grad.item() == 3.0 and b.grad is None


def test_backward_takes_grad_variables() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated"):
        torch.autograd.backward(x * 2, None, None, False, torch.tensor([1.0, 5.0]))
    assert x.grad.tolist() == [2.0, 10.0]
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match="arguments both passed"):
        torch.autograd.backward(x * 2, torch.ones(2), grad_variables=torch.ones(2))


@pytest.mark.parametrize(("shape", "fits"), [((3,), 1), ((1, 3), 1), ((2, 3), 2), ((5,), 0), ((1,), 0), ((), 0)])
def test_the_shape_of_a_custom_gradient(shape: tuple[int, ...], fits: int) -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            return a * 2

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            return torch.ones(shape)

    x = torch.ones(3, requires_grad=True)
    if fits:
        Twice.apply(x).sum().backward()
        assert x.grad.tolist() == [float(fits)] * 3
    else:
        with pytest.raises(RuntimeError, match=r"TwiceBackward returned an invalid gradient at index 0 - got .*\[3\]"):
            Twice.apply(x).sum().backward()
        assert x.grad is None


# -- wrong uses ------------------------------------------------------------------------------------

ONES = torch.ones(2, 3)
WHOLE = torch.ones(2, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: float(ONES), ValueError, r"only one element tensors.*\[2, 3\]"),
        (lambda: int(ONES), ValueError, "only one element tensors"),
        (lambda: complex(ONES), ValueError, "only one element tensors"),
        (lambda: ONES.item(), RuntimeError, r"6 elements cannot be converted to Scalar.*\[2, 3\]"),
        (lambda: torch.tensor([ONES, ONES]), ValueError, r"only one element tensors.*torch.stack"),
        (lambda: torch.tensor([1, torch.ones(2)]), ValueError, "only one element tensors"),
        (lambda: torch.softmax(ONES), TypeError, "dim"),
        (lambda: torch.log_softmax(ONES), TypeError, "dim"),
        (lambda: ONES.clone().__setitem__(0, "a"), TypeError, "can't assign a str"),
        (lambda: ONES.clone().__setitem__(0, None), TypeError, "can't assign a NoneType"),
        (lambda: torch.nn.Linear(3, 1)([1.0, 2.0, 3.0]), TypeError, "must be Tensor, not list"),
        (lambda: torch.nn.Linear(3, 1)(ONES.numpy()), TypeError, r"not ndarray.*torch.as_tensor"),
        (lambda: F.cross_entropy(WHOLE, ONES), NotImplementedError, "scores come first"),
        (lambda: F.mse_loss(WHOLE, WHOLE), NotImplementedError, r"mse_loss.*torch.int64.*float\(\)"),
        (lambda: F.smooth_l1_loss(WHOLE, WHOLE), NotImplementedError, "smooth_l1_loss"),
        (lambda: F.huber_loss(WHOLE, WHOLE), NotImplementedError, "huber_loss"),
        (
            lambda: F.binary_cross_entropy(ONES, WHOLE),
            RuntimeError,
            r"Found dtype torch.int64 but expected torch.float32",
        ),
        (lambda: F.binary_cross_entropy(ONES, ONES.double()), RuntimeError, "Found dtype torch.float64"),
        (lambda: F.binary_cross_entropy_with_logits(ONES, WHOLE), RuntimeError, r"torch.int64.*\.float\(\)"),
        (lambda: F.binary_cross_entropy_with_logits(ONES, WHOLE == 1), RuntimeError, r"torch.bool.*\.float\(\)"),
        (lambda: F.binary_cross_entropy_with_logits(WHOLE, ONES), NotImplementedError, "torch.int64"),
        (lambda: ONES.to("cuda"), AssertionError, "'cuda' is not available"),
        (lambda: torch.ones(1, device="cuda:0"), RuntimeError, "'cuda:0' is not available"),
    ],
)
def test_the_error_is_pytorchs(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_lists_of_single_elements_are_numbers() -> None:
    assert torch.tensor([torch.ones(1), torch.tensor(2.0), 3]).tolist() == [1.0, 2.0, 3.0]
    assert torch.tensor([torch.ones(1, 1)]).shape == (1,)


def test_no_warnings_where_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.softmax(ONES, 1)
        torch.log_softmax(ONES, dim=-1, dtype=torch.float64)


# -- optimizers of one's own -----------------------------------------------------------------------


class Counting(torch.optim.Optimizer):
    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["step"] = self.state[p].get("step", 0) + 1


def test_an_optimizer_of_ones_own_keeps_its_numbers() -> None:
    optimizer = Counting([torch.zeros(1, requires_grad=True)])
    optimizer.step()
    again = Counting([torch.zeros(1, requires_grad=True)])
    again.load_state_dict(optimizer.state_dict())
    again.step()
    (state,) = again.state.values()
    assert state == {"step": 2} and type(state["step"]) is int


def test_an_old_step_count_of_adam_becomes_a_tensor() -> None:
    class Mine(torch.optim.Adam):
        pass

    p = torch.zeros(1, requires_grad=True)
    optimizer = Mine([p])
    p.grad = torch.ones(1)
    optimizer.step()
    saved = optimizer.state_dict()
    saved["state"][0]["step"] = 7
    optimizer.load_state_dict(saved)
    assert optimizer.state[p]["step"].item() == 7.0


def test_the_type_of_a_tensor() -> None:
    assert repr(torch.Tensor) == repr(type(torch.ones(1))) == "<class 'tinygrad_hw.Tensor'>"
    assert pickle.loads(pickle.dumps(torch.Tensor)) is torch.Tensor


# -- numpy's functions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected", "dtype"),
    [
        (lambda t: np.sqrt(t), [1.0, 2.0, 3.0], torch.float32),
        (lambda t: np.add(t, 1), [2.0, 5.0, 10.0], torch.float32),
        (lambda t: np.maximum(np.array([2.0, 2.0, 2.0]), t), [2.0, 4.0, 9.0], torch.float64),
        (lambda t: np.sqrt(t.long()), [1.0, 2.0, 3.0], torch.float64),
        (lambda t: np.isnan(t), [0, 0, 0], torch.uint8),
        (lambda t: np.add.reduce(t), 14.0, torch.float32),
        (lambda t: np.divmod(t.long(), 2)[1], [1, 0, 1], torch.int64),
        (lambda t: np.array([1.0, 2.0, 3.0]) - t, [0.0, -2.0, -6.0], torch.float64),
        (lambda t: np.array([1.0, 4.0, 3.0]) < t, [False, False, True], torch.bool),
        (lambda t: np.float32(2) / t, [2.0, 0.5, 2 / 9], torch.float32),
    ],
)
def test_numpys_functions_take_tensors(call: Any, expected: Any, dtype: Any) -> None:
    result = call(torch.tensor([1.0, 4.0, 9.0]))
    assert isinstance(result, torch.Tensor) and result.dtype is dtype
    assert result.tolist() == pytest.approx(expected)


def test_numpys_functions_and_gradients() -> None:
    t = torch.tensor([1.0, 4.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"requires grad. Use tensor.detach\(\)"):
        np.sqrt(t)
    (np.array([2.0, 3.0], np.float32) * t).sum().backward()
    assert t.grad.tolist() == [2.0, 3.0]
    a = np.ones(2)
    a += t.detach()
    assert isinstance(a, np.ndarray) and a.tolist() == [2.0, 5.0]
    before = t.detach()
    np.add(before, 1, out=before)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        u = torch.ones(2, requires_grad=True)
        v = u.detach().clone()
        product = u * v
        np.add(v, 1, out=v)
        product.sum().backward()
