"""Faults of senders that say what nobody needs, and of recipients that trip over it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from picosec.errors import ProtocolError
from picosec.messaging import probing
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.messaging.endpoint import Endpoint
from picosec.registry import Problem
from picosec.roles import server, test_requests
from picosec.roles.resources import Reply, Request, Site
from picosec_conformance.faults import fault


def _every_response(changed: tuple[int, bytes]) -> None:
    """Add an option to every response of a resource."""
    original = server.as_message

    def as_message(reply: Reply) -> Message:
        message = original(reply)
        return replace(message, options=tuple(sorted((*message.options, changed), key=lambda option: option[0])))

    server.as_message = as_message


@fault("MSG-2400")
def sends_a_payload_with_every_method() -> None:
    """Whoever asks with a payload will have a reason."""
    test_requests._BODILESS = frozenset()


@fault("MSG-2410")
def refuses_a_read_with_a_payload() -> None:
    """A GET has no payload, so this is no GET."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        if request.code in (Code.GET, Code.DELETE) and request.payload:
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-2410", "surplus")
        return original(self, request)

    Site.answer = answer


@fault("MSG-2410")
def writes_what_comes_with_a_read() -> None:
    """A payload is something to keep; the method says what to answer."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        if request.code == Code.GET and request.payload and request.path == "/ps/test/store":
            original(self, replace(request, code=int(Code.PUT)))
        return original(self, request)

    Site.answer = answer


@fault("MSG-2420")
def takes_no_casual_answer_to_an_urgent_question() -> None:
    """Who asked confirmably waits for an acknowledgement, or for a confirmable response."""
    _ignores(Type.CON, Type.NON)


@fault("MSG-2420")
def takes_no_urgent_answer_to_a_casual_question() -> None:
    """Who asked without need of an acknowledgement is not prepared to send one."""
    _ignores(Type.NON, Type.CON)


def _ignores(asked: Type, answered: Type) -> None:
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        request = peer.tokens.get(message.token) if peer else None
        if request is None or (request.message.type, message.type) != (asked, answered):
            original(self, message, key, now)

    Endpoint._match_by_token = match


@fault("MSG-2430")
def says_how_long_everything_is_fresh() -> None:
    """Sixty seconds, to be sure that the client knows."""
    _every_response((int(Option.MAX_AGE), b"\x3c"))


@fault("MSG-2430")
def tells_the_server_its_port() -> None:
    """A URI is taken apart as it stands, port and all."""
    original = test_requests._demanded
    test_requests._demanded = lambda value: (*original(value), (int(Option.URI_PORT), uint_bytes(5683)))


@fault("MSG-2440")
def says_the_format_twice() -> None:
    """One layer adds the format of what it encodes, the next one the format of what it was told to send."""
    _every_response((int(Option.CONTENT_FORMAT), b"\x3c"))


@fault("MSG-2440")
def asks_for_a_format_twice() -> None:
    """A default is put on every request, and what the caller wants beside it."""
    original = test_requests._demanded
    twice = ((int(Option.ACCEPT), b"\x3c"), (int(Option.ACCEPT), b"\x3c"))
    test_requests._demanded = lambda value: (*original(value), *twice)


@fault("MSG-2450")
def goes_on_and_on() -> None:
    """What needs no acknowledgement needs no listener."""
    probing.ALLOWANCE = 1 << 40


@fault("MSG-2450")
def probes_like_a_flood() -> None:
    """A rate in kilobytes."""
    probing.PROBING_RATE = 1000.0
