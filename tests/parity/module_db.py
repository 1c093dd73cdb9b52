"""PyTorch's own table of modules, run on both sides: ``python -m tests.parity.module_db``.

Each entry has constructor arguments and inputs. For each of them and both packages, from one seed: the constructor,
``repr``, ``state_dict`` with its keys and initial values, the result in training and evaluation, gradients with respect
to inputs and parameters, ``load_state_dict`` both ways and its errors; and the inputs that must raise.

``modules.toml`` lists what passes, and why the rest does not.

    python -m tests.parity.module_db                all entries, and what differs from the ledger
    python -m tests.parity.module_db Conv1d GRU     some of them, with all their failures
    python -m tests.parity.module_db --write        bring the ledger up to date; reasons of failures are kept
"""

from __future__ import annotations

import copy
import dataclasses
import sys
import types
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tinygrad_hw as tg

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

try:
    import expecttest  # noqa: F401
except ImportError:  # the table's module only derives a test class from it, which is not used here
    stand_in: Any = types.ModuleType("expecttest")
    stand_in.TestCase = unittest.TestCase
    sys.modules["expecttest"] = stand_in

from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

__all__ = ["INFOS", "LEDGER", "check", "read_ledger"]

LEDGER = Path(__file__).with_name("modules.toml")
INFOS = {info.module_cls.__name__: info for info in module_db}

#: Of an entry with more inputs than this per dtype and mode, as many are taken, evenly spread.
MOST = 40

TOLERANCE = {torch.float32: (1e-4, 3e-5), torch.float64: (1e-7, 1e-9)}


class Different(AssertionError):
    """Ours is not PyTorch's."""


# -- from PyTorch's values to ours -----------------------------------------------------------------


def ours(value: Any, memo: dict[int, Any]) -> Any:
    """Return our form of a value, the same tensor for the same one."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            mine = tg.from_numpy(value.detach().numpy().copy())
            memo[id(value)] = mine.requires_grad_(value.requires_grad)
        return memo[id(value)]
    if isinstance(value, torch.dtype):
        return getattr(tg, str(value).removeprefix("torch."))
    if isinstance(value, torch.nn.Module):
        raise TypeError(type(value).__name__)
    if isinstance(value, dict):
        return {k: ours(v, memo) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(ours(v, memo) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(ours(v, memo) for v in value)
    if callable(value):
        return getattr(tg.nn.functional, value.__name__)
    if type(value).__module__.startswith("torch"):
        fields = {f.name: ours(getattr(value, f.name), memo) for f in dataclasses.fields(value)}
        return getattr(tg.nn, type(value).__name__)(**fields)
    return value


def construct(name: str, given: Any) -> tuple[Any, Any]:
    """Return our module and PyTorch's, made from the same seed and arguments."""
    args, kwargs = list(given.args), dict(given.kwargs)
    mine, theirs = list(args), list(args)
    for i, value in enumerate(args):
        if isinstance(value, torch.nn.TransformerEncoderLayer):
            # Its own arguments are not known any more; the stack copies its weights.
            mine[i] = encoder_layer(value)
        else:
            mine[i] = ours(value, {})
            theirs[i] = copy.deepcopy(value)
    tg.manual_seed(0)
    module = getattr(tg.nn, name)(*mine, **ours(kwargs, {}))
    torch.manual_seed(0)
    return module, getattr(torch.nn, name)(*theirs, **kwargs)


def encoder_layer(layer: Any) -> Any:
    attention = layer.self_attn
    own = tg.nn.TransformerEncoderLayer(
        attention.embed_dim,
        attention.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        getattr(tg.nn.functional, layer.activation.__name__),
        layer.norm1.eps,
        attention.batch_first,
        layer.norm_first,
        attention.in_proj_bias is not None,
        dtype=ours(layer.linear1.weight.dtype, {}),
    )
    own.load_state_dict({k: ours(v, {}) for k, v in layer.state_dict().items()})
    return own


# -- comparing -------------------------------------------------------------------------------------


def tensors(value: Any) -> list[Any]:
    """Return the tensors in a nested value, in order."""
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    if isinstance(value, dict):
        return [t for v in value.values() for t in tensors(v)]
    return [value] if hasattr(value, "requires_grad") else []


def same(what: str, a: Any, b: Any, exact: bool = False) -> None:
    """Raise unless our tensor equals PyTorch's in shape, dtype and values."""
    if (a is None) != (b is None):
        raise Different(f"{what}: {'none' if a is None else 'one'}, PyTorch has {'none' if b is None else 'one'}")
    if a is None:
        return
    if tuple(a.shape) != tuple(b.shape) or str(a.dtype) != str(b.dtype):
        raise Different(f"{what}: {tuple(a.shape)} {a.dtype}, PyTorch's is {tuple(b.shape)} {b.dtype}")
    x, y = a.detach().numpy(), b.detach().numpy()
    rtol, atol = (0.0, 0.0) if exact else TOLERANCE.get(b.dtype, (0.0, 0.0))
    largest = np.abs(y[np.isfinite(y)]).max(initial=1.0) if y.dtype.kind == "f" else 1.0
    if not np.allclose(x, y, rtol=rtol, atol=atol * largest, equal_nan=True):
        with np.errstate(all="ignore"):
            far = np.nanmax(np.abs(x.astype(np.float64) - y))
        raise Different(f"{what}: differs by {far:.3g}")


def same_state(mine: Any, theirs: Any) -> None:
    """Raise unless names, dtypes, shapes and values of all parameters and buffers are PyTorch's."""
    a, b = mine.state_dict(), theirs.state_dict()
    if list(a) != list(b):
        raise Different(f"state_dict: {list(a)}, PyTorch's is {list(b)}")
    for key in a:
        if isinstance(b[key], torch.nn.parameter.UninitializedTensorMixin):
            if not isinstance(a[key], tg.nn.UninitializedParameter):
                raise Different(f"state_dict: {key} is initialized")
        else:
            same(f"initial {key}", a[key], b[key], exact=True)
    names = [[n for n, _ in f()] for m in (mine, theirs) for f in (m.named_parameters, m.named_buffers)]
    if names[:2] != names[2:]:
        raise Different(f"parameters and buffers: {names[:2]}, PyTorch's are {names[2:]}")


def same_loading(mine: Any, theirs: Any) -> None:
    """Raise unless each package loads the other's state, and refuses keys and shapes alike."""
    state = {k: tg.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()}
    for value in state.values():
        if value.dtype.is_floating_point:
            value += 0.5
    if str(mine.load_state_dict(state)) != "<All keys matched successfully>":
        raise Different("load_state_dict: not all keys matched")
    back = {k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()}
    theirs.load_state_dict(back)
    for key, value in mine.state_dict().items():
        same(f"loaded {key}", value, theirs.state_dict()[key], exact=True)
    wrong = [{**state, "surplus": tg.ones(1)}]
    wrong += [{k: v for k, v in state.items() if k != key} for key in list(state)[:1]]
    wrong += [{**state, key: tg.ones(3, 7, 11)} for key in list(state)[-1:]]
    for bad in wrong:
        texts = []
        for module, given in ((mine, bad), (theirs, {k: torch.from_numpy(v.numpy().copy()) for k, v in bad.items()})):
            try:
                module.load_state_dict(given)
            except RuntimeError as error:
                texts.append(str(error).replace("tinygrad_hw.", "torch."))
            else:
                texts.append("")
        if texts[0] != texts[1]:
            raise Different(f"load_state_dict: {texts[0]!r}, PyTorch says {texts[1]!r}")


def compare(name: str, entry: Any, training: bool, dtype: torch.dtype) -> None:
    """Raise at the first difference of one constructor call and input."""
    mine, theirs = construct(name, entry.constructor_input)
    mine.train(training)
    theirs.train(training)
    if repr(mine) != repr(theirs):
        raise Different(f"repr: {mine!r}, PyTorch's is {theirs!r}")
    same_state(mine, theirs)
    mine.to(ours(dtype, {}))
    theirs.to(dtype)
    given = entry.forward_input
    if given is not None:
        memo: dict[int, Any] = {}
        args, kwargs = ours(list(given.args), memo), ours(given.kwargs, memo)
        # An in-place layer must not write into the leaves.
        inputs = list({id(t): t for t in tensors([list(given.args), given.kwargs]) if t.requires_grad}.values())
        for t in inputs:
            t.retain_grad()
        inplace = "inplace=True" in repr(theirs)
        tg.manual_seed(1)
        out = mine(*(a + 0 if inplace and a.dtype.is_floating_point else a for a in args), **kwargs)
        torch.manual_seed(1)
        expected = theirs(*(a + 0 if inplace and a.is_floating_point() else a for a in given.args), **given.kwargs)
        if isinstance(expected, tuple) != isinstance(out, tuple):
            raise Different(f"result: {type(out).__name__}, PyTorch's is {type(expected).__name__}")
        outs, wanted = tensors(out), tensors(expected)
        if len(outs) != len(wanted):
            raise Different(f"result: {len(outs)} tensors, PyTorch's has {len(wanted)}")
        for i, (a, b) in enumerate(zip(outs, wanted, strict=True)):
            same(f"result {i}", a, b)
            if a.requires_grad != b.requires_grad:
                raise Different(f"result {i}: requires_grad is {a.requires_grad}, PyTorch's {b.requires_grad}")
        same_state_after(mine, theirs)
        rng = np.random.default_rng(0)
        pairs = [(a, b) for a, b in zip(outs, wanted, strict=True) if b.requires_grad]
        gs = [rng.standard_normal(tuple(b.shape)).astype(b.detach().numpy().dtype) for _, b in pairs]
        if pairs:
            tg.autograd.backward([a for a, _ in pairs], [tg.tensor(g) for g in gs])
            torch.autograd.backward([b for _, b in pairs], [torch.tensor(g) for g in gs])
        for i, t in enumerate(inputs):
            same(f"gradient of input {i}", memo[id(t)].grad, t.grad)
            t.grad = None
        for (key, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
            same(f"gradient of {key}", p.grad, q.grad)
    if not any(isinstance(p, torch.nn.parameter.UninitializedTensorMixin) for p in theirs.parameters()):
        same_loading(mine, theirs)


def same_state_after(mine: Any, theirs: Any) -> None:
    a, b = mine.state_dict(), theirs.state_dict()
    if list(a) != list(b):
        raise Different(f"state_dict after a call: {list(a)}, PyTorch's is {list(b)}")
    if repr(mine) != repr(theirs):
        raise Different(f"repr after a call: {mine!r}, PyTorch's is {theirs!r}")
    for key in a:
        same(f"{key} after a call", a[key], b[key])


def compare_error(name: str, entry: Any) -> None:
    """Raise unless we refuse what PyTorch refuses, by the same type."""
    given = entry.module_error_input
    kind = entry.error_type
    try:
        module = getattr(tg.nn, name)(
            *ours(list(given.constructor_input.args), {}), **ours(given.constructor_input.kwargs, {})
        )
        if entry.error_on is ModuleErrorEnum.FORWARD_ERROR:
            module(*ours(list(given.forward_input.args), {}), **ours(given.forward_input.kwargs, {}))
    except kind:
        return
    except Exception as error:
        raise Different(f"{type(error).__name__} in place of {kind.__name__}: {error}") from error
    raise Different(f"no {kind.__name__}: {entry.error_regex}")


# -- entries ---------------------------------------------------------------------------------------


def cases(info: Any) -> Iterator[tuple[str, Any]]:
    """Yield a label and a function without arguments that raises if there is a difference."""
    name = info.module_cls.__name__
    for dtype in (torch.float32, torch.float64):
        for training in (True, False):
            torch.manual_seed(0)
            entries = list(
                info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
            )
            step = -(-len(entries) // MOST)
            for i, entry in enumerate(entries[::step]):
                label = f"{dtype} {'training' if training else 'evaluation'} {i * step} {entry.desc}"
                yield label, lambda e=entry, t=training, d=dtype: compare(name, e, t, d)
    if info.module_error_inputs_func is not None:
        entries = info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=True, training=True
        )
        for i, entry in enumerate(entries):
            yield f"error {i}", lambda e=entry: compare_error(name, e)


def check(name: str, everything: bool = False) -> list[str]:
    """Return how an entry differs from PyTorch, empty if it passes; only the first difference unless ``everything``."""
    if not hasattr(tg.nn, name):
        return ["missing"]
    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, run in cases(INFOS[name]):
            try:
                run()
            except Exception as error:
                kind = "" if isinstance(error, Different) else f"{type(error).__name__}: "
                failures.append(f"{label}: {kind}{error}")
                if not everything:
                    break
    return failures


# -- the ledger ------------------------------------------------------------------------------------


def read_ledger() -> dict[str, dict[str, str]]:
    """Return status and, for what does not pass, reason by module."""
    return tomllib.loads(LEDGER.read_text(encoding="utf-8"))


def write_ledger(ledger: dict[str, dict[str, str]]) -> None:
    lines = [
        "# PyTorch's table of modules: what passes, and why the rest does not. Made by",
        "#     python -m tests.parity.module_db --write",
        "# Status: pass, fails, missing, or never (with the reason; kept as written).",
    ]
    for name in sorted(ledger):
        lines += [
            "",
            f"[{name}]",
            *(f"{k} = '''{v}'''" if "'" in v else f"{k} = '{v}'" for k, v in ledger[name].items()),
        ]
    LEDGER.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Check some or all entries and print what fails; returns the exit code."""
    names = [a for a in arguments if not a.startswith("-")]
    ledger = read_ledger() if LEDGER.exists() else {}
    passed = 0
    worse = []
    for name in names or INFOS:
        failures = check(name, everything=bool(names))
        passed += not failures
        before = ledger.get(name, {}).get("status")
        if failures:
            print(f"{name:28s} {len(failures)} differ" if names else f"{name:28s} {failures[0][:160]}", flush=True)
            for failure in failures[:40] if names else []:
                print("   ", failure[:600])
            if before == "pass":
                worse.append(name)
        if before != "never":
            reason = {"reason": " ".join(failures[0].split())[:200].replace("'", '"')} if failures else {}
            status = "missing" if failures == ["missing"] else "fails" if failures else "pass"
            ledger[name] = {"status": status, **(reason if status == "fails" else {})}
    print(f"{passed} of {len(names or INFOS)} modules pass")
    if worse:
        print("passed before:", ", ".join(worse))
    if "--write" in arguments:
        write_ledger(ledger)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
