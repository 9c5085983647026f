"""Counters that give no number twice, not even across a restart at the worst moment (CHN-850, RFC 8613 B.1.1).

Numbers are set aside durably in blocks, before the first of a block is used; a restart skips what was left of it.
"""

from __future__ import annotations

from typing import Final, Protocol

from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Numbers per write to durable storage.
BLOCK: Final = 64


class Reservations(Protocol):
    """Durable storage for counters: what it promised before a restart holds after it."""

    def reserve(self, name: str, count: int) -> int:
        """Set aside the next ``count`` numbers of the counter ``name`` and return the first of them.

        The reservation is durable before this returns: no later call gives these numbers again, not even after a
        restart. A counter that was never reserved starts at 0.
        """


class Counter:
    """Numbers from ``start`` up to ``limit``, exclusive.

    With ``storage`` it goes on after a restart behind all that the reservations of that ``name`` cover; without, it
    lives and dies with its owner.
    """

    __slots__ = ("_end", "_limit", "_name", "_requirement", "_start", "_storage", "first", "value")

    def __init__(
        self, limit: int, requirement: str, storage: Reservations | None = None, name: str = "", start: int = 0
    ) -> None:
        self._limit = limit
        self._requirement = requirement
        self._storage = storage
        self._name = name
        self._start = start
        #: The first number of this life.
        self.first = self._reserve()
        #: The next number; also the most that can have been given in all lives.
        self.value = self.first

    @property
    def durable(self) -> bool:
        """Whether what it gives is set aside in durable storage."""
        return self._storage is not None

    def persist(self, storage: Reservations, name: str) -> None:
        """Set aside in ``storage`` from now on, starting with a block that covers what was given already."""
        given = self.value - self._start
        self._storage, self._name = storage, name
        reserved = storage.reserve(name, given + BLOCK)
        self._end = self._start + reserved + given + BLOCK
        if reserved:  # an earlier life has used this name
            self.first = self.value = self._start + reserved + given

    @property
    def restarted(self) -> bool:
        """Whether an earlier life may have given numbers."""
        return self.first > self._start

    @property
    def exhausted(self) -> bool:
        """Whether no number is left below the limit."""
        return self.value >= self._limit

    def take(self) -> int:
        """Return the next number. Raises ``ProtocolError`` with ``EXHAUSTED`` when none is left."""
        number = self.value
        if number >= self._end and number < self._limit:
            number = self._reserve()
        if number >= self._limit:
            raise ProtocolError(Problem.EXHAUSTED, self._requirement, f"{self._limit} uses of one key")
        self.value = number + 1
        return number

    def _reserve(self) -> int:
        """Set aside a block and return its first number."""
        if self._storage is None:
            self._end = self._limit
            return self._start
        first = self._start + self._storage.reserve(self._name, BLOCK)
        self._end = first + BLOCK
        return first
