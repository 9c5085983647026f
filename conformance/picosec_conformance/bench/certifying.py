"""How fast the suite certifies the reference as a program, in the way anybody would: with the command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from picosec_conformance.bench.report import Certify, MeasurementFailed

_COMMAND = [sys.executable, "-c", "import sys; from picosec_conformance.cli import main; sys.exit(main())", "certify"]

#: Statuses of certify with which a whole report is written: certified and not certified.
_JUDGED = (0, 1)


def certify() -> Certify:
    """Certify the reference once, its manifest and profile as they are.

    Raises ``MeasurementFailed`` when the suite itself broke.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*_COMMAND, "--report", folder], capture_output=True, text=True)
        if done.returncode not in _JUDGED:
            raise MeasurementFailed(f"certify left with status {done.returncode}: {done.stderr.strip()[-500:]}")
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    return Certify(report["tests"]["total"], round(report["seconds"], 2), report["certified"])
