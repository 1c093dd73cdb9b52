"""Recurrent layers: loops against references, references against each other's derivatives, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import recurrent as K


def problem(mode: str, sizes: list[int], inputs: int, hidden: int, proj: int, bias: bool, kind: Any) -> dict[str, Any]:
    """Return the arguments of a layer; weights shrink with what is summed over."""
    r = np.random.default_rng(0)
    gates, out = K.GATES[mode] * hidden, proj or hidden

    def draw(*shape: int, scale: float = 1.0) -> Any:
        return (r.standard_normal(shape) * scale).astype(kind)

    return {
        "mode": mode,
        "x": draw(sum(sizes), inputs),
        "sizes": np.array(sizes, np.int64),
        "h0": draw(sizes[0], out),
        "c0": draw(sizes[0], hidden) if mode == "lstm" else None,
        "weights": K.Weights(
            draw(gates, inputs, scale=inputs**-0.5),
            draw(gates, out, scale=out**-0.5),
            draw(gates) if bias else None,
            draw(gates) if bias else None,
            draw(proj, hidden, scale=hidden**-0.5) if proj else None,
        ),
    }


def gradients_of(p: dict[str, Any], out: Any) -> dict[str, Any]:
    """Return gradients to go back with."""
    r = np.random.default_rng(1)

    def draw(like: Any) -> Any:
        return None if like is None else r.standard_normal(like.shape).astype(like.dtype)

    return {"g_out": draw(out), "g_h": draw(p["h0"]), "g_c": draw(p["c0"])}


def flat(result: Any) -> list[Any]:
    return [a for part in result for a in (flat(part) if isinstance(part, tuple) else [part])]


def same(got: Any, want: Any, limit: float) -> None:
    got, want = flat(got), flat(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=limit, atol=limit)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    mode=st.sampled_from(list(K.GATES)),
    kind=st.sampled_from([np.float32, np.float64]),
    sizes=st.lists(st.integers(1, 17), min_size=1, max_size=4).map(lambda s: sorted(s, reverse=True)),
    equal=st.booleans(),
    inputs=st.integers(1, 9),
    hidden=st.sampled_from([1, 2, 5, 16, 33, 129, 170, 260, 515]),
    proj=st.sampled_from([0, 0, 1, 3, 15]),
    bias=st.booleans(),
    reverse=st.booleans(),
)
def test_loops_equal_their_references(
    mode: str, kind: Any, sizes: Any, equal: bool, inputs: int, hidden: int, proj: int, bias: bool, reverse: bool
) -> None:
    sizes = sizes[:1] * len(sizes) if equal else sizes
    p = problem(mode, sizes, inputs, hidden, proj if mode == "lstm" and proj < hidden else 0, bias, kind)
    limit = 1e-10 if kind is np.float64 else 2e-5
    want = K.forward_reference(**p, reverse=reverse)
    got = K.forward(**p, reverse=reverse)
    same(got, want, limit)
    for kept, used in zip(got[:3], K.forward(**p, reverse=reverse, kept=False)[:3], strict=True):
        np.testing.assert_array_equal(kept, used)
    out, saved = want[0], want[3]
    more = {**p, **gradients_of(p, out), "out": out, "saved": saved, "reverse": reverse}
    needs = (True,) * 5 + (bias, bias, p["weights"].w_hr is not None)
    scale = max(1.0, *(np.abs(a).max() for a in K.backward_reference(**more, needs=needs) if a is not None))
    same(K.backward(**more, needs=needs), K.backward_reference(**more, needs=needs), 3 * limit * scale)


@pytest.mark.parametrize("elements", [1, 300, 2000])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", list(K.GATES))
def test_how_many_steps_are_taken_at_a_time_does_not_matter(
    mode: str, reverse: bool, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    proj = 3 if mode == "lstm" else 0
    p = problem(mode, [9, 9, 7, 7, 7, 2, 1, 1], 4, 6, proj, True, np.float64)
    out, _, _, saved = K.forward(**p, reverse=reverse)
    more = {**p, **gradients_of(p, out), "out": out, "saved": saved, "reverse": reverse}
    needs = (True,) * 7 + (proj > 0,)
    want = K.backward_reference(**more, needs=needs)
    monkeypatch.setattr(K, "PART", elements)
    same(K.backward(**more, needs=needs), want, 1e-11)


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("mode", list(K.GATES))
def test_a_gradient_may_be_asked_for_alone(mode: str, index: int) -> None:
    p = problem(mode, [5, 5, 2], 3, 4, 2 if mode == "lstm" else 0, True, np.float64)
    out, _, _, saved = K.forward(**p, reverse=False)
    more = {**p, **gradients_of(p, out), "out": out, "saved": saved, "reverse": False}
    present = (True, True, mode == "lstm", *(True,) * 4, mode == "lstm")
    everything = K.backward_reference(**more, needs=present)
    needs = tuple(i == index and present[i] for i in range(8))
    for run in (K.backward, K.backward_reference):
        some = run(**more, needs=needs)
        for i, (a, b) in enumerate(zip(some, everything, strict=True)):
            if needs[i]:
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
            elif i not in (1, 2):
                assert a is None


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", list(K.GATES))
def test_rules_are_the_derivatives_of_the_definition(mode: str, reverse: bool) -> None:
    """Along a random direction in all arguments at once."""
    p = problem(mode, [4, 3, 3, 1], 3, 4, 2 if mode == "lstm" else 0, True, np.float64)
    out, _, _, saved = K.forward_reference(**p, reverse=reverse)
    gs = gradients_of(p, out)
    needs = (True,) * 7 + (mode == "lstm",)
    rule = K.backward_reference(**p, **gs, out=out, saved=saved, reverse=reverse, needs=needs)
    r = np.random.default_rng(2)
    arguments = [p["x"], p["h0"], p["c0"], *p["weights"]]
    steps = [None if a is None else r.standard_normal(a.shape) for a in arguments]

    def value(t: float) -> float:
        x, h0, c0, *w = (None if a is None else a + t * d for a, d in zip(arguments, steps, strict=True))
        o, h, c, _ = K.forward_reference(mode, x, p["sizes"], h0, c0, K.Weights(*w), reverse)
        return float((o * gs["g_out"]).sum() + (h * gs["g_h"]).sum() + (0 if c is None else (c * gs["g_c"]).sum()))

    by_rule = sum((g * d).sum() for g, d in zip(rule, steps, strict=True) if g is not None and d is not None)
    np.testing.assert_allclose(by_rule, (value(1e-6) - value(-1e-6)) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("mode", list(K.GATES))
def test_threads_do_not_change_a_bit(mode: str) -> None:
    p = problem(mode, [21, 21, 17, 9, 2], 5, 40, 0, True, np.float32)
    out, _, _, saved = K.forward(**p, reverse=False)
    same_on_threads(lambda: K.forward(**p, reverse=False)[:2])
    more = {**p, **gradients_of(p, out), "out": out, "saved": saved, "reverse": False}
    same_on_threads(lambda: K.backward(**more, needs=(True, True, True, False, False, True, True, False))[:2])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_large_gates_saturate(kind: Any) -> None:
    for mode in K.GATES:
        p = problem(mode, [5, 5], 2, 3, 0, True, kind)
        p["x"] = p["x"] * kind(1e4)
        with np.errstate(over="ignore"):
            want = K.forward_reference(**p, reverse=False)[0]
        got = K.forward(**p, reverse=False)[0]
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_nan_stays_in_its_sequence() -> None:
    for mode in K.GATES:
        p = problem(mode, [6, 6, 6], 3, 4, 0, True, np.float32)
        p["x"][6 + 2] = np.nan  # step 1 of sequence 2
        out = K.forward(**p, reverse=False)[0].reshape(3, 6, 4)
        assert np.isnan(out[1:, 2]).all()
        assert np.isfinite(np.delete(out, 2, 1)).all()
        assert np.isfinite(out[0]).all()
