"""The contract of an adapter: it moves frames between the suite and one target, and nothing else (CNF-300 and on)."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, Protocol

Framing = Literal["slipmux", "datagram", "tcp", "websocket"]


class Ending(IntEnum):
    """How the suite ends a connection."""

    CLOSE = 0
    HALF = 1  #: it sends nothing more, and still listens
    RESET = 2


class AdapterError(Exception):
    """The link itself failed: no such program, port or file. Never blamed on the target. The text names the mend."""


class TargetDied(AssertionError):
    """The target went away while it was being tested. A crash is a failure, never a rejection."""


class ConnectionEnded(AssertionError):
    """The target ended the connection, or with ``reset`` somebody did. Whether that is right is for a test to say."""

    def __init__(self, text: str, *, reset: bool = False) -> None:
        super().__init__(text)
        self.reset = reset


class Adapter(Protocol):
    """Frames to and from one target.

    A frame is one complete CoAP message in the form that the link has: RFC 7252 §3 on datagrams and serial lines,
    RFC 8323 on connections. Whatever framing the link needs around it is the adapter's affair.
    ``start`` comes first, ``close`` last; both may be called again without harm.
    """

    framing: Framing

    def start(self) -> None:
        """Bring the target up and the link with it. Raises ``AdapterError``."""

    def send(self, frame: bytes) -> None:
        """Send one frame. Raises ``TargetDied`` or ``AdapterError``."""

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they appear on the line, to attack the framing. Raises ``AdapterError`` on datagram links."""

    def receive(self, timeout: float) -> bytes | None:
        """Return the next frame, or ``None`` when ``timeout`` seconds pass first. Raises ``TargetDied``."""

    def power_cycle(self) -> None:
        """Take the power away and give it back. Raises ``AdapterError`` when this link has no means to."""

    def close(self) -> None:
        """Let go of the target."""


class Connection(Adapter, Protocol):
    """An adapter whose link is a connection. Frames that it receives come before the news of the connection's end."""

    def connect(self, *, bare: bool = False) -> None:
        """Make a connection, in place of the one there is. Raises ``AdapterError``.

        A ``bare`` one has nothing on it, not even the handshake that would make it a WebSocket.
        """

    def disconnect(self, ending: Ending) -> None:
        """End the connection, or our half of it."""
