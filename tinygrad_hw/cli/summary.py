"""``summary``: the layers of a model."""

from __future__ import annotations

import argparse
from typing import Any

from tinygrad_hw.cli.errors import UsageError
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.target import MODELS, add_input_size, open_target
from tinygrad_hw.summary import summary

__all__ = ["add", "run"]

COLUMNS = ("input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable")


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "summary",
        "list a model's layers, with shapes, parameters and memory",
        f"""List the layers of a model in the order in which they are called, with the shapes that come out of them, the
        numbers of their parameters, multiply-adds and memory. The model is that of a run, one by name
        ({", ".join(MODELS)}), or what a function in a Python file returns.""",
        """
        tinygrad-hw summary runs/first
        tinygrad-hw summary lenet --input-size 3,32,32 --batch-size 64
        tinygrad-hw summary my_model.py:make --input-size 1,28,28 --columns input_size,mult_adds
        """,
    )
    parser.add_argument("target", metavar="RUN|MODEL|FILE.py:FUNCTION", help="the model")
    add_input_size(parser)
    parser.add_argument("--batch-size", type=int, default=1, metavar="N", help="samples at a time")
    parser.add_argument("--depth", type=int, default=3, metavar="N", help="how deep to show layers inside of layers")
    parser.add_argument(
        "--columns", default="output_size,num_params,mult_adds", metavar="A,B", help=f"columns, of {', '.join(COLUMNS)}"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.batch_size < 1 or args.depth < 1:
        raise UsageError("--batch-size and --depth should be at least 1")
    columns = [c.strip() for c in args.columns.split(",") if c.strip()]
    unknown = [c for c in columns if c not in COLUMNS]
    if unknown:
        raise UsageError(f"--columns: {unknown[0]!r} is none of {', '.join(COLUMNS)}")
    target = open_target(args.target, args.input_size)
    names = ("var_names",)
    if target.inputs is not None and args.input_size is None:
        print(summary(target.model, input_data=list(target.inputs), depth=args.depth, col_names=columns, verbose=0,
                      row_settings=names))  # fmt: skip
        return 0
    if target.input_size is None:
        raise UsageError(f"what does {args.target} take? Give --input-size, as in 1,28,28")
    size = (args.batch_size, *target.input_size)
    print(summary(target.model, size, depth=args.depth, col_names=columns, verbose=0, row_settings=names))
    return 0
