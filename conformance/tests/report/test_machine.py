"""Reports for machines: JSON under its schema, JUnit, badge."""

from __future__ import annotations

import copy
import json
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from picosec_conformance.report.badge import badge
from picosec_conformance.report.json import check, document, schema, to_json
from picosec_conformance.report.junit import junit
from picosec_conformance.report.model import Report, State, Verdict

from .sample import HOSTILE, REPLAY


def test_schema_is_a_schema() -> None:
    """A typing error in a schema makes it accept everything."""
    jsonschema.Draft202012Validator.check_schema(schema())


def test_both_reports_keep_to_the_schema(passing: Report, failing: Report) -> None:
    """Others build on the file."""
    for report in (passing, failing):
        check(json.loads(to_json(report)))


def test_counts_are_those_of_the_rows(failing: Report) -> None:
    """The denominator is the profile's full set."""
    found = document(failing)

    assert found["requirements"] == {
        "total": 4, "passed": 1, "failed": 2, "untested": 1, "not_applicable": 0, "inspection": 0
    }  # fmt: skip
    assert found["tests"] == {
        "total": 5, "passed": 1, "failed": 1, "error": 1, "expected_fail": 1, "inconclusive": 1, "not_applicable": 0
    }  # fmt: skip
    assert (found["certified"], found["seed"], found["seconds"]) == (False, 7, 2.5)


def _break(found: dict[str, Any], way: str) -> None:
    match way:
        case "unknown key":
            found["score"] = 100
        case "missing key":
            del found["seed"]
        case "unknown verdict":
            found["test_results"][0]["verdict"] = "acceptable"
        case "unknown state":
            found["requirement_results"][0]["state"] = "skipped"
        case "odd hexadecimal":
            found["test_results"][0]["frames"] = [
                {"direction": "sent", "peer": "suite", "seconds": 0, "layer": "coap", "data": "4", "note": ""}
            ]
        case "certified with a failure":
            found["requirements"].update(failed=1, passed=found["requirements"]["passed"] - 1)
        case "certified in part":
            found["selection"] = ["chapter channel"]
        case "total that does not add up":
            found["tests"]["total"] += 1


@pytest.mark.parametrize(
    "way",
    [
        "unknown key",
        "missing key",
        "unknown verdict",
        "unknown state",
        "odd hexadecimal",
        "certified with a failure",
        "certified in part",
        "total that does not add up",
    ],
)
def test_report_that_lies_is_refused(way: str, passing: Report) -> None:
    """A certificate is worth what its checker refuses."""
    found = copy.deepcopy(document(passing))
    _break(found, way)

    with pytest.raises(jsonschema.ValidationError):
        check(found)


def test_junit_has_a_case_for_each_test(passing: Report, failing: Report) -> None:
    """Parametrised tests are cases of their own; a CI system adds them up."""
    for report in (passing, failing):
        root = ET.fromstring(junit(report))
        suite = root.find("testsuite")
        assert suite is not None
        assert len(suite.findall("testcase")) == len(report.tests) == int(suite.get("tests", ""))
        for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(attribute, "")) == len(suite.findall(f"testcase/{element}"))


def test_junit_tells_a_broken_target_from_a_broken_harness(failing: Report) -> None:
    """An adapter that does not start is no failure of the target."""
    root = ET.fromstring(junit(failing))
    outcome = {
        case.get("name"): [child.tag for child in case if child.tag != "properties"] for case in root.iter("testcase")
    }

    assert outcome == {
        "test_token": [],
        "test_slow": ["error"],
        "test_start": ["error"],
        "test_known": ["skipped"],
        "test_replayed_request_is_refused[window-32]": ["failure"],
    }


def test_junit_failure_holds_story_exchange_and_replay(failing: Report) -> None:
    """Many readers see nothing but this file."""
    text = next(ET.fromstring(junit(failing)).iter("failure")).text or ""

    for said in (
        "the lamp must not switch twice",
        "suite → target",
        "CON POST / mid=0x4a02",
        "--requirement CHN-120 --seed 7",
    ):
        assert said in text


@pytest.mark.parametrize(("name", "said"), [("passing", "certified 3/5"), ("failing", "not certified 1/4")])
def test_badge_says_what_the_report_says(name: str, said: str, request: pytest.FixtureRequest) -> None:
    """The number on the badge has the full set below the line."""
    root = ET.fromstring(badge(request.getfixturevalue(name)))

    assert root.get("aria-label") == f"PicoSec device: {said}"


def test_model_orders_what_needs_a_look(failing: Report) -> None:
    """Failures of the target first, then those of the harness."""
    assert [test.verdict for test in failing.failing] == [Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE]
    assert failing.failing[0].id == REPLAY
    assert failing.states[State.FAILED] == 2
    assert failing.chapters == ["messaging", "channel"]
    assert failing.target.name == HOSTILE
