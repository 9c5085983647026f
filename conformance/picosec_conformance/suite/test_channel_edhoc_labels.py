"""Critical items of external authorization data, at the edges of what a label is."""

from __future__ import annotations

import random

import pytest

from picosec.channel.ead import EadItem, encode_ead
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, expect_ended, expect_error, meet
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("channel.edhoc.responder")

LABELS = [1, 2, 23, 24, 25, 256, 257, *(pytest.param(label, marks=pytest.mark.beyond) for label in (65536, 65537))]


@pytest.mark.requirement("CHN-340")
@pytest.mark.parametrize("label", LABELS)
def test_smallest_labels_can_be_critical(target: Target, control: Control, rng: random.Random, label: int) -> None:
    """Minus one is negative, too: the first extension of all was critical, and is passed over."""
    peer = HostileInitiator(target, meet(target, rng))

    reply = peer.send_1(ead=encode_ead([EadItem(label, b"", critical=True)]))

    expect_error(target, reply, Problem.CRITICAL_EAD)
    expect_ended(control)


@pytest.mark.requirement("CHN-320")
@pytest.mark.parametrize("label", LABELS)
def test_same_labels_that_are_not_critical_are_passed_over(
    target: Target, control: Control, rng: random.Random, label: int
) -> None:
    """The sign is all that tells one from the other."""
    peer = HostileInitiator(target, meet(target, rng))
    peer.reach_2(encode_ead([EadItem(label, b"value"), EadItem(label)]))

    assert peer.send_3(peer.run.compose_message_3(encode_ead([EadItem(label)]))).code == Code.CHANGED
