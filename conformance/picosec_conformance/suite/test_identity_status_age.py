"""How long lists are believed, by the date and over a loss of power, on either side of a handshake."""

from __future__ import annotations

import random

import pytest

from picosec.registry import Problem
from picosec_conformance.bearer import Bearer
from picosec_conformance.control import Control
from picosec_conformance.keeper import Keeper
from picosec_conformance.meeting import BOTH_SIDES
from picosec_conformance.objects import NOW
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import DAY, ENDS, GRACE, ISSUED, SUBJECT, TTL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)


#: What the issuer says of a list made at ``NOW``, and until when it is fresh by that, in seconds from then.
FRESH: dict[str, tuple[dict[int, int], int]] = {
    "time-to-live": ({TTL: 50}, 50),
    "time-to-live-first": ({ENDS: NOW + 100 + 2 * GRACE, TTL: 100}, 100),
    "end-much-later": ({ENDS: NOW + 2**33, TTL: 100}, 100),
    "neither": ({}, 0),
}

#: What the issuer says of a list with an end, and after how many seconds that is.
ENDING: dict[str, tuple[dict[int, int], int]] = {
    "end": ({ENDS: NOW + 100}, 100),
    "end-first": ({ENDS: NOW + 100, TTL: 200}, 100),
    "end-in-grace": ({ENDS: NOW + 200, TTL: 100}, 200),
}


def aging(keeper: Keeper, said: str) -> int:
    """Hand the target a list that grows old; return for how many seconds it is fresh."""
    claims, fresh = (FRESH | ENDING)[said]
    token = keeper.token()
    del token.claims[ENDS]
    token.claims |= claims
    keeper.takes(token.close())
    return fresh


@pytest.mark.requirement("IDN-240", "IDN-280")
@BOTH_SIDES
@pytest.mark.parametrize("said", FRESH)
def test_list_is_believed_for_a_grace_and_no_longer(keeper: Keeper, side: str, said: str) -> None:
    """The hub is down for a week, and the door opens; then nobody knows any more who was taken back since."""
    bearer = Bearer(keeper, side)
    fresh = aging(keeper, said)

    keeper.control.advance(fresh + GRACE)
    assert bearer.accepted
    keeper.control.advance(1)
    assert not bearer.accepted

    keeper.takes(renewed(keeper, fresh + GRACE + 1))
    assert bearer.accepted


@pytest.mark.requirement("IDN-240", "IDN-1900")
@BOTH_SIDES
@pytest.mark.parametrize("said", ENDING)
def test_list_is_believed_to_its_end_and_no_longer(keeper: Keeper, side: str, said: str) -> None:
    """The issuer promised that nobody is let in by this list tomorrow, whatever grace a door has."""
    bearer = Bearer(keeper, side)
    ends = aging(keeper, said)

    keeper.control.advance(ends)
    assert bearer.accepted
    keeper.control.advance(1)
    assert not bearer.accepted

    keeper.takes(renewed(keeper, ends + 1))
    assert bearer.accepted


@pytest.mark.requirement("IDN-220", "IDN-1900")
def test_end_of_a_list_outlives_the_power(keeper: Keeper) -> None:
    """After a power cut there is a list and nobody who remembers that it has ended."""
    keeper.takes(keeper.token().close())
    keeper.control.reboot()

    keeper.control.advance(DAY + 1)

    assert not Bearer(keeper).accepted


def renewed(keeper: Keeper, after: int) -> bytes:
    """Return a list that was made so many seconds after the first."""
    token = keeper.token(issued=NOW + after)
    token.claims[ENDS] = NOW + after + DAY
    return token.close()


@pytest.mark.requirement("IDN-240", "IDN-280")
@pytest.mark.parametrize("grace", [0, 1, 3600, 2 * GRACE])
def test_grace_is_that_of_the_policy(keeper: Keeper, grace: int) -> None:
    """A strongroom has none; a garden gate has a fortnight."""
    keeper.introduce(grace=grace)
    bearer = Bearer(keeper)
    fresh = aging(keeper, "time-to-live")

    keeper.control.advance(fresh + grace)
    assert bearer.accepted
    keeper.control.advance(1)
    assert not bearer.accepted


@pytest.mark.requirement("IDN-280")
def test_list_that_is_too_old_when_it_comes_is_of_no_use(keeper: Keeper) -> None:
    """It is newer than none, and too old all the same."""
    token = keeper.token(issued=NOW - GRACE - 1)
    del token.claims[ENDS]

    keeper.takes(token.close())

    assert not Bearer(keeper).accepted


@pytest.mark.requirement("IDN-280")
def test_age_goes_by_the_list_and_not_by_its_arrival(keeper: Keeper) -> None:
    """Who carries lists brings an old one again and again, and it gets no younger."""
    bearer = Bearer(keeper)
    token = keeper.token()
    token.claims = {**token.claims, TTL: 60}
    data = token.close()
    keeper.takes(data)
    keeper.control.advance(60 + GRACE)
    token.claims[ENDS] = NOW + 2 * GRACE
    token.claims[ISSUED] = NOW + 1
    keeper.takes(token.close())
    keeper.takes(token.close())
    assert bearer.accepted

    keeper.control.advance(2)

    assert not bearer.accepted


@pytest.mark.requirement("IDN-240")
@BOTH_SIDES
@pytest.mark.parametrize("said", ["end", "neither"])
def test_device_that_does_not_know_the_time_goes_by_the_newest_list(
    target: Target, control: Control, rng: random.Random, side: str, said: str
) -> None:
    """A lock without a clock opens: its list may be old, and it has no other."""
    keeper = Keeper(target, control, rng, date=None)
    bearer = Bearer(keeper, side)
    aging(keeper, said)

    control.advance(10 * GRACE)

    assert bearer.accepted


@pytest.mark.requirement("IDN-220")
@BOTH_SIDES
def test_lists_and_issuers_outlive_the_power(keeper: Keeper, side: str) -> None:
    """Who is in the list pulls the plug, and the device has forgotten who it is."""
    bearer = Bearer(keeper, side)
    keeper.takes(keeper.revoking().close())

    keeper.control.reboot()

    assert not bearer.accepted
    keeper.takes(keeper.token(issued=NOW + 2).close())
    assert bearer.accepted


@pytest.mark.requirement("IDN-220")
def test_order_of_lists_outlives_the_power(keeper: Keeper) -> None:
    """After a power cut, the old list is the first that comes."""
    old = keeper.token().close()
    keeper.takes(keeper.revoking().close())

    keeper.control.reboot()

    keeper.refuses(old, Problem.STALE)


@pytest.mark.requirement("IDN-220", "IDN-240")
def test_valid_credential_needs_no_new_list_after_a_power_cut(keeper: Keeper) -> None:
    """The power comes back before the hub does, and the door opens."""
    bearer = Bearer(keeper)
    other = keeper.token(issuer=keeper.other)
    other.claims[SUBJECT] = keeper.other_uri
    for token in (keeper.token(), other):
        keeper.takes(token.close())

    keeper.control.reboot()

    assert bearer.accepted
