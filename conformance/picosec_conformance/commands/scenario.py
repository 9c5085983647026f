"""``picosec scenario``: play a counter-example of the adversary again, and keep it."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from picosec_conformance.adapters import AdapterError
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.network_picture import picture
from picosec_conformance.adversary.report import moves
from picosec_conformance.adversary.scenario import KEPT, ScenarioError, load_scenario
from picosec_conformance.faults import faulty
from picosec_conformance.manifest import REFERENCE, ManifestError, load_manifest
from picosec_conformance.report.terminal import Style
from picosec_conformance.wire import printable

HOLDS, BROKEN, WRONG_REQUEST, HARNESS_BROKE = range(4)

_EXAMPLES = """\
examples:
  picosec scenario scenarios/found.toml                    does it still break the reference device?
  picosec scenario scenarios/found.toml my-device.toml     does it break your implementation?
  picosec scenario scenarios/found.toml --fault NAME       does it break a broken reference?
  picosec scenario scenarios/found.toml --keep             keep it: from now on the suite plays it on every target

exit status:
  0  every invariant held
  1  one broke
  2  the request, the scenario or the manifest is wrong
  3  the harness or the adapter broke; nothing is said about the target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Play a counter-example of the adversary again, and say whether an invariant breaks."
    parser.epilog = _EXAMPLES
    parser.add_argument("scenario", type=Path, help="the file that `picosec adversary` wrote")
    parser.add_argument(
        "manifest", nargs="?", type=Path, default=REFERENCE, help="target.toml; the reference device without"
    )
    parser.add_argument("--fault", metavar="NAME", help="break the reference in this way")
    parser.add_argument("--keep", action="store_true", help="store it as a regression of the suite; plays nothing")


def run(options: argparse.Namespace) -> int:
    """Play or keep, and return the exit status."""
    try:
        scenario = load_scenario(options.scenario)
        if options.keep:
            return _keep(options.scenario)
        manifest = load_manifest(options.manifest)
        if options.fault is not None:
            manifest = faulty(manifest, options.fault)
        missing = [name for name in scenario.features if not manifest.declares(name)]
        if missing:
            raise ScenarioError(f"{options.scenario}: the target does not declare {', '.join(missing)}")
    except (ScenarioError, ManifestError, ValueError) as error:
        print(f"picosec scenario: {error}", file=sys.stderr)
        return WRONG_REQUEST
    except OSError as error:
        print(f"picosec scenario: --keep: {error.filename}: {error.strerror}", file=sys.stderr)
        return WRONG_REQUEST
    try:
        with Arena(manifest) as arena:
            broken, stage = arena.replay(scenario.setting, scenario.steps)
    except AdapterError as error:
        print(f"picosec scenario: the harness broke: {error}", file=sys.stderr)
        return HARNESS_BROKE
    style = Style(sys.stdout)
    width = min(120, max(72, shutil.get_terminal_size().columns))
    print(f"{scenario.requirement}  {scenario.invariant}: {printable(scenario.title)}")
    print("\n".join(f"  {line}" for line in moves(scenario)))
    if stage is not None:
        print("\n".join(["", *picture(stage.network.frames, width), ""]))
    name = printable(f"{manifest.name} {manifest.version}".rstrip())
    if broken is None:
        print(style.good(f"HOLDS: {name}"))
        return HOLDS
    print(f"{broken.requirement}  {broken.invariant}: {printable(broken.detail)}")
    print(style.bad(f"BROKEN: {name}"))
    return BROKEN


def _keep(path: Path) -> int:
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / path.name
    if kept.exists() and not kept.samefile(path):
        print(f"picosec scenario: {kept} is there already; give {path} another name", file=sys.stderr)
        return WRONG_REQUEST
    if not kept.exists():
        shutil.copyfile(path, kept)
    print(f"kept as {kept}")
    return HOLDS
