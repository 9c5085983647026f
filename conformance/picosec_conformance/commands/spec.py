"""``picosec spec``: regenerate what the pages determine, tell what is stale, or freeze a set of requirements."""

from __future__ import annotations

import argparse
import sys

from picosec_conformance.resources import data_root
from picosec_conformance.specification.freezing import damaged, freeze
from picosec_conformance.specification.generate import stale_files, write_files
from picosec_conformance.specification.matrix import MatrixError
from picosec_conformance.specification.requirements import SpecError
from picosec_conformance.specification.sets import SetError, load_set

_EXAMPLES = """\
examples:
  picosec spec generate     write what the pages determine
  picosec spec check        exit 1 and name the files that are stale, and the frozen sets that are damaged
  picosec spec freeze 1.0   write spec/v1/sets/1.0.json: from then on, `picosec certify --set 1.0` judges by it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Keep the generated parts of the specification in step with its pages and registry."
    parser.epilog = _EXAMPLES
    parser.add_argument("action", choices=("generate", "check", "freeze"))
    parser.add_argument("version", nargs="?", metavar="VERSION", help="name of the set to freeze")


def run(options: argparse.Namespace) -> int:
    """Return 0 when all is in step, 1 when something is stale or a page breaks a rule."""
    if not (data_root() / "reference_impl").is_dir():
        print("picosec spec works in a checkout of the project, not in an installation", file=sys.stderr)
        return 2
    if (options.version is None) == (options.action == "freeze"):
        print("picosec spec: freeze takes the VERSION of a set, and nothing else does", file=sys.stderr)
        return 2
    if options.action == "freeze":
        return _freeze(options.version)
    try:
        stale = write_files() if options.action == "generate" else stale_files()
    except SpecError as error:
        print(f"picosec spec: {error}", file=sys.stderr)
        return 1
    for path in stale:
        print(f"{'wrote' if options.action == 'generate' else 'stale:'} {path.relative_to(data_root())}")
    if options.action == "generate":
        return 0
    if stale:
        print("run `picosec spec generate` and commit what it writes", file=sys.stderr)
    broken = list(damaged())
    for sentence in broken:
        print(f"picosec spec: {sentence}", file=sys.stderr)
    return 1 if stale or broken else 0


def _freeze(version: str) -> int:
    try:
        path = freeze(version)
    except (SetError, MatrixError) as error:
        print(f"picosec spec: {error}", file=sys.stderr)
        return 1
    judged_by = load_set(version)
    print(f"froze {path.relative_to(data_root())}: {len(judged_by.requirements)} requirements, ", end="")
    print(f"{len(judged_by.tests or ())} tests, SHA-256 {judged_by.hash}")
    return 0
