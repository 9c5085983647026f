"""One connection, from the first signal to the last (spec/v1/messaging-streams.md)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.exchanges import Exchange
from picosec.messaging.requests import Request
from picosec.messaging.signalling import Capabilities
from picosec.messaging.stream_message import Decoder, Signal, StreamMessage
from picosec.registry import Problem


class Framing(Enum):
    """What tells where a message ends: the message itself, or the frames of what carries it."""

    STREAM = auto()
    FRAMES = auto()


class State(Enum):
    """Where a connection stands. This end has sent its CSM from the first moment on."""

    WAIT_CSM = auto()
    OPEN = auto()
    RELEASED_BY_PEER = auto()
    RELEASED_BY_US = auto()
    CLOSED = auto()


class Input(Enum):
    """What moves a connection on."""

    CSM = auto()
    PING = auto()
    PONG = auto()
    RELEASE = auto()
    ABORT = auto()
    EMPTY = auto()
    REQUEST = auto()
    RESPONSE = auto()
    REFUSED = auto()
    SEND_RELEASE = auto()
    DONE = auto()
    TIMEOUT = auto()
    DISCONNECTED = auto()


_LIVE: Final = (State.OPEN, State.RELEASED_BY_PEER, State.RELEASED_BY_US)
_ORDINARY: Final = (Input.CSM, Input.PING, Input.PONG, Input.EMPTY, Input.REQUEST, Input.RESPONSE)
_FATAL: Final = (Input.ABORT, Input.REFUSED, Input.TIMEOUT, Input.DISCONNECTED)

#: The whole machine. A message from the peer without a cell is refused; anything else without one is ignored.
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.WAIT_CSM, Input.CSM): State.OPEN,
    (State.WAIT_CSM, Input.EMPTY): State.WAIT_CSM,
    **{(state, happening): state for state in _LIVE for happening in _ORDINARY},
    (State.OPEN, Input.RELEASE): State.RELEASED_BY_PEER,
    (State.OPEN, Input.SEND_RELEASE): State.RELEASED_BY_US,
    (State.RELEASED_BY_PEER, Input.RELEASE): State.RELEASED_BY_PEER,
    (State.RELEASED_BY_PEER, Input.DONE): State.CLOSED,
    (State.RELEASED_BY_US, Input.RELEASE): State.RELEASED_BY_PEER,
    **{(state, happening): State.CLOSED for state in (State.WAIT_CSM, *_LIVE) for happening in _FATAL},
}

_SIGNALS: Final = {
    Signal.CSM: Input.CSM,
    Signal.PING: Input.PING,
    Signal.PONG: Input.PONG,
    Signal.RELEASE: Input.RELEASE,
    Signal.ABORT: Input.ABORT,
}


def input_of(message: StreamMessage) -> Input:
    """Return what a message is to the machine; a signal has been through ``signalling.understood``."""
    if message.is_signal:
        return _SIGNALS[Signal(message.code)]
    if message.is_empty:
        return Input.EMPTY
    return Input.REQUEST if message.is_request else Input.RESPONSE


@dataclass(slots=True, eq=False)
class DelayedPong:
    """A Pong that says that everything before its Ping is done, once that is so (RFC 8323 section 5.4.1)."""

    token: bytes
    waiting_for: set[Exchange]


@dataclass(slots=True, eq=False)
class Connection:
    """All that is kept about one connection."""

    peer: Hashable
    framing: Framing
    decoder: Decoder
    state: State = State.WAIT_CSM
    #: What the peer can take, as its CSMs say so far.
    capabilities: Capabilities = field(default_factory=Capabilities)
    deadline: float | None = None
    #: Our requests by token, until they end.
    tokens: dict[bytes, Request] = field(default_factory=dict)
    #: Our pings by token.
    pings: dict[bytes, Request] = field(default_factory=dict)
    #: Requests too large for a peer that has not said yet what it takes.
    held: list[Request] = field(default_factory=list)
    #: The peer's requests that are being worked on.
    exchanges: set[Exchange] = field(default_factory=set)
    delayed_pongs: list[DelayedPong] = field(default_factory=list)

    def takes(self, happening: Input) -> bool:
        """Whether the machine has a cell for it."""
        return (self.state, happening) in TRANSITIONS

    def advance(self, happening: Input) -> None:
        """Move. Raises ``KeyError`` without a cell: the caller has looked."""
        self.state = TRANSITIONS[self.state, happening]

    def encode(self, message: StreamMessage) -> bytes:
        """Return a message as it travels on this connection."""
        return message.encode() if self.framing is Framing.STREAM else message.encode_frame()

    def fits(self, encoded: bytes, overhead: int = 0) -> bool:
        """Whether the peer takes a message of this size, and ``overhead`` more."""
        return len(encoded) + overhead <= self.capabilities.max_message

    def feed(self, data: bytes) -> StreamMessage | None:
        """Take what came from the network and return the first message, ``None`` when it is not complete.

        Raises ``ProtocolError`` with ``MALFORMED`` or ``TOO_LARGE``.
        """
        if self.framing is Framing.STREAM:
            self.decoder.feed(data)
            return self.decoder.next()
        if len(data) > self.decoder.max_message:
            raise ProtocolError(Problem.TOO_LARGE, "MSG-1040", f"CoAP: a message of {len(data)} bytes")
        return StreamMessage.decode_frame(data)

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything on it."""
        return not (self.tokens or self.pings or self.exchanges or self.delayed_pongs)

    def renewed(self) -> Connection:
        """Return it as it is for an endpoint that restarts behind it: still open, nothing pending."""
        return Connection(self.peer, self.framing, self.decoder, self.state, self.capabilities)
