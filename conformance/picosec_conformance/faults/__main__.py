"""Serve the reference with one fault: ``python -m picosec_conformance.faults NAME device --stdio …``."""

import sys

from picosec import cli
from picosec_conformance.faults import load_faults

if __name__ == "__main__":
    load_faults()[sys.argv[1]].apply()
    sys.exit(cli.main(sys.argv[2:]))
