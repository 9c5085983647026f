"""``picosec adversary``: give the network to an adversary, and see whether what must hold does."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from picosec_conformance.adapters import AdapterError
from picosec_conformance.adversary.outcome import Outcome, as_json
from picosec_conformance.adversary.report import lines
from picosec_conformance.adversary.run import Plan, run_adversary
from picosec_conformance.faults import faulty
from picosec_conformance.manifest import REFERENCE, ManifestError, load_manifest
from picosec_conformance.report.terminal import Style

HOLDS, BROKEN, WRONG_REQUEST, HARNESS_BROKE = range(4)

_EXAMPLES = """\
examples:
  picosec adversary                                  the reference device, as a program
  picosec adversary my-device.toml                   your implementation, as its manifest describes it
  picosec adversary --examples 5000 --seed 7         play for longer, and other games
  picosec adversary --quick --json adversary.json    a sample of each sweep; figures for a program
  picosec adversary --no-sweeps                      games alone
  picosec adversary --fault dies-of-noise            a broken reference, to see what a counter-example looks like

What breaks an invariant is shrunk to a short scenario and written to a file, which `picosec scenario FILE` plays again.

exit status:
  0  every invariant held
  1  one broke
  2  the request or the manifest is wrong
  3  the harness or the adapter broke; nothing is said about the target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Give the network to an adversary, and see whether what must hold does."
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "manifest", nargs="?", type=Path, default=REFERENCE, help="target.toml; the reference device without"
    )
    parser.add_argument("--examples", metavar="N", type=int, default=200, help="games to play (default: 200)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="decides every move (default: 1)")
    parser.add_argument(
        "--sweeps",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do everything that can be done to one datagram (default: yes)",
    )
    parser.add_argument("--quick", action="store_true", help="take a sample of each sweep")
    parser.add_argument("--fault", metavar="NAME", help="break the reference in this way")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures and counter-examples")
    parser.add_argument(
        "--scenarios",
        metavar="DIR",
        type=Path,
        default=Path("scenarios"),
        help="folder for counter-examples (default: scenarios)",
    )


def run(options: argparse.Namespace) -> int:
    """Play, and return the exit status."""
    try:
        if options.examples < 0:
            raise ValueError(f"--examples {options.examples}: give a number of at least 0")
        manifest = load_manifest(options.manifest)
        if options.fault is not None:
            manifest = faulty(manifest, options.fault)
        if options.json is not None:
            options.json.parent.mkdir(parents=True, exist_ok=True)
    except (ManifestError, ValueError) as error:
        print(f"picosec adversary: {error}", file=sys.stderr)
        return WRONG_REQUEST
    except OSError as error:
        print(f"picosec adversary: --json {options.json}: {error.strerror}", file=sys.stderr)
        return WRONG_REQUEST
    command = ["picosec", "adversary", *manifest.argument, "--examples", str(options.examples)]
    command += ["--seed", str(options.seed), *([] if options.sweeps else ["--no-sweeps"])]
    command += [*(["--quick"] if options.quick else []), *(["--fault", options.fault] if options.fault else [])]
    plan = Plan(options.examples, options.seed, options.sweeps, quick=options.quick, command=tuple(command))
    progress = _Progress()
    try:
        outcome = run_adversary(manifest, plan, progress)
    except AdapterError as error:
        print(f"picosec adversary: the harness broke: {error}", file=sys.stderr)
        return HARNESS_BROKE
    finally:
        progress.close()
    if options.json is not None:
        text = json.dumps(as_json(outcome), indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    files = _write_scenarios(outcome, options.scenarios)
    width = min(120, max(72, shutil.get_terminal_size().columns))
    print("\n".join(lines(outcome, Style(sys.stdout), files, width)))
    return HOLDS if outcome.holds else BROKEN


def _write_scenarios(outcome: Outcome, folder: Path) -> dict[int, Path]:
    files = {}
    for number, example in enumerate(outcome.counter_examples):
        if example.scenario is not None:
            folder.mkdir(parents=True, exist_ok=True)
            files[number] = folder / f"{example.scenario.name}.toml"
            files[number].write_text(example.scenario.dump(), encoding="utf-8")
    return files


class _Progress:
    """One line that redraws itself, on a terminal only."""

    def __init__(self) -> None:
        self._style = Style(sys.stderr)
        self._drawn = 0.0

    def __call__(self, phase: str, done: int) -> None:
        now = time.monotonic()
        if self._style.terminal and now - self._drawn > 0.1:
            self._drawn = now
            print(f"\r\x1b[2K  {phase} {done}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the line away."""
        if self._style.terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
