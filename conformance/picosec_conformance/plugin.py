"""The pytest side of a run: chooses the tests, hands out the target, and turns outcomes into verdicts."""

from __future__ import annotations

import inspect
import random
import re
import shlex
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from picosec.errors import ProtocolError
from picosec_conformance import transcript
from picosec_conformance.adapters import AdapterError, TargetDied
from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.control import Control
from picosec_conformance.faults import faulty
from picosec_conformance.links import Links, LiveLinks, RecordedLinks
from picosec_conformance.manifest import GivenContext, Manifest, load_manifest
from picosec_conformance.report.model import Frame, TestResult, Verdict
from picosec_conformance.selection import Selection, select
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.specification.sets import load_set
from picosec_conformance.target import Silence, Target

_SETTINGS = pytest.StashKey["Settings"]()
_LINKS = pytest.StashKey[Links]()
_RESULT = pytest.StashKey[TestResult]()
CONTROL = "conformance.test-interface"


class Inconclusive(Exception):
    """A test cannot tell, and says why. Neither a pass nor the target's fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is about; every worker of a parallel run builds the same."""

    manifest: Manifest
    selection: Selection
    seed: int
    command: tuple[str, ...]
    today: date


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
    config.addinivalue_line("markers", "undeclared: the test also runs when the target does not declare its features")
    if config.getoption("picosec_manifest") is None:
        return
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
    config.stash[_SETTINGS] = Settings(manifest, chosen, seed, tuple(command), day)
    recording = config.getoption("picosec_transcript")
    config.stash[_LINKS] = (
        LiveLinks() if recording is None else RecordedLinks(lambda: transcript.decode(Path(recording).read_bytes()))
    )


def aim(config: pytest.Config, manifest: Manifest) -> None:
    """Let the tests that a session runs from now on talk to another target."""
    config.stash[_SETTINGS] = replace(config.stash[_SETTINGS], manifest=manifest)
    config.stash[_LINKS] = LiveLinks()


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
    features = {known[name].feature for name in requirements}
    features |= {feature for mark in item.iter_markers("needs") for feature in mark.args}
    if "control" in getattr(item, "fixturenames", ()):
        features.add(CONTROL)
    if "channel" in getattr(item, "fixturenames", ()):
        features.add("channel.oscore.server")
    story = inspect.cleandoc(getattr(item, "function", item).__doc__ or "")
    title = item.name.partition("[")[0].removeprefix("test_").replace("_", " ")
    return TestInfo(requirements, tuple(sorted(features)), title, story)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that judge a chosen requirement."""
    settings = config.stash.get(_SETTINGS, None)
    if settings is None:
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        (kept if settings.selection.takes(name_of(item), describe(item).requirements) else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop before anything is sent when the target does not declare what the test needs."""
    settings = item.config.stash[_SETTINGS]
    item.config.stash[_LINKS].begin(name_of(item))
    if item.get_closest_marker("undeclared"):
        return
    missing = [name for name in describe(item).features if not settings.manifest.declares(name)]
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
    settings = item.config.stash[_SETTINGS]
    previous = None if call.when == "setup" else item.stash.get(_RESULT, None)
    if call.when == "setup" or call.excinfo is not None:
        item.stash[_RESULT] = _judge(item, call, settings, previous)
    elif call.when == "call":
        item.stash[_RESULT] = _judge(item, call, settings, None)
    if call.when == "teardown":
        record, mismatch = item.config.stash[_LINKS].end()
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
    verdict, reason = _verdict(call.excinfo)
    if previous is not None and previous.verdict in (Verdict.FAILED, Verdict.ERROR):
        verdict, reason = previous.verdict, previous.reason
    frames: tuple[Frame, ...] = ()
    target = getattr(item, "funcargs", {}).get("target")
    if target is not None and verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE):
        frames = tuple(target.frames)
    verdict, reason = _known(name_of(item), verdict, reason, settings)
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


def _verdict(outcome: pytest.ExceptionInfo[BaseException] | None) -> tuple[Verdict, str]:
    match outcome and outcome.value:
        case None:
            return Verdict.PASSED, ""
        case pytest.skip.Exception() as skipped:
            return Verdict.NOT_APPLICABLE, str(skipped.msg)
        case Inconclusive() as reason:
            return Verdict.INCONCLUSIVE, str(reason)
        case AssertionError() | pytest.fail.Exception() | ProtocolError() as failure:
            return Verdict.FAILED, _ADDRESS.sub("", str(failure)) or type(failure).__name__
        case AdapterError() as broken:
            return Verdict.ERROR, str(broken)
        case error:
            return Verdict.ERROR, _ADDRESS.sub("", f"{type(error).__name__}: {error}")


#: Where an object lay in memory tells nobody anything, and differs from run to run.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=>)")


def _known(test: str, verdict: Verdict, reason: str, settings: Settings) -> tuple[Verdict, str]:
    """Apply the manifest's known failures, strictly: one that does not happen, or has expired, is a failure."""
    for known in settings.manifest.known_failures:
        if known.test == test:
            if verdict == Verdict.FAILED and settings.today <= known.until:
                return Verdict.EXPECTED_FAIL, f"{known.reason} ({reason})"
            if verdict == Verdict.FAILED:
                return Verdict.FAILED, f"{reason} (known until {known.until}, which is past: {known.reason})"
            if verdict == Verdict.PASSED:
                return Verdict.FAILED, "the manifest lists this as a known failure, but it passes; remove the entry"
    return verdict, reason


def to_wire(result: TestResult) -> dict[str, Any]:
    """Return a result as plain values, which a worker can send to the process that reports."""
    values = {name: getattr(result, name) for name in TestResult.__slots__}
    frames = [[f.direction, f.seconds, f.data.hex(), f.note, f.layer, f.peer] for f in result.frames]
    return {**values, "verdict": result.verdict.value, "frames": frames}


def from_wire(values: dict[str, Any]) -> TestResult:
    """Undo ``to_wire``."""
    frames = tuple(
        Frame(d, s, bytes.fromhex(data), note, layer, peer) for d, s, data, note, layer, peer in values["frames"]
    )
    return TestResult(
        **{
            **values,
            "requirements": tuple(values["requirements"]),
            "features": tuple(values["features"]),
            "verdict": Verdict(values["verdict"]),
            "frames": frames,
        }
    )


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """What the run is about."""
    return pytestconfig.stash[_SETTINGS]


@pytest.fixture(scope="session")
def links(pytestconfig: pytest.Config) -> Iterator[Links]:
    """All ways to the outside. They outlive a test; what they mean to the next one is in its record."""
    opened = pytestconfig.stash[_LINKS]
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def rng(settings: Settings, request: pytest.FixtureRequest) -> random.Random:
    """Everything random in a test comes from here: the run's seed and the test's name decide it."""
    return random.Random(f"{settings.seed}:{request.node.name}")


@pytest.fixture
def target(links: Links, settings: Settings, rng: random.Random) -> Iterator[Target]:
    """The target, alive and, where it has the Test Interface, in its factory state.

    One that the test before has left dead or deaf gets a power cycle first, so that each failure counts once.
    """
    target = Target(links.open("target", settings.manifest.adapter), settings.manifest)
    try:
        _prepare(target, links, rng)
    except (Silence, TargetDied):
        target.power_cycle()
        _prepare(target, links, rng)
    try:
        yield target
    finally:
        links.keep(_MESSAGE_ID, target.message_id)


_MESSAGE_ID = "message id of target"


def _prepare(target: Target, links: Links, rng: random.Random) -> None:
    target.begin(rng)
    if target.manifest.declares(CONTROL):
        Control(target).reset(rng.randbytes(32))
    else:
        target.message_id = links.recall(_MESSAGE_ID, target.message_id)
        target.until_probe_answered()
    target.record_from_here()


@pytest.fixture
def production(links: Links, settings: Settings, rng: random.Random) -> Iterator[Target]:
    """The production build of the target."""
    if settings.manifest.production is None:
        raise Inconclusive("the manifest has no [production] table: name the adapter of the production build")
    production = Target(links.open("production", settings.manifest.production), settings.manifest)
    production.begin(rng)
    production.message_id = links.recall("message id of production", production.message_id)
    try:
        yield production
    finally:
        links.keep("message id of production", production.message_id)


@pytest.fixture
def control(target: Target) -> Control:
    """The target's Test Interface."""
    return Control(target)


@pytest.fixture
def channel(
    target: Target, settings: Settings, links: Links, rng: random.Random, request: pytest.FixtureRequest
) -> Iterator[Channel]:
    """A fresh OSCORE channel with the target; on a black box, the context that its manifest gives.

    The replay window of a black box outlives each test, so each goes on behind the last number of the one before.
    """
    given = settings.manifest.oscore
    if given is None:
        given = GivenContext(b"\x01", b"\x02", rng.randbytes(16), rng.randbytes(8))
        provision(request.getfixturevalue("control"), given)
        yield joined(target, given)
        return
    number = links.recall("sequence number of channel", given.first_number)
    channel = joined(target, replace(given, first_number=number))
    try:
        yield channel
    finally:
        links.keep("sequence number of channel", channel.context.numbers.value)
