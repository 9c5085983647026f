"""The reverse message flow: whoever asks as the client is the Responder, and the server begins."""

from __future__ import annotations

import random

import pytest

from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Message1, encode_identifier
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code, Option
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import (
    expect_ended,
    expect_error,
    expect_no_channel,
    kinds,
    methods,
    same_curves,
    suites,
)
from picosec_conformance.handshake import open_channel
from picosec_conformance.protection import TargetAsClient
from picosec_conformance.reverse import AskingResponder, InvitedInitiator
from picosec_conformance.target import Target

#: Sessions that any implementation may be expected to have room for, and more than that.
MANY = 40


# -- the target as server and Initiator --------------------------------------------------------------------------------


@pytest.mark.requirement("CHN-1640", "CHN-1650")
def test_server_begins_when_it_is_asked(target: Target, control: Control, rng: random.Random) -> None:
    """A lock shows itself to nobody before it knows who is at the door."""
    suite = AskingResponder(target, rng)

    session = suite.complete()

    fields = control.event("channel").fields
    assert (fields[0], fields[1], fields[5]) == (None, session.sender_id, "initiator")
    assert control.export(session.sender_id, 40000, b"", 16) == session.export(40000, b"", 16)


@pytest.mark.requirement("CHN-1640")
def test_each_wish_brings_a_new_message_1(target: Target, control: Control, rng: random.Random) -> None:
    """Two clients ask at the same time: neither may get the other's key or identifier."""
    suite = AskingResponder(target, rng)
    seen = []
    for _ in range(3):
        reply = suite.invite()
        assert (reply.code, reply.content_format) == (Code.CHANGED, CONTENT_FORMAT_EDHOC)
        message = Message1.decode(reply.payload)
        seen.append((message.g_x, message.c_i))

    assert len({key for key, _identifier in seen}) == 3
    assert len({identifier for _key, identifier in seen}) == 3
    assert control.state()[3] == 3


@pytest.mark.requirement("CHN-1650")
def test_reverse_handshakes_of_every_method_and_suite(target: Target, control: Control, rng: random.Random) -> None:
    """The messages are the same in both directions, and so are the keys."""
    for method in methods(target):
        for number in suites(target):
            control.reset(rng.randbytes(32))
            session = AskingResponder(target, rng, method=method, suite=number).complete()
            assert control.export(session.sender_id, 40000, b"", 16) == session.export(40000, b"", 16)


@pytest.mark.requirement("CHN-1650")
def test_reverse_handshakes_with_every_kind_of_credential(target: Target, control: Control, rng: random.Random) -> None:
    """Where the server begins, it shows its certificate last."""
    for kind in kinds(target):
        control.reset(rng.randbytes(32))
        AskingResponder(target, rng, own_kind=kind, target_kind=kind).complete()
        assert control.event("channel").fields[5] == "initiator"


@pytest.mark.requirement("CHN-1650")
@pytest.mark.needs("channel.oscore.server")
def test_client_asks_over_the_channel_of_the_reverse_flow(target: Target, rng: random.Random) -> None:
    """The roles of the handshake decide which identifier is whose, not those of CoAP."""
    session = AskingResponder(target, rng).complete()

    reply = open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get)

    assert reply.code == Code.CONTENT


@pytest.mark.requirement("CHN-1650", "CHN-590")
@pytest.mark.needs("channel.edhoc.message4")
def test_server_waits_for_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """Where confirmation is part of the handshake, it comes in a request of the client."""
    suite = AskingResponder(target, rng, message_4=True)
    suite.complete()
    expect_no_channel(control)

    reply = suite.send(suite.run.compose_message_4(), "message_4")

    assert (reply.code, reply.payload) == (Code.CHANGED, b"")
    assert control.event("channel").fields[5] == "initiator"


@pytest.mark.requirement("CHN-1650")
@pytest.mark.parametrize("message", [b"\x01\x67refused", b"\x03\xf5", b"\x18\x2a\xa0"], ids=["1", "3", "42"])
def test_error_message_ends_a_session_of_the_server(
    target: Target, control: Control, rng: random.Random, message: bytes
) -> None:
    """The client gives up: the server must not wait, nor answer one error with another."""
    suite = AskingResponder(target, rng)
    suite.reach_1()

    reply = suite.send(message, "error")

    assert (reply.code, reply.payload) == (Code.CHANGED, b"")
    expect_ended(control)


@pytest.mark.requirement("CHN-1660")
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("proof", Problem.AUTHENTICATION_FAILED),
        ("grammar", Problem.MALFORMED),
        ("credential", Problem.UNKNOWN_CREDENTIAL),
    ],
)
def test_server_says_why_it_refuses_message_2(
    target: Target, control: Control, rng: random.Random, wrong: str, problem: Problem
) -> None:
    """An impostor answers the lock, or an honest client with a mistake: the one learns nothing, the other what."""
    suite = AskingResponder(target, rng)
    suite.reach_1()
    run = suite.run
    plain = run.compose_plaintext_2()
    if wrong == "proof":
        plain = plain[:-1] + bytes((plain[-1] ^ 1,))
    elif wrong == "grammar":
        plain = plain[:1]
    elif "kid" in [kind.value for kind in kinds(target)]:
        plain = run.compose_plaintext_2(id_cred=b"\xa1\x04\x43\x01\x02\x03")
    else:
        pytest.skip("not declared: channel.edhoc.credential.kid")
    expect_error(target, suite.send_2(run.encrypt_2(plain)), problem)

    expect_ended(control)


@pytest.mark.requirement("CHN-1660")
@pytest.mark.needs("channel.edhoc.message4")
def test_server_refuses_a_forged_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """Whoever confirms without the keys gets no channel, and ends the session."""
    suite = AskingResponder(target, rng, message_4=True)
    suite.complete()

    expect_error(target, suite.send(dumps(rng.randbytes(8)), "forged message_4"), Problem.AUTHENTICATION_FAILED)

    expect_ended(control)


@pytest.mark.requirement("CHN-1690")
def test_message_2_is_taken_once(target: Target, control: Control, rng: random.Random) -> None:
    """A recorded message_2 must not make the server prove itself again."""
    suite = AskingResponder(target, rng)
    suite.reach_1()
    message_2 = suite.run.compose_message_2()
    suite.read_3(suite.send_2(message_2))

    with target.expect_unchanged():
        expect_error(target, suite.send_2(message_2), Problem.UNEXPECTED_MESSAGE)


@pytest.mark.requirement("CHN-1690")
def test_message_2_of_no_session_is_refused(target: Target, rng: random.Random) -> None:
    """An identifier that nobody gave out leads to no session."""
    suite = AskingResponder(target, rng)
    suite.reach_1()
    message_2 = suite.run.compose_message_2()
    suite.run.c_i = b"\xee\xee\xee"

    with target.expect_unchanged():
        expect_error(target, suite.send_2(message_2), Problem.UNEXPECTED_MESSAGE)


@pytest.mark.requirement("CHN-1680")
def test_newest_wish_finds_room(target: Target, control: Control, rng: random.Random) -> None:
    """An attacker who asks a thousand times makes the server forget the attacker, and not its memory."""
    suite = AskingResponder(target, rng)
    suite.reach_1()
    first = suite.run.compose_message_2()
    for _ in range(MANY):
        suite.invite()
    held = control.state()[3]
    suite.invite()

    assert control.state()[3] == held
    expect_error(target, suite.send_2(first), Problem.UNEXPECTED_MESSAGE)
    suite.complete()


@pytest.mark.requirement("CHN-1900")
@pytest.mark.parametrize(("seconds", "there"), [(246, True), (248, False)])
def test_session_of_the_server_expires(
    target: Target, control: Control, rng: random.Random, seconds: int, there: bool
) -> None:
    """Nobody answers: the key of the session must not wait for ever."""
    suite = AskingResponder(target, rng)
    suite.reach_1()
    control.advance(seconds)

    assert control.state()[3] == int(there)
    reply = suite.send_2()
    if there:
        suite.read_3(reply)
    else:
        expect_error(target, reply, Problem.UNEXPECTED_MESSAGE)


@pytest.mark.requirement("CHN-1910")
def test_refused_suite_is_not_offered_again(target: Target, control: Control, rng: random.Random) -> None:
    """Asked again, a server that forgot would offer the same suite for ever, and the two would never talk."""
    several = same_curves(target, 2)
    suite = AskingResponder(target, rng, suite=several[0])
    control.provision(suites=several)
    first = Message1.decode(suite.reach_1())
    suite.send(ErrorMessage(2, (25, several[1])).encode(), "error 2")

    second = Message1.decode(suite.reach_1())

    assert (first.suites, second.suites) == ((several[0],), tuple(several))
    suite.read_3(suite.send_2())


@pytest.mark.requirement("CHN-1910")
def test_advice_about_suites_expires(target: Target, control: Control, rng: random.Random) -> None:
    """What one client could not do says nothing of who has its address tomorrow."""
    several = same_curves(target, 2)
    suite = AskingResponder(target, rng, suite=several[0])
    control.provision(suites=several)
    suite.reach_1()
    suite.send(ErrorMessage(2, (several[1],)).encode(), "error 2")
    control.advance(248)

    assert Message1.decode(suite.reach_1()).suites == (several[0],)


# -- the target as client and Responder --------------------------------------------------------------------------------


@pytest.mark.requirement("CHN-1670")
def test_client_asks_the_server_to_begin(target: Target, control: Control, rng: random.Random) -> None:
    """The empty request, and then one message, behind the identifier that the server chose."""
    suite = InvitedInitiator(target, control, rng)
    suite.reach_2()
    assert suite.request is not None
    assert suite.request.content_format == CONTENT_FORMAT_CID_EDHOC
    session = suite.send_3()
    target.until_probe_answered()

    fields = control.event("channel").fields
    assert (fields[0], fields[1], fields[5]) == (suite.handle, session.sender_id, "responder")
    assert control.export(session.sender_id, 40000, b"", 16) == session.export(40000, b"", 16)


@pytest.mark.requirement("CHN-1670")
def test_empty_request_is_empty(target: Target, control: Control, rng: random.Random) -> None:
    """Whatever stands in it would be taken for a message."""
    request = InvitedInitiator(target, control, rng).wait_invitation()

    assert request.payload == b""
    assert request.option(Option.OSCORE) is None


@pytest.mark.requirement("CHN-1670")
@pytest.mark.parametrize("c_i", [b"", b"\x18", b"\xff\xff", bytes(6)], ids=["empty", "18", "ffff", "six"])
def test_identifier_in_front_has_its_form(target: Target, control: Control, rng: random.Random, c_i: bytes) -> None:
    """In front, the server's identifier stands as in a message: an integer, or a byte string."""
    suite = InvitedInitiator(target, control, rng, c_i)
    suite.reach_2()
    assert suite.request is not None
    assert suite.request.payload.startswith(encode_identifier(c_i))
    suite.send_3()
    target.until_probe_answered()

    assert control.event("channel").fields[5] == "responder"


@pytest.mark.requirement("CHN-1670")
def test_client_responds_in_every_method_and_suite(target: Target, control: Control, rng: random.Random) -> None:
    """The same from the other side."""
    for method in methods(target):
        for number in suites(target):
            control.reset(rng.randbytes(32))
            suite = InvitedInitiator(target, control, rng, method=method, suite=number)
            suite.reach_2()
            suite.send_3()
            target.until_probe_answered()
            fields = control.event("channel").fields
            assert (fields[2], fields[3], fields[5]) == (method, number, "responder")


@pytest.mark.requirement("CHN-1670", "CHN-580")
@pytest.mark.needs("channel.edhoc.message4")
def test_client_confirms_with_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """In this direction message_4 is a request, and its answer ends the handshake."""
    suite = InvitedInitiator(target, control, rng, message_4=True)
    suite.reach_2()
    suite.send_3()
    suite.run.read_message_4(suite.wait_message("message_4"))
    suite.respond(b"", "end of the handshake")
    target.until_probe_answered()

    assert control.event("channel").fields[5] == "responder"


@pytest.mark.requirement("CHN-1670")
@pytest.mark.needs("channel.oscore.client")
def test_client_asks_over_what_the_server_began(target: Target, control: Control, rng: random.Random) -> None:
    """A first request in this flow follows the handshake: there is nothing to combine it with."""
    suite = InvitedInitiator(target, control, rng, first={1: int(Code.GET), 2: "/probe"})
    suite.reach_2()
    session = suite.send_3()
    client = TargetAsClient(target, control, open_channel(target, session).context)
    request = client.receive()

    assert request.option(Option.EDHOC) is None
    assert client.opened(request)[0].path == "/probe"


@pytest.mark.requirement("CHN-1920")
@pytest.mark.parametrize("message", ["suite", "critical", "long-identifier"])
def test_client_says_why_it_refuses_message_1(
    target: Target, control: Control, rng: random.Random, message: str
) -> None:
    """The server waits for message_2, and has a session of its own to give up."""
    suite = InvitedInitiator(target, control, rng, bytes(8) if message == "long-identifier" else b"\x0a")
    suite.wait_invitation()
    run = suite.run
    if message == "suite":
        run.suites = (9,)
        honest = dumps(run.method) + dumps(9) + dumps(rng.randbytes(32)) + encode_identifier(run.c_i)
    else:
        honest = run.compose_message_1(dumps(-65535) if message == "critical" else b"")
    suite.respond(honest, "message_1")
    error = ErrorMessage.decode(suite.wait_message("an error message"))

    assert error.code == (2 if message == "suite" else 1)
    expect_no_channel(control)


@pytest.mark.requirement("CHN-1920")
def test_client_says_why_it_refuses_message_3(target: Target, control: Control, rng: random.Random) -> None:
    """Somebody else answers message_2: no channel, and a word to whoever it was."""
    suite = InvitedInitiator(target, control, rng)
    suite.reach_2()
    content = bytearray(loads(suite.run.compose_message_3()))
    content[-1] ^= 1
    suite.send_3(dumps(bytes(content)))
    error = ErrorMessage.decode(suite.wait_message("an error message"))

    assert error.code == 1
    suite.respond(b"", "heard")
    target.until_probe_answered()
    assert control.event("channel-failed").fields[0] == suite.handle
    expect_no_channel(control)
