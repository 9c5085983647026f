"""Channels that outlive a loss of power, and those that must not: closed ones, and those of yesterday's copy."""

from __future__ import annotations

import random

import pytest

from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import as_initiator, meet
from picosec_conformance.handshake import Parties
from picosec_conformance.lives import DRAIN, PATH, Renewing, another_peer, opened, wakes, works
from picosec_conformance.protection import TargetAsClient, again, read, write
from picosec_conformance.target import Nonconformity, Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server")]


def storing(target: Target, control: Control, rng: random.Random, **choices: object) -> Parties:
    """Introduce suite and target; the target stores its channels."""
    parties = meet(target, rng, **choices)
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, store_channels=True)
    return parties


@pytest.mark.requirement("CHN-1450")
@pytest.mark.parametrize("used", [0, 3, 70])
def test_channel_outlives_a_loss_of_power(target: Target, control: Control, rng: random.Random, used: int) -> None:
    """A lamp behind a switch: each time it is switched on, a handshake would cost a second of darkness."""
    channel = opened(target, storing(target, control, rng))
    for _ in range(used):
        assert works(target, channel)
    for _ in range(3):
        control.reboot()
        assert wakes(target, channel)
        assert works(target, channel)


@pytest.mark.requirement("CHN-1450")
@pytest.mark.needs("channel.edhoc.initiator")
def test_channel_that_the_target_opened_outlives_a_loss_of_power(
    target: Target, control: Control, rng: random.Random
) -> None:
    """The sides of a session must not be exchanged in storage."""
    ends = Renewing(target, storing(target, control, rng, **as_initiator()), rng, control)
    control.reboot()

    assert wakes(target, ends.channel)
    assert control.export(ends.session.sender_id, 32768, b"", 32) == ends.session.export(32768, b"", 32)


@pytest.mark.requirement("CHN-1450")
def test_all_channels_outlive_a_loss_of_power(target: Target, control: Control, rng: random.Random) -> None:
    """Not only the last one that was stored."""
    parties = storing(target, control, rng)
    channels = [opened(target, parties) for _ in range(3)]
    channels += [opened(target, another_peer(control, parties, rng))]
    control.reboot()

    assert all(wakes(target, channel) for channel in channels)


@pytest.mark.requirement("CHN-1450")
def test_recorded_command_is_not_served_after_a_restart(target: Target, control: Control, rng: random.Random) -> None:
    """The burglar records the command that opens the door, pulls the plug, and plays it back."""
    channel = opened(target, storing(target, control, rng))
    recorded = channel.protect(write(target))
    assert channel.unprotect(target.exchange(recorded)).code >> 5 == 2
    control.reboot()
    path = target.manifest.resources.protected_put
    before = control.changes(path)

    for _ in range(3):
        target.exchange(again(target, recorded))

    assert control.changes(path) == before
    assert wakes(target, channel)
    target.expect_refusal(target.exchange(again(target, recorded)), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-1450", "CHN-850")
def test_numbers_do_not_come_again_after_a_restart(target: Target, control: Control, rng: random.Random) -> None:
    """Two answers under one nonce give both away: counters must not start over with the channel."""
    channel = opened(target, storing(target, control, rng))
    recorded = channel.protect(read(target))
    channel.unprotect(target.exchange(recorded))
    numbers: list[bytes] = []
    for count in (70, 2, 2, 2):
        control.reboot()
        for _ in range(count):
            answer = target.exchange(again(target, recorded))
            value = answer.option(Option.OSCORE)
            if value is None:
                raise Nonconformity("the channel is gone")
            numbers.append(OscoreOption.decode(value).partial_iv)

    assert b"" not in numbers
    assert len(set(numbers)) == len(numbers)


@pytest.mark.requirement("CHN-850")
@pytest.mark.needs("channel.resume", "channel.oscore.client")
def test_stored_channel_counts_its_own_requests(target: Target, control: Control, rng: random.Random) -> None:
    """Before the first loss of power as after it: a channel that is stored is one that its owner can use as well."""
    client = TargetAsClient(target, control, opened(target, storing(target, control, rng)).context)
    numbers = []
    for _ in range(2):
        for _ in range(2):
            client.act()
            protected = client.receive()
            client.opened(protected)
            numbers.append(OscoreOption.decode(protected.option(Option.OSCORE) or b"").partial_iv)
            target.send(Message(Type.RST, Code.EMPTY, protected.message_id))
        control.reboot()

    assert len(set(numbers)) == len(numbers)


def expect_unknown(target: Target, message: Message) -> None:
    """Judge that the target knows no channel for a message."""
    target.expect_refusal(target.exchange(message), Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("CHN-1460")
def test_closed_channel_stays_closed(target: Target, control: Control, rng: random.Random) -> None:
    """The phone that was given away pulls the plug: what its owner ended must not come back."""
    parties = storing(target, control, rng)
    channel, other = opened(target, parties), opened(target, parties)
    assert channel.request(Code.DELETE, PATH).code == Code.DELETED
    for _ in range(2):
        control.reboot()
        expect_unknown(target, channel.protect(read(target)))

    assert wakes(target, other)


@pytest.mark.requirement("CHN-1460")
@pytest.mark.needs("channel.renewal")
def test_replaced_keys_stay_replaced(target: Target, control: Control, rng: random.Random) -> None:
    """Old keys must not come back with the power."""
    ends = Renewing(target, storing(target, control, rng), rng)
    ends.renew()
    control.advance(DRAIN + 1)
    control.reboot()

    expect_unknown(target, ends.before.protect(read(target)))
    assert wakes(target, ends.channel)


@pytest.mark.requirement("CHN-1460")
def test_channel_that_ended_by_itself_stays_ended(target: Target, control: Control, rng: random.Random) -> None:
    """The time-out is for the keys, also for those in storage."""
    channel = opened(target, storing(target, control, rng))
    control.advance(86_401)
    control.reboot()

    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1250", "CHN-1450")
def test_channel_that_sleeps_for_too_long_ends(target: Target, control: Control, rng: random.Random) -> None:
    """The lamp gets its power back, and the phone that it knew never does."""
    parties = storing(target, control, rng)
    channel = opened(target, parties)
    control.reboot()
    control.advance(1)
    control.advance(86_400)

    assert control.state()[2] == 0
    expect_unknown(target, channel.protect(read(target)))
    assert works(target, opened(target, parties))


@pytest.mark.requirement("CHN-1470")
@pytest.mark.parametrize("confirms", [True, False])
def test_promised_keys_outlive_a_loss_of_power(
    target: Target, control: Control, rng: random.Random, confirms: bool
) -> None:
    """The power fails between the answer and its confirmation: whichever keys the peer has, they have to serve."""
    ends = Renewing(target, storing(target, control, rng), rng)
    ends.derive(ends.offer())
    control.reboot()

    assert wakes(target, ends.channel if confirms else ends.before)
    assert wakes(target, ends.channel) if not confirms else works(target, ends.channel)


@pytest.mark.requirement("CHN-1480")
def test_closed_channel_does_not_come_back_with_a_copy(target: Target, control: Control, rng: random.Random) -> None:
    """Somebody copies the flash while a channel is open, and puts the copy back when it is closed."""
    channel = opened(target, storing(target, control, rng))
    control.reboot()
    assert wakes(target, channel)
    assert channel.request(Code.DELETE, PATH).code == Code.DELETED

    control.put_back()

    expect_unknown(target, channel.protect(read(target)))


@pytest.mark.requirement("CHN-1480")
def test_numbers_do_not_come_again_with_a_copy(target: Target, control: Control, rng: random.Random) -> None:
    """The copy says how far the numbers were: from there on, each nonce would be used a second time."""
    channel = opened(target, storing(target, control, rng))
    recorded = channel.protect(read(target))
    channel.unprotect(target.exchange(recorded))
    control.reboot()
    first = target.exchange(again(target, recorded))
    assert first.option(Option.OSCORE) is not None
    assert wakes(target, channel)
    for _ in range(70):
        target.exchange(again(target, recorded))

    control.put_back()

    second = target.exchange(again(target, recorded))
    assert first.option(Option.OSCORE) != second.option(Option.OSCORE)


@pytest.mark.requirement("CHN-1480")
def test_target_lives_on_after_a_copy_was_put_back(target: Target, control: Control, rng: random.Random) -> None:
    """What is put back costs channels and nothing else: new ones are opened, and outlive the next loss of power."""
    parties = storing(target, control, rng)
    channel = opened(target, parties)
    control.reboot()
    assert wakes(target, channel)
    channel.request(Code.DELETE, PATH)
    control.put_back()

    renewed = opened(target, parties)
    control.reboot()

    assert wakes(target, renewed)
