"""A target on a TCP connection: a frame is one message with its length in front (RFC 8323 section 3.2)."""

from __future__ import annotations

from picosec.messaging.stream_message import message_size
from picosec_conformance.adapters.base import Framing
from picosec_conformance.adapters.connection import ConnectionAdapter


class TcpAdapter(ConnectionAdapter):
    """CoAP over TCP."""

    framing: Framing = "tcp"

    def send(self, frame: bytes) -> None:
        """Send one message, which says how long it is."""
        self.send_raw(frame)

    def _begin(self, *, bare: bool) -> None:
        self._pending = bytearray()

    def _take(self, data: bytes) -> None:
        self._pending += data
        while (size := message_size(self._pending)) is not None and size <= len(self._pending):
            self._frames.append(bytes(self._pending[:size]))
            del self._pending[:size]
