"""What is made of zcbor's answer. The answer itself needs an environment of its own: ``tox -e cddl``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from picosec_conformance.cli import main
from picosec_conformance.specification import cddl
from picosec_conformance.specification.cddl import CheckerError, check
from picosec_conformance.specification.instances import Beyond, Instance

GRAMMAR = "whole = [part]\npart = uint\n"
INSTANCES = (Instance("whole", "one", b"\x81\x01", True), Instance("whole", "text", b"\x81\x60", False))
RIGHT: dict[str, Any] = {
    "matches": [True, False],
    "needed": {"whole": 1, "part": 1},
    "refused": {"whole": 1, "part": 1},
}


def gaps(
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    beyond: tuple[Beyond, ...] = (),
    untried: dict[str, str] | None = None,
) -> tuple[str, ...]:
    monkeypatch.setattr(cddl, "_ask", lambda *_: {**RIGHT, **answer})
    return check(GRAMMAR, INSTANCES, beyond, untried or {}).gaps


def test_rows_count_what_reaches_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances are of whole messages; the counts say which rules inside they try."""
    monkeypatch.setattr(cddl, "_ask", lambda *_: RIGHT)
    outcome = check(GRAMMAR, INSTANCES, (), {})

    assert outcome.gaps == ()
    assert [(row.rule, row.valid, row.broken, row.needed) for row in outcome.rows] == [
        ("whole", 1, 1, 1),
        ("part", 0, 0, 1),
    ]


@pytest.mark.parametrize(
    ("answer", "gap"),
    [
        ({"matches": [False, False]}, "one is valid, but does not match whole"),
        ({"matches": [True, True]}, "text is broken, but matches whole"),
        ({"needed": {"whole": 1, "part": 0}}, "no valid instance needs rule part"),
        ({"refused": {"whole": 0, "part": 1}}, "no broken instance is refused by rule whole"),
    ],
)
def test_wrong_answer_is_a_gap(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], gap: str) -> None:
    """A grammar that lets everything through lets all valid instances through, too."""
    assert gaps(monkeypatch, answer) == (gap,)


def test_excuse_is_taken_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who improves the grammar takes away the excuse."""
    excuse = (Beyond(("te*",), "arithmetic"),)

    assert gaps(monkeypatch, {"matches": [True, True]}, excuse) == ()
    assert gaps(monkeypatch, {}, excuse) == ("text is listed as beyond the grammar, but whole refuses it",)
    assert "no broken instance is called nobody" in gaps(monkeypatch, {}, (Beyond(("nobody",), "gone"),))[0]


def test_rule_without_instances_is_listed_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves the list with its first instance."""
    bare = {"needed": {"whole": 1, "part": 0}}

    assert gaps(monkeypatch, bare, untried={"part": "nobody sends it yet"}) == ()
    assert gaps(monkeypatch, {}, untried={"part": ""}) == ("rule part is listed as untried, but 2 instances try it",)
    assert gaps(monkeypatch, {}, untried={"gone": ""}) == (
        "rule gone is listed as untried, but the grammar does not have it",
    )


def test_instance_of_an_unknown_rule_is_an_error() -> None:
    """A renamed rule must not leave its instances unchecked."""
    with pytest.raises(CheckerError, match="one is an instance of whole, which the grammar does not have"):
        check("other = uint\n", INSTANCES, (), {})


def test_missing_zcbor_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot live where the reference lives; the help says where it can."""
    assert main(["spec", "cddl", "--zcbor", str(tmp_path)]) == 1
    assert "No module named 'zcbor'" in capsys.readouterr().err
