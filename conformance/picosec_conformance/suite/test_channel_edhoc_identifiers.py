"""Key identifiers of every length and form: those that look like integers, and those that nearly do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.credentials import Kind
from picosec.channel.session import Role
from picosec.messaging.cbor import dumps, loads_sequence
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    HostileResponder,
    as_initiator,
    expect_error,
    meet,
    prover,
    settle,
)
from picosec_conformance.handshake import Parties, initiate, open_channel, respond
from picosec_conformance.identity import claims
from picosec_conformance.showing import Meeting
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


def trust(control: Control, parties: Parties, entry: dict[int, object]) -> None:
    """Let the target trust this alone."""
    control.reset()
    own = parties.target.own()
    control.provision(own=[own], trusted=[entry], methods=[parties.method], suites=[parties.suite])


@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("how", ["in-the-claims-set", "of-a-claims-set-by-value", "given-beside", "given-instead"])
def test_claims_set_is_known_by_its_key_identifier(
    target: Target, control: Control, rng: random.Random, how: str
) -> None:
    """The identifier stands in the key, or whoever set the device up has chosen one."""
    meeting = Meeting(target, control, rng, "responder", Kind.KCCS)
    inside, beside = b"inside", b"beside"
    ccs = dumps(claims("suite", meeting.honest.key, None if how == "given-beside" else inside))
    kind = "kccs" if how == "of-a-claims-set-by-value" else "kid"
    given = beside if how.startswith("given") else None
    trust(control, meeting.parties, trusted_credential(kind, ccs, given))

    assert meeting.shown(dumps({4: given or inside}), ccs)


@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("how", ["in-the-claims-set", "given-beside", "given-instead"])
def test_own_credential_goes_by_the_key_identifier_that_was_given(
    target: Target, control: Control, rng: random.Random, how: str
) -> None:
    """Two factories number their devices alike; whoever sets one up gives it another name."""
    parties = meet(target, rng, own_kind=Kind.KID, target_kind=Kind.KID)
    inside, given = b"inside", b"given"
    control.reset()
    named = dumps(claims("target", prover(parties.target).key, None if how == "given-beside" else inside))
    entry = {**parties.target.own(), 2: named}
    entry.pop(4)
    if how.startswith("given"):
        entry[4] = given
    control.provision(own=[entry], trusted=[parties.own.trust()], methods=[parties.method], suites=[parties.suite])
    peer = HostileInitiator(target, parties)
    peer.run.responder = replace(prover(parties.target), private_key=None, cred=named)

    peer.reach_2()

    assert loads_sequence(peer.run["plaintext_2"])[1] == (given if how.startswith("given") else inside)


@pytest.mark.requirement("CHN-450")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("other", [b"insid", b"inside\0", b"", b"INSIDE"], ids=repr)
def test_identifier_that_only_resembles_one_is_unknown(
    target: Target, control: Control, rng: random.Random, other: bytes
) -> None:
    """A comparison of prefixes, or without case, finds somebody else's key."""
    meeting = Meeting(target, control, rng, "responder", Kind.KCCS)
    ccs = dumps(claims("suite", meeting.honest.key, b"inside"))
    trust(control, meeting.parties, trusted_credential("kid", ccs, b"inside"))
    peer = HostileInitiator(target, meeting.parties)
    peer.reach_2()

    reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps({4: other}), cred=ccs)))

    expect_error(target, reply, Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("CHN-450")
@pytest.mark.needs("channel.edhoc.responder", "channel.edhoc.credential.kccs")
def test_claims_set_without_an_identifier_is_not_known_by_the_empty_one(
    target: Target, control: Control, rng: random.Random
) -> None:
    """No name is not the name of no bytes: by that, everybody without one would be the same."""
    meeting = Meeting(target, control, rng, "responder", Kind.KCCS)
    ccs = dumps(claims("suite", meeting.honest.key))
    trust(control, meeting.parties, trusted_credential("kccs", ccs))
    peer = HostileInitiator(target, meeting.parties)
    peer.reach_2()

    reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps({4: b""}), cred=ccs)))

    expect_error(target, reply, Problem.UNKNOWN_CREDENTIAL)


#: References in the form of a certificate's hash, and others that are no reference at all.
REFERENCES = [
    pytest.param([-15, bytes(8)], Problem.UNKNOWN_CREDENTIAL, id="truncated"),
    pytest.param([-16, bytes(32)], Problem.UNKNOWN_CREDENTIAL, id="whole"),
    pytest.param([-14, bytes(20)], Problem.BAD_CREDENTIAL, id="sha-1"),
    pytest.param([-17, bytes(32)], Problem.BAD_CREDENTIAL, id="sha-512-256"),
    pytest.param([16, bytes(32)], Problem.BAD_CREDENTIAL, id="positive"),
    pytest.param([-15, "hash"], Problem.BAD_CREDENTIAL, id="text"),
    pytest.param([-15], Problem.BAD_CREDENTIAL, id="no-hash"),
    pytest.param([-15, bytes(8), 0], Problem.BAD_CREDENTIAL, id="more"),
    pytest.param(["SHA-256", bytes(32)], Problem.BAD_CREDENTIAL, id="named"),
    pytest.param([-15.0, bytes(8)], Problem.BAD_CREDENTIAL, id="float"),
    pytest.param({-15: bytes(8)}, Problem.BAD_CREDENTIAL, id="map"),
    pytest.param(bytes(8), Problem.BAD_CREDENTIAL, id="hash-alone"),
]


@pytest.mark.requirement("CHN-450", "CHN-470")
@pytest.mark.needs("channel.edhoc.responder", "channel.edhoc.credential.x5t")
@pytest.mark.parametrize(("value", "problem"), REFERENCES)
def test_responder_tells_unknown_certificates_from_what_names_none(
    target: Target, control: Control, rng: random.Random, value: object, problem: Problem
) -> None:
    """Whoever hears "unknown" sends the certificate itself; whoever hears "bad" has to mend its own message."""
    peer = HostileInitiator(target, meet(target, rng))
    peer.reach_2()

    reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=dumps({34: value}))))

    expect_error(target, reply, problem)


@pytest.mark.requirement("CHN-460", "CHN-1030")
@pytest.mark.needs("channel.edhoc.initiator", "channel.edhoc.credential.x5t")
@pytest.mark.parametrize(("value", "problem"), REFERENCES)
def test_initiator_tells_unknown_certificates_from_what_names_none(
    target: Target, control: Control, rng: random.Random, value: object, problem: Problem
) -> None:
    """The same with the target as the one who begins."""
    peer = HostileResponder(target, control, meet(target, rng, **as_initiator()))
    peer.wait_1()
    peer.send_2(peer.run.encrypt_2(peer.run.compose_plaintext_2(id_cred=dumps({34: value}))))

    assert not settle(target)
    assert control.event("channel-failed").fields[1] == problem.name.lower()
