"""A failing test in the HTML report: the attack, what happened, the exchange drawn and decoded, how to repeat it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape as e
from itertools import chain

from picosec_conformance import wire
from picosec_conformance.report import exchange
from picosec_conformance.report.model import Frame, TestResult
from picosec_conformance.report.pcapng import capture, capture_name
from picosec_conformance.report.sequence import sequence_svg

_BYTES = 8  # how many bytes of a part are shown beside its meaning


def anchor(test: str) -> str:
    """Return the anchor of a test; ids hold characters that links cannot."""
    return f"test-{sha256(test.encode()).hexdigest()[:12]}"


def failure(test: TestResult, *, word: str, unfolded: bool) -> str:
    """Return the card of one test."""
    story = "".join(f"<p>{e(' '.join(part.split()))}</p>" for part in (test.story or test.title).split("\n\n") if part)
    links = " ".join(f'<a href="#{e(name, quote=True)}">{e(name)}</a>' for name in test.requirements)
    title = test.title or test.id.rpartition("::")[2]
    title = title[:1].upper() + title[1:]
    return (
        f'<details class="card test {test.verdict}" id="{anchor(test.id)}"{" open" if unfolded else ""}>'
        f'<summary><b>{e(title)}</b> <span class="state {test.verdict}">{word}</span>'
        f'<span class="mono">{e(test.id)}</span></summary><div><div class="story">{story}</div><p>{links}</p>'
        + (f'<div class="why"><pre>{e(test.reason)}</pre></div>' if test.reason else "")
        + (_exchange(test) if test.frames else "")
        + (command_line(test.replay) if test.replay else "")
        + "</div></details>"
    )


def _exchange(test: TestResult) -> str:
    picture = sequence_svg(
        exchange.participants(test.frames), exchange.arrows(test.frames), title=f"Exchange of {test.id}"
    )
    frames = "".join(_frame(frame) for frame in test.frames)
    data = b64encode(capture(test.frames, test.id)).decode()
    link = f"data:application/octet-stream;base64,{data}"
    return (
        f'<div class="picture">{picture}</div><div class="frames">{frames}</div>'
        f'<p><a download="{capture_name(test)}" href="{link}">Capture for Wireshark (pcapng)</a></p>'
    )


def _frame(frame: Frame) -> str:
    way = f"{frame.peer} → {exchange.TARGET}" if frame.direction == "sent" else f"{exchange.TARGET} → {frame.peer}"
    rows = "".join(chain.from_iterable(_row(line) for line in wire.lines(frame.data, frame.layer)))
    note = f'<span class="note">{e(frame.note)}</span>' if frame.note else ""
    return (
        f'<details class="frame"><summary><i>{exchange.clock(frame.seconds)}</i> <i>{e(way)}</i>'
        f"<b>{e(wire.summary(frame.data, frame.layer))}</b>{note}</summary>"
        f'<table class="bytes"><tbody>{rows}</tbody></table></details>'
    )


def _row(line: wire.Line) -> tuple[str, ...]:
    shown = line.data[:_BYTES].hex(" ") + (" …" if len(line.data) > _BYTES else "")
    indent = f' style="padding-left:{line.depth * 1.2 + 0.8:.1f}rem"'
    wrong = ' class="wrong"' if line.wrong else ""
    return f"<tr{wrong}><td>{shown}</td>", f"<td{indent}>{e(line.text)}</td></tr>"


def command_line(command: str) -> str:
    """Return a command with a button that copies it."""
    return f'<div class="command"><code>{e(command)}</code><button class="copy" type="button">Copy</button></div>'
