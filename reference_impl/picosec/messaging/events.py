"""What an endpoint reports."""

from __future__ import annotations

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
    """A request of ours was answered."""

    request_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class RequestReset:
    """The peer rejected a request of ours at the message layer."""

    request_id: int


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request or ping of ours came to nothing: ``TIMEOUT`` when no answer came in time."""

    request_id: int
    reason: Problem


@dataclass(frozen=True, slots=True)
class PongReceived:
    """A ping of ours was answered."""

    request_id: int


Event = RequestReceived | ResponseReceived | RequestReset | RequestFailed | PongReceived
