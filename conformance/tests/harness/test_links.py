"""The reference device reaches the same verdicts as a program, on sockets, connections and a serial line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from picosec_conformance.adapters import Ports
from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import REFERENCE, load_manifest
from picosec_conformance.reach import TRANSPORTS
from picosec_conformance.report.model import Report, State, Verdict
from picosec_conformance.selection import select

from .ttys import joined_ttys

Serve = Callable[[list[str]], None]
DEATHS = Path(__file__).with_name("sample_deaths")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def ports(stack: ExitStack) -> Ports:
    return stack.enter_context(closing(Ports()))


@pytest.fixture
def serve(stack: ExitStack) -> Serve:
    """Start a test build of the reference device on a link."""

    def start(link: list[str]) -> None:
        command = [sys.executable, "-m", "picosec", "device", *link, "--test-interface"]
        device = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stack.callback(device.wait)
        stack.callback(device.terminate)
        assert device.stderr is not None
        stack.callback(device.stderr.close)
        assert device.stderr.readline(), "it says when it listens"

    return start


def certify(links: str, tmp_path: Path, *carried: str) -> Report:
    """Run the whole suite against the reference device on links that carry these of the features of transports."""
    head, _, rest = REFERENCE.read_text().partition("[adapter]")
    production = rest[rest.index("[production]") :]
    for feature in TRANSPORTS.difference(carried):
        head = head.replace(f'"{feature}",', "")
    path = tmp_path / "target.toml"
    path.write_text(f"{head}{links}\n{production}")
    manifest = load_manifest(path)
    return run_suite(manifest, select(manifest), seed=1)


def socket_link(table: str, kind: str, port: int) -> str:
    """Return a table of a manifest for a link to this machine."""
    return f'[{table}]\nkind = "{kind}"\nhost = "127.0.0.1"\nport = {port}\n'


def assert_same_as_a_program(report: Report) -> None:
    """Judge by the states of requirements: framing aside, a link changes no verdict."""
    bad = [result for result in report.tests if result.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)]
    assert not bad, [(result.id, result.verdict, result.reason) for result in bad[:5]]
    untested = [row.id for row in report.requirements if row.state is State.UNTESTED]
    assert not untested
    assert report.certified


def test_reference_is_certified_over_udp(serve: Serve, ports: Ports, tmp_path: Path) -> None:
    """What most stacks that people certify will sit behind."""
    port, further = ports.number("main"), ports.number("further")
    serve(["--udp", f"127.0.0.1:{port}", "--udp", f"127.0.0.1:{further}"])
    links = socket_link("adapter", "udp", port) + socket_link("links.second", "udp", further)

    assert_same_as_a_program(certify(links, tmp_path, "messaging.datagram"))


@pytest.mark.parametrize(
    ("kind", "option", "feature"), [("tcp", "--tcp", "messaging.stream"), ("websocket", "--ws", "messaging.websocket")]
)
def test_reference_is_certified_over_connections(
    serve: Serve, ports: Ports, tmp_path: Path, kind: str, option: str, feature: str
) -> None:
    """What passes through networks that let nothing else through; a further link shows the rest."""
    port, further = ports.number("main"), ports.number("further")
    serve([option, f"127.0.0.1:{port}", "--udp", f"127.0.0.1:{further}"])
    links = socket_link("adapter", kind, port) + socket_link("links.udp", "udp", further)

    assert_same_as_a_program(certify(links, tmp_path, feature, "messaging.datagram"))


def test_what_needs_datagrams_does_not_apply_without_them(serve: Serve, ports: Ports, tmp_path: Path) -> None:
    """A stack on TCP alone is told what it showed, and what nobody could see."""
    port = ports.number("tcp")
    serve(["--tcp", f"127.0.0.1:{port}"])

    report = certify(socket_link("adapter", "tcp", port), tmp_path, "messaging.stream", "messaging.datagram")

    assert not [result for result in report.tests if result.verdict is Verdict.ERROR]
    (failed,) = (result for result in report.tests if result.verdict is Verdict.FAILED)
    assert failed.id == "test_conformance_target.py::test_feature_is_as_declared[messaging.datagram]"
    aside = {result.reason for result in report.tests if result.verdict is Verdict.NOT_APPLICABLE}
    assert "no link carries messaging.datagram" in aside
    assert next(row.state for row in report.requirements if row.id == "MSG-310") is State.UNTESTED
    assert not report.certified


def test_reference_is_certified_over_a_serial_line(
    serve: Serve, stack: ExitStack, ports: Ports, tmp_path: Path
) -> None:
    """What a development board is reached by."""
    ours, theirs = joined_ttys(stack)
    further = ports.number("further")
    serve(["--serial", theirs, "--udp", f"127.0.0.1:{further}"])
    links = f'[adapter]\nkind = "serial"\ndevice = "{ours}"\n' + socket_link("links.udp", "udp", further)

    assert_same_as_a_program(certify(links, tmp_path, "messaging.datagram", "messaging.slipmux"))


def test_target_that_died_is_no_broken_link() -> None:
    """Its death counts once and against it, whichever link shows it; when it is back, so are its links."""
    manifest = load_manifest(REFERENCE)

    report = run_suite(
        manifest, select(manifest, requirements=("CNF-510",)), seed=1, suite=DEATHS, fault="dies-of-noise"
    )

    found = {result.id.rpartition("::")[2]: result for result in report.tests}
    assert {name: result.verdict for name, result in found.items()} == {
        "test_dies_unseen": Verdict.PASSED,
        "test_link_that_nobody_used_yet": Verdict.PASSED,
        "test_dies_behind_its_links": Verdict.FAILED,
        "test_another_link_that_nobody_used_yet": Verdict.PASSED,
        "test_link_that_was_lost": Verdict.PASSED,
    }
    assert "exit status" in found["test_dies_behind_its_links"].reason
