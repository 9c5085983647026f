"""Message ids in both directions: those given out, never twice in a lifetime, and those seen from a peer."""

from __future__ import annotations

from dataclasses import dataclass

_BLOCK_BITS = 12
_BLOCKS = 1 << (16 - _BLOCK_BITS)


class MessageIds:
    """Gives out the ids of messages to one peer, in sequence from a random start (MSG-460).

    An id returns only after ``lifetime`` seconds. What is remembered for that is when each block of 4096 ids was last
    used: 16 numbers instead of 65,536.
    """

    def __init__(self, start: int, lifetime: float) -> None:
        self._next = start
        self._lifetime = lifetime
        self._free_at = [0.0] * _BLOCKS

    def free_at(self) -> float:
        """Return the time from which the next id may be used."""
        return self._free_at[self._next >> _BLOCK_BITS] if self._at_block_start else 0.0

    def take(self, now: float) -> int:
        """Return the next id. The caller has waited for :meth:`free_at`."""
        taken = self._next
        self._free_at[taken >> _BLOCK_BITS] = now + self._lifetime
        self._next = (taken + 1) & 0xFFFF
        return taken

    @property
    def _at_block_start(self) -> bool:
        return self._next & ((1 << _BLOCK_BITS) - 1) == 0


@dataclass(slots=True)
class Received:
    """A message that was processed; ``reply`` is repeated when a copy comes, ``b""`` for silence."""

    expires: float
    reply: bytes = b""


class ReceivedIds:
    """Remembers the ids of messages from one peer, and what was answered (MSG-330 to MSG-350).

    Bounded: when full, the oldest makes room. A repetition older than that is the business of the channel above,
    whose replay window forgets nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[int, Received] = {}

    def get(self, message_id: int, now: float) -> Received | None:
        """Return what is remembered of an id, ``None`` when it is new or long past."""
        entry = self._entries.get(message_id)
        return entry if entry is not None and now < entry.expires else None

    def add(self, message_id: int, expires: float, reply: bytes = b"") -> Received:
        """Remember a message that is new."""
        self._entries.pop(message_id, None)
        if len(self._entries) == self._most:
            del self._entries[next(iter(self._entries))]
        entry = self._entries[message_id] = Received(expires, reply)
        return entry
