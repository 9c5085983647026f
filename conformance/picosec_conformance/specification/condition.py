"""When a requirement applies: the features that it depends on, as its ``:feature:`` option states them (CNF-010).

``a`` is one feature, ``a | b`` either of two, and ``a | b, c`` either of two together with a third.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

_AND, _OR = ", ", " | "


@dataclass(frozen=True, slots=True)
class Condition:
    """Clauses that hold together; a clause holds when one of its features is there."""

    clauses: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read the text of an option. What it names is not looked up; an empty text gives an empty name."""
        clauses = (clause.split("|") for clause in text.split(","))
        return cls(tuple(tuple(name.strip() for name in clause) for clause in clauses))

    def __str__(self) -> str:
        return _AND.join(map(_OR.join, self.clauses))

    @property
    def names(self) -> tuple[str, ...]:
        """Every feature that it names."""
        return tuple(dict.fromkeys(name for clause in self.clauses for name in clause))

    @property
    def needs(self) -> tuple[str, ...]:
        """The clauses, each as a text of its own."""
        return tuple(map(_OR.join, self.clauses))

    def met_by(self, features: Container[str]) -> bool:
        """Whether these features are enough."""
        return not self.lacks(features)

    def lacks(self, features: Container[str]) -> tuple[str, ...]:
        """Return the clauses, as texts, that none of these features meets."""
        return tuple(_OR.join(clause) for clause in self.clauses if not any(name in features for name in clause))
