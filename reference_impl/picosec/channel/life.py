"""The life of a channel: from the handshake until its keys are erased (spec/v1/channel-life.md)."""

from __future__ import annotations

from enum import Enum
from typing import Final

#: Seconds without a verified message after which a channel is idle: as long as an exchange can take (CHN-1270).
IDLE_AFTER: Final = 247.0
#: Seconds without a verified message after which a channel is closed (CHN-1250).
IDLE_TIMEOUT: Final = 86_400.0


class State(Enum):
    """What may be done over a channel, and what may be done to it."""

    OPEN = "open"
    IDLE = "idle"
    CLOSED = "closed"


class Event(Enum):
    """What happens to a channel."""

    VERIFIED = "a message verifies"
    QUIET = "quiet for 247 s"
    EXPIRED = "quiet for the time-out"
    CLOSE = "either end closes"
    ROOM = "a new channel needs its place"


#: The whole machine. What has no cell here does not happen: a closed channel has no keys to verify anything with.
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, Event.VERIFIED): State.OPEN,
    (State.OPEN, Event.QUIET): State.IDLE,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.OPEN, Event.ROOM): State.CLOSED,  # by a channel of the same peer only
    (State.IDLE, Event.VERIFIED): State.OPEN,
    (State.IDLE, Event.CLOSE): State.CLOSED,
    (State.IDLE, Event.ROOM): State.CLOSED,
    (State.IDLE, Event.EXPIRED): State.CLOSED,
}
