"""The run in a terminal: progress while it lasts, then what failed and why, then the verdict."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from picosec_conformance import wire
from picosec_conformance.report import exchange
from picosec_conformance.report.clean import cleaned
from picosec_conformance.report.model import Report, State, TestResult, Verdict
from picosec_conformance.report.sequence import sequence_text
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.wire import printable

_BAD = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE)
_WORDS = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.EXPECTED_FAIL: "known to fail",
    Verdict.NOT_APPLICABLE: "not applicable",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.ERROR: "broken",
}
_SHOWN_IN_FULL, _SHOWN_IN_SHORT, _SHOWN_FRAMES = 3, 20, 16
_REFRESH = 0.1  # seconds between two drawings of the live line


class Style:
    """ANSI colours where the stream is a terminal that wants them (https://no-color.org), else nothing."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._on = self.terminal and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, codes: str) -> str:
        """Put ANSI codes around the text."""
        return f"\x1b[{codes}m{text}\x1b[0m" if self._on else text

    def good(self, text: str) -> str:
        """Mark success."""
        return self(text, "32")

    def bad(self, text: str) -> str:
        """Mark failure."""
        return self(text, "31")

    def strong(self, text: str) -> str:
        """Mark a heading."""
        return self(text, "1")

    def dim(self, text: str) -> str:
        """Mark what is secondary."""
        return self(text, "2")


def _write(stream: TextIO, text: str) -> None:
    """Write what the stream's encoding can hold."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def chapter_of(result: TestResult) -> str:
    """Return the chapter of the first requirement that a test names."""
    known = load_requirements()
    return next((known[name].chapter for name in result.requirements if name in known), "other")


class Progress:
    """What has happened so far: one line that redraws itself on a terminal, a line now and then elsewhere."""

    def __init__(self, target: str, profile: str, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._style = Style(self._stream)
        self._chapters: dict[str, Counter[Verdict]] = {}
        self._total = self._done = 0
        self._told = 0
        self._began = time.monotonic()
        self._drawn = 0.0
        self._closed = False
        _write(self._stream, f"{self._style.strong(printable(target))} against {profile}\n")

    def started(self, count: int) -> None:
        """Learn how many tests there are; may come several times."""
        self._total = max(self._total, count)

    def result(self, result: TestResult) -> None:
        """Count one verdict."""
        result = cleaned(result)
        self._chapters.setdefault(chapter_of(result), Counter())[result.verdict] += 1
        self._done += 1
        if self._style.terminal:
            self._draw()
            return
        if result.verdict in _BAD:
            _write(self._stream, f"  {_WORDS[result.verdict]} {result.id}: {_first(result.reason)}\n")
        if self._total and self._done * 5 // self._total > self._told:
            self._told = self._done * 5 // self._total
            _write(self._stream, f"  {self._done} of {self._total} tests\n")

    def close(self) -> None:
        """Replace the live line by one line for each chapter."""
        if self._closed:
            return
        self._closed = True
        self._clear()
        for chapter, counts in self._chapters.items():
            parts = [f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict]]
            mark = self._style.bad("x") if any(counts[verdict] for verdict in _BAD) else self._style.good("+")
            _write(self._stream, f"  {mark} {chapter:<14}{counts.total():>5} tests: {', '.join(parts)}\n")

    def _draw(self) -> None:
        now = time.monotonic()
        if now - self._drawn < _REFRESH and self._done < self._total:
            return
        self._drawn = now
        width = 24
        filled = width * self._done // max(1, self._total)
        bar = "#" * filled + "." * (width - filled)
        bad = sum(counts[verdict] for counts in self._chapters.values() for verdict in _BAD)
        parts = [f"  [{bar}] {self._done}/{self._total or '?'}", f"{now - self._began:.1f} s"]
        parts += [f"{bad} without a pass"] * bool(bad)
        parts += [f"{name} {counts.total()}" for name, counts in self._chapters.items()]
        _write(self._stream, "\r\x1b[2K" + "  ".join(parts)[: shutil.get_terminal_size().columns - 1])

    def _clear(self) -> None:
        if self._style.terminal:
            _write(self._stream, "\r\x1b[2K")


def _first(reason: str) -> str:
    return next((line.strip() for line in reason.splitlines() if line.strip()), "no reason given")


def print_summary(report: Report, folder: Path | None = None, stream: TextIO | None = None) -> None:
    """Print what failed, the table of chapters, and the verdict last, where the eye ends up."""
    stream = stream or sys.stdout
    style = Style(stream)
    width = min(120, max(72, shutil.get_terminal_size().columns))
    for line in summary_lines(cleaned(report), style, width, folder):
        _write(stream, line + "\n")


def summary_lines(report: Report, style: Style, width: int, folder: Path | None) -> Iterator[str]:
    """Yield the lines of the summary."""
    failing = report.failing
    for result in failing[:_SHOWN_IN_FULL]:
        yield ""
        yield from _failure(result, style, width)
    if rest := failing[_SHOWN_IN_FULL:]:
        yield ""
        yield from (f"{style.bad(_WORDS[r.verdict])} {r.id}: {_first(r.reason)}" for r in rest[:_SHOWN_IN_SHORT])
    if len(rest) > _SHOWN_IN_SHORT:
        yield f"and {len(rest) - _SHOWN_IN_SHORT} more, all of them in the report"
    yield ""
    yield from _chapters(report, style)
    yield ""
    yield from _features(report, width)
    yield from (f"known to fail: {known.test}: {known.reason}" for known in report.known_failures if known.happened)
    yield from _verdict(report, style, width)
    if folder is not None:
        yield f"report: {folder / 'report.html'}"


def _failure(result: TestResult, style: Style, width: int) -> Iterator[str]:
    yield f"{style.bad(_WORDS[result.verdict].upper())} {style.strong(result.id)}  {' '.join(result.requirements)}"
    for paragraph in (result.story or result.title).split("\n\n"):
        yield from textwrap.wrap(" ".join(paragraph.split()), width, initial_indent="  ", subsequent_indent="  ")
    yield from (f"  {style.bad(line)}" for line in result.reason.splitlines())
    if len(result.frames) > _SHOWN_FRAMES:
        yield style.dim(f"  … {len(result.frames) - _SHOWN_FRAMES} earlier frames are in the report")
    frames = result.frames[-_SHOWN_FRAMES:]
    if frames:
        yield ""
    for frame in frames:
        yield f"  {style.dim(exchange.heading(frame))}" + (f"  ({frame.note})" if frame.note else "")
        yield from (_cut(f"      {line}", width) for line in wire.explain(frame.data, frame.layer))
    if frames:
        yield ""
        yield from (
            f"  {line}" for line in sequence_text(exchange.participants(frames), exchange.arrows(frames), width - 2)
        )
    if result.replay:
        yield f"  repeat it: {style.strong(result.replay)}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _chapters(report: Report, style: Style) -> Iterator[str]:
    columns = [state for state in State if report.states[state] or state in (State.PASSED, State.FAILED)]
    yield style.dim(
        f"{'requirements':<16}" + "".join(f"{state.replace('-', ' '):>16}" for state in columns) + f"{'of':>8}"
    )
    for chapter in [*report.chapters, ""]:
        rows = [row for row in report.requirements if chapter in ("", row.chapter)]
        counts = Counter(row.state for row in rows)
        line = f"{chapter or 'all':<16}" + "".join(f"{counts[state]:>16}" for state in columns) + f"{len(rows):>8}"
        yield style.bad(line) if counts[State.FAILED] else line


def _features(report: Report, width: int) -> Iterator[str]:
    failed = [truth for truth in report.features if truth.verdict == "fail"]
    groups = {
        "features declared, but not observed": [truth.name for truth in failed if truth.declared],
        "features required by the profile, but not declared": [truth.name for truth in failed if not truth.declared],
        "features observed, but not declared": [truth.name for truth in report.features if truth.verdict == "warn"],
    }
    for words, names in groups.items():
        if names:
            yield from textwrap.wrap(f"{words}: {', '.join(names)}", width, subsequent_indent="  ")


def _verdict(report: Report, style: Style, width: int) -> Iterator[str]:
    target = f"{report.target.name} {report.target.version}".rstrip()
    passed, total = report.states[State.PASSED], len(report.requirements)
    scope = f"{passed} of {total} requirements of profile {report.profile} passed"
    scope += f", by set {report.set_version}" if report.set_version else ""
    rate = len(report.tests) / max(report.seconds, 1e-9)
    yield f"{scope}; {len(report.tests)} tests in {report.seconds:.1f} s, {rate:.0f} per second, seed {report.seed}"
    if report.certified:
        yield style.good(style.strong(f"CERTIFIED: {target}"))
        return
    if report.selection and not report.reasons:
        yield style.strong(f"PARTIAL RUN ({', '.join(report.selection)}): all that was selected holds; no certificate")
        return
    yield style.bad(style.strong(f"NOT CERTIFIED: {target}"))
    for reason in report.reasons:
        yield from textwrap.wrap(f"because {reason}", width, initial_indent="  ", subsequent_indent="    ")
