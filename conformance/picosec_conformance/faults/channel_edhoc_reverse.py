"""Faults of the reverse message flow, in which the client is the Responder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_error import ErrorMessage
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec.roles import reverse
from picosec.roles.handshakes import Answer, refusal
from picosec.roles.reverse import Initiating, Inviting
from picosec_conformance.faults import fault


@fault("CHN-1640")
def knows_one_direction() -> None:
    """An empty request is no message_1, and is refused: what was declared was not built."""

    def begin(self: Initiating, *arguments: Any) -> Answer:
        return refusal(ProtocolError(Problem.MALFORMED, "CHN-010"))

    Initiating.begin = begin


@fault("CHN-1640")
def begins_with_the_same_message_1() -> None:
    """message_1 is made once and handed to whoever asks: all clients share a key, and the last takes the session."""
    original = Initiating.begin
    made: list[Answer] = []

    def begin(self: Initiating, *arguments: Any) -> Answer:
        if not made or not self._sessions:
            made[:] = [original(self, *arguments)]
        return made[0]

    Initiating.begin = begin


@fault("CHN-1650")
def takes_everything_for_message_3() -> None:
    """One table of sessions, that of the Responder: message_2 behind the server's identifier finds nothing there."""
    Initiating.has = lambda self, payload: False


@fault("CHN-1650")
def sends_message_3_in_a_request() -> None:
    """The Initiator sends, the Responder answers, says the author: the client waits for a response that is empty."""
    original = Initiating.answer

    def answer(self: Initiating, *arguments: Any) -> Answer:
        found = original(self, *arguments)
        return replace(found, response=edhoc_coap.response(Code.CHANGED)) if found.failure is None else found

    Initiating.answer = answer


@fault("CHN-1650")
def complains_about_complaints() -> None:
    """The client's error message is no message_2, and is refused: both sides complain until one of them stops."""
    reverse.is_error = lambda data: False


@fault("CHN-1660")
def gives_no_reason_to_clients() -> None:
    """A refusal without an error message: the owner looks for the mistake on the wrong side."""
    original = reverse.refusal

    def silent(error: ProtocolError, message: bytes | None = None) -> Answer:
        return replace(original(error, message), response=edhoc_coap.response(Code.BAD_REQUEST))

    reverse.refusal = silent


@fault("CHN-1660")
def tolerates_wrong_proofs() -> None:
    """A message_2 that fails leaves the session as it was: a short MAC is guessed in peace, once for each try."""
    answer = Initiating.answer

    def patient(self: Initiating, payload: bytes, now: float, time: float | None) -> Answer:
        before = dict(self._sessions)
        found = answer(self, payload, now, time)
        if found.failure is not None:
            self._sessions = before
        return found

    Initiating.answer = patient


@fault("CHN-1690")
def proves_itself_to_every_repetition() -> None:
    """The session stays after message_3, in case the response is lost: a recorded message_2 is answered for ever."""
    original = Initiating.answer
    answered: dict[bytes, Answer] = {}

    def answer(self: Initiating, payload: bytes, now: float, time: float | None) -> Answer:
        found = original(self, payload, now, time)
        if found.session is not None:
            answered[payload] = replace(found, session=None)
        return found

    has = Initiating.has
    Initiating.has = lambda self, payload: payload in answered or has(self, payload)
    Initiating.answer = lambda self, payload, now, time: answered.get(payload) or answer(self, payload, now, time)


@fault("CHN-1690")
def takes_any_session_for_message_2() -> None:
    """A client that was not recognised is given the newest session: one stranger answers in another's place."""
    original = edhoc_coap.split_prefix
    sessions: list[Initiating] = []
    create = Initiating.__init__

    def remember(self: Initiating, entropy: Any) -> None:
        create(self, entropy)
        sessions[:] = [self]

    def split(payload: bytes) -> tuple[bytes | None, bytes]:
        name, message = original(payload)
        waiting = list(sessions[0]._sessions)
        return (waiting[-1] if name is not None and name not in waiting and waiting else name), message

    Initiating.__init__, edhoc_coap.split_prefix = remember, split


@fault("CHN-1680")
def begins_for_everybody_and_keeps_them_all() -> None:
    """Each wish costs memory that nobody counts."""
    reverse._make_room = lambda table: None


@fault("CHN-1680")
def has_no_room_for_newcomers() -> None:
    """Whoever asked first keeps the place: sixteen wishes of an attacker, and nobody gets in."""
    original = Initiating.begin

    def begin(self: Initiating, *arguments: Any) -> Answer:
        if len(self._sessions) >= reverse.MAX_SESSIONS:
            return refusal(ProtocolError(Problem.BUSY, "CHN-1680"))
        return original(self, *arguments)

    Initiating.begin = begin


@fault("CHN-1900")
def waits_for_ever_for_message_2() -> None:
    """Sessions that a server began have no deadline: their keys stay in memory until somebody reboots it."""
    reverse.LIFETIME = 1e12


@fault("CHN-1900")
def hurries_its_clients() -> None:
    """Ten seconds are enough, says the author, on whose desk there is no sleeping radio."""
    reverse.LIFETIME = 10.0


@fault("CHN-1910")
def offers_the_refused_suite_again() -> None:
    """Nothing is remembered of what the client refused: the two repeat the same two messages for ever."""

    def ended(self: Initiating, begun: Any, message: bytes, now: float) -> Answer:
        return Answer(edhoc_coap.response(Code.CHANGED), failure=begun.initiator.process_error(message).problem)

    Initiating._ended = ended


@fault("CHN-1910")
def remembers_refusals_for_ever() -> None:
    """What one client could not do is remembered by address: the next one there never gets the better suite."""
    original = Initiating._ended

    def ended(self: Initiating, begun: Any, message: bytes, now: float) -> Answer:
        return original(self, begun, message, now + 1e9)

    Initiating._ended = ended


# -- the client --------------------------------------------------------------------------------------------------------


@fault("CHN-1670")
def asks_with_something() -> None:
    """The empty request is not empty: the CBOR item true, as in the other direction. It is taken for a message_1."""
    original = edhoc_coap.invitation
    edhoc_coap.invitation = lambda: replace(original(), payload=b"\xf5")


@fault("CHN-1670")
def puts_its_own_identifier_in_front() -> None:
    """C_R is the client's, C_I the server's: in front stands the wrong one, and no session is found."""
    original = Inviting._second

    def second(self: Inviting, responder: Any, message_1: bytes) -> Message:
        sent = original(self, responder, message_1)
        assert self._c_i is not None
        prefix = edhoc_coap.encode_identifier(self._c_i)
        own = edhoc_coap.encode_identifier(self.identifier or b"")
        return replace(sent, payload=own + sent.payload[len(prefix) :])

    Inviting._second = second


@fault("CHN-1670")
def has_no_response_for_message_4() -> None:
    """message_4 was always a response, and here there is none to put it into: the server waits for it."""

    def last(self: Inviting, responder: Any, message_3: bytes, time: float | None) -> Any:
        responder.process_message_3(message_3, time)
        if responder.config.policy.message_4:
            responder.prepare_message_4()
            return responder.session
        return responder.complete()

    Inviting._last = last


@fault("CHN-1920")
def leaves_the_server_waiting() -> None:
    """The client gives up without a word, and the server keeps a session that will never end well."""
    original = Inviting.answered

    def answered(self: Inviting, response: Message, time: float | None) -> Any:
        try:
            found = original(self, response, time)
        except ProtocolError:
            self.farewell = None
            raise
        if self._responder is None:
            raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-190")
        return found

    Inviting.answered = answered


@fault("CHN-1920")
def says_of_every_suite_that_it_is_unspecified() -> None:
    """ERR_CODE 1 for a suite that is not supported: the server learns nothing about which one would do."""
    original = Inviting.answered

    def answered(self: Inviting, response: Message, time: float | None) -> Any:
        found = original(self, response, time)
        if self._responder is None:
            plain = ErrorMessage(1, "unsupported_suite").encode()
            return edhoc_coap.request(plain, self._c_i)
        return found

    Inviting.answered = answered
