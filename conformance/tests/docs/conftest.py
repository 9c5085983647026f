"""The site's extension lives beside the pages, not in a package: put it where these tests find it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "docs" / "_ext"))
