"""Time and entropy that a test decides, for test builds only."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

#: What the deterministic generator starts from when a reset names no seed.
DEFAULT_SEED: Final = bytes(32)


class VirtualClock:
    """A clock that stands still until it is told to go on. It starts at 0."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the time in seconds."""
        return self._now

    def pause(self, deadline: float | None) -> None:
        """Return None: nothing comes due by waiting."""

    def set(self, now: float) -> None:
        """Go on to ``now``."""
        self._now = now


class ScriptedEntropy:
    """Entropy that can be foretold: first what was queued, then SHA-256(seed ‖ counter), 32 bytes at a time.

    Worthless as a source of keys, which is why it lives in test builds only.
    """

    def __init__(self, seed: bytes = DEFAULT_SEED) -> None:
        self._seed = seed
        self._counter = 0
        self._queue = b""

    def queue(self, data: bytes) -> None:
        """Let the next draws take from ``data`` first."""
        self._queue += data

    def __call__(self, count: int) -> bytes:
        """Return ``count`` bytes."""
        drawn, self._queue = self._queue[:count], self._queue[count:]
        while len(drawn) < count:
            block = sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
            drawn += block[: count - len(drawn)]
        return drawn
