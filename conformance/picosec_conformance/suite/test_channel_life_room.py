"""More channels than there is room for: who has to go, and who must not."""

from __future__ import annotations

import random

import pytest

from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, expect_error, meet
from picosec_conformance.lives import IDLE_AFTER, another_peer, opened, room_for, works
from picosec_conformance.target import Target

pytestmark = [pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server")]


@pytest.mark.requirement("CHN-1260")
def test_idle_channel_makes_room(target: Target, control: Control, rng: random.Random) -> None:
    """Yesterday's visitor is still on the list; today's owner is not to wait for that."""
    parties = meet(target, rng)
    other = another_peer(control, parties, rng)
    room_for(control, parties, 2)
    oldest, younger = opened(target, parties), opened(target, parties)
    control.advance(IDLE_AFTER + 0.5)

    newest = opened(target, other)

    assert works(target, newest)
    assert works(target, younger)
    assert not works(target, oldest)


@pytest.mark.requirement("CHN-1260")
def test_use_decides_which_idle_channel_makes_room(target: Target, control: Control, rng: random.Random) -> None:
    """Opened first is not unused for longest."""
    parties = meet(target, rng)
    other = another_peer(control, parties, rng)
    room_for(control, parties, 2)
    first, second = opened(target, parties), opened(target, parties)
    control.advance(10)
    assert works(target, first)
    control.advance(IDLE_AFTER + 1)

    opened(target, other)

    assert works(target, first)
    assert not works(target, second)


@pytest.mark.requirement("CHN-1260", "CHN-1270")
def test_peer_that_opens_too_many_loses_its_own(target: Target, control: Control, rng: random.Random) -> None:
    """An app with a leak opens a channel per click: it gets there, at its own cost."""
    parties = meet(target, rng)
    other = another_peer(control, parties, rng)
    room_for(control, parties, 3)
    honest = [opened(target, parties) for _ in range(2)]
    greedy = [opened(target, other) for _ in range(4)]

    assert all(works(target, channel) for channel in honest)
    assert [works(target, channel) for channel in greedy] == [False, False, False, True]


@pytest.mark.requirement("CHN-1270")
def test_channel_in_use_makes_no_room_for_another_peer(target: Target, control: Control, rng: random.Random) -> None:
    """A guest with a valid credential tries to push the owner out by opening channels."""
    parties = meet(target, rng)
    other = another_peer(control, parties, rng)
    room_for(control, parties, 2)
    honest = [opened(target, parties) for _ in range(2)]
    for _ in range(3):
        guest = HostileInitiator(target, other)
        guest.reach_2()
        expect_error(target, guest.send_3(), Problem.BUSY)

    assert all(works(target, channel) for channel in honest)
    assert control.state()[3] == 0


@pytest.mark.requirement("CHN-1270")
def test_use_is_what_verified(target: Target, control: Control, rng: random.Random) -> None:
    """A conversation that goes on for hours is in use all the time."""
    parties = meet(target, rng)
    other = another_peer(control, parties, rng)
    room_for(control, parties, 1)
    honest = opened(target, parties)
    for _ in range(4):
        control.advance(IDLE_AFTER - 1)
        assert works(target, honest)
    control.advance(IDLE_AFTER - 0.5)

    guest = HostileInitiator(target, other)
    guest.reach_2()
    expect_error(target, guest.send_3(), Problem.BUSY)

    assert works(target, honest)


@pytest.mark.requirement("CHN-1270")
def test_handshakes_that_are_not_completed_take_no_room(target: Target, control: Control, rng: random.Random) -> None:
    """Strangers begin a hundred handshakes; none of them is anybody, so nobody has to go."""
    parties = meet(target, rng)
    room_for(control, parties, 1)
    honest = opened(target, parties)
    for _ in range(100):
        HostileInitiator(target, parties).send_1()

    assert works(target, honest)
    assert control.state()[2] == 1
