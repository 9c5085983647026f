"""What an endpoint keeps about each peer, and how many peers it keeps anything about."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Final, TypeGuard

from picosec.messaging import notifications, requests
from picosec.messaging.exchanges import LATE, Exchange
from picosec.messaging.message_ids import MessageIds, ReceivedIds
from picosec.messaging.notifications import Notification
from picosec.messaging.parameters import Parameters
from picosec.messaging.probing import Probing
from picosec.messaging.requests import Request

#: Of the peers longest unheard of, how many are looked at for one without pending work when room is needed.
_CANDIDATES: Final = 8


class Peer:
    """All that is kept about one peer."""

    __slots__ = ("exchanges", "ids", "probing", "queue", "received", "sent", "tokens")

    def __init__(self, parameters: Parameters, entropy: Callable[[int], bytes]) -> None:
        self.ids = MessageIds(int.from_bytes(entropy(2), "big"), parameters.exchange_lifetime)
        self.received = ReceivedIds(parameters.max_remembered)
        self.probing = Probing()
        #: Requests, pings and notifications of ours that were not sent yet.
        self.queue: list[Request | Notification] = []
        #: Our requests by token, until they end.
        self.tokens: dict[bytes, Request] = {}
        #: Our messages that an acknowledgement or reset can refer to, by message id.
        self.sent: dict[int, Request | Exchange | Notification] = {}
        #: The peer's requests that are being worked on.
        self.exchanges: set[Exchange] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is lost when the peer is forgotten, apart from the memory of message ids."""
        return not (self.queue or self.tokens or self.sent or self.exchanges)

    @property
    def outstanding(self) -> int:
        """Confirmable requests, pings and notifications of ours that wait for an acknowledgement."""
        return len({sent.id for sent in self.sent.values() if _outstanding(sent)})

    @property
    def notified(self) -> int:
        """Notifications to the peer whose end is not known yet."""
        waiting = sum(isinstance(queued, Notification) for queued in self.queue)
        return waiting + sum(isinstance(sent, Notification) for sent in self.sent.values())

    @property
    def late(self) -> int:
        """Requests of the peer whose answer it was told to wait for."""
        return sum(exchange.state in LATE for exchange in self.exchanges)


def _outstanding(sent: Request | Exchange | Notification) -> TypeGuard[Request | Notification]:
    if isinstance(sent, Notification):
        return sent.state is notifications.State.UNACKNOWLEDGED
    return isinstance(sent, Request) and sent.state in requests.OUTSTANDING


class Peers:
    """The peers with state, bounded."""

    def __init__(self, parameters: Parameters, entropy: Callable[[int], bytes]) -> None:
        self._parameters = parameters
        self._entropy = entropy
        self._peers: dict[Hashable, Peer] = {}

    def find(self, key: Hashable) -> Peer | None:
        """Return what is kept about a peer, if anything is."""
        return self._peers.get(key)

    def obtain(self, key: Hashable) -> Peer | None:
        """Return what is kept about a peer, making room for a new one; ``None`` when the others are all busy."""
        peer = self._peers.pop(key, None)
        if peer is None:
            if len(self._peers) >= self._parameters.max_peers and not self._evict():
                return None
            peer = Peer(self._parameters, self._entropy)
        self._peers[key] = peer  # the last is the one heard of most recently
        return peer

    def _evict(self) -> bool:
        for key in islice(self._peers, _CANDIDATES):
            if self._peers[key].idle:
                del self._peers[key]
                return True
        return False
