"""Targets for the adversary: the reference as it is, and broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from picosec_conformance.adversary.arena import Arena
from picosec_conformance.manifest import REFERENCE, Manifest, load_manifest

_BROKEN = Path(__file__).with_name("broken.py")


def broken(fault: str) -> Manifest:
    """Return the manifest of the reference with one fault of ``broken.py``."""
    command = ["{python}", str(_BROKEN), fault, "device", "--stdio", "--test-interface"]
    adapter = {"kind": "subprocess", "command": command}
    return replace(load_manifest(REFERENCE), name=fault, adapter=adapter, answer_timeout=5.0)


@pytest.fixture(scope="package")
def arena() -> Iterator[Arena]:
    """The reference device."""
    with Arena(replace(load_manifest(REFERENCE), answer_timeout=5.0)) as opened:
        yield opened
