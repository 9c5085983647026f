"""Handshakes as conversations: which message of EDHOC answers which, over CoAP, on either side (spec/v1/channel.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from picosec.channel import edhoc_coap
from picosec.channel.channels import Channel, channel_from_session
from picosec.channel.combined import MAX_PAYLOAD, combine
from picosec.channel.credentials import Kind
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import UNSPECIFIED, WRONG_SUITE, ErrorMessage, error_message, is_error
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.initiator import State as InitiatorState
from picosec.channel.oscore import Binding, protect_request
from picosec.channel.responder import Responder
from picosec.channel.session import Role, Session
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_EDHOC, CONTENT_FORMAT_PROBLEM_DETAILS, Problem

#: Handshakes that a Responder has in progress at most; the one begun first makes room (CHN-570).
MAX_SESSIONS: Final = 16
#: Seconds that a Responder waits for message_3 (CHN-980).
LIFETIME: Final = 247.0


class Identifiers:
    """Gives out connection identifiers, the shortest ones in turn, so that one comes back as late as possible."""

    def __init__(self) -> None:
        self._short = sorted(SHORT_IDENTIFIERS)
        self._next = 0

    def choose(self, in_use: Callable[[bytes], bool]) -> bytes:
        """Return an identifier that is not in use: one byte, or two when all of those are."""
        for _ in self._short:
            identifier = self._short[self._next % len(self._short)]
            self._next += 1
            if not in_use(identifier):
                return identifier
        number = 0
        while in_use(number.to_bytes(2, "big")):
            number += 1
        return number.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a message of a handshake, and what that meant: a session, a failure, or neither yet."""

    response: Message
    session: Session | None = None
    failure: Problem | None = None


class Responding:
    """The handshakes that peers began and did not complete yet."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._sessions: dict[bytes, tuple[Responder, float]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, identifier: object) -> bool:
        """Whether a session has this identifier of ours."""
        return identifier in self._sessions

    def answer(
        self,
        payload: bytes,
        config: EdhocConfig,
        now: float,
        time: float | None,
        choose: Callable[[bytes], bytes],
    ) -> Answer:
        """Answer a request on the EDHOC resource. Raises nothing: what is refused gets an error message (CHN-530).

        ``now`` is in seconds, ``time`` in seconds since 1970 if that is known. ``choose`` returns a connection
        identifier that differs from the one it is given.
        """
        self.expire(now)
        try:
            c_r, message = edhoc_coap.split_prefix(payload)
            if c_r is None:
                return self._first(message, config, now, choose)
            responder, _expires = self._sessions.pop(c_r, (None, now))  # whatever comes of it, the session is over
            if is_error(message):
                return _error(responder, message)
            if responder is None:
                raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-560", "no session in progress has this identifier")
            return _last(responder, message, time)
        except ProtocolError as error:
            return refusal(error)

    def combined(self, c_r: bytes, message_3: bytes, now: float, time: float | None) -> Answer:
        """Take the message_3 of a combined request. Its response is sent only when it is refused (CHN-1520)."""
        self.expire(now)
        responder, _expires = self._sessions.pop(c_r, (None, now))
        try:
            if responder is None:
                raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-1550", "no session in progress has this kid")
            if responder.config.policy.message_4:
                raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-1530", "this handshake ends with message_4")
            return _last(responder, message_3, time)
        except ProtocolError as error:
            return refusal(error, ErrorMessage(UNSPECIFIED, error.problem.name.lower()).encode())

    def _first(self, message: bytes, config: EdhocConfig, now: float, choose: Callable[[bytes], bytes]) -> Answer:
        responder = Responder(config, self._entropy)
        try:
            received = responder.process_message_1(message)
            c_r = choose(received.c_i)
            message_2 = responder.prepare_message_2(c_r)
        except ProtocolError as error:
            return refusal(error, responder.error_message(error))
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[c_r] = (responder, now + LIFETIME)
        return Answer(edhoc_coap.response(Code.CHANGED, message_2))

    def expire(self, now: float) -> None:
        """Discard the sessions whose message_3 has not come in time."""
        for c_r in [c_r for c_r, (_responder, expires) in self._sessions.items() if expires <= now]:
            del self._sessions[c_r]

    def next_timeout(self) -> float | None:
        """Return when the first of them expires."""
        return next((expires for _responder, expires in self._sessions.values()), None)

    def state(self) -> list[bytes]:
        """Return what accepted messages may change."""
        return sorted(self._sessions)


def _error(responder: Responder | None, message: bytes) -> Answer:
    """End the session, if there is one, without an error message in return, even when what came makes no sense
    (CHN-970).
    """
    if responder is None:
        return Answer(edhoc_coap.response(Code.CHANGED))
    try:
        failure = responder.process_error(message).problem
    except ProtocolError as error:
        failure = error.problem
    return Answer(edhoc_coap.response(Code.CHANGED), failure=failure)


def _last(responder: Responder, message: bytes, time: float | None) -> Answer:
    responder.process_message_3(message, time)
    message_4 = b""
    if responder.config.policy.message_4:
        message_4 = responder.prepare_message_4()
    else:
        responder.complete()
    return Answer(edhoc_coap.response(Code.CHANGED, message_4), responder.session)


def refusal(error: ProtocolError, message: bytes | None = None) -> Answer:
    """Return the response that carries an error message, by default that for what went wrong outside a session."""
    message = error_message(error, ()) if message is None else message
    return Answer(edhoc_coap.response(error.response_code, message), failure=error.problem)


@dataclass(frozen=True, slots=True)
class Early:
    """A combined request to send, and the channel and binding that its response is held against."""

    message: Message
    channel: Channel
    binding: Binding


class Opening:
    """One attempt of ours to open a channel: from the first message_1 until there is a session, or none.

    ``choose`` returns a connection identifier that is not in use; ``first`` is the first request over the channel,
    which goes out together with message_3 where that can be.

    Raises ``ProtocolError`` with ``unsupported_method`` when no own credential can serve.
    """

    def __init__(
        self,
        config: EdhocConfig,
        entropy: Entropy,
        choose: Callable[[], bytes],
        method: int | None = None,
        kind: Kind | None = None,
        first: Message | None = None,
    ) -> None:
        method, suite = serving(config, method, kind)
        self._entropy = entropy
        self._choose = choose
        self._first = first
        self._tried = [suite]
        self._initiator = Initiator(config, method, choose(), entropy, suite, kind)
        #: An error message to send, after :meth:`answered` raised.
        self.farewell: Message | None = None

    @property
    def identifier(self) -> bytes:
        """This end's identifier."""
        return self._initiator.c_i

    def start(self) -> Message:
        """Return the request that carries message_1."""
        return edhoc_coap.request(self._initiator.prepare_message_1(), None)

    def answered(self, response: Message, time: float | None) -> Message | Early | Session:
        """Return the next request, or the session when it is complete.

        Raises ``ProtocolError`` when there will be no channel: what was wrong with the answer, or what the peer says.
        """
        initiator = self._initiator
        if response.code >> 5 != Code.CHANGED >> 5:
            return self.refused(response)
        try:
            if initiator.state is InitiatorState.WAIT_MESSAGE_2:
                initiator.process_message_2(response.payload, time)
                return self._last(initiator.prepare_message_3())
            return initiator.process_message_4(response.payload) if response.payload else initiator.complete()
        except ProtocolError as error:
            if initiator.c_r is not None:
                self.farewell = edhoc_coap.request(initiator.error_message(error), initiator.c_r)
            raise

    def confirmed(self) -> Session:
        """Return the session, whose channel has carried a response."""
        return self._initiator.complete()

    def _last(self, message_3: bytes) -> Message | Early:
        """Return what carries message_3: the first request, unless it has to wait (CHN-1610)."""
        if self._first is not None and not self._initiator.config.policy.message_4:
            channel = channel_from_session(self._initiator.unconfirmed)
            protected, binding = protect_request(channel.context, self._first)
            combined = combine(message_3, protected)
            if len(combined.payload) <= MAX_PAYLOAD:
                return Early(combined, channel, binding)
        return edhoc_coap.request(message_3, self._initiator.c_r)

    def refused(self, response: Message) -> Message:
        """Try again with another suite if that was all; raise what the peer says otherwise."""
        initiator = self._initiator
        if response.content_format != CONTENT_FORMAT_EDHOC:
            raise ProtocolError(named_problem(response), "CHN-550", "the peer did not answer as a Responder")
        first = initiator.state is InitiatorState.WAIT_MESSAGE_2
        message = initiator.process_error(response.payload)
        if message.code != WRONG_SUITE or not first:
            raise ProtocolError(message.problem, "CHN-550", "the peer refused the handshake")
        suite = next_suite(initiator, message.info, self._tried)
        self._tried.append(suite)
        self._initiator = Initiator(
            initiator.config, initiator.method, self._choose(), self._entropy, suite, initiator.kind
        )
        return self.start()


def serving(config: EdhocConfig, method: int | None, kind: Kind | None) -> tuple[int, int]:
    """Return the method, the most private and smallest first, and the suite that an own credential can serve."""
    methods = sorted(config.policy.methods, reverse=True) if method is None else [method]
    for candidate in methods:
        for suite in config.suites(Role.INITIATOR, candidate):
            if config.own(Role.INITIATOR, candidate, suite, kind) is not None:
                return candidate, suite
    raise ProtocolError(Problem.UNSUPPORTED_METHOD, "CHN-100", "no own credential can serve")


def named_problem(response: Message) -> Problem:
    """Return what an error response says, be it in an EDHOC error message or in problem details."""
    with suppress(ProtocolError):
        if response.content_format == CONTENT_FORMAT_EDHOC:
            return ErrorMessage.decode(response.payload).problem
        if response.content_format == CONTENT_FORMAT_PROBLEM_DETAILS:
            return problem.decode(response.payload) or Problem.REFUSED
    return Problem.REFUSED
