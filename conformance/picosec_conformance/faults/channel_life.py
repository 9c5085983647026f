"""Faults in the life of channels: ended too late, too early, by the wrong hand, or not at all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from picosec.channel import channels
from picosec.channel.channels import Channel
from picosec.channel.life import Event
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec.roles import channel_table, upkeep
from picosec.roles.channel_table import ChannelTable
from picosec.roles.events import ChannelEnd
from picosec.roles.resources import Access, Reply, Request, Resource
from picosec.roles.upkeep import Upkeep
from picosec_conformance.faults import fault


@fault("CHN-1200")
def has_one_channel_per_peer() -> None:
    """A new channel of a known peer replaces the one before: two apps on one phone cut each other off."""
    original = ChannelTable.open

    def replacing(self: ChannelTable, session: Any, now: float = 0.0, peer: Hashable = None) -> Channel:
        for channel in list(self._by_peer.get(session.peer.counted_as, {}).values()):
            self.close(channel, Event.CLOSE)
        return original(self, session, now, peer)

    ChannelTable.open = replacing


@fault("CHN-1200")
def has_one_window_for_all() -> None:
    """The replay window is a global variable, as in the example that was copied."""
    original = channels.Channels.add

    def sharing(self: channels.Channels, channel: Channel) -> None:
        for other in self:
            channel.context.window = other.context.window
        original(self, channel)

    channels.Channels.add = sharing


@fault("CHN-1210")
def does_not_know_how_to_close() -> None:
    """Channels end when the battery does."""
    Upkeep.resource = lambda self: Resource({}, attributes=None)


@fault("CHN-1210")
def closes_before_it_answers() -> None:
    """The keys are erased first, and then there is nothing left to protect the answer with."""

    def hasty(self: Upkeep, request: Request) -> Reply:
        assert request.channel is not None
        if request.channel.session is not None:
            self._channels.close(request.channel, Event.CLOSE)
        return Reply(Code.DELETED)

    Upkeep._delete = hasty


@fault("CHN-1220")
def says_closed_and_keeps_the_keys() -> None:
    """The answer is right, the event is there; the entry in the table is cleaned up later, by nobody."""

    def forgetful(self: ChannelTable, channel: Channel, event: Event) -> None:
        if event is Event.CLOSE:
            self._leave(channel)
            self._enter(channel)

    ChannelTable.close = forgetful


@fault("CHN-1230")
def leaves_without_a_word() -> None:
    """The keys are erased and nobody is told: the peer talks to a wall until it gives up."""

    def silent(self: Upkeep, handle: int, channel: Channel, now: float) -> None:
        self._end(channel, upkeep.ChannelEnd.OWN, handle, now)

    Upkeep.close = silent


@fault("CHN-1230")
def closes_only_with_consent() -> None:
    """The other side did not say 2.02, so the channel stays, for as long as the other side likes."""
    original = upkeep.Client.errand

    def errand(self: Any, handle: int, message: Any, channel: Channel, now: float, done: Any, **rest: Any) -> None:
        def consenting(outcome: Any, now: float) -> None:
            if not isinstance(outcome, Problem) and outcome.code == Code.DELETED:
                done(outcome, now)

        original(self, handle, message, channel, now, consenting, **rest)

    upkeep.Client.errand = errand


@fault("CHN-1240")
def lets_anybody_close() -> None:
    """Closing is harmless, so it needs no protection: one packet in the open ends every conversation."""

    def open_to_all(self: Upkeep) -> Resource:
        return Resource({Code.DELETE: self._delete}, Access.OPEN, attributes=None)

    def delete(self: Upkeep, request: Request) -> Reply:
        for channel in self._channels:
            if channel.session and request.channel in (None, channel):
                self.leave(channel, ChannelEnd.PEER)
        return Reply(Code.DELETED)

    Upkeep.resource, Upkeep._delete = open_to_all, delete


@fault("CHN-1240")
def closes_all_channels_of_the_peer() -> None:
    """The peer closes, so the peer is gone: its other conversations end in the middle of a word."""

    def delete(self: Upkeep, request: Request) -> Reply:
        assert request.channel is not None
        if request.channel.session is None:
            raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "CHN-1280")
        for channel in self._channels._by_peer[request.channel.session.peer.counted_as].values():
            self.leave(channel, ChannelEnd.PEER)
        return Reply(Code.DELETED)

    Upkeep._delete = delete


@fault("CHN-1250")
def never_ends_what_nobody_uses() -> None:
    """Keys of phones that were lost years ago are still good."""
    ChannelTable.expire = lambda self, now: []
    ChannelTable.next_timeout = lambda self: None


@fault("CHN-1250")
def counts_garbage_as_use() -> None:
    """The timer is set back when a packet comes in, before anybody looks whether it verifies."""
    original = channels.Channels.unprotect

    def unprotect(self: Any, message: Any) -> Any:
        for channel in list(self):
            if channel.session is not None:
                self.used(channel, max(self.now, channel.used))
        return original(self, message)

    outer = ChannelTable.unprotect
    ChannelTable.now = 0.0

    def timed(self: Any, message: Any, now: float = 0.0, peer: Hashable = None) -> Any:
        ChannelTable.now = now
        return outer(self, message, now, peer)

    channels.Channels.unprotect, ChannelTable.unprotect = unprotect, timed


@fault("CHN-1260")
def throws_out_the_one_opened_first() -> None:
    """Room is made by age, not by use: whoever came first goes first, in the middle of a conversation."""

    def used(self: ChannelTable, channel: Channel, now: float) -> None:
        channel.used = now

    ChannelTable.used = used


@fault("CHN-1260")
def refuses_when_the_list_is_full() -> None:
    """Eight slots, eight visitors, and the owner stands outside until somebody restarts the lamp."""

    def full(self: ChannelTable, session: Any) -> None:
        if len(self._active) + len(self._idle) >= self.policy.most:
            raise ProtocolError(Problem.BUSY, "CHN-1270")

    ChannelTable._make_room = full


@fault("CHN-1270")
def lets_newcomers_push_others_out() -> None:
    """The longest unused makes room, whoever opens: a guest pushes the owner out by opening channels."""

    def greedy(self: ChannelTable, session: Any) -> None:
        if len(self._active) + len(self._idle) >= self.policy.most:
            self.close(next(iter({**self._idle, **self._active}.values())), Event.ROOM)

    ChannelTable._make_room = greedy


@fault("CHN-1270")
def makes_room_for_strangers() -> None:
    """Room is made when a handshake begins, and whoever begins one is nobody yet."""
    from picosec.roles.handshakes import Responding

    original = Responding._first
    tables: list[ChannelTable] = []
    init = channel_table.ChannelTable.__init__

    def remember(self: ChannelTable, *arguments: Any) -> None:
        init(self, *arguments)
        tables.append(self)

    def first(self: Any, *arguments: Any) -> Any:
        table = tables[-1]
        if len(table._active) + len(table._idle) >= table.policy.most:
            table.close(next(iter({**table._idle, **table._active}.values())), Event.ROOM)
        return original(self, *arguments)

    channel_table.ChannelTable.__init__ = remember
    Responding._first = first


@fault("CHN-1280")
def closes_what_was_provisioned() -> None:
    """A channel is a channel: the key from the factory is erased, and the device is a brick."""

    def delete(self: Upkeep, request: Request) -> Reply:
        assert request.channel is not None
        if request.channel.session is None:
            self._channels.remove(request.channel)
        else:
            self.leave(request.channel, ChannelEnd.PEER)
        return Reply(Code.DELETED)

    Upkeep._delete = delete
