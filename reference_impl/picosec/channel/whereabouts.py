"""Where the peer of a channel is: a channel is found by its kid, and its peer by where it was heard last.

The rules are those of spec/v1/channel-delivery.md.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final
from weakref import WeakSet

#: Addresses of a peer that are kept: the newest, and the one before it.
ADDRESSES: Final = 2


class Whereabouts:
    """The addresses of one peer, newest first."""

    __slots__ = ("__weakref__", "_highest", "addresses")

    def __init__(self) -> None:
        self.addresses: tuple[Hashable, ...] = ()
        self._highest = -1

    def heard(self, peer: Hashable, position: int) -> None:
        """Take note of a request that verified: its address counts if none came from further on.

        A request that was overtaken on the way does not move the channel back, and a replayed one never gets here
        (CHN-1890).
        """
        if position > self._highest:
            self._highest = position
            self.moved(peer)

    def moved(self, peer: Hashable) -> None:
        """Take an address as the newest: from a request, from a handshake, or because the application says so."""
        others = tuple(address for address in self.addresses if address != peer)
        self.addresses = (peer, *others)[:ADDRESSES]

    def left(self, peer: Hashable) -> None:
        """Forget an address where nobody can be reached any more (CHN-2000)."""
        self.addresses = tuple(address for address in self.addresses if address != peer)

    def address(self, attempt: int) -> Hashable:
        """Return where to try next: the newest address and the one before it in turn; None when none is known."""
        return self.addresses[attempt % len(self.addresses)] if self.addresses else None


class Connections:
    """Whose address each open connection is, so that with its end nobody is looked for there."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[Hashable, WeakSet[Whereabouts]] = {}

    def opened(self, peer: Hashable) -> None:
        """Take note of a connection."""
        self._open.setdefault(peer, WeakSet())

    def used(self, peer: Hashable, whereabouts: Whereabouts) -> None:
        """Take note that somebody is at the other end of ``peer``, if that is a connection."""
        users = self._open.get(peer)
        if users is not None:
            users.add(whereabouts)

    def ended(self, peer: Hashable) -> None:
        """Take note of the end of a connection."""
        for whereabouts in self._open.pop(peer, ()):
            whereabouts.left(peer)
