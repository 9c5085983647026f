"""Numbers that outlive a run: how far the suite has counted in the OSCORE contexts that it was given.

A target that was set up with a context keeps its replay window; a suite that began at 0 with each run would be refused
as a replay. There is a file for each context, named by a hash that gives no key away, in the folder for state of the
user (``$XDG_STATE_HOME``, by default ``~/.local/state``).
"""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return where the files are."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "picosec" / "numbers"


def read(name: str) -> int:
    """Return the number kept under a name, 0 if there is none. Raises ``OSError`` and ``ValueError`` for a bad file."""
    path = folder() / name
    return int(path.read_text(encoding="ascii")) if path.is_file() else 0


def write(name: str, value: int) -> None:
    """Keep a number under a name; a file is replaced whole or not at all. Raises ``OSError``."""
    folder().mkdir(parents=True, exist_ok=True)
    new = folder() / f".{name}.{os.getpid()}"
    new.write_text(f"{value}\n", encoding="ascii")
    new.replace(folder() / name)
