"""What the target reports when its peer ends a handshake: the peer's reason, and no other."""

from __future__ import annotations

import random

import pytest

from picosec.channel.edhoc_error import ErrorMessage
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileResponder, as_initiator, expect_given_up, meet
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("channel.edhoc.initiator")


def ended_with(target: Target, control: Control, rng: random.Random, message: bytes) -> None:
    """Answer message_1 with an error message."""
    peer = HostileResponder(target, control, meet(target, rng, **as_initiator()))
    peer.wait_1()
    peer.send_2(message, "error", Code.BAD_REQUEST)


@pytest.mark.requirement("CNF-360")
@pytest.mark.parametrize(
    "problem",
    [Problem.MALFORMED, Problem.BAD_KEY, Problem.BUSY, Problem.UNSUPPORTED_METHOD, Problem.INTERNAL],
    ids=lambda problem: problem.name.lower(),
)
def test_named_reason_is_passed_on(target: Target, control: Control, rng: random.Random, problem: Problem) -> None:
    """Whoever looks for the cause of a failed handshake begins with what the other side said of it."""
    ended_with(target, control, rng, ErrorMessage(1, problem.name.lower()).encode())

    expect_given_up(target, control, problem)


@pytest.mark.requirement("CNF-370")
def test_unknown_credential_is_passed_on(target: Target, control: Control, rng: random.Random) -> None:
    """The answer to it is another credential, or the same by value, and not another attempt."""
    ended_with(target, control, rng, ErrorMessage(3, True).encode())

    expect_given_up(target, control, Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("CNF-350")
@pytest.mark.parametrize("text", ["", "no", "MALFORMED", "malformed ", "refused by the house"])
def test_text_that_is_no_name_is_a_refusal(target: Target, control: Control, rng: random.Random, text: str) -> None:
    """Names are compared as they are; what only resembles one is prose."""
    ended_with(target, control, rng, ErrorMessage(1, text).encode())

    expect_given_up(target, control, Problem.REFUSED)


@pytest.mark.requirement("CNF-900")
@pytest.mark.parametrize("message", ["01", "6178", "f5f5", "0101", "01f5", "03f4", "01a0", "0261", "02f5", "81"])
def test_malformed_error_message_is_reported_as_such(
    target: Target, control: Control, rng: random.Random, message: str
) -> None:
    """A peer that refuses in a language of its own has two faults, and its owner wants to know of both."""
    ended_with(target, control, rng, bytes.fromhex(message))

    expect_given_up(target, control, Problem.MALFORMED)


@pytest.mark.requirement("CHN-550")
@pytest.mark.parametrize(
    "message",
    [
        "01",
        "01617801",
        "6178",
        "f5f5",
        "0101",
        "01f5",
        "03f4",
        "01a0",
        "0180",
        "01816161",
        "03a0",
        "00a0",
        "0301",
        "0261",
        "02f5",
        "00617a",
        "20f5",
        "18ff6178",
        "81",
    ],
)
def test_error_message_of_another_form_ends_the_attempt(
    target: Target, control: Control, rng: random.Random, message: str
) -> None:
    """Too little, too much, or the information of another code: whoever takes it apart before it looks falls over."""
    ended_with(target, control, rng, bytes.fromhex(message))

    expect_given_up(target, control, None)
