"""Faults of observers: old news that is believed, and servers that are left waiting or asked too much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.messaging import observe
from picosec.messaging.coap import Code, Message, Option, path_options
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.sending import TOKEN_SIZE, Sender
from picosec.roles import observing
from picosec.roles.client import Client
from picosec.roles.events import Event, Notification
from picosec.roles.observing import Observing
from picosec_conformance.faults import fault


@fault("MSG-1790")
def believes_what_comes_last() -> None:
    """The option is there to tell a notification from a response, and its value is not looked at."""
    observe.is_newer = lambda number, now, last, then: True


@fault("MSG-1790")
def compares_numbers_as_numbers() -> None:
    """After 2^24 changes everything is old, for ever (or for 128 seconds)."""
    observe.is_newer = lambda number, now, last, then: number > last or now > then + 128


@fault("MSG-1790")
def takes_equal_for_newer() -> None:
    """A copy under another message id is another event."""
    original = observe.is_newer
    observe.is_newer = lambda number, now, last, then: number == last or original(number, now, last, then)


@fault("MSG-1790")
def never_forgets_a_number() -> None:
    """The server restarts, counts from 0, and its clients are blind."""
    original = observe.is_newer
    observe.is_newer = lambda number, now, last, then: original(number, then, last, then)


@fault("MSG-1790")
def forgets_numbers_after_a_minute() -> None:
    """Messages can be on their way for longer than that."""
    original = observe.is_newer
    observe.is_newer = lambda number, now, last, then: original(number, now, last, then) or now > then + 60


@fault("MSG-1790")
def compares_in_sixteen_bits() -> None:
    """The number is kept in a short."""
    observe.is_newer = lambda number, now, last, then: 0 < (number - last) % 65536 < 32768 or now > then + 128


@fault("MSG-1790")
def remembers_the_last_instead_of_the_newest() -> None:
    """What is dropped moves the mark all the same: the next old one is newer than that."""
    original = Observing._notified

    def notified(self: Observing, watch: Any, response: Message, number: int, now: float) -> None:
        original(self, watch, response, number, now)
        if watch.observation is None:
            watch.number, watch.at = number, now

    Observing._notified = notified


@fault("MSG-1800")
def waits_for_news_for_ever() -> None:
    """No news is good news."""
    Observing.tick = lambda self, now: None
    Observing.next_timeout = lambda self: None


@fault("MSG-1800")
def asks_again_at_once() -> None:
    """All clients of a server that restarted come in the same second."""
    observing.PAUSE = (0.0, 0.0)


@fault("MSG-1800")
def asks_again_after_a_fixed_time() -> None:
    """Spread by nothing: a thousand clients that were told at once ask at once."""
    observing.PAUSE = (10.0, 10.0)


@fault("MSG-1800")
def asks_again_every_minute() -> None:
    """Max-Age is for caches, and this is none."""
    observing._max_age = lambda response: 60


@fault("MSG-1800")
def asks_again_under_another_token() -> None:
    """A new request, a new token: and the server tells everything twice."""
    original = Sender.renew

    def renew(self: Sender, request_id: int, message: Message, now: float) -> bool:
        request: Any = self._begun.get(request_id)
        if request is not None and message.option(Option.OBSERVE) == b"":
            peer = self._peers.find(request.peer)
            assert peer is not None
            del peer.tokens[request.message.token]
            request.message = replace(request.message, token=self._entropy(TOKEN_SIZE))
            peer.tokens[request.message.token] = request
        return original(self, request_id, message, now)

    Sender.renew = renew


@fault("MSG-1810")
def observes_everything_twice() -> None:
    """Each part of the program observes for itself."""
    original = Observing.observe

    def observe_anyway(self: Observing, *rest: Any) -> None:
        watches, self._watches = self._watches, {}
        original(self, *rest)
        self._watches = {**watches, **self._watches}

    Observing.observe = observe_anyway


def _answering_notifications(changed: Any) -> None:
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Any, now: float) -> None:
        before = len(self._outbox)
        peer = self._peers.find(key)
        request = peer.tokens.get(message.token) if peer else None
        listening = request is not None and request.lasting
        original(self, message, key, now)
        self._outbox[before:] = changed(listening, message, self._outbox[before:])

    Endpoint._match_by_token = match


@fault("MSG-1820")
def acknowledges_no_notifications() -> None:
    """A response is acknowledged by taking it: the server gives up its silent observer."""
    _answering_notifications(lambda listening, message, sent: [] if listening else sent)


@fault("MSG-1820")
def resets_old_news() -> None:
    """What is too old is rejected, and with it the observation."""
    original = Observing._notified
    late: list[int] = []

    def notified(self: Observing, watch: Any, response: Message, number: int, now: float) -> None:
        before = watch.number
        original(self, watch, response, number, now)
        if before is not None and watch.number == before:
            late.append(response.message_id)

    Observing._notified = notified
    receive = Endpoint.transmit

    def transmit(self: Endpoint) -> Any:
        return [
            (peer, b"\x70" + data[1:] if data[:2] == b"\x60\0" and int.from_bytes(data[2:4], "big") in late else data)
            for peer, data in receive(self)
        ]

    Endpoint.transmit = transmit


@fault("MSG-1830")
def acknowledges_what_it_forgot() -> None:
    """Everything confirmable is acknowledged: the server goes on for as long as the radio works."""
    _answering_notifications(
        lambda listening, message, sent: [
            (peer, b"\x60" + data[1:] if data[:2] == b"\x70\0" and message.option(Option.OBSERVE) is not None else data)
            for peer, data in sent
        ]
    )


@fault("MSG-1830")
def is_silent_to_what_it_forgot() -> None:
    """The server finds out after five copies that nobody wants them."""
    _answering_notifications(
        lambda listening, message, sent: [] if message.option(Option.OBSERVE) is not None and not listening else sent
    )


@fault("MSG-1840")
def leaves_without_saying_what() -> None:
    """The token says it all, so the path is left out."""
    original = observing._wishing

    def wishing(message: Message, wish: int) -> Message:
        message = original(message, wish)
        if wish == observe.DEREGISTER:
            return replace(message, options=(observe.entry(wish), *path_options("/")))
        return message

    observing._wishing = wishing


@fault("MSG-1840")
def leaves_with_a_plain_request() -> None:
    """A GET without Observe ended an observation before RFC 7641."""
    original = observing._wishing

    def wishing(message: Message, wish: int) -> Message:
        message = original(message, wish)
        if wish == observe.DEREGISTER:
            return replace(message, options=tuple(each for each in message.options if each[0] != Option.OBSERVE))
        return message

    observing._wishing = wishing


@fault("MSG-1840")
def leaves_under_another_token() -> None:
    """A request like any other gets a token like any other."""
    original = Sender.renew

    def renew(self: Sender, request_id: int, message: Message, now: float) -> bool:
        request: Any = self._begun.get(request_id)
        if request is not None and message.option(Option.OBSERVE) == b"\1":
            peer = self._peers.find(request.peer)
            assert peer is not None
            del peer.tokens[request.message.token]
            request.message = replace(request.message, token=self._entropy(TOKEN_SIZE))
            peer.tokens[request.message.token] = request
        return original(self, request_id, message, now)

    Sender.renew = renew


def _going_on(ends: Any) -> None:
    """Keep an observation that is over."""
    original = Observing._end

    def end(self: Observing, watch: Any, now: float, event: Event | None = None) -> None:
        if event is not None and ends(event):
            self._report(event, now)
        else:
            original(self, watch, now, event)

    Observing._end = end


@fault("MSG-1850")
def waits_for_better_news() -> None:
    """An error may pass: the observation goes on, for this side alone."""
    _going_on(lambda event: getattr(getattr(event, "message", None), "code", 0) >> 5 > 2)


@fault("MSG-1850")
def does_not_notice_that_it_was_refused() -> None:
    """The answer had no Observe, and a client that waits."""
    _going_on(lambda event: getattr(getattr(event, "message", None), "code", 0) >> 5 == Code.CONTENT >> 5)


@fault("CNF-770")
def asks_instead_of_observing() -> None:
    """The act is a GET, and its first answer an event."""
    original = observing._wishing

    def wishing(message: Message, wish: int) -> Message:
        message = original(message, wish)
        if wish == observe.REGISTER:
            return replace(message, options=tuple(each for each in message.options if each[0] != Option.OBSERVE))
        return message

    observing._wishing = wishing


@fault("CNF-780")
def cancels_by_itself_only() -> None:
    """Every cancellation is a silent one."""
    original = Observing.cancel

    def cancel(self: Observing, handle: int, now: float, *, silently: bool) -> None:
        original(self, handle, now, silently=True)

    Observing.cancel = cancel


@fault("CNF-780")
def takes_crossing_news_for_the_answer() -> None:
    """The first thing that comes under the token ends the wait for the answer."""
    original = Observing._answered

    def answered(self: Observing, watch: Any, message: Message, now: float) -> None:
        if watch.cancelled:
            message = replace(message, options=tuple(each for each in message.options if each[0] != Option.OBSERVE))
        original(self, watch, message, now)

    Observing._answered = answered


@fault("MSG-1860")
def takes_a_block_for_the_whole() -> None:
    """The first block says that more follow, and is news enough."""

    def follow(self: Client, handle: int, _asked: Any, told: Message, _peer: Any, channel: Any, now: float) -> None:
        self._report(Notification(handle, told, protected=channel is not None), now)

    Client.follow = follow


@fault("MSG-1860")
def observes_the_rest_too() -> None:
    """The request for the next block is a copy of the registration: a second observation, of the second block."""
    original = Client._send

    def send(self: Client, ask: Any, now: float) -> None:
        if ask.notified:
            options = tuple(sorted((*ask.message.options, observe.entry(observe.REGISTER)), key=lambda each: each[0]))
            ask = replace(ask, message=replace(ask.message, options=options))
        original(self, ask, now)

    Client._send = send
