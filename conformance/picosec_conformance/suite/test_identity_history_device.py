"""Identities on a device: whom it authenticates when keys change, and how it changes its own."""

from __future__ import annotations

import random
from hashlib import sha256
from typing import Any

import pytest

from picosec.channel.credentials import Kind, Usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.initiator import Initiator
from picosec.channel.trust import TrustStore
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_IDENTITY_HISTORY, RESPONSE_CODE, Problem
from picosec_conformance.acquaintance import PATH, Acquaintance, own_identity
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.handshake import SUITE_CID, SUITE_KID, TRUE, answer, edhoc_request, message_of, open_channel
from picosec_conformance.histories import COMMITTED, KEY, MOST, judge, new_key, thumbprint
from picosec_conformance.identity import make_identity
from picosec_conformance.objects import Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)

CURVES = pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])


# -- following others ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-610")
@CURVES
def test_holder_of_the_last_key_is_authenticated(
    target: Target, control: Control, rng: random.Random, curve: Curve
) -> None:
    """The phone has had three keys since the lamp heard of it; nobody walks to the lamp."""
    one = Acquaintance(target, control, rng, curve)
    one.history.rotate()
    one.history.recover()
    one.takes(one.history.encode())

    assert one.authenticates()


@pytest.mark.requirement("IDN-610")
def test_history_is_followed_in_steps(acquaintance: Acquaintance) -> None:
    """From whatever was seen before: each step alone, and two at once."""
    history = acquaintance.history
    for grow in (lambda: None, history.rotate, history.recover, lambda: (history.rotate(), history.rotate())):
        grow()
        acquaintance.takes(history.encode())
        assert acquaintance.authenticates()


@pytest.mark.requirement("IDN-610")
@pytest.mark.needs("channel.oscore.server")
def test_history_comes_over_a_channel(acquaintance: Acquaintance, channel: Channel) -> None:
    """A hub that has a channel brings what it found."""
    acquaintance.takes(acquaintance.history.encode(), ask=channel.ask)


@pytest.mark.requirement("IDN-620")
def test_identifier_alone_authenticates_nobody(acquaintance: Acquaintance) -> None:
    """Which key belongs to it is not known before a history says so."""
    assert not acquaintance.authenticates()


@pytest.mark.requirement("IDN-620")
@pytest.mark.parametrize("emergency", [False, True], ids=["rotation", "emergency"])
def test_replaced_key_authenticates_nobody(acquaintance: Acquaintance, emergency: bool) -> None:
    """A phone is stolen, with all that is in it: its key opened the door this morning."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    old = history.key
    assert acquaintance.authenticates(old)
    (history.recover if emergency else history.rotate)()
    acquaintance.takes(history.encode())

    assert not acquaintance.authenticates(old)
    assert acquaintance.authenticates()


@pytest.mark.requirement("IDN-620")
def test_keys_in_between_authenticate_nobody(acquaintance: Acquaintance) -> None:
    """They stand in the history, and were never the last one here."""
    history = acquaintance.history
    keys = [history.key]
    history.rotate()
    keys.append(history.key)
    history.rotate()
    acquaintance.takes(history.encode())

    for key in (*keys, history.safe):
        assert not acquaintance.authenticates(key)


@pytest.mark.requirement("IDN-620")
def test_handshake_that_began_before_ends_with_nothing(acquaintance: Acquaintance) -> None:
    """The thief has sent message_1, and waits with message_3 until the news is out."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    initiator = acquaintance.begin()
    history.recover()
    acquaintance.takes(history.encode())

    assert not acquaintance.end(initiator)


@pytest.mark.requirement("IDN-620")
@pytest.mark.needs("channel.edhoc.initiator")
@pytest.mark.parametrize("replaced", [True, False])
def test_channel_that_was_waited_for_does_not_come(acquaintance: Acquaintance, replaced: bool) -> None:
    """The thief is the Responder: the target believes him already, and waits for the end of the handshake."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    third = acquaintance.invited()
    if replaced:
        history.recover()
        acquaintance.takes(history.encode())
    answer(acquaintance.target, third, b"", "end of the handshake")
    acquaintance.target.until_probe_answered()

    assert acquaintance.control.state()[2] == (0 if replaced else 1)


def opened(acquaintance: Acquaintance, key: Key | None = None) -> Channel:
    """Return a channel that the holder of the identity opened."""
    session = acquaintance.authenticates(key)
    assert session is not None
    return open_channel(acquaintance.target, session)


def asked(acquaintance: Acquaintance, channel: Channel) -> Message:
    """Return the answer to a request over a channel, unprotected when the target has no such channel."""
    path = acquaintance.target.manifest.resources.get
    protected = channel.protect(acquaintance.target.build(Code.GET, path))
    return acquaintance.target.exchange(protected)


@pytest.mark.requirement("IDN-630")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("emergency", [False, True], ids=["rotation", "emergency"])
def test_channel_ends_with_the_key_that_opened_it(acquaintance: Acquaintance, emergency: bool) -> None:
    """The thief opened it before the theft was known, and would keep it for as long as it lives."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    channel = opened(acquaintance)
    channel.leveled()
    acquaintance.control.events()
    (history.recover if emergency else history.rotate)()
    acquaintance.takes(history.encode())

    reply = asked(acquaintance, channel)
    assert reply.code == Code.UNAUTHORIZED
    assert acquaintance.control.event("channel-closed").fields[2] == "revoked"
    assert acquaintance.control.state()[2] == 0


@pytest.mark.requirement("IDN-630", "IDN-430")
@pytest.mark.needs("channel.oscore.server")
def test_channel_ends_when_an_identity_forks(acquaintance: Acquaintance) -> None:
    """It is the thief's, or it is not."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    acquaintance.takes(history.encode())
    channel = opened(acquaintance)
    other.rotate()
    acquaintance.forks(other.encode())

    assert asked(acquaintance, channel).code == Code.UNAUTHORIZED


@pytest.mark.requirement("IDN-630", "IDN-610")
@pytest.mark.needs("channel.oscore.server")
def test_history_may_end_the_channel_that_it_came_over(acquaintance: Acquaintance) -> None:
    """The holder itself brings the news, is answered, and opens another one."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    channel = opened(acquaintance)
    history.rotate()
    acquaintance.takes(history.encode(), ask=channel.ask)

    assert asked(acquaintance, channel).code == Code.UNAUTHORIZED
    opened(acquaintance).leveled()


@pytest.mark.requirement("IDN-630", "IDN-420")
@pytest.mark.needs("channel.oscore.server")
def test_channels_of_others_and_of_the_same_key_stay(acquaintance: Acquaintance, channel: Channel) -> None:
    """Neither somebody else's history, nor an old or refused one, ends a channel."""
    history = acquaintance.history
    acquaintance.takes(history.encode())
    own = opened(acquaintance)
    other = Acquaintance(acquaintance.target, acquaintance.control, acquaintance.rng)
    other.takes(other.history.encode())
    other.history.rotate()
    other.takes(other.history.encode())
    acquaintance.takes(history.encode())
    history.rotate().signers.reverse()
    acquaintance.refuses(history.encode(), Problem.AUTHENTICATION_FAILED)

    own.leveled()
    channel.leveled()


@pytest.mark.requirement("IDN-640")
@pytest.mark.parametrize("which", ["seen", "stale", "forked"])
def test_what_was_seen_stays_seen(acquaintance: Acquaintance, which: str) -> None:
    """A thief who takes the battery out would have the device forget that he is one."""
    history = acquaintance.history
    old, other, short = history.key, history.branch(), history.encode()
    history.rotate()
    acquaintance.takes(history.encode())
    if which == "forked":
        other.rotate()
        acquaintance.forks(other.encode())

    acquaintance.control.reboot()

    if which == "seen":
        assert not acquaintance.authenticates(old)
        assert acquaintance.authenticates()
    elif which == "stale":
        acquaintance.refuses(short, Problem.STALE)
    else:
        acquaintance.refuses(history.encode(), Problem.FORKED)


@pytest.mark.requirement("IDN-640")
def test_further_gifts_take_nothing_away(acquaintance: Acquaintance) -> None:
    """The device is told to trust somebody else as well."""
    history = acquaintance.history
    history.rotate()
    acquaintance.takes(history.encode())
    other = Acquaintance(acquaintance.target, acquaintance.control, acquaintance.rng)
    other.takes(other.history.encode())

    assert acquaintance.authenticates()
    history.statements.pop()
    acquaintance.refuses(history.encode(), Problem.STALE)


# -- an identity of its own ----------------------------------------------------------------------------------------


class Holder:
    """A target with an identity, and the key for emergencies of that."""

    def __init__(self, target: Target, control: Control, rng: random.Random, curve: Curve = Curve.P256) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.key, self.safe = new_key(rng, curve), new_key(rng, curve)
        control.provision_identity(own=own_identity(self.key, thumbprint(self.safe)))

    def shown(self) -> bytes:
        """Return the history that the target shows."""
        reply = self.target.request(Code.GET, PATH)
        assert (reply.code, reply.content_format) == (Code.CONTENT, CONTENT_FORMAT_IDENTITY_HISTORY)
        return reply.payload

    def recover(self, key: Key, committed: bytes) -> bytes:
        """Make the target take a key for emergencies; the history that it then has."""
        parameters = {1: key.curve.value, 2: key.private, 3: committed}
        return self.control.change_identity("recover", parameters)

    def refuses(self, name: str, parameters: dict[int, object], problem: Problem) -> None:
        """Demand a change that has to be refused."""
        with self.target.expect_unchanged():
            reply = self.target.request(
                Code.POST, "/ps/test/act", dumps([name, parameters]), content_format=CONTENT_FORMAT_CBOR
            )
            self.target.expect_refusal(reply, RESPONSE_CODE[problem], problem)


class Peer:
    """The suite as somebody whom the target knows, and who knows the target by its history."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._own = make_identity(Kind.KID, Usage.SIGNATURE, 2, holder.rng.randbytes, kid=SUITE_KID, name="suite")
        holder.control.provision(trusted=[self._own.trust()], methods=[0], suites=[2], message_4=False)

    def believes(self, first: dict[int, Any], said: dict[int, Any]) -> bool:
        """Whether the target authenticates by the key of a statement; ``first`` is what its history begins with."""
        kid = sha256(dumps(first)).digest()[:8]
        trusted, vault, rng = TrustStore(), software_vault(bytes), self._holder.rng
        trusted.add(Kind.KID, dumps({8: {1: {**said[KEY], 2: kid, 3: -7}}}))
        policy = Policy(methods=(0,), suites=(2,), message_4=False)
        config = EdhocConfig(vault, [self._own.unlock(vault)], trusted, policy)
        initiator = Initiator(config, 0, SUITE_CID, rng.randbytes, 2)
        target = self._holder.target
        reply = target.exchange(edhoc_request(target, TRUE, initiator.prepare_message_1()), "message_1")
        try:
            initiator.process_message_2(message_of(reply))
        except ProtocolError:
            return False
        return True


@pytest.fixture
def holder(target: Target, control: Control, rng: random.Random) -> Holder:
    """The target with an identity of its own."""
    return Holder(target, control, rng)


@pytest.mark.requirement("IDN-600")
@CURVES
def test_device_shows_its_history(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """Whoever finds a lamp finds out who it is, and by which key it can be told from another."""
    holder = Holder(target, control, rng, curve)

    said = judge(holder.shown())

    assert [entry[KEY] for entry in said] == [holder.key.cose_key]
    assert said[0][COMMITTED] == thumbprint(holder.safe)


@pytest.mark.requirement("IDN-600")
def test_history_is_shown_whole(holder: Holder) -> None:
    """Also when it is larger than a message: whoever knows the identifier alone needs its beginning."""
    made = [holder.shown()]
    for _ in range(2):
        made.append(holder.control.change_identity("rotate"))

    shown = holder.shown()

    assert shown == made[-1]
    assert len(judge(shown)) == 3
    assert all(shown[1:].startswith(earlier[1:]) for earlier in made)


@pytest.mark.requirement("IDN-600")
def test_device_without_an_identity_shows_none(target: Target, control: Control) -> None:
    """Nothing is not the same as an empty history."""
    target.expect_refusal(target.request(Code.GET, PATH), Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("IDN-600", "IDN-640")
def test_identity_outlives_a_reboot_and_no_factory_reset(holder: Holder) -> None:
    """Whoever buys the lamp second-hand buys another lamp."""
    made = holder.control.change_identity("rotate")
    holder.control.reboot()
    assert holder.shown() == made

    holder.control.reset()
    reply = holder.target.request(Code.GET, PATH)
    holder.target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("IDN-500")
@CURVES
def test_rotation_is_signed_by_both_keys(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """Each key is new, and the one for emergencies stays where it is."""
    holder = Holder(target, control, rng, curve)
    for _ in range(3):
        history = control.change_identity("rotate")

    said = judge(history)

    assert len(said) == 4
    assert len({dumps(entry[KEY]) for entry in said}) == 4
    assert {entry[COMMITTED] for entry in said} == {thumbprint(holder.safe)}


@pytest.mark.requirement("IDN-510")
@CURVES
def test_owner_recovers_a_device(target: Target, control: Control, rng: random.Random, curve: Curve) -> None:
    """The key is lost; the one from the safe goes on, and another one goes into the safe."""
    holder = Holder(target, control, rng, curve)
    control.change_identity("rotate")
    following = new_key(rng, curve)

    said = judge(holder.recover(holder.safe, thumbprint(following)))

    assert (said[-1][KEY], said[-1][COMMITTED]) == (holder.safe.cose_key, thumbprint(following))
    said = judge(holder.recover(following, bytes(32)))
    assert said[-1][KEY] == following.cose_key


@pytest.mark.requirement("IDN-520")
@pytest.mark.parametrize("which", ["stranger", "current", "used"])
def test_another_key_recovers_nothing(holder: Holder, which: str) -> None:
    """Whoever stands before the device with any key at all would have it."""
    used = holder.safe
    if which == "used":
        holder.recover(used, thumbprint(new_key(holder.rng)))
    key = {"stranger": new_key(holder.rng), "current": holder.key, "used": used}[which]

    holder.refuses("recover", {1: 1, 2: key.private, 3: bytes(32)}, Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-510")
def test_key_for_emergencies_does_not_name_itself_again(holder: Holder) -> None:
    """It shows from now on."""
    key = holder.safe

    holder.refuses("recover", {1: 1, 2: key.private, 3: thumbprint(key)}, Problem.MALFORMED)


@pytest.mark.requirement("IDN-540")
def test_full_history_is_not_continued(holder: Holder) -> None:
    """Nobody would take the next one, and the device would be nobody."""
    for _ in range(MOST - 1):
        holder.control.act("rotate")
        holder.control.events()

    holder.refuses("rotate", {}, Problem.EXHAUSTED)
    holder.refuses("recover", {1: 1, 2: holder.safe.private, 3: bytes(32)}, Problem.EXHAUSTED)
    holder.control.events()


@pytest.mark.requirement("IDN-650")
@pytest.mark.needs("channel.edhoc.responder", "channel.edhoc.method.0", "channel.edhoc.suite.2")
@pytest.mark.parametrize("changed", ["not", "rotated", "recovered"])
def test_device_authenticates_by_its_last_key(holder: Holder, changed: str) -> None:
    """Its peers follow its history, and know no other key of it."""
    first = judge(holder.shown())[0]
    peer = Peer(holder)
    assert peer.believes(first, first)
    if changed == "rotated":
        holder.control.change_identity("rotate")
    elif changed == "recovered":
        holder.recover(holder.safe, bytes(32))
    last = judge(holder.shown())[-1]

    assert peer.believes(first, last)
    if changed != "not":
        assert not peer.believes(first, first)
