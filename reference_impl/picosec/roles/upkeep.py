"""What two ends say to each other about their channel, over it: ``/ps/channel`` (spec/v1/channel-life.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.channel.channels import Channel
from picosec.channel.life import Event as Happening
from picosec.channel.life import State
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Client
from picosec.roles.events import ChannelClosed, ChannelEnd, Event
from picosec.roles.resources import Reply, Request, Resource

PATH: Final = "/ps/channel"


class Upkeep:
    """Closes channels, asked by either end."""

    def __init__(self, channels: ChannelTable, client: Client, report: Callable[[Event, float], None]) -> None:
        self._channels = channels
        self._client = client
        self._report = report
        self._leaving: list[Channel] = []

    def resource(self) -> Resource:
        """Return what peers act on."""
        return Resource({Code.DELETE: self._delete}, attributes=None)

    def close(self, handle: int, channel: Channel, now: float) -> None:
        """Tell the peer that the channel ends; it ends here when the peer says so, or nothing (CHN-1230).

        Raises ``ProtocolError`` with ``bad_request`` for a provisioned channel, and as :meth:`Client.errand`.
        """
        if channel.session is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CHN-1280", "a provisioned channel is not closed by its ends")

        def ended(outcome: Message | Problem, now: float) -> None:
            if channel.state is not State.CLOSED:
                self._end(channel, Happening.CLOSE, ChannelEnd.OWN, handle, now)

        message = Message(Type.CON, Code.DELETE, 0, b"", path_options(PATH))
        self._client.errand(handle, message, channel, now, ended)

    def settle(self, now: float) -> None:
        """Close the channels whose peers said so and have their answer by now; report those that made room."""
        displaced, self._channels.displaced = self._channels.displaced, []
        for channel in displaced:
            self._report(ChannelClosed(None, channel.id, ChannelEnd.ROOM), now)
        leaving, self._leaving = self._leaving, []
        for channel in leaving:
            self._end(channel, Happening.CLOSE, ChannelEnd.PEER, None, now)

    def expire(self, now: float) -> None:
        """Close the channels that nothing was heard over for too long."""
        for channel in self._channels.expire(now):
            self._report(ChannelClosed(None, channel.id, ChannelEnd.IDLE), now)

    def _delete(self, request: Request) -> Reply:
        channel = request.channel
        assert channel is not None  # the resource is served over channels only
        if channel.session is None:
            raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "CHN-1280", "a provisioned channel")
        self._leaving.append(channel)
        return Reply(Code.DELETED)

    def _end(self, channel: Channel, how: Happening, end: ChannelEnd, handle: int | None, now: float) -> None:
        self._channels.close(channel, how)
        self._report(ChannelClosed(handle, channel.id, end), now)
