"""Handshakes that this side begins as the client, each until it has an outcome (spec/v1/channel.md)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from picosec.channel.oscore import echo_request, unprotect_response
from picosec.channel.session import Session
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option, uint_bytes
from picosec.messaging.events import Outcome, RequestFailed, ResponseReceived
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import understood
from picosec.messaging.transfers import Transfer
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.client import Ask, Client
from picosec.roles.definitions import INNER_DEFINITIONS
from picosec.roles.events import ChannelFailed, ChannelOpened, Event, Failed
from picosec.roles.handshakes import Early


class Attempt(Protocol):
    """One attempt to get a channel, as Initiator or as Responder: each response leads to the next request."""

    farewell: Message | None

    @property
    def identifier(self) -> bytes | None:
        """This end's identifier, once there is one."""

    def start(self) -> Message:
        """Return the first request."""

    def answered(self, response: Message, time: float | None) -> Message | Early | Session:
        """Return the next request, or the session. Raises ``ProtocolError`` when there will be none."""

    def confirmed(self) -> Session:
        """Return the session whose first request was answered over its channel."""

    def refused(self, response: Message) -> Message:
        """Raise what the peer says in place of an answer to the first request."""


@dataclass(frozen=True, slots=True)
class _Handshake:
    """A handshake whose last message waits for its response.

    ``first`` is what to ask over the channel, ``early`` the combined request, once that is what waits. ``sent`` is the
    last request in the open, ``echoed`` whether it proves our address;
    ``transfer`` knows which part of a message it is, or asks for.
    """

    handle: int
    peer: Hashable
    attempt: Attempt
    first: Message | None
    early: Early | None = None
    sent: Message | None = None
    echoed: bool = False
    transfer: Transfer | None = None


class Openings:
    """Takes handshakes from their first message to their channel, and reports what came of them.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock.
    """

    def __init__(
        self,
        layer: MessageLayer,
        channels: ChannelTable,
        client: Client,
        report: Callable[[Event, float], None],
        date: Callable[[float], float | None],
    ) -> None:
        self._layer = layer
        self._channels = channels
        self._client = client
        self._report = report
        self._date = date
        #: By request id. An error message has no handshake: nobody waits for an answer to it.
        self._pending: dict[int, _Handshake | None] = {}

    def __contains__(self, request_id: object) -> bool:
        """Whether a request belongs to a handshake."""
        return request_id in self._pending

    def __len__(self) -> int:
        return len(self._in_progress())

    def open(self, handle: int, attempt: Attempt, peer: Hashable, now: float, first: Message | None = None) -> None:
        """Start a handshake; ``first`` is asked over its channel. Raises ``ProtocolError`` with ``busy``."""
        self._send(_Handshake(handle, peer, attempt, first), attempt.start(), now)

    def uses(self, identifier: bytes) -> bool:
        """Whether a handshake in progress has this identifier of ours."""
        return any(handshake.attempt.identifier == identifier for handshake in self._in_progress())

    def handles(self) -> list[int]:
        """Return the handles of those in progress."""
        return sorted(handshake.handle for handshake in self._in_progress())

    def ended(self, outcome: Outcome, now: float) -> None:
        """Take what the message layer says of a request of theirs."""
        handshake = self._pending.pop(outcome.request_id)
        if handshake is None:
            return
        if isinstance(outcome, ResponseReceived):
            try:
                self._received(handshake, outcome.message, now)
            except ProtocolError as error:
                self._bid_farewell(handshake, now)
                self._give_up(handshake, error.problem, now)
        else:
            self._give_up(handshake, outcome.reason if isinstance(outcome, RequestFailed) else Problem.REFUSED, now)

    def _received(self, handshake: _Handshake, message: Message, now: float) -> None:
        """Take a response, or a block of it: certificates make messages large."""
        if handshake.early is not None:
            self._confirm(handshake, handshake.early, message, now)
            return
        again = None if handshake.echoed or handshake.sent is None else echo_request(handshake.sent, message)
        if again is not None:
            self._ask(replace(handshake, echoed=True), again, now)
            return
        if handshake.transfer is not None:
            message = handshake.transfer.answered(message)
        if message.is_request:
            self._ask(handshake, message, now)
        else:
            self._go_on(handshake, message, now)

    def _go_on(self, handshake: _Handshake, message: Message, now: float) -> None:
        result = handshake.attempt.answered(message, self._date(now))
        match result:
            case Session():
                self._opened(handshake, result, now)
            case Early():
                self._ask(replace(handshake, early=result, transfer=None), result.message, now)
            case _:
                self._send(handshake, result, now)

    def _opened(self, handshake: _Handshake, session: Session, now: float) -> None:
        channel = self._channels.open(session, now, handshake.peer)
        self._report(ChannelOpened(handshake.handle, channel, session), now)
        if handshake.first is not None:
            try:
                self._client.ask(handshake.handle, handshake.first, handshake.peer, now, channel)
            except ProtocolError as error:
                self._report(Failed(handshake.handle, error.problem), now)

    def _confirm(self, handshake: _Handshake, early: Early, message: Message, now: float) -> None:
        """Take the response to a combined request: one that verifies opens the channel (CHN-1600)."""
        if message.option(Option.OSCORE) is None:
            if message.code >> 5 != 2:
                handshake.attempt.refused(message)
            raise ProtocolError(Problem.UNPROTECTED, "CHN-830", "the combined request was answered in the open")
        plain = understood(unprotect_response(early.channel.context, early.binding, message), INNER_DEFINITIONS)
        session = handshake.attempt.confirmed()
        self._channels.keep(early.channel, now, handshake.peer)
        self._report(ChannelOpened(handshake.handle, early.channel, session), now)
        self._client.deliver(Ask(handshake.handle, handshake.peer, handshake.first, early.channel), plain, now)

    def _send(self, handshake: _Handshake, message: Message, now: float) -> None:
        transfer = Transfer(message, tag=uint_bytes(handshake.handle))
        self._ask(replace(handshake, transfer=transfer, echoed=False), transfer.begin(), now)

    def _ask(self, handshake: _Handshake, message: Message, now: float) -> None:
        request_id = self._layer.request(message, handshake.peer, now)
        self._pending[request_id] = replace(handshake, sent=message)

    def _bid_farewell(self, handshake: _Handshake, now: float) -> None:
        farewell = handshake.attempt.farewell
        if farewell is not None:
            with suppress(ProtocolError):  # no room for it: the peer's session expires by itself
                self._pending[self._layer.request(farewell, handshake.peer, now)] = None

    def _give_up(self, handshake: _Handshake, reason: Problem, now: float) -> None:
        self._report(ChannelFailed(handshake.handle, reason), now)
        if handshake.first is not None:
            self._report(Failed(handshake.handle, reason), now)

    def _in_progress(self) -> list[_Handshake]:
        return [handshake for handshake in self._pending.values() if handshake is not None]
