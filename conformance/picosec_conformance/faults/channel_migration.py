"""Faults of migration: channels that hang on an address, and channels that anybody can move."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from picosec.channel.channels import Channels, Opened
from picosec.channel.oscore import request_option
from picosec.channel.whereabouts import Connections, Whereabouts
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem
from picosec.roles import observers
from picosec.roles.channel_table import ChannelTable
from picosec.roles.observers import Observers
from picosec.roles.server import Server
from picosec_conformance.faults import fault


@fault("CHN-1870")
def finds_channels_by_address() -> None:
    """Channels lie in a table by address and port, as connections do: a peer behind a new one starts over."""
    original = ChannelTable.unprotect

    def unprotect(self: ChannelTable, message: Message, now: float = 0.0, peer: Hashable = None) -> Opened:
        for channel in self:
            if channel.id == request_option(message).kid and channel.bond.peer not in (None, peer):
                raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-700")
        return original(self, message, now, peer)

    ChannelTable.unprotect = unprotect


@fault("CHN-1870")
def answers_where_the_peer_was_heard_last() -> None:
    """One field says where the peer is, and everything goes there, late responses to other exchanges too."""
    original = Server._respond

    def respond(self: Server, answering: Any, response: Message, now: float) -> None:
        if answering.channel is not None and answering.channel.bond.peer is not None:
            answering.exchange.peer = answering.channel.bond.peer
        original(self, answering, response, now)

    Server._respond = respond


@fault("CHN-1880")
def remembers_the_first_address() -> None:
    """Where the peer was when the channel was opened is where it is."""
    original = Whereabouts.heard

    def heard(self: Whereabouts, peer: Hashable, position: int) -> None:
        if not self.addresses:
            original(self, peer, position)

    Whereabouts.heard = heard


@fault("CHN-1880")
def tries_the_address_before_first() -> None:
    """An index that is off by one: the newest address is the second that is tried."""
    Whereabouts.address = lambda self, attempt: (
        self.addresses[(attempt + 1) % len(self.addresses)] if self.addresses else None
    )


@fault("CHN-1890")
def moves_with_every_message_that_names_the_channel() -> None:
    """The address is noted when the kid is found, and the message verified afterwards: one packet takes the channel."""
    original = ChannelTable.unprotect

    def unprotect(self: ChannelTable, message: Message, now: float = 0.0, peer: Hashable = None) -> Opened:
        for channel in self:
            if channel.id == request_option(message).kid:
                channel.bond.whereabouts.moved(peer)
        return original(self, message, now, peer)

    ChannelTable.unprotect = unprotect


@fault("CHN-1890")
def moves_with_replays() -> None:
    """A replay verifies as well as the original: only then is its number looked up."""
    original = Channels.unprotect
    outer = ChannelTable.unprotect
    asking: list[Hashable] = []

    def unprotect(self: Channels, message: Message) -> Opened:
        try:
            return original(self, message)
        except ProtocolError as error:
            if error.problem is Problem.REPLAYED:
                self[request_option(message).kid or b""].bond.whereabouts.moved(asking[-1])
            raise

    def timed(self: ChannelTable, message: Message, now: float = 0.0, peer: Hashable = None) -> Opened:
        asking.append(peer)
        return outer(self, message, now, peer)

    Channels.unprotect, ChannelTable.unprotect = unprotect, timed


@fault("CHN-1890")
def moves_with_whatever_came_last() -> None:
    """The last request that arrives is taken for the last that was sent."""
    Whereabouts.heard = lambda self, peer, position: self.moved(peer)


@fault("CHN-2000")
def waits_at_the_end_of_a_dead_connection() -> None:
    """The address is in the table, so it is tried: for a minute and a half, until the message layer gives up."""
    Connections.ended = lambda self, peer: None


@fault("CHN-2010")
def tells_every_address_there_ever_was() -> None:
    """A registration is found by its token, and the new one has another: the old flat is told as well."""
    Observers._let_go = lambda self, message, request: None


@fault("CHN-2010")
def takes_the_registration_that_came_last_for_the_last() -> None:
    """Whoever kept a registration back can have everything sent to where nobody is any more."""
    observers._overtaken = lambda request: False


@fault("CHN-2090")
def keeps_one_address() -> None:
    """The newest address takes the place of the one before: whoever delivers a copy first is alone with the channel."""

    def moved(self: Whereabouts, peer: Hashable) -> None:
        self.addresses = (peer,)

    Whereabouts.moved = moved
