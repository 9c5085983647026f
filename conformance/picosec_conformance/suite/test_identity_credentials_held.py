"""Chains of credentials: dates, status, and how they are taken and held."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.credentials import (
    BEGINS,
    ENDS,
    HELD,
    ISSUED,
    chain_of,
)
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import NOW
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import PLACE, status_claim
from picosec_conformance.zone import Zone, signed_by

pytestmark = pytest.mark.needs(CONTROL, "identity.credentials")

PLACES = pytest.mark.parametrize("place", [0, 1, 2])


# -- when ----------------------------------------------------------------------------------------------------------

WHEN: dict[str, tuple[dict[Any, Any], bool]] = {
    "last-second": ({ENDS: NOW}, True),
    "ended": ({ENDS: NOW - 1}, False),
    "ended-long-ago": ({ENDS: 0}, False),
    "first-second": ({BEGINS: NOW}, True),
    "not-begun": ({BEGINS: NOW + 1}, False),
    "ahead": ({ISSUED: NOW + 300}, True),
    "from-the-future": ({ISSUED: NOW + 301}, False),
}


@pytest.mark.requirement("IDN-810")
@PLACES
@pytest.mark.parametrize("case", WHEN)
def test_chain_is_judged_by_the_date(zone: Zone, place: int, case: str) -> None:
    """One link that has ended ends the chain, wherever it stands."""
    claims, good = WHEN[case]
    further: list[dict[Any, Any]] = [{} for _ in range(3)]
    for at in range(3):
        behind, ahead = at >= place and ENDS in claims, at >= place and BEGINS in claims
        further[at] = dict(claims) if at == place or behind or ahead else {}
    links = zone.three(*further)

    if good:
        zone.takes(*links)
    else:
        zone.refuses(links, Problem.STALE)


@pytest.mark.requirement("IDN-840")
@pytest.mark.parametrize("case", WHEN)
def test_device_without_a_date_judges_the_rest(target: Any, control: Control, rng: Any, case: str) -> None:
    """It came out of a drawer and does not know what year it is; the door has to open all the same."""
    zone = Zone(target, control, rng, date=None)

    zone.takes(zone.link(claims=WHEN[case][0]))


@pytest.mark.requirement("IDN-810", "IDN-750", "IDN-770")
def test_what_does_not_grow_is_judged_before_the_date(zone: Zone) -> None:
    """The signature decides first, then what the links say of each other, then the date."""
    links = zone.links(("ann", {ENDS: NOW - 1}), ("bob", {ENDS: NOW - 1}))
    zone.refuses(links, Problem.BAD_CREDENTIAL)
    zone.refuses([links[0], signed_by(links[1], zone.new_key(b"x"))], Problem.AUTHENTICATION_FAILED)


@pytest.mark.requirement("IDN-820")
@pytest.mark.needs("identity.status")
@PLACES
def test_chain_is_as_good_as_each_link(zone: Zone, keeper: Keeper, place: int) -> None:
    """Bob moved out; whom he let in goes with him."""
    further: list[dict[Any, Any]] = [{} for _ in range(3)]
    further[place] = status_claim()
    links = zone.three(*further)
    zone.refuses(links, Problem.BAD_CREDENTIAL)  # there is no list yet
    keeper.takes(keeper.token().close())
    zone.takes(*links)

    keeper.takes(keeper.revoking().close())

    zone.refuses(links, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-820", "IDN-840")
@pytest.mark.needs("identity.status")
def test_chain_of_others_is_good_as_before(zone: Zone, keeper: Keeper) -> None:
    """Ann has place 4, Bob place 5, and place 3 is taken back."""
    keeper.takes(keeper.revoking().close())

    zone.takes(*zone.three(status_claim(PLACE + 1), status_claim(PLACE + 2), {}))


# -- taking and holding --------------------------------------------------------------------------------------------


@pytest.mark.requirement("IDN-840")
@pytest.mark.needs("channel.oscore.server")
def test_chain_is_taken_over_a_channel(zone: Zone, channel: Channel) -> None:
    """The hub brings it, over its own channel."""
    zone.introduce()
    zone.takes(*zone.three(), ask=channel.ask)


@pytest.mark.requirement("IDN-840")
def test_same_chain_again_changes_nothing(zone: Zone, control: Control) -> None:
    """It is handed over whenever the watch is not sure."""
    links = zone.three()
    item = chain_of([link.item() for link in links])
    for _ in range(2):
        reply = zone.hand(item)
        assert reply.code == 0x44
    before = control.state()[0]

    assert zone.hand(item).code == 0x44
    assert control.state()[0] == before


@pytest.mark.requirement("IDN-830")
def test_refused_chain_leaves_what_is_held(zone: Zone) -> None:
    """A forgery for the same name does not push the true one out."""
    ann = zone.link()
    zone.takes(ann)
    zone.refuses([signed_by(zone.link("ann"), zone.new_key(b"mallory"))], Problem.AUTHENTICATION_FAILED)
    for number in range(HELD + 1):
        zone.refuses([zone.link("ann", claims={ENDS: number})], Problem.STALE)

    assert zone.accepted(ann, "kid")


@pytest.mark.requirement("IDN-850")
def test_chain_not_used_longest_makes_room(zone: Zone) -> None:
    """Sixteen guests, and one more: whoever was not here for the longest time shows his chain again."""
    guests = [zone.link(f"guest-{number}") for number in range(HELD + 1)]
    for guest in guests[:HELD]:
        zone.takes(guest)

    zone.takes(guests[HELD])

    assert not zone.known(guests[0])
    assert all(zone.known(guest) for guest in guests[1:])


@pytest.mark.requirement("IDN-850")
@pytest.mark.parametrize("how", ["handed-over", "shown"])
def test_chain_that_is_used_stays(zone: Zone, how: str) -> None:
    """The first guest is here every day."""
    guests = [zone.link(f"guest-{number}") for number in range(HELD + 2)]
    for guest in guests[:HELD]:
        zone.takes(guest)
    if how == "shown":
        assert zone.known(guests[0])
    else:
        zone.takes(guests[0])

    zone.takes(guests[HELD])
    zone.takes(guests[HELD + 1])

    assert zone.known(guests[0])
    assert not zone.known(guests[1])
    assert not zone.known(guests[2])


@pytest.mark.requirement("IDN-860")
def test_chains_outlive_the_power(zone: Zone, control: Control) -> None:
    """After a power cut nobody has to show anything again."""
    links = zone.three()
    zone.takes(*links)
    before = control.state()[0]

    control.reboot()

    assert control.state()[0] == before
    assert zone.known(links[-1])
