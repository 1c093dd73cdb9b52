"""The entry: the list of commands, and what becomes of errors."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pickle import UnpicklingError
from typing import Any

from tinygrad_hw.cli.errors import Failure, one_line
from tinygrad_hw.cli.help import Parser
from tinygrad_hw.version import __version__

__all__ = ["main"]

#: Modules of the commands, in the order in which help lists them.
COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "report",
    "summary",
    "export",
    "check_gradients",
    "bench",
    "warmup",
    "show_config",
)


def _parser() -> Any:
    parser = Parser(
        prog="tinygrad-hw",
        description="Train small neural networks on the CPU, and look at what they learned.",
        epilog="Each command has a --help of its own. To begin with: tinygrad-hw train --out runs/first",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_hw {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(f"tinygrad_hw.cli.{name}").add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 for what failed, 2 for what makes no sense, 130 after Ctrl-C.

    Args:
        argv: the arguments; those of the process if None.
    """
    args = _parser().parse_args(argv)
    name = f"tinygrad-hw {args.command}"
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except Failure as error:
        print(f"{name}: {one_line(error)}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would complain about the pipe when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, RuntimeError, ValueError, ImportError, UnpicklingError, MemoryError) as error:
        print(f"{name}: {one_line(error)}", file=sys.stderr)
        return 1
