"""What is on the wire, decoded for people; and malformed packets for the suite to send.

The only package that imports scapy (GPL-2.0-only, the ``conformance`` extra), and only when first used: reading a
transcript happens when a test has failed, off the hot path. The layers themselves are in ``wire.coap``,
``wire.slipmux``, ``wire.stream`` and ``wire.edhoc``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LayerName = Literal[
    "coap",
    "slipmux",
    "tcp",
    "websocket",
    "stream",
    "edhoc",
    "oscore",
    "object",
    "status-list",
    "evidence",
    "chain",
    "token",
    "cbor",
]


@dataclass(frozen=True, slots=True)
class Line:
    """One decoded part of a frame: its bytes, what they mean, how deep it is nested, and whether it is invalid."""

    depth: int
    data: bytes
    text: str
    wrong: bool = False


def lines(data: bytes, layer: LayerName = "coap") -> list[Line]:
    """Decode a frame. Never raises: a line marked ``wrong`` says where the bytes stop being valid, and why."""
    from picosec_conformance.wire.decoding import explain_layer

    return [replace(line, text=printable(line.text)) for line in explain_layer(data, layer)]


def explain(data: bytes, layer: LayerName = "coap") -> list[str]:
    """Return the decoded frame as indented text lines; an invalid place starts with ``!``. Never raises."""
    return [f"{'  ' * line.depth}{'! ' if line.wrong else ''}{line.text}" for line in lines(data, layer)]


def summary(data: bytes, layer: LayerName = "coap") -> str:
    """Return one line such as ``CON GET /ps/info mid=0x0012 token=a1``. Never raises."""
    from picosec_conformance.wire.oneline import summarise

    return printable(summarise(data, layer))


def printable(text: str) -> str:
    """Replace what a peer could abuse to confuse a terminal or a page: control, formatting and private characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def detect(data: bytes) -> LayerName:
    """Guess what a frame is: the first reading under which all of its bytes are valid. Never raises."""
    from picosec_conformance.wire.guessing import guess

    return guess(data)
