"""The list of survivors, and what the score makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")

from picosec_conformance.mutants.generate import Mutant, modules
from picosec_conformance.mutants.run import Judgement, Outcome, score
from picosec_conformance.mutants.survivors import ListError, load_survivors

ENTRY = '[[survivor]]\nmodule = "channel/replay.py"\nplace = "f"\nbefore = "a"\nafter = "b"\n'


def result(after: str, outcome: Outcome) -> Judgement:
    return Judgement(Mutant("channel/replay.py", "f", 1, "", "a", after, ""), outcome, "", "", 1, 0.0)


def test_each_listed_survivor_names_a_module_and_a_reason() -> None:
    """The list in the repository can be used."""
    for key in load_survivors():
        assert key[0] in modules()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ENTRY, id="no reason"),
        pytest.param(ENTRY + 'reason = " "\n', id="blank reason"),
        pytest.param(ENTRY + 'reason = "r"\nwhy = "w"\n', id="unknown field"),
        pytest.param((ENTRY + 'reason = "r"\n') * 2, id="named twice"),
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

    assert score(results, {("channel/replay.py", "f", "a", "5")}) == 0.75


def test_what_the_suite_broke_on_is_not_killed() -> None:
    """An error of the suite says nothing about the target."""
    assert score([result("1", "broken")], ()) == 0.0
