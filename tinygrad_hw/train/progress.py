"""Progress on screen: bars where they can be drawn, a line per epoch everywhere."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from typing import IO, Any

from tqdm import tqdm

from tinygrad_hw.train.history import show_value

__all__ = ["Progress"]


def _in_notebook() -> bool:
    """Return whether a notebook shows widgets: a kernel runs this, and the widgets are installed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def _bar_class() -> Any:
    """Return the class of bars for this notebook: without the widgets, bars of text."""
    if importlib.util.find_spec("ipywidgets") is None:
        return tqdm
    from tqdm.notebook import tqdm as notebook_tqdm

    return notebook_tqdm


class Progress:
    """Shows how a training gets on.

    A terminal gets a bar of batches that disappears, and a line per epoch. A notebook gets a widget, or text where
    ipywidgets is not installed. A file or pipe gets the lines alone, so that a log stays readable.

    Args:
        show: False for nothing at all.
        file: where to; stderr by default.
    """

    def __init__(self, show: bool = True, file: IO[str] | None = None) -> None:
        self.show = show
        self.given = file

    @property
    def file(self) -> IO[str] | None:
        """Where to write; None without a console."""
        return sys.stderr if self.given is None else self.given

    def _style(self) -> Any:
        """Return the class of bars, or None for lines alone."""
        if not self.show or self.file is None:
            return None
        if self.given is None and _in_notebook():
            return _bar_class()
        try:
            terminal = self.file.isatty()
        except (AttributeError, ValueError):
            return None
        return tqdm if terminal else None

    def bar(self, description: str, total: int | None, initial: int = 0) -> Bar:
        """Return a bar of batches, to be used in a ``with`` block."""
        style = self._style()
        if style is None:
            return Bar(None)
        return Bar(
            style(
                total=total,
                initial=initial,
                desc=description,
                unit="batch",
                leave=False,
                file=self.file if self.given is not None or style is tqdm else None,
                dynamic_ncols=True,
            )
        )

    def line(self, text: str) -> None:
        """Write a line, above a bar if there is one."""
        file = self.file
        if not self.show or file is None:
            return
        style = self._style()
        if style is None:
            print(text, file=file, flush=True)
        else:
            style.write(text, file=file)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Write the line of an epoch."""
        if not self.show:
            return
        parts = []
        for name, value in row.items():
            if name in ("epoch", "seconds"):
                continue
            label = name.removeprefix("train_").replace("_", " ")
            parts.append(f"{label} {show_value(name, value)}")
        seconds = f", {row['seconds']:.1f} s" if "seconds" in row else ""
        self.line(f"epoch {int(row['epoch'])}: {', '.join(parts)}{seconds}")


class Bar:
    """A bar of batches, or none.

    Args:
        bar: of tqdm's, or None.
    """

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def step(self, means: Iterable[tuple[str, float]]) -> None:
        """Go on by a batch.

        Args:
            means: names and values to show; not evaluated where nothing is drawn.
        """
        if self.bar is not None:
            self.bar.set_postfix({k: show_value(k, v) for k, v in means}, refresh=False)
            self.bar.update()
