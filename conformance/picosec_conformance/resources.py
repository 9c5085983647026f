"""Where the specification and the vectors lie: in an installed wheel, or in the checkout of an editable install."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """Return the folder that holds ``spec`` and ``vectors``.

    Raises ``FileNotFoundError`` when the installation is incomplete.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parents[1]):
        if (root / "spec" / "v1" / "registry.toml").is_file():
            return root
    raise FileNotFoundError("the specification is missing from this installation: reinstall picosec")


def spec_folder() -> Path:
    """Return the folder of the current specification version."""
    return data_root() / "spec" / "v1"


def vectors_folder() -> Path:
    """Return the folder of the current vector version."""
    return data_root() / "vectors" / "v1"
