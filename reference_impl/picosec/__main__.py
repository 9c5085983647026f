"""``python -m picosec``: the reference's commands alone, without the suite."""

import sys

from picosec.cli import main

sys.exit(main())
