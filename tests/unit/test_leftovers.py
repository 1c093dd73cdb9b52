"""Small corners: views of leaves, softmax of integers, variances without freedom, names that are not there."""

from __future__ import annotations

import math

import pytest

import tinygrad_hw as torch


def test_a_view_requires_grad_once_its_base_does():
    base = torch.ones(3)
    view = base[:2]
    narrower = view[:1]
    assert not view.requires_grad
    base.requires_grad_()
    assert view.requires_grad and narrower.requires_grad and view.is_leaf and view.grad_fn is None
    base.requires_grad_(False)
    assert not view.requires_grad


def test_a_base_does_not_require_grad_with_its_view():
    base = torch.ones(3)
    view = base[:2].requires_grad_()
    assert view.requires_grad and not base.requires_grad


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "int32"])
def test_softmax_of_integers(name, kind):
    function, kind = getattr(torch, name), getattr(torch, kind)
    for shape in ((0,), (2, 0), (0, 2)):
        result = function(torch.zeros(shape, dtype=kind), -1)
        assert result.dtype is kind and result.shape == shape
        assert function(torch.zeros(shape, dtype=kind), -1, dtype=torch.float32).dtype is torch.float32
    with pytest.raises(NotImplementedError, match=r"\.float\(\)"):
        function(torch.zeros(2, dtype=kind), 0)
    with pytest.raises(IndexError):
        function(torch.zeros(0, dtype=kind), 2)


def test_variance_without_degrees_of_freedom():
    x = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    y = x.var(1, correction=3)
    y.sum().backward()
    assert y.tolist() == [math.inf]
    assert x.grad[0, 0] == -math.inf and x.grad[0, 1].isnan() and x.grad[0, 2] == math.inf
    x.grad = None
    x.var(1, correction=5).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0, -1.0]]


@pytest.mark.parametrize("name", ["coalesce", "indices", "values", "to_sparse", "to_sparse_csr", "q_scale", "storage"])
def test_an_absent_attribute_is_called_by_its_name(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(torch.ones(1), name)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:var")
def test_against_pytorch():
    other = pytest.importorskip("torch")
    found = []
    for package in (torch, other):
        told = []
        base = package.ones(3)
        view = base[:2]
        base.requires_grad_()
        told.append((view.requires_grad, view[:1].requires_grad, base.detach().requires_grad))
        for correction in (1, 2, 3, 5):
            x = package.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 8.0]], requires_grad=True)
            x.var(1, correction=correction).sum().backward()
            told.append(str(x.grad.tolist()).replace("-0.0", "0.0"))
        found.append(told)
    assert found[0] == found[1]
