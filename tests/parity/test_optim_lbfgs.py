"""L-BFGS against PyTorch: iterates, numbers of evaluations, state."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.tensor import Tensor

torch = pytest.importorskip("torch")


def rosenbrock(x):
    """Loss and gradient of the banana valley."""
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * a - 2 * b
    g[1:] += 200 * a
    return float((100 * a**2 + b**2).sum()), g


def bowl(x):
    scale = np.arange(1, x.size + 1).astype(x.dtype)
    return float((scale * x**2).sum() / 2), scale * x


def waves(x):
    """Many local minima, where line searches have to bracket."""
    return float((np.sin(3 * x) + 0.1 * x**2).sum()), 3 * np.cos(3 * x) + 0.2 * x


FUNCTIONS = {"rosenbrock": rosenbrock, "bowl": bowl, "waves": waves}


class Side:
    """A problem in two parameters, of shapes (2, 2) and (3,), on one package."""

    def __init__(self, package, function, dtype, **options):
        start = np.array([-1.2, 1.0, 0.3, -0.5, 0.8, 1.5, -2.0], dtype)
        self.function = function
        self.ours = package is optim
        arrays = [start[:4].reshape(2, 2).copy(), start[4:].copy()]
        make = Tensor._wrap if self.ours else torch.from_numpy
        self.params = [make(a).requires_grad_() for a in arrays]
        self.arrays = arrays
        self.calls = 0
        self.opt = package.LBFGS(self.params, **options)

    def closure(self):
        self.calls += 1
        x = np.concatenate([a.reshape(-1) for a in self.arrays])
        loss, g = self.function(x)
        parts = g[:4].reshape(2, 2).copy(), g[4:].copy()
        for p, part in zip(self.params, parts, strict=True):
            p.grad = Tensor._wrap(part) if self.ours else torch.from_numpy(part)
        return loss

    def step(self):
        return self.opt.step(self.closure)


def number(value):
    """Return a state entry of either side as plain numbers."""
    if isinstance(value, Tensor):
        return value.array.tolist()
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, list):
        return [number(v) for v in value]
    return value


def flatten(value):
    if isinstance(value, list):
        return [x for v in value for x in flatten(v)]
    return [value]


def assert_same_state(mine, theirs, rtol):
    a, b = (side.opt.state_dict()["state"] for side in (mine, theirs))
    assert a.keys() == b.keys() == {0}
    assert a[0].keys() == b[0].keys()
    for key in b[0]:
        x, y = flatten(number(a[0][key])), flatten(number(b[0][key]))
        assert len(x) == len(y), key
        for u, v in zip(x, y, strict=True):
            assert (u is None) == (v is None), key
            if v is not None:
                assert u == pytest.approx(v, rel=rtol, abs=rtol), key


OPTIONS = [
    {"line_search_fn": None, "lr": 0.01},
    {"line_search_fn": None, "lr": 0.05, "history_size": 2, "max_iter": 4},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 5},
    {"line_search_fn": "strong_wolfe", "lr": 5.0, "max_iter": 4, "max_eval": 30},
    {"line_search_fn": "strong_wolfe", "lr": 0.01, "max_iter": 3, "max_eval": 4},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2, "tolerance_change": 1e-3},
]


@pytest.mark.parametrize(("name", "options"), list(itertools.product(FUNCTIONS, OPTIONS)), ids=str)
def test_iterates(name, options):
    mine = Side(optim, FUNCTIONS[name], "float64", **options)
    theirs = Side(torch.optim, FUNCTIONS[name], "float64", **options)
    for step in range(4):
        assert mine.step() == pytest.approx(theirs.step(), rel=1e-6, abs=1e-12)
        assert mine.calls == theirs.calls
        # Rounding differences grow along the iteration, so they are only followed for a while.
        tolerance = [1e-9, 1e-7, 1e-5, 1e-3][step]
        for a, b in zip(mine.arrays, theirs.arrays, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
        if step == 0:
            assert_same_state(mine, theirs, 1e-6)


@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
def test_float32_state_types(options):
    mine = Side(optim, bowl, "float32", **options)
    theirs = Side(torch.optim, bowl, "float32", **options)
    mine.step(), theirs.step()
    a, b = (side.opt.state_dict()["state"][0] for side in (mine, theirs))
    for key, value in b.items():
        assert type(a[key]).__name__ == type(value).__name__, key
        if isinstance(value, torch.Tensor):
            assert str(a[key].dtype) == str(value.dtype), key
        if isinstance(value, list) and value:
            assert type(a[key][0]).__name__ == type(value[0]).__name__, key
    np.testing.assert_allclose(mine.arrays[0], theirs.arrays[0], rtol=1e-4, atol=1e-5)


def test_state_from_either_side():
    options = {"line_search_fn": "strong_wolfe", "max_iter": 3}
    mine = Side(optim, rosenbrock, "float64", **options)
    theirs = Side(torch.optim, rosenbrock, "float64", **options)
    mine.step(), theirs.step()

    def convert(value, make):
        if isinstance(value, (Tensor, torch.Tensor)):
            return make(np.array(value.array if isinstance(value, Tensor) else value.numpy()))
        if isinstance(value, dict):
            return {k: convert(v, make) for k, v in value.items()}
        return [convert(v, make) for v in value] if isinstance(value, list) else value

    a, b = mine.opt.state_dict(), theirs.opt.state_dict()
    mine2 = Side(optim, rosenbrock, "float64", **options)
    theirs2 = Side(torch.optim, rosenbrock, "float64", **options)
    for new, old in ((mine2, mine), (theirs2, theirs)):
        for x, y in zip(new.arrays, old.arrays, strict=True):
            x[...] = y
    mine2.opt.load_state_dict(convert(b, Tensor._wrap))
    theirs2.opt.load_state_dict(convert(a, torch.from_numpy))
    mine2.step(), theirs2.step()
    assert mine2.calls == theirs2.calls
    np.testing.assert_allclose(mine2.arrays[0], theirs2.arrays[0], rtol=1e-7)
    assert_same_state(mine2, theirs2, 1e-6)


def test_misuse():
    for package, make in ((torch.optim, torch.zeros), (optim, None)):
        p = make(2).requires_grad_() if make else Tensor._wrap(np.zeros(2, "f4")).requires_grad_()
        q = make(2).requires_grad_() if make else Tensor._wrap(np.zeros(2, "f4")).requires_grad_()
        with pytest.raises(ValueError, match="LBFGS doesn't support per-parameter options"):
            package.LBFGS([{"params": [p]}, {"params": [q]}])
        with pytest.raises(TypeError):
            package.LBFGS([p]).step()
        opt = package.LBFGS([p], line_search_fn="newton")
        p.grad = make(2) + 1 if make else Tensor._wrap(np.ones(2, "f4"))
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            opt.step(lambda: 1.0)


def test_stops_at_once_where_the_gradient_is_zero():
    mine = Side(optim, lambda x: (3.0, np.zeros_like(x)), "float64")
    assert mine.step() == 3.0
    assert mine.calls == 1
    assert mine.opt.state_dict()["state"] == {0: {"func_evals": 1, "n_iter": 0}}
