"""PyTorch's own table of optimizer inputs and errors, run on both sides."""

from __future__ import annotations

import sys
import types
import unittest
import warnings

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.tensor import Tensor

torch = pytest.importorskip("torch")

try:
    import expecttest  # noqa: F401
except ImportError:  # the table's module only derives a test class from it, which is not used here
    stand_in = types.ModuleType("expecttest")
    stand_in.TestCase = unittest.TestCase
    sys.modules["expecttest"] = stand_in

db = pytest.importorskip("torch.testing._internal.common_optimizers").optim_db

#: Optimizers of the table that this package does not have.
MISSING = {"SparseAdam"}
#: Those for matrices only.
MATRICES = {"Muon"}
#: How far parameters may be off: PyTorch rounds the steps of Muon to bfloat16, at learning rates up to 0.01.
ROUGH = {"Muon": 2e-3}
INFOS = [info for info in db if info.optim_cls.__name__ not in MISSING]


def convert(value, memo):
    """Return ``value`` with PyTorch's tensors replaced by ours, the same one for the same one."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            mine = Tensor._wrap(value.detach().numpy().copy())
            memo[id(value)] = mine.requires_grad_(value.requires_grad)
        return memo[id(value)]
    if isinstance(value, dict):
        return {k: convert(v, memo) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(convert(v, memo) for v in value)
    return value


def test_every_optimizer_of_the_table_is_here():
    for info in db:
        name = info.optim_cls.__name__
        assert hasattr(optim, name) == (name not in MISSING), name


def inputs():
    for info in INFOS:
        for entry in info.optim_inputs_func("cpu"):
            yield pytest.param(info, entry, id=f"{info.optim_cls.__name__}-{entry.desc}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("info", "entry"), list(inputs()))
def test_inputs(info, entry, dtype):
    rng = np.random.default_rng(0)
    shapes = [(10, 5), (4, 7)] if info.optim_cls.__name__ in MATRICES else [(10, 5), (10,), (3, 2, 2)]
    arrays = [rng.standard_normal(s).astype(dtype) for s in shapes]
    theirs = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    mine = [Tensor._wrap(a.copy()).requires_grad_() for a in arrays]
    ref = info.optim_cls(theirs, **entry.kwargs)
    opt = getattr(optim, info.optim_cls.__name__)(mine, **convert(entry.kwargs, {}))

    def closure_for(params, wrap, as_array):
        def closure():
            loss = 0.0
            for k, p in enumerate(params):
                x = as_array(p)
                p.grad = wrap((np.sin(x) + (k + 1) * x).astype(dtype))
                loss += float((1 - np.cos(x)).sum() + (k + 1) * (x**2).sum() / 2)
            return loss

        return closure

    run_mine = closure_for(mine, Tensor._wrap, lambda p: p.array)
    run_theirs = closure_for(theirs, torch.from_numpy, lambda p: p.detach().numpy())
    for _ in range(6):
        if info.step_requires_closure:
            assert opt.step(run_mine) == pytest.approx(ref.step(run_theirs), rel=1e-4)
        else:
            run_mine(), run_theirs()
            opt.step(), ref.step()
    loose = info.step_requires_closure
    if info.optim_cls.__name__ in ROUGH:
        for m, t in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(m.array, t.detach(), atol=ROUGH[info.optim_cls.__name__])
        assert repr(opt) == repr(ref)
        return
    rtol = {"float32": 1e-3 if loose else 5e-6, "float64": 1e-6 if loose else 1e-11}[dtype]
    for m, t in zip(mine, theirs, strict=True):
        scale = float(t.detach().abs().max())
        np.testing.assert_allclose(m.array, t.detach(), rtol=rtol, atol=rtol * max(scale, 1e-3))
    assert repr(opt) == repr(ref)


def errors():
    for info in INFOS:
        for i, entry in enumerate(info.optim_error_inputs_func("cpu", torch.float32)):
            if "complex" in (entry.error_regex or ""):
                continue
            yield pytest.param(info, entry, id=f"{info.optim_cls.__name__}-{i}")


@pytest.mark.parametrize(("info", "entry"), list(errors()))
def test_errors(info, entry):
    given = entry.optimizer_error_input
    cls = getattr(optim, info.optim_cls.__name__)
    default = [torch.nn.Parameter(torch.randn(2, 3))]
    memo = {}
    params = convert(default if given.params is None else given.params, memo)
    kwargs = convert(given.kwargs, memo)
    if issubclass(entry.error_type, Warning):
        with pytest.warns(entry.error_type, match=entry.error_regex):
            cls(params, **kwargs)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if entry.error_on.name == "CONSTRUCTION_ERROR":
            with pytest.raises(entry.error_type, match=entry.error_regex):
                cls(params, **kwargs)
        else:
            opt = cls(params, **kwargs)
            for group in opt.param_groups:
                for p in group["params"]:
                    p.grad = Tensor._wrap(np.ones_like(p.array))
            with pytest.raises(entry.error_type, match=entry.error_regex):
                opt.step()
