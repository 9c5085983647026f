"""What says nothing: defaults, repetitions, payloads where there are none. Nobody sends it, nobody trips over it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, uint_value
from picosec.messaging.options import DEFINITIONS
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import TargetAsClient, fresh_context, set_up
from picosec_conformance.target import Nonconformity, Target

DEFAULT_MAX_AGE = 60
PATHS = ("/ps/info", "/.well-known/core", "/nowhere", "/ps/test/state", "/ps/test/store", "/ps/test/large")


def judge(messages: Iterable[Message]) -> None:
    """Raise ``Nonconformity`` for a default, or for an option that stands once and comes twice."""
    for message in messages:
        for number, times in Counter(number for number, _ in message.options).items():
            if times > 1 and number in DEFINITIONS and not DEFINITIONS[number].repeatable:
                raise Nonconformity(f"option {number} stands once, and comes {times} times")
        if message.is_request and (message.option(Option.URI_HOST), message.option(Option.URI_PORT)) != (None, None):
            raise Nonconformity("the request says where it goes, which is where it went")
        age = message.option(Option.MAX_AGE)
        if age is not None and uint_value(age) == DEFAULT_MAX_AGE:
            raise Nonconformity("the response says what its Max-Age would be if it did not say it")


@pytest.mark.requirement("MSG-2430", "MSG-2440")
@pytest.mark.needs("messaging.server")
def test_responses_say_nothing_twice(target: Target) -> None:
    """Each byte is paid for by the battery of whoever asked; two formats are two payloads to two readers."""
    paths = target.manifest.resources
    judge(target.request(Code.GET, path) for path in (paths.get, "/.well-known/core", "/nowhere"))


@pytest.mark.requirement("MSG-2430", "MSG-2440")
@pytest.mark.needs("messaging.server", "conformance.test-interface")
def test_responses_of_a_test_build_say_nothing_twice(target: Target, control: Control) -> None:
    """The same, for responses of more kinds: with a number, a body in blocks, an entity-tag, a refusal."""
    judge([target.request(Code.PUT, "/ps/test/store", b"something")])
    judge(target.request(Code.GET, path) for path in PATHS)
    judge([target.request(Code.POST, "/ps/test/events"), target.request(Code.DELETE, "/ps/info")])


@pytest.mark.requirement("MSG-2430", "MSG-2440")
@pytest.mark.needs("channel.oscore.server")
def test_responses_over_a_channel_say_nothing_twice(target: Target, channel: Channel) -> None:
    """Inside and outside: nobody between the ends can put it right."""
    for path in (target.manifest.resources.protected_get, "/nowhere"):
        reply = target.exchange(channel.protect(target.build(Code.GET, path)))
        judge([reply, channel.unprotect(reply)])


@pytest.mark.requirement("MSG-2430", "MSG-2440")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
@pytest.mark.parametrize("code", [Code.GET, Code.PUT], ids=lambda code: code.name)
def test_requests_say_nothing_twice(target: Target, control: Control, code: Code) -> None:
    """A server with one name is asked by no name."""
    body = {3: b"payload", 6: 60} if code == Code.PUT else {}
    control.act("request", {1: int(code), 2: "/a/path", **body})

    judge([target.receive("the request that the act demands")])


@pytest.mark.requirement("MSG-2430", "MSG-2440")
@pytest.mark.needs("channel.oscore.client", "conformance.test-interface")
def test_requests_over_a_channel_say_nothing_twice(target: Target, control: Control, rng: random.Random) -> None:
    """Inside and outside: nobody between the ends can put it right."""
    client = TargetAsClient(target, control, set_up(target, control, fresh_context(rng)).context)
    client.act(Code.PUT, "/a/path", b"payload")
    protected = client.receive()

    judge([protected, client.opened(protected)[0]])


@pytest.mark.requirement("MSG-2400")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("code", [Code.GET, Code.DELETE], ids=lambda code: code.name)
def test_method_without_payload_is_sent_without(target: Target, control: Control, code: Code) -> None:
    """What a payload means here nobody has said: one server ignores it, the next refuses, a third acts on it."""
    act = cbor.dumps(["request", {1: int(code), 2: "/a/path", 3: b"payload"}])
    demanded = target.build(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)

    sent = [message for message in target.replies(demanded) if message.is_request]

    assert [message.payload for message in sent if message.code == code] in ([], [b""])


@pytest.mark.requirement("MSG-2410")
def test_payload_of_a_read_is_ignored(target: Target) -> None:
    """A library fills in a body for every method; an error locks it out, and a cache tells no difference."""
    path = target.manifest.resources.get
    plain = target.request(Code.GET, path)

    reply = target.request(Code.GET, path, b"surplus")

    assert (reply.code, reply.payload) == (plain.code, plain.payload)


@pytest.mark.requirement("MSG-2410")
@pytest.mark.needs("channel.oscore.server")
def test_payload_of_a_read_over_a_channel_is_ignored(target: Target, channel: Channel) -> None:
    """The same behind the protection, where the request becomes one of its own again."""
    path = target.manifest.resources.protected_put
    plain = channel.request(Code.GET, path)

    reply = channel.request(Code.GET, path, b"surplus")

    assert (reply.code, reply.payload) == (plain.code, plain.payload)


@pytest.mark.requirement("MSG-2410")
@pytest.mark.needs("conformance.test-interface")
def test_payload_of_a_read_or_a_deletion_writes_nothing(target: Target, control: Control) -> None:
    """Whoever may read may not write, whatever comes with the question."""
    target.request(Code.PUT, "/ps/test/store", b"kept")

    with target.expect_unchanged():
        assert target.request(Code.GET, "/ps/test/store", b"surplus").payload == b"kept"
    assert target.request(Code.DELETE, "/ps/test/store", b"surplus").code == Code.DELETED
    assert target.request(Code.GET, "/ps/test/store").code == Code.NOT_FOUND
