"""Small pieces of HTML that several modules write. Text is escaped here; what is called ``html`` is markup already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def code(text: str) -> str:
    """Return text set as code."""
    return f'<code class="docutils literal notranslate">{escape(text)}</code>'


def anchor(address: str, html: str, title: str = "") -> str:
    """Return a link."""
    return f'<a href="{address}"{f" title={chr(34)}{escape(title)}{chr(34)}" if title else ""}>{html}</a>'


def listed(items: Iterable[str]) -> str:
    """Return an unordered list of items, which are markup."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def folded(summary: str, html: str, classes: str = "") -> str:
    """Return something that opens when it is asked."""
    return f'<details class="{classes}"><summary>{summary}</summary>{html}</details>'


def named_section(name: str, aside: str, html: str) -> str:
    """Return a section under a name that is its anchor as well; ``aside`` stands beside the name."""
    here = f'<a class="headerlink" href="#{name}" title="Link to this place">¶</a>'
    return f'<section id="{name}"><h2 class="evidence-name">{name}{here} {aside}</h2>{html}</section>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], classes: str = "", anchors: Sequence[str] = ()) -> str:
    """Return a table of cells that are markup; ``anchors``, when given, name the rows."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = []
    for number, cells in enumerate(rows):
        identity = f' id="{anchors[number]}"' if anchors else ""
        lines.append(f"<tr{identity}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return (
        f'<div class="table-wrapper"><table class="docutils {classes}"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
