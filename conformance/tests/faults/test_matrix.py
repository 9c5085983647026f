"""The kill matrix: what counts as a kill, and what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import jsonschema
import pytest

from picosec_conformance.cli import main
from picosec_conformance.faults import Fault, faulty, find_fault, load_faults, without_fault
from picosec_conformance.faults.matrix import document, failing_without_fault, run_faults, schema
from picosec_conformance.faults.workers import Failure, Outcome, Task, Workers
from picosec_conformance.manifest import REFERENCE, load_manifest
from picosec_conformance.specification.requirements import load_requirements

NOTHING = Outcome((), (), 0.0)
RIGHT = Failure("test_a.py::test_right", ("MSG-010", "MSG-020"), "expected 4.00, got 2.05")
OTHER = Failure("test_a.py::test_other", ("MSG-030",), "no answer")


def fault(name: str = "one", requirement: str = "MSG-010") -> Fault:
    return Fault(name, requirement, "a story", lambda: None)


class Script:
    """Workers whose outcomes are known beforehand: those of a task for one requirement, and those of every test."""

    def __init__(self, first: Outcome, full: Outcome = NOTHING) -> None:
        self._first = first
        self._full = full
        self.tasks: list[Task] = []

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        self.tasks += tasks
        return iter([self._first if task.requirements else self._full for task in tasks])

    def __call__(self) -> Workers:
        return cast(Workers, self)


def test_failing_test_of_the_requirement_kills() -> None:
    """The ordinary case: no other test is run."""
    script = Script(Outcome((RIGHT,), (), 0.1))

    (kill,) = run_faults(script(), [fault()])

    assert kill.killed
    assert (kill.by, kill.unrelated) == (("test_a.py::test_right",), ())
    assert script.tasks == [Task("one", frozenset({"MSG-010"}))]


def test_failing_test_of_another_requirement_does_not_kill() -> None:
    """A suite that notices something, but blames the wrong requirement, sends a vendor looking in the wrong place."""
    script = Script(Outcome((), (), 0.1), Outcome((OTHER,), (), 1.0))

    (kill,) = run_faults(script(), [fault()])

    assert not kill.killed
    assert kill.unrelated == ("test_a.py::test_other",)
    assert script.tasks[1] == Task("one")


def test_broken_test_does_not_kill() -> None:
    """A test that ends by an exception of its own says nothing about the target."""
    script = Script(Outcome((), ("test_a.py::test_right",), 0.1))

    (kill,) = run_faults(script(), [fault()])

    assert not kill.killed


@pytest.mark.parametrize(
    ("last_words", "counts"),
    [
        ("TypeError: cut() takes from 2 to 3 positional arguments but 4 were given", False),
        ("AttributeError: module 'downloads' has no attribute 'etag'", False),
        ("picosec: segmentation fault", True),
        ("struct.error: unpack requires a buffer of 4 bytes", True),
    ],
)
def test_fault_that_stumbles_over_itself_is_not_killed(last_words: str, counts: bool) -> None:
    """The reference changed and the fault did not: the crash of a patch proves nothing of the test that saw it."""
    reason = f"the target closed its output (exit status 1; last words: {last_words})"
    script = Script(Outcome((Failure("test_a.py::test_right", ("MSG-010",), reason),), (), 0.1))

    (kill,) = run_faults(script(), [fault()])

    assert kill.killed is counts
    assert kill.mishap == ("" if counts else last_words)


def test_full_run_meets_every_test_once() -> None:
    """`--full` asks what else notices a fault."""
    script = Script(NOTHING, Outcome((RIGHT, OTHER), (), 1.0))

    (kill,) = run_faults(script(), [fault()], full=True)

    assert (kill.by, kill.unrelated) == (("test_a.py::test_right",), ("test_a.py::test_other",))
    assert script.tasks == [Task("one")]


@pytest.mark.parametrize("sick", [Outcome((RIGHT,), (), 1.0), Outcome((), ("test_a.py::test_right",), 1.0)])
def test_tests_that_fail_anyway_are_found(sick: Outcome) -> None:
    """A test that fails without any fault kills all of them, and proves nothing."""
    assert failing_without_fault(Script(sick)(), ["MSG-010"], 2) == ["test_a.py::test_right"]


def test_matrix_tells_survivors_apart() -> None:
    """What nobody noticed, and what the wrong test noticed, are mended differently."""
    jsonschema.Draft202012Validator.check_schema(schema())
    script = Script(NOTHING, Outcome((OTHER,), (), 1.0))

    written = document(run_faults(script(), [fault("one"), fault("two")]), ["MSG-050"])

    jsonschema.Draft202012Validator(schema()).validate(written)
    assert written["faults"] == {"total": 2, "killed": 0, "survived": ["one", "two"]}
    assert written["killed_by_unrelated_test_only"] == ["one", "two"]
    assert written["requirements_without_fault"] == ["MSG-050"]


def test_requirements_without_a_fault_are_listed() -> None:
    """Only what is testable and binds needs one."""
    rows = load_requirements()
    bare = set(without_fault(rows.values(), [fault(requirement="MSG-010")]))

    assert "MSG-010" not in bare
    assert "MSG-020" in bare
    assert "MSG-160" not in bare, "it is checked by inspection"
    assert "MSG-390" not in bare, "it is recommended, not demanded"


def test_every_fault_breaks_a_requirement_that_stands() -> None:
    """A fault outlives the requirement that it violates, and nobody notices that its test is gone."""
    rows = load_requirements()
    assert {one.requirement for one in load_faults().values()} <= {name for name, row in rows.items() if row.testable}


def test_only_the_reference_can_be_broken() -> None:
    """Whoever names a fault for a target of his own has misunderstood something."""
    manifest = load_manifest(REFERENCE)
    with pytest.raises(ValueError, match="there is no fault"):
        faulty(manifest, "no-such-fault")
    broken = faulty(manifest, "dies-of-noise")
    with pytest.raises(ValueError, match="something else"):
        faulty(broken, "dies-of-noise")


def test_command_writes_the_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two faults of different chapters, for real: each in a process of its own, one after the other in one session."""
    file = tmp_path / "matrix.json"

    status = main(["faults", "counts-tokens", "keeps-what-was-deleted", "--jobs", "1", "--json", str(file)])

    assert status == 0, capsys.readouterr()
    written = json.loads(file.read_text())
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert written["faults"] == {"total": 2, "killed": 2, "survived": []}
    assert written["killed_by_unrelated_test_only"] == []
    rows = {row["fault"]: row for row in written["matrix"]}
    assert rows["counts-tokens"]["requirement"] == "MSG-470"
    assert rows["counts-tokens"]["killed_by"] == [
        "test_messaging_client.py::test_tokens_differ_from_one_life_to_the_next",
        "test_messaging_client.py::test_tokens_do_not_follow_from_one_another",
    ]


def test_file_that_cannot_be_written_is_noticed_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Not after a minute of work."""
    assert main(["faults", "counts-tokens", "--json", "/dev/null/matrix.json"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["no-such-fault"], ["--chapter", "no-such-chapter"], ["--jobs", "0"]])
def test_wrong_request_exits_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What was not run must not look as if it had been killed."""
    assert main(["faults", *wrong]) == 2
    assert "picosec faults --list" in capsys.readouterr().err


def test_every_fault_is_found_by_its_name() -> None:
    """A broken device loads the one fault that it has, and that is the one that all of them together have."""
    assert {name: find_fault(name) for name in load_faults()} == load_faults()
    assert find_fault("is-right-about-everything") is None
