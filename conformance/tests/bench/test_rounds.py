from collections.abc import Callable

import pytest

from picosec_conformance.bench import rounds
from picosec_conformance.bench.rounds import Plan, rates


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A processor clock that only the contenders advance; returns what advances it."""
    now = [0.0]
    monkeypatch.setattr(rounds, "process_time", lambda: now[0])

    def spend(seconds: float) -> None:
        now[0] += seconds

    return spend


def test_rate_is_calls_per_second(clock: Callable[[float], None]) -> None:
    found = rates({"a": lambda: clock(0.001), "b": lambda: clock(0.004)}, Plan(3, 0.1), lambda _: None)
    assert found == pytest.approx({"a": 1000.0, "b": 250.0})


def test_one_slow_turn_does_not_count(clock: Callable[[float], None]) -> None:
    """Another program takes the machine for a moment: the median does not move."""
    calls = [0]

    def disturbed() -> None:
        calls[0] += 1
        clock(5.0 if calls[0] == 700 else 0.001)

    assert rates({"a": disturbed}, Plan(9, 0.1), lambda _: None) == pytest.approx({"a": 1000.0})


def test_contenders_take_turns(clock: Callable[[float], None]) -> None:
    """One after the other, the first would have the cool machine and the last the hot one."""
    order = []

    def contender(name: str) -> Callable[[], None]:
        def call() -> None:
            clock(1.0)
            order.append(name)

        return call

    rates({name: contender(name) for name in "abc"}, Plan(3, 1.0), lambda _: None)
    assert "".join(order[3:]) == "abcbcacab"
