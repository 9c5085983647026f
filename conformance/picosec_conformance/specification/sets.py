"""Requirement sets: what a target is judged by. Frozen ones never change; without one, it is the pages as they are.

A frozen set is ``spec/v1/sets/VERSION.json``; its SHA-256 stands in ``SHA256SUMS`` beside it, and in every report. It
holds the requirements, the profiles and the names of the tests that count, so that neither a later requirement nor a
later test fails a version that was certified before. Errata have a file of their own, ``VERSION.errata.toml``; they
explain and never change a verdict.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.registry import Profile, load_registry
from picosec_conformance.specification.requirements import Requirement, load_requirements

#: Name of the set that the pages make at this moment.
DRAFT = "draft"
SUMS = "SHA256SUMS"
#: What a set may be called; a draft may be frozen while the pages still have gaps.
VERSION = re.compile(r"\d+\.\d+(\.\d+)?(-draft)?")


class SetError(Exception):
    """There is no such set, or its file is not what was frozen. The text says which, and what there is."""


@dataclass(frozen=True, slots=True)
class Erratum:
    """What turned out wrong in a frozen set. It explains; verdicts stay as the set has them."""

    requirement: str
    date: str
    text: str


@dataclass(frozen=True)
class RequirementSet:
    """Requirements and profiles under one name. ``tests`` are those that count, by id; None stands for all.

    ``text`` is the set as its file holds it.
    """

    version: str
    specification: str
    requirements: Mapping[str, Requirement]
    profiles: Mapping[str, Profile]
    text: str
    tests: Mapping[str, tuple[str, ...]] | None = None
    errata: tuple[Erratum, ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return sha256(self.text.encode()).hexdigest()

    @cached_property
    def features(self) -> frozenset[str]:
        """The features that its profiles know; what was invented later is held against nobody."""
        return frozenset().union(*(profile.features for profile in self.profiles.values()))

    @property
    def argument(self) -> tuple[str, ...]:
        """How a command line asks for this set."""
        return () if self.version == DRAFT else ("--set", self.version)


def to_text(version: str, tests: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """Return what the pages and the registry say at this moment as the text of a set."""
    registry = load_registry()
    content: dict[str, Any] = {
        "set": version,
        "specification": registry.version,
        "profiles": {name: asdict(profile) for name, profile in registry.profiles.items()},
        "requirements": [asdict(requirement) for requirement in load_requirements().values()],
    }
    if tests is not None:
        content["tests"] = tests
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def sets_folder() -> Path:
    """Return the folder of the frozen sets."""
    return spec_folder() / "sets"


@cache
def draft_set() -> RequirementSet:
    """Return the set that the pages and the registry make at this moment."""
    registry = load_registry()
    return RequirementSet(DRAFT, registry.version, load_requirements(), registry.profiles, to_text(DRAFT))


def load_set(version: str | None = None, folder: Path | None = None) -> RequirementSet:
    """Return a frozen set, or without a version the draft. Raises ``SetError``."""
    if version in (None, DRAFT):
        return draft_set()
    folder = sets_folder() if folder is None else folder
    known = frozen_sums(folder)
    if version not in known:
        raise SetError(f"there is no requirement set {version!r}; choose among {', '.join([*known, DRAFT])}")
    path = folder / f"{version}.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SetError(f"{path}: cannot be read: {error.strerror}") from error
    if sha256(data).hexdigest() != known[version]:
        raise SetError(f"{path} is not what was frozen: its SHA-256 differs from the one in {SUMS}")
    return _parse(data.decode(), folder / f"{version}.errata.toml")


def frozen_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each frozen set by version. Raises ``SetError`` for a line that is none."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    sums = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(rf"([0-9a-f]{{64}})  ({VERSION.pattern})\.json", line)
        if found is None:
            raise SetError(f"{path}: {line!r} is not a SHA-256, two spaces and the name of a set")
        sums[found[2]] = found[1]
    return sums


def _parse(text: str, errata: Path) -> RequirementSet:
    """Read a set that is known to be what was frozen."""

    def row(values: dict[str, Any]) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}

    content = json.loads(text)
    requirements = {values["id"]: Requirement(**row(values)) for values in content["requirements"]}
    return RequirementSet(
        content["set"],
        content["specification"],
        requirements,
        {name: Profile(**row(values)) for name, values in content["profiles"].items()},
        text,
        {name: tuple(names) for name, names in content["tests"].items()},
        _errata(errata, requirements),
    )


def _errata(path: Path, requirements: Mapping[str, Requirement]) -> tuple[Erratum, ...]:
    if not path.is_file():
        return ()
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["erratum"]
        found = tuple(Erratum(row["requirement"], row["date"].isoformat(), row["text"]) for row in rows)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SetError(f"{path}: each [[erratum]] has a requirement, a date and a text: {error}") from error
    for erratum in found:
        if erratum.requirement not in requirements:
            raise SetError(f"{path}: {erratum.requirement} is not in this set")
    return found
