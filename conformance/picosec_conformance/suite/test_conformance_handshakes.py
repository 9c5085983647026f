"""What the Test Interface promises about handshakes: repeatable, drawn from given entropy, gone after a reboot."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind, Usage
from picosec.channel.edhoc_messages import Message1
from picosec.channel.session import Role
from picosec.crypto.curves import Curve
from picosec.crypto.vault import SoftwareVault
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec_conformance.control import Control
from picosec_conformance.handshake import (
    TRUE,
    Parties,
    answer,
    edhoc_request,
    initiate,
    introduce,
    message_of,
    receive_message_1,
    respond,
)
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.target import Target


def opened(target: Target, control: Control, rng: random.Random) -> bytes:
    """Make the target start a handshake and return its message_1."""
    introduce(target, rng, target_role=Role.INITIATOR)
    control.act("open", {1: 3, 2: [2]})
    return receive_message_1(target)[1]


@pytest.mark.requirement("CNF-110", "CNF-120")
@pytest.mark.needs("channel.edhoc.initiator")
def test_seed_decides_what_the_target_draws(target: Target, control: Control) -> None:
    """A failure that shows once in a thousand runs can only be mended when its run can be repeated."""

    def message_1(seed: bytes) -> bytes:
        control.reset(seed)
        return opened(target, control, random.Random(1))

    first = message_1(b"one seed")
    assert message_1(b"one seed") == first
    assert Message1.decode(message_1(b"another seed")).g_x != Message1.decode(first).g_x


@pytest.mark.requirement("CNF-110", "CNF-120")
@pytest.mark.needs("channel.edhoc.responder")
def test_seed_decides_what_a_responder_draws(target: Target, control: Control) -> None:
    """The same for a target that never begins anything."""

    def message_2(seed: bytes) -> bytes:
        control.reset(seed)
        parties = introduce(target, random.Random(1))
        message_1 = parties.initiator().prepare_message_1()
        return message_of(target.exchange(edhoc_request(target, TRUE, message_1), "message_1"))

    first = message_2(b"one seed")
    assert message_2(b"one seed") == first
    assert cbor.loads(message_2(b"another seed"))[:32] != cbor.loads(first)[:32]


@pytest.mark.requirement("CNF-110")
def test_reset_repeats_what_the_target_says(target: Target, control: Control) -> None:
    """Where nothing is drawn, nothing may differ: not even the digest of the state."""

    def answers() -> list[tuple[int, bytes]]:
        control.reset(b"one seed")
        paths = ("/ps/test/state", "/ps/test/store", "/no/such/path")
        return [(reply.code, reply.payload) for reply in (target.request(Code.GET, path) for path in paths)]

    assert answers() == answers()


@pytest.mark.requirement("CNF-220")
def test_queued_entropy_becomes_the_ephemeral_key(target: Target, control: Control, rng: random.Random) -> None:
    """Published traces can be reproduced on a device only when its ephemeral keys can be chosen."""
    introduce(target, rng, target_role=Role.INITIATOR)
    # One byte over and over: however much the target draws before the key, the key's bytes are the same.
    private = bytes([rng.randrange(1, 128)]) * 32
    vault = SoftwareVault(bytes(64), {})
    public = vault.public(vault.import_key(Curve.P256, private)).x
    control.inject(private * 8)
    control.act("open", {1: 3, 2: [2]})

    assert Message1.decode(receive_message_1(target)[1]).g_x == public


@pytest.mark.requirement("CNF-350")
def test_handshake_that_the_peer_ends_is_reported(target: Target, control: Control, rng: random.Random) -> None:
    """A door that stays shut should say whether it was the lock or the key: the peer said no, in words of its own."""
    introduce(target, rng, target_role=Role.INITIATOR)
    handle = control.act("open", {1: 3, 2: [2]})
    request, _ = receive_message_1(target)

    answer(target, request, b"\x01" + cbor.dumps("closed on Sundays"), "error message", Code.BAD_REQUEST)
    target.until_probe_answered()

    assert control.event("channel-failed").fields == {0: handle, 1: "refused"}


def introduce_two(target: Target, control: Control, rng: random.Random, **role: Role) -> tuple[Parties, Identity]:
    """Give the target one credential that goes by reference and one that goes by value; return the second one, too."""
    parties = introduce(target, rng, **role)  # type: ignore[arg-type]
    by_value = make_identity(Kind.KCCS, Usage.STATIC_DH, 2, rng.randbytes, name="by value")
    control.provision(own=[by_value.own()])
    parties.config.trusted.add(by_value.kind, by_value.trusted, by_value.kid)
    return parties, by_value


@pytest.mark.requirement("CNF-380")
@pytest.mark.needs("channel.edhoc.credential.kccs", "channel.edhoc.credential.kid")
@pytest.mark.parametrize("kind", ["kid", "kccs"])
def test_handshake_shows_the_kind_of_credential_that_was_demanded(
    target: Target, control: Control, rng: random.Random, kind: str
) -> None:
    """A test that wants a certificate on the wire is worth nothing when the target sends what it likes."""
    parties, by_value = introduce_two(target, control, rng, target_role=Role.INITIATOR)
    control.act("open", {1: 3, 2: [2], 3: kind})

    shown = respond(target, parties).peer.cred

    assert shown == (by_value if kind == "kccs" else parties.target).credential


@pytest.mark.requirement("CNF-390")
@pytest.mark.needs("channel.edhoc.credential.kccs", "channel.edhoc.credential.kid", "channel.edhoc.responder")
@pytest.mark.parametrize("by_value", [True, False])
def test_responder_sends_credentials_as_its_policy_says(
    target: Target, control: Control, rng: random.Random, by_value: bool
) -> None:
    """By reference a handshake is half as long, and by value it works with peers that know the issuer alone."""
    parties, second = introduce_two(target, control, rng)
    control.provision(methods=[3], suites=[2], by_value=by_value)

    assert initiate(target, parties).peer.cred == (second if by_value else parties.target).credential


@pytest.mark.requirement("CNF-390")
@pytest.mark.needs("channel.edhoc.credential.kccs", "channel.edhoc.credential.kid", "channel.edhoc.initiator")
@pytest.mark.parametrize("by_value", [True, False])
def test_initiator_sends_credentials_as_its_policy_says(
    target: Target, control: Control, rng: random.Random, by_value: bool
) -> None:
    """The same from the other side."""
    parties, second = introduce_two(target, control, rng, target_role=Role.INITIATOR)
    control.provision(methods=[3], suites=[2], by_value=by_value)
    control.act("open", {1: 3, 2: [2]})

    assert respond(target, parties).peer.cred == (second if by_value else parties.target).credential


@pytest.mark.requirement("CNF-140")
@pytest.mark.needs("conformance.test-interface")
def test_reboot_ends_handshakes_and_their_channels(target: Target, control: Control, rng: random.Random) -> None:
    """Keys that came out of a handshake live in memory alone: whoever steals a device without power finds none."""
    parties = introduce(target, rng)
    initiate(target, parties)
    message_of(target.exchange(edhoc_request(target, TRUE, parties.initiator().prepare_message_1())))
    before = control.state()
    assert (before[2], before[3]) == (1, 1)

    control.reboot()

    after = control.state()
    assert (after[2], after[3]) == (0, 0)


@pytest.mark.requirement("CNF-450")
@pytest.mark.parametrize(("label", "length"), [(32768, 16), (65535, 32), (40000, 64)])
def test_responder_exports_what_the_initiator_exports(
    target: Target, control: Control, rng: random.Random, label: int, length: int
) -> None:
    """Ends that agree on a channel but not on its exporter derive different keys for everything built on it."""
    session = initiate(target, introduce(target, rng))

    assert control.export(session.sender_id, label, b"context", length) == session.export(label, b"context", length)


@pytest.mark.requirement("CNF-450")
@pytest.mark.needs("channel.edhoc.initiator")
def test_initiator_exports_what_the_responder_exports(target: Target, control: Control, rng: random.Random) -> None:
    """The same from the other side."""
    parties = introduce(target, rng, target_role=Role.INITIATOR)
    control.act("open", {1: 3, 2: [2]})
    session = respond(target, parties)
    target.until_probe_answered()

    assert control.export(session.sender_id, 32768, b"", 16) == session.export(32768, b"", 16)
