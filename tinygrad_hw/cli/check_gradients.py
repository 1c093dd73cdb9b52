"""``check-gradients``: a model's gradients against finite differences."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.cli.errors import Failure, UsageError
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.target import MODELS, Target, add_input_size, open_target
from tinygrad_hw.nn import functional as F
from tinygrad_hw.tensor import Tensor

__all__ = ["add", "run"]

#: Errors are relative to the largest gradient of their tensor, but at least to this share of the largest of all: a
#: difference quotient has errors of its own, also where the gradient is 0.
SMALL = 1e-4
#: Sizes of input for models by name: the smallest that use all of their layers.
SIZES = {"mlp": (1, 12, 12), "lenet": (1, 20, 20), "vgg": (3, 16, 16)}


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "check-gradients",
        "compare a model's gradients with finite differences",
        f"""Compare the gradients that a model computes with finite differences, in float64: each number of a parameter
        or of the input is moved a little, and the change of the loss must be what the gradient says. Worth doing after
        writing a layer with its own gradient. Without a model, all of those by name ({", ".join(MODELS)}) are checked.
        The loss is cross-entropy for scores of classes, else the sum of the output times fixed random numbers. Exit
        code 1 if an error is above the tolerance.""",
        """
        tinygrad-hw check-gradients lenet
        tinygrad-hw check-gradients my_model.py:make --input-size 3,16,16
        tinygrad-hw check-gradients runs/first --entries 100
        """,
    )
    parser.add_argument(
        "target",
        metavar="RUN|MODEL|FILE.py:FUNCTION",
        nargs="?",
        help="the model; a function returns a model, or (model, input, ...)",
    )
    add_input_size(parser, SIZES)
    parser.add_argument("--batch-size", type=int, default=3, metavar="N", help="samples at a time")
    parser.add_argument(
        "--entries", type=int, default=20, metavar="N", help="numbers to check of each tensor, at random; 0 for all"
    )
    parser.add_argument("--eps", type=float, default=1e-6, metavar="E", help="how far a number is moved")
    parser.add_argument("--tolerance", type=float, default=1e-5, metavar="T", help="largest relative error")
    parser.add_argument("--mode", choices=["train", "eval"], default="train", help="mode of the model")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights, inputs and choices")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check."""
    if min(args.batch_size, args.eps, args.tolerance) <= 0 or args.entries < 0:
        raise UsageError("--batch-size, --eps and --tolerance should be positive, --entries at least 0")
    right = True
    for name in [args.target] if args.target is not None else MODELS:
        torch.manual_seed(args.seed)
        size = args.input_size if args.target is not None else None
        target = open_target(name, size or (SIZES.get(name) if not Path(name).exists() else None))
        right = _check(target, args) and right
    return 0 if right else 1


def _inputs(target: Target, batch: int) -> list[Tensor]:
    if target.inputs is not None:
        return [t.detach().double() if t.is_floating_point() else t for t in target.inputs]
    if target.input_size is None:
        raise UsageError(f"what does {target.name} take? Give --input-size, as in 1,28,28")
    return [torch.randn(batch, *target.input_size, dtype=torch.float64)]


def _loss(target: Target, inputs: list[Tensor]) -> Callable[[], Tensor]:
    """Return a function that computes the loss anew, with the same random numbers each time."""
    model, start = target.model, torch.get_rng_state()
    cotangents: list[Tensor] = []

    def loss() -> Tensor:
        # Dropout must drop the same units each time.
        torch.set_rng_state(start)
        try:
            output = model(*inputs)
        except Exception as error:
            shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
            raise Failure(f"{target.name} does not take {shapes}: {type(error).__name__}: {error}") from error
        if target.classes is not None:
            labels = torch.arange(len(output)) % target.classes
            return F.cross_entropy(output, labels)
        outputs = [o for o in (output if isinstance(output, (tuple, list)) else [output]) if isinstance(o, Tensor)]
        if not outputs:
            raise Failure(f"{target.name} gave {type(output).__name__}; it should give tensors")
        if not cotangents:
            generator = torch.Generator().manual_seed(1)
            cotangents.extend(torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outputs)
        total = torch.zeros((), dtype=torch.float64)
        for o, c in zip(outputs, cotangents, strict=True):
            total = total + (o * c).sum()
        return total

    return loss


def _check(target: Target, args: argparse.Namespace) -> bool:
    """Check one model and print its table; return whether all is right."""
    model: nn.Module = target.model.double()
    model.train(args.mode == "train")
    inputs = _inputs(target, args.batch_size)
    named: list[tuple[str, Tensor]] = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    for i, t in enumerate(inputs):
        if t.is_floating_point():
            t.requires_grad_()
            named.append(("input" if len(inputs) == 1 else f"input {i}", t))
    loss = _loss(target, inputs)
    model.zero_grad()
    value = loss()
    if not value.requires_grad:
        raise Failure(f"{target.name}: the output depends on no parameter and no input in a way that has a gradient")
    value.backward()
    generator = np.random.default_rng(args.seed)
    print(f"{target.name}: loss {value.item():.6f}, float64, {args.mode} mode, eps {args.eps:g}")
    found, largest = [], 0.0
    for name, p in named:
        grad = np.zeros(p.shape) if p.grad is None else p.grad.array
        chosen = generator.permutation(p.array.size)[: args.entries or None]
        there = grad.reshape(-1)[chosen]
        near = np.array([_difference(loss, p.array, int(i), args.eps) for i in chosen])
        largest = max(largest, float(np.abs(there).max(initial=0.0)))
        found.append((name, p, there, near))
    rows, worst = [], 0.0
    for name, p, there, near in found:
        scale = max(float(np.abs(there).max(initial=0.0)), float(np.abs(near).max(initial=0.0)))
        error = float(np.abs(there - near).max(initial=0.0)) / max(scale, SMALL * largest, 1e-8)
        error = error if np.isfinite(error) else float("inf")
        worst = max(worst, error)
        rows.append((name, "x".join(map(str, p.shape)) or "scalar", f"{len(there)} of {p.array.size}",
                     f"{np.abs(there).max(initial=0.0):.2e}", f"{error:.1e}",
                     "" if error <= args.tolerance else "WRONG"))  # fmt: skip
    heads = ("tensor", "shape", "checked", "largest gradient", "relative error", "")
    widths = [max(len(r[i]) for r in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        cells = [f"{c:<{w}}" if i < 2 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())
    right = worst <= args.tolerance
    verdict = "the gradients are right" if right else "there are wrong gradients"
    print(f"{verdict}: largest relative error {worst:.1e}, tolerance {args.tolerance:g}\n")
    return right


def _difference(loss: Callable[[], Tensor], array: Any, i: int, eps: float) -> float:
    """Return the central difference of the loss along one number of an array."""
    flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
    before = flat[i]
    with no_grad():
        flat[i] = before + eps
        above = loss().item()
        flat[i] = before - eps
        below = loss().item()
    flat[i] = before
    return (above - below) / (2 * eps)
