"""The exchange of a test on several links, as reports show it."""

from __future__ import annotations

from picosec.messaging.stream_message import Signal, StreamMessage
from picosec_conformance.report import exchange
from picosec_conformance.report.model import Frame
from picosec_conformance.report.pcapng import capture

PING = StreamMessage(Signal.PING, b"\x07").encode()
FRAMES = [
    Frame("sent", 0.0, bytes.fromhex("40000007")),
    Frame("received", 0.001, bytes.fromhex("70000007")),
    Frame("sent", 0.002, PING, layer="tcp", link="tcp"),
    Frame("received", 0.003, StreamMessage(Signal.PONG, b"\x07").encode(), layer="tcp", link="tcp"),
]


def test_each_link_has_its_lifeline() -> None:
    """A channel that moves from one link to another is followed from line to line."""
    assert exchange.participants(FRAMES) == ["suite", "suite (tcp)", "target"]
    arrows = exchange.arrows(FRAMES)
    assert [(arrow.source, arrow.target) for arrow in arrows] == [
        ("suite", "target"),
        ("target", "suite"),
        ("suite (tcp)", "target"),
        ("target", "suite (tcp)"),
    ]
    assert arrows[2].text == "Ping token=07"
    assert "suite (tcp) → target" in exchange.heading(FRAMES[2])


def test_capture_says_what_is_on_a_connection() -> None:
    """Wireshark gets the bytes of the connection, and a comment with link and meaning."""
    content = capture(FRAMES)

    assert PING in content
    assert b"tcp; Ping token=07" in content
