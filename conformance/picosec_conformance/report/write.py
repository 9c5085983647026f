"""Puts a report into a folder: each file appears whole or not at all, and nothing of an earlier run stays behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from picosec_conformance.report.badge import badge
from picosec_conformance.report.html import html
from picosec_conformance.report.json import to_json
from picosec_conformance.report.junit import junit
from picosec_conformance.report.model import Report
from picosec_conformance.report.pcapng import capture, capture_name


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write ``report.json``, ``report.html``, ``junit.xml``, ``badge.svg`` and a capture for each failing test.

    Returns the paths. Raises ``OSError``.
    """
    captures = {capture_name(test): capture(test.frames, test.id) for test in report.failing if test.frames}
    contents = {
        "report.json": to_json(report).encode(errors="backslashreplace"),
        "report.html": html(report).encode(),
        "junit.xml": junit(report).encode(),
        "badge.svg": badge(report).encode(),
        **{f"failures/{name}": content for name, content in captures.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_file(folder / name, content)
    for old in (folder / "failures").glob("*.pcapng"):
        if old.name not in captures:
            old.unlink()
    with suppress(OSError):  # not there, or somebody else's files are in it
        (folder / "failures").rmdir()
    return [folder / name for name in contents]


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all. Raises ``OSError``."""
    path.parent.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
