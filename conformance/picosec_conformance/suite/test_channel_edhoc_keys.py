"""What a completed handshake gives: exported keys, an OSCORE channel, and new keys on demand."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Credential
from picosec.channel.session import Role, Session
from picosec.crypto.curves import Curve, PublicKey
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, as_initiator, meet, methods, suites
from picosec_conformance.handshake import initiate, open_channel, respond
from picosec_conformance.protection import TargetAsClient
from picosec_conformance.target import Target

#: The target on either side.
ROLES = [
    pytest.param(Role.RESPONDER, id="responder", marks=pytest.mark.needs("channel.edhoc.responder")),
    pytest.param(Role.INITIATOR, id="initiator", marks=pytest.mark.needs("channel.edhoc.initiator")),
]


def completed(target: Target, rng: random.Random, role: Role = Role.RESPONDER, **choices: object) -> Session:
    """Complete an honest handshake with the target in this role."""
    if role is Role.RESPONDER:
        return initiate(target, meet(target, rng, **choices))
    parties = meet(target, rng, **as_initiator(**choices))
    Control(target).act("open", {1: parties.method, 2: [parties.suite]})
    session = respond(target, parties)
    target.until_probe_answered()
    return session


def asked_over(target: Target, control: Control, session: Session) -> Message:
    """Make the target ask over the channel of a session, and return what it asks."""
    client = TargetAsClient(target, control, open_channel(target, session).context)
    client.act(path="/probe")
    return client.opened(client.receive())[0]


@pytest.mark.requirement("CHN-900")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("label", "context", "length"),
    [
        (32768, b"", 16),
        (32768, b"", 32),
        (32768, b"", 33),
        (32768, b"context", 16),
        (65535, b"", 16),
        (40000, bytes(24), 64),
        (40000, bytes(256), 255),
        (23, b"", 16),
        (24, b"", 16),
        (0, b"", 16),
        (1, b"", 8),
    ],
)
def test_exported_keys_are_the_same_on_both_sides(
    target: Target, control: Control, rng: random.Random, role: Role, label: int, context: bytes, length: int
) -> None:
    """An application on each side derives its key by itself; one byte of difference and nothing works."""
    session = completed(target, rng, role)

    assert control.export(session.sender_id, label, context, length) == session.export(label, context, length)


@pytest.mark.requirement("CHN-900")
@pytest.mark.parametrize("role", ROLES)
def test_exported_keys_of_every_method_and_suite(
    target: Target, control: Control, rng: random.Random, role: Role
) -> None:
    """PRK_out hangs on the whole handshake; the exporter is where it shows."""
    for method in methods(target):
        for suite in suites(target):
            control.reset(rng.randbytes(32))
            session = completed(target, rng, role, method=method, suite=suite)
            assert control.export(session.sender_id, 32768, b"", 32) == session.export(32768, b"", 32)


@pytest.mark.requirement("CHN-910")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("role", ROLES)
def test_channel_of_every_suite_is_what_the_exporter_says(
    target: Target, control: Control, rng: random.Random, role: Role
) -> None:
    """Key length and AEAD of the channel are those of the suite's application algorithms, not of EDHOC's own."""
    for suite in suites(target):
        control.reset(rng.randbytes(32))
        channel = open_channel(target, completed(target, rng, role, suite=suite))
        assert channel.request(Code.GET, target.manifest.resources.protected_get).code == Code.CONTENT


@pytest.mark.requirement("CHN-910")
@pytest.mark.needs("channel.oscore.client")
@pytest.mark.parametrize("role", ROLES)
def test_target_asks_over_the_channel_of_every_suite(
    target: Target, control: Control, rng: random.Random, role: Role
) -> None:
    """A client that derives other keys from its handshake talks to nobody."""
    for suite in suites(target):
        control.reset(rng.randbytes(32))
        assert asked_over(target, control, completed(target, rng, role, suite=suite)).path == "/probe"


@pytest.mark.requirement("CHN-910")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.responder")
@pytest.mark.parametrize(
    "c_i", [b"", b"\x00", b"\x18", b"\xff\xff", bytes(6)], ids=["empty", "00", "18", "ffff", "six"]
)
def test_identifiers_become_those_of_the_channel(target: Target, rng: random.Random, c_i: bytes) -> None:
    """C_I is the Initiator's Recipient ID byte for byte, also where it stood as an integer."""
    peer = HostileInitiator(target, meet(target, rng), c_i)
    peer.reach_2()
    assert peer.send_3().code == Code.CHANGED
    run = peer.run
    session = completed_from(run.c_i, run.c_r, run["prk_out"], run.suite.number)

    reply = open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get)

    assert reply.code == Code.CONTENT


def completed_from(c_i: bytes, c_r: bytes, prk_out: bytes, suite: int) -> Session:
    """Return the session of a run that the suite made by hand."""
    nobody = Credential(b"", PublicKey(Curve.P256, b"", b"", None))
    return Session(Role.INITIATOR, 3, suite, c_i, c_r, nobody, prk_out)


def update(control: Control, session: Session, context: bytes) -> Session:
    """Update the keys on both sides."""
    control.act("key-update", {1: session.sender_id, 2: context})
    return session.updated(context)


@pytest.mark.requirement("CHN-920")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.responder")
@pytest.mark.parametrize("context", [b"", b"\x01", bytes(16), bytes(300)], ids=["empty", "1", "16", "300"])
def test_updated_keys_are_the_same_on_both_sides(
    target: Target, control: Control, rng: random.Random, context: bytes
) -> None:
    """New keys without a new handshake."""
    session = update(control, completed(target, rng), context)

    assert control.export(session.sender_id, 32768, b"", 32) == session.export(32768, b"", 32)
    reply = open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get)
    assert reply.code == Code.CONTENT


@pytest.mark.requirement("CHN-920")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.responder")
def test_keys_can_be_updated_again(target: Target, control: Control, rng: random.Random) -> None:
    """Each update starts from the one before: whoever stole the first key has none of the later ones."""
    session = completed(target, rng)
    for count in range(3):
        session = update(control, session, bytes((count,)))

    reply = open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get)
    assert reply.code == Code.CONTENT


@pytest.mark.requirement("CHN-920")
@pytest.mark.needs("channel.oscore.client")
@pytest.mark.parametrize("role", ROLES)
def test_target_asks_under_updated_keys(target: Target, control: Control, rng: random.Random, role: Role) -> None:
    """A client that goes on with the old keys after an update is refused by everybody who updated."""
    session = update(control, completed(target, rng, role), b"context")

    assert asked_over(target, control, session).path == "/probe"


@pytest.mark.requirement("CHN-920")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.initiator")
def test_initiator_updates_its_keys(target: Target, control: Control, rng: random.Random) -> None:
    """The same on the side that began."""
    session = update(control, completed(target, rng, Role.INITIATOR), b"context")

    reply = open_channel(target, session).request(Code.GET, target.manifest.resources.protected_get)
    assert reply.code == Code.CONTENT


@pytest.mark.requirement("CHN-930")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.responder")
def test_keys_before_an_update_are_gone(target: Target, control: Control, rng: random.Random) -> None:
    """Whoever stole the old keys after the update gets nothing for them."""
    session = completed(target, rng)
    old = open_channel(target, session)
    path = target.manifest.resources.protected_get
    assert old.request(Code.GET, path).code == Code.CONTENT
    update(control, session, b"context")

    reply = target.exchange(old.protect(target.build(Code.GET, path)))

    assert reply.code == Code.BAD_REQUEST
    assert target.has_problem(reply, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-920")
@pytest.mark.needs("channel.oscore.server", "channel.edhoc.responder")
def test_update_with_another_context_is_another_key(target: Target, control: Control, rng: random.Random) -> None:
    """The context binds the update to its occasion: two occasions must not give one key."""
    session = completed(target, rng)
    control.act("key-update", {1: session.sender_id, 2: b"one"})
    other = session.updated(b"two")

    assert control.export(session.sender_id, 32768, b"", 32) != other.export(32768, b"", 32)
