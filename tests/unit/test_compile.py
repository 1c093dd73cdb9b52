"""``torch.compile``: modules, copies of them, compiling in place, and arguments."""

from __future__ import annotations

import copy
import pickle

import pytest

import tinygrad_hw as torch
from tests.unit.compiling import check, looks, programs, same

nn, F = torch.nn, torch.nn.functional


def test_optimized_modules() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    fast = torch.compile(model)
    assert isinstance(fast, nn.Module) and fast._orig_mod is model and len(fast) == 2
    assert repr(fast).startswith("OptimizedModule(\n  (_orig_mod): Sequential(\n    (0): Linear")
    assert list(fast.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert [n for n, _ in fast.named_modules()] == ["", "_orig_mod", "_orig_mod.0", "_orig_mod.1"]
    assert next(fast.parameters()) is model[0].weight
    fast.eval()
    assert not model.training and not fast.training and not model[0].training
    fast.train()
    assert model.training
    fast.note = 3
    assert model.note == 3 and fast.note == 3
    del fast.note
    assert not hasattr(model, "note")
    with pytest.raises(AttributeError, match="'Sequential' object has no attribute 'nothing'"):
        _ = fast.nothing
    assert torch.compile(fast)._orig_mod is model
    assert torch.compile(model, disable=True) is model
    assert not hasattr(torch.compiler.disable(model).forward, "_compiled")


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies(twin) -> None:
    fast = torch.compile(nn.Linear(2, 3))
    x = torch.ones(1, 2)
    fast(x)
    other = twin(fast)
    assert type(other) is type(fast) and other._orig_mod is not fast._orig_mod
    check(other, fast, x), check(other, fast, x)
    with torch.no_grad():
        other.weight.zero_()
    assert fast.weight.abs().sum() > 0
    check(other, other._orig_mod, x)
    assert programs(other) == 1


def test_compiling_in_place() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = torch.ones(1, 2)
    expected = model(x)
    assert model.compile() is None
    check(model, lambda x: expected, x), check(model, lambda x: expected, x)
    assert model(x).grad_fn.name() == "CompiledFunctionBackward" and list(model.state_dict()) == ["0.weight", "0.bias"]
    seen = []
    handle = model.register_forward_hook(lambda m, a, out: seen.append(1))
    check(model, lambda x: expected, x)
    assert seen == [1]
    handle.remove()
    assert model(x).grad_fn.name() == "CompiledFunctionBackward"
    other = pickle.loads(pickle.dumps(model))
    assert other._compiled_call_impl is None and same(other(x), expected)
    outer = torch.compile(nn.Sequential(model, nn.Tanh()), fullgraph=True)
    check(outer, lambda x: torch.tanh(expected), x), check(outer, lambda x: torch.tanh(expected), x)


def test_arguments_of_compile() -> None:
    with pytest.raises(RuntimeError, match="can't be specified at the same time"):
        torch.compile(looks, mode="default", options={})
    with pytest.raises(RuntimeError, match="Unrecognized mode=nope"):
        torch.compile(looks, mode="nope")
    with pytest.raises(RuntimeError, match="Invalid backend: 'nope'"):
        torch.compile(looks, backend="nope")
    with pytest.raises(RuntimeError, match="of which there is none"):
        torch.compile(looks, backend=lambda graph, inputs: graph)
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(5)
    with pytest.raises(RuntimeError, match="Model can't be None"):
        torch.compile()(None)

    @torch.compile(fullgraph=True)
    def double(x):
        """Twice."""
        return x * 2

    assert double.__name__ == "double" and double.__doc__ == "Twice." and double(torch.ones(1)).item() == 2.0
    assert torch.compile(double)._torchdynamo_orig_callable is double._torchdynamo_orig_callable
    eager = torch.compile(looks, backend="eager")
    assert eager(torch.ones(1)).item() == 2.0 and not hasattr(eager, "_compiled")
    assert torch.compiler.list_backends() == ["inductor"] and not torch.compiler.is_compiling()
