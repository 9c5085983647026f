"""What two ends say to each other about their channel, over it: ``/ps/channel`` (spec/v1/channel-life.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from picosec.channel.channels import Channel
from picosec.channel.life import Event as Happening
from picosec.channel.life import State
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Client
from picosec.roles.events import ChannelClosed, ChannelEnd, ChannelOpened, Event
from picosec.roles.renewals import Renewals
from picosec.roles.resources import Access, Handler, Reply, Request, Resource

PATH: Final = "/ps/channel"


class Upkeep:
    """Closes and renews channels, asked by either end."""

    def __init__(
        self, channels: ChannelTable, client: Client, renewals: Renewals, report: Callable[[Event, float], None]
    ) -> None:
        self._channels = channels
        self._client = client
        self._renewals = renewals
        self._report = report
        self._leaving: list[tuple[Channel, ChannelEnd]] = []

    def resource(self) -> Resource:
        """Return what peers act on."""
        handlers: dict[int, Handler] = {Code.DELETE: self._delete, Code.POST: self._post}
        return Resource(handlers, Access.PEER, takes=(CONTENT_FORMAT_CBOR,), attributes=None)

    def close(self, handle: int, channel: Channel, now: float) -> None:
        """Tell the peer that the channel ends; it ends here when the peer says so, or nothing (CHN-1230).

        Raises ``ProtocolError`` with ``bad_request`` for a provisioned channel, and as :meth:`Client.errand`.
        """
        if channel.session is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CHN-1280", "a provisioned channel is not closed by its ends")

        def ended(outcome: Message | Problem, now: float) -> None:
            if channel.state is not State.CLOSED:
                self._end(channel, ChannelEnd.OWN, handle, now)

        if channel.bond.peer is None:  # not heard since the last restart
            ended(Problem.TIMEOUT, now)
            return
        message = Message(Type.CON, Code.DELETE, 0, b"", path_options(PATH))
        self._client.errand(handle, message, channel, now, ended)

    def leave(self, channel: Channel, end: ChannelEnd) -> None:
        """End a channel once what is being served is answered: the response may go over it."""
        self._leaving.append((channel, end))

    def settle(self, now: float) -> None:
        """Do what followed from the last message: close what the peer left, report, begin renewals that are due."""
        leaving, self._leaving = self._leaving, []
        for channel, end in leaving:
            if channel.state is not State.CLOSED:
                self._end(channel, end, None, now)
        table = self._channels
        self._report_lapsed(now)
        displaced, table.displaced = table.displaced, []
        for channel in displaced:
            self._report(ChannelClosed(None, channel.id, ChannelEnd.ROOM), now)
        confirmed, table.confirmed = table.confirmed, []
        for channel in confirmed:
            if channel.session is not None:
                self._report(ChannelOpened(None, channel, channel.session), now)
        worn, table.worn = table.worn, []
        for channel in worn:
            if channel.state is State.OPEN and channel.bond.patience <= now:
                with suppress(ProtocolError):  # no room for it now, or the handshake is used up
                    self._renewals.begin(None, channel, now)

    def expire(self, now: float) -> None:
        """Close the channels whose credentials have ended, and those that nothing was heard over for too long."""
        self.lapse(now)
        for channel in self._channels.expire(now):
            self._report(ChannelClosed(None, channel.id, ChannelEnd.IDLE), now)

    def lapse(self, now: float) -> None:
        """Close the channels whose credentials have ended, or what else their peers need (IDN-920, IDN-2250)."""
        self._channels.lapse(now)
        self._report_lapsed(now)

    def _report_lapsed(self, now: float) -> None:
        lapsed, self._channels.lapsed = self._channels.lapsed, []
        for channel in lapsed:
            self._report(ChannelClosed(None, channel.id, ChannelEnd.EXPIRED), now)

    def _delete(self, request: Request) -> Reply:
        self.leave(_opened_by_handshake(request), ChannelEnd.PEER)
        return Reply(Code.DELETED)

    def _post(self, request: Request) -> Reply:
        channel = _opened_by_handshake(request)
        if not request.payload:  # only to be verified, which confirms new keys
            return Reply(Code.CHANGED)
        return Reply(Code.CHANGED, self._renewals.answer(channel, request.payload), CONTENT_FORMAT_CBOR)

    def _end(self, channel: Channel, end: ChannelEnd, handle: int | None, now: float) -> None:
        current = channel.bond.current or channel
        identifier = current.id
        self._channels.close(current, Happening.CLOSE)
        self._report(ChannelClosed(handle, identifier, end), now)


def _opened_by_handshake(request: Request) -> Channel:
    channel = request.channel
    if channel is None or channel.session is None:
        raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "CHN-1280", "a provisioned channel, or an object")
    return channel
