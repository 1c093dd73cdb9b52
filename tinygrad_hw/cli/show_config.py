"""``show-config``: what everything runs on."""

from __future__ import annotations

import argparse
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw.cli.help import add_command

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "show-config",
        "tell CPU, threads, libraries, and what is switched off and why",
        """Tell CPU, threads, libraries, where compiled kernels are kept, and what is switched off and why. Put its
        output into a report of a bug.""",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    print(torch.show_config())
    return 0
