"""The asking side of observations: each until it is cancelled, refused or lost (spec/v1/messaging-observe.md)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final

from picosec.channel.channels import Channel
from picosec.channel.observation import Observation
from picosec.channel.oscore import echo_request, protect_request
from picosec.errors import ProtocolError
from picosec.messaging import observe
from picosec.messaging.coap import Code, Message, Option, Type, uint_value
from picosec.messaging.events import Outcome, RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import understood
from picosec.messaging.timers import Timers
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Client, check_alive
from picosec.roles.definitions import INNER_DEFINITIONS
from picosec.roles.events import Event, Failed, Reset, Response

#: Seconds for which what says nothing of its age is fresh (RFC 7252 section 5.10.5).
DEFAULT_MAX_AGE: Final = 60
#: Seconds to wait behind the end of that, at least and at most, so that not all clients come at once (MSG-1800).
PAUSE: Final = (5.0, 15.0)
_SUCCESS: Final = 2


@dataclass(slots=True, eq=False)
class _Watch:
    """One observation of ours. ``message`` is the registration, before protection; times are seconds."""

    handle: int
    peer: Hashable
    message: Message
    channel: Channel | None
    observation: Observation | None = None
    request_id: int = 0
    echoed: bool = False
    #: Whether the server took the registration, whether it is to forget it, and whether it was told so.
    established: bool = False
    cancelled: bool = False
    told: bool = False
    #: Sequence number of the freshest notification, and when it came.
    number: int | None = None
    at: float = 0.0
    deadline: float | None = None


class Observing:
    """Registers, and reports each notification that is newer than those before."""

    def __init__(
        self,
        layer: MessageLayer,
        client: Client,
        channels: ChannelTable,
        report: Callable[[Event, float], None],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._layer = layer
        self._client = client
        self._channels = channels
        self._report = report
        self._entropy = entropy
        self._watches: dict[int, _Watch] = {}
        self._timers: Timers[_Watch] = Timers()

    def __contains__(self, request_id: object) -> bool:
        """Whether a handle of the message layer is that of an observation."""
        return request_id in self._watches

    def observe(self, handle: int, message: Message, peer: Hashable, now: float, channel: Channel | None) -> None:
        """Register for what a GET asks for, over a channel if one is given.

        Raises ``ProtocolError`` with ``BAD_REQUEST`` when that is observed already (MSG-1810), ``BUSY``, ``EXHAUSTED``.
        """
        watch = _Watch(handle, peer, _wishing(message, observe.REGISTER), channel)
        for other in self._watches.values():
            if (other.peer, other.channel, other.message.options) == (peer, channel, watch.message.options):
                raise ProtocolError(Problem.BAD_REQUEST, "MSG-1810", "the resource is observed already")
        self._register(watch, now)

    def cancel(self, handle: int, now: float, *, silently: bool) -> None:
        """End an observation: tell the server, or ``silently`` reject what it sends next.

        Where nothing can be rejected, the server is always told (MSG-2020). Its answer is reported as a Response.
        Raises ``ProtocolError`` with ``BAD_REQUEST`` when there is no such observation.
        """
        watch = next((watch for watch in self._watches.values() if watch.handle == handle), None)
        if watch is None:
            raise ProtocolError(Problem.BAD_REQUEST, "CNF-780", "no such observation")
        if (silently or not watch.established) and not self._layer.ordered(watch.peer):
            self._end(watch, now)
            return
        watch.cancelled = True
        self._leave(watch, now)

    def moved(self, channel: Channel, peer: Hashable, now: float) -> None:
        """Register anew, where its peer is now, for what is observed over a channel: the server tells nobody there yet.

        What cannot be asked for there is reported as Failed.
        """
        for watch in list(self._watches.values()):
            over = watch.channel is not None and watch.channel.bond is channel.bond
            if over and watch.peer != peer and not watch.cancelled:
                self._anew(replace(watch, peer=peer, echoed=False), watch, now)

    def ended(self, outcome: Outcome, now: float) -> None:
        """Take what the message layer says of a registration, a notification or a deregistration."""
        watch = self._watches[outcome.request_id]
        match outcome:
            case ResponseReceived(_, message):
                self._answered(watch, message, now)
            case RequestFailed(_, reason):
                self._end(watch, now, Failed(watch.handle, reason))
            case RequestReset():
                self._end(watch, now, Reset(watch.handle))

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due."""
        return self._timers.next()

    def tick(self, now: float) -> None:
        """Register anew for what nothing was heard of for too long: the server may have forgotten (MSG-1800)."""
        while (watch := self._timers.pop_due(now)) is not None:
            self._renew(watch, observe.REGISTER, now)

    def handles(self) -> list[int]:
        """Return the handles of all observations."""
        return [watch.handle for watch in self._watches.values()]

    # -- within --------------------------------------------------------------------------------------------------

    def _register(self, watch: _Watch, now: float, message: Message | None = None) -> None:
        message = self._protected(watch, message or watch.message)
        watch.request_id = self._layer.request(message, watch.peer, now, lasting=True)
        self._watches[watch.request_id] = watch

    def _leave(self, watch: _Watch, now: float) -> None:
        """Tell the server, if it has answered what it was asked before; else that answer is waited for."""
        watch.told = self._renew(watch, observe.DEREGISTER, now)

    def _renew(self, watch: _Watch, wish: int, now: float) -> bool:
        """Ask again under the same token; return whether that was possible."""
        self._timers.cancel(watch)
        before = watch.observation
        try:
            message = self._protected(watch, _wishing(replace(watch.message, type=Type.CON), wish))
        except ProtocolError as error:
            self._end(watch, now, Failed(watch.handle, error.problem))
            return False
        if self._layer.renew(watch.request_id, message, now):
            return True
        watch.observation = before  # what was asked before is still on its way
        return False

    def _protected(self, watch: _Watch, message: Message) -> Message:
        if watch.channel is None:
            return message
        check_alive(watch.channel)
        message, binding = protect_request(watch.channel.context, message)
        watch.observation = Observation(binding)
        return message

    def _answered(self, watch: _Watch, message: Message, now: float) -> None:
        try:
            response = self._verified(watch, message, now)
        except ProtocolError as error:
            if not watch.established:
                self._end(watch, now, Failed(watch.handle, error.problem))
            return  # what does not verify says nothing about the observation (CHN-1170)
        again = None if watch.echoed or watch.cancelled else echo_request(watch.message, response)
        if again is not None:
            self._prove(watch, again, now)
            return
        value = response.option(Option.OBSERVE)
        if value is None or response.code >> 5 != _SUCCESS:
            self._end(watch, now, Response(watch.handle, response, protected=watch.channel is not None))
        elif not watch.cancelled:
            self._notified(watch, response, uint_value(value), now)
        elif not watch.told:
            self._leave(watch, now)

    def _prove(self, watch: _Watch, again: Message, now: float) -> None:
        """Register anew with the proof that the server asks for: at first, or because it has forgotten everything."""
        self._anew(replace(watch, echoed=True), watch, now, again)

    def _anew(self, watch: _Watch, before: _Watch, now: float, message: Message | None = None) -> None:
        """Register under a new token, in place of what there was before."""
        self._end(before, now)
        try:
            self._register(replace(watch, established=False, number=None, deadline=None), now, message)
        except ProtocolError as error:
            self._report(Failed(watch.handle, error.problem), now)

    def _verified(self, watch: _Watch, message: Message, now: float) -> Message:
        if watch.channel is None or watch.observation is None:
            return message
        check_alive(watch.channel)
        response = understood(watch.observation.unprotect(watch.channel.context, message), INNER_DEFINITIONS)
        self._channels.used(watch.channel, now)
        return response

    def _notified(self, watch: _Watch, response: Message, number: int, now: float) -> None:
        watch.established, watch.echoed = True, False
        if watch.observation is None and not self._layer.ordered(watch.peer):  # there, order tells (MSG-2010)
            if watch.number is not None and not observe.is_newer(number, now, watch.number, watch.at):
                return
            watch.number, watch.at = number, now
        self._timers.set(watch, now + _max_age(response) + self._pause())
        self._client.forget(watch.handle, now)  # what is being fetched is old
        self._client.follow(watch.handle, watch.message, response, watch.peer, watch.channel, now)

    def _pause(self) -> float:
        share = int.from_bytes(self._entropy(2), "big") / 0xFFFF
        return PAUSE[0] + (PAUSE[1] - PAUSE[0]) * share

    def _end(self, watch: _Watch, now: float, event: Event | None = None) -> None:
        self._timers.cancel(watch)
        del self._watches[watch.request_id]
        self._layer.forget(watch.request_id, now)
        self._client.forget(watch.handle, now)
        if event is not None:
            self._report(event, now)


def _wishing(message: Message, wish: int) -> Message:
    others = tuple(option for option in message.options if option[0] != Option.OBSERVE)
    options = tuple(sorted((*others, observe.entry(wish)), key=lambda option: option[0]))
    return replace(message, code=Code.GET, options=options)


def _max_age(response: Message) -> int:
    value = response.option(Option.MAX_AGE)
    return DEFAULT_MAX_AGE if value is None else uint_value(value)
