"""From long games to short ones, without a target: what breaks is decided by the test."""

from __future__ import annotations

from picosec.channel.credentials import Kind
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.adversary.shrinking import Game, shrink
from picosec_conformance.adversary.steps import Step, step

LONG = Setting(seed=77, method=0, kind=Kind.X5T, suites=(3, 2, 5), target_suites=(5, 3), message_4=True)


def noise(number: int) -> Step:
    """A move that does nothing here."""
    return step("noise", data=f"{number:02x}")


def test_moves_that_do_not_matter_are_left_out() -> None:
    """Of a hundred moves, two matter, and their order."""
    steps = [noise(number) for number in range(100)]

    def breaks(game: Game) -> bool:
        told = [each.parameters["data"] for each in game[1]]
        return "11" in told and "42" in told[told.index("11") :]

    _setting, short = shrink((Setting(), steps), breaks)

    assert short == [step("noise", data="11"), step("noise", data="42")]


def test_setting_becomes_the_simplest() -> None:
    """The report of a bug in method 3 should not speak of certificates."""
    setting, _steps = shrink((LONG, []), lambda game: True)

    assert setting == Setting(seed=1, method=3, kind=Kind.KID, suites=(3,), target_suites=(3,), message_4=False)


def test_what_the_setting_needs_stays() -> None:
    """Unless that is what it is about."""
    setting, _steps = shrink((LONG, []), lambda game: game[0].message_4 and len(game[0].suites) > 1)

    assert setting.message_4
    assert len(setting.suites) == 2
    assert setting.method == 3


def test_numbers_in_labels_move_up_with_what_is_left_out() -> None:
    """The fourth handshake is the one that breaks; it may as well be the first."""
    steps = [step("connect", party="alice") for _ in range(4)]
    steps.append(step("inject", packet="alice-4/message_1", what="last-suite"))

    def breaks(game: Game) -> bool:
        begun = sum(each.move == "connect" for each in game[1])
        last = [each for each in game[1] if each.move == "inject"]
        return bool(last) and last[0].parameters["packet"] == f"alice-{begun}/message_1"

    _setting, short = shrink((Setting(), steps), breaks)

    assert short == [step("connect", party="alice"), step("inject", packet="alice-1/message_1", what="last-suite")]


def test_budget_is_kept() -> None:
    """A target that takes a second for each game must not hold a build up for an hour."""
    games = 0

    def breaks(game: Game) -> bool:
        nonlocal games
        games += 1
        return games % 2 == 0

    shrink((LONG, [noise(number) for number in range(200)]), breaks, budget=25)

    assert games <= 25
