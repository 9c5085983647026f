"""Responder side of the handshake (spec/v1/channel.md). Bytes, time and entropy come in; nothing is opened here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from picosec.channel import authentication, key_schedule
from picosec.channel.credentials import Credential, OwnCredential, Usage, initiator_usage, responder_usage
from picosec.channel.ead import EadItem, encode_ead, understood
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import ErrorMessage, error_message
from picosec.channel.edhoc_messages import (
    Message1,
    Message2,
    Message3,
    Message4,
    Plaintext2,
    Plaintext3,
    encode_identifier,
)
from picosec.channel.machine import Event, Label, Machine
from picosec.channel.peer import check_identifier, first_proven, usable
from picosec.channel.session import Role, Session
from picosec.crypto.aead import InvalidTag, open_, seal
from picosec.crypto.curves import Entropy, PublicKey, decode_public
from picosec.crypto.suites import SUITES, Suite
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.registry import Problem


class State(Label):
    """Where the Responder is."""

    START = "start"
    VERIFIED_MESSAGE_1 = "has accepted message_1"
    WAIT_MESSAGE_3 = "waits for message_3"
    VERIFIED_MESSAGE_3 = "has verified message_3"
    COMPLETE = "complete"
    FAILED = "failed"


#: The whole machine. The docs draw it; test_edhoc_machines.py visits every cell.
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.START, Event.MESSAGE_1): State.VERIFIED_MESSAGE_1,
    (State.START, Event.REJECTED): State.FAILED,
    (State.VERIFIED_MESSAGE_1, Event.MESSAGE_2): State.WAIT_MESSAGE_3,
    (State.VERIFIED_MESSAGE_1, Event.REJECTED): State.FAILED,
    (State.WAIT_MESSAGE_3, Event.MESSAGE_3): State.VERIFIED_MESSAGE_3,
    (State.WAIT_MESSAGE_3, Event.ERROR): State.FAILED,
    (State.WAIT_MESSAGE_3, Event.REJECTED): State.FAILED,
    (State.VERIFIED_MESSAGE_3, Event.MESSAGE_4): State.COMPLETE,
    (State.VERIFIED_MESSAGE_3, Event.COMPLETE): State.COMPLETE,
}


@dataclass(frozen=True, slots=True, repr=False)
class _Received1:
    """Held from message_1 on. ``ead`` holds the items that this endpoint understands."""

    encoded: bytes
    message: Message1
    suite: Suite
    g_x: PublicKey
    own: OwnCredential
    ead: tuple[EadItem, ...]


@dataclass(frozen=True, slots=True, repr=False)
class _Sent2:
    """Held from message_2 on."""

    received: _Received1
    ephemeral: Handle
    c_r: bytes
    prk_3e2m: bytes
    th_3: bytes


@dataclass(frozen=True, slots=True, repr=False)
class _Verified3:
    """Held from message_3 on."""

    suite: Suite
    prk_4e3m: bytes
    th_4: bytes
    session: Session


class Responder(Machine[State]):
    """One session, from message_1 to keys.

    A method that raises ``ProtocolError`` because of what came from the peer ends the session and forgets its
    secrets; one that raises ``unexpected_message`` changes nothing.
    """

    __slots__ = ("_entropy", "_held", "_suites_r", "config", "session")

    transitions: ClassVar = TRANSITIONS

    def __init__(self, config: EdhocConfig, entropy: Entropy) -> None:
        self.config = config
        self._entropy = entropy
        self._held: _Received1 | _Sent2 | _Verified3 | None = None
        self._suites_r: tuple[int, ...] = ()
        #: The result, once the state is COMPLETE.
        self.session: Session | None = None
        self.state = State.START

    def process_message_1(self, data: bytes) -> Message1:
        """Accept message_1 and return what it says.

        Raises ``malformed``, ``not_deterministic``, ``too_large``, ``unsupported_method``, ``unsupported_suite``,
        ``bad_key``, ``bad_identifier``, ``critical_ead``: the first that applies in this order of checks.
        """
        self._require(Event.MESSAGE_1)
        try:
            received = self._accept_message_1(data)
        except ProtocolError:
            self._fail()
            raise
        self._held = received
        self._advance(Event.MESSAGE_1)
        return received.message

    def _accept_message_1(self, data: bytes) -> _Received1:
        message = Message1.decode(data)
        supported = self.config.suites(Role.RESPONDER, message.method)
        if not supported:
            raise ProtocolError(Problem.UNSUPPORTED_METHOD, "CHN-100", f"method {message.method}")
        self._suites_r = supported
        *preferred, selected = message.suites
        if selected not in supported:
            raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-190", f"suite {selected}")
        if any(suite in supported for suite in preferred):
            raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-200", f"suite {selected}, though another is preferred")
        suite = SUITES[selected]
        g_x = decode_public(suite.curve, message.g_x)
        check_identifier(message.c_i, suite)
        items = understood(message.ead, self.config.policy.ead_labels, "CHN-340")
        own = self.config.own(Role.RESPONDER, message.method, selected)
        assert own is not None  # a suite is supported only where an own credential serves
        return _Received1(data, message, suite, g_x, own, items)

    @property
    def c_i(self) -> bytes:
        """The Initiator's connection identifier, between message_1 and message_2: the own one must differ (CHN-290)."""
        assert isinstance(self._held, _Received1)
        return self._held.message.c_i

    def prepare_message_2(self, c_r: bytes, ead: Iterable[EadItem] = ()) -> bytes:
        """Return message_2 with a new ephemeral key (CHN-270).

        Raises ``bad_identifier`` for a ``c_r`` that equals C_I or is too long, which changes nothing, and ``bad_key``
        when the Initiator's key leads to an all-zero secret (CHN-260), which ends the session.
        """
        self._require(Event.MESSAGE_2)
        received = self._held
        assert isinstance(received, _Received1)
        suite, own, vault = received.suite, received.own, self.config.vault
        check_identifier(c_r, suite)
        if c_r == received.message.c_i:
            raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-290", "C_R equals C_I")
        items = tuple(ead)
        ephemeral = vault.generate(suite.curve, self._entropy)
        g_y = vault.public(ephemeral).x
        th_2 = key_schedule.th_2(g_y, received.encoded)
        usage = responder_usage(received.message.method)
        try:
            prk_2e = key_schedule.prk_2e(th_2, vault.agree(ephemeral, received.g_x))
            prk_3e2m = prk_2e
            if usage is Usage.STATIC_DH:
                prk_3e2m = key_schedule.prk_3e2m(prk_2e, th_2, vault.agree(own.handle, received.g_x))
        except ProtocolError:
            self._fail()
            raise
        encoded_c_r, encoded_ead = encode_identifier(c_r), encode_ead(items)
        length = authentication.mac_length(usage, suite)
        mac = key_schedule.mac_2(prk_3e2m, encoded_c_r, own.id_cred, th_2, own.cred, encoded_ead, length)
        proof = authentication.prove(usage, vault, own.handle, mac, own.id_cred, th_2, own.cred, encoded_ead)
        plaintext = Plaintext2(c_r, own.id_cred, proof, items).encode()
        keystream = key_schedule.keystream_2(prk_2e, th_2, len(plaintext))
        th_3 = key_schedule.th_3(th_2, plaintext, own.cred)
        self._held = _Sent2(received, ephemeral, c_r, prk_3e2m, th_3)
        self._advance(Event.MESSAGE_2)
        return Message2(g_y, key_schedule.xor(plaintext, keystream)).encode()

    def process_message_3(self, data: bytes, time: float | None = None) -> Credential:
        """Verify message_3 and return the peer's credential; ``time`` is in seconds since 1970, if known.

        Raises ``malformed``, ``not_deterministic``, ``too_large``, ``authentication_failed`` (the ciphertext),
        ``malformed`` or ``not_deterministic`` (what it hides), ``unknown_credential``, ``bad_credential``,
        ``authentication_failed`` (the proof), ``critical_ead``: the first that applies in this order of checks.
        """
        self._require(Event.MESSAGE_3)
        assert isinstance(self._held, _Sent2)
        try:
            verified = self._verify_message_3(self._held, data, time)
        except ProtocolError:
            self._fail()
            raise
        self._held = verified
        self._advance(Event.MESSAGE_3)
        return verified.session.peer

    def _verify_message_3(self, held: _Sent2, data: bytes, time: float | None) -> _Verified3:
        config, received = self.config, held.received
        suite, method, th_3 = received.suite, received.message.method, held.th_3
        message = Message3.decode(data)
        key, nonce = key_schedule.key_and_nonce(held.prk_3e2m, 3, th_3, suite.aead)
        try:
            encoded = open_(suite.aead, key, nonce, message.ciphertext, key_schedule.additional_data(th_3))
        except InvalidTag as error:
            raise authentication.failed("CHN-500") from error

        plaintext = Plaintext3.decode(encoded)
        id_cred, proof = plaintext.id_cred, plaintext.signature_or_mac
        ead = encode_ead(plaintext.ead) if plaintext.ead else b""
        usage = initiator_usage(method)
        authentication.check_length(proof, usage, suite, "CHN-500")
        length = authentication.mac_length(usage, suite)

        def check(peer: Credential) -> tuple[Credential, bytes]:
            prk_4e3m = held.prk_3e2m
            if usage is Usage.STATIC_DH:
                prk_4e3m = key_schedule.prk_4e3m(prk_4e3m, th_3, config.vault.agree(held.ephemeral, peer.key))
            mac = key_schedule.mac_3(prk_4e3m, id_cred, th_3, peer.cred, ead, length)
            authentication.check(usage, peer, proof, mac, id_cred, th_3, ead, "CHN-500")
            return peer, prk_4e3m

        peer, prk_4e3m = first_proven(usable(config, Role.RESPONDER, id_cred, usage, suite, time), check)
        items = understood(plaintext.ead, config.policy.ead_labels, "CHN-340") if ead else ()
        th_4 = key_schedule.th_4(th_3, encoded, peer.cred)
        prk_out = key_schedule.prk_out(prk_4e3m, th_4)
        session = Session(
            Role.RESPONDER,
            method,
            suite.number,
            received.message.c_i,
            held.c_r,
            peer,
            prk_out,
            received.ead + items,
        )
        return _Verified3(suite, prk_4e3m, th_4, session)

    def prepare_message_4(self, ead: Iterable[EadItem] = ()) -> bytes:
        """Complete the session and return message_4 (CHN-580)."""
        self._require(Event.MESSAGE_4)
        held = self._held
        assert isinstance(held, _Verified3)
        key, nonce = key_schedule.key_and_nonce(held.prk_4e3m, 8, held.th_4, held.suite.aead)
        ciphertext = seal(held.suite.aead, key, nonce, encode_ead(ead), key_schedule.additional_data(held.th_4))
        self._finish(Event.MESSAGE_4, held.session)
        return Message4(ciphertext).encode()

    def complete(self) -> Session:
        """Complete the session without message_4. Raises ``unexpected_message`` when the policy has one (CHN-580)."""
        self._require(Event.COMPLETE)
        assert isinstance(self._held, _Verified3)
        if self.config.policy.message_4:
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-580", "message_4 was not sent")
        return self._finish(Event.COMPLETE, self._held.session)

    def _finish(self, event: Event, session: Session) -> Session:
        self._held, self.session = None, session
        self._advance(event)
        return session

    def process_error(self, data: bytes) -> ErrorMessage:
        """Read an error message, which ends the session (CHN-970). Raises ``malformed``, which ends it too."""
        self._require(Event.ERROR)
        try:
            return ErrorMessage.decode(data)
        finally:
            self._held = None
            self._advance(Event.ERROR)

    def error_message(self, error: ProtocolError) -> bytes:
        """Return the error message to send for an error that a method of this session raised (CHN-530)."""
        return error_message(error, self._suites_r)

    def _fail(self) -> None:
        self._held = None
        self._advance(Event.REJECTED)
