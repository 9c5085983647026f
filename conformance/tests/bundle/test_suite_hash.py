"""The hash of the suite: whatever can change a verdict changes it, and nothing else has to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from picosec_conformance.certify import suite_hash

from .making import SAMPLES


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of one's own."""
    return Path(shutil.copytree(SAMPLES, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__")))


def test_changed_test_changes_the_hash(suite: Path) -> None:
    """A test that asks for less than it did."""
    before = suite_hash(suite)
    (suite / "test_sample.py").write_text("def test_nothing(): pass\n")

    assert suite_hash(suite) != before


def test_changed_data_of_a_test_change_the_hash(suite: Path) -> None:
    """Some tests read what they do from a file beside them."""
    before = suite_hash(suite)
    (suite / "scenarios").mkdir()
    (suite / "scenarios" / "replay.toml").write_text("steps = []\n")

    assert suite_hash(suite) != before


def test_what_python_leaves_behind_does_not_change_the_hash(suite: Path) -> None:
    """Compiled modules differ from machine to machine."""
    before = suite_hash(suite)
    (suite / "__pycache__").mkdir()
    (suite / "__pycache__" / "test_sample.cpython-311.pyc").write_bytes(b"compiled")

    assert suite_hash(suite) == before


_IMPORTS = """
import importlib, json, sys
from picosec_conformance.certify import SUITE, _BESIDE
for path in SUITE.glob("test_*.py"):
    importlib.import_module(f"picosec_conformance.suite.{path.stem}")
parts = [name.split(".") for name in sys.modules if name.startswith(("picosec.", "picosec_conformance."))]
print(json.dumps([".".join(part) for part in parts if part[1] in _BESIDE]))
"""


def test_no_test_uses_what_the_hash_leaves_out() -> None:
    """A verdict that hangs on a module outside the hash could change without anybody seeing it."""
    done = subprocess.run([sys.executable, "-c", _IMPORTS], check=True, capture_output=True)
    used = set(json.loads(done.stdout))

    # What every run imports: data classes of the report, and how a fault is named on a command line.
    assert used <= {"picosec_conformance.report", "picosec_conformance.report.model", "picosec_conformance.faults"}
