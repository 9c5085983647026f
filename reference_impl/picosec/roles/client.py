"""The asking half of an agent: requests, pings and handshakes of ours, each until it has an outcome."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass

from picosec.channel.channels import Channel
from picosec.channel.life import State
from picosec.channel.oscore import Binding, echo_request, protect_request, unprotect_response
from picosec.channel.session import Session
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.messaging.events import Outcome, PongReceived, RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import understood
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.events import ChannelFailed, ChannelOpened, Event, Failed, Pong, Reset, Response
from picosec.roles.handshakes import Opening
from picosec.roles.server import INNER_DEFINITIONS


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request that waits for its response, or a ping. ``message`` is what was asked, before protection."""

    handle: int
    peer: Hashable
    message: Message | None = None
    channel: Channel | None = None
    binding: Binding | None = None
    echoed: bool = False


@dataclass(frozen=True, slots=True)
class _Handshake:
    """A handshake whose last message waits for its response."""

    handle: int
    peer: Hashable
    opening: Opening


@dataclass(frozen=True, slots=True)
class _Errand:
    """A request about a channel, over it; ``done`` takes the verified response, or why there is none."""

    handle: int
    peer: Hashable
    message: Message
    channel: Channel
    binding: Binding
    done: Callable[[Message | Problem, float], None]
    echoed: bool = False


@dataclass(frozen=True, slots=True)
class _Farewell:
    """An error message, which nobody waits for an answer to."""


class Client:
    """Asks, and reports what came of it. ``knows_date`` says whether ``now`` counts from 1970."""

    def __init__(
        self,
        endpoint: MessageLayer,
        channels: ChannelTable,
        report: Callable[[Event, float], None],
        *,
        knows_date: bool,
    ) -> None:
        self._endpoint = endpoint
        self._channels = channels
        self._report = report
        self._knows_date = knows_date
        self._pending: dict[int, _Ask | _Errand | _Handshake | _Farewell] = {}

    def ping(self, handle: int, peer: Hashable, now: float) -> None:
        """Ask whether a peer is there. Raises ``ProtocolError`` with ``busy``."""
        self._pending[self._endpoint.ping(peer, now)] = _Ask(handle, peer)

    def ask(
        self,
        handle: int,
        message: Message,
        peer: Hashable,
        now: float,
        channel: Channel | None,
        *,
        echoed: bool = False,
    ) -> None:
        """Send a request, over a channel if one is given; ``echoed`` when it proves its freshness already.

        Raises ``ProtocolError`` with ``busy`` or ``exhausted``, ``ValueError`` for what no channel can carry.
        """
        sent, binding = message, None
        if channel is not None:
            sent, binding = self._protected(channel, message)
        request_id = self._endpoint.request(sent, peer, now)
        self._pending[request_id] = _Ask(handle, peer, message, channel, binding, echoed)

    def errand(
        self,
        handle: int,
        message: Message,
        channel: Channel,
        now: float,
        done: Callable[[Message | Problem, float], None],
        *,
        echoed: bool = False,
    ) -> None:
        """Send a request over a channel to where its peer was heard last, for this endpoint's own purposes.

        Raises as :meth:`ask` does.
        """
        peer = channel.bond.peer
        sent, binding = self._protected(channel, message)
        request_id = self._endpoint.request(sent, peer, now)
        self._pending[request_id] = _Errand(handle, peer, message, channel, binding, done, echoed)

    def open(self, handle: int, opening: Opening, peer: Hashable, now: float) -> None:
        """Start a handshake. Raises ``ProtocolError`` with ``busy``."""
        self._send(_Handshake(handle, peer, opening), opening.start(), now)

    @property
    def openings(self) -> list[Opening]:
        """The handshakes in progress."""
        return [pending.opening for pending in self._pending.values() if isinstance(pending, _Handshake)]

    def handles(self) -> list[int]:
        """Return the handles of all that has no outcome yet."""
        return sorted(pending.handle for pending in self._pending.values() if not isinstance(pending, _Farewell))

    def ended(self, outcome: Outcome, now: float) -> None:
        """Take what the message layer says of a request of ours."""
        pending = self._pending.pop(outcome.request_id)
        match pending, outcome:
            case _Farewell(), _:
                return
            case _Handshake(), ResponseReceived(_, message):
                self._go_on(pending, message, now)
            case _Handshake(handle), RequestFailed(_, reason):
                self._report(ChannelFailed(handle, reason), now)
            case _Handshake(handle), _:
                self._report(ChannelFailed(handle, Problem.REFUSED), now)
            case _Errand(), ResponseReceived(_, message):
                self._returned(pending, message, now)
            case _Errand(), RequestFailed(_, reason):
                pending.done(reason, now)
            case _Errand(), _:
                pending.done(Problem.REFUSED, now)
            case _Ask(), ResponseReceived(_, message):
                self._answered(pending, message, now)
            case _Ask(handle), RequestFailed(_, reason):
                self._report(Failed(handle, reason), now)
            case _Ask(handle), RequestReset():
                self._report(Reset(handle), now)
            case _Ask(handle), PongReceived():
                self._report(Pong(handle), now)

    def _answered(self, asked: _Ask, message: Message, now: float) -> None:
        if asked.channel is None or asked.binding is None:
            self._report(Response(asked.handle, message, protected=False), now)
            return
        assert asked.message is not None
        try:
            response = self._unprotected(asked.channel, asked.binding, message, asked.peer, now)
            again = None if asked.echoed else echo_request(asked.message, response)
            if again is not None:
                self.ask(asked.handle, again, asked.peer, now, asked.channel, echoed=True)
                return
        except ProtocolError as error:
            self._report(Failed(asked.handle, error.problem), now)
            return
        self._report(Response(asked.handle, response, protected=True), now)

    def _returned(self, errand: _Errand, message: Message, now: float) -> None:
        try:
            response = self._unprotected(errand.channel, errand.binding, message, errand.peer, now)
            again = None if errand.echoed else echo_request(errand.message, response)
            if again is not None:
                self.errand(errand.handle, again, errand.channel, now, errand.done, echoed=True)
                return
        except ProtocolError as error:
            errand.done(error.problem, now)
            return
        errand.done(response, now)

    def _protected(self, channel: Channel, message: Message) -> tuple[Message, Binding]:
        _check_alive(channel)
        return protect_request(channel.context, message)

    def _unprotected(self, channel: Channel, binding: Binding, message: Message, peer: Hashable, now: float) -> Message:
        _check_alive(channel)
        response = understood(unprotect_response(channel.context, binding, message), INNER_DEFINITIONS)
        self._channels.used(channel, now, peer)
        return response

    def _go_on(self, handshake: _Handshake, message: Message, now: float) -> None:
        opening = handshake.opening
        try:
            result = opening.answered(message, now if self._knows_date else None)
            if isinstance(result, Session):
                channel = self._channels.open(result, now, handshake.peer)
                self._report(ChannelOpened(handshake.handle, channel, result), now)
            else:
                self._send(handshake, result, now)
        except ProtocolError as error:
            if opening.farewell is not None:
                with suppress(ProtocolError):  # no room for it: the peer's session expires by itself
                    self._pending[self._endpoint.request(opening.farewell, handshake.peer, now)] = _Farewell()
            self._report(ChannelFailed(handshake.handle, error.problem), now)

    def _send(self, handshake: _Handshake, message: Message, now: float) -> None:
        self._pending[self._endpoint.request(message, handshake.peer, now)] = handshake


def _check_alive(channel: Channel) -> None:
    if channel.state is State.CLOSED:
        raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-1220", "the channel is closed")
