"""The run in a terminal and in a log."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from picosec_conformance.report.model import Report
from picosec_conformance.report.terminal import Progress, print_summary

from .sample import REPLAY


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, report: Report) -> str:
    """Show a whole run."""
    progress = Progress("Lamp", "PicoSec device, full", stream)
    progress.started(len(report.tests))
    for test in report.tests:
        progress.result(test)
    progress.close()
    progress.close()
    return stream.getvalue()


def test_log_gets_plain_lines(failing: Report) -> None:
    """CI logs keep every redrawing of a live line, so there is none."""
    text = run(io.StringIO(), failing)

    assert "\r" not in text
    assert "\x1b" not in text
    assert "5 of 5 tests" in text
    assert f"failed {REPLAY}: expected 4.01 (replayed), got 2.04" in text


def test_terminal_gets_one_line_that_redraws_itself(failing: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is seen at once, and gone when it is over."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    text = run(Terminal(), failing)

    assert "\r\x1b[2K" in text
    assert "5/5" in text
    assert "3 without a pass" in text
    assert "\x1b[31mx\x1b[0m channel" in text


def test_no_color_is_obeyed(failing: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org"""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[3" not in run(Terminal(), failing)


def summary(report: Report, folder: Path | None = None) -> str:
    stream = io.StringIO()
    print_summary(report, folder, stream)
    return stream.getvalue()


def test_verdict_is_the_last_thing(passing: Report, failing: Report) -> None:
    """The eye ends up at the bottom of the screen."""
    good, bad = summary(passing, Path("out")), summary(failing, Path("out"))

    assert good.splitlines()[-2:] == ["CERTIFIED: Lamp Controller 2.0.4", f"report: {Path('out') / 'report.html'}"]
    assert "NOT CERTIFIED" in bad.splitlines()[-3]
    assert "3 of 5 requirements of profile device passed" in good


def test_failure_is_shown_decoded_drawn_and_repeatable(failing: Report) -> None:
    """No second tool, no second run."""
    text = summary(failing)

    for said in (
        "An eavesdropper repeats a recorded command: the lamp must not switch twice.",
        "OSCORE kid=01 piv=5",
        "|-- CON POST / mid=0x4a02",
        "repeat it: picosec certify lamp.toml --requirement CHN-120 --seed 7",
        "features declared, but not observed: channel.oscore.server",
        "features observed, but not declared: messaging.slipmux",
        "known to fail: test_messaging.py::test_known: mended in 2.1",
    ):
        assert said in text


def test_stream_without_unicode_does_not_break_the_run(failing: Report) -> None:
    """A console in a factory."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    print_summary(failing, None, stream)

    stream.flush()
    assert b"NOT CERTIFIED" in raw.getvalue()


def test_text_of_a_target_does_not_reach_the_terminal_raw(failing: Report) -> None:
    """A device forges its verdict with an escape sequence in a reason or a name."""
    assert "\x1b" not in summary(failing)
    assert "\x1b" not in run(io.StringIO(), failing)
