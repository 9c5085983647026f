"""lakers as it is, without the reference: what the wrappers and the shim make of it."""

import sys

import pytest

from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.runner import Verdict, ask_all

pytest.importorskip("lakers", reason="the extra 'bench' is not installed")

from picosec_conformance.peers.lakers import Initiator, Responder

from .parties import INITIATOR, RESPONDER

# A message_1 that RFC 9529 section 4 holds for the model of its invalid ones, with suite 2.
MESSAGE_1 = "03025820741a13d7ba048fbb615e94386aa3b61bea5b3d8f65f32620b749bee8d278efa90e"
OFF_CURVE = "03025820a04e73601df544a70ba7ea1e57030f7d4b4eb7f673924e58d54ca77a5e7d4d4a0e"


@pytest.mark.parametrize("with_message_4", [False, True])
@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_completes_with_itself(with_message_4: bool, by_value: bool) -> None:
    initiator, responder = Initiator(INITIATOR, RESPONDER.credential), Responder(RESPONDER, INITIATOR.credential)
    message_2 = responder.message_2(initiator.message_1(b"\x37"), b"\x27", by_value)
    responder.process_message_3(initiator.message_3(message_2, by_value))
    message_4 = responder.message_4() if with_message_4 else None
    assert initiator.finish(message_4) == responder.finish(with_message_4)
    assert (initiator.c_r, responder.c_i) == (b"\x27", b"\x37")
    assert initiator.key_update(b"context") == responder.key_update(b"context")


def shim(operation: str, *cases: Case) -> list[tuple[Verdict, str]]:
    """What the shim of lakers gets for these cases."""
    file = VectorFile("channel", "cases", operation, "Cases for lakers", {}, cases)
    command = [sys.executable, "-m", "picosec_conformance.peers.lakers_shim"]
    return [(outcome.verdict, outcome.detail) for outcome in ask_all([file], command, 10.0)]


def message_1(message: str, output: dict | None = None, error: str | None = None, **others: object) -> Case:
    inputs = {"message_1": message, "methods": [3], "suites": [2], **others}
    return Case("case", "A message_1.", ("CHN-010",), (), inputs, {}, output, error)


def test_shim_answers_what_can_be_asked() -> None:
    good = {"method": 3, "suite": 2, "c_i": "0e", "ead_1": []}
    assert (
        shim(
            "edhoc.message_1.process",
            message_1(MESSAGE_1, good),
            message_1(MESSAGE_1 + "0041aa", {**good, "ead_1": [[0, False, "aa"]]}),
            message_1("00" + MESSAGE_1[2:], error="unsupported_method"),
            message_1("0303" + MESSAGE_1[4:], error="unsupported_suite"),
            message_1(MESSAGE_1[:-2], error="malformed"),
            message_1(MESSAGE_1 + "2a", error="critical_ead"),
        )
        == [(Verdict.PASSED, "")] * 6
    )


def test_shim_declines_what_cannot_be_asked() -> None:
    cases = [message_1(MESSAGE_1, {}, suites=[0, 2]), message_1(MESSAGE_1, {}, methods=[0, 3])]
    assert shim("edhoc.message_1.process", *cases) == [(Verdict.UNSUPPORTED, "")] * 2
    assert shim("edhoc.handshake", cases[0]) == [(Verdict.UNSUPPORTED, "")]


def test_panic_is_no_rejection() -> None:
    """lakers panics on a G_X that is not on the curve: the right answer would be ``bad_key``, and a crash is none."""
    (verdict, detail), after = shim(
        "edhoc.message_1.process",
        message_1(OFF_CURVE, error="bad_key"),
        message_1(MESSAGE_1[:-2], error="malformed"),
    )
    assert verdict is Verdict.FAILED
    assert detail.startswith("crashed: PanicException: ")
    assert after == (Verdict.PASSED, "")
