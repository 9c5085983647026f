"""The target as a client that is asked whether its request is fresh."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore import Binding, protect_response
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.control import Control, Event
from picosec_conformance.protection import TargetAsClient, fresh_context, set_up
from picosec_conformance.target import Target

pytestmark = pytest.mark.requirement("CHN-1080")

PATH, PAYLOAD = "/some/path", b"\x01payload"


@pytest.fixture
def client(target: Target, control: Control, rng: random.Random) -> TargetAsClient:
    """The target as the client of a fresh channel."""
    return TargetAsClient(target, control, set_up(target, control, fresh_context(rng)).context)


def answered(client: TargetAsClient, protected: Message, binding: Binding, code: Code, *echo: bytes) -> Message:
    """Return the protected response with this code, and with an Echo option if there is a value for it."""
    options = tuple((int(Option.ECHO), value) for value in echo)
    plain = Message(Type.ACK, code, protected.message_id, protected.token, options, b"")
    return protect_response(client.context, binding, plain)


@pytest.mark.parametrize("echo", [b"\x07", *(bytes(range(length)) for length in (8, 11, 12, 13, 14, 40))], ids=len)
@pytest.mark.parametrize("code", [Code.GET, Code.PUT])
def test_request_comes_again_with_the_proof(
    target: Target, control: Control, client: TargetAsClient, code: Code, echo: bytes
) -> None:
    """The lamp lost its memory of what it has seen; an owner who does not answer its question stays in the dark."""
    handle = client.act(code, PATH, PAYLOAD if code == Code.PUT else b"")
    first = client.receive()
    plain, binding = client.opened(first)
    target.send(answered(client, first, binding, Code.UNAUTHORIZED, echo))

    second = target.receive("the request with the Echo option")
    again, binding = client.opened(second)

    assert second.option(Option.OSCORE) != first.option(Option.OSCORE), "the same sequence number"
    assert second.token != first.token or second.message_id != first.message_id
    assert again.option_values(Option.ECHO) == [echo]
    others = tuple(option for option in again.options if option[0] != Option.ECHO)
    assert (again.code, others, again.payload) == (plain.code, plain.options, plain.payload)
    client.deliver(answered(client, second, binding, Code.CHANGED))
    assert control.events() == [Event("response", {0: handle, 1: int(Code.CHANGED), 2: b"", 3: True})]


def test_who_asks_twice_is_answered_once(target: Target, control: Control, client: TargetAsClient) -> None:
    """A server that is never content must not keep a battery busy for ever."""
    handle = client.act()
    for echo in (b"one", b"two"):
        protected = client.receive()
        _, binding = client.opened(protected)
        target.send(answered(client, protected, binding, Code.UNAUTHORIZED, echo))

    assert target.until_probe_answered() == []
    assert control.events() == [Event("response", {0: handle, 1: int(Code.UNAUTHORIZED), 2: b"", 3: True})]


@pytest.mark.parametrize(
    ("code", "echo"),
    [
        pytest.param(Code.UNAUTHORIZED, [], id="refusal-without-echo"),
        pytest.param(Code.CONTENT, [b"value"], id="content-with-echo"),
        pytest.param(Code.FORBIDDEN, [b"value"], id="another-refusal-with-echo"),
    ],
)
def test_nothing_else_makes_a_client_repeat_itself(
    target: Target, control: Control, client: TargetAsClient, code: Code, echo: list[bytes]
) -> None:
    """A command that was carried out must not be sent again for a value that came along with the answer."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    target.send(answered(client, protected, binding, code, *echo))

    assert target.until_probe_answered() == []
    assert control.events() == [Event("response", {0: handle, 1: int(code), 2: b"", 3: True})]


def test_question_in_the_open_is_not_answered(target: Target, control: Control, client: TargetAsClient) -> None:
    """Anyone could ask: each answer would use up a number, and show that there is somebody who holds the key."""
    client.act()
    protected = client.receive()
    options = ((int(Option.ECHO), b"value"),)
    question = Message(Type.ACK, Code.UNAUTHORIZED, protected.message_id, protected.token, options)

    assert target.replies_to(question) == []
    assert [event.name for event in control.events()] == ["failed"]
    assert target.replies_to(replace(question, type=Type.NON, message_id=target.fresh_message_id())) == []
