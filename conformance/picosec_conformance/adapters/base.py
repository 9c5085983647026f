"""The contract of an adapter: it moves frames between the suite and one target, and nothing else (CNF-300 and on)."""

from __future__ import annotations

from typing import Literal, Protocol

Framing = Literal["slipmux", "datagram"]


class AdapterError(Exception):
    """The link itself failed: no such program, port or file. Never blamed on the target. The text names the mend."""


class TargetDied(AssertionError):
    """The target went away while it was being tested. A crash is a failure, never a rejection."""


class Adapter(Protocol):
    """Frames to and from one target.

    A frame is one CoAP message as RFC 7252 §3 lays it out; whatever framing the link needs is the adapter's affair.
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
