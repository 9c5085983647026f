"""aiocoap as it comes, in processes of its own, judged without a Test Interface: a few requirements of each profile.

Which pass and which fail are facts about version 0.4.17; the whole is in the documents (What the suite finds).
"""

from __future__ import annotations

import pytest

pytest.importorskip("aiocoap.oscore", reason="the extra 'bench' is not installed")
pytest.importorskip("lakers", reason="the extra 'bench' is not installed")

from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import known_manifest, load_manifest
from picosec_conformance.report.model import State
from picosec_conformance.selection import select

PASSED, FAILED = State.PASSED, State.FAILED


@pytest.mark.parametrize(
    ("name", "profile", "expected"),
    [
        pytest.param(
            "aiocoap-server", "coap-server", {"MSG-320": PASSED, "MSG-880": PASSED, "MSG-270": FAILED}, id="server"
        ),
        pytest.param(
            "aiocoap-server", "oscore-server", {"CHN-720": PASSED, "CHN-680": PASSED, "CHN-760": FAILED}, id="oscore"
        ),
        pytest.param("aiocoap-server", "edhoc-responder", {"CHN-100": PASSED, "CHN-190": FAILED}, id="responder"),
        pytest.param("aiocoap-oscore-client", "oscore-client", {"CHN-670": PASSED, "CHN-620": PASSED}, id="client"),
    ],
)
def test_aiocoap_is_judged_as_it_is(name: str, profile: str, expected: dict[str, State]) -> None:
    """An engineer points the suite at a stack, and the answer is true."""
    manifest = load_manifest(known_manifest(name), profile)

    report = run_suite(manifest, select(manifest, requirements=tuple(expected)), 1)

    assert {row.id: row.state for row in report.requirements if row.id in expected} == expected
