"""The pytest side of a run: takes its settings, chooses the tests, and attaches a verdict to each."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from picosec_conformance import transcript
from picosec_conformance.faults import faulty
from picosec_conformance.fixtures import (
    channel,
    connection,
    control,
    elsewhere,
    links,
    production,
    reach,
    record,
    rng,
    settings,
    target,
    ways,
)
from picosec_conformance.links import LiveLinks, RecordedLinks
from picosec_conformance.manifest import Manifest, load_manifest
from picosec_conformance.reach import MAIN, link_for, of_links
from picosec_conformance.report.model import TestResult, Verdict
from picosec_conformance.selection import select
from picosec_conformance.settings import CONTROL, LINK, LINKS, RECORD, SETTINGS, Settings
from picosec_conformance.specification.condition import Condition
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.specification.sets import load_set
from picosec_conformance.target import Record
from picosec_conformance.verdicts import apply_known_failures, to_wire, verdict_of

#: pytest takes a plugin's fixtures from its module.
__all__ = [
    "channel",
    "connection",
    "control",
    "elsewhere",
    "links",
    "production",
    "reach",
    "record",
    "rng",
    "settings",
    "target",
    "ways",
]

_RESULT = pytest.StashKey[TestResult]()


@dataclass(frozen=True, slots=True)
class TestInfo:
    """What a test says about itself."""

    __test__ = False

    requirements: tuple[str, ...]
    features: tuple[str, ...]
    title: str
    story: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the run's settings; ``picosec certify`` passes them."""
    group = parser.getgroup("picosec")
    group.addoption("--picosec-manifest", metavar="FILE", help="manifest of the target")
    group.addoption("--picosec-source", metavar="NAME", help="what reports call the manifest, instead of its path")
    group.addoption("--picosec-profile", metavar="NAME", help="profile, instead of the manifest's")
    group.addoption("--picosec-chapter", action="append", default=[], metavar="NAME")
    group.addoption("--picosec-requirement", action="append", default=[], metavar="ID")
    group.addoption("--picosec-fault", metavar="NAME", help="break the reference in this way")
    group.addoption("--picosec-combinations", choices=("every",), help="not only so many that each pair meets")
    group.addoption("--picosec-seed", type=int, default=0, metavar="N")
    group.addoption("--picosec-set", metavar="VERSION", help="frozen set of requirements to judge by")
    group.addoption("--picosec-today", metavar="DATE", help="day of the run, which ends known failures")
    group.addoption("--picosec-transcript", metavar="FILE", help="replay this instead of talking to the target")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and build the settings."""
    config.addinivalue_line("markers", "requirement(id, …): the requirements that the test judges")
    config.addinivalue_line(
        "markers", "needs(feature, …): features that the test needs besides those of its requirements"
    )
    config.addinivalue_line("markers", "beyond: it asks more than the standards do; plain stacks are spared")
    config.addinivalue_line("markers", "undeclared: the test also runs when the target does not declare its features")
    if config.getoption("picosec_manifest") is None:
        return
    # Reports tell of failures in their own words; the source that pytest would read for its own costs more than a test.
    config.option.tbstyle = "native"
    judged_by = load_set(config.getoption("picosec_set"))
    path, source = Path(config.getoption("picosec_manifest")), config.getoption("picosec_source")
    manifest = load_manifest(path, config.getoption("picosec_profile"), judged_by.profiles, source)
    fault = config.getoption("picosec_fault")
    if fault is not None:
        manifest = faulty(manifest, fault)
    chosen = select(
        manifest, tuple(config.getoption("picosec_chapter")), tuple(config.getoption("picosec_requirement")), judged_by
    )
    seed, today = config.getoption("picosec_seed"), config.getoption("picosec_today")
    command = ["picosec", "certify", *manifest.argument, "--profile", manifest.profile.name, "--seed", str(seed)]
    command += judged_by.argument
    command += ["--fault", fault] if fault is not None else []
    day = datetime.now(UTC).date() if today is None else date.fromisoformat(today)
    config.stash[SETTINGS] = Settings(manifest, chosen, seed, tuple(command), day)
    recording = config.getoption("picosec_transcript")
    config.stash[LINKS] = (
        LiveLinks() if recording is None else RecordedLinks(lambda: transcript.decode(Path(recording).read_bytes()))
    )


def aim(config: pytest.Config, manifest: Manifest) -> None:
    """Let the tests that a session runs from now on talk to another target."""
    config.stash[SETTINGS] = replace(config.stash[SETTINGS], manifest=manifest)
    config.stash[LINKS] = LiveLinks()


def name_of(item: pytest.Item) -> str:
    """Return a test's id: its file, its function and the parameters."""
    return f"{item.path.name}::{item.name}"


def describe(item: pytest.Item) -> TestInfo:
    """Read requirements, features and story off a test. Raises ``UsageError`` for a test without a requirement."""
    requirements = tuple(name for mark in item.iter_markers("requirement") for name in mark.args)
    if not requirements:
        raise pytest.UsageError(f"{item.nodeid} names no requirement")
    known = load_requirements()
    unknown = [name for name in requirements if name not in known]
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} names {unknown[0]}, which no page defines")
    features = {need for name in requirements for need in known[name].condition.needs}
    features |= {feature for mark in item.iter_markers("needs") for feature in mark.args}
    settings = item.config.stash.get(SETTINGS, None)
    if "control" in getattr(item, "fixturenames", ()) and (settings is None or not settings.manifest.black_box):
        features.add(CONTROL)
    if "channel" in getattr(item, "fixturenames", ()):
        features.add("channel.oscore.server")
    story = inspect.cleandoc(getattr(item, "function", item).__doc__ or "")
    title = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
    return TestInfo(requirements, tuple(sorted(features)), title, story)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that judge a chosen requirement."""
    settings = config.stash.get(SETTINGS, None)
    if settings is None:
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        taken = settings.selection.takes(name_of(item), describe(item).requirements)
        spared = settings.manifest.profile.plain and item.get_closest_marker("beyond") is not None
        (kept if taken and not spared else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop before anything is sent when the target does not declare what the test needs."""
    settings = item.config.stash[SETTINGS]
    item.config.stash[LINKS].begin(name_of(item))
    item.stash[RECORD], item.stash[LINK] = Record(), MAIN
    if item.get_closest_marker("undeclared"):
        return
    features = describe(item).features
    missing = [need for need in features if not Condition.parse(need).met_by(settings.manifest.features)]
    if not missing:
        link = link_for(settings.manifest, features)
        if link is None and "reach" not in getattr(item, "fixturenames", ()):
            pytest.skip(f"no link carries {', '.join(of_links(features))}")
        item.stash[LINK] = link or MAIN
    if (
        "channel" in getattr(item, "fixturenames", ())
        and settings.manifest.oscore is None
        and not settings.manifest.declares(CONTROL)
    ):
        missing.append("an OSCORE context in the manifest")
    if missing:
        pytest.skip(f"not declared: {', '.join(missing)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the outcome of each phase into a verdict, and attach it to the report in a form that crosses processes."""
    report = yield
    settings = item.config.stash[SETTINGS]
    previous = None if call.when == "setup" else item.stash.get(_RESULT, None)
    if call.when == "setup" or call.excinfo is not None:
        item.stash[_RESULT] = _judge(item, call, settings, previous)
    elif call.when == "call":
        item.stash[_RESULT] = _judge(item, call, settings, None)
    if call.when == "teardown":
        record, mismatch = item.config.stash[LINKS].end()
        result = item.stash[_RESULT]
        if mismatch:
            result = replace(result, verdict=Verdict.ERROR, reason=mismatch)
        report.user_properties.append(("picosec", to_wire(result)))
        report.user_properties.append(("picosec-transcript", (result.id, record)))
    return report


def _judge(
    item: pytest.Item, call: pytest.CallInfo[None], settings: Settings, previous: TestResult | None
) -> TestResult:
    info = describe(item)
    verdict, reason = verdict_of(call.excinfo)
    if previous is not None and previous.verdict in (Verdict.FAILED, Verdict.ERROR):
        verdict, reason = previous.verdict, previous.reason
    seen = verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)
    frames = tuple(item.stash[RECORD].frames) if seen else ()
    verdict, reason = apply_known_failures(name_of(item), verdict, reason, settings)
    repeat = shlex.join([*settings.command, "--requirement", info.requirements[0]])
    return TestResult(
        name_of(item),
        info.requirements,
        info.features,
        verdict,
        call.duration,
        reason,
        frames,
        repeat,
        info.title,
        info.story,
    )
