"""The folder a run leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from picosec_conformance.report import write
from picosec_conformance.report.model import Report
from picosec_conformance.report.pcapng import capture_name
from picosec_conformance.report.write import write_report


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_report_is_written_with_a_capture_for_each_failure(failing: Report, tmp_path: Path) -> None:
    """Everything a colleague needs is in one folder."""
    paths = write_report(failing, tmp_path / "new" / "folder")

    found = names(tmp_path / "new" / "folder")
    assert found == {str(path.relative_to(tmp_path / "new" / "folder")) for path in paths}
    assert found >= {"report.json", "report.html", "junit.xml", "badge.svg"}
    assert [name for name in found if name.startswith("failures/")] == [f"failures/{capture_name(failing.failing[0])}"]


def test_captures_of_an_earlier_run_go_and_files_of_others_stay(
    failing: Report, passing: Report, tmp_path: Path
) -> None:
    """A capture that belongs to no failure of this report misleads."""
    write_report(failing, tmp_path)
    (tmp_path / "failures" / "notes.txt").write_text("mine")

    write_report(passing, tmp_path)

    assert names(tmp_path) == {"report.json", "report.html", "junit.xml", "badge.svg", "failures/notes.txt"}
    (tmp_path / "failures" / "notes.txt").unlink()
    write_report(passing, tmp_path)
    assert not (tmp_path / "failures").exists()


def test_same_report_gives_the_same_bytes(failing: Report, tmp_path: Path) -> None:
    """Two reports can be compared."""
    for folder in ("a", "b"):
        write_report(failing, tmp_path / folder)

    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_interrupted_write_leaves_the_old_file_whole(
    passing: Report, failing: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a report.json is worse than yesterday's."""
    write_report(passing, tmp_path)
    before = (tmp_path / "report.json").read_bytes()

    def full_disk(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_report(failing, tmp_path)

    assert (tmp_path / "report.json").read_bytes() == before
    assert names(tmp_path) == {"report.json", "report.html", "junit.xml", "badge.svg"}


def test_capture_names_are_readable_and_different(failing: Report) -> None:
    """Parametrised tests differ in characters that file names cannot hold."""
    name = capture_name(failing.failing[0])

    assert name.startswith("test-channel-oscore-test-replayed-request-is-refused-window-32-")
    assert name.endswith(".pcapng")
