import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from picosec_conformance.vectors.model import VectorFile, schema
from picosec_conformance.vectors.runner import PATIENCE, Verdict, ask_all, exit_status, first_difference, to_json

pytestmark = pytest.mark.usefixtures("only_double")

MINIATURE = Path(__file__).with_name("miniature.py")
PASSED, FAILED, UNSUPPORTED, BROKEN = Verdict


def judge(file: VectorFile, mode: str, timeout: float = 10.0):
    """The verdicts on the cases one, nothing, debt; their details; the exit status."""
    outcomes = ask_all([file], [sys.executable, str(MINIATURE), mode], timeout)
    return [o.verdict for o in outcomes], [o.detail for o in outcomes], exit_status(outcomes)


def test_right_shim_passes(make_file: Callable[..., VectorFile]) -> None:
    verdicts, details, status = judge(make_file(), "right")
    assert verdicts == [PASSED] * 3
    assert details == [""] * 3
    assert status == 0


@pytest.mark.parametrize(
    ("mode", "verdicts", "detail"),
    [
        ("accepts_all", [PASSED, PASSED, FAILED], "accepted, must be rejected with bad_request"),
        ("rejects_all", [FAILED, FAILED, PASSED], "rejected with bad_request, must be accepted"),
        ("wrong_error", [PASSED, PASSED, FAILED], "rejected with malformed, must be rejected with bad_request"),
        ("wrong_output", [FAILED, FAILED, PASSED], "output.number: expected 2, got 3"),
        ("extra_member", [FAILED, FAILED, PASSED], "output.more: not expected"),
        ("number_as_text", [FAILED, FAILED, PASSED], 'output.number: expected 2, got "2"'),
        ("panics", [PASSED, PASSED, FAILED], "crashed: index out of range"),
    ],
)
def test_wrong_answer_fails(
    make_file: Callable[..., VectorFile], mode: str, verdicts: list[Verdict], detail: str
) -> None:
    """An implementation errs in one way: exactly the cases that show it fail, and the detail names the way."""
    got, details, status = judge(make_file(), mode)
    assert got == verdicts
    assert next(filter(None, details)) == detail
    assert status == 1


@pytest.mark.parametrize(
    ("mode", "timeout", "detail"),
    [
        ("dies", 10.0, "the shim broke: ended instead of answering; its last words: segmentation fault, or so"),
        ("garbage", 10.0, "the shim broke: answered with what is not JSON: '?\\n'"),
        ("hangs", 1.0, "the shim broke: no answer within 1 s"),
    ],
)
def test_break_is_no_rejection(make_file: Callable[..., VectorFile], mode: str, timeout: float, detail: str) -> None:
    """A shim falls over on the invalid case: that is no rejection, and no verdict on the implementation either."""
    verdicts, details, status = judge(make_file(), mode, timeout)
    assert verdicts == [PASSED, PASSED, BROKEN]
    assert details[2] == detail
    assert status == 3


def test_fresh_shim_goes_on_after_a_break(make_file: Callable[..., VectorFile]) -> None:
    file = make_file()
    reordered = make_file(cases=file.cases[::-1])
    verdicts, _, status = judge(reordered, "dies")
    assert verdicts == [BROKEN, PASSED, PASSED]
    assert status == 3


def test_shim_that_always_breaks_is_given_up(make_file: Callable[..., VectorFile]) -> None:
    """Without an end to patience a dead shim would be started once for every case."""
    file = make_file(cases=make_file().cases * 3)
    verdicts, details, _ = judge(file, "always_dies")
    assert verdicts == [BROKEN] * 9
    assert [detail.startswith("not asked") for detail in details] == [False] * PATIENCE + [True] * (9 - PATIENCE)


@pytest.mark.parametrize("mode", ["unknown_member", "talks_first"])
def test_answer_outside_the_protocol_is_a_break(make_file: Callable[..., VectorFile], mode: str) -> None:
    verdicts, _, status = judge(make_file(), mode)
    assert set(verdicts) == {BROKEN}
    assert status == 3


def test_shim_that_supports_nothing_shows_nothing(make_file: Callable[..., VectorFile]) -> None:
    """A shim that declines every question must not leave with a success."""
    verdicts, _, status = judge(make_file(), "knows_nothing")
    assert set(verdicts) == {UNSUPPORTED}
    assert status == 1


def test_missing_program_cannot_be_judged(make_file: Callable[..., VectorFile]) -> None:
    with pytest.raises(FileNotFoundError):
        ask_all([make_file()], ["/nonexistent/shim"], 1.0)


def test_report_follows_its_schema(make_file: Callable[..., VectorFile]) -> None:
    import json

    outcomes = ask_all([make_file()], [sys.executable, str(MINIATURE), "wrong_error"], 10.0)
    report = json.loads(to_json(outcomes, "miniature", 0.5))
    jsonschema.Draft202012Validator(schema("run")).validate(report)
    assert report["counts"] == {"passed": 2, "failed": 1, "unsupported": 0, "broken": 0}
    assert report["operations"]["test.double"] == report["counts"]


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ("01", 1), ([], {}), (None, False)])
def test_values_of_different_kinds_differ(one: object, other: object) -> None:
    """Python holds 1, 1.0 and True for equal; an encoding does not."""
    assert first_difference({"a": [one]}, {"a": [other]}).startswith("output.a[0]: ")
