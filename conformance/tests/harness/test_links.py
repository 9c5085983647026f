"""The reference device reaches the same verdicts as a program, on a UDP socket and on a serial line."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import REFERENCE, load_manifest
from picosec_conformance.report.model import Report, State, Verdict
from picosec_conformance.selection import select

from .ttys import joined_ttys

Serve = Callable[[list[str]], None]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


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


def certify(adapter: str, tmp_path: Path, *, slipmux: bool) -> Report:
    """Run the whole suite against the reference device on a link, its manifest altered for that link."""
    head, _, rest = REFERENCE.read_text().partition("[adapter]")
    production = rest[rest.index("[production]") :]
    text = head if slipmux else head.replace('"messaging.slipmux", ', "")
    path = tmp_path / "target.toml"
    path.write_text(f"{text}[adapter]\n{adapter}\n{production}")
    manifest = load_manifest(path)
    return run_suite(manifest, select(manifest), seed=1)


def assert_same_as_a_program(report: Report) -> None:
    """Judge by the states of requirements: framing aside, a link changes no verdict."""
    bad = [result for result in report.tests if result.verdict not in (Verdict.PASSED, Verdict.NOT_APPLICABLE)]
    assert not bad, [(result.id, result.verdict, result.reason) for result in bad[:5]]
    untested = [row.id for row in report.requirements if row.state is State.UNTESTED]
    assert not untested
    assert report.certified


def test_reference_is_certified_over_udp(serve: Serve, tmp_path: Path) -> None:
    """What most stacks that people certify will sit behind."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve(["--udp", f"127.0.0.1:{port}"])

    assert_same_as_a_program(certify(f'kind = "udp"\nhost = "127.0.0.1"\nport = {port}', tmp_path, slipmux=False))


def test_reference_is_certified_over_a_serial_line(serve: Serve, stack: ExitStack, tmp_path: Path) -> None:
    """What a development board is reached by."""
    ours, theirs = joined_ttys(stack)
    serve(["--serial", theirs])

    assert_same_as_a_program(certify(f'kind = "serial"\ndevice = "{ours}"', tmp_path, slipmux=True))
