"""What the suite finds in stacks that others wrote: runs it against them and writes what the documents show.

    python -m picosec_conformance.peers.survey [STACK …]     judge these, or all, and write their files anew
    python -m picosec_conformance.peers.survey --tables      only the tables, from the files that are there

For each stack there is ``docs/findings/STACK.json`` with the state of every requirement, and a decoded transcript of
the first failing test of each failed one, which is also in ``STACK/REQUIREMENT.txt``; ``verdicts.txt`` has the tables,
``vectors.txt`` the answers to the vectors.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from picosec_conformance import wire
from picosec_conformance.certify import run_suite
from picosec_conformance.manifest import known_manifest, load_manifest
from picosec_conformance.report.model import Report, State, TestResult, Verdict
from picosec_conformance.resources import data_root, vectors_folder
from picosec_conformance.selection import select
from picosec_conformance.specification.requirements import load_requirements
from picosec_conformance.vectors.runner import ask_all, counts, load_all

#: Manifests, each with the profile that asks the most of it.
STACKS = {
    "aiocoap-server": "edhoc-responder",
    "aiocoap-client": "coap-client",
    "aiocoap-oscore-client": "oscore-client",
    "aiocoap-edhoc-initiator": "edhoc-initiator",
}
SHIMS = {"aiocoap": "picosec_conformance.peers.aiocoap_shim", "lakers": "picosec_conformance.peers.lakers_shim"}
_SEED = 1
_FRAMES = 4  # a transcript shows the end of the exchange, where it went wrong
_WIDTH = 100


def folder() -> Path:
    """Return where the files are."""
    return data_root() / "docs" / "findings"


def survey(stack: str) -> None:
    """Judge one stack and write its file."""
    manifest = load_manifest(known_manifest(stack), STACKS[stack])
    report = run_suite(manifest, select(manifest), _SEED)
    (folder() / f"{stack}.json").write_text(
        json.dumps(to_data(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def to_data(report: Report) -> dict[str, Any]:
    """Return what is kept of a run: no durations, so that the same findings give the same file."""
    failing = [test for test in report.tests if test.verdict in (Verdict.FAILED, Verdict.EXPECTED_FAIL)]
    rows = []
    for row in report.requirements:
        source = load_requirements()[row.id].source
        kept: dict[str, Any] = {"id": row.id, "title": row.title, "level": row.level, "source": source}
        kept["state"] = row.state.value
        if row.state is State.FAILED:
            failed = [test for test in failing if row.id in test.requirements]
            passed = [test for test in report.tests if row.id in test.requirements and test.verdict is Verdict.PASSED]
            kept |= {"tests_failed": len(failed), "tests_passed": len(passed)}
            kept["tests"] = [test.id for test in failed]
            kept["example"] = {"test": failed[0].id, "story": failed[0].story, "transcript": transcript(failed[0])}
        elif row.state is State.UNTESTED:
            kept["reason"] = row.reason
        rows.append(kept)
    return {
        "target": report.target.name,
        "version": report.target.version,
        "profile": report.profile,
        "seed": report.seed,
        "requirements": rows,
    }


def transcript(test: TestResult) -> list[str]:
    """Return the last frames of a test, decoded, one line of text each."""
    lines: list[str] = []
    for frame in test.frames[-_FRAMES:]:
        way = "suite → target" if frame.direction == "sent" else "target → suite"
        note = f"   ({frame.note})" if frame.note else ""
        lines.append(f"{way}  {len(frame.data)} bytes: {_shortened(frame.data.hex())}{note}")
        lines += [f"    {'  ' * line.depth}{line.text}"[:_WIDTH] for line in wire.lines(frame.data, frame.layer)]
    if not any(frame.direction == "received" for frame in test.frames[-1:]):
        lines.append("target → suite  nothing")
    return [*lines, f"judged: {_judged(test)}"]


def _judged(test: TestResult) -> str:
    """Return why a test failed; for a bare assertion, what it asserts in words."""
    reason = " ".join(test.reason.split())
    return f"it does not hold that {test.title}" if reason.startswith("assert ") else reason[:200]


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def tables() -> str:
    """Return the tables of all requirements by state, from the files."""
    parts: list[str] = []
    for stack, profile in STACKS.items():
        path = folder() / f"{stack}.json"
        if not path.is_file():
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for row in data["requirements"] if row["state"] != State.NOT_APPLICABLE]
        count = Counter(row["state"] for row in rows)
        figures = ", ".join(f"{count[state]} {state}" for state in ("passed", "failed", "untested") if count[state])
        parts += [f"### {data['target']} {data['version']} as `{profile}`\n", f"{len(rows)} requirements: {figures}.\n"]
        parts += ["| requirement | level | standard | state |", "| --- | --- | --- | --- |"]
        for row in rows:
            state = f"**{row['state']}**" if row["state"] == State.FAILED else row["state"]
            if row["state"] == State.FAILED:
                state += f" ({row['tests_failed']} of {row['tests_failed'] + row['tests_passed']} tests)"
            parts.append(f"| `{row['id']}` {row['title']} | {row['level']} | {row['source']} | {state} |")
        parts.append("")
    return "\n".join(parts) + "\n"


def write_transcripts() -> None:
    """Write the transcripts of the files as text."""
    for stack in STACKS:
        path = folder() / f"{stack}.json"
        if path.is_file():
            (folder() / stack).mkdir(exist_ok=True)
            for old in (folder() / stack).glob("*.txt"):
                old.unlink()
            for row in json.loads(path.read_text(encoding="utf-8"))["requirements"]:
                if "example" in row:
                    text = "\n".join([row["example"]["test"], "", *row["example"]["transcript"], ""])
                    (folder() / stack / f"{row['id']}.txt").write_text(text, encoding="utf-8")


def vector_table() -> str:
    """Return how the shims answer the vectors."""
    parts = ["| stack | operation | passed | failed | broken |", "| --- | --- | --- | --- | --- |"]
    for stack, module in SHIMS.items():
        outcomes = ask_all(load_all(vectors_folder()), [sys.executable, "-m", module], 20.0)
        for operation in dict.fromkeys(outcome.operation for outcome in outcomes):
            number = counts([outcome for outcome in outcomes if outcome.operation == operation])
            if number["passed"] + number["failed"] + number["broken"]:
                parts.append(
                    f"| {stack} | `{operation}` | {number['passed']} | {number['failed']} | {number['broken']} |"
                )
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Judge and write."""
    parser = argparse.ArgumentParser(prog="survey")
    parser.add_argument("stack", nargs="*", choices=[*STACKS, []], default=[])
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--vectors", action="store_true")
    options = parser.parse_args(arguments)
    folder().mkdir(parents=True, exist_ok=True)
    for stack in [] if options.tables or options.vectors else options.stack or STACKS:
        survey(stack)
    if options.vectors or not (options.stack or options.tables):
        (folder() / "vectors.txt").write_text(vector_table(), encoding="utf-8")
    write_transcripts()
    (folder() / "verdicts.txt").write_text(tables(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
