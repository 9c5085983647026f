"""What a credential is depends on the label that it comes under, whatever it looks like."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind
from picosec.messaging.cbor import dumps, loads
from picosec_conformance.control import Control
from picosec_conformance.meeting import EITHER_SIDE
from picosec_conformance.showing import Meeting
from picosec_conformance.target import Target


@EITHER_SIDE
@pytest.mark.needs("channel.edhoc.credential.kccs")
@pytest.mark.parametrize("label", [13, 33, 34, 24, 99])
def test_trusted_claims_set_under_another_label_is_refused(
    target: Target, control: Control, rng: random.Random, side: str, label: int
) -> None:
    """Taken for what it looks like, one credential has several names, and what was signed under one is another's."""
    meeting = Meeting(target, control, rng, side, Kind.KCCS)

    assert not meeting.shown(dumps({label: loads(meeting.honest.cred)}), meeting.honest.cred)
