"""When an object counts: not before it was made, and not after it has ended."""

from __future__ import annotations

import random

import pytest

from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.courier import Courier
from picosec_conformance.objects import ENDS, ISSUED, NOW
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)

DAY = 86_400
FORMS = pytest.mark.parametrize("form", ["signed", "sealed", "group"])


@pytest.mark.requirement("OBJ-240")
@pytest.mark.parametrize("ahead", [1, 299, 300])
def test_clock_of_the_sender_may_be_a_little_ahead(courier: Courier, ahead: int) -> None:
    """Nobody's clock is right to the second."""
    signed = courier.signed()
    signed.claims[ISSUED] = NOW + ahead

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-240")
@FORMS
@pytest.mark.parametrize("ahead", [301, 3600, 100 * 365 * DAY, 2**64 - 1 - NOW])
def test_object_from_the_future_is_refused(courier: Courier, form: str, ahead: int) -> None:
    """A sender whose clock was set forward makes objects today that are young when it has lost its key."""
    signed = courier.signed()
    signed.claims[ISSUED] = NOW + ahead

    courier.refuses(courier.wrapped(signed, form), Problem.STALE)


@pytest.mark.requirement("OBJ-240")
def test_future_comes(courier: Courier) -> None:
    """What was refused a second ago is taken now, because nothing remembers it."""
    signed = courier.signed()
    signed.claims[ISSUED] = NOW + 301
    courier.refuses(signed.close(), Problem.STALE)

    courier.control.advance(1)

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-250")
@pytest.mark.parametrize("left", [0, 1, 2**64 - 1 - NOW])
def test_object_is_taken_until_it_ends(courier: Courier, left: int) -> None:
    """The last second counts."""
    signed = courier.signed()
    signed.claims |= {ISSUED: NOW - 60, ENDS: NOW + left}

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-250")
@FORMS
@pytest.mark.parametrize("ends", [NOW - 1, NOW - DAY, 1, 0])
def test_object_that_has_ended_is_refused(courier: Courier, form: str, ends: int) -> None:
    """The hub kept it for a week, and now somebody else is in the room."""
    signed = courier.signed()
    signed.claims |= {ISSUED: NOW - 7 * DAY, ENDS: ends}

    courier.refuses(courier.wrapped(signed, form), Problem.STALE)


@pytest.mark.requirement("OBJ-250")
def test_end_comes(courier: Courier) -> None:
    """A hop that withholds an object holds nothing after its end."""
    first, second = courier.signed(), courier.signed()
    for signed in (first, second):
        signed.claims[ENDS] = NOW + 60
    courier.control.advance(60)
    courier.takes(first.close())

    courier.control.advance(1)

    courier.refuses(second.close(), Problem.STALE)


@pytest.mark.requirement("OBJ-250")
def test_end_may_be_far_away_from_an_old_beginning(courier: Courier) -> None:
    """The sender said how long it means it, and so the policy is silent."""
    signed = courier.signed()
    signed.claims |= {ISSUED: NOW - 400 * DAY, ENDS: NOW + 1}

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-250")
@FORMS
@pytest.mark.parametrize("issued", [0, 1, NOW - 50 * 365 * DAY])
def test_object_without_an_end_is_refused_when_it_is_old(courier: Courier, form: str, issued: int) -> None:
    """No policy allows half a century."""
    signed = courier.signed()
    signed.claims[ISSUED] = issued

    courier.refuses(courier.wrapped(signed, form), Problem.STALE)


@pytest.mark.requirement("OBJ-250")
def test_object_without_an_end_may_be_a_minute_old(courier: Courier) -> None:
    """The way takes a while."""
    signed = courier.signed()
    signed.claims[ISSUED] = NOW - 60

    courier.takes(signed.close())


@pytest.mark.requirement("OBJ-240", "OBJ-250")
def test_date_survives_a_loss_of_power(courier: Courier) -> None:
    """A clock that begins anew finds everything young, and what was wrong before is right."""
    courier.control.advance(1000)
    courier.control.reboot()
    late, early = courier.signed(), courier.signed()
    late.claims[ENDS] = NOW + 999
    early.claims[ISSUED] = NOW + 1301

    courier.refuses(late.close(), Problem.STALE)
    courier.refuses(early.close(), Problem.STALE)


@pytest.mark.requirement("OBJ-240", "OBJ-260")
@pytest.mark.parametrize("when", ["future", "ended", "old"])
def test_recipient_that_does_not_know_the_time_goes_by_numbers(
    target: Target, control: Control, rng: random.Random, when: str
) -> None:
    """A device whose clock nobody set cannot refuse what its clock does not tell; it still takes everything once."""
    courier = Courier(target, control, rng, date=None)
    signed = courier.signed()
    signed.claims |= {
        "future": {ISSUED: 2 * NOW},
        "ended": {ISSUED: NOW, ENDS: NOW},
        "old": {ISSUED: 0},
    }[when]

    courier.takes(signed.close())
    courier.refuses(signed.close(), Problem.REPLAYED)
