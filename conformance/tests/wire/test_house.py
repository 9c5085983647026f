"""scapy is GPL-2.0-only and slow to load: it stays behind one package and out of every run that does not fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import picosec
import picosec_conformance

PACKAGES = [Path(package.__file__).parent for package in (picosec, picosec_conformance) if package.__file__]
WIRE = Path(picosec_conformance.__file__ or "").parent / "wire"


def test_only_the_wire_package_imports_scapy_and_never_all_of_it() -> None:
    """The reference and the rest of the suite are MIT."""
    importers = {
        path: found
        for package in PACKAGES
        for path in package.rglob("*.py")
        if (found := re.findall(r"^\s*(?:from|import) (scapy[\w.]*)", path.read_text(encoding="utf-8"), re.M))
    }

    assert importers
    assert all(path.is_relative_to(WIRE) for path in importers)
    assert "scapy.all" not in {name for names in importers.values() for name in names}


def test_a_run_that_passes_does_not_load_scapy() -> None:
    """Reading a transcript happens when something has failed."""
    program = (
        "import sys; import picosec_conformance.commands.certify, picosec_conformance.report.write; "
        "print([name for name in sys.modules if name.startswith('scapy')])"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert said.stdout.strip() == "[]"
