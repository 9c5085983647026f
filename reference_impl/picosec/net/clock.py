"""Clocks for the loop. Below this floor time is an argument; a test build replaces this clock by a virtual one."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where ``now`` comes from, and how long the loop may sleep."""

    def now(self) -> float:
        """Return the time in seconds; it never goes back."""

    def pause(self, deadline: float | None) -> float | None:
        """Return the seconds to sleep until ``deadline``; None means until something arrives."""


class SystemClock:
    """The machine's clock: seconds since 1970, so that credentials can be judged by it, and monotonic all the same.

    The time of day is read once; changing it later disturbs nothing.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the time in seconds."""
        return self._offset + time.monotonic()

    def pause(self, deadline: float | None) -> float | None:
        """Return the seconds until ``deadline``, 0 when it has passed, None when there is none."""
        return None if deadline is None else max(0.0, deadline - self.now())
