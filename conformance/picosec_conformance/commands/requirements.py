"""``picosec requirements``: the traceability table, and the gate that keeps it whole."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from picosec_conformance.specification.gates import gaps
from picosec_conformance.specification.matrix import MatrixError, trace
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import load_requirements

_EXAMPLES = """\
examples:
  picosec requirements                        every requirement with the number of tests, vectors and faults
  picosec requirements --chapter channel      one chapter
  picosec requirements CHN-120 MSG-200        the text of some, and what shows them
  picosec requirements --features             the features that a manifest may declare
  picosec requirements --gate                 exit 1 and name each gap
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "List the requirements of the specification with the tests, vectors and faults that show them."
    parser.epilog = _EXAMPLES
    parser.add_argument("ids", nargs="*", metavar="ID", help="requirements to show in full")
    parser.add_argument("--chapter", metavar="C", help="only this chapter")
    parser.add_argument("--features", action="store_true", help="list the features instead")
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 on any gap between pages, tests, faults and vectors"
    )


def run(options: argparse.Namespace) -> int:
    """Return 0, 1 for a gap behind ``--gate``, or 2 for a wrong request."""
    if options.features:
        width = max(map(len, load_registry().features))
        for name, text in load_registry().features.items():
            print(f"{name:<{width}}  {text}")
        return 0
    unknown = [name for name in options.ids if name not in load_requirements()]
    if unknown or (options.chapter and options.chapter not in load_registry().chapters):
        wrong = f"requirement {unknown[0]}" if unknown else f"chapter {options.chapter}"
        print(f"picosec requirements: there is no {wrong}; `picosec requirements` lists what there is", file=sys.stderr)
        return 2
    try:
        if options.ids:
            _show(options.ids)
        else:
            _table(options.chapter)
        return _gate() if options.gate else 0
    except MatrixError as error:
        print(f"picosec requirements: the suite cannot be read:\n{error}", file=sys.stderr)
        return 1


def _table(chapter: str | None) -> None:
    rows = [row for row in load_requirements().values() if chapter in (None, row.chapter)]
    print(f"{'id':<8} {'level':<7} {'check':<10} {'tests':>5} {'vectors':>7} {'faults':>6}  title")
    for row in rows:
        shown = trace()[row.id]
        counts = f"{len(shown.tests):>5} {len(shown.vectors):>7} {len(shown.faults):>6}"
        print(f"{row.id:<8} {row.level:<7} {row.check:<10} {counts}  {row.title}")
    pages = Counter(row.chapter for row in rows)
    print(f"\n{len(rows)} requirements: " + ", ".join(f"{page} {count}" for page, count in pages.items()))


def _show(names: list[str]) -> None:
    for name in names:
        row, shown = load_requirements()[name], trace()[name]
        print(f"{row.id}  {row.title}\n\n  {row.text}\n")
        print(f"  level {row.level}, roles {', '.join(row.role)}, feature {row.feature}, check {row.check}")
        rows = {"tests": shown.tests, "vectors": shown.vectors, "faults": shown.faults, "errors": shown.errors}
        for label, values in rows.items():
            print(f"  {label}: " + (f"\n    {'':4}".join(values) if values else "none"))
        print()


def _gate() -> int:
    found = list(gaps())
    for sentence in found:
        print(f"gap: {sentence}", file=sys.stderr)
    print(f"gate: {len(found)} gaps" if found else "gate: open, no gaps")
    return 1 if found else 0
