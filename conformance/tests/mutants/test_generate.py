"""Which mutants there are, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray")

from picosec_conformance.mutants import generate

SOURCE = '''\
"""A module."""

from __future__ import annotations


class Window:
    def mark(self, number: int | None) -> None:
        #: What was seen.
        self.seen = number
        if number == 3:
            check(number)
'''


@pytest.fixture
def changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, str]]:
    """Return place, before and after of each mutant of the module above."""
    (tmp_path / "window.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    return {(each.place, each.before, each.after) for each in generate.mutants_of("window.py")}


def test_comparisons_numbers_and_conditions_change(changes: set[tuple[str, str, str]]) -> None:
    """Off by one, and the other way round: what hurried people write."""
    after = {after for _, before, after in changes if before == "if number == 3:"}

    assert after == {"if number != 3:", "if not number == 3:", "if number == 4:", "if number == 2:"}


def test_statements_are_left_out(changes: set[tuple[str, str, str]]) -> None:
    """A check that is not there is the commonest hole, and the tool has no operator for it."""
    assert ("Window.mark", "check(number)", "pass") in changes
    assert ("Window.mark", "self.seen = number", "pass") in changes


def test_annotations_and_docstrings_do_not_change(changes: set[tuple[str, str, str]]) -> None:
    """Nothing reads them while the program runs: such mutants would only dilute the score."""
    assert not any("int | None" in before or "module" in before for _, before, _ in changes)


def test_names_stay_when_lines_move(
    changes: set[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of survivors would rot with the first line that somebody adds above."""
    (tmp_path / "window.py").write_text(SOURCE.replace("class", "\n\nclass"), encoding="utf-8")

    assert {(each.place, each.before, each.after) for each in generate.mutants_of("window.py")} == changes


def test_every_mutant_of_the_reference_compiles_and_has_a_name() -> None:
    """A mutant that does not compile is killed by nobody's merit."""
    mutants = list(generate.mutants_of("messaging/replay.py"))

    assert mutants
    for mutant in mutants:
        compile(mutant.source, mutant.module, "exec")
        assert mutant.before
        assert mutant.after
        assert mutant.before != mutant.after
