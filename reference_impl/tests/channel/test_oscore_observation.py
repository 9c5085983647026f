"""Observe over a channel (RFC 8613 sections 4.1.3.5 and 7.4.1): what is inside, what outside, and in which order."""

from contextlib import suppress

import pytest

from picosec.channel.observation import Observation
from picosec.channel.oscore import protect_request, protect_response, unprotect_request, unprotect_response
from picosec.channel.oscore_context import SecurityContext
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.registry import Problem

SECRET = bytes(range(16))
OBSERVE = int(Option.OBSERVE)
REGISTRATION = Message(Type.CON, Code.GET, 1, b"t", ((OBSERVE, b""), *path_options("/glucose")))


def contexts() -> tuple[SecurityContext, SecurityContext]:
    return SecurityContext(SECRET, b"\x0a", b"\x0d"), SecurityContext(SECRET, b"\x0d", b"\x0a")


def notification(payload: bytes, number: int = 7) -> Message:
    return Message(Type.NON, Code.CONTENT, 2, b"t", ((OBSERVE, bytes([number])),), payload)


class Registered:
    """Both ends after a registration, and the notifications that the server would send."""

    def __init__(self, count: int) -> None:
        self.client, server = contexts()
        self.request, binding = protect_request(self.client, REGISTRATION)
        self.observation = Observation(binding)
        self.plain, answering = unprotect_request(server, self.request)
        self.sent = [protect_response(server, answering, notification(bytes([each]))) for each in range(count)]

    def take(self, which: int) -> bytes:
        return self.observation.unprotect(self.client, self.sent[which]).payload


def test_observe_stands_inside_and_outside() -> None:
    """Inside for the server, outside for proxies; FETCH and Content let them pass it on."""
    registered = Registered(2)
    assert (registered.request.code, registered.request.option(OBSERVE)) == (Code.FETCH, b"")
    assert registered.plain == REGISTRATION
    for sent in registered.sent:
        assert (sent.code, sent.option(OBSERVE)) == (Code.CONTENT, b"\7")
    plain = registered.observation.unprotect(registered.client, registered.sent[0])
    assert plain.option_values(OBSERVE) == [b""]


def test_only_the_first_does_without_a_number() -> None:
    """Two messages under one nonce would give away both."""
    registered = Registered(3)
    assert [sent.option(Option.OSCORE) for sent in registered.sent] == [b"", b"\x01\x00", b"\x01\x01"]


@pytest.mark.parametrize(
    ("order", "taken"),
    [([0, 1, 2], [0, 1, 2]), ([1, 0, 2], [1, 2]), ([2, 1, 0], [2]), ([0, 0, 1, 1], [0, 1]), ([1, 1, 2, 0], [1, 2])],
)
def test_only_what_is_newer_is_taken(order: list[int], taken: list[int]) -> None:
    """Replayed and overtaken notifications are refused; the one without a number is older than all others."""
    registered = Registered(3)
    accepted = []
    for which in order:
        with suppress(ProtocolError):
            accepted.append(registered.take(which)[0])
    assert accepted == taken


def test_the_outer_value_orders_nothing() -> None:
    """Anybody on the way can change it."""
    registered = Registered(3)
    first, second = registered.sent[1], registered.sent[2]
    options = tuple((number, b"\xff\xff\xff" if number == OBSERVE else value) for number, value in first.options)
    late = Message(first.type, first.code, first.message_id, first.token, options, first.payload)
    registered.observation.unprotect(registered.client, second)
    with pytest.raises(ProtocolError):
        registered.observation.unprotect(registered.client, late)


def test_a_notification_of_another_observation_is_refused() -> None:
    """A splice: the notification of one resource under the token of the other, both over the same channel."""
    client, server = contexts()
    bindings = []
    for path in ("/glucose", "/insulin"):
        request, binding = protect_request(
            client, Message(Type.CON, Code.GET, 1, b"t", ((OBSERVE, b""), *path_options(path)))
        )
        bindings.append((binding, unprotect_request(server, request)[1]))
    for _client, answering in bindings:
        protect_response(server, answering, notification(b"first"))
    spliced = protect_response(server, bindings[1][1], notification(b"42"))
    with pytest.raises(ProtocolError) as refusal:
        Observation(bindings[0][0]).unprotect(client, spliced)
    assert refusal.value.problem is Problem.DECRYPTION_FAILED
    assert Observation(bindings[1][0]).unprotect(client, spliced).payload == b"42"


def test_a_refused_notification_changes_nothing() -> None:
    """The forgery with a high number must not shut out what the server sends next."""
    registered = Registered(3)
    forged = registered.sent[2]
    forged = Message(forged.type, forged.code, 3, b"t", forged.options, forged.payload[:-1] + b"\0")
    with pytest.raises(ProtocolError):
        registered.observation.unprotect(registered.client, forged)
    assert registered.take(1) == b"\1"


def test_a_plain_request_gets_no_notification() -> None:
    """CHN-1190: an Observe inside the answer to a request that asked for none."""
    client, server = contexts()
    request, binding = protect_request(client, Message(Type.CON, Code.GET, 1, b"t", path_options("/glucose")))
    _plain, answering = unprotect_request(server, request)
    with pytest.raises(ProtocolError) as refusal:
        unprotect_response(client, binding, protect_response(server, answering, notification(b"1")))
    assert refusal.value.problem is Problem.UNEXPECTED_MESSAGE
