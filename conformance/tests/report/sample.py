"""Reports to render: one of a target that passes, one of a target that acts on a replayed command."""

from __future__ import annotations

from picosec_conformance.report.model import (
    FeatureTruth,
    Frame,
    KnownFailure,
    Report,
    RequirementResult,
    State,
    Target,
    TestResult,
    Verdict,
)
from picosec_conformance.wire.coap import CoAP, Payload, options
from picosec_conformance.wire.slipmux import Slipmux

REPLAY = "test_channel_oscore.py::test_replayed_request_is_refused[window-32]"
#: Text of a target that tries to leave its place on the page.
HOSTILE = '<script>alert("x")</script>&\x1b[2J'

PROTECTED = bytes(
    CoAP(type=0, code=2, message_id=0x4A02, token=b"\x52", options=options((9, b"\x09\x05\x01")))
    / Payload(data=bytes(16))
)
ANSWER = bytes(
    CoAP(type=2, code=0x44, message_id=0x4A02, token=b"\x52", options=options((9, b""))) / Payload(data=bytes(11))
)
HELLO = bytes(CoAP(type=0, code=1, message_id=0x4A03, token=b"\x53", options=options((11, HOSTILE.encode()))))
FRAMES = (
    Frame("sent", 0.0, PROTECTED, "PUT /actuators/lamp, true"),
    Frame("received", 0.0012, ANSWER),
    Frame("sent", 1.5, HELLO, HOSTILE + "\udc80", peer="second client"),
    Frame("sent", 1.6, bytes(Slipmux(message=HELLO, fcs=0)), layer="slipmux"),
)


def passing() -> Report:
    """Return a certified run."""
    return Report(
        certified=True,
        profile="device",
        profile_title="PicoSec device, full",
        target=Target("Lamp Controller", "2.0.4", "Example Lighting", "device", "subprocess", "lamp.toml"),
        seed=7,
        seconds=2.5,
        tests=(
            TestResult("test_messaging.py::test_token", ("MSG-210",), ("messaging.server",), Verdict.PASSED, 0.01),
            TestResult(
                "test_channel.py::test_ping[a]", ("CHN-120", "MSG-220"), (), Verdict.PASSED, 0.02, title="A ping"
            ),
            TestResult("test_channel.py::test_p384", ("CHN-130",), (), Verdict.NOT_APPLICABLE, 0.0, "not declared"),
        ),
        requirements=(
            _requirement("MSG-210", State.PASSED, "test_messaging.py::test_token"),
            _requirement("MSG-220", State.PASSED, "test_channel.py::test_ping[a]"),
            _requirement("CHN-120", State.PASSED, "test_channel.py::test_ping[a]"),
            _requirement("CHN-130", State.NOT_APPLICABLE, "test_channel.py::test_p384"),
            _requirement("CHN-140", State.INSPECTION),
        ),
        features=(
            FeatureTruth("messaging.server", declared=True, observed=True, required=True, verdict="ok", text="answers"),
            FeatureTruth("messaging.slipmux", declared=False, observed=None, required=False, verdict="absent"),
        ),
        specification_version="1.0",
        requirement_set="ab" * 32,
        suite_version="0.1.0",
        suite_hash="cd" * 32,
        command="picosec certify lamp.toml --seed 7",
        started="2026-01-01T00:00:00+00:00",
    )


def failing() -> Report:
    """Return a run with every verdict, every state and a target that sends hostile text."""
    return Report(
        certified=False,
        reasons=("1 requirements failed: CHN-120",),
        profile="device",
        target=Target(HOSTILE, "1", "Example Lighting", "device", "udp", "lamp.toml"),
        seed=7,
        seconds=2.5,
        tests=(
            TestResult("test_messaging.py::test_token", ("MSG-210",), (), Verdict.PASSED, 0.01),
            TestResult(
                "test_messaging.py::test_slow", ("MSG-220",), (), Verdict.INCONCLUSIVE, 0.5, "the link lost a frame"
            ),
            TestResult("test_messaging.py::test_start", ("MSG-220",), (), Verdict.ERROR, 0.0, "no such program"),
            TestResult("test_messaging.py::test_known", ("MSG-230",), (), Verdict.EXPECTED_FAIL, 0.0, "mended in 2.1"),
            TestResult(
                REPLAY,
                ("CHN-120",),
                ("channel.oscore.server",),
                Verdict.FAILED,
                1.6,
                "expected 4.01 (replayed), got 2.04\n"
                + HOSTILE
                + "\udc80",  # half a character, as a broken decoder leaves it
                FRAMES,
                "picosec certify lamp.toml --requirement CHN-120 --seed 7",
                "A replayed request is refused",
                "An eavesdropper repeats a recorded command:\nthe lamp must not switch twice.",
            ),
        ),
        requirements=(
            _requirement("MSG-210", State.PASSED, "test_messaging.py::test_token"),
            _requirement("MSG-220", State.UNTESTED),
            _requirement("MSG-230", State.FAILED, "test_messaging.py::test_known"),
            _requirement("CHN-120", State.FAILED, REPLAY),
        ),
        features=(
            FeatureTruth("channel.oscore.server", declared=True, observed=False, required=True, verdict="fail"),
            FeatureTruth("messaging.slipmux", declared=False, observed=True, required=False, verdict="warn"),
        ),
        known_failures=(KnownFailure("test_messaging.py::test_known", "mended in 2.1", happened=True),),
    )


def _requirement(name: str, state: State, *tests: str) -> RequirementResult:
    chapter = "messaging" if name.startswith("MSG") else "channel"
    text = "A server MUST answer with `4.01`."
    return RequirementResult(name, f"Title of {name}", "MUST", "messaging.server", state, tests, chapter, text)
