"""The replay window against a model that forgets nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from picosec.messaging.replay import WINDOW_SIZE, ReplayWindow

numbers = st.integers(0, 200) | st.integers(0, 2**40 - 1)


@given(st.lists(numbers, max_size=60), st.sampled_from([1, 2, 31, 32, 33, 64]))
def test_the_window_agrees_with_a_perfect_memory(sequence, size):
    """A number is accepted exactly when it is new and less than ``size`` below the highest accepted."""
    window, accepted = ReplayWindow(size), set()
    for number in sequence:
        new = number not in accepted and number > max(accepted, default=-1) - size
        assert window.seen(number) is not new
        if new:
            window.mark(number)
            accepted.add(number)


class Window(RuleBasedStateMachine):
    """Any order of acceptance and of proof of freshness."""

    def __init__(self):
        super().__init__()
        self.window, self.seen, self.highest = ReplayWindow(), set(), -1

    @rule(number=numbers)
    def receive(self, number):
        if not self.window.seen(number):
            assert number not in self.seen
            self.window.mark(number)
            self.seen.add(number)
            self.highest = max(self.highest, number)

    @precondition(lambda self: self.highest >= 0)
    @rule(ahead=st.integers(1, 1000))
    def prove_fresh(self, ahead):
        self.highest += ahead
        self.window.start_at(self.highest)
        self.seen = {self.highest}

    @invariant()
    def nothing_accepted_is_accepted_again(self):
        assert all(self.window.seen(number) for number in self.seen)

    @invariant()
    def the_next_number_is_accepted(self):
        assert not self.window.seen(self.highest + 1)


TestWindow = Window.TestCase


def test_a_proof_of_freshness_closes_everything_below():
    """After a restart nobody knows which of the numbers below were accepted."""
    window = ReplayWindow()
    window.start_at(100)

    assert all(window.seen(number) for number in range(101))
    assert not window.seen(101)


def test_a_jump_of_any_size_costs_the_same():
    """A peer that jumps to the last number must not make the window build a number of 2^40 bits."""
    window = ReplayWindow()
    window.mark(0)
    window.mark(2**40 - 1)

    assert window.state == (2**40 - 1, 1)
    assert not window.seen(2**40 - WINDOW_SIZE)
    assert window.seen(2**40 - 1 - WINDOW_SIZE)


def test_an_empty_window_accepts_anything():
    assert not any(ReplayWindow().seen(number) for number in (0, 1, 31, 32, 2**40 - 1))


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        ReplayWindow(0)
