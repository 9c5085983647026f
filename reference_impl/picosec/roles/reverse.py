"""The reverse message flow (RFC 9528 appendix A.2.2): whoever asks first, as the client, is the Responder."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import WRONG_SUITE, is_error
from picosec.channel.edhoc_messages import Message1
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.initiator import State as InitiatorState
from picosec.channel.responder import Responder
from picosec.channel.responder import State as ResponderState
from picosec.channel.session import Session
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message
from picosec.registry import Problem
from picosec.roles.handshakes import LIFETIME, MAX_SESSIONS, Answer, Early, named_problem, refusal, serving

#: How often an Initiator may come back with another suite.
MAX_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class _Begun:
    """A session of ours with a client, and the suites that this client has refused."""

    initiator: Initiator
    peer: Hashable
    tried: tuple[int, ...]
    expires: float


@dataclass(frozen=True, slots=True)
class _Advice:
    """What the last error message of a client leads to."""

    suite: int
    tried: tuple[int, ...]
    expires: float


class Initiating:
    """The handshakes that clients asked this server to begin."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._sessions: dict[bytes, _Begun] = {}
        self._advice: dict[Hashable, _Advice] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, identifier: object) -> bool:
        """Whether a session has this identifier of ours."""
        return identifier in self._sessions

    def has(self, payload: bytes) -> bool:
        """Whether what a client sends belongs to one of these sessions."""
        try:
            return edhoc_coap.split_prefix(payload)[0] in self._sessions
        except ProtocolError:
            return False

    def begin(self, peer: Hashable, config: EdhocConfig, now: float, choose: Callable[[], bytes]) -> Answer:
        """Answer an empty request with message_1 (CHN-1640). Raises nothing."""
        self.expire(now)
        try:
            method, suite = serving(config, None, None)
            advice = self._advice.pop(peer, None)
            if advice is not None:
                suite = advice.suite
            initiator = Initiator(config, method, choose(), self._entropy, suite)
        except ProtocolError as error:
            return refusal(error)
        tried = (*(advice.tried if advice else ()), suite)
        message_1 = initiator.prepare_message_1()
        _make_room(self._sessions)
        self._sessions[initiator.c_i] = _Begun(initiator, peer, tried, now + LIFETIME)
        return Answer(edhoc_coap.response(Code.CHANGED, message_1))

    def answer(self, payload: bytes, now: float, time: float | None) -> Answer:
        """Answer a message of a session, or refuse it (CHN-1650). Raises nothing.

        ``now`` is in seconds, ``time`` in seconds since 1970 if that is known.
        """
        self.expire(now)
        c_i, message = edhoc_coap.split_prefix(payload)
        assert c_i is not None
        begun = self._sessions.pop(c_i)  # whatever comes of it; message_4 is the only one that is waited for again
        initiator = begun.initiator
        try:
            if is_error(message):
                return self._ended(begun, message, now)
            if initiator.state is InitiatorState.SENT_MESSAGE_3:
                return Answer(edhoc_coap.response(Code.CHANGED), initiator.process_message_4(message))
            initiator.process_message_2(message, time)
            message_3 = initiator.prepare_message_3()
        except ProtocolError as error:
            return refusal(error, initiator.error_message(error))
        if initiator.config.policy.message_4:
            self._sessions[c_i] = begun
            return Answer(edhoc_coap.response(Code.CHANGED, message_3))
        return Answer(edhoc_coap.response(Code.CHANGED, message_3), initiator.complete())

    def _ended(self, begun: _Begun, message: bytes, now: float) -> Answer:
        """Take an error message; one about the suite says what to begin with when this client asks again."""
        initiator, first = begun.initiator, begun.initiator.state is InitiatorState.WAIT_MESSAGE_2
        try:
            received = initiator.process_error(message)
            failure = received.problem
            if received.code == WRONG_SUITE and first:
                suite = next_suite(initiator, received.info, begun.tried)
                _make_room(self._advice)
                self._advice[begun.peer] = _Advice(suite, begun.tried, now + LIFETIME)
        except ProtocolError as error:
            failure = error.problem
        return Answer(edhoc_coap.response(Code.CHANGED), failure=failure)

    def expire(self, now: float) -> None:
        """Discard the sessions that were not completed in time (CHN-1680)."""
        for c_i in [c_i for c_i, begun in self._sessions.items() if begun.expires <= now]:
            del self._sessions[c_i]
        for peer in [peer for peer, advice in self._advice.items() if advice.expires <= now]:
            del self._advice[peer]

    def next_timeout(self) -> float | None:
        """Return when the first of them expires."""
        return min((begun.expires for begun in self._sessions.values()), default=None)

    def state(self) -> list[bytes]:
        """Return what accepted messages may change."""
        return sorted(self._sessions)


def _make_room(table: dict[Any, Any]) -> None:
    """Discard what came first, until there is room for one more."""
    while len(table) >= MAX_SESSIONS:
        del table[next(iter(table))]


class Inviting:
    """One attempt of ours to get a channel from a server that begins the handshake: we ask it to, and respond.

    ``choose`` returns a connection identifier that is not in use and differs from the one it is given.
    """

    def __init__(self, config: EdhocConfig, entropy: Entropy, choose: Callable[[bytes], bytes]) -> None:
        self._config = config
        self._entropy = entropy
        self._choose = choose
        self._tries = 0
        self._c_i: bytes | None = None
        self._responder: Responder | None = None
        #: This end's identifier, once message_1 asked for one.
        self.identifier: bytes | None = None
        #: An error message to send, after :meth:`answered` raised.
        self.farewell: Message | None = None

    def start(self) -> Message:
        """Return the request that asks for message_1: it is empty (CHN-1670)."""
        self._tries += 1
        self._responder = Responder(self._config, self._entropy)
        return edhoc_coap.invitation()

    def answered(self, response: Message, time: float | None) -> Message | Early | Session:
        """Return the next request, or the session when it is complete.

        Raises ``ProtocolError`` when there will be no channel: what was wrong with the answer, or what the peer says.
        """
        responder = self._responder
        if responder is None:  # the peer has taken the error message about the suite
            return self.start()
        if response.code >> 5 != Code.CHANGED >> 5:
            self.refused(response)
        if responder.session is not None:  # and message_4 is accepted
            return responder.session
        try:
            if responder.state is ResponderState.START:
                return self._second(responder, response.payload)
            return self._last(responder, response.payload, time)
        except ProtocolError as error:
            if self._c_i is None:
                raise
            refused = edhoc_coap.request(responder.error_message(error), self._c_i)
            if error.problem is Problem.UNSUPPORTED_SUITE and self._tries < MAX_TRIES:
                self._responder = None
                return refused
            self.farewell = refused
            raise

    def _second(self, responder: Responder, message_1: bytes) -> Message:
        self._c_i = c_i = Message1.decode(message_1).c_i
        responder.process_message_1(message_1)
        self.identifier = c_r = self._choose(c_i)
        return edhoc_coap.request(responder.prepare_message_2(c_r), c_i)

    def _last(self, responder: Responder, message_3: bytes, time: float | None) -> Message | Session:
        responder.process_message_3(message_3, time)
        if responder.config.policy.message_4:
            return edhoc_coap.request(responder.prepare_message_4(), self._c_i)
        return responder.complete()

    def confirmed(self) -> NoReturn:
        """Raise: this flow has no combined request."""
        raise AssertionError("no combined request was sent")

    def refused(self, response: Message) -> NoReturn:
        """Raise what the peer says."""
        raise ProtocolError(named_problem(response), "CHN-550", "the peer refused the handshake")
