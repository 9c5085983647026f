"""Problem details as RFC 9290 has them, sent over a channel, and those of others that the target has to read."""

from __future__ import annotations

import random

import pytest

from picosec.messaging import problem as problem_details
from picosec.messaging.cbor import loads
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_PROBLEM_DETAILS, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, expect_no_channel, meet
from picosec_conformance.target import Target

TITLE, DETAIL, INSTANCE, RESPONSE_CODE, BASE_URI, BASE_LANGUAGE, BASE_DIRECTION = range(-1, -8, -1)


@pytest.mark.requirement("MSG-700")
@pytest.mark.needs("channel.oscore.server", "messaging.problem-details")
@pytest.mark.parametrize("payload", [b"\xff", b"\x18\x01", b"", b"\x81" * 17 + b"\0", b"text", b"\x07"], ids=bytes.hex)
def test_entries_of_a_protected_refusal_are_those_of_the_standard(
    target: Target, channel: Channel, payload: bytes
) -> None:
    """A sentence where a reference belongs is followed by whoever takes it for one."""
    path = target.manifest.resources.protected_put
    reply = channel.request(Code.PUT, path, payload, content_format=CONTENT_FORMAT_CBOR)
    assert reply.code >> 5 == 4

    entries = loads(reply.payload)

    for label in (TITLE, DETAIL):
        assert type(entries.get(label, "")) is str
    assert " " not in str(entries.get(INSTANCE, "")), "a sentence is no reference"
    assert entries.get(RESPONSE_CODE, int(reply.code)) == reply.code
    assert not [label for label in entries if type(label) is int and label < BASE_DIRECTION]
    further = {label: entry for label, entry in entries.items() if type(label) is str or label >= 0}
    assert all(type(entry) is dict for entry in further.values()), "an entry of one's own is a map (RFC 9290 section 3)"


@pytest.mark.requirement("MSG-710")
@pytest.mark.needs("channel.oscore.server", "messaging.problem-details")
@pytest.mark.parametrize("payload", [b"\xff", b"\x18\x01", b"text"], ids=bytes.hex)
def test_title_of_a_protected_refusal_is_the_name_of_its_error(
    target: Target, channel: Channel, payload: bytes
) -> None:
    """Whoever may know more reads it in the detail; programs that look at the title find what they always find."""
    path = target.manifest.resources.protected_put
    reply = channel.request(Code.PUT, path, payload, content_format=CONTENT_FORMAT_CBOR)

    problem = problem_details.decode(reply.payload)

    assert problem is not None
    assert loads(reply.payload)[TITLE] == problem.name.lower()


NAMING_NONE = pytest.mark.parametrize(
    "payload",
    [
        pytest.param("a0", id="empty"),
        pytest.param("a2206462757379" + "19fde8a1000e", id="order"),
        pytest.param("a119fde8a1001903e7", id="unknown-number"),
        pytest.param("a119fde8a1006162", id="number-is-text"),
        pytest.param("a119fde8a100f5", id="number-is-true"),
        pytest.param("a119fde8a10120", id="another-label"),
        pytest.param("a119fde801", id="no-map-inside"),
        pytest.param("80", id="array"),
        pytest.param("01", id="number-alone"),
        pytest.param("ff", id="no-cbor"),
        pytest.param("", id="nothing"),
    ],
)
CODES = pytest.mark.parametrize("code", [Code.BAD_REQUEST, Code.NOT_FOUND, Code.SERVICE_UNAVAILABLE])


@pytest.mark.requirement("CHN-550", "CNF-350")
@pytest.mark.needs("channel.edhoc.initiator")
@CODES
@NAMING_NONE
def test_refusal_in_problem_details_ends_the_attempt(
    target: Target, control: Control, rng: random.Random, code: Code, payload: str
) -> None:
    """The server has no EDHOC, or no room: the client reads why, whatever stands there, and is done."""
    assert refused(target, control, rng, code, payload) == "refused"


@pytest.mark.requirement("CNF-360")
@CODES
@pytest.mark.parametrize("problem", [Problem.MALFORMED, Problem.BUSY, Problem.NOT_FOUND])
def test_error_that_problem_details_hold_is_passed_on(
    target: Target, control: Control, rng: random.Random, code: Code, problem: Problem
) -> None:
    """Whoever waits for the channel learns whether to try again, and not only that there is none."""
    assert refused(target, control, rng, code, problem_details.encode(problem).hex()) == problem.name.lower()


@pytest.mark.requirement("CNF-360", "MSG-730")
@CODES
def test_unknown_entry_does_not_hide_the_error(
    target: Target, control: Control, rng: random.Random, code: Code
) -> None:
    """A later version explains more, and what this one can read stays readable."""
    assert refused(target, control, rng, code, "a201f619fde8a10001") == "malformed"


def refused(target: Target, control: Control, rng: random.Random, code: Code, payload: str) -> str:
    """Answer the target's message_1 with problem details, and return the error that it reports."""
    parties = meet(target, rng, **as_initiator())
    control.act("open", {1: parties.method, 2: [parties.suite]})
    request = target.receive("message_1")
    options = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_PROBLEM_DETAILS)),)

    refusal = Message(Type.ACK, code, request.message_id, request.token, options, bytes.fromhex(payload))

    assert target.replies_to(refusal) == []
    error = str(control.event("channel-failed").fields[1])
    expect_no_channel(control)
    return error
