"""What a run found out, as plain data: the suite fills it, the writers in this package render it.

Everything is frozen; a count is computed from the rows wherever it is shown, so no page can disagree with another.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

Direction = Literal["sent", "received"]
Layer = Literal["coap", "slipmux", "tcp", "websocket", "stream"]
TruthVerdict = Literal["ok", "fail", "warn", "absent"]


class Verdict(StrEnum):
    """Outcome of one test."""

    PASSED = "passed"
    FAILED = "failed"
    #: The manifest lists the failure as known, with a reason.
    EXPECTED_FAIL = "expected-fail"
    #: The target does not declare a feature that the test needs.
    NOT_APPLICABLE = "not-applicable"
    #: The test ran but could not tell, for example because the link lost frames.
    INCONCLUSIVE = "inconclusive"
    #: The harness or the adapter broke; never blamed on the target.
    ERROR = "error"


class State(StrEnum):
    """Outcome of one requirement."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"
    #: In the profile's set, but no test gave a verdict in this run.
    UNTESTED = "untested"
    #: Shown by reading the implementation, not by a test.
    INSPECTION = "inspection"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame on the link. ``direction`` is seen from the suite; ``seconds`` counts from the start of the test.

    ``data`` is one CoAP message in the form of its layer; ``slipmux`` and ``stream`` are raw bytes of a line or of a
    connection, whatever they mean. ``note`` says what the bytes
    do not show (the plaintext of a protected message, what was tampered with). ``peer`` names the endpoint that the
    suite plays, for tests in which it plays more than one. ``link`` names a further link to the target.
    """

    direction: Direction
    seconds: float
    data: bytes
    note: str = ""
    layer: Layer = "coap"
    peer: str = "suite"
    link: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test, or one parameter set of it, with its verdict."""

    __test__ = False  # pytest would take the class for a test

    id: str  #: pytest's node id, for example ``test_channel_oscore.py::test_replay[second]``
    requirements: tuple[str, ...]
    features: tuple[str, ...]
    verdict: Verdict
    seconds: float
    reason: str = ""  #: why it is not a pass
    frames: tuple[Frame, ...] = ()
    replay: str = ""  #: one command line that repeats exactly this test
    title: str = ""  #: one sentence
    story: str = ""  #: the attack or need that the test stands for


@dataclass(frozen=True, slots=True)
class FeatureTruth:
    """What the target declares about a feature against what it showed. ``observed`` is None when nothing could tell."""

    name: str
    declared: bool
    observed: bool | None
    required: bool
    verdict: TruthVerdict
    text: str = ""


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """One requirement of the profile's full set."""

    id: str
    title: str
    level: str
    feature: str
    state: State
    tests: tuple[str, ...] = ()
    chapter: str = ""
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure that the manifest announces; ``happened`` is False for one that did not occur, which fails the run.

    ``until`` is the last day on which it is excused, RFC 3339.
    """

    test: str
    reason: str
    happened: bool
    until: str = ""


@dataclass(frozen=True, slots=True)
class Erratum:
    """What turned out wrong in the requirement set; it explains and changes no verdict."""

    requirement: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """What was tested."""

    name: str
    version: str = ""
    vendor: str = ""
    role: str = ""
    adapter: str = ""
    manifest: str = ""


@dataclass(frozen=True)
class Report:
    """One run. ``reasons`` says in sentences why ``certified`` is False; ``selection`` names what limited the run."""

    certified: bool
    profile: str
    target: Target
    seed: int
    seconds: float
    tests: tuple[TestResult, ...]
    requirements: tuple[RequirementResult, ...]
    features: tuple[FeatureTruth, ...]
    reasons: tuple[str, ...] = ()
    known_failures: tuple[KnownFailure, ...] = ()
    profile_title: str = ""
    selection: tuple[str, ...] = ()
    specification_version: str = ""
    set_version: str = ""  #: name of the requirement set that the target was judged by
    requirement_set: str = ""  #: SHA-256 of the requirement set, hexadecimal
    errata: tuple[Erratum, ...] = ()
    suite_version: str = ""
    suite_hash: str = ""
    command: str = ""  #: repeats the whole run
    started: str = ""  #: RFC 3339, UTC

    @cached_property
    def verdicts(self) -> Counter[Verdict]:
        """How many tests ended with each verdict."""
        return Counter(test.verdict for test in self.tests)

    @cached_property
    def states(self) -> Counter[State]:
        """How many requirements ended in each state."""
        return Counter(requirement.state for requirement in self.requirements)

    @property
    def failing(self) -> list[TestResult]:
        """The tests that need a look: failed first, then broken, then undecided ones."""
        order = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE)
        return sorted(
            (test for test in self.tests if test.verdict in order), key=lambda test: order.index(test.verdict)
        )

    @property
    def chapters(self) -> list[str]:
        """The chapters of the requirements, in their order."""
        return list(dict.fromkeys(requirement.chapter for requirement in self.requirements))
