"""Which notification is newer, and what number the next one gets (RFC 7641 sections 3.4 and 4.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.observe import DEREGISTER, REGISTER, is_newer, next_number, wish

NUMBERS = st.integers(0, (1 << 24) - 1)


@pytest.mark.parametrize(
    ("number", "last", "newer"),
    [
        (2, 1, True),
        (1, 1, False),
        (1, 2, False),
        (0, (1 << 24) - 1, True),
        ((1 << 24) - 1, 0, False),
        (1 << 23, 1, True),
        ((1 << 23) + 1, 1, False),
        (0, (1 << 23) + 1, True),
        (0, 1 << 23, False),
    ],
)
def test_numbers_go_round(number: int, last: int, newer: bool) -> None:
    """24 bits are used up some day; the ends of the two halves are where implementations differ."""
    assert is_newer(number, 10.0, last, 9.0) is newer


@pytest.mark.parametrize(("elapsed", "newer"), [(128.0, False), (128.1, True)])
def test_after_128_seconds_every_number_is_newer(elapsed: float, newer: bool) -> None:
    """A server that restarted begins where it likes; no message of before is still on its way."""
    assert is_newer(5, 100.0 + elapsed, 6, 100.0) is newer


@given(NUMBERS, st.floats(0, 1e6), st.floats(0, 600))
def test_the_next_number_is_newer(last: int, now: float, later: float) -> None:
    """Whatever the clock says, a client that has seen one takes the next."""
    number = next_number(last, now + later)
    assert 0 <= number < 1 << 24
    assert is_newer(number, now, last, now)


@given(st.floats(0, 1e6), st.floats(0, 256))
def test_numbers_by_the_clock_do_not_overtake_themselves(now: float, later: float) -> None:
    """At most half of all numbers in 256 seconds."""
    first, second = next_number(None, now), next_number(None, now + later)
    assert (second - first) % (1 << 24) <= 1 << 23


@pytest.mark.parametrize(
    ("value", "meant"), [(b"", REGISTER), (b"\1", DEREGISTER), (b"\2", None), (b"\0\1", DEREGISTER)]
)
def test_a_wish_is_one_of_two(value: bytes, meant: int | None) -> None:
    """Values that mean nothing are no wish: the request is served as if the option were absent."""
    assert wish(Message(Type.CON, Code.GET, 1, b"", ((Option.OBSERVE, value),))) == meant


def test_nobody_wishes_without_the_option() -> None:
    """A plain GET is a plain GET."""
    assert wish(Message(Type.CON, Code.GET, 1)) is None
