"""Targets as they are, without the Test Interface: what can be judged is, and the rest is said to be untested."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from picosec_conformance import lasting_numbers
from picosec_conformance.certify import run_suite
from picosec_conformance.links import LiveLinks
from picosec_conformance.manifest import ManifestError, NotGiven, known_manifest, load_manifest, parse_manifest
from picosec_conformance.report.model import Report, State
from picosec_conformance.selection import select

MINIATURE = Path(__file__).with_name("miniature.py")
BLACK_BOX = f"""\
features = ["messaging.datagram", "messaging.server"]

[target]
name = "miniature"
version = "1"
vendor = "nobody"
profile = "coap-server"

[adapter]
kind = "udp"
host = "127.0.0.1"
port = "{{port:coap}}"
command = ["{sys.executable}", "{MINIATURE}", "udp", "{{port:coap}}"]

[resources]
get = "/a"
"""


def judged(manifest_text: str, *requirements: str, source: str = "target.toml") -> Report:
    """Judge a target by some requirements."""
    manifest = parse_manifest(manifest_text, source)
    return run_suite(manifest, select(manifest, requirements=requirements), 1)


def states(report: Report, *requirements: str) -> dict[str, State]:
    """Return the states of some requirements."""
    return {row.id: row.state for row in report.requirements if row.id in requirements}


def test_program_on_a_socket_is_started_and_judged() -> None:
    """The engineer has a server and no Test Interface, and gets an answer."""
    report = judged(BLACK_BOX, "MSG-370", "MSG-560")

    assert states(report, "MSG-370", "MSG-560") == {"MSG-370": State.PASSED, "MSG-560": State.FAILED}


def test_recommendation_that_is_not_followed_fails_no_certificate() -> None:
    """RFC 2119 lets a stack have its reasons: it is shown, and does not stand between the stack and its certificate."""
    report = judged(BLACK_BOX, "MSG-560")

    assert [row.level for row in report.requirements if row.id == "MSG-560"] == ["SHOULD"]
    assert report.failing
    assert not report.reasons


def test_resource_that_is_not_given_is_said_to_be_missing() -> None:
    """What the manifest does not name, the suite does not guess."""
    report = judged(BLACK_BOX, "MSG-500")

    assert states(report, "MSG-500") == {"MSG-500": State.FAILED}
    assert any("resources.put" in test.reason for test in report.tests)


def test_what_needs_control_is_untested_and_counts() -> None:
    """A score over whatever happened to run would praise the stack that shows least."""
    report = judged(BLACK_BOX, "MSG-460")
    (row,) = [row for row in report.requirements if row.id == "MSG-460"]

    assert row.state is State.UNTESTED
    assert "Test Interface" in row.reason
    assert any("MSG-460" in reason for reason in report.reasons)


def test_role_of_a_resource_that_nobody_knows_is_a_mistake_of_the_manifest() -> None:
    """One sentence with the line and the mend."""
    with pytest.raises(ManifestError, match=r"target\.toml:\d+: resources: 'gett'"):
        parse_manifest(BLACK_BOX.replace('get = "/a"', 'gett = "/a"'), "target.toml")


def test_resources_raise_for_what_is_not_given() -> None:
    """A test that goes on with a path of another stack would blame the target."""
    resources = parse_manifest(BLACK_BOX, "target.toml").resources

    assert resources.get == "/a"
    with pytest.raises(NotGiven, match=r"resources\.slow"):
        _ = resources.slow


def test_numbers_outlive_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that keeps its replay window refuses a suite that begins at 0 with each run."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first = LiveLinks()
    first.begin("test")
    assert first.recall("oscore-x", 5, lasting=True) == 5
    first.keep("oscore-x", 9, lasting=True)

    second = LiveLinks()
    second.begin("test")

    assert second.recall("oscore-x", 5, lasting=True) == 9
    assert lasting_numbers.read("oscore-x") == 9
    assert second.recall("oscore-y", 5) == 5


def test_context_is_named_without_giving_it_away() -> None:
    """Two manifests for one context share its numbers, and the name of the file tells nobody the key."""
    text = BLACK_BOX + '\n[oscore]\nsender_id = "01"\nrecipient_id = ""\nmaster_secret = "SECRET"\n'
    names = []
    for secret in ("00" * 16, "00" * 16, "11" * 16):
        given = parse_manifest(text.replace("SECRET", secret), "target.toml").oscore
        assert given is not None
        assert given.master_secret.hex() not in given.name
        names.append(given.name)

    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    "name", ["aiocoap-server", "aiocoap-client", "aiocoap-oscore-client", "aiocoap-edhoc-initiator"]
)
def test_manifests_that_come_with_the_suite_are_good(name: str) -> None:
    """They are found by name, from any folder."""
    manifest = load_manifest(known_manifest(name))

    assert manifest.black_box
    assert manifest.argument == (name,)
