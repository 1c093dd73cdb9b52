"""Every case of every family: values, dtypes, layouts, gradients of both orders, both modes, errors."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from typing import Any

import numpy as np
import pytest

import tests.ops
import tinygrad_hw as tg
from tests.ops.harness import (
    FOLLOWING,
    OpCase,
    all_outputs,
    flatten_specs,
    float_outputs,
    resolve,
    substitute,
    to_torch_dtype,
)
from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.autograd.op import REGISTRY

try:
    import torch
except ImportError:  # the parity tests are skipped then
    torch = None  # type: ignore[assignment]


def all_cases() -> list[OpCase]:
    cases: list[OpCase] = []
    for module in pkgutil.iter_modules(tests.ops.__path__):
        if module.name.startswith("cases_"):
            cases += importlib.import_module(f"tests.ops.{module.name}").CASES
    return cases


CASES = all_cases()
FLOAT_CASES = [c for c in CASES if any(s.dtype in FOLLOWING for s in flatten_specs((c.args, c.kw)))]
DIFFERENTIABLE = [c for c in CASES if c.orders >= 1 and any(s.grad for s in flatten_specs((c.args, c.kw)))]
TWICE = [c for c in DIFFERENTIABLE if c.orders >= 2]
VALUED = [c for c in CASES if c.reference is not None]
ERRONEOUS = [(c, i) for c in CASES for i in range(len(c.errors))]


def seed_of(case: OpCase) -> int:
    return sum(map(ord, case.id))


def arrays_of(case: OpCase, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(seed_of(case))
    return [s.array(rng, dtype) for s in flatten_specs((case.args, case.kw))]


def noncontiguous(array: np.ndarray) -> np.ndarray:
    """Return the same values in every other element of a larger, transposed buffer."""
    big = np.zeros((*array.shape[::-1], 2), array.dtype)
    view = big[..., 0].transpose()
    view[...] = array
    return view


def call(case: OpCase, tensors: list[Any]) -> Any:
    if case.prepare is not None:
        tensors = case.prepare(tensors)
    args, kw = substitute((case.args, case.kw), iter(tensors))
    if case.seeded:
        tg.manual_seed(7)
    result = resolve(tg, case.path)(*args, **kw)
    return result if case.select is None else case.select(result)


def tensors_of(case: OpCase, arrays: list[np.ndarray], grad: bool = True) -> list[Any]:
    specs = flatten_specs((case.args, case.kw))
    return [tg.from_numpy(a).requires_grad_(grad and s.grad) for a, s in zip(arrays, specs, strict=True)]


def tolerance(case: OpCase, dtype: str) -> dict[str, float]:
    if dtype == "float64":
        return {"rtol": case.rtol, "atol": case.atol}
    return {"rtol": case.float32_tolerance, "atol": case.float32_tolerance}


def ids(cases: list[OpCase]) -> list[str]:
    return [c.id for c in cases]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", VALUED, ids=ids(VALUED))
def test_value_equals_the_numpy_reference(case: OpCase, dtype: str) -> None:
    arrays = arrays_of(case, dtype)
    result = all_outputs(call(case, tensors_of(case, arrays)))
    wide = [a.astype({"f": "float64", "c": "complex128"}.get(a.dtype.kind, a.dtype)) for a in arrays]
    args, kw = substitute((case.args, case.kw), iter(wide))
    with np.errstate(all="ignore"):
        expected = all_outputs(case.reference(*args, **kw))  # type: ignore[misc]
    assert len(result) == len(expected)
    for r, e in zip(result, expected, strict=True):
        value = r.detach().numpy() if isinstance(r, tg.Tensor) else np.asarray(r)
        assert value.shape == np.shape(e)
        np.testing.assert_allclose(value, e, **tolerance(case, dtype))


@pytest.mark.parametrize("case", FLOAT_CASES, ids=ids(FLOAT_CASES))
def test_layout_does_not_matter(case: OpCase) -> None:
    if case.seeded or any(word in case.path for word in ("view", "strided", "data_ptr")):
        pytest.skip("depends on the layout: random numbers are drawn in the order of memory")
    arrays = arrays_of(case, "float64")
    plain = all_outputs(call(case, tensors_of(case, [a.copy() for a in arrays])))
    odd = all_outputs(call(case, tensors_of(case, [noncontiguous(a) for a in arrays])))
    for p, o in zip(plain, odd, strict=True):
        if isinstance(p, tg.Tensor):
            np.testing.assert_allclose(o.detach().numpy(), p.detach().numpy(), rtol=1e-12, atol=1e-13)


def direction(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a random gradient."""
    values = np.asarray(rng.standard_normal(shape))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values, dtype)


def projected(case: OpCase, tensors: list[Any], create_graph: bool) -> list[Any]:
    """Return the gradients of the outputs along fixed random directions."""
    outputs = [t for t in float_outputs(call(case, tensors)) if t.requires_grad]
    rng = np.random.default_rng(1)
    gs = [tg.from_numpy(direction(rng, t.array.shape, t.array.dtype)) for t in outputs]
    wanted = [t for t in tensors if t.requires_grad]
    if not outputs:
        pytest.fail(f"{case.id}: no output requires grad; set orders=0 if that is right")
    return list(tg.autograd.grad(outputs, wanted, gs, create_graph=create_graph, allow_unused=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_gradients_keep_shape_and_dtype_in_both_modes(case: OpCase, dtype: str) -> None:
    arrays = arrays_of(case, dtype)
    first, second = tensors_of(case, arrays), tensors_of(case, arrays)
    raw, recorded = projected(case, first, False), projected(case, second, True)
    wanted = [t for t in first if t.requires_grad]
    for x, a, b in zip(wanted, raw, recorded, strict=True):
        assert (a is None) == (b is None)
        if a is None:
            continue
        assert a.shape == b.shape == x.shape
        assert a.dtype == b.dtype == x.dtype
        limit = 1e-10 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=limit, atol=limit)


@pytest.mark.parametrize("layout", ["contiguous", "noncontiguous"])
@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=ids(DIFFERENTIABLE))
def test_gradient_equals_finite_differences(case: OpCase, layout: str) -> None:
    arrays = arrays_of(case, "float64")
    if layout == "noncontiguous":
        if "view" in case.path or "strided" in case.path:
            pytest.skip("is about layout")
        arrays = [noncontiguous(a) for a in arrays]
    tensors = tensors_of(case, arrays)

    def outputs(*xs: Any) -> tuple[Any, ...]:
        return tuple(float_outputs(call(case, list(xs))))

    small = sum(a.size for a in arrays) <= 40 and layout == "contiguous"
    assert tg.autograd.gradcheck(outputs, tuple(tensors), fast_mode=not small, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", TWICE, ids=ids(TWICE))
def test_second_gradient_equals_finite_differences(case: OpCase) -> None:
    tensors = tensors_of(case, arrays_of(case, "float64"))

    def outputs(*xs: Any) -> tuple[Any, ...]:
        return tuple(float_outputs(call(case, list(xs))))

    assert tg.autograd.gradgradcheck(outputs, tuple(tensors), fast_mode=True, eps=1e-6, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("case", "index"), ERRONEOUS, ids=[f"{c.id}-{i}" for c, i in ERRONEOUS])
def test_bad_input_raises(case: OpCase, index: int) -> None:
    args, kw, expected = case.errors[index]
    rng = np.random.default_rng(0)
    arrays = [s.array(rng, "float32") for s in flatten_specs((args, kw))]
    ours = substitute((args, kw), iter([tg.from_numpy(a) for a in arrays]))
    with pytest.raises(expected) as raised:
        resolve(tg, case.path)(*ours[0], **ours[1])
    assert str(raised.value)
    if torch is not None and case.parity:
        theirs = substitute(to_torch_dtype((args, kw), torch), iter([torch.from_numpy(a.copy()) for a in arrays]))
        with pytest.raises(expected):
            resolve(torch, case.path)(*theirs[0], **theirs[1])


def torch_tensors(case: OpCase, arrays: list[np.ndarray]) -> list[Any]:
    specs = flatten_specs((case.args, case.kw))
    return [torch.from_numpy(a.copy()).requires_grad_(s.grad) for a, s in zip(arrays, specs, strict=True)]


@pytest.mark.torch
@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", [c for c in CASES if c.parity], ids=ids([c for c in CASES if c.parity]))
def test_equals_pytorch(case: OpCase, dtype: str) -> None:
    arrays = arrays_of(case, dtype)
    ours = tensors_of(case, arrays)
    theirs = torch_tensors(case, arrays)
    result = call(case, ours)
    prepared = theirs if case.prepare is None else case.prepare(theirs)
    args, kw = substitute(to_torch_dtype((case.args, case.kw), torch), iter(prepared))
    if case.seeded:
        torch.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = resolve(torch, case.path)(*args, **kw)
    if case.select is not None:
        expected = case.select(expected)
    limits = tolerance(case, dtype)
    a, b = all_outputs(result), all_outputs(expected)
    assert len(a) == len(b)
    for r, e in zip(a, b, strict=True):
        if not isinstance(e, torch.Tensor):
            assert r == e, (r, e)
            continue
        assert isinstance(r, tg.Tensor)
        assert str(r.dtype) == str(e.dtype)
        assert tuple(r.shape) == tuple(e.shape)
        assert r.requires_grad == e.requires_grad
        own = tolerance(case, "float64" if str(r.dtype) in ("torch.float64", "torch.complex128") else "float32")
        np.testing.assert_allclose(r.detach().numpy(), e.detach().numpy(force=True), **own)
    outs = [t for t in float_outputs(expected) if t.requires_grad]
    if case.orders == 0 or not outs:
        return
    rng = np.random.default_rng(1)
    gs = [torch.from_numpy(direction(rng, tuple(t.shape), t.detach().numpy(force=True).dtype)) for t in outs]
    wanted = [t for t in theirs if t.requires_grad]
    expected_grads = torch.autograd.grad(outs, wanted, gs, allow_unused=True)
    our_outs = [t for t in float_outputs(result) if t.requires_grad]
    our_grads = tg.autograd.grad(
        our_outs,
        [t for t in ours if t.requires_grad],
        [tg.from_numpy(g.numpy()) for g in gs],
        allow_unused=True,
    )
    for g, e in zip(our_grads, expected_grads, strict=True):
        if e is None or g is None:
            # "No gradient" and "a gradient of zeros" mean the same.
            other = g if e is None else e
            assert other is None or not np.asarray(other.detach().numpy(force=True)).any()
            continue
        np.testing.assert_allclose(
            g.numpy(),
            e.numpy(force=True),
            rtol=limits["rtol"] * 10,
            atol=limits["atol"] * 10,
        )


def squares(t: Any) -> Any:
    """Return the sum of squared sizes, a real number."""
    return (t * t).sum() if t.array.dtype.kind == "f" else (t * t.conj()).real.sum()


def test_every_registered_op_has_a_case() -> None:
    """Run all cases under a tracer and see which ops no case reaches."""
    reached: set[str] = set()

    def tracer(op: Any, args: Any, params: Any) -> Any:
        reached.add(op.name)
        return op.core(*args, **params)

    before, NAMESPACE["TRACE"] = NAMESPACE["TRACE"], tracer
    try:
        for case in CASES:
            tensors = tensors_of(case, arrays_of(case, "float64"))
            outputs = [t for t in float_outputs(call(case, tensors)) if t.requires_grad]
            if outputs and case.orders:
                total = sum((squares(t) for t in outputs[1:]), squares(outputs[0]))
                wanted = [t for t in tensors if t.requires_grad]
                tg.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
    finally:
        NAMESPACE["TRACE"] = before
    missing = sorted(set(REGISTRY) - reached)
    assert not missing, f"ops that no case reaches: {missing}"
