"""A notification: a response beyond the first, in a message of its own, until it is known to have arrived or to be
unwanted (spec/v1/messaging-observe.md).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from picosec.messaging.coap import Message, Type
from picosec.messaging.retransmission import Retransmission


class State(Enum):
    """Where a notification stands."""

    QUEUED = auto()
    UNACKNOWLEDGED = auto()
    SENT = auto()
    DONE = auto()


class Input(Enum):
    """What moves a notification on."""

    SEND_CONFIRMABLE = auto()
    SEND_NON_CONFIRMABLE = auto()
    ACKNOWLEDGEMENT = auto()
    #: The same when there is something newer to send already.
    ACKNOWLEDGEMENT_OF_OLD = auto()
    RESET = auto()
    RETRANSMIT = auto()
    GIVE_UP = auto()
    FORGET = auto()


#: The whole machine. What has no cell here is ignored.
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.QUEUED, Input.SEND_CONFIRMABLE): State.UNACKNOWLEDGED,
    (State.QUEUED, Input.SEND_NON_CONFIRMABLE): State.SENT,
    (State.QUEUED, Input.FORGET): State.DONE,
    (State.UNACKNOWLEDGED, Input.ACKNOWLEDGEMENT): State.DONE,
    (State.UNACKNOWLEDGED, Input.ACKNOWLEDGEMENT_OF_OLD): State.QUEUED,
    (State.UNACKNOWLEDGED, Input.RESET): State.DONE,
    (State.UNACKNOWLEDGED, Input.RETRANSMIT): State.UNACKNOWLEDGED,
    (State.UNACKNOWLEDGED, Input.GIVE_UP): State.DONE,
    (State.UNACKNOWLEDGED, Input.FORGET): State.DONE,
    (State.SENT, Input.RESET): State.DONE,
    (State.SENT, Input.GIVE_UP): State.DONE,  # so late, no reset can be for it
    (State.SENT, Input.FORGET): State.DONE,
}


@dataclass(slots=True, eq=False)
class Notification:
    """One notification of ours. ``message`` is what goes out next; ``message_ids`` are those it went out under."""

    id: int
    peer: Hashable
    message: Message
    state: State = State.QUEUED
    deadline: float | None = None
    retransmission: Retransmission | None = None
    message_ids: list[int] = field(default_factory=list)
    #: Whether ``message`` is newer than what was sent last.
    renewed: bool = False

    @property
    def confirmable(self) -> bool:
        """Whether it is sent until it is acknowledged."""
        return self.message.type == Type.CON

    def takes(self, happening: Input) -> bool:
        """Whether the machine has a cell for it."""
        return (self.state, happening) in TRANSITIONS

    def advance(self, happening: Input) -> None:
        """Move. Raises ``KeyError`` without a cell: the caller has looked."""
        self.state = TRANSITIONS[self.state, happening]
