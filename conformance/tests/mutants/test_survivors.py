"""The list of survivors, and what the score makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")

from picosec_conformance.mutants.generate import Mutant, modules
from picosec_conformance.mutants.run import Judgement, Outcome, score
from picosec_conformance.mutants.survivors import ListError, Survivor, load_survivors, reason_for

ENTRY = '[[survivor]]\nmodule = "messaging/replay.py"\nplace = "f"\nbefore = "a"\nafter = "b"\n'


def result(after: str, outcome: Outcome) -> Judgement:
    return Judgement(Mutant("messaging/replay.py", "f", 1, "", "a", after, ""), outcome, "", "", 1, 0.0)


def test_each_listed_survivor_names_a_module_and_a_reason() -> None:
    """The list in the repository can be used."""
    for entry in load_survivors():
        assert entry.module in modules()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ENTRY, id="no reason"),
        pytest.param(ENTRY + 'reason = " "\n', id="blank reason"),
        pytest.param(ENTRY + 'reason = "r"\nwhy = "w"\n', id="unknown field"),
        pytest.param((ENTRY + 'reason = "r"\n') * 2, id="named twice"),
        pytest.param(ENTRY.replace("before", "#") + 'reason = "r"\n', id="a line after without one before"),
        pytest.param("[[survivor]]\nreason = 3\n", id="wrong type"),
        pytest.param("[[survivor", id="no TOML"),
    ],
)
def test_entry_that_explains_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """A list that takes anything becomes the place where holes are hidden."""
    path = tmp_path / "survivors.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ListError):
        load_survivors(path)


def test_score_leaves_out_what_nobody_can_observe() -> None:
    """Three of four that a peer could notice were noticed."""
    results = [result("1", "killed"), result("2", "timeout"), result("3", "killed"), result("4", "survived")]
    results.append(result("5", "survived"))

    assert score(results, [Survivor("messaging/replay.py", "f", "a", "5", "reason")]) == 0.75


def test_what_the_suite_broke_on_is_not_killed() -> None:
    """An error of the suite says nothing about the target."""
    assert score([result("1", "broken")], ()) == 0.0


def test_entry_for_a_place_explains_only_what_no_test_reaches() -> None:
    """Once a test goes there, each survivor has to be looked at again."""
    entry = Survivor("messaging/replay.py", "f", "", "", "the device never does this")

    assert reason_for([entry], result("b", "survived").mutant, 0)
    assert not reason_for([entry], result("b", "survived").mutant, 1)


def test_entry_for_a_line_explains_every_change_of_it() -> None:
    """A code that the device never sends may have any number."""
    entry = Survivor("messaging/replay.py", "f", "a", "", "never sent")

    assert reason_for([entry], result("b", "survived").mutant, 7)
    assert not reason_for([Survivor("messaging/replay.py", "g", "a", "", "r")], result("b", "survived").mutant, 7)
