"""SoftHSM 2, the token of the tests: unpacks its Debian packages into a folder, without root and without installing.

    python -m picosec_conformance.softhsm FOLDER

The packages come from the sources that this machine's apt has. Where there is no apt, the folder says why it is empty,
and the tests that need a token are skipped with that reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PACKAGES: Final = ("libsofthsm2", "softhsm2")
_REASON: Final = "why-not.txt"
_LONGEST: Final = 300.0
SO_PIN: Final = "87654321"


class SoftHsmMissing(Exception):
    """There is no SoftHSM; the text says why, in one line."""


def unpack(folder: Path) -> None:
    """Bring SoftHSM into ``folder``, unless it is there. Raises :class:`SoftHsmMissing`."""
    if _found(folder) is not None:
        return
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SoftHsmMissing(f"no {program} on this machine: SoftHSM is taken from packages of Debian")
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    # With the lists of this machine, or else, where nobody has fetched them, with lists of its own.
    if not _download(packages, ()):
        own = _own_state(folder / "apt")
        _run(["apt-get", *own, "update"], packages)
        if not _download(packages, own):
            raise SoftHsmMissing("apt knows no package softhsm2, or cannot reach where it lies")
    for package in sorted(packages.glob("*.deb")):
        if not _run(["dpkg-deb", "-x", str(package), str(folder)], packages):
            raise SoftHsmMissing(f"{package.name} cannot be unpacked")
    if _found(folder) is None:
        raise SoftHsmMissing("the packages hold no libsofthsm2.so")


def library(folder: Path) -> Path:
    """Return the PKCS#11 library in ``folder``. Raises :class:`SoftHsmMissing`."""
    found = _found(folder)
    if found is None:
        reason = folder / _REASON
        raise SoftHsmMissing(reason.read_text().strip() if reason.is_file() else f"{folder} holds no SoftHSM")
    return found


def configure(tokens: Path) -> Path:
    """Make a folder for tokens and return the file that SOFTHSM2_CONF has to name."""
    tokens.mkdir(parents=True, exist_ok=True)
    file = tokens.with_suffix(".conf")
    file.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    return file


def make_token(folder: Path, configuration: Path, label: str, pin: str) -> None:
    """Make an empty token. Raises :class:`SoftHsmMissing` when the tool of ``folder`` does not run."""
    tool, module = folder / "usr/bin/softhsm2-util", library(folder)
    options = ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN]
    environment = {**os.environ, "SOFTHSM2_CONF": str(configuration)}
    if not _run([str(tool), "--module", str(module), *options], folder, environment):
        raise SoftHsmMissing("softhsm2-util cannot make a token here: are libssl3 and libstdc++6 installed?")


def _found(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("usr/lib/**/libsofthsm2.so"))), None)


def _own_state(state: Path) -> tuple[str, ...]:
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    places = {"Dir::State::lists": state / "lists", "Dir::Cache": state / "cache"}
    options = ["Debug::NoLocking=1", *(f"{name}={place}" for name, place in places.items())]
    return tuple(part for option in options for part in ("-o", option))


def _download(packages: Path, options: Sequence[str]) -> bool:
    return _run(["apt-get", *options, "download", *PACKAGES], packages)


def _run(line: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> bool:
    try:
        done = subprocess.run(
            line, cwd=folder, env=environment, capture_output=True, timeout=_LONGEST, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main(arguments: Sequence[str]) -> int:
    """Fill the folder, or leave in it why that cannot be; only a wrong call fails."""
    if len(arguments) != 1:
        print("usage: python -m picosec_conformance.softhsm FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0]).absolute()
    try:
        unpack(folder)
    except SoftHsmMissing as missing:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _REASON).write_text(f"{missing}\n")
        print(f"no SoftHSM, so tests with a token are skipped: {missing}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
