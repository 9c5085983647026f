"""The asking half of an agent: requests, pings and handshakes of ours, each until it has an outcome."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from picosec.channel.channels import Channel
from picosec.channel.life import State
from picosec.channel.oscore import Binding, echo_request, protect_request, unprotect_response
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, uint_bytes
from picosec.messaging.events import Outcome, PongReceived, RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import understood
from picosec.messaging.transfers import Transfer
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.definitions import INNER_DEFINITIONS
from picosec.roles.events import Event, Failed, Notification, Pong, Reset, Response


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that waits for its response, or a ping. ``message`` is what was asked, before protection.

    ``transfer`` knows which part of a body it carries, or asks for; with ``notified``, one that an observation brought.
    """

    handle: int
    peer: Hashable
    message: Message | None = None
    channel: Channel | None = None
    binding: Binding | None = None
    echoed: bool = False
    transfer: Transfer | None = None
    notified: bool = False


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


class Client:
    """Asks, and reports what came of it."""

    def __init__(
        self,
        endpoint: MessageLayer,
        channels: ChannelTable,
        report: Callable[[Event, float], None],
    ) -> None:
        self._endpoint = endpoint
        self._channels = channels
        self._report = report
        self._pending: dict[int, Ask | _Errand] = {}

    def ping(self, handle: int, peer: Hashable, now: float) -> None:
        """Ask whether a peer is there. Raises ``ProtocolError`` with ``busy``."""
        self._pending[self._endpoint.ping(peer, now)] = Ask(handle, peer)

    def ask(
        self,
        handle: int,
        message: Message,
        peer: Hashable,
        now: float,
        channel: Channel | None,
        exponent: int | None = None,
    ) -> None:
        """Send a request, over a channel if one is given, and in blocks of at most ``exponent`` where that is needed.

        Raises ``ProtocolError`` with ``busy`` or ``exhausted``, ``ValueError`` for what no channel can carry.
        """
        transfer = Transfer(message, exponent, self._tag(handle, channel))
        self._send(Ask(handle, peer, transfer.begin(), channel, transfer=transfer), now)

    def follow(
        self, handle: int, message: Message, notification: Message, peer: Hashable, channel: Channel | None, now: float
    ) -> None:
        """Report a notification once its body is whole; of what is large it holds the first block.

        RFC 7959 section 2.6. ``message`` is the registration. One that cannot be completed is not reported; there will
        be another.
        """
        transfer = Transfer(message)
        transfer.begin()
        self._received(Ask(handle, peer, message, channel, transfer=transfer, notified=True), notification, now)

    def _send(self, ask: Ask, now: float) -> None:
        assert ask.message is not None
        sent, binding = ask.message, None
        if ask.channel is not None:
            sent, binding = self._protected(ask.channel, ask.message)
        request_id = self._endpoint.request(sent, ask.peer, now)
        self._pending[request_id] = replace(ask, binding=binding)

    def _tag(self, handle: int, channel: Channel | None) -> bytes:
        """Return a Request-Tag that no operation had before whose blocks could still be believed (MSG-1580).

        Over a channel it is the sequence number of the first block, which the channel never uses again. In the open
        anybody can mix blocks; it keeps those of operations at the same time apart.
        """
        return uint_bytes(handle if channel is None else channel.context.numbers.value)

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
        if peer is None:
            raise ProtocolError(Problem.TIMEOUT, "CHN-1230", "nobody knows where the peer is")
        sent, binding = self._protected(channel, message)
        request_id = self._endpoint.request(sent, peer, now)
        self._pending[request_id] = _Errand(handle, peer, message, channel, binding, done, echoed)

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request: what still comes of it is for nobody."""
        for request_id, pending in list(self._pending.items()):
            if isinstance(pending, Ask) and pending.handle == handle:
                del self._pending[request_id]
                self._endpoint.forget(request_id, now)

    def handles(self) -> list[int]:
        """Return the handles of all that has no outcome yet."""
        return sorted(pending.handle for pending in self._pending.values())

    def ended(self, outcome: Outcome, now: float) -> None:
        """Take what the message layer says of a request of ours."""
        pending = self._pending.pop(outcome.request_id)
        match pending, outcome:
            case _Errand(), ResponseReceived(_, message):
                self._returned(pending, message, now)
            case _Errand(), RequestFailed(_, reason):
                pending.done(reason, now)
            case _Errand(), _:
                pending.done(Problem.REFUSED, now)
            case Ask(), ResponseReceived(_, message):
                self._answered(pending, message, now)
            case Ask(), RequestFailed(_, reason):
                self._fail(pending, Failed(pending.handle, reason), now)
            case Ask(), RequestReset():
                self._fail(pending, Reset(pending.handle), now)
            case Ask(handle), PongReceived():
                self._report(Pong(handle), now)

    def _answered(self, asked: Ask, message: Message, now: float) -> None:
        if asked.channel is None or asked.binding is None:
            self.deliver(asked, message, now)
            return
        try:
            response = self._unprotected(asked.channel, asked.binding, message, now)
        except ProtocolError as error:
            self._fail(asked, Failed(asked.handle, error.problem), now)
            return
        self.deliver(asked, response, now)

    def deliver(self, asked: Ask, response: Message, now: float) -> None:
        """Take a response, verified if it had to be: report it, go on with its rest, or prove what it asks for."""
        assert asked.message is not None
        again = None if asked.echoed else echo_request(asked.message, response)
        if again is None:
            self._received(asked, response, now)
            return
        try:
            self._send(replace(asked, message=again, echoed=True), now)
        except ProtocolError as error:
            self._fail(asked, Failed(asked.handle, error.problem), now)

    def _received(self, asked: Ask, response: Message, now: float) -> None:
        """Take what the server answered: all of it, or a block."""
        assert asked.message is not None
        transfer = asked.transfer or Transfer(asked.message)
        try:
            message = transfer.answered(response)
            if message.is_request:
                self._send(replace(asked, message=message, transfer=transfer, echoed=False), now)
                return
        except ProtocolError as error:
            self._fail(asked, Failed(asked.handle, error.problem), now)
            return
        kind = Notification if asked.notified else Response
        self._report(kind(asked.handle, message, protected=asked.channel is not None), now)

    def _fail(self, asked: Ask, event: Failed | Reset, now: float) -> None:
        if not asked.notified:
            self._report(event, now)

    def _returned(self, errand: _Errand, message: Message, now: float) -> None:
        try:
            response = self._unprotected(errand.channel, errand.binding, message, now)
            again = None if errand.echoed else echo_request(errand.message, response)
            if again is not None:
                self.errand(errand.handle, again, errand.channel, now, errand.done, echoed=True)
                return
        except ProtocolError as error:
            errand.done(error.problem, now)
            return
        errand.done(response, now)

    def _protected(self, channel: Channel, message: Message) -> tuple[Message, Binding]:
        check_alive(channel)
        return protect_request(channel.context, message)

    def _unprotected(self, channel: Channel, binding: Binding, message: Message, now: float) -> Message:
        check_alive(channel)
        response = understood(unprotect_response(channel.context, binding, message), INNER_DEFINITIONS)
        self._channels.used(channel, now)
        return response


def check_alive(channel: Channel) -> None:
    """Raise ``ProtocolError`` with ``UNKNOWN_CONTEXT`` for a channel that was closed."""
    if channel.state is State.CLOSED:
        raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-1220", "the channel is closed")
