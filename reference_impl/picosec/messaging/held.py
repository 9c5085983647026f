"""What a server keeps of transfers: bounded in number, in bytes and in time (spec/v1/messaging-blocks.md)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from picosec.messaging.blocks import LARGEST, MAX_BODY, PIECEWISE
from picosec.messaging.coap import Message, Option, Options

#: Options that may differ between the messages of one operation, besides those about pieces. The Content-Format is
#: compared on its own: a later request for a block of the response need not have it.
_VARYING: Final = PIECEWISE | {
    int(option) for option in (Option.OBSERVE, Option.ECHO, Option.CONTENT_FORMAT, Option.DELIVERY)
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is kept, once for strangers and once for channels, so that strangers take nobody's place.

    ``largest`` is the greatest size exponent in use; ``lifetime`` is in seconds since the last block (RFC 7959
    section 2.5: EXCHANGE_LIFETIME).
    """

    largest: int = LARGEST
    max_body: int = MAX_BODY
    max_per_party: int = 4
    max_transfers: int = 32
    max_bytes: int = 8 * MAX_BODY
    lifetime: float = 247.0


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks: an address, or a channel from whatever address."""

    name: Hashable
    protected: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """What makes blocks belong together: the party, the method, and all options but those that vary by message."""

    party: Party
    code: int
    options: Options

    @classmethod
    def of(cls, party: Party, request: Message) -> Operation:
        """Return the operation that a request is part of."""
        options = tuple(entry for entry in request.options if entry[0] not in _VARYING and not _no_cache_key(entry[0]))
        return cls(party, request.code, options)


@dataclass(frozen=True, slots=True)
class Kept:
    """A request as far as it has come, or a whole response (``complete``) whose blocks are still to be fetched."""

    message: Message
    expires: float
    complete: bool = False


class Held:
    """Transfers by operation. The one untouched for longest makes room: first of the same party, then of all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        #: By whether they are protected; the one touched last stands last.
        self._pools: dict[bool, dict[Operation, Kept]] = {False: {}, True: {}}

    def __len__(self) -> int:
        return sum(map(len, self._pools.values()))

    def find(self, operation: Operation) -> Kept | None:
        """Return what is kept of an operation."""
        return self._pools[operation.party.protected].get(operation)

    def keep(self, operation: Operation, message: Message, now: float, *, complete: bool = False) -> None:
        """Keep a message in place of what was kept of the operation."""
        pool, limits = self._pools[operation.party.protected], self._limits
        pool.pop(operation, None)
        own = [other for other in pool if other.party == operation.party]
        if len(own) >= limits.max_per_party:
            del pool[own[0]]
        size = len(message.payload) + sum(len(kept.message.payload) for kept in pool.values())
        while pool and (len(pool) >= limits.max_transfers or size > limits.max_bytes):
            size -= len(pool.pop(next(iter(pool))).message.payload)
        pool[operation] = Kept(message, now + limits.lifetime, complete)

    def drop(self, operation: Operation) -> None:
        """Forget an operation."""
        self._pools[operation.party.protected].pop(operation, None)

    def expire(self, now: float) -> None:
        """Forget what was not gone on with for too long."""
        for pool in self._pools.values():
            for operation in [each for each, kept in pool.items() if kept.expires <= now]:
                del pool[operation]

    def next_timeout(self) -> float | None:
        """Return when something is to be forgotten next."""
        return min((next(iter(pool.values())).expires for pool in self._pools.values() if pool), default=None)

    def state(self) -> list[Any]:
        """Return what is kept as a CBOR value for a digest."""
        return [
            [protected, operation.code, [list(entry) for entry in operation.options], kept.message.payload]
            for protected, pool in self._pools.items()
            for operation, kept in pool.items()
        ]


def _no_cache_key(number: int) -> bool:
    """Whether an option is no part of the cache key (RFC 7252 section 5.4.6)."""
    return number & 0x1E == 0x1C
