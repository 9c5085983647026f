"""``picosec spec``: regenerate requirements.json and the registry module from the pages, or tell what is stale."""

from __future__ import annotations

import argparse
import sys

from picosec_conformance.resources import data_root
from picosec_conformance.specification.generate import stale_files, write_files
from picosec_conformance.specification.requirements import SpecError

_EXAMPLES = """\
examples:
  picosec spec generate     write what the pages determine
  picosec spec check        exit 1 and name the files that are stale
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Keep the generated parts of the specification in step with its pages and registry."
    parser.epilog = _EXAMPLES
    parser.add_argument("action", choices=("generate", "check"))


def run(options: argparse.Namespace) -> int:
    """Return 0 when all is in step, 1 when something is stale or a page breaks a rule."""
    if not (data_root() / "reference_impl").is_dir():
        print("picosec spec works in a checkout of the project, not in an installation", file=sys.stderr)
        return 2
    try:
        stale = write_files() if options.action == "generate" else stale_files()
    except SpecError as error:
        print(f"picosec spec: {error}", file=sys.stderr)
        return 1
    for path in stale:
        print(f"{'wrote' if options.action == 'generate' else 'stale:'} {path.relative_to(data_root())}")
    if options.action == "check" and stale:
        print("run `picosec spec generate` and commit what it writes", file=sys.stderr)
        return 1
    return 0
