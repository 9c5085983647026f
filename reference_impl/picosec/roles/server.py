"""The serving half of an agent: a request comes in, perhaps over a channel, and its response goes the same way."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Any, Final

from picosec.channel.channels import Channel
from picosec.channel.combined import Combined, split
from picosec.channel.delivery import Place
from picosec.channel.life import State
from picosec.channel.oscore import Binding, RefusedInside, protect_response
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.messaging import observe, problem
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Code, Message, Option, encode_options
from picosec.messaging.conditions import Conditions
from picosec.messaging.exchanges import Exchange
from picosec.messaging.held import Party
from picosec.messaging.hints import check_hop_limit, unwanted
from picosec.messaging.layer import MessageLayer
from picosec.messaging.options import understood
from picosec.messaging.reachability import Reachability
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.definitions import INNER_DEFINITIONS
from picosec.roles.observers import Observers
from picosec.roles.resources import Request, Site
from picosec.roles.responses import OSCORE_OVERHEAD, as_message

#: Completes the handshake that a combined request ends; returns the response to send when it is refused.
Finish = Callable[[Combined, Hashable, float], Message | None]
#: Returns all that the peer of a channel may do, None where that was not limited.
Grants = Callable[[Channel], Scope | None]

_SUCCESS: Final = 2
#: Bytes of a message's header.
HEADER_SIZE: Final = 4
#: An acknowledgement, and as often as a response may be sent that is late and never acknowledged.
LATE_COPIES: Final = 6


class _Settled(Exception):
    """A request has its response before anybody looked at what it asks for."""

    def __init__(self, response: Message) -> None:
        super().__init__()
        self.response = response


@dataclass(slots=True)
class _Answering:
    """A request that is being answered, the channel that it came over, if any, and its place if it is ordered.

    All that is known of these when a request turns out to be wrong decides how it is refused. ``carried`` is what it
    had inside, to be served next.
    """

    exchange: Exchange
    channel: Channel | None = None
    binding: Binding | None = None
    place: Place | None = None
    carried: Request | None = None


class Server:
    """Serves a site to whoever asks; what a resource answers late is kept until it is due."""

    def __init__(
        self,
        endpoint: MessageLayer,
        channels: ChannelTable,
        site: Site,
        finish: Finish,
        reachability: Reachability,
        grants: Grants,
    ) -> None:
        self._endpoint = endpoint
        self._channels = channels
        self._site = site
        self._finish = finish
        self._reachability = reachability
        self._grants = grants
        self._blockwise = Blockwise()
        self.observers = Observers(endpoint, channels, site)
        self._late: list[tuple[float, int, _Answering, Message]] = []
        self._late_count = 0

    def serve(self, exchange: Exchange, message: Message, now: float) -> None:
        """Answer one request. Raises nothing: every ``ProtocolError`` becomes a response."""
        answering = _Answering(exchange)
        delay, acted = 0.0, False
        try:
            check_hop_limit(message)
            message = self._opened(answering, message, now)
            self._reachability.verify(exchange.peer, message.option(Option.ECHO), now)
            answer = self._answer(message, answering, now)
            response, delay, acted = answer.response, answer.delay, answer.acted
            if not self._may_be_sent(message, response, delay, answering):
                response, delay = self._reachability.challenge(exchange.peer, now), 0.0
        except _Settled as settled:
            self._respond(answering, settled.response, now)
            return
        except ProtocolError as error:
            # Whoever has the keys of a channel may know what exactly was wrong; others, only which rule (MSG-720).
            response = problem.response(error.problem, error.detail if answering.channel else "")
        self._send(answering, message, response, delay, now)
        if acted and message.code != Code.GET and response.code >> 5 == _SUCCESS:
            self.observers.changed(message.path, now)
        self._serve_carried(answering.carried)

    def _serve_carried(self, request: Request | None) -> None:
        """Serve what was inside of a request, and what is inside of that; nobody is told what comes of it (OBJ-310)."""
        while request is not None:
            try:
                reply = self._site.answer(request)
            except ProtocolError:
                return
            if request.code != Code.GET and reply.code >> 5 == _SUCCESS:
                self.observers.changed(request.path, request.now)
            request = reply.carried

    def _opened(self, answering: _Answering, message: Message, now: float) -> Message:
        """Return what a request asks for, out of the handshake and the protection that may be around it.

        Raises ``_Settled`` and ``ProtocolError``.
        """
        exchange = answering.exchange
        if message.option(Option.EDHOC) is not None:
            combined = split(message)
            refusal = self._finish(combined, exchange.peer, now)
            if refusal is not None:
                raise _Settled(refusal)
            message = combined.protected
        if message.option(Option.OSCORE) is None:
            return message
        try:
            opened = self._channels.unprotect(message, now, exchange.peer)
        except RefusedInside as refused:
            raise _Settled(refused.reply) from refused
        answering.channel, answering.binding = opened.channel, opened.binding
        message = understood(opened.message, INNER_DEFINITIONS)
        answered = opened.channel.bond.inbox.admit(opened.message, opened.channel.horizon)
        if answered is not None:
            raise _Settled(answered)
        answering.place = Place.of(message)
        if opened.proved:
            self._reachability.prove(exchange.peer)
        return message

    def _send(self, answering: _Answering, message: Message, response: Message, delay: float, now: float) -> None:
        """Send a response now or after a delay, or not at all where nobody wants it."""
        if delay:
            self._endpoint.acknowledge(answering.exchange, now)
            self._late_count += 1
            heappush(self._late, (now + delay, self._late_count, answering, response))
        elif unwanted(message, response.code):
            self._endpoint.dismiss(answering.exchange, now)
        else:
            self._respond(answering, response, now)

    def _may_be_sent(self, message: Message, response: Message, delay: float, answering: _Answering) -> bool:
        """Whether a response may go to an address that may be forged, with all its copies if it is a late one.

        True also for what must not be served twice: it waits in the message layer until there is room for it.
        """
        exchange = answering.exchange
        acted = response.code >> 5 == _SUCCESS and not self._site.repeatable(message.code, message.path)
        once = answering.place is not None or acted
        if once or self._reachability.proven(exchange.peer):
            return True
        size = HEADER_SIZE + len(exchange.request.token) + len(encode_options(response.options, response.payload))
        size += OSCORE_OVERHEAD if answering.channel else 0
        return self._reachability.allows(exchange.peer, LATE_COPIES * size if delay else size)

    def _answer(self, message: Message, answering: _Answering, now: float) -> Answer:
        """Return what the site answers, in blocks where that is needed, and after how many seconds."""
        exchange, channel = answering.exchange, answering.channel
        grant = None if channel is None else self._grants(channel)
        if observe.wish(message) == observe.REGISTER and not self._reachability.proven(exchange.peer):
            return Answer(self._reachability.challenge(exchange.peer, now))  # what may follow has no end

        def admit(part: Message) -> None:
            self._site.admit(_request(part, exchange.peer, channel, grant, now))

        def act(whole: Message) -> Answer:
            request, token = _request(whole, exchange.peer, channel, grant, now), exchange.request.token
            self.observers.arrived(whole, request, token)
            reply = self._site.answer(request)
            answering.carried = reply.carried
            response = self.observers.answered(whole, request, as_message(reply), token, answering.binding)
            return Answer(response, reply.delay, acted=True)

        def fits(part: Message) -> bool:
            overhead = OSCORE_OVERHEAD if channel else 0
            return self._endpoint.fits(exchange.peer, exchange.request.token, part, overhead)

        party = Party(exchange.peer, protected=False) if channel is None else Party(channel.context, protected=True)
        return self._blockwise.serve(party, message, now, admit, act, fits)

    def tick(self, now: float) -> None:
        """Send the late responses and the notifications that are due, and forget abandoned transfers."""
        self.observers.tick(now)
        self._blockwise.expire(now)
        while self._late and self._late[0][0] <= now:
            _due, _number, answering, response = heappop(self._late)
            self._respond(answering, response, now)

    def next_timeout(self) -> float | None:
        """Return when the next late response or notification is due, or a transfer to be forgotten."""
        late = self._late[0][0] if self._late else None
        times = (late, self.observers.next_timeout(), self._blockwise.next_timeout())
        return min((time for time in times if time is not None), default=None)

    @property
    def transfers(self) -> int:
        """How many block-wise transfers are in progress."""
        return len(self._blockwise)

    def state(self) -> list[Any]:
        """Return what accepted messages may change, as a CBOR value for a digest."""
        return [*self._blockwise.state(), self.observers.state()]

    def _respond(self, answering: _Answering, response: Message, now: float) -> None:
        if answering.channel is not None and answering.binding is not None:
            if answering.place is not None:
                response = answering.channel.bond.inbox.answered(answering.place, response)
            try:
                if answering.channel.state is State.CLOSED:
                    raise ProtocolError(Problem.UNKNOWN_CONTEXT, "CHN-1220", "the channel was closed meanwhile")
                response = protect_response(answering.channel.context, answering.binding, response)
            except ProtocolError as error:
                response = problem.error_response(error)
        self._endpoint.respond(answering.exchange, response, now)


def _request(message: Message, peer: Hashable, channel: Channel | None, grant: Scope | None, now: float) -> Request:
    conditions = Conditions.of(message)
    if observe.wish(message) is not None:
        conditions = replace(conditions, known=())  # what is observed is told whole, from the first time on
    return Request(
        message.code,
        message.path,
        message.payload,
        message.content_format,
        message.accept,
        channel,
        peer,
        now,
        conditions,
        message.queries,
        grant=grant,
    )
