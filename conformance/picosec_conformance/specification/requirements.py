"""Requirement blocks: from the spec pages to ``requirements.json`` and back (spec/v1/conformance.md)."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.condition import Condition

#: BCP 14 keywords, longest first so that "MUST NOT" is not read as "MUST".
KEYWORDS = (
    "MUST NOT",
    "SHOULD NOT",
    "NOT RECOMMENDED",
    "MUST",
    "SHOULD",
    "MAY",
    "RECOMMENDED",
    "REQUIRED",
    "SHALL",
    "OPTIONAL",
)
LEVELS = ("MUST", "SHOULD", "MAY")

_BLOCK = re.compile(
    r"^:::\{req\} (?P<title>[^\n]+)\n(?P<options>(?::[a-z]+:[^\n]*\n)+)\n(?P<text>.+?)\n:::$", re.M | re.S
)
_OPTION = re.compile(r"^:([a-z]+):[ ]?(.*)$", re.M)
_KEYWORD = re.compile(r"\b(" + "|".join(KEYWORDS) + r")\b")
_ID = re.compile(r"^[A-Z]{3}-\d{3,4}$")


class SpecError(Exception):
    """A page of the specification breaks the rules for requirement blocks. The text says where and how to mend it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One normative statement.

    ``standard`` is the level at which a standard demands it, empty if it is ours alone, and ``source`` where.
    """

    id: str
    title: str
    level: str
    role: tuple[str, ...]
    feature: str
    check: str
    reason: str
    text: str
    page: str
    withdrawn: bool = False
    standard: str = ""
    source: str = ""

    @property
    def testable(self) -> bool:
        """Whether a test can and must show it."""
        return self.check == "test" and not self.withdrawn

    @property
    def chapter(self) -> str:
        """The chapter that the page is part of."""
        return chapter_of(self.page)

    @property
    def condition(self) -> Condition:
        """The features that decide whether it applies."""
        return Condition.parse(self.feature)


def chapter_of(page: str) -> str:
    """Return the chapter of a page: ``messaging`` for ``messaging`` and for ``messaging-streams``."""
    return page.partition("-")[0]


def pages_of(folder: Path, chapter: str) -> list[Path]:
    """Return the pages of a chapter: the one of its name, then its further parts, ``CHAPTER-PART.md``, by name."""
    return [folder / f"{chapter}.md", *sorted(folder.glob(f"{chapter}-*.md"))]


def parse_page(path: Path, code: str, roles: frozenset[str], features: frozenset[str]) -> list[Requirement]:
    """Read the requirement blocks of one page.

    Raises ``SpecError`` naming page, line and mend for a block that breaks a rule.
    """
    source = path.read_text(encoding="utf-8")
    found: list[Requirement] = []
    for match in _BLOCK.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        found.append(_requirement(match, f"{path.name}:{line}", path.stem, code, roles, features))
    if source.count(":::{req}") != len(found):
        lines = [number for number, line in enumerate(source.splitlines(), 1) if line.startswith(":::{req}")]
        parsed = {source.count("\n", 0, match.start()) + 1 for match in _BLOCK.finditer(source)}
        first = min(set(lines) - parsed)
        raise SpecError(
            f"{path.name}:{first}: this block does not parse; write title, options, blank line, text, ':::'"
        )
    return found


def _requirement(
    match: re.Match[str], where: str, page: str, code: str, roles: frozenset[str], features: frozenset[str]
) -> Requirement:
    options = dict(_OPTION.findall(match["options"]))
    text = " ".join(match["text"].split())
    identifier = options.get("id", "")
    if not _ID.match(identifier) or not identifier.startswith(code + "-") or int(identifier[4:]) % 10:
        raise SpecError(f"{where}: id {identifier!r} must be {code}-NNN in steps of ten")
    withdrawn = options.get("status", "") == "withdrawn"
    role = tuple(part.strip() for part in options.get("role", "").split(",") if part.strip())
    unknown = set(options) - {"id", "level", "role", "feature", "check", "reason", "status"}
    if unknown:
        raise SpecError(f"{where}: {identifier} has unknown options {sorted(unknown)}")
    if options.get("level") not in LEVELS:
        raise SpecError(f"{where}: {identifier} needs a level: one of {', '.join(LEVELS)}")
    if not role or not set(role) <= roles:
        raise SpecError(f"{where}: {identifier} needs roles out of {', '.join(sorted(roles))}")
    condition = Condition.parse(options.get("feature", ""))
    for feature in condition.names:
        if feature not in features:
            raise SpecError(f"{where}: {identifier} names feature {feature!r}, which the registry does not list")
    check, reason = options.get("check", ""), options.get("reason", "")
    if check not in ("test", "inspection") or (check == "inspection" and not reason):
        raise SpecError(f"{where}: {identifier} needs check: test, or check: inspection with a reason")
    words = _KEYWORD.findall(text)
    if len(words) != 1 or not words[0].startswith(options["level"]):
        raise SpecError(
            f"{where}: {identifier} needs exactly one BCP 14 keyword, {options['level']}; it has {words or 'none'}"
        )
    return Requirement(
        identifier,
        match["title"].strip(),
        options["level"],
        role,
        str(condition),
        check,
        reason,
        text,
        page,
        withdrawn,
    )


def parse_pages(
    folder: Path, chapters: dict[str, str], roles: frozenset[str], features: frozenset[str]
) -> list[Requirement]:
    """Read every chapter's pages. Raises ``SpecError`` also for an id used twice."""
    found: list[Requirement] = []
    for chapter, code in chapters.items():
        for page in pages_of(folder, chapter):
            found += parse_page(page, code, roles, features)
    seen: set[str] = set()
    for requirement in found:
        if requirement.id in seen:
            raise SpecError(f"{requirement.page}.md: id {requirement.id} is used twice; ids are never reused")
        seen.add(requirement.id)
    return found


def to_json(requirements: list[Requirement], version: str) -> str:
    """Return the text of ``requirements.json``."""
    rows = [asdict(requirement) for requirement in requirements]
    return json.dumps({"version": version, "requirements": rows}, indent=1, ensure_ascii=False) + "\n"


@cache
def load_requirements() -> dict[str, Requirement]:
    """Return the committed requirements by id, in page order."""
    rows = json.loads((spec_folder() / "requirements.json").read_text(encoding="utf-8"))["requirements"]
    return {row["id"]: Requirement(**{**row, "role": tuple(row["role"])}) for row in rows}
