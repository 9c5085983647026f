"""What a run is about, and where the pytest session keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from picosec_conformance.links import Links
from picosec_conformance.manifest import Manifest
from picosec_conformance.selection import Selection

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
