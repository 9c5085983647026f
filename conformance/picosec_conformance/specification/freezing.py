"""Freezing a requirement set: from then on, what is in it is what its name means."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from picosec_conformance.specification.gates import gaps
from picosec_conformance.specification.matrix import requirements_by_test
from picosec_conformance.specification.sets import SUMS, VERSION, SetError, frozen_sums, load_set, sets_folder, to_text


def freeze(version: str, folder: Path | None = None) -> Path:
    """Write the set that the pages and the suite make at this moment under a name, and return its path.

    Raises ``SetError`` for a name that is taken or none, and while the gates are not open (a draft may have gaps).
    """
    folder = sets_folder() if folder is None else folder
    if VERSION.fullmatch(version) is None:
        raise SetError(f"{version!r} is no name of a set: write 1.0, 1.0.1 or 1.0-draft")
    path, sums = folder / f"{version}.json", frozen_sums(folder)
    if version in sums or path.exists():
        raise SetError(f"set {version} is frozen already, and never changes: choose another name")
    found = [] if version.endswith("-draft") else list(gaps())
    if found:
        raise SetError(
            f"the gates are not open ({len(found)} gaps, the first: {found[0]}); a set 1.0-draft may have gaps"
        )
    data = to_text(version, requirements_by_test()).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    lines = [f"{digest}  {name}.json\n" for name, digest in {**sums, version: sha256(data).hexdigest()}.items()]
    (folder / SUMS).write_text("".join(sorted(lines, key=lambda line: line[64:])), encoding="utf-8")
    return path


def damaged(folder: Path | None = None) -> Iterator[str]:
    """Yield one sentence for each set that is not what was frozen."""
    folder = sets_folder() if folder is None else folder
    try:
        sums = frozen_sums(folder)
    except SetError as error:
        yield str(error)
        return
    for version in sums:
        try:
            load_set(version, folder)
        except SetError as error:
            yield str(error)
    for path in sorted(folder.glob("*.json")):
        if path.stem not in sums:
            yield f"{path.name} is in no line of {SUMS}: `picosec spec freeze` writes both"
