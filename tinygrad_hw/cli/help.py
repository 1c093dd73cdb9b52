"""How help looks: paragraphs and examples as they were written, and every option with its default."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Any, NoReturn

from tinygrad_hw.cli.errors import nearest

__all__ = ["Parser", "add_command"]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Adds the default to an option's help, unless it has none or tells it itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        # By identity: 0 is a default to be told, and equal to False.
        silent = any(action.default is v for v in (None, False, argparse.SUPPRESS)) or not action.option_strings
        if text is None or silent or "default" in text:
            return text
        return f"{text} (default: {str(action.default).replace('%', '%%')})"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says where to read more."""

    def __init__(self, **options: Any) -> None:
        # An abbreviated option would change its meaning when another one is added.
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Write one line to stderr and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown flag is named first, before its value is taken for something else."""
        if self._subparsers is None:
            for word in args if args is not None else sys.argv[1:]:
                flag = word.partition("=")[0]
                if word == "--":
                    break
                if word.startswith("--") and flag not in self._option_string_actions:
                    known = [o for o in self._option_string_actions if o.startswith("--")]
                    self.error(f"there is no option {flag}{nearest(flag, known)}")
        return super().parse_known_args(args, namespace)


def add_command(commands: Any, name: str, summary: str, description: str, examples: str = "") -> Parser:
    """Add a command and return its parser.

    Args:
        commands: what ``add_subparsers`` returned.
        name: of the command.
        summary: the line in the list of commands.
        description: a paragraph for somebody who sees it for the first time.
        examples: lines to show at the end.
    """
    parser: Parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(" ".join(description.split()), 100),
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  ") if examples else None,
    )
    parser.set_defaults(parser=parser)
    return parser
