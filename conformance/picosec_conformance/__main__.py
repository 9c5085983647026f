"""``python -m picosec_conformance``: the ``picosec`` command."""

import sys

from picosec_conformance.cli import main

sys.exit(main())
