"""Vectors of observe (spec/v1/messaging-observe.md): which of two notifications is the newer one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging.observe import is_newer
from picosec_conformance.vectors.model import VectorFile
from picosec_conformance.vectors.operations import Result, accepted, operation

_LAST: Final = (1 << 24) - 1
_HALF: Final = 1 << 23

#: By id: comment, sequence number of the newest so far, of the one that comes, and milliseconds between them.
_PAIRS: Final[dict[str, tuple[str, int, int, int]]] = {
    "next": ("The next number.", 7, 8, 1000),
    "later": ("Numbers may leap.", 7, 70_000, 1000),
    "same": ("A copy under another message id.", 7, 7, 1000),
    "overtaken": ("What was sent before and comes after.", 8, 7, 1000),
    "goes-round": ("After the last number comes the first, and others may be lost.", _LAST, 3, 10_000),
    "came-round-too-late": ("The last number, behind the first of the next round.", 0, _LAST, 1000),
    "just-ahead": ("One less than half of all numbers ahead.", 5, 4 + _HALF, 1000),
    "half-way": ("Half of all numbers away: neither is ahead of the other.", 5, 5 + _HALF, 1000),
    "just-behind": ("One more than half ahead is behind.", 5, 6 + _HALF, 1000),
    "ahead-over-the-edge": ("Ahead by less than half, over the end of the numbers.", 5 + _HALF, 4, 1000),
    "behind-over-the-edge": ("Ahead by more than half, over the end of the numbers.", 5 + _HALF, 6, 1000),
    "restarted": ("A server that restarted counts from 0, and its client waits.", 1000, 0, 128_000),
    "restarted-long-ago": ("After more than 128 seconds any number is newer.", 1000, 0, 128_001),
    "same-long-ago": ("Even the same one.", 1000, 1000, 200_000),
}


@operation("observe.newer")
def _newer(inputs: dict[str, Any]) -> Result:
    """Whether a notification is newer than the newest so far, which came some milliseconds before."""
    return Result({"newer": is_newer(inputs["number"], inputs["elapsed"] / 1000, inputs["newest"], 0.0)})


def files() -> Iterator[VectorFile]:
    """Yield the file about the order of notifications."""
    cases = tuple(
        accepted(
            "observe.newer",
            id,
            comment,
            ["MSG-1790"],
            {"newest": newest, "number": number, "elapsed": elapsed},
        )
        for id, (comment, newest, number, elapsed) in _PAIRS.items()
    )
    title = "A client tells which of two notifications in the clear is the newer one"
    yield VectorFile("messaging", "observe_newer", "observe.newer", title, {}, cases)
