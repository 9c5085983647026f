"""Sequence pictures, who sent what to whom, as inline SVG and as text: for reports and the rendered specification."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message between two lifelines.

    ``lost`` draws a cross where it should have arrived; ``wrong`` marks what the judgement is about.
    """

    source: str
    target: str
    text: str
    note: str = ""
    time: str = ""
    lost: bool = False
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence across all lifelines."""

    text: str


Row = Arrow | Remark

_CHARACTER, _SMALL = 7.0, 6.0  # widths in pixels of the 11.5 px monospaced and the 11 px proportional text
_MARGIN, _TIME, _HEAD, _ARROW, _LINE = 12.0, 64.0, 44.0, 36.0, 15.0
_NARROWEST, _WIDEST = 230.0, 720.0

_STYLE = """
.ps-sequence{font:11.5px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;max-width:100%;height:auto}
.ps-sequence text{fill:currentColor}.ps-sequence .ps-who{font-weight:600;font-size:13px;font-family:inherit}
.ps-sequence .ps-box{fill:currentColor;fill-opacity:.07;stroke:currentColor;stroke-opacity:.35}
.ps-sequence .ps-life{stroke:currentColor;stroke-opacity:.3;stroke-dasharray:3 4}
.ps-sequence .ps-line{stroke:currentColor;stroke-width:1.4}.ps-sequence .ps-tip{fill:currentColor}
.ps-sequence .ps-note{font:11px system-ui,'Liberation Sans',sans-serif;fill-opacity:.72}
.ps-sequence .ps-time{font-size:10px;fill-opacity:.55}
.ps-sequence .ps-wrong .ps-line{stroke:var(--ps-bad,#c62f3b)}.ps-sequence .ps-wrong .ps-tip,
.ps-sequence .ps-wrong .ps-text{fill:var(--ps-bad,#c62f3b)}
"""
_STANDALONE = """
.ps-sequence{color:#1d2430;background:#fff}
@media(prefers-color-scheme:dark){.ps-sequence{color:#e6e9ee;background:#14181f;--ps-bad:#ff8078}}"""


def sequence_svg(participants: Sequence[str], rows: Sequence[Row], *, title: str = "", standalone: bool = False) -> str:
    """Return the picture as one ``<svg>`` element that takes its colour from the text around it.

    ``participants`` are the lifelines from left to right. ``standalone`` makes it good as a file of its own, which then
    follows the reader's light or dark setting by itself.
    """
    timed = any(isinstance(row, Arrow) and row.time for row in rows)
    places = _places(participants, rows, _MARGIN + (_TIME if timed else 0))
    width = max(places.values(), default=0.0) + _half(participants[-1]) + _MARGIN if participants else 2 * _MARGIN
    body: list[str] = []
    y: float = _HEAD + 10
    for row in rows:
        drawn, height = _arrow(row, places, y) if isinstance(row, Arrow) else _remark(row, width, y)
        body.append(drawn)
        y += height
    lives = [f'<line class="ps-life" x1="{x:g}" y1="{_HEAD - 8:g}" x2="{x:g}" y2="{y:g}"/>' for x in places.values()]
    heads = [_box(name, x) for name, x in places.items()]
    label = escape(title or "message sequence", quote=True)
    style = f"<style>{_STANDALONE if standalone else ''}{_STYLE}</style>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ps-sequence" role="img" aria-label="{label}" '
        f'viewBox="0 0 {width:g} {y + 6:g}" width="{width:g}" height="{y + 6:g}"><title>{label}</title>'
        f"{style}{''.join(lives)}{''.join(heads)}{''.join(body)}</svg>"
    )


def _half(name: str) -> float:
    return max(44.0, len(name) * 4.4 + 14)


def _places(participants: Sequence[str], rows: Sequence[Row], left: float) -> dict[str, float]:
    """Give each lifeline its x: neighbours stand far enough apart for the longest text between them."""
    gaps = [_NARROWEST] * max(0, len(participants) - 1)
    for row in rows:
        if isinstance(row, Arrow):
            a, b = sorted((participants.index(row.source), participants.index(row.target)))
            needed = min(_WIDEST, len(row.text) * _CHARACTER + 40)
            gaps[a:b] = [max(gap, needed / (b - a)) for gap in gaps[a:b]]
    places: dict[str, float] = {}
    for number, name in enumerate(participants):
        places[name] = left + _half(participants[0]) + sum(gaps[:number])
    return places


def _box(name: str, x: float) -> str:
    half = _half(name)
    return (
        f'<rect class="ps-box" x="{x - half:g}" y="8" width="{2 * half:g}" height="{_HEAD - 16:g}" rx="6"/>'
        f'<text class="ps-who" x="{x:g}" y="27" text-anchor="middle">{escape(name)}</text>'
    )


def _arrow(row: Arrow, places: dict[str, float], y: float) -> tuple[str, float]:
    start, end = places[row.source], places[row.target]
    sign = 1 if end > start else -1
    middle, line = (start + end) / 2, y + 20
    room = int(abs(end - start) / _CHARACTER) - 3
    parts = [f'<g class="ps-arrow{" ps-wrong" if row.wrong else ""}">']
    if row.time:
        parts.append(f'<text class="ps-time" x="{_MARGIN:g}" y="{line + 3:g}">{escape(row.time)}</text>')
    shown = row.text if len(row.text) <= room else row.text[: room - 1] + "…"
    parts.append(f'<text class="ps-text" x="{middle:g}" y="{y + 14:g}" text-anchor="middle">{escape(shown)}')
    parts.append(f"<title>{escape(row.text)}</title></text>")
    if row.lost:
        stop = end - sign * abs(end - start) * 0.12
        parts.append(f'<line class="ps-line" x1="{start:g}" y1="{line:g}" x2="{stop:g}" y2="{line:g}"/>')
        parts.append(f'<path class="ps-line" fill="none" d="M{stop - 5:g} {line - 5:g}l10 10m0 -10l-10 10"/>')
    else:
        parts.append(f'<line class="ps-line" x1="{start:g}" y1="{line:g}" x2="{end - sign * 7:g}" y2="{line:g}"/>')
        parts.append(f'<path class="ps-tip" d="M{end:g} {line:g}l{-sign * 9:g} -4.5v9z"/>')
    notes = textwrap.wrap(row.note, max(20, int(abs(end - start) / _SMALL) - 2))
    parts += [_note(middle, line + 15 + number * _LINE, text) for number, text in enumerate(notes)]
    parts.append("</g>")
    return "".join(parts), _ARROW + len(notes) * _LINE


def _note(x: float, y: float, text: str) -> str:
    return f'<text class="ps-note" x="{x:g}" y="{y:g}" text-anchor="middle">{escape(text)}</text>'


def _remark(row: Remark, width: float, y: float) -> tuple[str, float]:
    texts = textwrap.wrap(row.text, max(20, int((width - 4 * _MARGIN) / _SMALL)))
    height = len(texts) * _LINE + 10
    box = (
        f'<rect class="ps-box" x="{_MARGIN:g}" y="{y + 6:g}" width="{width - 2 * _MARGIN:g}" '
        f'height="{height:g}" rx="4"/>'
    )
    lines = "".join(_note(width / 2, y + 21 + number * _LINE, text) for number, text in enumerate(texts))
    return box + lines, height + 12


def sequence_text(participants: Sequence[str], rows: Sequence[Row], width: int = 100) -> list[str]:
    """Return the picture as lines of ASCII art (texts keep their characters), at most ``width`` wide."""
    if not participants:
        return []
    longest = max((len(row.text) for row in rows if isinstance(row, Arrow)), default=0) + 8
    between = max(24, min(longest, (width - 12) // max(1, len(participants) - 1)))
    columns = {name: 6 + number * between for number, name in enumerate(participants)}
    bare = "".join("|" if at in columns.values() else " " for at in range(max(columns.values()) + 1))
    head = [" "] * (max(columns.values()) + 1)
    for name, at in columns.items():
        start = max(0, at - len(name) // 2)
        head[start : start + len(name)] = name
    found = ["".join(head).rstrip()]
    for row in rows:
        if isinstance(row, Remark):
            found += [f"    ({line})" for line in textwrap.wrap(row.text, width - 6)]
            continue
        found.append(_text_arrow(row, columns, bare))
        found += [
            f"{bare[: min(columns.values()) + 1]}   {line}" for line in textwrap.wrap(row.note, max(20, between - 6))
        ]
    return found


def _text_arrow(row: Arrow, columns: dict[str, int], bare: str) -> str:
    left, right = sorted((columns[row.source], columns[row.target]))
    forward = columns[row.target] == right
    room = max(4, right - left - 7)
    text = row.text if len(row.text) <= room else row.text[: room - 1] + "…"
    shaft = f"-- {text} ".ljust(right - left - 2, "-") if forward else f"- {text} ".ljust(right - left - 2, "-")
    tip = "x" if row.lost else (">" if forward else "<")
    line = f"|{shaft}{tip}|" if forward else f"|{tip}{shaft}|"
    mark = "!" if row.wrong else " "
    return (mark + bare[1:left] + line + bare[right + 1 :]).rstrip()
