"""Random programs: after every statement each tensor is what PyTorch has, and so are the gradients at the end."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_hw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

UNARY = ["exp()", "sin()", "tanh()", "sigmoid()", "abs()", "neg()", "relu()", "square()", "clone()", "erf()", "atan()"]
UNARY += [
    "clamp(-1, 1)",
    "clamp(min=0)",
    "float()",
    "double()",
    "detach()",
    "contiguous()",
    "sign()",
    "floor()",
    "tril()",
]
INPLACE = [
    "mul_(2)",
    "add_(1)",
    "sub_(0.5)",
    "div_(2)",
    "neg_()",
    "tanh_()",
    "sin_()",
    "zero_()",
    "clamp_(-1, 1)",
    "abs_()",
]
INPLACE += ["fill_(0.5)", "square_()", "sigmoid_()", "relu_()", "masked_fill_(torch.tensor(True), 0.25)", "eq_(1)"]
REDUCE = ["sum", "mean", "amax", "var", "logsumexp", "cumsum", "softmax", "prod", "argmax", "any"]
VIEWS = ["transpose(0, -1)", "unsqueeze(0)", "unsqueeze(-1)", "squeeze()", "flatten()", "view(-1)", "diagonal()"]
VIEWS += [
    "expand(2, *{0}.shape)",
    "narrow(0, 0, 1)",
    "select(-1, 0)",
    "movedim(0, -1)",
    "unfold(0, 1, 1)",
    "reshape(-1, 1)",
]
VIEWS += [
    "flip(0)",
    "view_as({0})",
    "t()",
    "permute(*reversed(range({0}.dim())))",
    "roll(1, 0)",
    "repeat(2, 1)",
    "tile(())",
]
INDICES = ["0", "-1", "...", "None", ":", "1:", "::2", "..., 0", "None, :", "[0, 0]", "torch.tensor([-1, 0])", ":, [0]"]
INDICES += ["{0} > 0", "0, ...", "..., None", ":1", "[0], ..., :1", "{0} == {0}", "(slice(None), slice(0, 1))"]


class Writer:
    """Writes statements that PyTorch runs."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.made = 0

    def new(self) -> str:
        self.made += 1
        return f"t{self.made - 1}"

    def start(self) -> str:
        rng = self.rng
        shape = [rng.choice([1, 2, 2, 3, 0]) for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 3]))]
        count = int(np.prod(shape))
        values = [round(rng.uniform(-3, 3), 1) for _ in range(count)]
        kind = rng.choice(["float64", "float64", "float32", "int64", "uint8"])
        if not kind.startswith("f"):
            values = [int(abs(v)) for v in values]
        grad = ", requires_grad=True" if kind.startswith("f") and rng.random() < 0.8 else ""
        return f"{self.new()} = torch.tensor({np.reshape(values, shape).tolist()}, dtype=torch.{kind}{grad})"

    def statement(self, names: list[str]) -> str:
        rng, a, b = self.rng, self.rng.choice(names), self.rng.choice(names)
        index = rng.choice(INDICES).format(a)
        kinds = {
            "start": 1, "view": 4, "index": 2, "unary": 2, "binary": 3, "reduce": 2, "inplace": 3, "write": 3,
            "backward": 2, "grad": 1, "quiet": 1, "join": 1, "zero": 1,
        }  # fmt: skip
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        if kind == "start":
            return self.start()
        if kind == "view":
            return f"{self.new()} = {a}.{rng.choice(VIEWS).format(a)}"
        if kind == "index":
            return f"{self.new()} = {a}[{index}]"
        if kind == "unary":
            return f"{self.new()} = {a}.{rng.choice(UNARY)}"
        if kind == "binary":
            return f"{self.new()} = {a} {rng.choice(['+', '-', '*', '<', '=='])} {rng.choice([b, b, '2', '0.5', '-1'])}"
        if kind == "reduce":
            return f"{self.new()} = {a}.{rng.choice(REDUCE)}({rng.choice(['0', '-1'])})"
        if kind == "inplace":
            return rng.choice([f"{a}.{rng.choice(INPLACE)}", f"{a} += {b}", f"{a}.copy_({b})", f"{a} *= -1"])
        if kind == "write":
            return f"{a}[{index}] {rng.choice(['=', '=', '*=', '+='])} {rng.choice([b, '2', '-1', '0.5'])}"
        if kind == "backward":
            keep = rng.choice(["", "retain_graph=True", "create_graph=True"])
            return f"({a} * {rng.choice([a, '3'])}).sum().backward({keep})"
        if kind == "grad":
            return (
                f"{self.new()} = torch.autograd.grad(({a} * {a}).sum(), {b}, create_graph=True, allow_unused=True)[0]"
            )
        if kind == "quiet":
            return rng.choice(
                [f"with torch.no_grad(): {a}.{rng.choice(INPLACE)}", f"{a}.requires_grad_()", f"{a}.retain_grad()"]
            )
        if kind == "join":
            return f"{self.new()} = torch.{rng.choice(['cat', 'stack'])}([{a}, {b}])"
        return rng.choice([f"{a}.grad = None", f"{a}.grad.zero_()"])


def state(env: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return what a user can see of every tensor."""
    seen: dict[str, Any] = {}
    for name in names:
        t = env[name]
        if t is None:
            seen[name] = None
            continue
        grad = t.grad
        seen[name] = {
            "value": t.detach().numpy().copy(),
            "dtype": str(t.dtype),
            "requires_grad": t.requires_grad,
            "is_leaf": t.is_leaf,
            "grad": None if grad is None else grad.detach().numpy().copy(),
            "view": t._base is not None if t.requires_grad else None,
        }
    return seen


def close(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    eps = 3e-4 if a.dtype == np.float32 else 1e-8
    return bool(
        np.allclose(
            a, b, rtol=eps, atol=eps * max(1.0, float(np.abs(a[np.isfinite(a)]).max(initial=0.0))), equal_nan=True
        )
    )


def check(program: list[str], theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    for name, a in theirs.items():
        b = ours[name]
        text = "\n".join([*program, f"-> {name}: PyTorch {a}", f"   this {b}"])
        assert (a is None) == (b is None), text
        if a is None:
            continue
        for key in ("dtype", "requires_grad", "is_leaf"):
            assert a[key] == b[key], f"{text}\n{key}"
        assert close(a["value"], b["value"]), text
        assert (a["grad"] is None) == (b["grad"] is None), text
        if a["grad"] is not None:
            assert close(a["grad"], b["grad"]), text


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_random_programs(seed: int) -> None:
    rng = random.Random(seed)
    writer = Writer(rng)
    theirs: dict[str, Any] = {"torch": torch}
    ours: dict[str, Any] = {"torch": tinygrad_hw}
    program: list[str] = []
    names: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(rng.randrange(5, 30)):
            made = writer.made
            line = writer.statement(names) if len(names) > 1 else writer.start()
            try:
                exec(line, theirs)
            except Exception:
                writer.made = made
                if "backward" in line or "autograd.grad" in line:
                    return  # how far a failing walk went is not defined
                continue
            program.append(line)
            try:
                exec(line, ours)
            except Exception as error:
                raise AssertionError("\n".join([*program, f"-> {type(error).__name__}: {error}"])) from error
            new = f"t{writer.made - 1}"
            if writer.made > made:
                value = theirs[new]
                if value is None or value.numel() > 200:
                    assert (value is None) == (ours[new] is None), "\n".join(program)
                    writer.made = made
                else:
                    names.append(new)
            check(program, state(theirs, names), state(ours, names))
