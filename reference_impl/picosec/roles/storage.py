"""Durable storage for a role that has no file to keep it in: test builds and tests."""

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


class MemoryShelf:
    """A sealed state that outlives a role, but not the process; whoever has the memory can copy it."""

    def __init__(self) -> None:
        self.content = b""

    def read(self) -> bytes:
        """Return what was written last."""
        return self.content

    def write(self, sealed: bytes) -> None:
        """Put a state in place of the one there is."""
        self.content = sealed
