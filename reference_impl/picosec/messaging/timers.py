"""Deadlines of things that come and go."""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """Something with at most one deadline."""

    deadline: float | None


T = TypeVar("T", bound=Timed)


class Timers(Generic[T]):
    """The deadlines of many things, soonest first. A thing's own ``deadline`` is the truth; what differs is stale."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0

    def set(self, thing: T, deadline: float) -> None:
        """Give a thing its deadline, instead of the one it had."""
        thing.deadline = deadline
        self._count += 1
        heapq.heappush(self._heap, (deadline, self._count, thing))

    def next(self) -> float | None:
        """Return the soonest deadline."""
        while self._heap and self._heap[0][2].deadline != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> T | None:
        """Take the deadline off the thing that has been due for longest, and return it."""
        deadline = self.next()
        if deadline is None or deadline > now:
            return None
        thing = heapq.heappop(self._heap)[2]
        thing.deadline = None
        return thing
