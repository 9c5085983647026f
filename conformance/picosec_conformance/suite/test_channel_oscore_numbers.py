"""The sequence numbers of a target that begins to use new keys."""

from __future__ import annotations

import random

import pytest

from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.messaging.coap import Option
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.lives import Renewing
from picosec_conformance.protection import TargetAsClient
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("channel.edhoc.responder", "channel.oscore.server", "channel.oscore.client")


def expect_numbers_from_zero(target: Target, control: Control, ends: Renewing) -> None:
    """Judge the first requests of the target over a channel: each has the next number, in its one form."""
    client = TargetAsClient(target, control, ends.channel.context)
    for number in range(3):
        client.act()
        protected = client.receive()
        option = OscoreOption.decode(protected.option(Option.OSCORE) or b"")
        assert option.partial_iv == encode_partial_iv(number)
        _, binding = client.opened(protected)
        client.deliver(client.response(binding, protected, b""))


@pytest.mark.requirement("CHN-620")
def test_numbers_begin_at_zero_with_the_keys_of_a_handshake(
    target: Target, control: Control, rng: random.Random
) -> None:
    """A number that is passed over is one less for the life of a key, and nobody knows what it was used for."""
    expect_numbers_from_zero(target, control, Renewing(target, meet(target, rng), rng))


@pytest.mark.requirement("CHN-620")
@pytest.mark.needs("channel.renewal")
def test_numbers_begin_at_zero_with_renewed_keys(target: Target, control: Control, rng: random.Random) -> None:
    """Counted on from where the old keys were, they would tell a listener which channel this was before."""
    ends = Renewing(target, meet(target, rng), rng)
    expect_numbers_from_zero(target, control, ends)
    ends.renew()

    expect_numbers_from_zero(target, control, ends)
