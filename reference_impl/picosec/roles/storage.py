"""Durable counters for a role that has no file to keep them in: test builds and tests."""

from __future__ import annotations


class MemoryStorage:
    """Counters that outlive a role, but not the process."""

    def __init__(self) -> None:
        self._counters: dict[str, int] = {}

    def reserve(self, name: str, count: int) -> int:
        """Set aside ``count`` numbers of the counter ``name`` and return the first."""
        first = self._counters.get(name, 0)
        self._counters[name] = first + count
        return first
