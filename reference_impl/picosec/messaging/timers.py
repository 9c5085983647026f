"""Deadlines of things that come and go."""

from __future__ import annotations

import heapq
from typing import Final, Generic, Protocol, TypeVar

#: Below this many entries, stale ones are left to run out.
_FEW: Final = 64


class Timed(Protocol):
    """Something with at most one deadline."""

    deadline: float | None


T = TypeVar("T", bound=Timed)


class Timers(Generic[T]):
    """The deadlines of many things, soonest first.

    A thing's own ``deadline`` is the truth; an entry that differs from it is stale. Stale entries never outnumber the
    others by much, so that a flood of short-lived things leaves nothing behind.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0
        self._stale = 0

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, thing: T, deadline: float) -> None:
        """Give a thing its deadline, instead of the one it had."""
        self.cancel(thing)
        thing.deadline = deadline
        self._count += 1
        heapq.heappush(self._heap, (deadline, self._count, thing))

    def cancel(self, thing: T) -> None:
        """Take the deadline off a thing, if it has one."""
        if thing.deadline is None:
            return
        thing.deadline = None
        self._stale += 1
        if self._stale > _FEW and 2 * self._stale > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].deadline == entry[0]]
            heapq.heapify(self._heap)
            self._stale = 0

    def next(self) -> float | None:
        """Return the soonest deadline."""
        while self._heap and self._heap[0][2].deadline != self._heap[0][0]:
            heapq.heappop(self._heap)
            self._stale -= 1
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> T | None:
        """Take the deadline off the thing that has been due for longest, and return it."""
        deadline = self.next()
        if deadline is None or deadline > now:
            return None
        thing = heapq.heappop(self._heap)[2]
        thing.deadline = None
        return thing
