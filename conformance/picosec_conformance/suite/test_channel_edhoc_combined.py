"""The target as Responder: message_3 and the first protected request in one message, right and wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.combined import combine
from picosec.channel.oscore import Binding
from picosec.channel.oscore_option import encode_partial_iv
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.combined import CombiningInitiator, with_edhoc_option
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import error_of, expect_ended, expect_error, kinds, methods, suites
from picosec_conformance.protection import again, plaintext, seal
from picosec_conformance.target import Nonconformity, Target


def expect_refused_handshake(target: Target, control: Control, message: Message, problem: Problem) -> None:
    """Judge that a combined request gets an EDHOC error message in the open, with ERR_CODE 1, and opens nothing."""
    reply = target.exchange(message)
    if reply.option(Option.OSCORE) is not None:
        raise Nonconformity("there is no channel that could protect this answer")
    error = error_of(reply)
    if error.code != 1:
        raise Nonconformity(f"a refused combined request has ERR_CODE 1, not {error.code}")
    if target.manifest.declares("messaging.problem-details") and error.info != problem.name.lower():
        raise Nonconformity(f"expected ERR_INFO {problem.name.lower()!r}, got {error.info!r}")
    expect_ended(control)


@pytest.mark.requirement("CHN-1500")
def test_handshake_and_first_request_take_two_round_trips(target: Target, control: Control, rng: random.Random) -> None:
    """A sensor that wakes up for one value must not stay awake for three exchanges."""
    suite = CombiningInitiator(target, rng)

    reply = target.exchange(suite.combined())

    assert suite.channel.unprotect(reply).code == Code.CONTENT
    assert control.event("channel").fields[5] == "responder"
    assert suite.channel.ask(suite.read()).code == Code.CONTENT


@pytest.mark.requirement("CHN-1500")
def test_combined_request_of_every_method_and_suite(target: Target, control: Control, rng: random.Random) -> None:
    """Where message_3 ends depends on the proof and its length: MAC or signature, eight bytes or sixty-four."""
    for method in methods(target):
        for number in suites(target):
            control.reset(rng.randbytes(32))
            suite = CombiningInitiator(target, rng, method=method, suite=number)
            assert suite.channel.unprotect(target.exchange(suite.combined())).code == Code.CONTENT


@pytest.mark.requirement("CHN-1500")
def test_combined_request_with_every_kind_of_credential(target: Target, control: Control, rng: random.Random) -> None:
    """A credential sent by value makes message_3 longer than one byte can say."""
    for kind in kinds(target):
        control.reset(rng.randbytes(32))
        suite = CombiningInitiator(target, rng, own_kind=kind, target_kind=kind)
        assert suite.channel.unprotect(target.exchange(suite.combined())).code == Code.CONTENT


@pytest.mark.requirement("CHN-1500")
@pytest.mark.parametrize("c_i", [b"", b"\xff\xff", bytes(6)], ids=["empty", "two", "six"])
def test_identifiers_of_any_length_combine(target: Target, rng: random.Random, c_i: bytes) -> None:
    """The kid is C_R as bytes, never in the form that it has in front of a message."""
    suite = CombiningInitiator(target, rng, c_i)

    assert suite.channel.unprotect(target.exchange(suite.combined())).code == Code.CONTENT


@pytest.mark.requirement("CHN-1500")
@pytest.mark.parametrize(
    ("code", "path", "expected"),
    [
        pytest.param(Code.GET, "/no/such/path", Code.NOT_FOUND, id="no-such-path"),
        pytest.param(Code.DELETE, "", Code.METHOD_NOT_ALLOWED, id="no-such-method"),
    ],
)
def test_request_behind_message_3_is_judged_like_any_other(
    target: Target, rng: random.Random, code: Code, path: str, expected: Code
) -> None:
    """That somebody may open a channel says nothing about what they may do over it."""
    suite = CombiningInitiator(target, rng)
    path = path or target.manifest.resources.protected_get

    reply = suite.channel.unprotect(target.exchange(suite.combined(target.build(code, path))))

    assert reply.code == expected


@pytest.mark.requirement("CHN-1500")
@pytest.mark.needs("messaging.datagram")
def test_request_behind_message_3_acts_once(target: Target, control: Control, rng: random.Random) -> None:
    """The datagram is repeated on the way: the lamp switches once."""
    suite = CombiningInitiator(target, rng)
    path = target.manifest.resources.protected_put
    request = suite.combined(target.build(Code.PUT, path, b"\xf5", content_format=CONTENT_FORMAT_CBOR))
    before = control.changes(path)

    first = target.exchange(request)
    second = target.exchange(request)

    assert suite.channel.unprotect(first).code >> 5 == 2
    assert second == first
    assert control.changes(path) == before + 1


@pytest.mark.requirement("CHN-1510")
@pytest.mark.parametrize(
    "wrong",
    ["no-oscore", "nothing-behind", "cut", "integer", "text", "prefix", "long-form", "indefinite", "array", "too-long"],
)
def test_what_is_no_combined_request_is_refused(
    target: Target, control: Control, rng: random.Random, wrong: str
) -> None:
    """A message that says of itself that it is two, and is not: no session may end because of it."""
    suite = CombiningInitiator(target, rng)
    whole = suite.combined()
    third, rest = suite.message_3, whole.payload[len(suite.message_3) :]
    content = third[1:] if third[0] < 0x58 else third[2:]
    payloads = {
        "nothing-behind": third,
        "cut": third[:-1],
        "integer": b"\x01" + rest,
        "text": bytes((third[0] + 0x20,)) + third[1:] + rest,
        "prefix": b"\x00" + third + rest,
        "long-form": b"\x59" + len(content).to_bytes(2, "big") + content + rest,
        "indefinite": b"\x5f" + third + b"\xff" + rest,
        "array": b"\x81" + third + rest,
        "too-long": b"\x59\xff\xff" + content + rest,
    }
    if wrong == "no-oscore":
        options = tuple(entry for entry in whole.options if entry[0] != Option.OSCORE)
        message = replace(whole, options=options)
    else:
        message = replace(whole, payload=payloads[wrong])

    with target.expect_unchanged():
        target.expect_refusal(target.exchange(message), Code.BAD_REQUEST, Problem.MALFORMED)

    assert suite.peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-1510")
@pytest.mark.parametrize(("head", "length"), [("5800", 0), ("5817", 23), ("590018", 24), ("5900ff", 255)])
def test_length_in_the_wrong_form_is_refused(
    target: Target, control: Control, rng: random.Random, head: str, length: int
) -> None:
    """A length that fits into fewer bytes: stacks that disagree on the form disagree on where the request begins."""
    suite = CombiningInitiator(target, rng)

    with target.expect_unchanged():
        message = suite.combined(message_3=bytes.fromhex(head) + bytes(length))
        target.expect_refusal(target.exchange(message), Code.BAD_REQUEST, Problem.MALFORMED)

    assert suite.peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-1570")
@pytest.mark.parametrize("value", [b"\x00", b"\x01", bytes(12), bytes(255)], ids=["0", "1", "12", "255"])
def test_value_of_the_option_is_ignored(target: Target, rng: random.Random, value: bytes) -> None:
    """A later standard may give it a value; what is deployed by then must go on."""
    suite = CombiningInitiator(target, rng)

    reply = target.exchange(with_edhoc_option(suite.combined(), value))

    assert suite.channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-1520")
@pytest.mark.parametrize("where", ["first-byte", "last-byte", "shorter", "empty", "other-session"])
def test_forged_message_3_opens_nothing(target: Target, control: Control, rng: random.Random, where: str) -> None:
    """Somebody puts a message_3 of their own before the honest request, or changes a bit of it."""
    suite = CombiningInitiator(target, rng)
    content = bytearray(suite.message_3[1:])
    if where in ("first-byte", "last-byte"):
        content[0 if where == "first-byte" else -1] ^= 1
    forged = {"shorter": dumps(bytes(content[:-1])), "empty": dumps(b""), "other-session": dumps(rng.randbytes(18))}

    message = suite.combined(message_3=forged.get(where, suite.message_3[:1] + bytes(content)))

    expect_refused_handshake(target, control, message, Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("CHN-1520")
@pytest.mark.parametrize("length", [23, 24, 255, 256])
def test_message_3_of_every_form_of_length_is_judged(
    target: Target, control: Control, rng: random.Random, length: int
) -> None:
    """Where the length begins to need another byte, message_3 is read as one, and refused for what is in it."""
    suite = CombiningInitiator(target, rng)

    message = suite.combined(message_3=dumps(rng.randbytes(length)))

    expect_refused_handshake(target, control, message, Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("CHN-1520")
@pytest.mark.needs("channel.edhoc.credential.kid")
def test_unknown_credential_is_refused_with_code_1(target: Target, control: Control, rng: random.Random) -> None:
    """Here nobody negotiates which credential to show: the answer to a combined request has one code."""
    suite = CombiningInitiator(target, rng)
    run = suite.peer.run
    plain = run.compose_plaintext_3(id_cred=b"\xa1\x04\x43\x01\x02\x03")

    message = suite.combined(message_3=run.encrypt_3(plain))

    expect_refused_handshake(target, control, message, Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("CHN-1520")
def test_refused_message_3_acts_on_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """The command behind a forged message_3 must not be served, whatever it is protected with."""
    suite = CombiningInitiator(target, rng)
    path = target.manifest.resources.protected_put
    command = target.build(Code.PUT, path, b"\xf5", content_format=CONTENT_FORMAT_CBOR)
    before = control.changes(path)

    expect_refused_handshake(target, control, suite.combined(command, dumps(bytes(18))), Problem.AUTHENTICATION_FAILED)

    assert control.changes(path) == before


@pytest.mark.requirement("CHN-1550")
def test_recorded_combined_request_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """A recorded handshake with its command, played again: the session is over."""
    suite = CombiningInitiator(target, rng)
    recorded = suite.combined()
    assert suite.channel.unprotect(target.exchange(recorded)).code == Code.CONTENT

    with target.expect_unchanged():
        error = expect_error(target, target.exchange(again(target, recorded)), Problem.UNEXPECTED_MESSAGE)

    assert error.code == 1
    assert suite.channel.ask(suite.read()).code == Code.CONTENT


@pytest.mark.requirement("CHN-1550")
def test_combined_request_for_nobody_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """An identifier that was never given out: it must not be taken for the newest session."""
    suite = CombiningInitiator(target, rng)
    protected = suite.channel.protect(suite.read())
    value = protected.option(Option.OSCORE) or b""
    length = len(suite.peer.run.c_r)
    stranger = replace(protected, options=((int(Option.OSCORE), value[: len(value) - length] + b"\xee" * 5),))

    with target.expect_unchanged():
        reply = target.exchange(combine(suite.message_3, stranger))
        expect_error(target, reply, Problem.UNEXPECTED_MESSAGE)

    assert suite.peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-1530")
@pytest.mark.needs("channel.edhoc.message4")
def test_handshake_with_message_4_does_not_combine(target: Target, control: Control, rng: random.Random) -> None:
    """message_4 was agreed on, and a combined request leaves no room for it: confirmation must not be dropped."""
    suite = CombiningInitiator(target, rng, message_4=True)

    expect_refused_handshake(target, control, suite.combined(), Problem.UNEXPECTED_MESSAGE)


@pytest.mark.requirement("CHN-1540")
@pytest.mark.parametrize("where", [0, -1], ids=["first-byte", "last-byte"])
def test_forged_request_leaves_the_channel(target: Target, control: Control, rng: random.Random, where: int) -> None:
    """Somebody spoils the request behind an honest message_3: the handshake is complete all the same."""
    suite = CombiningInitiator(target, rng)
    whole = suite.combined()
    start = len(suite.message_3)
    body = bytearray(whole.payload[start:])
    body[where] ^= 1

    reply = target.exchange(replace(whole, payload=whole.payload[:start] + bytes(body)))

    assert reply.option(Option.OSCORE) is None
    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)
    assert suite.channel.ask(suite.read()).code == Code.CONTENT


@pytest.mark.requirement("CHN-1560")
@pytest.mark.parametrize("first", [True, False], ids=["in-the-first-request", "in-a-later-one"])
def test_option_inside_is_not_understood(target: Target, rng: random.Random, first: bool) -> None:
    """Who has the keys puts the option where nothing is left to be taken out: it is critical, and it is unknown."""
    suite = CombiningInitiator(target, rng)
    if not first:
        assert suite.channel.unprotect(target.exchange(suite.combined())).code == Code.CONTENT
    request = with_edhoc_option(suite.read(), b"")
    sender, number = suite.channel.context.sender, suite.channel.context.numbers.value
    sealed = seal(target, suite.channel, plaintext(request))
    suite.channel.expect(sealed.token, Binding(sender.aad(encode_partial_iv(number)), sender.nonce(number)))

    reply = target.exchange(combine(suite.message_3, sealed) if first else sealed)

    assert suite.channel.unprotect(reply).code == Code.BAD_OPTION
