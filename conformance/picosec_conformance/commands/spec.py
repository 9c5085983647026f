"""``picosec spec``: regenerate what the pages determine, tell what is stale, freeze a set, check the grammar."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from picosec_conformance.adapters import AdapterError
from picosec_conformance.resources import data_root, spec_folder
from picosec_conformance.specification.cddl import CheckerError, Outcome, check
from picosec_conformance.specification.conversation import instances_of_conversation
from picosec_conformance.specification.freezing import damaged, freeze
from picosec_conformance.specification.generate import stale_files, write_files
from picosec_conformance.specification.instances import (
    InstanceError,
    beyond_grammar,
    changed_instances,
    instances_of_vectors,
    table,
)
from picosec_conformance.specification.matrix import MatrixError
from picosec_conformance.specification.requirements import SpecError
from picosec_conformance.specification.sets import SetError, load_set
from picosec_conformance.target import Nonconformity

_EXAMPLES = """\
examples:
  picosec spec generate     write what the pages determine
  picosec spec check        exit 1 and name the files that are stale, and the frozen sets that are damaged
  picosec spec cddl         hold every rule of the grammar against valid and broken instances; needs zcbor, and with
                            --zcbor DIR takes it from where `pip install --target DIR zcbor 'cbor2<6'` has put it
  picosec spec freeze 1.0   write spec/v1/sets/1.0.json: from then on, `picosec certify --set 1.0` judges by it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Keep the generated parts of the specification in step with its pages and registry."
    parser.epilog = _EXAMPLES
    parser.add_argument("action", choices=("generate", "check", "cddl", "freeze"))
    parser.add_argument("version", nargs="?", metavar="VERSION", help="name of the set to freeze")
    parser.add_argument("--zcbor", type=Path, metavar="DIR", help="folder that holds zcbor and its own cbor2")


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
    if options.action == "cddl":
        return _cddl(options.zcbor)
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


def _cddl(zcbor: Path | None) -> int:
    try:
        instances = [*instances_of_vectors(), *instances_of_conversation()]
        instances += changed_instances([instance for instance in instances if instance.valid])
        grammar = (spec_folder() / "picosec.cddl").read_text(encoding="utf-8")
        outcome = check(grammar, instances, beyond_grammar(), table()["untried"], zcbor)
    except (AdapterError, CheckerError, InstanceError, Nonconformity) as error:
        print(f"picosec spec: {error}", file=sys.stderr)
        return 1
    valid = sum(instance.valid for instance in instances)
    _print_rules(outcome)
    print(f"\n{len(outcome.rows)} rules, {valid} valid and {len(instances) - valid} broken instances")
    print("needed: valid instances that no longer match once nothing matches the rule")
    print("refused: broken instances that match once everything matches the rule")
    for row in beyond_grammar():
        count = sum(row.covers(instance) for instance in instances)
        print(f"beyond the grammar: {count} broken, {', '.join(row.names)}: {row.reason}")
    for rule, reason in table()["untried"].items():
        print(f"untried: {rule}: {reason}")
    for sentence in outcome.gaps:
        print(f"gap: {sentence}", file=sys.stderr)
    return 1 if outcome.gaps else 0


def _print_rules(outcome: Outcome) -> None:
    width = max(len(row.rule) for row in outcome.rows)
    print(f"{'rule':<{width}}  {'valid':>5} {'broken':>6} {'needed':>6} {'refused':>7}")
    for row in outcome.rows:
        print(f"{row.rule:<{width}}  {row.valid:>5} {row.broken:>6} {row.needed:>6} {row.refused:>7}")
