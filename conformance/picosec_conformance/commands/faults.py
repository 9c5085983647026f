"""``picosec faults``: run every deliberately broken reference against the suite and show the kill matrix."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from picosec_conformance.certify import HarnessError
from picosec_conformance.faults import Fault, load_faults, without_fault
from picosec_conformance.faults.matrix import Kill, document, failing_without_fault, run_faults
from picosec_conformance.faults.workers import Workers
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements

_EXAMPLES = """\
examples:
  picosec faults                          every fault against the tests of the requirement that it violates
  picosec faults --chapter conformance    one chapter
  picosec faults dies-of-noise --full     one fault against the whole suite: what else notices it?
  picosec faults --list                   what each one stands for

exit status: 0 when every fault is killed by a test that names the violated requirement, 1 when one is not,
2 for a wrong request, 3 when the suite does not run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Show that the suite finds broken implementations: every fault, and the tests that kill it."
    parser.epilog = _EXAMPLES
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only these faults")
    parser.add_argument("--chapter", metavar="C", help="only faults that violate a requirement of this chapter")
    parser.add_argument("--full", action="store_true", help="run the whole suite against each fault")
    parser.add_argument("--list", action="store_true", help="list the faults and run nothing")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the kill matrix")
    # A broken device is mostly waited for, so a core has time for two.
    jobs = 2 * (os.cpu_count() or 1)
    parser.add_argument("--jobs", metavar="N", type=int, default=jobs, help="faults to run at once (%(default)s)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="decides everything the suite sends")


def run(options: argparse.Namespace) -> int:
    """Return 0 when all chosen faults are killed, 1 when one survives, 2 for a wrong request, 3 when nothing ran."""
    faults = load_faults()
    unknown = [name for name in options.names if name not in faults]
    if unknown or (options.chapter and options.chapter not in load_registry().chapters) or options.jobs < 1:
        wrong = f"there is no fault {unknown[0]!r}" if unknown else "wrong chapter or number of jobs"
        print(f"picosec faults: {wrong}; `picosec faults --list` shows what there is", file=sys.stderr)
        return 2
    chosen = _chosen(faults, options.names, options.chapter)
    width = max(map(len, chosen), default=0)
    if options.list:
        for name, fault in chosen.items():
            print(f"{name:<{width}}  {fault.requirement}  {fault.story}")
        return 0
    try:
        if options.json is not None:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.touch()
    except OSError as error:
        print(f"picosec faults: --json {options.json}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        with Workers(min(options.jobs, max(len(chosen), 1)), options.seed) as workers:
            sick = failing_without_fault(workers, {fault.requirement for fault in chosen.values()}, options.jobs)
            if sick:
                what = f"{len(sick)} tests fail without any fault, so they prove nothing: {sick[0]}"
                print(f"picosec faults: {what}", file=sys.stderr)
                return 1
            kills = run_faults(workers, chosen.values(), full=options.full, done=lambda kill: _show(kill, width))
    except HarnessError as error:
        print(f"picosec faults: {error}", file=sys.stderr)
        return 3
    return _conclude(kills, faults, complete=not (options.names or options.chapter), json_file=options.json)


def _chosen(faults: dict[str, Fault], names: list[str], chapter: str | None) -> dict[str, Fault]:
    requirements = load_requirements()
    return {
        name: fault
        for name, fault in faults.items()
        if (not names or name in names) and chapter in (None, requirements[fault.requirement].chapter)
    }


def _show(kill: Kill, width: int) -> None:
    verdict = f"killed by {len(kill.by)}" if kill.killed else "SURVIVED"
    first = kill.mishap or (kill.by or kill.unrelated or kill.broken or ("no test noticed",))[0]
    print(f"{kill.fault.name:<{width}}  {kill.fault.requirement}  {verdict:<12} {first}", flush=True)


def _conclude(kills: list[Kill], faults: dict[str, Fault], *, complete: bool, json_file: Path | None) -> int:
    bare = list(without_fault(load_requirements().values(), faults.values()))
    if json_file is not None:
        text = json.dumps(document(kills, bare), indent=1, ensure_ascii=False) + "\n"
        json_file.write_text(text, encoding="utf-8")
    survived = [kill for kill in kills if not kill.killed]
    print(f"\n{len(kills)} faults, {len(kills) - len(survived)} killed, {len(survived)} survived: {_by_chapter(kills)}")
    for kill in survived:
        fault = kill.fault
        print(f"survived: {fault.name} ({fault.requirement}): {fault.story}")
        if kill.mishap:
            print(f"  it does not do so any more: {kill.mishap}")
    if complete:
        print(f"{len(bare)} requirements without a fault{': ' + ', '.join(bare) if bare else ''}")
    return 1 if survived else 0


def _by_chapter(kills: list[Kill]) -> str:
    requirements = load_requirements()
    total = Counter(requirements[kill.fault.requirement].chapter for kill in kills)
    killed = Counter(requirements[kill.fault.requirement].chapter for kill in kills if kill.killed)
    return ", ".join(f"{page} {killed[page]} of {count}" for page, count in total.items())
