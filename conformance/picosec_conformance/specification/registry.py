"""The registry and the profiles (spec/v1/registry.toml), and the Python module generated from them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.requirements import Requirement

#: The family of profiles for plain stacks, which demand what the standards demand and nothing else.
STANDARDS = "standards"
_OWN_CHAPTER = "conformance"


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of features, and through them of requirements."""

    name: str
    title: str
    role: str
    required: tuple[str, ...]
    allowed: tuple[str, ...]
    family: str = ""

    @property
    def plain(self) -> bool:
        """Whether the profile is for stacks that implement the standards and know nothing of us."""
        return self.family == STANDARDS

    @property
    def features(self) -> frozenset[str]:
        """Every feature that the profile requires or allows."""
        return frozenset(self.required) | frozenset(self.allowed)

    def covers(self, requirement: Requirement) -> bool:
        """Whether the requirement belongs to this profile's full set."""
        applies = requirement.condition.met_by(self.features) and self.role in requirement.role
        ours = self.plain and not requirement.standard and requirement.chapter != _OWN_CHAPTER
        return applies and not ours and not requirement.withdrawn

    def level(self, requirement: Requirement) -> str:
        """Return the level of a requirement in this profile: on plain stacks, no higher than the standard's."""
        lower = self.plain and requirement.level == "MUST" and requirement.standard
        return lower or requirement.level


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of the closed list of errors."""

    name: str
    number: int
    coap: str
    text: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The content of ``registry.toml``."""

    version: str
    chapters: dict[str, str]
    roles: dict[str, str]
    errors: tuple[ErrorEntry, ...]
    code_points: dict[str, int]
    features: dict[str, str]
    profiles: dict[str, Profile]


@cache
def load_registry() -> Registry:
    """Read the registry that this installation carries."""
    with (spec_folder() / "registry.toml").open("rb") as file:
        table = tomllib.load(file)
    return Registry(
        version=table["version"],
        chapters=table["chapters"],
        roles=table["roles"],
        errors=tuple(ErrorEntry(name, **row) for name, row in table["errors"].items()),
        code_points=table["code_points"],
        features=table["features"],
        profiles={
            name: Profile(
                name, row["title"], row["role"], tuple(row["required"]), tuple(row["allowed"]), row.get("family", "")
            )
            for name, row in table["profiles"].items()
        },
    )


def to_python(registry: Registry) -> str:
    """Return the text of ``picosec/registry.py``."""
    lines = [
        '"""Names and code points. Generated from spec/v1/registry.toml by ``picosec spec generate``; do not edit."""',
        "",
        "from enum import IntEnum",
        "from typing import Final",
        "",
        "",
        "class Problem(IntEnum):",
        '    """The closed list of errors. The value is the number that problem details carry."""',
        "",
    ]
    lines += [f"    {entry.name.upper()} = {entry.number}" for entry in registry.errors]
    lines += [
        "",
        "",
        "#: CoAP response code of each error, as one byte.",
        "RESPONSE_CODE: Final[dict[Problem, int]] = {",
    ]
    for entry in registry.errors:
        major, minor = entry.coap.split(".")
        lines.append(f"    Problem.{entry.name.upper()}: 0x{int(major) << 5 | int(minor):02X},")
    lines += ["}", "", "#: What each error means, in words.", "TEXT: Final[dict[Problem, str]] = {"]
    lines += [f'    Problem.{entry.name.upper()}: "{entry.text}",' for entry in registry.errors]
    lines += ["}", ""]
    lines += [f"{name.upper()}: Final = {value}" for name, value in registry.code_points.items()]
    return "\n".join(lines) + "\n"
