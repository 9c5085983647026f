"""``picosec bench``: measure the reference against its peers, and both against the budgets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from picosec_conformance.bench.measure import measure
from picosec_conformance.bench.profiles import SUBJECTS, profile
from picosec_conformance.bench.report import rows, to_json, to_text
from picosec_conformance.peers.missing import PeerMissing

DONE, WRONG_REQUEST, BROKEN = 0, 2, 3

_EXAMPLES = """\
examples:
  picosec bench                      measure everything; takes about half a minute
  picosec bench --json bench.json    and write the figures to a file
  picosec bench --quick              one breath, to see that it works; figures are not to be quoted
  picosec bench --cwt DIR            and hold objects against python-cwt, which needs a folder of its own:
                                     pip install --target DIR 'cwt>=3.3,<4' 'cbor2<6'
  picosec bench --profile edhoc      where the reference spends its time

Rates are per second of processor time on one core, medians over rounds in which the contenders take turns.

exit status:
  0  measured; a missed budget is told in the table, not by the status
  2  the request is wrong, or a peer is not installed
  3  the device or the suite broke; what could be measured is in the table
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Measure the reference against its peers, and both against the budgets."
    parser.epilog = _EXAMPLES
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures")
    parser.add_argument("--cwt", metavar="DIR", type=Path, help="folder that holds python-cwt and its own cbor2")
    parser.add_argument("--quick", action="store_true", help="short rounds, for trying out")
    parser.add_argument(
        "--profile",
        metavar="WHAT",
        choices=list(SUBJECTS),
        help=f"profile that instead: {', '.join(SUBJECTS)}",
    )


def run(options: argparse.Namespace) -> int:
    """Measure, and return the exit status."""
    try:
        if options.profile:
            print(profile(options.profile))
            return DONE
        found, environment, failures = measure(options.quick, _progress, options.cwt)
    except PeerMissing as error:
        print(f"picosec bench: {error}", file=sys.stderr)
        return WRONG_REQUEST
    finally:
        _progress("")
    table = rows(found)
    print(to_text(table))
    if options.json:
        options.json.write_text(to_json(found, environment, table), encoding="utf-8")
    for failure in failures:
        print(f"picosec bench: {failure}", file=sys.stderr)
    return BROKEN if failures else DONE


def _progress(text: str) -> None:
    """Show one line that the next one replaces; on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
