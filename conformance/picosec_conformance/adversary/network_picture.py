"""What the network saw, as a picture in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from picosec_conformance.report import exchange
from picosec_conformance.report.clean import cleaned
from picosec_conformance.report.model import Frame
from picosec_conformance.report.sequence import sequence_text

#: The last datagrams of a game that are shown.
SHOWN = 16


def picture(frames: Sequence[Frame], width: int) -> Iterator[str]:
    """Yield the last datagrams as lines."""
    if len(frames) > SHOWN:
        yield f"… {len(frames) - SHOWN} earlier datagrams"
    shown = [cleaned(frame) for frame in frames[-SHOWN:]]
    yield from sequence_text(exchange.participants(shown), exchange.arrows(shown), width)
