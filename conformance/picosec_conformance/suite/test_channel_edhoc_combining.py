"""The target as Initiator with a first request: what it puts into one message, and what it believes of the answer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Options, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.combined import CombiningTarget
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import expect_no_channel, kinds, methods, suites
from picosec_conformance.handshake import PATH
from picosec_conformance.protection import TargetAsClient
from picosec_conformance.target import Nonconformity, Target

#: What may stand outside of a combined request: class U, and the two options that make it one.
OUTSIDE = {Option.URI_HOST, Option.URI_PORT, Option.OSCORE, Option.HOP_LIMIT, Option.EDHOC, Option.PROXY_SCHEME}


def content(payload: bytes = b"", code: int = Code.CONTENT, options: Options = ()) -> Message:
    """Return a response as the server means it."""
    return Message(Type.ACK, code, 0, b"", options, payload)


def outcomes(control: Control, handle: int) -> list[tuple[str, Any]]:
    """Return how the target reports on what it began: names of events, with payload or reason."""
    found: list[tuple[str, Any]] = []
    for event in control.events():
        if event.fields.get(0) == handle:
            value = {"response": 2, "channel": 5}.get(event.name, 1)
            found.append((event.name, event.fields[value]))
    return found


def expect_nothing_opened(control: Control, handle: int, reason: Problem | None = None) -> None:
    """Judge that neither a channel nor an answer came of it."""
    found = outcomes(control, handle)
    if {name for name, _value in found} != {"channel-failed", "failed"}:
        raise Nonconformity(f"expected channel-failed and failed, got {found}")
    if reason is not None and found[0][1] != reason.name.lower():
        raise Nonconformity(f"expected the handshake to fail with {reason.name.lower()}, got {found[0][1]}")
    expect_no_channel(control)


@pytest.mark.requirement("CHN-1580", "CHN-1600")
def test_message_3_and_first_request_go_together(target: Target, control: Control, rng: random.Random) -> None:
    """A client that wakes up for one value asks for it with its last message of the handshake."""
    client = CombiningTarget(target, control, rng, {1: int(Code.PUT), 2: "/door/lock", 3: b"a secret value"})
    request, parts = client.receive()
    plain, binding = client.opened(parts)

    assert request.code == Code.POST
    assert request.option_values(Option.EDHOC) == [b""]
    assert {number for number, _value in request.options} <= OUTSIDE
    assert b"a secret value" not in request.encode()
    assert parts.c_r == client.peer.run.c_r
    assert (plain.code, plain.path, plain.payload) == (Code.PUT, "/door/lock", b"a secret value")

    client.respond(binding, request, content(b"done", Code.CHANGED))
    assert outcomes(control, client.peer.handle) == [("channel", "initiator"), ("response", b"done")]


@pytest.mark.requirement("CHN-1580")
def test_every_method_and_suite_combines(target: Target, control: Control, rng: random.Random) -> None:
    """Whatever proves the Initiator, and whatever the tag's length: one byte string, and then the request."""
    for method in methods(target):
        for number in suites(target):
            control.reset(rng.randbytes(32))
            client = CombiningTarget(target, control, rng, method=method, suite=number)
            request, parts = client.receive()
            plain, binding = client.opened(parts)
            assert plain.path == "/probe"
            client.respond(binding, request, content(b"21.5"))
            assert outcomes(control, client.peer.handle)[-1] == ("response", b"21.5")


@pytest.mark.requirement("CHN-1580")
def test_every_kind_of_credential_combines(target: Target, control: Control, rng: random.Random) -> None:
    """With a certificate inside, message_3 needs two bytes to say how long it is."""
    for kind in kinds(target):
        control.reset(rng.randbytes(32))
        client = CombiningTarget(target, control, rng, own_kind=kind, target_kind=kind)
        assert client.opened(client.receive()[1])[0].path == "/probe"


@pytest.mark.requirement("CHN-1590")
def test_later_requests_are_not_marked(target: Target, control: Control, rng: random.Random) -> None:
    """The option makes a server look for a message_3: on any other request it makes that request fail."""
    client = CombiningTarget(target, control, rng)
    request, parts = client.receive()
    _plain, binding = client.opened(parts)
    client.respond(binding, request, content(b"21.5"))
    assert client.channel is not None
    later = TargetAsClient(target, control, client.channel.context)

    later.act(path="/later")
    second = later.receive()

    assert second.option(Option.EDHOC) is None
    assert later.opened(second)[0].path == "/later"


@pytest.mark.requirement("CHN-1590", "CHN-1080")
def test_repetition_with_echo_is_not_marked(target: Target, control: Control, rng: random.Random) -> None:
    """The server wants to know that the request is fresh: it comes again, and message_3 does not."""
    client = CombiningTarget(target, control, rng)
    request, parts = client.receive()
    _plain, binding = client.opened(parts)
    client.respond(binding, request, content(b"", Code.UNAUTHORIZED, ((int(Option.ECHO), b"prove it"),)))
    assert client.channel is not None
    again = TargetAsClient(target, control, client.channel.context)
    second = again.receive()

    assert second.option(Option.EDHOC) is None
    plain, second_binding = again.opened(second)
    assert (plain.path, plain.option(Option.ECHO)) == ("/probe", b"prove it")
    client.respond(second_binding, second, content(b"21.5"))
    assert outcomes(control, client.peer.handle) == [("channel", "initiator"), ("response", b"21.5")]


@pytest.mark.requirement("CHN-1600")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("answer", ["forged", "other-request", "success", "error", "problem", "reset"])
def test_only_a_verified_response_opens_the_channel(
    target: Target, control: Control, rng: random.Random, answer: str
) -> None:
    """Whoever is on the path says yes in the server's name: the client must not take its own keys for shared ones."""
    client = CombiningTarget(target, control, rng)
    request, parts = client.receive()
    _plain, binding = client.opened(parts)
    assert client.channel is not None
    if answer == "forged":
        client.respond(binding, request, content(b"21.5"))
        control.reset(rng.randbytes(32))
        client = CombiningTarget(target, control, rng)
        request, parts = client.receive()
        options: Options = ((int(Option.OSCORE), b""),)
        target.send(Message(Type.ACK, Code.CHANGED, request.message_id, request.token, options, rng.randbytes(20)))
    elif answer == "other-request":
        binding.aad = binding.aad[:-1] + b"\x01"
        client.respond(binding, request, content(b"21.5"))
    elif answer == "reset":
        target.send(Message(Type.RST, Code.EMPTY, request.message_id))
    else:
        format_edhoc: Options = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),)
        code, options, payload = {
            "success": (Code.CHANGED, (), b""),
            "error": (Code.BAD_REQUEST, format_edhoc, ErrorMessage(1, "authentication_failed").encode()),
            "problem": (Code.UNAUTHORIZED, (), problem.encode(Problem.UNKNOWN_CONTEXT)),
        }[answer]
        target.send(Message(Type.ACK, code, request.message_id, request.token, options, payload))
    target.until_probe_answered()

    reason = Problem.AUTHENTICATION_FAILED if answer == "error" else None
    expect_nothing_opened(control, client.peer.handle, reason)


@pytest.mark.requirement("CHN-1600")
def test_channel_is_not_there_before_the_response(target: Target, control: Control, rng: random.Random) -> None:
    """Between its last message and the answer the client has keys, and nobody to share them with."""
    client = CombiningTarget(target, control, rng)
    client.receive()

    assert outcomes(control, client.peer.handle) == []
    expect_no_channel(control)


@pytest.mark.requirement("CHN-1610")
@pytest.mark.parametrize(("size", "together"), [(900, True), (1100, False)])
def test_large_requests_go_out_in_order(
    target: Target, control: Control, rng: random.Random, size: int, together: bool
) -> None:
    """What does not fit into one datagram is lost in fragments: then the handshake comes first, by itself."""
    client = CombiningTarget(target, control, rng, {1: int(Code.POST), 2: "/p", 3: bytes(size)})
    client.peer.send_2()
    request = target.receive("message_3")

    assert (request.option(Option.EDHOC) is not None) is together
    assert len(request.payload) <= 1024
    if not together:
        assert request.path == PATH


@pytest.mark.requirement("CHN-1610")
def test_one_byte_too_many_goes_out_in_order(target: Target, control: Control, rng: random.Random) -> None:
    """A datagram that holds 1,024 bytes of payload holds 1,024: with one more, both parts go the long way."""
    request, _parts = CombiningTarget(target, control, rng, {1: int(Code.POST), 2: "/p", 3: bytes(900)}).receive()
    size = 900 + 1025 - len(request.payload)
    control.reset(rng.randbytes(32))

    client = CombiningTarget(target, control, rng, {1: int(Code.POST), 2: "/p", 3: bytes(size)})
    client.peer.send_2()
    alone = target.receive("message_3")

    assert alone.option(Option.EDHOC) is None
    assert alone.path == PATH


@pytest.mark.requirement("CHN-1610")
@pytest.mark.needs("channel.edhoc.message4")
def test_request_waits_for_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """Where confirmation is part of the handshake, nothing is asked before it."""
    client = CombiningTarget(target, control, rng, message_4=True)
    client.peer.send_2()
    client.peer.wait_3()

    client.peer.send_4(client.peer.run.compose_message_4())

    request = target.receive("the first request")
    assert request.option(Option.EDHOC) is None
    assert request.option(Option.OSCORE) is not None


@pytest.mark.requirement("CHN-850")
@pytest.mark.needs("channel.resume", "channel.edhoc.combined", "channel.edhoc.initiator", "channel.oscore.client")
def test_number_of_the_first_request_does_not_come_again(target: Target, control: Control, rng: random.Random) -> None:
    """The first number is used before there is a channel to store: it must not be forgotten with the next power cut."""
    client = CombiningTarget(target, control, rng, store_channels=True)
    request, parts = client.receive()
    _plain, binding = client.opened(parts)
    client.respond(binding, request, content(b"21.5"))
    target.until_probe_answered()
    assert client.channel is not None
    later = TargetAsClient(target, control, client.channel.context)
    seen = [OscoreOption.decode(request.option(Option.OSCORE) or b"").partial_iv]
    for _ in range(3):
        control.reboot()
        for _ in range(2):
            later.act()
            protected = later.receive()
            seen.append(OscoreOption.decode(protected.option(Option.OSCORE) or b"").partial_iv)
            target.send(Message(Type.RST, Code.EMPTY, protected.message_id))

    assert len(set(seen)) == len(seen)
