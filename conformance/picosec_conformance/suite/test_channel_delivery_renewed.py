"""The target as the receiver of ordered requests whose channel was given new keys before the first of them came."""

from __future__ import annotations

import random

import pytest

from picosec.channel.delivery import Place
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, open_channel
from picosec_conformance.ordered import OrderedSender, counted, place_of
from picosec_conformance.protection import read
from picosec_conformance.target import Target


@pytest.mark.requirement("CHN-1860", "CHN-1840")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("changes", [1, 2])
def test_stream_named_under_old_keys_begins_under_new_ones(
    target: Target, control: Control, rng: random.Random, changes: int
) -> None:
    """The first attempt was lost and the keys were renewed before the next: nobody forgot anything, so the stream is
    new, and what is asked for is done.
    """
    session = initiate(target, meet(target, rng))
    sender = OrderedSender(target, open_channel(target, session))
    sender.channel.ask(read(target))
    stream = sender.next_number()
    for _ in range(changes):
        control.act("key-update", {1: session.sender_id, 2: b"renewal"})
        session = session.updated(b"renewal")
    renewed = OrderedSender(target, open_channel(target, session))

    for number in range(2):
        assert place_of(renewed.write(Place(stream, number))) == Place(stream, number)
        assert counted(control, target) == number + 1
