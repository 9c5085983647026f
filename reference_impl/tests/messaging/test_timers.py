"""Deadlines: the soonest first, one for each thing, and no trace of those that were taken back."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from picosec.messaging.timers import Timers


@dataclass(eq=False)
class _Thing:
    name: int
    deadline: float | None = None


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 20)), max_size=200), st.integers(0, 20))
def test_what_is_due_comes_in_order_and_once(changes: list[tuple[int, int | None]], now: int) -> None:
    """Each thing has the last deadline it was given, however often that changed."""
    timers: Timers[_Thing] = Timers()
    things = [_Thing(name) for name in range(6)]
    for name, deadline in changes:
        if deadline is None:
            timers.cancel(things[name])
        else:
            timers.set(things[name], deadline)
    expected = sorted(thing.deadline for thing in things if thing.deadline is not None)
    assert timers.next() == (expected[0] if expected else None)

    due = []
    while (thing := timers.pop_due(now)) is not None:
        assert thing.deadline is None
        due.append(thing.name)

    assert len(due) == len(set(due)) == sum(deadline <= now for deadline in expected)
    assert timers.next() == next((deadline for deadline in expected if deadline > now), None)


def test_deadlines_that_were_taken_back_leave_no_trace() -> None:
    """A flood of requests that are answered at once must not be kept for the minutes that they could have taken."""
    timers: Timers[_Thing] = Timers()
    timers.set(lasting := _Thing(0), 1000)
    for name in range(10_000):
        timers.set(thing := _Thing(name), 145)
        timers.cancel(thing)
        assert len(timers) < 200
    assert timers.next() == lasting.deadline == 1000
