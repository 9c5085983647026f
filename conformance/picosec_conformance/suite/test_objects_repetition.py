"""An object counts once: with every carrier, in every envelope, in this life and the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.coap import Code
from picosec.registry import RESPONSE_CODE, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.courier import OFF, ON, Courier, asking
from picosec_conformance.objects import ENDS, ISSUED, NOW, PLATFORM, RECIPIENT, Signed
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

#: How far behind the highest number one may come.
FAR = 64


@pytest.mark.requirement("OBJ-260")
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_object_is_taken_once(courier: Courier, form: str) -> None:
    """A hop hands the command to open the door over again tomorrow."""
    signed = courier.signed().close()
    data = courier.wrapped(signed, form)
    courier.takes(data)

    courier.refuses(data, Problem.REPLAYED)

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-260")
def test_object_in_another_envelope_is_the_same(courier: Courier) -> None:
    """Whoever read it can seal it again, and show it to all."""
    signed = courier.signed().close()
    courier.takes(courier.sealed().close(signed))

    courier.refuses(signed, Problem.REPLAYED)
    courier.refuses(courier.sealed().close(signed), Problem.REPLAYED)
    courier.refuses(courier.sealed(courier.other_reader).close(signed), Problem.REPLAYED)
    courier.refuses(courier.grouped().close(signed), Problem.REPLAYED)


@pytest.mark.requirement("OBJ-260")
@pytest.mark.needs("channel.oscore.server")
def test_object_is_the_same_over_a_channel(courier: Courier, channel: Channel) -> None:
    """The channel is new, and what it carries is old."""
    data = courier.signed().close()
    courier.takes(data)

    courier.target.expect_refusal(
        courier.hand(data, ask=channel.ask), RESPONSE_CODE[Problem.REPLAYED], Problem.REPLAYED
    )

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-260")
def test_number_counts_once_whatever_it_is_for(courier: Courier) -> None:
    """Two objects with one number: one of them was never meant to be."""
    number = courier.number(courier.sender)
    courier.takes(courier.signed(courier.switch(ON), number=number).close())

    courier.refuses(courier.signed(courier.switch(OFF), number=number).close(), Problem.REPLAYED)
    courier.refuses(
        courier.signed(courier.switch(OFF), number=number, recipient=courier.group.kid).close(), Problem.REPLAYED
    )


@pytest.mark.requirement("OBJ-260")
def test_numbers_may_come_in_any_order(courier: Courier) -> None:
    """Hops have no order; each of the last 64 counts, and counts once."""
    numbers = list(range(100, 100 + FAR))
    courier.rng.shuffle(numbers)
    numbers.remove(100 + FAR - 1)
    objects = [courier.signed(number=number).close() for number in (100 + FAR - 1, *numbers)]

    for data in objects:
        courier.takes(data)
    with courier.target.expect_unchanged():
        for data in objects:
            courier.target.expect_refusal(courier.hand(data), RESPONSE_CODE[Problem.REPLAYED], Problem.REPLAYED)
    assert courier.switched() == FAR


@pytest.mark.requirement("OBJ-260")
@pytest.mark.parametrize("highest", [FAR - 1, FAR, 1000, 2**32, 2**64 - 1])
def test_number_may_be_63_behind(courier: Courier, highest: int) -> None:
    """The edge of what has to be remembered."""
    courier.takes(courier.signed(number=highest).close())

    courier.takes(courier.signed(number=highest - FAR + 1).close())


@pytest.mark.requirement("OBJ-260")
@pytest.mark.parametrize("highest", [FAR, 1000, 2**32, 2**64 - 1])
@pytest.mark.parametrize("behind", [FAR, FAR + 1])
def test_number_that_is_64_behind_is_refused(courier: Courier, highest: int, behind: int) -> None:
    """Nobody remembers whether it was taken, and so it is not."""
    courier.takes(courier.signed(number=highest).close())

    courier.refuses(courier.signed(number=max(0, highest - behind)).close(), Problem.REPLAYED)


@pytest.mark.requirement("OBJ-260")
@pytest.mark.parametrize("step", [1, 2, FAR - 1, FAR, FAR + 1, 2**40])
def test_window_moves_with_the_highest_number(courier: Courier, step: int) -> None:
    """What was marked stays marked when the window moves, by little or by much."""
    courier.takes(courier.signed(number=10).close())
    courier.takes(courier.signed(number=10 + step).close())

    courier.refuses(courier.signed(number=10).close(), Problem.REPLAYED)
    courier.refuses(courier.signed(number=10 + step).close(), Problem.REPLAYED)


@pytest.mark.requirement("OBJ-260")
def test_zero_is_a_number(courier: Courier) -> None:
    """The first number that a key can have, once."""
    signed = courier.signed(number=0).close()
    courier.takes(signed)

    courier.refuses(signed, Problem.REPLAYED)


@pytest.mark.requirement("OBJ-260")
def test_each_sender_counts_for_itself(courier: Courier) -> None:
    """One sender is at a million; what the other one says first is no repetition."""
    courier.takes(courier.signed(number=10**6).close())

    courier.takes(courier.signed(sender=courier.other_sender, number=10**6).close())
    courier.takes(courier.signed(sender=courier.app, number=1).close())
    courier.takes(courier.signed(sender=courier.other_app, number=1).close())


@pytest.mark.requirement("OBJ-260", "OBJ-280")
def test_sender_that_is_vouched_for_again_does_not_begin_anew(courier: Courier) -> None:
    """Trust is refreshed each month, and each month everything old would be new."""
    signed = courier.signed().close()
    courier.takes(signed)

    courier.introduce()

    courier.refuses(signed, Problem.REPLAYED)


@pytest.mark.requirement("OBJ-280")
@pytest.mark.parametrize("form", ["signed", "sealed", "group"])
def test_object_is_taken_once_over_a_loss_of_power(courier: Courier, form: str) -> None:
    """Pull the plug, put it in, hand the same object over."""
    signed = courier.signed().close()
    data = courier.wrapped(signed, form)
    courier.takes(data)

    courier.control.reboot()

    courier.refuses(data, Problem.REPLAYED)


@pytest.mark.requirement("OBJ-280")
def test_window_is_whole_after_a_loss_of_power(courier: Courier) -> None:
    """Not just the highest number, and not everything below it either."""
    for number in (1000, 990, 1000 - FAR + 1):
        courier.takes(courier.signed(number=number).close())

    courier.control.reboot()

    for number in (1000, 990, 1000 - FAR + 1, 1000 - FAR):
        courier.refuses(courier.signed(number=number).close(), Problem.REPLAYED)
    for number in (991, 1000 - FAR + 2, 1001):
        courier.takes(courier.signed(number=number).close())


@pytest.mark.requirement("OBJ-280")
def test_every_sender_is_remembered_over_a_loss_of_power(courier: Courier) -> None:
    """Twice, with more in between."""
    objects = [courier.signed(sender=sender).close() for sender in (courier.sender, courier.app, courier.other_sender)]
    for data in objects:
        courier.takes(data)
        courier.control.reboot()

    for data in objects:
        courier.refuses(data, Problem.REPLAYED)
    courier.takes(courier.signed(sender=courier.app).close())


REASONS: dict[str, tuple[Problem, Callable[[Courier, Signed], bytes]]] = {
    "forged": (
        Problem.AUTHENTICATION_FAILED,
        lambda courier, signed: signed.close(courier.rng.randbytes(64)),
    ),
    "misdirected": (Problem.MISDIRECTED, lambda courier, signed: _changed(signed, RECIPIENT, b"\x99")),
    "future": (Problem.STALE, lambda courier, signed: _changed(signed, ISSUED, NOW + 10**6)),
    "ended": (Problem.STALE, lambda courier, signed: _changed(signed, ENDS, NOW - 1)),
    "no-request": (Problem.MALFORMED, lambda courier, signed: _saying(signed, b"\xf6")),
    "purpose": (Problem.WRONG_PURPOSE, lambda courier, signed: _as_platform(signed)),
    "layers": (Problem.WRONG_PURPOSE, lambda courier, signed: courier.sealed().close(signed.close())),
    "not-allowed": (Problem.UNPROTECTED, lambda courier, signed: _saying(signed, courier.switch())),
    "format": (Problem.MALFORMED, lambda courier, signed: _changed_format(signed)),
}


def _changed(signed: Signed, claim: int, value: object) -> bytes:
    signed.claims[claim] = value
    return signed.close()


def _saying(signed: Signed, payload: bytes) -> bytes:
    signed.payload = payload
    return signed.close()


def _as_platform(signed: Signed) -> bytes:
    signed.header[16] = PLATFORM
    return signed.close()


def _changed_format(signed: Signed) -> bytes:
    signed.header[3] = 42
    return signed.close()


@pytest.mark.requirement("OBJ-270")
@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("number", [1, 10**6])
def test_refused_object_takes_no_number(courier: Courier, reason: str, number: int) -> None:
    """A stranger with one bad object per number would take all of them; with a large one, all at once."""
    problem, made = REASONS[reason]

    courier.refuses(made(courier, courier.signed(sender=courier.app, number=number)), problem)

    courier.takes(courier.signed(sender=courier.app, number=number).close())
    courier.takes(courier.signed(sender=courier.app, number=number - 1).close())
    assert courier.control.changes(courier.store) == 2


@pytest.mark.requirement("OBJ-270")
@pytest.mark.parametrize("how", ["forged", "misdirected", "future", "repeated"])
def test_refused_object_changes_nothing(courier: Courier, how: str) -> None:
    """The command in it is good; it is just not this target's, not now, or not again."""
    signed = courier.signed()
    if how == "repeated":
        courier.takes(signed.close())
        before = courier.switched()
        courier.refuses(signed.close(), Problem.REPLAYED)
        assert courier.switched() == before
        return
    problem, made = REASONS[how]
    courier.refuses(made(courier, signed), problem)
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-270")
def test_refused_object_opens_no_way_for_its_sender(courier: Courier) -> None:
    """What a stranger signed is refused the second time as it was the first."""
    stranger = courier.key(b"\x99", Curve.P256)
    data = courier.signed(sender=stranger).close()

    for _ in range(2):
        courier.refuses(data, Problem.UNKNOWN_CREDENTIAL)


@pytest.mark.requirement("OBJ-270", "OBJ-350")
def test_request_that_is_half_right_is_not_served(courier: Courier) -> None:
    """The path and the payload are there; the code is none, and nothing is done by halves."""
    courier.refuses(courier.signed(asking(0, courier.lamp, ON, 60)).close(), Problem.MALFORMED)
    courier.refuses(courier.signed(asking(Code.CONTENT, courier.lamp, ON, 60)).close(), Problem.MALFORMED)

    assert courier.switched() == 0
