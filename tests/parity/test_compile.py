"""``torch.compile`` beside PyTorch's, as far as that needs no C++ compiler: modules, names, errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def surface(t: Any) -> list[Any]:
    """Return what can be seen of a compiled module."""
    model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3), t.nn.ReLU())
    fast = t.compile(model, backend="eager")
    found: list[Any] = [
        repr(fast), type(fast).__name__, isinstance(fast, t.nn.Module), isinstance(fast, t.nn.Sequential), len(fast),
        list(fast.state_dict()), [n for n, _ in fast.named_parameters()], [n for n, _ in fast.named_buffers()],
        [n for n, _ in fast.named_modules()], [n for n, _ in fast.named_children()], fast._orig_mod is model,
        fast.training, fast.eval() is fast, model.training, fast.training, hasattr(fast, "nothing"),
    ]  # fmt: skip
    fast.note = 3
    found += [model.note, "note" in vars(fast), "note" in dir(fast)]
    del fast.note
    found.append(hasattr(model, "note"))
    twin = copy.deepcopy(fast)
    found += [type(twin) is type(fast), twin._orig_mod is model, list(twin.state_dict())]
    again = pickle.loads(pickle.dumps(fast))
    found += [type(again) is type(fast), again._orig_mod is model, again.training]
    model.load_state_dict({k.removeprefix("_orig_mod."): v for k, v in again.state_dict().items()})
    found += [t.equal(fast(t.ones(1, 2)), again(t.ones(1, 2))), t.compile(model, disable=True) is model]
    found.append(type(t.compiler.disable(model)) is type(fast))
    found.append(model.compile(backend="eager"))
    found += [
        t.equal(model(t.ones(1, 2)), fast(t.ones(1, 2))),
        list(model.state_dict()),
        callable(model._compiled_call_impl),
    ]
    found += [next(t.compile(t.nn.Linear(1, 1), backend="eager").train(False).parameters()).shape == (1, 1)]
    try:
        len(t.compile(t.nn.Linear(1, 1), backend="eager"))
    except TypeError as e:
        found.append(str(e))
    return found


def test_the_same_module() -> None:
    assert surface(tinygrad_hw) == surface(torch)


def errors(t: Any) -> list[tuple[bool, str]]:
    found = []
    for call in (
        lambda: t.compile(5, backend="eager"),
        lambda: t.compile(len, mode="default", options={}),
        lambda: t.compile(len, backend="nope"),
        lambda: t.compile(len, mode="nope"),
        lambda: t.compile()(None),
    ):
        with pytest.raises((RuntimeError, AssertionError)) as e:
            call()
        found.append((isinstance(e.value, RuntimeError), str(e.value)))
    return found


def test_the_same_errors() -> None:
    assert errors(tinygrad_hw) == errors(torch)


def test_the_same_functions() -> None:
    for t in (tinygrad_hw, torch):

        @t.compile(backend="eager")
        def double(x: Any) -> Any:
            """Twice."""
            return x * 2

        assert (double.__name__, double.__doc__) == ("double", "Twice.")
        assert double(t.ones(1)).tolist() == [2.0] and callable(double._torchdynamo_orig_callable)
        assert not t.compiler.is_compiling() and "inductor" in t.compiler.list_backends()
        t.compiler.reset()
