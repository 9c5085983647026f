"""The moves of a game: what honest endpoints begin and what the adversary does, as plain data that a file can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

#: What honest endpoints, their owners and time do, with the parameters of each.
HONEST: Final[dict[str, dict[str, type]]] = {
    "connect": {"party": str},
    "ask": {"dialogue": str, "what": str},
    "write": {"party": str},
    "target-connects": {},
    "target-asks": {"dialogue": str},
    "renew": {"dialogue": str},
    "reboot": {},
    "wait": {"seconds": int},
    "settle": {},
    "get-through": {"party": str},
}

#: What the adversary does. ``packet`` and ``donor`` are labels; ``what`` names a forgery.
HOSTILE: Final[dict[str, dict[str, type]]] = {
    "deliver": {"packet": str},
    "drop": {"packet": str},
    "duplicate": {"packet": str},
    "delay": {"packet": str},
    "truncate": {"packet": str, "length": int},
    "flip": {"packet": str, "bit": int},
    "splice": {"packet": str, "donor": str, "field": str},
    "replay": {"packet": str, "fresh": bool},
    "reflect": {"packet": str},
    "divert": {"packet": str, "party": str},
    "inject": {"packet": str, "what": str},
    "dismiss": {"packet": str},
    "flood": {"party": str, "count": int},
    "trespass": {"what": str},
    "noise": {"data": str},
}

MOVES: Final = {**HONEST, **HOSTILE}


@dataclass(frozen=True, slots=True)
class Step:
    """One move. ``parameters`` are those that ``MOVES`` lists for it."""

    move: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.move, *(f"{name}={value}" for name, value in self.parameters.items())])

    def table(self) -> dict[str, Any]:
        """Return the step as plain values."""
        return {"move": self.move, **self.parameters}

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Step:
        """Undo :meth:`table`."""
        return cls(table["move"], {name: value for name, value in table.items() if name != "move"})


def step(move: str, **parameters: Any) -> Step:
    """Return one move."""
    return Step(move, parameters)
