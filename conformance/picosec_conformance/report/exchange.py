"""The exchange of a test as people read it: which arrows its frames are, and every frame decoded."""

from __future__ import annotations

from collections.abc import Sequence

from picosec_conformance import wire
from picosec_conformance.report.model import Frame
from picosec_conformance.report.sequence import Arrow

TARGET = "target"


def participants(frames: Sequence[Frame]) -> list[str]:
    """Return the lifelines: the endpoints that the suite plays, then the target."""
    return [*dict.fromkeys(map(_end, frames)), TARGET]


def arrows(frames: Sequence[Frame]) -> list[Arrow]:
    """Return one arrow for each frame."""
    return [
        Arrow(
            source=_end(frame) if frame.direction == "sent" else TARGET,
            target=TARGET if frame.direction == "sent" else _end(frame),
            text=wire.summary(frame.data, frame.layer),
            note=frame.note,
            time=clock(frame.seconds),
        )
        for frame in frames
    ]


def clock(seconds: float) -> str:
    """Return a moment for people: milliseconds below a second."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def heading(frame: Frame) -> str:
    """Return what introduces a frame: time, direction and size."""
    way = f"{_end(frame)} → {TARGET}" if frame.direction == "sent" else f"{TARGET} → {_end(frame)}"
    return f"{clock(frame.seconds):>9}  {way}  {len(frame.data)} bytes"


def _end(frame: Frame) -> str:
    """Return the lifeline opposite the target: who the suite plays, and the link unless it is the main one."""
    return f"{frame.peer} ({frame.link})" if frame.link else frame.peer
