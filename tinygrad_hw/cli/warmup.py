"""``warmup``: compile the kernels ahead of time."""

from __future__ import annotations

import argparse
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.kernels import runtime

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "warmup",
        "compile all kernels, so that nothing waits for them later",
        """Compile every kernel for this CPU, on one thread and on several, and keep the code on disk. Kernels that were
        compiled before are not compiled again. Nothing needs this: a kernel that is not compiled yet is compiled when
        it is first used.""",
        """
        tinygrad-hw warmup               for float32, the usual dtype
        tinygrad-hw warmup --float64     for gradient checks too
        """,
    )
    parser.add_argument("--float64", action="store_true", help="for float64 too, not for float32 only")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile."""
    from tinygrad_hw.warmup import warm_up

    warm_up((torch.float32, torch.float64) if args.float64 else (torch.float32,), progress=not args.quiet)
    print(f"compiled kernels are in {runtime.config()['cache_folder']}")
    return 0
