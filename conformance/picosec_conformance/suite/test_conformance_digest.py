"""What the state digest covers: a channel that moved on is another state, even where nothing else changed."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.coap import Code
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, meet
from picosec_conformance.protection import again, fresh_context, read, set_up
from picosec_conformance.target import Target


@pytest.mark.requirement("CNF-400")
def test_digest_covers_what_a_channel_has_seen(target: Target, control: Control, channel: Channel) -> None:
    """If the replay window were left out, a forgery that moves it would count as having changed nothing."""
    digests = [control.state()[0]]
    for _ in range(3):
        assert channel.ask(read(target)).code == Code.CONTENT
        digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-410")
def test_digest_does_not_move_with_a_refused_replay(target: Target, control: Control, channel: Channel) -> None:
    """A digest over a counter of messages would condemn whoever refuses them."""
    request = channel.protect(read(target))
    assert channel.unprotect(target.exchange(request)).code == Code.CONTENT
    digest = control.state()[0]

    target.exchange(again(target, request))

    assert control.state()[0] == digest


@pytest.mark.requirement("CNF-400")
@pytest.mark.needs("channel.oscore.server")
def test_digest_covers_every_channel(target: Target, control: Control, rng: random.Random) -> None:
    """Three channels, and the one in the middle moves: a digest of the first, or of the last, does not."""
    channels = [set_up(target, control, fresh_context(rng, recipient_id=name)) for name in (b"\x21", b"\x22", b"\x23")]
    digests = [control.state()[0]]
    for channel in channels:
        assert channel.ask(read(target)).code == Code.CONTENT
        digests.append(control.state()[0])

    assert len(set(digests)) == len(digests)


@pytest.mark.requirement("CNF-400")
@pytest.mark.needs("channel.edhoc.responder")
def test_digest_covers_handshakes(target: Target, control: Control, rng: random.Random) -> None:
    """Half a handshake is state: it fills the memory of a device as well as a whole one."""
    peer = HostileInitiator(target, meet(target, rng))
    before = control.state()[0]

    peer.reach_2()

    assert control.state()[0] != before
