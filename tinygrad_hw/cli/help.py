"""How help looks: paragraphs and examples as they were written, and every option with its default."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any, NoReturn

from tinygrad_hw.cli.errors import nearest

__all__ = ["Parser", "add_command"]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Adds the default to an option's help, unless it has none or tells it itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        silent = action.default in (None, False, argparse.SUPPRESS) or not action.option_strings
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
        if message.startswith("unrecognized arguments: "):
            known = [o for action in self._actions for o in action.option_strings]
            message += nearest(message.split()[2].partition("=")[0], known)
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; what is left over is an error of the command that was called, not of the program."""
        parsed, rest = self.parse_known_args(args, namespace)
        if rest:
            getattr(parsed, "parser", self).error("unrecognized arguments: " + " ".join(rest))
        return parsed


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
