"""Faults of observe over a channel: what is believed from outside, numbers that are used twice or not looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import observation, oscore
from picosec.channel.observation import Observation
from picosec.channel.oscore import Binding
from picosec.channel.oscore_context import SecurityContext
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Options
from picosec.registry import Problem
from picosec.roles import observers, server
from picosec.roles.observers import Observers
from picosec.roles.observing import Observing
from picosec_conformance.faults import fault

OBSERVE = int(Option.OBSERVE)


@fault("CHN-1100")
def believes_the_outer_observe() -> None:
    """The option of the message that came is copied into the one that was protected."""
    original = oscore._opened

    def opened(message: Message, plaintext: bytes, *, request: bool) -> Message:
        plain = original(message, plaintext, request=request)
        if not request:
            return plain
        others = [entry for entry in plain.options if entry[0] != OBSERVE]
        outer = [entry for entry in message.options if entry[0] == OBSERVE]
        return replace(plain, options=tuple(sorted((*others, *outer), key=lambda entry: entry[0])))

    oscore._opened = opened


@fault("CHN-1100")
def lets_the_outer_observe_end_things() -> None:
    """Registering is protected; leaving, it was thought, needs no protection."""
    original = oscore._opened

    def opened(message: Message, plaintext: bytes, *, request: bool) -> Message:
        plain = original(message, plaintext, request=request)
        if request and message.option(OBSERVE) == b"\1":
            others = [entry for entry in plain.options if entry[0] != OBSERVE]
            return replace(plain, options=tuple(sorted((*others, (OBSERVE, b"\1")), key=lambda entry: entry[0])))
        return plain

    oscore._opened = opened


@fault("CHN-1110")
def registers_by_post() -> None:
    """Every protected request is a POST: a proxy drops the notifications."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Options, option: bytes, ciphertext: bytes) -> Message:
        return original(message, Code.POST if code == Code.FETCH else code, outer, option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-1120")
def hides_observe() -> None:
    """Class E and nothing else: no proxy knows that more than one response will come."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Options, option: bytes, ciphertext: bytes) -> Message:
        if message.is_request:
            outer = tuple(entry for entry in outer if entry[0] != OBSERVE)
        return original(message, code, outer, option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-1120")
def leaves_observe_outside() -> None:
    """Class U and nothing else: whoever is on the way decides who observes."""
    original = oscore._split

    def split(message: Message) -> tuple[Options, bytes]:
        if not message.is_request or message.option(OBSERVE) is None:
            return original(message)
        bare = replace(message, options=tuple(entry for entry in message.options if entry[0] != OBSERVE))
        outer, plaintext = original(bare)
        return ((OBSERVE, message.option(OBSERVE) or b""), *outer), plaintext

    oscore._split = split


@fault("CHN-1130")
def numbers_inside() -> None:
    """The sequence number is protected as well: twelve bytes that say nothing which the Partial IV does not."""
    oscore._NOTIFIED = (OBSERVE, b"\x01\x02")


@fault("CHN-1130")
def notifies_under_changed() -> None:
    """2.04 outside, as for every protected response: a proxy takes it for the answer to a POST."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Options, option: bytes, ciphertext: bytes) -> Message:
        return original(message, Code.CHANGED if code == Code.CONTENT else code, outer, option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-1130")
def sends_notifications_without_outer_observe() -> None:
    """The inside says it, and a proxy that never heard of it drops the second response."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Options, option: bytes, ciphertext: bytes) -> Message:
        if message.is_response:
            outer = tuple(entry for entry in outer if entry[0] != OBSERVE)
        return original(message, code, outer, option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-1140")
def notifies_under_the_nonce_of_the_request() -> None:
    """The response has no Partial IV, so the notification has none: two texts under one nonce, both readable."""
    original = oscore.protect_response
    kept: dict[bytes, bytes] = {}

    def protect(context: SecurityContext, binding: Binding, message: Message) -> Message:
        if binding.nonce is not None:
            kept[binding.aad] = binding.nonce
        elif binding.aad in kept:
            binding.nonce = kept[binding.aad]
        return original(context, binding, message)

    server.protect_response = observers.protect_response = protect


@fault("CHN-1180")
def binds_to_the_first_registration() -> None:
    """The entry is refreshed, its binding is not: the client that asked again cannot read the answer."""
    original = Observers.answered
    first: dict[Any, Binding | None] = {}

    def answered(self: Observers, message: Any, request: Any, response: Any, token: bytes, binding: Any) -> Message:
        answer = original(self, message, request, response, token, binding)
        key = (*observers.client_of(request.peer, request.channel), token)
        if key in self._observers and request.channel is not None:
            self._observers[key].binding = first.setdefault(key, binding)
        return answer

    Observers.answered = answered


def _unordered(judge: Any) -> None:
    """Take notifications in another order. ``judge`` gets the last number and the next, None without one."""

    def unprotect(self: Observation, context: SecurityContext, message: Message) -> Message:
        plain, number = observation.verify_response(context, self._binding, message)
        if not judge(self._number, number, message):
            raise ProtocolError(Problem.REPLAYED, "CHN-1150", "old")
        if number is None:
            self._binding.nonce = None
        else:
            self._number = number
        return plain

    Observation.unprotect = unprotect


@fault("CHN-1150")
def orders_nothing() -> None:
    """What verifies is from the server, and what is from the server is true."""
    _unordered(lambda last, number, message: True)


@fault("CHN-1150")
def takes_each_number_once() -> None:
    """A replay window as for requests: what was overtaken is new all the same."""
    seen: set[int] = set()

    def judge(last: int | None, number: int | None, message: Message) -> bool:
        if number is None:
            return last is None
        fresh = number not in seen
        seen.add(number)
        return fresh

    _unordered(judge)


@fault("CHN-1150")
def orders_by_the_outer_observe() -> None:
    """The code for plain notifications was there already."""
    last_seen: list[int] = []

    def judge(last: int | None, number: int | None, message: Message) -> bool:
        outer = int.from_bytes(message.option(OBSERVE) or b"", "big")
        fresh = not last_seen or 0 < (outer - last_seen[-1]) % (1 << 24) < 1 << 23 or outer == last_seen[-1] == 1
        if fresh:
            last_seen.append(outer)
        return fresh

    _unordered(judge)


@fault("CHN-1150")
def forgets_the_order_in_time() -> None:
    """After 128 seconds anything is newer, as in the clear: a recorded notification only has to wait."""
    original = Observing._answered

    def answered(self: Observing, watch: Any, message: Message, now: float) -> None:
        if watch.observation is not None and now > getattr(self, "_then", now) + 128:
            watch.observation._number = None
        self._then = min(getattr(self, "_then", now), now)
        original(self, watch, message, now)

    Observing._answered = answered


@fault("CHN-1160")
def takes_what_has_no_number_at_any_time() -> None:
    """There is nothing to compare, so nothing is wrong."""
    _unordered(lambda last, number, message: number is None or last is None or number > last)


@fault("CHN-1160")
def takes_what_has_no_number_twice() -> None:
    """The nonce of the request is kept for the next time."""

    def unprotect(self: Observation, context: SecurityContext, message: Message) -> Message:
        plain, number = observation.verify_response(context, self._binding, message)
        if self._number is not None and (number is None or number <= self._number):
            raise ProtocolError(Problem.REPLAYED, "CHN-1160", "old")
        self._number = self._number if number is None else number
        return plain

    Observation.unprotect = unprotect


@fault("CHN-1170")
def gives_up_on_a_forgery() -> None:
    """Something is wrong, so nothing is observed any more: one datagram is enough."""
    original = Observing._verified

    def verified(self: Observing, watch: Any, message: Message, now: float) -> Message:
        try:
            return original(self, watch, message, now)
        except ProtocolError:
            watch.established = False
            raise

    Observing._verified = verified


@fault("CHN-1170")
def believes_errors_in_the_clear() -> None:
    """An error needs no protection: it says nothing secret."""
    original = Observing._verified

    def verified(self: Observing, watch: Any, message: Message, now: float) -> Message:
        if message.code >> 5 > 2:
            return message
        return original(self, watch, message, now)

    Observing._verified = verified


@fault("CHN-1190")
def takes_news_for_an_answer() -> None:
    """It is a response and it verifies; what else it says does not matter."""
    original = oscore.verify_response

    def verify(context: SecurityContext, binding: Binding, message: Message) -> tuple[Message, int | None]:
        plain, number = original(context, binding, message)
        return replace(plain, options=tuple(entry for entry in plain.options if entry[0] != OBSERVE)), number

    oscore.verify_response = verify
