"""Attempts of the target as Initiator: what it shows of itself, and how it takes and gives bad news."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.ead import EadItem, encode_ead
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS, encode_identifier
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads, loads_sequence
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, Problem
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    HostileResponder,
    as_initiator,
    expect_given_up,
    meet,
    methods,
    same_curves,
)
from picosec_conformance.handshake import PATH
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Nonconformity, Target


def begun(target: Target, control: Control, rng: random.Random, **choices: object) -> HostileResponder:
    """Return a hostile Responder that has an honest message_1."""
    peer = HostileResponder(target, control, meet(target, rng, **as_initiator(**choices)))
    peer.wait_1()
    return peer


def symmetric(target: Target) -> int:
    """Return a method in which one credential serves on both sides. Skips the test when none is declared."""
    found = [method for method in methods(target) if method in (0, 3)]
    if not found:
        pytest.skip("not declared: method 0 or 3")
    return found[0]


def farewell(target: Target, c_r: bytes) -> ErrorMessage:
    """Receive the target's error message."""
    request = target.receive("an EDHOC error message")
    prefix = encode_identifier(c_r)
    where = (request.code, request.path, request.content_format)
    if where != (Code.POST, PATH, CONTENT_FORMAT_CID_EDHOC) or not request.payload.startswith(prefix):
        raise Nonconformity(f"expected POST {PATH} with an error message behind the Responder's identifier")
    try:
        return ErrorMessage.decode(request.payload[len(prefix) :])
    except ProtocolError as error:
        raise Nonconformity(f"expected an EDHOC error message: {error}") from error


def told(target: Target, control: Control, peer: HostileResponder, problem: Problem, code: int = 1) -> None:
    """Check that the target gave up, and said so."""
    message = farewell(target, peer.run.c_r)
    expect_given_up(target, control, problem, peer.run.c_r)
    assert message.code == code
    if code == 1 and target.manifest.declares("messaging.problem-details"):
        assert message.info == problem.name.lower()


@pytest.mark.requirement("CHN-1050", "CHN-460")
@pytest.mark.needs("channel.edhoc.credential.kid")
def test_responder_learns_that_its_credential_is_unknown(target: Target, control: Control, rng: random.Random) -> None:
    """It can send its credential by value next time: but only if somebody tells it."""
    peer = begun(target, control, rng)
    plaintext = peer.run.compose_plaintext_2(id_cred=dumps({4: b"\x7f"}))
    peer.send_2(peer.run.encrypt_2(plaintext))

    told(target, control, peer, Problem.UNKNOWN_CREDENTIAL, 3)


@pytest.mark.requirement("CHN-1050")
@pytest.mark.parametrize("why", ["proof", "item", "identifier", "kind"])
def test_responder_learns_that_message_2_was_refused(
    target: Target, control: Control, rng: random.Random, why: str
) -> None:
    """Who is not told waits four minutes for message_3, with a session that somebody else could have."""
    peer = begun(target, control, rng)
    run = peer.run
    if why == "proof":
        message, problem = run.encrypt_2(run.compose_plaintext_2() + b"\x00"), Problem.AUTHENTICATION_FAILED
    elif why == "item":
        item = encode_ead([EadItem(65535, b"", critical=True)])
        message, problem = run.compose_message_2(item), Problem.CRITICAL_EAD
    elif why == "identifier":
        run.c_r = run.c_i
        message, problem = run.compose_message_2(), Problem.BAD_IDENTIFIER
    else:
        plaintext = run.compose_plaintext_2(id_cred=dumps({35: "https://example.org/certificate"}))
        message, problem = run.encrypt_2(plaintext), Problem.BAD_CREDENTIAL
    peer.send_2(message)

    told(target, control, peer, problem)


@pytest.mark.requirement("CHN-1050")
@pytest.mark.needs("channel.edhoc.message4")
def test_responder_learns_that_message_4_was_refused(target: Target, control: Control, rng: random.Random) -> None:
    """The Responder has a channel already: it must learn that nobody is at the other end."""
    peer = begun(target, control, rng, message_4=True)
    peer.send_2()
    peer.wait_3()
    content = bytearray(loads(peer.run.compose_message_4()))
    content[0] ^= 1
    peer.send_4(dumps(bytes(content)))

    told(target, control, peer, Problem.AUTHENTICATION_FAILED)


ERRORS = pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x01\x67refused", id="unspecified"),
        pytest.param(b"\x03\xf5", id="unknown-credential"),
        pytest.param(b"\x18\x2a\xa0", id="unknown-code"),
        pytest.param(b"\x20\xf6", id="negative-code"),
        pytest.param(b"\x00\xf5", id="success"),
    ],
)


def ended(target: Target, control: Control) -> None:
    """Check that the attempt is over, and that the target had nothing to say to it."""
    assert target.until_probe_answered() == []
    assert control.event("channel-failed")
    state = control.state()
    assert (state[2], state[3]) == (0, 0)


@pytest.mark.requirement("CHN-1060")
@ERRORS
def test_error_message_in_place_of_message_2_ends_the_attempt(
    target: Target, control: Control, rng: random.Random, message: bytes
) -> None:
    """An error message in return to one would go back and forth for ever."""
    peer = begun(target, control, rng)
    peer.send_2(message, "error", Code.BAD_REQUEST)

    ended(target, control)


@pytest.mark.requirement("CHN-1060")
@ERRORS
def test_error_message_after_message_3_ends_the_attempt(
    target: Target, control: Control, rng: random.Random, message: bytes
) -> None:
    """The Responder does not know who this is: what the Initiator sent over its channel would be lost, or worse."""
    peer = begun(target, control, rng)
    peer.send_2()
    peer.wait_3()
    peer.send_4(message, "error", Code.BAD_REQUEST)

    ended(target, control)


@pytest.mark.requirement("CHN-1060")
def test_suites_after_message_3_do_not_begin_anew(target: Target, control: Control, rng: random.Random) -> None:
    """ERR_CODE 2 answers message_1 only: later, it would be a way to make an Initiator show itself again."""
    several = same_curves(target, 2)
    parties = meet(target, rng, **as_initiator(suite=several[0]))
    control.provision(suites=several)
    peer = HostileResponder(target, control, parties)
    peer.wait_1(several)
    peer.send_2()
    peer.wait_3()
    peer.send_4(ErrorMessage(2, (several[1],)).encode(), "error", Code.BAD_REQUEST)

    ended(target, control)


@pytest.mark.requirement("CHN-1000")
@pytest.mark.needs("channel.edhoc.credential.kid")
def test_short_identifiers_of_the_initiator_stand_as_integers(
    target: Target, control: Control, rng: random.Random
) -> None:
    """A byte string where an integer belongs costs a byte in each message, and a strict peer refuses it."""
    peer = HostileResponder(target, control, meet(target, rng, **as_initiator(target_kind=Kind.KID)))
    c_i = loads_sequence(peer.wait_1())[3]
    peer.send_2()
    peer.wait_3()
    kid = loads_sequence(peer.run["plaintext_3"])[0]

    assert isinstance(c_i, int) or c_i not in SHORT_IDENTIFIERS
    assert isinstance(kid, int)


@pytest.mark.requirement("CHN-1010")
def test_each_channel_has_an_identifier_of_its_own(target: Target, control: Control, rng: random.Random) -> None:
    """Two servers that were given one identifier: what one of them answers is looked up under the keys of the other."""
    if target.manifest.calls:
        raise NotGiven("each call may be a process of its own, which holds no other session")
    parties = meet(target, rng, **as_initiator())
    chosen = []
    for _ in range(4):
        peer = HostileResponder(target, control, parties, rng.randbytes(3))
        peer.wait_1()
        peer.send_2()
        peer.wait_3()
        peer.send_4(b"", "end of the handshake")
        target.until_probe_answered()
        chosen.append(peer.run.c_i)

    assert len(set(chosen)) == 4


@pytest.mark.requirement("CHN-1010", "CHN-290")
@pytest.mark.parametrize("first", ["initiator", "responder"])
def test_sessions_in_both_directions_have_different_identifiers(
    target: Target, control: Control, rng: random.Random, first: str
) -> None:
    """The target begins a session while somebody begins one with it: both are looked up in one place in the end."""
    method = symmetric(target)
    parties = meet(target, rng, method=method)
    begins, answers = HostileResponder(target, control, parties), HostileInitiator(target, parties)
    for step in (begins.wait_1, answers.reach_2) if first == "initiator" else (answers.reach_2, begins.wait_1):
        step()

    assert begins.run.c_i != answers.run.c_r


@pytest.mark.requirement("CHN-1010")
@pytest.mark.needs("channel.oscore.client")
def test_identifier_of_a_provisioned_channel_is_not_chosen(
    target: Target, control: Control, rng: random.Random
) -> None:
    """The same seed makes the same choice; but now the identifier is taken."""
    seed, people = rng.randbytes(32), rng.randbytes(32)
    control.reset(seed)
    first = begun(target, control, random.Random(people)).run.c_i
    control.reset(seed)
    control.provision(oscore=[oscore_context(b"\x7e", first, rng.randbytes(16))])

    assert begun(target, control, random.Random(people)).run.c_i != first
