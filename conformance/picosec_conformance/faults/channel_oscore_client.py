"""Faults of OSCORE: clients that believe too much, restarts that repeat, keys that never end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import channels, oscore, oscore_context, oscore_option, sequence
from picosec.channel.limits import KeyLimits
from picosec.channel.oscore import Binding, RefusedInside
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.oscore_option import OscoreOption
from picosec.channel.sequence import Counter
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.replay import ReplayWindow
from picosec.registry import Problem
from picosec.roles import client
from picosec.roles.events import Response
from picosec_conformance.faults import fault


@fault("CHN-820")
def knows_one_nonce_only() -> None:
    """Responses have the nonce of the request, always: so it was in every test."""
    original = oscore._option

    def numberless(message: Message, requirement: str) -> OscoreOption:
        option = original(message, requirement)
        return replace(option, partial_iv=b"") if requirement == "CHN-830" else option

    oscore._option = numberless


@fault("CHN-830")
def believes_answers_in_the_open() -> None:
    """An answer without the option is an answer without protection, and better than none."""
    original = client.Client._answered

    def trusting(self: Any, asked: Any, message: Message, now: float) -> None:
        if asked.channel is not None and message.option(Option.OSCORE) is None:
            self._report(Response(asked.handle, message, protected=False), now)
        else:
            original(self, asked, message, now)

    client.Client._answered = trusting


@fault("CHN-840")
def delivers_what_does_not_verify() -> None:
    """A failed verification is logged, and the message goes on its way."""
    original = client.unprotect_response

    def logged(context: SecurityContext, binding: Binding, message: Message) -> Message:
        try:
            return original(context, binding, message)
        except ProtocolError as error:
            if error.problem is Problem.UNPROTECTED:
                raise
            return replace(message, code=Code.CONTENT, options=())

    client.unprotect_response = logged


@fault("CHN-840")
def takes_the_answer_to_another_question() -> None:
    """The client remembers every request of the channel and is content with an answer to any of them."""
    asked: list[tuple[bytes, bytes | None]] = []
    protect, unprotect = client.protect_request, client.unprotect_response

    def remembering(context: SecurityContext, message: Message) -> Any:
        sent, binding = protect(context, message)
        asked.append((binding.aad, binding.nonce))
        return sent, binding

    def any_of_them(context: SecurityContext, binding: Binding, message: Message) -> Message:
        for aad, nonce in asked:
            try:
                return unprotect(context, Binding(aad, nonce), message)
            except ProtocolError:
                continue
        return unprotect(context, binding, message)

    client.protect_request, client.unprotect_response = remembering, any_of_them


@fault("CHN-850")
def counts_in_memory_alone() -> None:
    """After a restart the numbers start over, and so do the nonces."""

    def volatile(self: Counter) -> int:
        self._end = self._limit
        return self._start

    Counter._reserve = volatile


@fault("CHN-850")
def reserves_after_use() -> None:
    """The block is written when it is used up: a loss of power before that brings all of it back."""
    original = Counter.take

    def late(self: Counter) -> int:
        storage = self._storage
        if storage is not None and self.value >= self._end:
            self._end += sequence.BLOCK
        if storage is not None and self.value % sequence.BLOCK == sequence.BLOCK - 1:
            storage.reserve(self._name, sequence.BLOCK)
        return original(self)

    def peek(self: Counter) -> int:
        if self._storage is None:
            self._end = self._limit
            return self._start
        first = self._start + self._storage.reserve(self._name, 0)
        self._end = first + sequence.BLOCK
        return first

    Counter.take, Counter._reserve = late, peek


@fault("CHN-860")
def trusts_an_empty_window() -> None:
    """After a restart the window is empty, and an empty window has seen nothing."""
    original = SecurityContext.__init__

    def trusting(self: SecurityContext, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.synchronised = True

    SecurityContext.__init__ = trusting


@fault("CHN-860")
def takes_any_echo() -> None:
    """The option is there, so the client must have been asked."""
    oscore._proves_freshness = lambda context, request: request.option(Option.ECHO) is not None


@fault("CHN-860")
def asks_the_same_after_every_restart() -> None:
    """The challenge is made from the keys, and the keys are the same in every life."""
    oscore._echo_value = lambda context, partial_iv: b"the same"
    oscore._proves_freshness = lambda context, request: request.option(Option.ECHO) == b"the same"


@fault("CHN-860")
def counts_up_its_challenges() -> None:
    """The challenge is the next number: whoever has the client for a minute stocks up answers."""
    oscore._echo_value = lambda context, partial_iv: partial_iv

    def guessable(context: SecurityContext, request: Message) -> bool:
        number = int.from_bytes(request.option(Option.ECHO) or b"\xff" * 6, "big")
        return context.numbers.first <= number < context.numbers.value

    oscore._proves_freshness = guessable


@fault("CHN-860")
def opens_the_window_below_the_proof() -> None:
    """The proof of freshness marks its own number and leaves those below open to whoever recorded them."""

    def too_open(self: ReplayWindow, number: int) -> None:
        self._highest, self._marks = number, 1

    ReplayWindow.start_at = too_open


@fault("CHN-2200")
def refuses_what_it_cannot_judge() -> None:
    """After a restart every request may be a replay, and is refused as one; nobody says how to prove that it is not."""

    def refuse(context: SecurityContext, aad: bytes, request: Message) -> Message:
        number = oscore._take_number(context)
        refusal = oscore._answer(request, problem.response(Problem.REPLAYED))
        return oscore._numbered_response(context, aad, number, refusal)

    oscore._challenge = refuse


@fault("CHN-2210")
def challenges_with_one_value_per_peer() -> None:
    """One value is made for each peer; whoever saw it answered can answer it too."""
    firsts: dict[bytes, bytes] = {}
    value = oscore._echo_value

    def first(context: SecurityContext, partial_iv: bytes) -> bytes:
        return firsts.setdefault(context.sender.key, value(context, partial_iv))

    oscore._echo_value = first
    oscore._proves_freshness = lambda context, request: (
        request.option(Option.ECHO) == firsts.get(context.sender.key, b"none")
    )


@fault("CHN-870")
def challenges_under_the_old_nonce() -> None:
    """A challenge is a response, and responses have the nonce of their request: here it was used before the restart."""
    original = channels.unprotect_request

    def reusing(context: SecurityContext, message: Message, option: Any = None) -> Any:
        try:
            return original(context, message, option)
        except RefusedInside as unproven:
            partial_iv = oscore.request_option(message).partial_iv
            recipient = context.recipient
            binding = Binding(recipient.aad(partial_iv), recipient.nonce(int.from_bytes(partial_iv, "big")))
            asked = (
                (
                    int(Option.ECHO),
                    oscore._echo_value(context, oscore_option.encode_partial_iv(context.numbers.take())),
                ),
            )
            plain = replace(message, code=Code.UNAUTHORIZED, options=asked, payload=b"")
            raise RefusedInside(unproven, oscore.protect_response(context, binding, plain)) from unproven

    channels.unprotect_request = reusing


@fault("CHN-880")
def uses_a_sender_key_for_ever() -> None:
    """The sequence number has forty bits; nobody will ever get there."""
    generous = {aead: KeyLimits(2**40, limits.forgeries) for aead, limits in oscore_context.KEY_LIMITS.items()}
    oscore_context.KEY_LIMITS = generous


@fault("CHN-880")
def counts_requests_only() -> None:
    """The limit is held for what has a number of its own; responses go on for ever."""
    SecurityContext.sender_exhausted = property(lambda self: self.numbers.exhausted)


@fault("CHN-890")
def uses_a_recipient_key_for_ever() -> None:
    """A forgery is refused, forgotten, and tried again a billion times."""
    generous = {aead: KeyLimits(limits.encryptions, 2**62) for aead, limits in oscore_context.KEY_LIMITS.items()}
    oscore_context.KEY_LIMITS = generous


@fault("CHN-890")
def counts_replays_as_forgeries() -> None:
    """Whoever repeats what he heard often enough closes the channel."""
    original = channels.unprotect_request

    def counting(context: SecurityContext, message: Message, option: Any = None) -> Any:
        try:
            return original(context, message, option)
        except ProtocolError as error:
            if error.problem is Problem.REPLAYED:
                context.failures.take()
            raise

    channels.unprotect_request = counting


@fault("CHN-1080")
def leaves_the_question_unanswered() -> None:
    """4.01 is a refusal, whatever comes with it: after a reboot of the server its owner never gets in again."""
    client.echo_request = lambda message, response: None


@fault("CHN-1980")
def reads_what_it_knows_of_a_response() -> None:
    """It came over the channel, so it is from a friend: what is not understood in it is passed over."""
    original = client.understood

    def lenient(message: Message, definitions: Any) -> Message:
        known = tuple(option for option in message.options if option[0] in definitions)
        return (
            original(replace(message, options=known), definitions)
            if message.is_request
            else replace(message, options=known)
        )

    client.understood = lenient
