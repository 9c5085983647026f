"""The serving half of an agent: a request comes in, perhaps over a channel, and its response goes the same way."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

from picosec.channel.channels import Channel
from picosec.channel.combined import Combined, split
from picosec.channel.life import State
from picosec.channel.oscore import Binding, RefusedInside, protect_response
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Message, Option, Options, Type, uint_bytes
from picosec.messaging.exchanges import Exchange
from picosec.messaging.held import Party
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import DEFINITIONS, Definition, understood
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.resources import Reply, Request, Site

#: Completes the handshake that a combined request ends; returns the response to send when it is refused.
Finish = Callable[[Combined, Hashable, float], Message | None]

#: Options understood inside a protected message: it holds no other one (CHN-780) and no message_3 (CHN-1560), but it
#: can prove freshness.
INNER_DEFINITIONS: Final = {
    **{number: each for number, each in DEFINITIONS.items() if number not in (Option.OSCORE, Option.EDHOC)},
    Option.ECHO: Definition(1, 40),
}


@dataclass(frozen=True, slots=True)
class _Answering:
    """A request that is being answered, and the channel that it came over, if any."""

    exchange: Exchange
    channel: Channel | None = None
    binding: Binding | None = None


class Server:
    """Serves a site to whoever asks; what a resource answers late is kept until it is due."""

    def __init__(self, endpoint: MessageLayer, channels: ChannelTable, site: Site, finish: Finish) -> None:
        self._endpoint = endpoint
        self._channels = channels
        self._site = site
        self._finish = finish
        self._blockwise = Blockwise()
        self._late: list[tuple[float, int, _Answering, Message]] = []
        self._late_count = 0

    def serve(self, exchange: Exchange, message: Message, now: float) -> None:
        """Answer one request. Raises nothing: every ``ProtocolError`` becomes a response."""
        answering = _Answering(exchange)
        delay = 0.0
        try:
            if message.option(Option.EDHOC) is not None:
                combined = split(message)
                refusal = self._finish(combined, exchange.peer, now)
                if refusal is not None:
                    self._endpoint.respond(exchange, refusal, now)
                    return
                message = combined.protected
            if message.option(Option.OSCORE) is not None:
                opened = self._channels.unprotect(message, now, exchange.peer)
                answering = _Answering(exchange, opened.channel, opened.binding)
                message = understood(opened.message, INNER_DEFINITIONS)
            response, delay = self._answer(message, exchange.peer, answering.channel, now)
        except RefusedInside as refused:
            self._endpoint.respond(exchange, refused.reply, now)
            return
        except ProtocolError as error:
            # Whoever has the keys of a channel may know what exactly was wrong; others, only which rule (MSG-720).
            response = problem.response(error.problem, error.detail if answering.channel else "")
        if delay:
            self._endpoint.acknowledge(exchange, now)
            self._late_count += 1
            heappush(self._late, (now + delay, self._late_count, answering, response))
        else:
            self._respond(answering, response, now)

    def _answer(self, message: Message, peer: Hashable, channel: Channel | None, now: float) -> Answer:
        """Return what the site answers, in blocks where that is needed, and after how many seconds."""

        def admit(part: Message) -> None:
            self._site.admit(_request(part, peer, channel, now))

        def act(whole: Message) -> Answer:
            reply = self._site.answer(_request(whole, peer, channel, now))
            return as_message(reply), reply.delay

        party = Party(peer, protected=False) if channel is None else Party(channel.context, protected=True)
        return self._blockwise.serve(party, message, now, admit, act)

    def tick(self, now: float) -> None:
        """Send the late responses that are due, and forget abandoned transfers."""
        self._blockwise.expire(now)
        while self._late and self._late[0][0] <= now:
            _due, _number, answering, response = heappop(self._late)
            self._respond(answering, response, now)

    def next_timeout(self) -> float | None:
        """Return when the next late response is due, or a transfer to be forgotten."""
        late = self._late[0][0] if self._late else None
        return min((due for due in (late, self._blockwise.next_timeout()) if due is not None), default=None)

    @property
    def transfers(self) -> int:
        """How many block-wise transfers are in progress."""
        return len(self._blockwise)

    def state(self) -> list[Any]:
        """Return what accepted messages may change, as a CBOR value for a digest."""
        return self._blockwise.state()

    def _respond(self, answering: _Answering, response: Message, now: float) -> None:
        if answering.channel is not None and answering.binding is not None:
            try:
                if answering.channel.state is State.CLOSED:
                    raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-1220", "the channel was closed meanwhile")
                response = protect_response(answering.channel.context, answering.binding, response)
            except ProtocolError as error:
                response = problem.error_response(error)
        self._endpoint.respond(answering.exchange, response, now)


def as_message(reply: Reply) -> Message:
    """Return a reply as a message whose type, message id and token are the message layer's to fill in."""
    options: Options = ()
    if reply.content_format is not None:
        options = ((int(Option.CONTENT_FORMAT), uint_bytes(reply.content_format)),)
    return Message(Type.ACK, reply.code, 0, b"", options, reply.payload)


def _request(message: Message, peer: Hashable, channel: Channel | None, now: float) -> Request:
    return Request(
        message.code,
        message.path,
        message.payload,
        message.content_format,
        message.accept,
        channel,
        peer,
        now,
    )
