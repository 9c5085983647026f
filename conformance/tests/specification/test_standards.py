"""The tables of what other standards demand: a row that resolves to nothing is a statement that got lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picosec_conformance.specification import gates
from picosec_conformance.specification.interop import interop_gaps, load_events, parse_events
from picosec_conformance.specification.matrix import requirements_by_test
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.specification.standards import (
    COVERED,
    LATER,
    OUT,
    StandardsError,
    load_standards,
    parse_standard,
    standards_gaps,
)

TABLE = """
standard = "RFC 1"
title = "Host Software"
url = "https://example.org/rfc1"
scope = "The whole document."

[keywords]
"2" = { MUST = 1 }
"10.1" = { SHOULD = 1 }
B = { MAY = 1 }

[[statement]]
section = "2"
level = "MUST"
text = "A host answers."
requirement = ["CHN-120", "CHN-130"]

[[statement]]
section = "10.1"
level = "SHOULD"
text = "A host is polite."
state = "later"
reason = "Not required yet: manners. CHN-120 says nothing of them."

[[statement]]
section = "B"
level = "MAY"
text = "A host sings."
state = "out"
reason = "A permission."
"""

EVENTS = """
[[event]]
name = "Plugtest"
url = "https://example.org"
scope = "All of it."
descriptions = 2

[[event.description]]
id = "TD_01"
title = "Hello"
tests = ["test_a.py::test_hello"]
note = "In English."

[[event.description]]
id = "TD_02"
title = "Good night"
state = "later"
reason = "It is day."
"""


def standards(tmp_path: Path, text: str) -> list[str]:
    """Return the gaps of one table, with two requirements in force."""
    path = tmp_path / "rfc1.toml"
    path.write_text(text)
    return list(standards_gaps([parse_standard(path)], {"CHN-120", "CHN-130"}))


def events(tmp_path: Path, text: str) -> list[str]:
    """Return the gaps of events, with one test in the suite."""
    path = tmp_path / "interop.toml"
    path.write_text(text)
    return list(interop_gaps(parse_events(path), {"test_a.py::test_hello"}))


def test_table_is_read(tmp_path: Path) -> None:
    """A row is covered, or it is not and says why."""
    assert standards(tmp_path, TABLE) == []
    first, second, third = parse_standard(tmp_path / "rfc1.toml").statements

    assert (first.section, first.level, first.text) == ("2", "MUST", "A host answers.")
    assert (first.fate.state, first.fate.covered_by, first.fate.reason) == (COVERED, ("CHN-120", "CHN-130"), "")
    assert (second.fate.state, second.fate.awaited) == (LATER, True)
    assert (third.fate.state, third.fate.reason, third.fate.awaited) == (OUT, "A permission.", False)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("CHN-130", "CHN-999", "§2 (A host answers.) names CHN-999"),
        ("yet: manners. CHN-120", "yet: manners. CHN-999", "§10.1 (A host is polite.) names CHN-999"),
        ('"10.1"\nlevel', '"1.1"\nlevel', "stands behind a later section"),
        ('"10.1"\nlevel', '"B"\nlevel', "§10.1 of the document has 1 SHOULD, but 0 rows"),
        ("MUST = 1", "MUST = 2", "§2 of the document has 2 MUST, but 1 rows"),
        ("MUST = 1", "MUST = 1, MAY = 1", "§2 of the document has 1 MAY, but 0 rows"),
        ('level = "MAY"', 'level = "MUST"', "§B of the document has 0 MUST, but 1 rows"),
    ],
)
def test_row_that_does_not_resolve_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A requirement that is gone, a row that is missing or stands in the wrong place."""
    assert old in TABLE
    assert words in " ".join(standards(tmp_path, TABLE.replace(old, new)))


def test_row_that_stands_twice_is_named(tmp_path: Path) -> None:
    """Two rows for one statement hide that another one has none."""
    last = TABLE[TABLE.rindex("[[statement]]") :]

    assert "§B (A host sings.) stands twice" in " ".join(standards(tmp_path, TABLE + last))


def test_document_without_keywords_is_not_counted(tmp_path: Path) -> None:
    """Some drafts say what to do in plain words."""
    start, end = TABLE.index("[keywords]"), TABLE.index("[[statement]]")

    assert standards(tmp_path, TABLE[:start] + TABLE[end:]) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Host Software"\n', "", "rfc1.toml: `title` is missing"),
        ('level = "MUST"', 'level = "SHALL"', "statement 1: level 'SHALL'"),
        ('section = "2"', 'section = "two"', "statement 1: 'two' is no section"),
        ('requirement = ["CHN-120", "CHN-130"]', "requirement = []", "statement 1: `requirement` is missing, empty"),
        ('requirement = ["CHN-120", "CHN-130"]', "requirement = [120]", "statement 1: `requirement` is a list of"),
        ('requirement = ["CHN-120", "CHN-130"]', "", "statement 1: `state` is missing"),
        ('state = "out"', 'state = "out"\nrequirement = ["CHN-120"]', "statement 3: `requirement` is a list of"),
        ('state = "out"', 'state = "covered"', "statement 3: needs `requirement`, or state"),
        ('"A permission."', '"So"', "statement 3: needs `requirement`, or state"),
        ('reason = "A permission."\n', "", "statement 3: `reason` is missing"),
        ('reason = "A permission."', 'reason = "A permission."\nmood = "good"', "statement 3: unknown mood"),
        ("{ MUST = 1 }", "{ SHALL = 1 }", "rfc1.toml: keywords of '2' are not counts"),
        ("{ MUST = 1 }", "1", "rfc1.toml: keywords of '2' are not counts"),
        ('"2" = {', "two = {", "rfc1.toml: keywords of 'two' are not counts"),
        ("[keywords]", 'editor = "me"\n[keywords]', "rfc1.toml: unknown editor"),
        ("[keywords]", "[keywords", "rfc1.toml: "),
    ],
)
def test_table_of_another_form_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """People write these files by hand; the message says where to look."""
    assert old in TABLE
    with pytest.raises(StandardsError) as caught:
        standards(tmp_path, TABLE.replace(old, new))

    assert words in str(caught.value)


def test_events_are_read(tmp_path: Path) -> None:
    """Whoever was at the event finds its names again."""
    assert events(tmp_path, EVENTS) == []
    (event,) = parse_events(tmp_path / "interop.toml")

    assert [(row.id, row.fate.state) for row in event.descriptions] == [("TD_01", COVERED), ("TD_02", LATER)]
    assert event.descriptions[0].note == "In English."


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("test_hello", "test_gone", "TD_01 names test_a.py::test_gone"),
        ('"TD_02"', '"TD_01"', "TD_01 stands twice"),
        ("descriptions = 2", "descriptions = 3", "Plugtest has 3 descriptions, but 2 rows"),
    ],
)
def test_description_that_does_not_resolve_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A test that was renamed, an identifier that was forgotten."""
    assert words in " ".join(events(tmp_path, EVENTS.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('title = "Hello"\n', "", "event 1, description 1: `title` is missing"),
        ('note = "In English."', "note = 1", "event 1, description 1: `note` is missing, empty or not of type str"),
        ('note = "In English."', 'mood = "good"', "event 1, description 1: unknown mood"),
        ("descriptions = 2", "descriptions = 0", "event 1: `descriptions` is missing"),
        ("[[event]]", 'editor = "me"\n[[event]]', "interop.toml: unknown editor"),
    ],
)
def test_events_of_another_form_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """The same rules as for the standards."""
    with pytest.raises(StandardsError) as caught:
        events(tmp_path, EVENTS.replace(old, new, 1))

    assert words in str(caught.value)


def test_committed_tables_resolve() -> None:
    """Nothing of the underlying standards is lost silently."""
    in_force = {row.id for row in load_requirements().values() if not row.withdrawn}
    functions = {test.partition("[")[0] for test in requirements_by_test()}

    assert list(standards_gaps(load_standards(), in_force)) == []
    assert list(interop_gaps(load_events(), functions)) == []


@pytest.mark.parametrize(
    ("name", "broken", "words"),
    [
        ("load_standards", lambda: (_ for _ in ()).throw(StandardsError("rfc1.toml: torn")), "rfc1.toml: torn"),
        ("interop_gaps", lambda _events, tests: iter([f"{len(tests) > 0}"]), "True"),
    ],
)
def test_gate_looks_at_the_tables(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Callable[..., object], words: str
) -> None:
    """A gate that nobody asks is no gate."""
    monkeypatch.setattr(gates, name, broken)

    assert words in list(gates.gaps())
