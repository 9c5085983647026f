"""What an endpoint reports."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from picosec.messaging.coap import Message
from picosec.messaging.exchanges import Exchange
from picosec.registry import Problem


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A peer asks; hand ``exchange`` back with the response. The options are those that are understood."""

    exchange: Exchange
    message: Message


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A request of ours was answered; a lasting one may be again."""

    request_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class RequestReset:
    """The peer rejected a request of ours at the message layer."""

    request_id: int


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request or ping of ours came to nothing.

    ``TIMEOUT`` when no answer came in time, ``DISCONNECTED`` when the connection ended before.
    """

    request_id: int
    reason: Problem


@dataclass(frozen=True, slots=True)
class PongReceived:
    """A ping of ours was answered."""

    request_id: int


@dataclass(frozen=True, slots=True)
class NotificationAcknowledged:
    """A confirmable notification of ours has arrived."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class NotificationEnded:
    """Whoever a notification of ours was for is not there any more, or does not want it.

    ``reason`` is ``TIMEOUT`` when nothing came back in time, ``None`` when the peer rejected it.
    """

    notification_id: int
    reason: Problem | None


#: What may come of something that this end sent of its own accord: requests and pings, notifications.
Outcome = ResponseReceived | RequestReset | RequestFailed | PongReceived
Delivery = NotificationAcknowledged | NotificationEnded


@dataclass(frozen=True, slots=True)
class ConnectionReleased:
    """A peer wants to end a connection, and may say where else it is reached, and after how many seconds.

    Another address is a hint that anybody on the path can have given: whoever follows it trusts nothing more there.
    """

    peer: Hashable
    alternatives: tuple[str, ...]
    hold_off: int | None


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """A connection is over, and with it everything that was tied to it."""

    peer: Hashable


#: What happens to connections.
Passage = ConnectionReleased | ConnectionEnded

Event = RequestReceived | Outcome | Delivery | Passage
