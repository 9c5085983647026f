"""A state machine whose transitions are data: what the code runs, the documents draw and a test visits cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

from picosec.errors import ProtocolError
from picosec.registry import Problem

StateT = TypeVar("StateT", bound="Label")


class Label(Enum):
    """Members that are looked up often: each is one object, so its identity is its hash."""

    __hash__ = object.__hash__


class Event(Label):
    """What may happen in a session, seen from one side."""

    MESSAGE_1 = "message_1"
    MESSAGE_2 = "message_2"
    MESSAGE_3 = "message_3"
    MESSAGE_4 = "message_4"
    ERROR = "error message"
    COMPLETE = "complete without message_4"
    REJECTED = "a message is rejected"


class Machine(Generic[StateT]):
    """Holds one state. Subclasses bring the table and do the work between :meth:`_require` and :meth:`_advance`."""

    __slots__ = ("state",)

    transitions: ClassVar[Mapping[tuple[Any, Event], Any]]
    state: StateT

    def _require(self, event: Event) -> None:
        """Raise ``unexpected_message`` when the table has no cell for ``event`` in this state; change nothing."""
        if (self.state, event) not in self.transitions:
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-560", f"{event.value} in state {self.state.value}")

    def _advance(self, event: Event) -> None:
        self.state = self.transitions[self.state, event]
