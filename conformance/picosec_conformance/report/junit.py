"""JUnit XML: one test case for each parametrised test, for the CI systems that read it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from picosec_conformance import wire
from picosec_conformance.report import exchange
from picosec_conformance.report.model import Report, TestResult, Verdict

#: Element that stands for a verdict inside a test case; a pass has none.
_ELEMENT = {
    Verdict.FAILED: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.EXPECTED_FAIL: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return the report as JUnit XML."""
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    numbers: dict[str, str] = {
        name: str(sum(_ELEMENT.get(test.verdict) == element for test in report.tests))
        for name, element in counts.items()
    }
    total: dict[str, str] = {"tests": str(len(report.tests)), **numbers, "time": f"{report.seconds:.3f}"}
    root = ET.Element("testsuites", {"name": "picosec certify", **total})
    suite = ET.SubElement(root, "testsuite", {"name": f"picosec.{report.profile}", **total})
    if report.started:
        suite.set("timestamp", report.started)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for test in report.tests:
        _case(suite, test)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _properties(report: Report) -> dict[str, str]:
    return {
        "certified": str(report.certified).lower(),
        "target": f"{report.target.name} {report.target.version}".rstrip(),
        "profile": report.profile,
        "seed": str(report.seed),
        "specification": report.specification_version,
        "set": report.set_version,
        "requirement_set": report.requirement_set,
        "suite": report.suite_version,
    }


def _case(suite: ET.Element, test: TestResult) -> None:
    module, _, name = test.id.rpartition("::")
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean(module.removesuffix(".py").replace("/", ".") or "picosec"),
        name=_clean(name),
        time=f"{test.seconds:.6f}",
    )
    if test.requirements:
        properties = ET.SubElement(case, "properties")
        for requirement in test.requirements:
            ET.SubElement(properties, "property", name="requirement", value=requirement)
    if test.verdict in _ELEMENT:
        reason = _clean(test.reason or test.verdict)
        outcome = ET.SubElement(case, _ELEMENT[test.verdict], message=reason.splitlines()[0] if reason else "")
        if outcome.tag != "skipped":
            outcome.set("type", str(test.verdict))
            outcome.text = _clean(
                "\n".join([test.story, "", test.reason, "", *_exchange(test), "", test.replay]).strip()
            )


def _exchange(test: TestResult) -> list[str]:
    return [f"{exchange.heading(frame)}  {wire.summary(frame.data, frame.layer)}" for frame in test.frames]


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
