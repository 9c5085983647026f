"""The server's side of one exchange: a request from a peer until its response has arrived (spec/v1/messaging.md)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from picosec.messaging.coap import Message
from picosec.messaging.message_ids import Received
from picosec.messaging.retransmission import Retransmission


class State(Enum):
    """Where the answer to a request stands."""

    RECEIVED = auto()
    RECEIVED_NON_CONFIRMABLE = auto()
    ACKNOWLEDGED = auto()
    RESPONDING = auto()
    DONE = auto()


class Input(Enum):
    """What moves an exchange on."""

    RESPOND = auto()
    DISMISS = auto()
    ACKNOWLEDGE = auto()
    ACKNOWLEDGEMENT = auto()
    RESET = auto()
    RETRANSMIT = auto()
    GIVE_UP = auto()


#: The whole machine. What has no cell here is ignored: a response that comes too late is not sent.
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.RECEIVED, Input.RESPOND): State.DONE,  # piggybacked on the acknowledgement
    (State.RECEIVED, Input.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.RECEIVED, Input.DISMISS): State.DONE,
    (State.RECEIVED_NON_CONFIRMABLE, Input.RESPOND): State.DONE,
    (State.RECEIVED_NON_CONFIRMABLE, Input.DISMISS): State.DONE,
    (State.RECEIVED_NON_CONFIRMABLE, Input.GIVE_UP): State.DONE,
    (State.ACKNOWLEDGED, Input.RESPOND): State.RESPONDING,
    (State.ACKNOWLEDGED, Input.DISMISS): State.DONE,
    (State.ACKNOWLEDGED, Input.GIVE_UP): State.DONE,
    (State.RESPONDING, Input.ACKNOWLEDGEMENT): State.DONE,
    (State.RESPONDING, Input.RESET): State.DONE,
    (State.RESPONDING, Input.RETRANSMIT): State.RESPONDING,
    (State.RESPONDING, Input.GIVE_UP): State.DONE,
}

#: The client was told to wait.
LATE: Final = frozenset({State.ACKNOWLEDGED, State.RESPONDING})


@dataclass(slots=True, eq=False)
class Exchange:
    """One request of a peer. The endpoint moves it; whoever serves the request only hands it back."""

    peer: Hashable
    request: Message
    received: Received
    state: State
    deadline: float | None = None
    message_id: int | None = None
    retransmission: Retransmission | None = None

    def takes(self, happening: Input) -> bool:
        """Whether the machine has a cell for it."""
        return (self.state, happening) in TRANSITIONS

    def advance(self, happening: Input) -> None:
        """Move. Raises ``KeyError`` without a cell: the caller has looked."""
        self.state = TRANSITIONS[self.state, happening]
