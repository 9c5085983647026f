"""Which tests and requirements a run covers: the profile's full set, and what the command line narrows it to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from picosec_conformance.manifest import Manifest
from picosec_conformance.specification.registry import load_registry
from picosec_conformance.specification.requirements import Requirement
from picosec_conformance.specification.sets import RequirementSet, draft_set


class SelectionError(Exception):
    """The command line asks for something that the profile does not have. The text says what there is."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The profile's full set, and the part of it that this run judges."""

    full: dict[str, Requirement]
    chosen: frozenset[str]
    words: tuple[str, ...] = ()
    judged_by: RequirementSet = field(default_factory=draft_set)

    def takes(self, test: str, requirements: Iterable[str]) -> bool:
        """Whether the run includes a test that judges these requirements. A frozen set counts only its own tests."""
        counts = self.judged_by.tests is None or test in self.judged_by.tests
        return counts and not self.chosen.isdisjoint(requirements)

    @property
    def complete(self) -> bool:
        """Whether the run judges the full set."""
        return not self.words


def select(
    manifest: Manifest,
    chapters: tuple[str, ...] = (),
    requirements: tuple[str, ...] = (),
    judged_by: RequirementSet | None = None,
    *,
    combinations: bool = False,
) -> Selection:
    """Narrow the profile's set, or with ``combinations`` widen its tests to every combination of choices.

    Either makes a run that is no certificate, because others are not compared by it. Raises ``SelectionError`` for a
    chapter or requirement that is not in the set.
    """
    judged_by = draft_set() if judged_by is None else judged_by
    full = {name: row for name, row in judged_by.requirements.items() if manifest.profile.covers(row)}
    known = load_registry().chapters
    for chapter in chapters:
        if chapter not in known:
            raise SelectionError(f"--chapter {chapter}: there is no such chapter; choose among {', '.join(known)}")
    for name in requirements:
        if name not in judged_by.requirements:
            raise SelectionError(
                f"--requirement {name}: there is no such requirement; `picosec requirements` lists them"
            )
        if name not in full:
            raise SelectionError(f"--requirement {name}: it does not belong to profile {manifest.profile.name}")
    chosen = frozenset(
        name
        for name, row in full.items()
        if (not chapters and not requirements) or row.chapter in chapters or name in requirements
    )
    words = tuple(f"chapter {chapter}" for chapter in chapters) + tuple(f"requirement {name}" for name in requirements)
    words += ("combinations every",) if combinations else ()
    return Selection(full, chosen, words, judged_by)
