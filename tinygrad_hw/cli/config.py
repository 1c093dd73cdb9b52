"""Reading and writing of TOML: the settings of a run, and the facts that go with them."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_hw.cli.errors import Failure, one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["dump_toml", "read_toml"]


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        Failure: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(one_line(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{os.fspath(path)} is no TOML: {one_line(error)}") from None


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(v) for v in value)}]"
    # Strings of JSON are strings of TOML, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def dump_toml(values: Mapping[str, Any]) -> str:
    """Return TOML of names and values; mappings become tables, at the end.

    Example:
        >>> from tinygrad_hw.cli.config import dump_toml
        >>> print(dump_toml({"lr": 0.003, "facts": {"classes": ["a", "b"]}}))
        lr = 0.003
        <BLANKLINE>
        [facts]
        classes = ["a", "b"]
        <BLANKLINE>
    """
    lines = [f"{k} = {_value(v)}" for k, v in values.items() if not isinstance(v, Mapping)]
    for name, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{name}]", *(f"{k} = {_value(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"
