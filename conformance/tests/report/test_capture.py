"""Captures: what Wireshark shows of them, and that every frame comes back as it was."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from picosec_conformance.report.model import Frame
from picosec_conformance.report.pcapng import capture
from picosec_conformance.wire.capture import CaptureError, read_capture

from .sample import ANSWER, FRAMES, PROTECTED

GET = bytes.fromhex("41010012a1b2707304696e666f")


def test_every_frame_comes_back_from_the_file(tmp_path: Path) -> None:
    """A reader that shares no code with the writer finds bytes, times and addresses."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture(FRAMES))

    found = read_capture(path)

    assert [one.data for one in found] == [frame.data for frame in FRAMES]
    assert [one.seconds for one in found] == pytest.approx([frame.seconds for frame in FRAMES], abs=1e-6)
    assert found[0].source == found[1].destination == "192.0.2.2:5683"
    assert found[0].destination == found[1].source == "192.0.2.1:5683"
    assert found[2].source == "192.0.2.3:5683"
    assert found[3].source == "stream"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1400])
def test_frame_of_any_size_is_kept(size: int, tmp_path: Path) -> None:
    """Blocks are padded to four bytes; the padding is not data."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(capture([Frame("sent", 0.0, bytes(size), "note" * size)]))

    assert [one.data for one in read_capture(path)] == [bytes(size)]


@pytest.mark.parametrize("content", [b"", b"not a capture at all", capture([])])
def test_file_without_frames_is_refused(content: bytes, tmp_path: Path) -> None:
    """One sentence, not a stack trace."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(content)

    with pytest.raises(CaptureError):
        read_capture(path)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_dissects_the_capture(tmp_path: Path) -> None:
    """The file is for people who work with Wireshark: CoAP and OSCORE by name, checksums right, notes as comments."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(
        capture([Frame("sent", 0.0, GET), Frame("sent", 0.1, PROTECTED, "a note"), Frame("received", 0.2, ANSWER)])
    )
    checks = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]

    shown = subprocess.run(
        ["tshark", "-r", str(path), "-V", *checks], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert shown.count("Constrained Application Protocol") >= 3
    assert "Uri-Path: info" in shown
    assert "OSCORE: Key ID:01" in shown
    assert "a note" in shown
    assert shown.count("[Checksum Status: Good]") == 3
    assert "alformed" not in shown
    assert "[Checksum Status: Bad]" not in shown
