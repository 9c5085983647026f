"""Faults of EDHOC: sessions that do not end, or end too soon, and confirmation that confirms nothing."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from typing import Any

from picosec.channel import authentication, edhoc_coap, initiator
from picosec.channel.edhoc_error import ErrorMessage, error_message, is_error
from picosec.channel.initiator import Initiator
from picosec.channel.initiator import State as InitiatorState
from picosec.channel.machine import Event
from picosec.channel.responder import Responder
from picosec.channel.responder import State as ResponderState
from picosec.channel.session import Session
from picosec.crypto.aead import InvalidTag
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec.roles import handshakes, handshaking, resources
from picosec.roles.handshakes import Answer, Early, Opening, Responding
from picosec.roles.handshaking import Handshaking
from picosec_conformance.faults import fault

# -- errors and the end of a session -----------------------------------------------------------------------------------


@fault("CHN-530")
def refuses_in_a_success() -> None:
    """Error messages come with 2.04: a client that looks at the response code takes every refusal for a success."""
    original = handshakes.refusal

    def refusal(error: ProtocolError, message: bytes | None = None) -> Answer:
        answer = original(error, message)
        return replace(answer, response=replace(answer.response, code=Code.CHANGED))

    handshakes.refusal = handshaking.refusal = refusal


@fault("CHN-530")
def refuses_in_the_language_of_other_resources() -> None:
    """Problem details, as everywhere else on the device; an EDHOC library cannot read them."""

    def refusal(error: ProtocolError, message: bytes | None = None) -> Answer:
        return Answer(problem.error_response(error), failure=error.problem)

    handshakes.refusal = handshaking.refusal = refusal


@fault("CHN-530")
def has_no_word_for_it() -> None:
    """ERR_CODE 1 comes with a number of its own instead of a text: parsers that follow the standard stop there."""
    encode = ErrorMessage.encode
    ErrorMessage.encode = lambda self: b"\x01\x18\x2a" if self.code == 1 else encode(self)


@fault("CHN-540")
def lets_an_attacker_guess_on() -> None:
    """A forged message_3 is dropped and the session waits for a better one: a MAC of 8 bytes is guessed in peace."""
    answer, fail = Responding.answer, Responder._fail

    def patient(self: Responding, *arguments: Any) -> Answer:
        before = dict(self._sessions)
        result = answer(self, *arguments)
        if result.failure is not None:
            self._sessions.update(before)
        return result

    def unmoved(self: Responder) -> None:
        if self.state is not ResponderState.WAIT_MESSAGE_3:
            fail(self)

    Responding.answer, Responder._fail = patient, unmoved


@fault("CHN-550")
def verifies_after_it_has_answered() -> None:
    """message_3 is on its way while message_2 is still being verified, to save time: a forger gets the Initiator's
    identity for an answer that nobody authenticated.
    """
    check, answered = authentication.check, Opening.answered
    late: list[ProtocolError] = []

    def deferred(*arguments: Any) -> None:
        try:
            check(*arguments)
        except ProtocolError as error:
            if arguments[-1] != "CHN-510":
                raise
            late.append(error)

    def answer(self: Opening, response: Message, time: float | None) -> Message | Early | Session:
        if late:
            raise late.pop()
        return answered(self, response, time)

    authentication.check, Opening.answered = deferred, answer


@fault("CHN-1060")
def opens_a_channel_although_it_was_refused() -> None:
    """The Initiator has all keys after message_3, so it goes on whatever the Responder says: it sends commands to
    somebody who has just refused it (uoscore-uedhoc did not wait for the answer).
    """
    refused = Opening.refused

    def deaf(self: Opening, response: Message) -> Any:
        if self._initiator.state is InitiatorState.SENT_MESSAGE_3:
            return self._initiator.complete()
        return refused(self, response)

    Opening.refused = deaf


@fault("CHN-1060")
def dies_of_an_error_message() -> None:
    """A table of error codes, and an index into it that came from the network."""
    known = {1: "unspecified", 2: "wrong suite", 3: "unknown credential"}
    original = Initiator.process_error

    def process(self: Initiator, data: bytes) -> ErrorMessage:
        message = original(self, data)
        known[message.code].encode()
        return message

    Initiator.process_error = process


@fault("CHN-1050")
def goes_away_without_a_word() -> None:
    """The Initiator gives up and does not say so: the Responder keeps a session that will never end well, and its
    owner looks for the fault on the wrong side.
    """
    Opening.farewell = property(lambda self: None, lambda self, message: None)


@fault("CHN-1050")
def says_goodbye_after_message_2_only() -> None:
    """When message_4 is wrong, the Initiator is silent: the Responder has a channel that nobody will ever use."""
    original = Opening.answered

    def answered(self: Opening, response: Message, time: float | None) -> Message | Early | Session:
        late = self._initiator.state is InitiatorState.SENT_MESSAGE_3
        try:
            return original(self, response, time)
        except ProtocolError:
            self.farewell = None if late else self.farewell
            raise

    Opening.answered = answered


@fault("CHN-1060")
def has_the_last_word() -> None:
    """An error message was not expected, and that is an error: each side tells the other, for ever."""
    original = Opening.refused

    def indignant(self: Opening, response: Message) -> Any:
        try:
            return original(self, response)
        except ProtocolError as error:
            self.farewell = edhoc_coap.request(self._initiator.error_message(error), self._initiator.c_r)
            raise

    Opening.refused = indignant


@fault("CHN-1060")
def starts_over_whenever_it_is_told() -> None:
    """ERR_CODE 2 means another suite, whenever it comes: after message_3 it makes the Initiator show itself twice."""
    original = Opening.refused

    def obedient(self: Opening, response: Message) -> Any:
        if self._initiator.state is InitiatorState.SENT_MESSAGE_3:
            self._initiator.state = InitiatorState.WAIT_MESSAGE_2
        return original(self, response)

    Opening.refused = obedient


@fault("CHN-560")
def accepts_message_3_twice() -> None:
    """The last message is repeated and the channel starts anew, its counters with it: the key reinstallation of WPA2
    (CVE-2017-13077). The example server of lakers took message_3 any number of times.
    """
    original = Responding.answer

    def answer(self: Responding, *arguments: Any) -> Answer:
        before = {c_r: (copy.copy(responder), expires) for c_r, (responder, expires) in self._sessions.items()}
        result = original(self, *arguments)
        if result.session is not None:
            self._sessions.update(before)
        return result

    Responding.answer = answer


@fault("CHN-560")
def finds_a_session_for_every_message() -> None:
    """There is only one session most of the time, so it takes what comes: a stranger's message ends it."""
    original = edhoc_coap.split_prefix
    sessions: list[Responding] = []
    init = Responding.__init__

    def remember(self: Responding, entropy: Any) -> None:
        init(self, entropy)
        sessions[:] = [self]

    def split(payload: bytes) -> tuple[bytes | None, bytes]:
        c_r, message = original(payload)
        in_progress = list(sessions[0]._sessions)
        return (in_progress[-1] if c_r is not None and c_r not in in_progress and in_progress else c_r), message

    Responding.__init__, edhoc_coap.split_prefix = remember, split


@fault("CHN-970")
def closes_a_channel_at_the_word_of_a_stranger() -> None:
    """Error messages are in the open: one of them, sent by anybody after the handshake, takes a lamp off its owner."""
    original = Handshaking._serve

    def serve(self: Handshaking, request: resources.Request) -> resources.Reply:
        with suppress(ProtocolError):
            c_r, message = edhoc_coap.split_prefix(request.payload)
            if c_r is not None and is_error(message) and c_r in self._channels:
                self._channels.remove(self._channels[c_r])
        return original(self, request)

    Handshaking._serve = serve


@fault("CHN-570")
def keeps_every_session_that_anybody_begins() -> None:
    """Each message_1 costs memory that nobody counts: a stranger fills it in a second."""
    handshakes.MAX_SESSIONS = 1_000_000


@fault("CHN-570")
def sends_newcomers_away() -> None:
    """The table is full, and those in it may take their time: one attacker keeps everybody out."""
    original = Responding._first

    def first(self: Responding, *arguments: Any) -> Answer:
        if len(self) >= handshakes.MAX_SESSIONS:
            busy = ProtocolError(Problem.BUSY, "CHN-570")
            return handshakes.refusal(busy, error_message(busy, ()))
        return original(self, *arguments)

    Responding._first = first


@fault("CHN-570")
def discards_the_latest_session() -> None:
    """The newest makes room for the newest: whoever was there first, which is the attacker, stays."""
    original = Responding._first

    def first(self: Responding, *arguments: Any) -> Answer:
        if len(self) >= handshakes.MAX_SESSIONS:
            del self._sessions[next(reversed(self._sessions))]
        return original(self, *arguments)

    Responding._first = first


@fault("CHN-970")
def answers_an_error_with_an_error() -> None:
    """Two machines that are both right: their error messages go back and forth for ever."""

    def indignant(responder: Responder | None, message: bytes) -> Answer:
        raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-560")

    handshakes._error = indignant


@fault("CHN-970")
def answers_an_error_about_nothing() -> None:
    """No session has this identifier, and an error message says so: in answer to an error message."""
    original = handshakes._error

    def indignant(responder: Responder | None, message: bytes) -> Answer:
        if responder is None:
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-560")
        return original(responder, message)

    handshakes._error = indignant


@fault("CHN-970")
def goes_on_after_an_error_message() -> None:
    """Error messages are not authenticated, so they are not believed: sessions whose peer went away fill the table."""
    original = Responding.answer

    def answer(self: Responding, payload: bytes, *arguments: Any) -> Answer:
        before = {c_r: (copy.copy(responder), expires) for c_r, (responder, expires) in self._sessions.items()}
        result = original(self, payload, *arguments)
        if result.session is None and result.response.code == Code.CHANGED and not result.response.payload:
            self._sessions.update(before)
        return result

    Responding.answer = answer


@fault("CHN-980")
def waits_for_ever() -> None:
    """No timer: sessions that nobody wants any more stay until somebody pushes them out."""
    handshakes.LIFETIME = 1e9


@fault("CHN-980")
def loses_patience() -> None:
    """A lifetime that was measured on a desk: on a slow radio, a peer that repeats its message comes too late."""
    handshakes.LIFETIME = 30.0


# -- message_4 ---------------------------------------------------------------------------------------------------------


@fault("CHN-580")
def keeps_message_4_to_itself() -> None:
    """The policy asks for a confirmation, and the Responder goes on without: the Initiator waits, or believes."""
    original = handshakes._last

    def last(responder: Responder, message: bytes, time: float | None) -> Answer:
        return replace(original(responder, message, time), response=edhoc_coap.response(Code.CHANGED))

    handshakes._last = last


@fault("CHN-590")
def is_content_without_message_4() -> None:
    """Confirmation is asked for, and its absence is not noticed: dropping the message is enough to have none."""

    def complete(self: Initiator) -> Session:
        held: Any = self._held
        return self._finish(Event.COMPLETE, held.session)

    Initiator.complete = complete


@fault("CHN-990")
def takes_any_message_4() -> None:
    """Something came, and it is called message_4: whoever answers without the keys has confirmed them."""
    original = initiator.open_

    def lenient(*arguments: Any) -> bytes:
        try:
            return original(*arguments)
        except InvalidTag:
            return b""

    initiator.open_ = lenient


@fault("CHN-1960")
def says_that_time_is_up() -> None:
    """A session expires, and the peer is told: the error message meets a message_3 that was on its way."""
    serve, expire, report = Handshaking._serve, Handshaking.expire, ErrorMessage(1, "timeout").encode()
    peers: list[Any] = []

    def remember(self: Handshaking, request: resources.Request) -> resources.Reply:
        peers[:] = [request.peer]
        return serve(self, request)

    def tell(self: Handshaking, now: float) -> None:
        before = len(self._responding)
        expire(self, now)
        if len(self._responding) < before and peers:
            self._openings._layer.request(edhoc_coap.request(report, b""), peers[0], now)

    Handshaking._serve, Handshaking.expire = remember, tell


@fault("CHN-1960")
def apologises_to_whom_it_throws_out() -> None:
    """Whoever made room is told so: one attacker makes the device send as many messages as it receives."""
    serve, report = Handshaking._serve, ErrorMessage(1, "busy").encode()

    def tell(self: Handshaking, request: resources.Request) -> resources.Reply:
        full = len(self._responding) >= handshakes.MAX_SESSIONS
        reply = serve(self, request)
        if full and reply.code == Code.CHANGED:
            self._openings._layer.request(edhoc_coap.request(report, b""), request.peer, request.now)
        return reply

    Handshaking._serve = tell
