"""Who is really there: proof of address before much is sent to it (RFC 9175 section 2.4, spec/v1/messaging-echo.md)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hmac import compare_digest, digest
from typing import Final

from picosec.messaging.coap import Code, Message, Option, Type

#: Bytes that may go to an address for each byte that came from it, until it is proven (MSG-1900).
FACTOR: Final = 3
#: Seconds for which an Echo value proves an address (MSG-1940).
FRESH: Final = 247.0
#: Seconds without a message after which the proof is forgotten: the address may belong to somebody else by then.
MEMORY: Final = 86_400.0
#: Addresses that are remembered; the one unheard of for longest makes room.
MOST_ADDRESSES: Final = 1024

_TIME_SIZE: Final = 4
_MAC_SIZE: Final = 8
_KEY_SIZE: Final = 32


@dataclass(slots=True)
class _Address:
    """What is known of an address: bytes that may still go there, or that somebody is there."""

    heard: float
    credit: int = 0
    proven: bool = False


class Reachability:
    """Keeps what is sent to addresses that anybody may have written into a datagram below a multiple of what came.

    ``forgeable`` tells of which peers the address can be forged; of the others nothing is kept. Entropy is drawn when
    the first challenge is made.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self.forgeable: Callable[[Hashable], bool] = lambda peer: False
        self._entropy = entropy
        self._key = b""
        self._addresses: dict[Hashable, _Address] = {}

    def received(self, peer: Hashable, size: int, now: float) -> None:
        """Note a datagram of ``size`` bytes."""
        if not self.forgeable(peer):
            return
        address = self._addresses.pop(peer, None)
        if address is None:
            if len(self._addresses) >= MOST_ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
            address = _Address(now)
        elif now >= address.heard + MEMORY:
            address.proven = False
        address.heard = now
        address.credit += FACTOR * size
        self._addresses[peer] = address  # the last is the one heard of most recently

    def proven(self, peer: Hashable) -> bool:
        """Whether nothing is to be feared from sending to this peer."""
        address = self._addresses.get(peer)
        return address.proven if address is not None else not self.forgeable(peer)

    def allows(self, peer: Hashable, size: int) -> bool:
        """Whether so many bytes may go to this peer now."""
        return self.proven(peer) or (peer in self._addresses and size <= self._addresses[peer].credit)

    def admit(self, outgoing: list[tuple[Hashable, bytes]]) -> list[tuple[Hashable, bytes]]:
        """Return what may be sent of ``outgoing``, in order, and count it; requests of our own are not in question."""
        return [entry for entry in outgoing if self._admits(*entry)]

    def _admits(self, peer: Hashable, data: bytes) -> bool:
        if self.proven(peer) or _asks(data):
            return True
        address = self._addresses.get(peer)
        if address is None or len(data) > address.credit:
            return False
        address.credit -= len(data)
        return True

    def prove(self, peer: Hashable) -> None:
        """Take an address for proven."""
        address = self._addresses.get(peer)
        if address is not None:
            address.proven = True

    def challenge(self, peer: Hashable, now: float) -> Message:
        """Return the 4.01 whose Echo option only a reader at that address can send back (MSG-1910)."""
        time = int(now).to_bytes(_TIME_SIZE, "big")
        return Message(Type.ACK, Code.UNAUTHORIZED, 0, b"", ((int(Option.ECHO), time + self._mac(peer, time)),))

    def verify(self, peer: Hashable, value: bytes | None, now: float) -> None:
        """Take an address for proven if ``value`` was issued to it not long ago (MSG-1920 to MSG-1950)."""
        if value is None or len(value) != _TIME_SIZE + _MAC_SIZE:
            return
        time, mac = value[:_TIME_SIZE], value[_TIME_SIZE:]
        genuine = compare_digest(mac, self._mac(peer, time))
        if genuine and 0 <= now - int.from_bytes(time, "big") <= FRESH:
            self.prove(peer)

    def _mac(self, peer: Hashable, time: bytes) -> bytes:
        """Return what binds a value to an address and a time. Equal addresses have equal representations."""
        self._key = self._key or self._entropy(_KEY_SIZE)
        return digest(self._key, time + repr(peer).encode(), "sha256")[:_MAC_SIZE]


def _asks(data: bytes) -> bool:
    """Whether a datagram is a request or a ping of ours, and no consequence of what a peer sent."""
    confirmable = data[0] >> 4 & 3 == Type.CON
    return 0 < data[1] < 32 or (data[1] == Code.EMPTY and confirmable)
