"""Key identifiers of every length and form: those that look like integers, and those that nearly do."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.session import Role
from picosec.messaging.coap import Code
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, open_channel, respond
from picosec_conformance.target import Target

pytestmark = [
    pytest.mark.requirement("CHN-360"),
    pytest.mark.needs("channel.edhoc.credential.kid"),
]

#: The integers -24 to 23 have one byte; the bytes beside them stand for no whole integer.
KIDS = ["00", "17", "18", "20", "37", "38", "41", "80", "ff", "0000", "4100", "1818", "00" * 8, "17" * 24]


@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.requirement("CHN-050")
@pytest.mark.parametrize("kid", KIDS)
def test_responder_is_known_by_any_key_identifier(
    target: Target, control: Control, rng: random.Random, kid: str
) -> None:
    """One byte that is no integer, written without its head, turns all that follows into something else."""
    parties = meet(target, rng, own_kind=Kind.KID, target_kind=Kind.KID, target_kid=bytes.fromhex(kid))

    session = initiate(target, parties)

    assert open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get).code == Code.CONTENT


@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.requirement("CHN-1000")
@pytest.mark.parametrize("kid", KIDS)
def test_initiator_is_known_by_any_key_identifier(
    target: Target, control: Control, rng: random.Random, kid: str
) -> None:
    """The same with the target as the one who begins."""
    named = bytes.fromhex(kid)
    parties = meet(target, rng, own_kind=Kind.KID, target_kind=Kind.KID, target_kid=named, target_role=Role.INITIATOR)
    control.act("open", {1: parties.method, 2: [parties.suite]})

    session = respond(target, parties)

    assert session.peer.kid == named


@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("kid", KIDS)
def test_initiators_key_identifier_may_be_any(target: Target, control: Control, rng: random.Random, kid: str) -> None:
    """A device that reads short identifiers in one form finds only the peers whose numbering suits it."""
    parties = meet(target, rng, own_kind=Kind.KID, target_kind=Kind.KID, own_kid=bytes.fromhex(kid))

    initiate(target, parties)

    assert control.event("channel").fields[4] == parties.own.credential


@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize("kid", KIDS)
def test_responders_key_identifier_may_be_any(target: Target, control: Control, rng: random.Random, kid: str) -> None:
    """The same with the target as the one who begins."""
    parties = meet(
        target, rng, own_kind=Kind.KID, target_kind=Kind.KID, own_kid=bytes.fromhex(kid), target_role=Role.INITIATOR
    )
    control.act("open", {1: parties.method, 2: [parties.suite]})

    respond(target, parties)

    target.until_probe_answered()
    assert control.event("channel").fields[4] == parties.own.credential
