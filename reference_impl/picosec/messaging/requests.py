"""The client's side of one exchange: a request, or a ping, until its end (spec/v1/messaging.md)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from picosec.messaging.coap import Message
from picosec.messaging.retransmission import Retransmission


class State(Enum):
    """Where a request stands."""

    QUEUED = auto()
    UNACKNOWLEDGED = auto()
    ACKNOWLEDGED = auto()
    UNANSWERED = auto()
    PINGING = auto()
    LISTENING = auto()
    RENEWAL_QUEUED = auto()
    RENEWING = auto()
    ANSWERED = auto()
    RESET = auto()
    FAILED = auto()
    FORGOTTEN = auto()


class Input(Enum):
    """What moves a request on."""

    SEND_CONFIRMABLE = auto()
    SEND_NON_CONFIRMABLE = auto()
    SEND_PING = auto()
    ACKNOWLEDGEMENT = auto()
    PIGGYBACKED_RESPONSE = auto()
    SEPARATE_RESPONSE = auto()
    #: The same for a request that goes on listening after its first answer.
    LASTING_PIGGYBACKED_RESPONSE = auto()
    LASTING_SEPARATE_RESPONSE = auto()
    RESET = auto()
    RETRANSMIT = auto()
    GIVE_UP = auto()
    RENEW = auto()
    FORGET = auto()


#: The whole machine. What has no cell here is ignored.
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.QUEUED, Input.SEND_CONFIRMABLE): State.UNACKNOWLEDGED,
    (State.QUEUED, Input.SEND_NON_CONFIRMABLE): State.UNANSWERED,
    (State.QUEUED, Input.SEND_PING): State.PINGING,
    (State.UNACKNOWLEDGED, Input.ACKNOWLEDGEMENT): State.ACKNOWLEDGED,
    (State.UNACKNOWLEDGED, Input.PIGGYBACKED_RESPONSE): State.ANSWERED,
    (State.UNACKNOWLEDGED, Input.SEPARATE_RESPONSE): State.ANSWERED,  # it overtook the acknowledgement
    (State.UNACKNOWLEDGED, Input.RESET): State.RESET,
    (State.UNACKNOWLEDGED, Input.RETRANSMIT): State.UNACKNOWLEDGED,
    (State.UNACKNOWLEDGED, Input.GIVE_UP): State.FAILED,
    (State.ACKNOWLEDGED, Input.SEPARATE_RESPONSE): State.ANSWERED,
    (State.ACKNOWLEDGED, Input.GIVE_UP): State.FAILED,
    (State.UNANSWERED, Input.SEPARATE_RESPONSE): State.ANSWERED,
    (State.UNANSWERED, Input.RESET): State.RESET,
    (State.UNANSWERED, Input.GIVE_UP): State.FAILED,
    (State.PINGING, Input.RESET): State.RESET,
    (State.PINGING, Input.RETRANSMIT): State.PINGING,
    (State.PINGING, Input.GIVE_UP): State.FAILED,
    (State.UNACKNOWLEDGED, Input.LASTING_PIGGYBACKED_RESPONSE): State.LISTENING,
    (State.UNACKNOWLEDGED, Input.LASTING_SEPARATE_RESPONSE): State.LISTENING,
    (State.ACKNOWLEDGED, Input.LASTING_SEPARATE_RESPONSE): State.LISTENING,
    (State.UNANSWERED, Input.LASTING_SEPARATE_RESPONSE): State.LISTENING,
    (State.LISTENING, Input.LASTING_SEPARATE_RESPONSE): State.LISTENING,
    (State.LISTENING, Input.RENEW): State.RENEWAL_QUEUED,
    (State.RENEWAL_QUEUED, Input.LASTING_SEPARATE_RESPONSE): State.RENEWAL_QUEUED,
    (State.RENEWAL_QUEUED, Input.SEND_CONFIRMABLE): State.RENEWING,
    (State.RENEWING, Input.ACKNOWLEDGEMENT): State.LISTENING,
    (State.RENEWING, Input.LASTING_PIGGYBACKED_RESPONSE): State.LISTENING,
    (State.RENEWING, Input.LASTING_SEPARATE_RESPONSE): State.RENEWING,  # to what was asked before
    (State.RENEWING, Input.RESET): State.RESET,
    (State.RENEWING, Input.RETRANSMIT): State.RENEWING,
    (State.RENEWING, Input.GIVE_UP): State.FAILED,
    (State.QUEUED, Input.FORGET): State.FORGOTTEN,
    (State.UNACKNOWLEDGED, Input.FORGET): State.FORGOTTEN,
    (State.ACKNOWLEDGED, Input.FORGET): State.FORGOTTEN,
    (State.UNANSWERED, Input.FORGET): State.FORGOTTEN,
    (State.PINGING, Input.FORGET): State.FORGOTTEN,
    (State.LISTENING, Input.FORGET): State.FORGOTTEN,
    (State.RENEWAL_QUEUED, Input.FORGET): State.FORGOTTEN,
    (State.RENEWING, Input.FORGET): State.FORGOTTEN,
}

#: A confirmable message is on its way: it takes one of the NSTART places of its peer.
OUTSTANDING: Final = frozenset({State.UNACKNOWLEDGED, State.RENEWING, State.PINGING})
FINAL: Final = frozenset({State.ANSWERED, State.RESET, State.FAILED, State.FORGOTTEN})


@dataclass(slots=True, eq=False)
class Request:
    """One request of ours. The endpoint moves it; ``message`` has its id from the moment it is sent."""

    id: int
    peer: Hashable
    message: Message
    #: Whether it goes on listening after its first answer.
    lasting: bool = False
    state: State = State.QUEUED
    deadline: float | None = None
    retransmission: Retransmission | None = None

    def takes(self, happening: Input) -> bool:
        """Whether the machine has a cell for it."""
        return (self.state, happening) in TRANSITIONS

    def advance(self, happening: Input) -> None:
        """Move. Raises ``KeyError`` without a cell: the caller has looked."""
        self.state = TRANSITIONS[self.state, happening]
