"""The life of a channel: from the handshake until its keys are erased (spec/v1/channel-life.md)."""

from __future__ import annotations

from enum import Enum
from typing import Final

#: Seconds without a verified message after which a channel is idle: as long as an exchange can take (CHN-1270).
IDLE_AFTER: Final = 247.0
#: Seconds without a verified message after which a channel is closed (CHN-1250).
IDLE_TIMEOUT: Final = 86_400.0
#: Seconds for which keys that were replaced still serve what is under way (CHN-1330): MAX_TRANSMIT_WAIT of RFC 7252.
DRAIN: Final = 93.0


class State(Enum):
    """What may be done over a channel, and what may be done to it."""

    OPEN = "open"
    IDLE = "idle"
    RENEWING = "renewing"
    RETIRING = "retiring"
    PROMISED = "promised"
    ASLEEP = "asleep"
    CLOSED = "closed"


class Event(Enum):
    """What happens to a channel."""

    VERIFIED = "a message verifies"
    POWER = "power comes back"
    QUIET = "quiet for 247 s"
    EXPIRED = "quiet for the time-out"
    RENEW = "this end offers new keys"
    ABANDONED = "no new keys come of it"
    REPLACED = "new keys are in force"
    DRAINED = "93 s after that"
    CLOSE = "either end closes"
    ROOM = "a new channel needs its place"


#: The whole machine. What has no cell here does not happen: a closed channel has no keys to verify anything with. Keys
#: that an offer leads to are promised until a message verifies under them, and a channel that closes takes them along.
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, Event.VERIFIED): State.OPEN,
    (State.OPEN, Event.QUIET): State.IDLE,
    (State.OPEN, Event.POWER): State.ASLEEP,  # if channels are stored; else it is closed
    (State.OPEN, Event.RENEW): State.RENEWING,
    (State.OPEN, Event.REPLACED): State.RETIRING,
    (State.OPEN, Event.CLOSE): State.CLOSED,
    (State.OPEN, Event.ROOM): State.CLOSED,  # by a channel of the same peer only
    (State.IDLE, Event.VERIFIED): State.OPEN,
    (State.IDLE, Event.POWER): State.ASLEEP,
    (State.IDLE, Event.RENEW): State.RENEWING,
    (State.IDLE, Event.REPLACED): State.RETIRING,
    (State.IDLE, Event.CLOSE): State.CLOSED,
    (State.IDLE, Event.ROOM): State.CLOSED,
    (State.IDLE, Event.EXPIRED): State.CLOSED,
    (State.RENEWING, Event.VERIFIED): State.RENEWING,
    (State.RENEWING, Event.POWER): State.ASLEEP,
    (State.RENEWING, Event.QUIET): State.IDLE,
    (State.RENEWING, Event.ABANDONED): State.OPEN,
    (State.RENEWING, Event.REPLACED): State.RETIRING,
    (State.RENEWING, Event.CLOSE): State.CLOSED,
    (State.RENEWING, Event.ROOM): State.CLOSED,
    (State.ASLEEP, Event.VERIFIED): State.OPEN,
    (State.ASLEEP, Event.RENEW): State.RENEWING,
    (State.ASLEEP, Event.REPLACED): State.RETIRING,
    (State.ASLEEP, Event.CLOSE): State.CLOSED,
    (State.ASLEEP, Event.ROOM): State.CLOSED,
    (State.ASLEEP, Event.EXPIRED): State.CLOSED,
    (State.RETIRING, Event.VERIFIED): State.RETIRING,
    (State.RETIRING, Event.DRAINED): State.CLOSED,
    (State.RETIRING, Event.CLOSE): State.CLOSED,
    (State.PROMISED, Event.VERIFIED): State.OPEN,
    (State.PROMISED, Event.CLOSE): State.CLOSED,
}
