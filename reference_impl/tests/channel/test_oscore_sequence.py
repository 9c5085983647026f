"""No number twice: counters across restarts at every moment, and up to their limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oscore_pair import Flash

from picosec.channel.sequence import BLOCK, Counter
from picosec.errors import ProtocolError
from picosec.registry import Problem


class PowerCut(Exception):
    pass


class FailingFlash(Flash):
    """Loses power at a chosen write: before it takes effect, or after it took effect and before anyone was told."""

    def __init__(self, cut_at, too_late):
        super().__init__()
        self.writes, self.cut_at, self.too_late = 0, cut_at, too_late

    def reserve(self, name, count):
        self.writes += 1
        if self.writes == self.cut_at and not self.too_late:
            raise PowerCut
        first = super().reserve(name, count)
        if self.writes == self.cut_at:
            raise PowerCut
        return first


@given(st.lists(st.integers(0, 3 * BLOCK), min_size=1, max_size=6), st.integers(1, 10), st.booleans())
def test_no_number_is_given_twice_whenever_the_power_fails(uses, cut_at, too_late):
    """Each life uses some numbers and ends without notice; one life ends in the middle of a write."""
    flash, given = FailingFlash(cut_at, too_late), []
    for count in uses:
        try:
            counter = Counter(10_000, "CHN-880", flash, "numbers")
            given += [counter.take() for _ in range(count)]
        except PowerCut:
            continue

    assert len(given) == len(set(given))
    assert given == sorted(given)


def test_numbers_are_durable_before_the_first_is_used():
    """Power that fails right after a message left must not bring its number back."""
    flash = Flash()
    number = Counter(1000, "CHN-880", flash, "numbers").take()

    assert flash.reserved["numbers"] > number


def test_one_write_serves_a_block():
    """Flash wears out: a write per message would kill it in weeks."""
    flash = Flash()
    counter = Counter(1000, "CHN-880", flash, "numbers")
    writes = []
    for _ in range(2 * BLOCK):
        counter.take()
        writes.append(flash.reserved["numbers"])

    assert len(set(writes)) == 2


def test_a_restart_is_noticed():
    flash = Flash()

    assert not Counter(1000, "CHN-880", flash, "numbers").restarted
    assert Counter(1000, "CHN-880", flash, "numbers").restarted
    assert not Counter(1000, "CHN-880", flash, "others").restarted
    assert not Counter(1000, "CHN-880", start=7).restarted


@pytest.mark.parametrize("storage", [None, Flash()])
def test_a_counter_ends_at_its_limit(storage):
    counter = Counter(100, "CHN-880", storage, "numbers")

    assert [counter.take() for _ in range(100)] == list(range(100))
    assert counter.exhausted
    for _ in range(2):
        with pytest.raises(ProtocolError) as refused:
            counter.take()
        assert refused.value.problem is Problem.EXHAUSTED
    assert counter.value == 100


def test_a_restart_does_not_lift_the_limit():
    flash = Flash()
    lives = [Counter(100, "CHN-880", flash, "numbers") for _ in range(3)]

    assert lives[0].take() == 0
    assert lives[1].take() == BLOCK
    with pytest.raises(ProtocolError):
        lives[2].take()


def test_a_limit_inside_a_block_holds():
    flash = Flash()
    counter = Counter(BLOCK + 1, "CHN-880", flash, "numbers")

    assert [counter.take() for _ in range(BLOCK + 1)] == list(range(BLOCK + 1))
    with pytest.raises(ProtocolError):
        counter.take()


def test_a_counter_goes_on_where_an_earlier_use_ended():
    counter = Counter(100, "CHN-880", Flash(), "numbers", start=41)

    assert (counter.take(), counter.take()) == (41, 42)
