"""The report as one HTML file: no external asset, readable without JavaScript, good in light, dark and print."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape as e
from importlib.resources import files

from picosec_conformance.report.charts import ORDER, bar, counts, donut
from picosec_conformance.report.clean import cleaned
from picosec_conformance.report.failures import anchor, command_line, failure
from picosec_conformance.report.model import FeatureTruth, Report, RequirementResult, State, TestResult, Verdict

_VERDICT_WORDS = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.EXPECTED_FAIL: "known to fail",
    Verdict.NOT_APPLICABLE: "not applicable",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.ERROR: "harness error",
}
_STATE_WORDS = {
    State.PASSED: "passed",
    State.FAILED: "failed",
    State.UNTESTED: "not tested",
    State.INSPECTION: "by inspection",
    State.NOT_APPLICABLE: "not applicable",
}
_OPEN = 10  # failing tests that are shown unfolded
_TICK = '<path d="M18 30l9 9 16-19" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round"/>'
_CROSS = (
    '<path d="M20 20l20 20m0-20l-20 20" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round"/>'
)
_DASH = '<path d="M19 30h22" fill="none" stroke="currentColor" stroke-width="5" stroke-linecap="round"/>'


def html(report: Report) -> str:
    """Return the page."""
    report, script = cleaned(report), _file("report.js")
    title = f"{report.target.name} {report.target.version}".rstrip()
    parts = [_head(report), "<main>", _score(report), *_failing(report), *_features(report), *_known(report)]
    parts += _errata(report)
    parts += [*_requirements(report), *_tests(report), "</main>", _foot(report)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'
        f"<title>{e(title)}: {e(_word(report))} · PicoSec conformance</title>"
        f"<style>\n{_file('report.css')}</style></head>\n<body>\n"
        + "\n".join(parts)
        + f"\n<script>{script}</script>\n</body></html>\n"
    )


def _policy(script: str) -> str:
    """Allow this page's own script and nothing else, whatever a target managed to put into the text."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _file(name: str) -> str:
    return files("picosec_conformance.report").joinpath(name).read_text(encoding="utf-8")


def _partial(report: Report) -> bool:
    return bool(report.selection) and not report.reasons


def _word(report: Report) -> str:
    return "Certified" if report.certified else "Partial run" if _partial(report) else "Not certified"


def _head(report: Report) -> str:
    target, kind = report.target, "certified" if report.certified else "partial" if _partial(report) else "refused"
    sign = {"certified": _TICK, "partial": _DASH, "refused": _CROSS}[kind]
    facts = {
        "Profile": report.profile_title or report.profile,
        "Role": target.role,
        "Link": target.adapter,
        "Specification": report.specification_version,
        "Requirement set": report.set_version,
        "Tests": f"{len(report.tests)} in {report.seconds:.1f} s",
        "Seed": str(report.seed),
        "Date": report.started.replace("T", " ").replace("+00:00", " UTC"),
    }
    reasons = "".join(f"<li>{e(reason)}</li>" for reason in report.reasons)
    selection = f"<p>Limited to {e(', '.join(report.selection))}: no certificate.</p>" if report.selection else ""
    return (
        f'<header class="top {kind}"><div><p class="brand">PicoSec conformance report</p><div class="verdict">'
        f'<svg viewBox="0 0 60 60" aria-hidden="true"><circle cx="30" cy="30" r="27" fill="none" stroke="currentColor" '
        f'stroke-width="4"/>{sign}</svg><div><strong>{_word(report)}</strong>'
        f"<h1>{e(target.name)} {e(target.version)}</h1><p>{e(target.vendor)}</p></div></div>"
        + selection
        + (f'<ul class="reasons">{reasons}</ul>' if reasons else "")
        + '<dl class="facts">'
        + "".join(f"<div><dt>{name}</dt><dd>{e(value)}</dd></div>" for name, value in facts.items() if value)
        + "</dl></div></header>"
    )


def _score(report: Report) -> str:
    rows = []
    for chapter in report.chapters:
        own = [row for row in report.requirements if row.chapter == chapter]
        rows.append(
            f'<div class="chapter"><span>{e(chapter)}</span>{bar(own)}'
            f"<span>{counts(own)[State.PASSED]} of {len(own)}</span></div>"
        )
    legend = "".join(
        f'<li class="{state}"><i></i>{report.states[state]} {_STATE_WORDS[state]}</li>'
        for state in ORDER
        if report.states[state]
    )
    return (
        f'<h2>Requirements</h2><section class="card score">{donut(report.requirements)}<div>{"".join(rows)}'
        f'<ul class="legend">{legend}</ul><p class="soft">Out of the full set of profile {e(report.profile)}, '
        "whatever this run reached.</p></div></section>"
    )


def _failing(report: Report) -> Iterator[str]:
    if not report.failing:
        return
    yield f'<h2 id="failures">What did not pass, and why ({len(report.failing)})</h2>'
    for number, test in enumerate(report.failing):
        yield failure(test, word=_VERDICT_WORDS[test.verdict], unfolded=number < _OPEN)


def _features(report: Report) -> Iterator[str]:
    if not report.features:
        return
    yield '<h2 id="features">Features: declared and observed</h2><div class="cells">'
    yield '<div class="side column"></div>'
    yield from (f'<div class="side column">{name}</div>' for name in ("Observed", "Not observed", "No test could tell"))
    for declared in (True, False):
        yield f'<div class="side">{"Declared" if declared else "Not declared"}</div>'
        for observed in (True, False, None):
            own = [truth for truth in report.features if truth.declared == declared and truth.observed is observed]
            yield _cell(own, declared=declared, observed=observed)
    yield "</div>"
    if any(truth.required for truth in report.features):
        yield '<p class="soft">A feature marked * is required by the profile.</p>'


def _cell(truths: list[FeatureTruth], *, declared: bool, observed: bool | None) -> str:
    words = {
        (True, True): ("ok", "Holds"),
        (True, False): ("fail", "Promised, not kept"),
        (True, None): ("ok", "Taken on trust"),
        (False, True): ("warn", "There, but not declared"),
        (False, False): ("absent", "Absent"),
        (False, None): ("absent", "Not looked for"),
    }
    kind, title = words[declared, observed]
    if any(truth.verdict == "fail" for truth in truths):
        kind = "fail"
    items = "".join(
        f'<li title="{e(truth.text, quote=True)}">{e(truth.name)}{"*" if truth.required else ""}</li>'
        for truth in truths
    )
    return f'<div class="{kind}{" full" if truths else ""}"><h3>{title} ({len(truths)})</h3><ul>{items}</ul></div>'


def _known(report: Report) -> Iterator[str]:
    if report.known_failures:
        yield '<h2 id="known">Failures the manifest announces</h2><div class="table"><table class="rows"><tbody>'
        for known in report.known_failures:
            state = (
                f"failed as announced, until {known.until}" if known.happened else "did not happen so, or has expired"
            )
            yield f'<tr><td class="wide mono">{e(known.test)}</td><td>{e(known.reason)}</td><td>{e(state)}</td></tr>'
        yield "</tbody></table></div>"


def _errata(report: Report) -> Iterator[str]:
    if report.errata:
        yield f'<h2 id="errata">Errata of requirement set {e(report.set_version)}</h2>'
        yield '<p class="soft">They explain; the verdicts are those of the set as it was frozen.</p>'
        yield '<div class="table"><table class="rows"><tbody>'
        for erratum in report.errata:
            name = e(erratum.requirement, quote=True)
            link = f'<a class="mono" href="#{name}">{name}</a>'
            yield f'<tr><td>{link}</td><td class="wide">{e(erratum.text)}</td><td>{e(erratum.date)}</td></tr>'
        yield "</tbody></table></div>"


def _filters(rows: str, states: Iterable[tuple[str, str, int]], chapters: list[str]) -> str:
    buttons = "".join(
        f'<button type="button" aria-pressed="false" data-state="{state}">'
        f'<span class="state {state}">{word}</span> {number}</button>'
        for state, word, number in states
        if number
    )
    options = "".join(f"<option>{e(chapter)}</option>" for chapter in chapters)
    select = (
        f'<select aria-label="Chapter"><option value="">all chapters</option>{options}</select>' if chapters else ""
    )
    search = '<input type="search" placeholder="Search" aria-label="Search">'
    return f'<div class="filters" data-rows="{rows}">{buttons}{select}{search}</div>'


def _requirements(report: Report) -> Iterator[str]:
    states = ((str(state), _STATE_WORDS[state], report.states[state]) for state in ORDER)
    verdicts = {test.id: test.verdict for test in report.tests}
    yield '<h2 id="requirements">Requirement by requirement</h2>'
    yield _filters("requirement-rows", states, report.chapters)
    yield '<div class="table" id="requirement-rows"><table class="rows"><thead><tr><th>Id</th><th>Requirement</th>'
    yield '<th class="level">Level</th><th>State</th></tr></thead><tbody>'
    yield from (_requirement(row, verdicts) for row in report.requirements)
    yield f'</tbody></table></div><p class="count">{len(report.requirements)} requirements</p>'


def _requirement(row: RequirementResult, verdicts: dict[str, Verdict]) -> str:
    tests = "".join(
        f'<li><a class="mono" href="#{anchor(name)}">{e(name)}</a> '
        f"{_VERDICT_WORDS[verdicts[name]] if name in verdicts else ''}</li>"
        for name in row.tests
    )
    inside = (f"<p>{_prose(row.text)}</p>" if row.text else "") + (
        f"<p>Reason: {e(row.reason)}</p>" if row.reason else ""
    )
    inside += f'<p>Feature <span class="mono">{e(row.feature)}</span></p>' + (f"<ul>{tests}</ul>" if tests else "")
    return (
        f'<tr id="{e(row.id, quote=True)}" data-state="{row.state}" data-chapter="{e(row.chapter, quote=True)}">'
        f'<td class="mono">{e(row.id)}</td>'
        f'<td class="wide"><details><summary>{e(row.title)}</summary>{inside}</details></td>'
        f'<td class="level">{e(row.level)}</td>'
        f'<td><span class="state {row.state}">{_STATE_WORDS[row.state]}</span></td></tr>'
    )


def _prose(text: str) -> str:
    """Return text of the specification with its `names` set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", e(text))


def _tests(report: Report) -> Iterator[str]:
    states = ((str(verdict), word, report.verdicts[verdict]) for verdict, word in _VERDICT_WORDS.items())
    failing = {test.id for test in report.failing}
    yield f'<h2 id="tests">Every test</h2><details><summary>{len(report.tests)} tests</summary>'
    yield _filters("test-rows", states, [])
    yield '<div class="table" id="test-rows"><table class="rows"><thead><tr><th>Test</th><th>Requirements</th>'
    yield '<th class="numbers">Time</th><th>Verdict</th></tr></thead><tbody>'
    yield from (_test(test, anchored=test.id not in failing) for test in report.tests)
    yield f'</tbody></table></div><p class="count">{len(report.tests)} tests</p></details>'


def _test(test: TestResult, *, anchored: bool) -> str:
    own = f' id="{anchor(test.id)}"' if anchored else ""
    name = (
        f'<span class="mono">{e(test.id)}</span>'
        if anchored
        else f'<a class="mono" href="#{anchor(test.id)}">{e(test.id)}</a>'
    )
    reason = f"<p>{e(test.reason)}</p>" if test.reason and anchored else ""
    links = " ".join(f'<a href="#{e(name, quote=True)}">{e(name)}</a>' for name in test.requirements)
    return (
        f'<tr{own} data-state="{test.verdict}"><td class="wide" title="{e(test.title, quote=True)}">{name}{reason}</td>'
        f'<td>{links}</td><td class="numbers level">{test.seconds * 1000:.1f} ms</td>'
        f'<td><span class="state {test.verdict}">{_VERDICT_WORDS[test.verdict]}</span></td></tr>'
    )


def _foot(report: Report) -> str:
    rows = [
        f"Suite {report.suite_version}" + (f", {report.suite_hash}" if report.suite_hash else ""),
        f"Requirement set {report.set_version}, {report.requirement_set}" if report.requirement_set else "",
        "A requirement passes when every test of it that applies to the target passes; one that no test reached counts "
        "as not tested. The seed decides everything the suite sends: the command below gives the same verdicts again.",
    ]
    command = command_line(report.command) if report.command else ""
    return f"<footer>{''.join(f'<p>{e(row)}</p>' for row in rows if row)}{command}</footer>"
