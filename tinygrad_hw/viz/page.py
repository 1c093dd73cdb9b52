"""A page of HTML that stands alone: its frame, its style for light and dark, and figures as part of it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from tinygrad_hw.viz.canvas import BAD, FAINT, GOOD, INK, MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["card", "document", "figure_svg", "preformatted", "table"]

#: Colours of the figures, and the variable of the page's style that stands for each; (light, dark).
_VARIABLES = {
    INK: ("--ink", "#eceef2"),
    MUTED: ("--muted", "#a7aebb"),
    FAINT: ("--faint", "#3a3f49"),
    PAPER: ("--card", "#1d2026"),
    GOOD: ("--good", "#4aa8e0"),
    BAD: ("--bad", "#f08a4b"),
}

# Nothing may be loaded from anywhere, and nothing executed: the browser itself is told so.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_STYLE = (
    ":root { color-scheme: light dark; --page: #f3f4f6; "
    + " ".join(f"{variable}: {light};" for light, (variable, _) in _VARIABLES.items())
    + " }\n@media (prefers-color-scheme: dark) { :root { --page: #121418; "
    + " ".join(f"{variable}: {dark};" for variable, dark in _VARIABLES.values())
    + " } }\n"
    + """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; padding: 1rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main, header, footer { max-width: 76rem; margin: 0 auto; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
p { margin: .25rem 0 .75rem; overflow-wrap: anywhere; }
.muted, footer { color: var(--muted); font-size: .875rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem; margin: 0 0 1rem; }
.fact { background: var(--card); border-radius: .6rem; padding: .6rem .8rem; min-width: 0; overflow-wrap: anywhere; }
.fact dt { color: var(--muted); font-size: .8125rem; }
.fact dd { margin: 0; font-size: 1.3rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.fact dd.long { font-size: 1rem; line-height: 1.35; }
.fact small { display: block; color: var(--muted); font-size: .8125rem; font-weight: 400; }
.cards { columns: 26rem 2; column-gap: 1rem; }
.card { background: var(--card); border-radius: .6rem; padding: .9rem; margin: 0 0 1rem; min-width: 0; }
.cards > .card { break-inside: avoid; }
.card figure { margin: 0; }
.card figure > svg { display: block; width: 100%; height: auto; max-width: 36rem; margin: 0 auto; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll > svg { display: block; margin: 0 auto; }
pre { margin: 0; font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--faint); }
thead th { border-top: 0; color: var(--muted); font-weight: 600; }
th { white-space: nowrap; } tbody th { font-weight: 500; }
td.number, th.number { text-align: right; white-space: nowrap; }
.pairs { width: 100%; } .pairs td { overflow-wrap: anywhere; width: 75%; } .pairs th { white-space: normal; }
summary { cursor: pointer; font-weight: 600; }
.tghw .paper { fill: none; } .tghw { --tg-paper: var(--card) !important; }
@media (max-width: 30rem) { body { padding: .35rem; } .card { padding: .5rem; } }
@media print { body { background: none; } .card, .fact { break-inside: avoid; } }
""".strip()
)


def figure_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an ``<svg>`` element that takes its colours from the page.

    Args:
        figure: to be drawn; text becomes outlines, so that it looks the same everywhere.
        name: of letters; keeps the identifiers of several pictures in a page apart.
        description: read out in place of the picture.
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", facecolor="none", metadata=nothing)
    text = buffer.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    kept = {a or b for a, b in used}
    text = re.sub(r'\sid="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in kept else "", text)
    text = re.sub(r'(xlink:href=")#([^"]+)"', rf'\1#{name}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    for color, (variable, _) in _VARIABLES.items():
        text = re.sub(rf"((?:fill|stroke): ){color}\b", rf"\1var({variable})", text)
    text = re.sub(r"\n\s*", "\n", text).strip()
    # Only the view box stays: the page says how wide the picture is.
    head, body = text.split(">", 1)
    head = re.sub(r'\s(?:width|height|version)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(description)}">{body}'


def table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, numbers: bool = False, classes: str = "") -> str:
    """Return a table; it scrolls by itself where it is too wide.

    Args:
        columns: headings; none for a table without.
        rows: the cells; the first of each row is its heading.
        numbers: whether cells are numbers, set right.
        classes: of the style.
    """
    kind = ' class="number"' if numbers else ""
    heads = "".join(f'<th scope="col"{kind}>{escape(str(c))}</th>' for c in columns)
    body = []
    for row in rows:
        first, *others = [escape(str(cell)) for cell in row]
        body.append(f'<tr><th scope="row"{kind}>{first}</th>{"".join(f"<td{kind}>{c}</td>" for c in others)}</tr>')
    head = f"<thead><tr>{heads}</tr></thead>" if heads else ""
    inside = f'<table class="{classes}">{head}<tbody>{"".join(body)}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{inside}</div>'


def preformatted(text: str) -> str:
    """Return text that keeps its lines; it scrolls by itself where it is too wide."""
    return f'<div class="scroll" tabindex="0"><pre>{escape(text.rstrip())}</pre></div>'


def card(title: str, body: str, *, note: str = "", folded: bool = False) -> str:
    """Return a section of the page; ``body`` is HTML, the others text."""
    said = f'<p class="muted">{escape(note)}</p>' if note else ""
    if folded:
        inside = f"<details><summary>{escape(title)}</summary>{said}{body}</details>"
    else:
        inside = (f"<h2>{escape(title)}</h2>" if title else "") + said + body
    return f'<section class="card">{inside}</section>'


def document(title: str, parts: Iterable[str], footer: str) -> str:
    """Return the whole page; ``parts`` are HTML, the others text."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            f"<header><h1>{escape(title)}</h1></header>",
            "<main>",
            *parts,
            "</main>",
            f"<footer><p>{escape(footer)}</p></footer>",
            "</body>",
            "</html>",
            "",
        ]
    )
