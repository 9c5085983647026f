"""Honest handshakes in every form that the target declares, with the target on either side."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS, encode_identifier
from picosec.channel.session import Role, Session
from picosec.messaging.cbor import loads_sequence
from picosec.messaging.coap import Code
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, as_initiator, kinds, meet, methods, prover
from picosec_conformance.handshake import initiate, introduce, open_channel, respond
from picosec_conformance.target import Target

METHOD_REQUIREMENTS = ("CHN-060", "CHN-070", "CHN-080", "CHN-090")
SUITE_REQUIREMENTS = ("CHN-110", "CHN-120", "CHN-130", "CHN-140", "CHN-150", "CHN-160", "CHN-170")
KIND_REQUIREMENTS = {
    Kind.KID: "CHN-360",
    Kind.X5T: "CHN-380",
    Kind.X5CHAIN: "CHN-390",
    Kind.KCCS: "CHN-410",
    Kind.KCWT: "CHN-430",
}
RESPONDER, INITIATOR = "channel.edhoc.responder", "channel.edhoc.initiator"

GRID = [
    pytest.param(
        method,
        suite,
        id=f"method-{method}-suite-{suite}",
        marks=pytest.mark.requirement(METHOD_REQUIREMENTS[method], SUITE_REQUIREMENTS[suite]),
    )
    for method in range(4)
    for suite in range(7)
]


def speaks(target: Target, session: Session) -> None:
    """Check that both ends have the same channel."""
    path = target.manifest.resources.protected_get
    assert open_channel(target, session).request(Code.GET, path).code == Code.CONTENT


def opened_by(target: Target, control: Control, rng: random.Random, **choices: object) -> Session:
    """Make the target open a channel with the suite and return the suite's session."""
    parties = meet(target, rng, **as_initiator(**choices))
    control.act("open", {1: parties.method, 2: [parties.suite]})
    session = respond(target, parties)
    target.until_probe_answered()
    return session


@pytest.mark.needs(RESPONDER)
@pytest.mark.parametrize(("method", "suite"), GRID)
def test_target_responds(target: Target, control: Control, rng: random.Random, method: int, suite: int) -> None:
    """Every method in every suite that is declared; the sides name their credentials by two of the declared kinds."""
    declared = kinds(target)
    own, theirs = declared[suite % len(declared)], declared[method % len(declared)]

    speaks(
        target, initiate(target, introduce(target, rng, method=method, suite=suite, own_kind=own, target_kind=theirs))
    )

    if control.blind:
        return
    opened = control.event("channel").fields
    assert (opened[0], opened[2], opened[3], opened[5]) == (None, method, suite, Role.RESPONDER.value)


@pytest.mark.needs(INITIATOR)
@pytest.mark.parametrize(("method", "suite"), GRID)
def test_target_initiates(target: Target, control: Control, rng: random.Random, method: int, suite: int) -> None:
    """The same with the target as the one who begins."""
    declared = kinds(target)
    own, theirs = declared[method % len(declared)], declared[suite % len(declared)]

    speaks(target, opened_by(target, control, rng, method=method, suite=suite, own_kind=own, target_kind=theirs))

    opened = control.event("channel").fields
    assert (opened[2], opened[3], opened[5]) == (method, suite, Role.INITIATOR.value)


KINDS = [
    pytest.param(
        kind,
        id=kind.value,
        marks=[pytest.mark.requirement(name), pytest.mark.needs(f"channel.edhoc.credential.{kind.value}")],
    )
    for kind, name in KIND_REQUIREMENTS.items()
]


@pytest.mark.needs(RESPONDER)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["the suite's", "the target's"])
def test_responder_and_each_kind_of_credential(
    target: Target, control: Control, rng: random.Random, side: str, kind: Kind
) -> None:
    """A lamp that was sold before a kind of credential became common still has to be understood by its owner."""
    choice = {"own_kind" if side == "the suite's" else "target_kind": kind}

    for method in methods(target):
        control.reset(rng.randbytes(32))
        parties = meet(target, rng, method=method, **choice)
        speaks(target, initiate(target, parties))
        assert control.event("channel").fields[4] == prover(parties.own).cred


@pytest.mark.needs(INITIATOR)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["the suite's", "the target's"])
def test_initiator_and_each_kind_of_credential(
    target: Target, control: Control, rng: random.Random, side: str, kind: Kind
) -> None:
    """The same with the target as the one who begins."""
    choice = {"own_kind" if side == "the suite's" else "target_kind": kind}

    for method in methods(target):
        control.reset(rng.randbytes(32))
        speaks(target, opened_by(target, control, rng, method=method, **choice))


@pytest.mark.requirement("CHN-360", "MSG-010")
@pytest.mark.needs(INITIATOR, "channel.edhoc.credential.kid", "channel.edhoc.suite.2", "channel.edhoc.method.3")
@pytest.mark.parametrize("length", [*range(10), 22, 23, 24, 40])
def test_key_identifier_of_any_length_is_sent(
    target: Target, control: Control, rng: random.Random, length: int
) -> None:
    """Wherever a length in a message passes 23 bytes, its head grows; neither earlier nor later."""
    parties = introduce(target, rng, target_role=Role.INITIATOR, target_kid=bytes(range(0x40, 0x40 + length)))
    control.act("open", {1: parties.method, 2: [parties.suite]})

    assert respond(target, parties).peer.cred == parties.target.credential


@pytest.mark.requirement("CHN-050")
@pytest.mark.needs("channel.edhoc.credential.kid")
def test_short_identifiers_stand_as_integers(target: Target, control: Control, rng: random.Random) -> None:
    """A byte string where an integer belongs costs a byte in each message, and a peer that compares bytes finds
    nothing.
    """
    peer = HostileInitiator(target, meet(target, rng, target_kind=Kind.KID))
    peer.reach_2()

    c_r, kid, *_ = loads_sequence(peer.run["plaintext_2"])

    assert isinstance(kid, int)
    assert isinstance(c_r, int) or c_r not in SHORT_IDENTIFIERS
    assert peer.run["plaintext_2"].startswith(encode_identifier(peer.run.c_r))
