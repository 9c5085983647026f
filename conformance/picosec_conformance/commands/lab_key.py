"""``picosec lab-key``: make the key that a lab signs its bundles with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from picosec_conformance.bundle.keys import KeyFileError, make_key

_EXAMPLES = """\
examples:
  picosec lab-key lab.pem                        writes lab.pem and lab.public.pem
  picosec certify target.toml --lab-key lab.pem  signs the bundle of a run
  picosec verify report/bundle.zip --key lab.public.pem

exit status: 0 when both files are written, 2 when one of them is there already or cannot be
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Make an Ed25519 key pair for signing bundles. FILE gets the private key, in PEM, for its owner only; "
        "the public one beside it is for those who verify."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="where the private key goes, such as lab.pem")


def run(options: argparse.Namespace) -> int:
    """Write both files and print the key identifier."""
    try:
        public, identifier = make_key(options.file)
    except KeyFileError as error:
        print(f"picosec lab-key: {error}", file=sys.stderr)
        return 2
    print(f"{options.file}  the private key: keep it to yourself")
    print(f"{public}  the public key: for those who verify bundles")
    print(f"key identifier {identifier.hex()}")
    return 0
