"""The command line: ``tinygrad-hw`` or ``python -m tinygrad_hw``, a module per command."""

from tinygrad_hw.cli.entry import main

__all__ = ["main"]
