"""What a run is about, and where the pytest session keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from picosec_conformance.links import Links
from picosec_conformance.manifest import Manifest
from picosec_conformance.selection import Selection
from picosec_conformance.target import Record

CONTROL = "conformance.test-interface"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is about; every worker of a parallel run builds the same."""

    manifest: Manifest
    selection: Selection
    seed: int
    command: tuple[str, ...]
    today: date


SETTINGS = pytest.StashKey[Settings]()
LINKS = pytest.StashKey[Links]()
#: Of one test: what passed on its links, and the link that it uses.
RECORD = pytest.StashKey[Record]()
LINK = pytest.StashKey[str]()
