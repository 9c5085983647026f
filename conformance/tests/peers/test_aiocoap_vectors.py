"""Our vectors put to aiocoap: what we hold for right must be right to somebody who never read our code."""

import sys

import pytest

pytest.importorskip("aiocoap.oscore", reason="the extra 'bench' is not installed")

from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.runner import Verdict, ask_all, load_all

#: Valid cases in which aiocoap 0.4.17 does otherwise, each with the reason.
DIFFERENCES = {
    "class-u-options": "it knows no Hop-Limit and puts Uri-Port inside",
    "no-kid-context": "it finds a context with an ID Context only by kid and kid context together",
    "another-code-outside": "it takes no outer code but POST and FETCH, and raises ValueError",
}
#: Operations that its shim answers, with the least number of valid cases that must agree.
ANSWERED = {
    "oscore.derive": 26,
    "oscore.request.protect": 22,
    "oscore.request.unprotect": 20,
    "oscore.response.protect": 16,
    "oscore.response.unprotect": 10,
    "coap.decode": 20,
}


@pytest.mark.parametrize("operation", ANSWERED)
def test_aiocoap_agrees_with_our_valid_vectors(operation: str) -> None:
    files = load_all(vectors_folder(), operation=operation)
    outcomes = ask_all(files, [sys.executable, "-m", "picosec_conformance.peers.aiocoap_shim"], 20.0)
    valid = [outcome for outcome in outcomes if outcome.case.error is None]
    disagreed = {outcome.case.id: outcome.detail for outcome in valid if outcome.verdict is not Verdict.PASSED}
    disagreed = {id: detail for id, detail in disagreed.items() if id not in DIFFERENCES and detail}
    assert disagreed == {}
    assert sum(outcome.verdict is Verdict.PASSED for outcome in valid) >= ANSWERED[operation]
    assert not any(outcome.verdict is Verdict.BROKEN for outcome in outcomes)
