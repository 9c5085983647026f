"""What several faults do to the reference, each with a difference of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.messaging import coap
from picosec.messaging.coap import Option
from picosec.messaging.connections import Connection
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.options import Definition
from picosec.messaging.parameters import Parameters
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import StreamMessage
from picosec.roles.resources import Reply, Request, Site


def with_parameters(**changes: Any) -> None:
    """Run the message layer with other numbers."""
    original = Endpoint.__init__

    def init(self: Endpoint, entropy: Any, parameters: Parameters | None = None, *rest: Any, **named: Any) -> None:
        original(self, entropy, replace(parameters or Parameters(), **changes), *rest, **named)

    Endpoint.__init__ = init


def answer_as_if(seen: Callable[[Request], Request]) -> None:
    """Let the site see another request than the one that came."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        return original(self, seen(request))

    Site.answer = answer


def read_segments(which: Callable[[bytes], bool], read: Callable[[bytes], str]) -> None:
    """Read some values of Uri-Path differently."""
    segment, admits = coap._segment, Definition.admits
    Definition.admits = lambda self, number, value: (
        (number == Option.URI_PATH and which(value)) or admits(self, number, value)
    )
    coap._segment = lambda value: read(value) if which(value) else segment(value)


def take_otherwise(instead: Callable[[StreamEndpoint, Connection, StreamMessage, float], bool]) -> None:
    """Do something else with some messages: ``instead`` returns whether it did."""
    original = StreamEndpoint._take

    def take(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> None:
        if not instead(self, connection, message, now):
            original(self, connection, message, now)

    StreamEndpoint._take = take
