"""Channels that end: closed by the peer, by the target, or by time; and what strangers can do about it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore import protect_response, unprotect_request
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.lives import IDLE_TIMEOUT, PATH, another_peer, opened, works
from picosec_conformance.protection import again, read
from picosec_conformance.target import Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server")]


def close(target: Target, channel: Channel) -> Message:
    """Close a channel; the verified response."""
    return channel.request(Code.DELETE, PATH)


def expect_unknown(target: Target, message: Message) -> None:
    """Judge that the target knows no channel for a message."""
    target.expect_refusal(target.exchange(message), Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("CHN-1200")
@pytest.mark.parametrize("count", [2, 5])
def test_channels_with_one_peer_are_independent(
    target: Target, control: Control, rng: random.Random, count: int
) -> None:
    """An app with two windows, each with a conversation: numbers of one must not be replays to the other."""
    parties = meet(target, rng)
    channels = [opened(target, parties) for _ in range(count)]
    assert len({channel.context.sender_id for channel in channels}) == count

    for _ in range(2):
        for channel in channels:
            assert works(target, channel)
    for channel in channels:
        recorded = channel.protect(read(target))
        assert channel.unprotect(target.exchange(recorded)).code == Code.CONTENT
        target.expect_refusal(target.exchange(again(target, recorded)), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-1200", "CHN-1240")
def test_closing_one_channel_leaves_the_others(target: Target, control: Control, rng: random.Random) -> None:
    """The app closes one window; the other conversation goes on, and so does that of somebody else."""
    parties = meet(target, rng)
    first, second = opened(target, parties), opened(target, parties)
    other = opened(target, another_peer(control, parties, rng))

    assert close(target, first).code == Code.DELETED

    assert not works(target, first)
    assert works(target, second)
    assert works(target, other)


@pytest.mark.requirement("CHN-1210")
def test_peer_closes_its_channel(target: Target, control: Control, rng: random.Random) -> None:
    """A phone is given away: its owner ends what it had open, and sees that it is over."""
    channel = opened(target, meet(target, rng))
    before = control.state()[2]

    reply = close(target, channel)

    assert reply.code == Code.DELETED
    assert control.state()[2] == before - 1
    assert control.event("channel-closed").fields[2] == "peer"


@pytest.mark.requirement("CHN-1210")
def test_closing_a_used_channel(target: Target, control: Control, rng: random.Random) -> None:
    """The last request of a conversation, not the first."""
    channel = opened(target, meet(target, rng))
    for _ in range(3):
        assert works(target, channel)

    assert close(target, channel).code == Code.DELETED


@pytest.mark.requirement("CHN-1220")
def test_closed_channel_is_unknown(target: Target, control: Control, rng: random.Random) -> None:
    """Whoever finds the keys later, in the memory of the phone, finds a door that is gone."""
    channel = opened(target, meet(target, rng))
    recorded = channel.protect(read(target))
    assert close(target, channel).code == Code.DELETED

    expect_unknown(target, channel.protect(read(target)))
    expect_unknown(target, recorded)
    expect_unknown(target, channel.protect(target.build(Code.DELETE, PATH)))
    assert target.request(Code.GET, target.manifest.resources.get).code == Code.CONTENT


@pytest.mark.requirement("CHN-1220")
def test_closed_channel_stays_closed_after_a_reboot(target: Target, control: Control, rng: random.Random) -> None:
    """Pulling the plug must not bring back what was ended on purpose."""
    channel = opened(target, meet(target, rng))
    assert close(target, channel).code == Code.DELETED

    control.reboot()

    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1220", "CNF-460")
@pytest.mark.needs("conformance.test-interface")
def test_closed_channel_gives_no_keys(target: Target, control: Control, rng: random.Random) -> None:
    """What an application asks of a channel that was closed meanwhile is refused like any channel that is not there."""
    channel = opened(target, meet(target, rng))
    export = cbor.dumps({0: channel.context.sender_id, 1: 32768, 2: b"", 3: 16})
    assert close(target, channel).code == Code.DELETED

    reply = target.request(Code.POST, "/ps/test/export", export, content_format=CONTENT_FORMAT_CBOR)

    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CHN-1240")
def test_close_in_the_open_does_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """A neighbour sends what the owner would send, without the key: one packet must not cut every conversation."""
    channel = opened(target, meet(target, rng))

    with target.expect_unchanged():
        reply = target.request(Code.DELETE, PATH)
        target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNPROTECTED)

    assert works(target, channel)


@pytest.mark.requirement("CHN-1240")
def test_forged_close_does_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """A closing request is cut out of one channel and put under the name of another."""
    parties = meet(target, rng)
    first, second = opened(target, parties), opened(target, parties)
    closing = first.protect(target.build(Code.DELETE, PATH))
    victim = second.protect(read(target))
    option = victim.option(Option.OSCORE)
    assert option is not None

    with target.expect_unchanged():
        forged = replace(again(target, closing), options=((int(Option.OSCORE), option),))
        target.expect_refusal(target.exchange(forged), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)

    assert works(target, first)
    assert works(target, second)


@pytest.mark.requirement("CHN-1230")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.needs("channel.oscore.client")
@pytest.mark.parametrize("answer", ["deleted", "refused", "reset", "nothing"])
def test_target_tells_its_peer_that_it_closes(
    target: Target, control: Control, rng: random.Random, answer: str
) -> None:
    """A device is sold: it ends its channels, whether the other side agrees, refuses or is long gone."""
    channel = opened(target, meet(target, rng))
    handle = control.act("close", {1: channel.context.sender_id})
    request = target.receive("a request that closes the channel")
    plain, binding = unprotect_request(channel.context, request)
    assert (plain.code, plain.path) == (Code.DELETE, PATH)

    if answer == "reset":
        target.send(Message(Type.RST, Code.EMPTY, request.message_id))
    elif answer == "nothing":
        control.advance(300)
    else:
        code = Code.DELETED if answer == "deleted" else Code.NOT_FOUND
        reply = Message(Type.ACK, code, request.message_id, request.token)
        target.send(protect_response(channel.context, binding, reply))

    event = control.event("channel-closed")
    assert (event.fields[0], event.fields[1]) == (handle, channel.context.sender_id)
    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1280")
def test_provisioned_channel_is_not_closed_by_its_peer(target: Target, control: Control, channel: Channel) -> None:
    """One packet from a peer, or from who stole its key, must not cost a visit with a programmer."""
    reply = channel.request(Code.DELETE, PATH)

    assert reply.code == Code.METHOD_NOT_ALLOWED
    assert target.has_problem(reply, Problem.METHOD_NOT_ALLOWED)
    assert works(target, channel)


@pytest.mark.requirement("CHN-1250")
def test_channel_that_nobody_uses_ends(target: Target, control: Control, rng: random.Random) -> None:
    """The phone fell into a lake: its keys must not lie in the lamp for years."""
    channel = opened(target, meet(target, rng))
    control.advance(IDLE_TIMEOUT - 1)
    assert works(target, channel)
    control.advance(IDLE_TIMEOUT - 0.5)
    assert control.state()[2] == 1

    control.advance(1)

    assert control.state()[2] == 0
    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1250")
def test_garbage_does_not_keep_a_channel_alive(target: Target, control: Control, rng: random.Random) -> None:
    """Only who has the key uses a channel: strangers must not decide how long keys stay in memory."""
    channel = opened(target, meet(target, rng))
    forged = replace(channel.protect(read(target)), payload=bytes(40))
    for _ in range(3):
        control.advance(IDLE_TIMEOUT / 3)
        target.exchange(again(target, forged))

    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1250")
def test_provisioned_channel_does_not_end_by_itself(target: Target, control: Control, channel: Channel) -> None:
    """A button that is pressed once a year still has to work."""
    control.advance(400 * 86_400)

    assert works(target, channel)
