"""What an endpoint sends of its own accord: requests, pings and notifications (spec/v1/messaging.md).

How each of them goes on is in the tables of ``requests`` and ``notifications``; what comes in is the business of
:class:`~picosec.messaging.endpoint.Endpoint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from itertools import count

from picosec.errors import ProtocolError
from picosec.messaging import notifications, requests
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.events import Event, NotificationAcknowledged, NotificationEnded, RequestFailed
from picosec.messaging.exchanges import Exchange
from picosec.messaging.notifications import Notification
from picosec.messaging.parameters import Parameters
from picosec.messaging.peers import Peer, Peers
from picosec.messaging.requests import Request
from picosec.messaging.retransmission import Retransmission
from picosec.messaging.timers import Timers
from picosec.registry import Problem

#: Bytes of a token of ours (RFC 7252 section 5.3.1 asks for 32 bits of randomness).
TOKEN_SIZE = 4


class Sender:
    """The half of an endpoint that begins things. One handle names each of them until its end."""

    def __init__(self, entropy: Callable[[int], bytes], parameters: Parameters, ids: Iterator[int] | None) -> None:
        self.parameters = parameters
        self._entropy = entropy
        self._peers = Peers(parameters, entropy)
        self._timers: Timers[Request | Exchange | Notification] = Timers()
        self._outbox: list[tuple[Hashable, bytes]] = []
        self._events: list[Event] = []
        self._begun: dict[int, Request | Notification] = {}
        self._ids = count(1) if ids is None else ids
        self._last_id = 0

    # -- asking --------------------------------------------------------------------------------------------------

    def request(self, message: Message, peer: Hashable, now: float, *, lasting: bool = False) -> int:
        """Send a request, confirmable or not, and return its handle. Message id and token are chosen here.

        A ``lasting`` one is not over when it is answered: every further response with its token is reported too,
        until it is forgotten. Raises ``ProtocolError`` with ``BUSY`` when too many requests to this peer, or too many
        peers, are pending.
        """
        state = self._peers.obtain(peer)
        if state is None or len(state.tokens) >= self.parameters.max_requests:
            raise ProtocolError(Problem.BUSY, "MSG-820", "too many requests are pending")
        token = self._entropy(TOKEN_SIZE)
        while token in state.tokens:
            token = self._entropy(TOKEN_SIZE)
        return self._enqueue(state, dataclasses.replace(message, token=token), peer, now, lasting=lasting)

    def renew(self, request_id: int, message: Message, now: float) -> bool:
        """Send another confirmable request under the token and the handle of a lasting one that was answered.

        Returns whether it was: one that is not answered yet, or over, is left as it is.
        """
        request = self._begun.get(request_id)
        if not isinstance(request, Request) or not request.takes(requests.Input.RENEW):
            return False
        peer = self._peers.find(request.peer)
        assert peer is not None  # a peer with a token in use is not idle
        request.advance(requests.Input.RENEW)
        request.message = dataclasses.replace(message, type=Type.CON, token=request.message.token)
        peer.queue.append(request)
        self._start_queued(peer, now)
        return True

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether the peer is there and return a handle. Raises as :meth:`request` does."""
        state = self._peers.obtain(peer)
        if state is None or len(state.queue) >= self.parameters.max_requests:
            raise ProtocolError(Problem.BUSY, "MSG-820", "too many requests are pending")
        return self._enqueue(state, Message(Type.CON, Code.EMPTY, 0), peer, now)

    def _enqueue(self, peer: Peer, message: Message, key: Hashable, now: float, *, lasting: bool = False) -> int:
        self._last_id = next(self._ids)
        request = self._begun[self._last_id] = Request(self._last_id, key, message, lasting)
        peer.queue.append(request)
        if message.token:
            peer.tokens[message.token] = request
        self._start_queued(peer, now)
        return request.id

    # -- telling -------------------------------------------------------------------------------------------------

    def notify(
        self,
        peer: Hashable,
        token: bytes,
        message: Message,
        now: float,
        *,
        confirmable: bool,
        replacing: int | None = None,
    ) -> int:
        """Send a response beyond the first to a request with ``token`` and return its handle.

        ``replacing`` names a confirmable notification that was not acknowledged yet: this message takes its place
        when it would be sent again, keeps its handle and shares what is left of its patience. Raises ``ProtocolError``
        with ``BUSY`` when too many notifications to this peer, or too many peers, are pending.
        """
        message = dataclasses.replace(message, type=Type.CON if confirmable else Type.NON, token=token)
        earlier = self._begun.get(replacing) if replacing is not None else None
        if isinstance(earlier, Notification) and earlier.confirmable:
            earlier.message = dataclasses.replace(message, type=Type.CON)
            earlier.renewed = True
            return earlier.id
        state = self._peers.obtain(peer)
        if state is None or state.notified >= self.parameters.max_notifications:
            raise ProtocolError(Problem.BUSY, "MSG-820", "too many notifications are pending")
        self._last_id = next(self._ids)
        notification = self._begun[self._last_id] = Notification(self._last_id, peer, message)
        state.queue.append(notification)
        self._start_queued(state, now)
        return notification.id

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request or a notification: nothing more is sent, and what still comes is for nobody."""
        begun = self._begun.get(handle)
        if begun is None:
            return
        peer = self._peers.find(begun.peer)
        assert peer is not None  # a peer with something pending is not idle
        if begun in peer.queue:
            peer.queue.remove(begun)
        if isinstance(begun, Request):
            self._finish(peer, begun, requests.Input.FORGET, now)
        else:
            self._conclude(peer, begun, notifications.Input.FORGET, now)

    def ordered(self, peer: Hashable) -> bool:
        """Return false: datagrams overtake each other, and get lost."""
        return False

    def fits(self, peer: Hashable, token: bytes, response: Message, overhead: int = 0) -> bool:
        """Return true: nobody tells what it takes, and a block is never too large (RFC 7252 section 4.6)."""
        return True

    # -- sending -------------------------------------------------------------------------------------------------

    def _start_queued(self, peer: Peer, now: float) -> None:
        """Send what waits, as far as NSTART (MSG-830) and the supply of message ids (MSG-460) allow."""
        while peer.queue:
            first = peer.queue[0]
            if first.message.type == Type.CON and peer.outstanding >= self.parameters.nstart:
                return
            if peer.ids.free_at() > now:
                self._timers.set(first, peer.ids.free_at())
                return
            peer.queue.pop(0)
            frame = self._send_as_new(peer, first, now)
            if isinstance(first, Request):
                self._start_request(first, frame, now)
            else:
                self._start_notification(first, frame, now)

    def _send_as_new(self, peer: Peer, begun: Request | Notification, now: float) -> bytes:
        """Send a message under the next id, or take it for lost when the peer answers too little (MSG-2450)."""
        message_id = peer.ids.take(now)
        begun.message = dataclasses.replace(begun.message, message_id=message_id)
        peer.sent[message_id] = begun
        if isinstance(begun, Notification):
            begun.message_ids.append(message_id)
            begun.renewed = False
        frame = begun.message.encode()
        probing = isinstance(begun, Request) and begun.message.type == Type.NON
        if not probing or peer.probing.admits(len(frame), now):
            self._outbox.append((begun.peer, frame))
        return frame

    def _start_request(self, request: Request, frame: bytes, now: float) -> None:
        if request.message.type != Type.CON:
            request.advance(requests.Input.SEND_NON_CONFIRMABLE)
            self._timers.set(request, now + self.parameters.non_lifetime)
            return
        ping = request.message.is_empty
        request.advance(requests.Input.SEND_PING if ping else requests.Input.SEND_CONFIRMABLE)
        request.retransmission = Retransmission(frame, self.parameters, self._entropy)
        self._timers.set(request, now + request.retransmission.timeout)

    def _start_notification(self, notification: Notification, frame: bytes, now: float) -> None:
        if not notification.confirmable:
            notification.advance(notifications.Input.SEND_NON_CONFIRMABLE)
            self._timers.set(notification, now + self.parameters.non_lifetime)
            return
        notification.advance(notifications.Input.SEND_CONFIRMABLE)
        notification.retransmission = Retransmission(frame, self.parameters, self._entropy)
        self._timers.set(notification, now + notification.retransmission.timeout)

    def _send_again(self, sent: Request | Exchange | Notification, now: float) -> bool:
        assert sent.retransmission is not None
        if not sent.retransmission.next():
            return False
        self._outbox.append((sent.peer, sent.retransmission.frame))
        self._timers.set(sent, now + sent.retransmission.timeout)
        return True

    # -- what comes of it ----------------------------------------------------------------------------------------

    def _request_due(self, peer: Peer, request: Request, now: float) -> None:
        if request in peer.queue:
            self._start_queued(peer, now)
        elif request.takes(requests.Input.RETRANSMIT) and self._send_again(request, now):
            request.advance(requests.Input.RETRANSMIT)
        else:
            self._finish(peer, request, requests.Input.GIVE_UP, now)
            self._events.append(RequestFailed(request.id, Problem.TIMEOUT))

    def _notification_due(self, peer: Peer, notification: Notification, now: float) -> None:
        if notification.state is notifications.State.QUEUED:
            self._start_queued(peer, now)
        elif notification.takes(notifications.Input.RETRANSMIT) and self._repeat(peer, notification, now):
            notification.advance(notifications.Input.RETRANSMIT)
        else:
            self._conclude(peer, notification, notifications.Input.GIVE_UP, now)
            if notification.confirmable:
                self._events.append(NotificationEnded(notification.id, Problem.TIMEOUT))

    def _repeat(self, peer: Peer, notification: Notification, now: float) -> bool:
        """Send a notification again, or under another id what took its place; ``False`` when it was sent enough."""
        if not notification.renewed or peer.ids.free_at() > now:
            return self._send_again(notification, now)
        retransmission = notification.retransmission
        assert retransmission is not None
        if not retransmission.next():
            return False
        retransmission.frame = self._send_as_new(peer, notification, now)
        self._timers.set(notification, now + retransmission.timeout)
        return True

    def _notification_acknowledged(self, peer: Peer, notification: Notification, message_id: int, now: float) -> None:
        """Take an acknowledgement. One for what was sent before something newer says nothing of that."""
        if message_id != notification.message_ids[-1] or not notification.takes(notifications.Input.ACKNOWLEDGEMENT):
            return
        if not notification.renewed:
            self._conclude(peer, notification, notifications.Input.ACKNOWLEDGEMENT, now)
            self._events.append(NotificationAcknowledged(notification.id))
            return
        notification.advance(notifications.Input.ACKNOWLEDGEMENT_OF_OLD)
        self._timers.cancel(notification)
        self._forget_ids(peer, notification)
        peer.queue.append(notification)
        self._start_queued(peer, now)

    def _heard(self, peer: Peer, request: Request, happening: requests.Input, now: float) -> None:
        """Go on with a lasting request that was answered."""
        request.advance(happening)
        if request.state is not requests.State.LISTENING:
            return
        self._timers.cancel(request)
        peer.sent.pop(request.message.message_id, None)
        self._start_queued(peer, now)

    def _finish(self, peer: Peer, request: Request, happening: requests.Input, now: float) -> None:
        request.advance(happening)
        self._timers.cancel(request)
        self._begun.pop(request.id, None)
        peer.tokens.pop(request.message.token, None)
        if peer.sent.get(request.message.message_id) is request:
            del peer.sent[request.message.message_id]
        self._start_queued(peer, now)

    def _conclude(self, peer: Peer, notification: Notification, happening: notifications.Input, now: float) -> None:
        notification.advance(happening)
        self._timers.cancel(notification)
        del self._begun[notification.id]
        self._forget_ids(peer, notification)
        self._start_queued(peer, now)

    @staticmethod
    def _forget_ids(peer: Peer, notification: Notification) -> None:
        for message_id in notification.message_ids:
            peer.sent.pop(message_id, None)
        notification.message_ids.clear()
