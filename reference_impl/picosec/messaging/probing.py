"""How much is sent to a peer that answers nothing (RFC 7252 section 4.7, MSG-2450)."""

from __future__ import annotations

from typing import Final

#: Bytes per second, on average.
PROBING_RATE: Final = 1.0
#: Bytes that may go at once.
ALLOWANCE: Final = 2048


class Probing:
    """The bytes of non-confirmable requests that a peer has not answered; they wear off at the probing rate."""

    __slots__ = ("_at", "_bytes")

    def __init__(self) -> None:
        self._bytes = 0.0
        self._at = 0.0

    def admits(self, size: int, now: float) -> bool:
        """Whether so many bytes may be sent now; they are counted if so."""
        unanswered = max(0.0, self._bytes - PROBING_RATE * (now - self._at))
        self._at = now
        self._bytes = unanswered
        if unanswered + size > ALLOWANCE:
            return False
        self._bytes += size
        return True

    def answered(self) -> None:
        """Take note that the peer answers."""
        self._bytes = 0.0
