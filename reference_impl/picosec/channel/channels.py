"""The channels of one endpoint: found by what a request says of itself, opened by a handshake or by provisioning."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final

from picosec.channel.delivery import Inbox
from picosec.channel.life import TRANSITIONS, Event, State
from picosec.channel.oscore import Binding, RefusedInside, request_option, unprotect_request
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.session import Session
from picosec.channel.whereabouts import Whereabouts
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem

#: Sequence numbers of one key, at most (CHN-880): what each change of keys adds to the position of a message.
KEY_SPAN: Final = 1 << 20


@dataclass(slots=True, eq=False, weakref_slot=True)
class Bond:
    """What two parties share for longer than one set of keys: renewals hand it on from channel to channel.

    Of the channels with its keys, ``current`` is in force, ``heir`` is promised, and ``former`` serves what is under
    way.
    """

    current: Channel | None = None
    heir: Channel | None = None
    former: Channel | None = None
    #: Before this time no further renewal is begun by itself.
    patience: float = 0.0
    #: Where the peer is.
    whereabouts: Whereabouts = field(default_factory=Whereabouts)
    #: The ordered requests that came from it.
    inbox: Inbox = field(default_factory=Inbox)

    @property
    def peer(self) -> Hashable:
        """Where the peer was heard last, None when it never was."""
        return self.whereabouts.address(0)


@dataclass(slots=True, eq=False)
class Channel:
    """A security context and, for a channel that a handshake opened, the session that it came from.

    ``used`` is when a message last verified, in seconds, and ``generation`` how often keys were changed before these.
    """

    context: SecurityContext
    session: Session | None = None
    bond: Bond = field(default_factory=Bond)
    used: float = 0.0
    state: State = State.OPEN
    generation: int = 0

    def position(self, number: int) -> int:
        """Return where a Partial IV stands among all of its sender's over this channel, whatever the keys."""
        return self.generation * KEY_SPAN + number

    @property
    def horizon(self) -> int:
        """The lowest position that the peer can have used since this end last lost its memory."""
        first = self.context.window.first
        return self.position(first) if first else 0

    def advance(self, event: Event) -> None:
        """Move on in its life; closed, it has no keys any more. Raises ``KeyError`` for what cannot happen to it."""
        self.state = TRANSITIONS[self.state, event]
        if self.state is State.CLOSED:
            self.context.erase()
            self.session = None

    @property
    def id(self) -> bytes:
        """This end's identifier of the channel: its Recipient ID."""
        return self.context.recipient_id


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that verified: the channel it came over, the original message, and what the response is bound to.

    ``position`` is where it stands among all that its sender sent;
    ``proved`` tells that it held an Echo value which went to its sender since the last restart (CHN-860).
    """

    channel: Channel
    message: Message
    binding: Binding
    position: int = 0
    proved: bool = False


def channel_from_session(session: Session) -> Channel:
    """Open the channel that a handshake was for (CHN-910). It does not survive a restart.

    Raises ``ProtocolError`` with ``BAD_IDENTIFIER`` (CHN-610).
    """
    given = session.oscore()
    context = SecurityContext(
        given.master_secret, given.sender_id, given.recipient_id, master_salt=given.master_salt, aead=given.aead
    )
    return Channel(context, session, generation=session.updates)


class Channels:
    """A table of channels by Recipient ID. Those with the same Recipient ID have different ID Contexts."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[bytes, tuple[Channel, ...]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_id.values()))

    def __iter__(self) -> Iterator[Channel]:
        for channels in self._by_id.values():
            yield from channels

    def __contains__(self, identifier: object) -> bool:
        """Whether some channel has this Recipient ID, so that no handshake may choose it."""
        return identifier in self._by_id

    def __getitem__(self, identifier: bytes) -> Channel:
        """Return the channel with this Recipient ID, the first of several. Raises ``KeyError``."""
        return self._by_id[identifier][0]

    def holds(self, channel: Channel) -> bool:
        """Whether this very channel is here: neither forgotten nor replaced."""
        return any(other is channel for other in self._by_id.get(channel.id, ()))

    def add(self, channel: Channel) -> None:
        """Take in a channel, in place of one with the same Recipient ID and ID Context."""
        others = (
            other for other in self._by_id.get(channel.id, ()) if other.context.id_context != channel.context.id_context
        )
        self._by_id[channel.id] = (*others, channel)

    def remove(self, channel: Channel) -> None:
        """Forget a channel. Raises ``KeyError`` when it is not here."""
        rest = tuple(other for other in self._by_id[channel.id] if other is not channel)
        if rest:
            self._by_id[channel.id] = rest
        else:
            del self._by_id[channel.id]

    def unprotect(self, message: Message) -> Opened:
        """Find the channel of an OSCORE request and verify it (CHN-690).

        Raises ``ProtocolError`` as :func:`picosec.channel.oscore.unprotect_request` does.
        """
        option = request_option(message)
        refusal = None
        for channel in self._by_id.get(option.kid or b"", ()):
            if option.kid_context not in (None, channel.context.id_context):
                continue
            try:
                synchronised = channel.context.synchronised
                plain, binding = unprotect_request(channel.context, message, option)
                position = channel.position(int.from_bytes(option.partial_iv, "big"))
                return Opened(channel, plain, binding, position, not synchronised)
            except RefusedInside:
                raise
            except ProtocolError as error:
                if error.problem not in (Problem.REPLAYED, Problem.DECRYPTION_FAILED, Problem.EXHAUSTED):
                    raise
                refusal = refusal or error
        if refusal is None:
            requirement = "CHN-700" if option.kid_context is None else "CHN-710"
            raise ProtocolError(Problem.UNKNOWN_CONTEXT, requirement, "no channel for this kid")
        raise refusal

    def state(self) -> list[tuple[bytes, tuple[int, int], bool]]:
        """Return what accepted requests change, for a digest."""
        return sorted(channel.context.state for channel in self)
