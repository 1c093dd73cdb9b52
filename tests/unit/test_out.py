"""``out=``: what is written where, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_hw as torch


def test_the_tensor_itself_is_returned_and_filled():
    out = torch.empty(2)
    assert torch.add(torch.ones(2), 2, out=out) is out
    assert out.tolist() == [3.0, 3.0]
    assert torch.exp(torch.zeros(2), out=out) is out
    assert out.tolist() == [1.0, 1.0]


def test_several_results():
    out = (torch.empty(0), torch.empty(0, dtype=torch.int64))
    result = torch.max(torch.tensor([[1.0, 3.0], [5.0, 2.0]]), 1, out=out)
    assert result.values is out[0] and result.indices is out[1]
    assert out[0].tolist() == [3.0, 5.0] and out[1].tolist() == [1, 0]
    with pytest.raises(TypeError, match="tuple of 2 Tensors"):
        torch.max(torch.ones(2, 2), 1, out=torch.empty(2))
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.add(torch.ones(2), 1, out=[1])


def test_an_input_may_be_the_output():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.matmul(x, x, out=x)
    assert x.tolist() == [[7.0, 10.0], [15.0, 22.0]]
    y = torch.arange(4.0)
    torch.flip(y, (0,))
    torch.add(y[:3], y[1:], out=y[1:])
    assert y.tolist() == [0.0, 1.0, 3.0, 5.0]


def test_a_view_is_written_through():
    base = torch.zeros(2, 3)
    torch.add(torch.ones(2), 1, out=base[:, 1])
    assert base.tolist() == [[0.0, 2.0, 0.0], [0.0, 2.0, 0.0]]


def test_resizing_warns_unless_it_was_empty():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.add(torch.ones(2, 3), 1, out=torch.empty(0)).shape == (2, 3)
    with pytest.warns(UserWarning, match=r"since it had shape \[4\], which does not match .* \[2, 3\]"):
        assert torch.add(torch.ones(2, 3), 1, out=torch.empty(4)).shape == (2, 3)


def test_dtypes():
    assert torch.add(torch.ones(2), 1, out=torch.empty(0, dtype=torch.float64)).dtype == torch.float64
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        torch.add(torch.ones(2), 1, out=torch.empty(0, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype float, but got double"):
        torch.mm(torch.ones(2, 2), torch.ones(2, 2), out=torch.empty(0, dtype=torch.float64))
    with pytest.raises(TypeError, match="can't be cast"):
        torch.cat([torch.ones(2)], out=torch.empty(0, dtype=torch.int64))
    assert torch.sum(torch.ones(3), out=torch.empty(0, dtype=torch.int64)).tolist() == 3
    assert torch.zeros(2, out=torch.ones(2, dtype=torch.int64)).tolist() == [0, 0]


def test_nothing_is_changed_by_an_error():
    out = (torch.full((4,), 7.0), torch.full((4,), 7.0))
    with pytest.raises(RuntimeError, match="Expected out tensor"):
        torch.sort(torch.tensor([2.0, 1.0]), out=out)
    assert out[0].tolist() == [7.0] * 4


def test_gradients_are_refused_while_recording():
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.add(w, 1, out=torch.empty(2))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.add(torch.ones(2), 1, out=torch.empty(2, requires_grad=True))
    with torch.no_grad():
        assert torch.add(w, 1, out=torch.empty(2)).tolist() == [2.0, 2.0]


def test_a_write_counts_as_one():
    w = torch.ones(2, requires_grad=True)
    saved = torch.tensor([2.0, 3.0])
    y = w * saved
    torch.add(torch.ones(2), 1, out=saved)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_an_expanded_tensor_is_no_place_to_write():
    with pytest.raises(RuntimeError, match="single memory location"):
        torch.add(torch.ones(3), 1, out=torch.ones(1).expand(3))


def test_names_in_rules_do_not_need_it():
    x = torch.tensor([0.5, 1.0], requires_grad=True)
    torch.tanh(x).sum().backward()
    np.testing.assert_allclose(x.grad.array, 1 - np.tanh(x.array) ** 2, rtol=1e-6)
