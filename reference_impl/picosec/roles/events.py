"""What an agent reports to whoever makes it act. ``handle`` is what the act returned, None when the peer began."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum

from picosec.channel.channels import Channel
from picosec.channel.session import Session
from picosec.messaging.coap import Message
from picosec.registry import Problem


@dataclass(frozen=True, slots=True)
class Response:
    """A request was answered. ``message`` is the response as the server meant it, unprotected already."""

    handle: int
    message: Message
    protected: bool


@dataclass(frozen=True, slots=True)
class Notification:
    """What is observed is this now. A Response, Reset or Failed under the same handle ends the observation."""

    handle: int
    message: Message
    protected: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A request or ping came to nothing: no answer in time, or one that cannot be trusted."""

    handle: int
    reason: Problem


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer rejected a request at the message layer."""

    handle: int


@dataclass(frozen=True, slots=True)
class Pong:
    """A ping was answered."""

    handle: int


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A handshake gave a channel, or a channel got new keys; ``session`` says with whom and how."""

    handle: int | None
    channel: Channel
    session: Session


@dataclass(frozen=True, slots=True)
class ChannelFailed:
    """A handshake came to nothing."""

    handle: int | None
    reason: Problem


@dataclass(frozen=True, slots=True)
class ObjectMade:
    """An object was made; what becomes of it is up to whoever asked for it."""

    handle: int
    object: bytes


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """The identity of this party has another key; ``history`` is what tells others."""

    handle: int
    history: bytes


@dataclass(frozen=True, slots=True)
class Appraised:
    """A peer was asked for evidence; ``reason`` is why it is not good, None for good evidence."""

    handle: int
    reason: Problem | None


@dataclass(frozen=True, slots=True)
class TokensFetched:
    """Tokens of a key came, and their proof holds; ``count`` is how many of it there are now."""

    handle: int
    kid: bytes
    count: int


@dataclass(frozen=True, slots=True)
class RedemptionMade:
    """A token was spent on a request; how ``redemption`` travels is up to whoever asked for it."""

    handle: int
    redemption: bytes


class ChannelEnd(Enum):
    """Why a channel ended."""

    OWN = "own"
    PEER = "peer"
    IDLE = "idle"
    ROOM = "room"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """A channel ended; ``id`` is this end's identifier of it."""

    handle: int | None
    id: bytes
    end: ChannelEnd


@dataclass(frozen=True, slots=True)
class Released:
    """A peer wants to end a connection. ``alternatives`` are other addresses of it, ``hold_off`` seconds to stay away.

    Nobody connects there by itself: an address is not trusted because a trusted connection gave it.
    """

    peer: Hashable
    alternatives: tuple[str, ...]
    hold_off: int | None
    handle: None = None


#: What an act, or a handshake that the peer began, leads to.
Outcome = (
    Response
    | Notification
    | Failed
    | Reset
    | Pong
    | ChannelOpened
    | ChannelFailed
    | ChannelClosed
    | ObjectMade
    | IdentityChanged
    | Appraised
    | TokensFetched
    | RedemptionMade
)
Event = Outcome | Released
