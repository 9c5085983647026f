"""``picosec verify``: check somebody else's run, offline: signature, hashes, and every verdict by running it again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from picosec_conformance.bundle.archive import BundleError
from picosec_conformance.bundle.keys import KeyFileError, read_public
from picosec_conformance.bundle.verify import Check, read_bundle, verify
from picosec_conformance.report.terminal import Style
from picosec_conformance.wire import printable

VERIFIED, NOT_VERIFIED, WRONG_REQUEST = range(3)

_EXAMPLES = """\
examples:
  picosec verify report/bundle.zip                        is it whole, and are its verdicts right?
  picosec verify report/bundle.zip --key lab.public.pem   and was it that lab?

exit status:
  0  verified: nothing was changed, and the suite reaches the same verdicts again
  1  not verified; what differs is printed
  2  the request is wrong
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Check a bundle that `picosec certify` wrote: that nothing in it was changed since it was signed, and that the "
        "suite, run again against the recorded target, reaches the same verdicts. Needs neither target nor network."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle.zip")
    parser.add_argument("--key", type=Path, metavar="FILE", help="public key, in PEM, that has to have signed")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="tests to run at once (default: 1)")


def run(options: argparse.Namespace) -> int:
    """Check the bundle and return the exit status."""
    if options.jobs < 1:
        print(f"picosec verify: --jobs {options.jobs}: give a number of at least 1", file=sys.stderr)
        return WRONG_REQUEST
    try:
        key = None if options.key is None else read_public(options.key)
        data = read_bundle(options.bundle)
    except KeyFileError as error:
        print(f"picosec verify: {error}", file=sys.stderr)
        return WRONG_REQUEST
    except OSError as error:
        print(f"picosec verify: {options.bundle}: {error.strerror}", file=sys.stderr)
        return WRONG_REQUEST
    except BundleError as error:
        print(f"NOT VERIFIED: {options.bundle}: {error.part}: {error}")
        return NOT_VERIFIED
    style, good = Style(sys.stdout), True
    for check in verify(data, key, jobs=options.jobs):
        _show(check, style)
        good = good and check.ok
    mark = style.good if good else style.bad
    print(mark(style.strong(f"{'VERIFIED' if good else 'NOT VERIFIED'}: {options.bundle}")))
    return VERIFIED if good else NOT_VERIFIED


def _show(check: Check, style: Style) -> None:
    mark = style.good("ok".ljust(8)) if check.ok else style.bad("wrong".ljust(8))
    print(f"  {mark}{check.name:<20}{printable(check.detail)}", flush=True)
    for note in check.notes:
        print(f"  {'':<28}{style.dim(printable(note))}", flush=True)
