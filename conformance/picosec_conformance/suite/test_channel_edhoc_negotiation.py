"""The target as Initiator: suites that a Responder refuses, and error messages that lie."""

from __future__ import annotations

import random

import pytest

from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Message1
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_initiators import met
from picosec_conformance.edhoc_peer import (
    HostileResponder,
    expect_given_up,
    same_curves,
)
from picosec_conformance.handshake import Parties, answer, receive_message_1
from picosec_conformance.target import Target


def offered(target: Target, control: Control, rng: random.Random, count: int = 2) -> tuple[list[int], Parties]:
    """Give the target credentials and a policy for several suites, in the order of the returned list."""
    several = same_curves(target, count)
    parties = met(target, rng, suite=several[0])
    control.provision(suites=several)
    return several, parties


def next_message_1(target: Target) -> tuple[Message1, object]:
    """Receive the next message_1."""
    request, message = receive_message_1(target)
    return Message1.decode(message), request


def refuse_suite(target: Target, request: object, *suites_r: int) -> None:
    """Answer message_1 with ERR_CODE 2."""
    answer(target, request, ErrorMessage(2, suites_r).encode(), "error 2", Code.BAD_REQUEST)  # type: ignore[arg-type]


@pytest.mark.requirement("CHN-180", "CHN-220", "CHN-280")
@pytest.mark.parametrize("order", ["one way", "other way"])
def test_initiator_shows_its_preferences_and_tries_again(
    target: Target, control: Control, rng: random.Random, order: str
) -> None:
    """The Responder has the second choice only. The first must stay in sight, or a forged error would be enough to
    hide it.
    """
    several, parties = offered(target, control, rng)
    if order == "other way":
        several.reverse()
        control.provision(suites=several)
    control.act("open", {1: parties.method, 2: several})
    first, request = next_message_1(target)
    refuse_suite(target, request, several[1])
    second, _ = next_message_1(target)

    assert first.suites == (several[0],)
    assert second.suites == tuple(several)
    assert first.g_x != second.g_x


@pytest.mark.requirement("CHN-220")
def test_order_and_strangers_in_suites_r_do_not_matter(target: Target, control: Control, rng: random.Random) -> None:
    """SUITES_R is a set; what the Initiator does not know in it is passed over."""
    several, parties = offered(target, control, rng)
    control.act("open", {1: parties.method, 2: several})
    _, request = next_message_1(target)
    refuse_suite(target, request, 25, -21, several[1], 9)

    assert next_message_1(target)[0].suites == tuple(several)


@pytest.mark.requirement("CHN-220")
def test_initiator_goes_by_its_own_order(target: Target, control: Control, rng: random.Random) -> None:
    """Two suites in common: whoever writes the error message must not be the one who chooses between them."""
    several, parties = offered(target, control, rng, count=3)
    control.act("open", {1: parties.method, 2: several})
    _, request = next_message_1(target)
    refuse_suite(target, request, several[2], several[1])

    assert next_message_1(target)[0].suites == tuple(several[:2])


@pytest.mark.requirement("CHN-230")
@pytest.mark.parametrize("answers", ["nothing in common", "the refused one", "back and forth"])
def test_initiator_gives_up_where_no_suite_is_left(
    target: Target, control: Control, rng: random.Random, answers: str
) -> None:
    """A Responder, or somebody in between, sends the Initiator round in circles."""
    several, parties = offered(target, control, rng)
    control.act("open", {1: parties.method, 2: several})
    _, request = next_message_1(target)
    if answers == "nothing in common":
        refuse_suite(target, request, 9, 24)
    elif answers == "the refused one":
        refuse_suite(target, request, several[0], several[1])
    else:
        refuse_suite(target, request, several[1])
        _, request = next_message_1(target)
        refuse_suite(target, request, several[0])

    expect_given_up(target, control, Problem.UNSUPPORTED_SUITE)


@pytest.mark.requirement("CHN-550")
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x01\x67refused", id="unspecified"),
        pytest.param(b"\x03\xf5", id="unknown-credential"),
        pytest.param(b"\x18\x2a\xa0", id="unknown-code"),
        pytest.param(b"\x00\xf5", id="success"),
        pytest.param(b"\x02\x80", id="no-suites"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff", id="no-cbor"),
    ],
)
def test_error_message_ends_the_attempt(target: Target, control: Control, rng: random.Random, message: bytes) -> None:
    """Whatever the error response says, there is no channel, no second attempt and no crash."""
    parties = met(target, rng)
    peer = HostileResponder(target, control, parties)
    peer.wait_1()
    peer.send_2(message, "error", Code.BAD_REQUEST)

    expect_given_up(target, control, None)
