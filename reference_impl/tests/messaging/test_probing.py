"""How much goes to a peer that answers nothing (MSG-2450)."""

from __future__ import annotations

from picosec.messaging.probing import ALLOWANCE, Probing


def test_allowance_is_used_up_to_its_last_byte() -> None:
    """A bound that is one too low silences who kept to it."""
    probing = Probing()
    assert probing.admits(ALLOWANCE - 1, 0)
    assert probing.admits(1, 0)
    assert not probing.admits(1, 0)


def test_a_byte_per_second_comes_back() -> None:
    """The sensor goes on in a trickle, so that it is heard once somebody listens again."""
    probing = Probing()
    assert probing.admits(ALLOWANCE, 0)
    assert not probing.admits(10, 9)
    assert probing.admits(10, 10)
    assert not probing.admits(10, 19)


def test_an_answer_gives_all_of_it_back() -> None:
    """What counts is what was sent since the last answer."""
    probing = Probing()
    assert probing.admits(ALLOWANCE, 0)
    probing.answered()
    assert probing.admits(ALLOWANCE, 0)
