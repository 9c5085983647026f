"""Initiator side of the handshake (spec/v1/channel.md). Bytes, time and entropy come in; nothing is opened here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from picosec.channel import authentication, key_schedule
from picosec.channel.credentials import Credential, Kind, Usage, initiator_usage, responder_usage
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
    decode_plaintext_4,
    encode_identifier,
)
from picosec.channel.machine import Event, Label, Machine
from picosec.channel.peer import check_identifier, first_proven, usable
from picosec.channel.session import Role, Session
from picosec.crypto.aead import InvalidTag, open_, seal
from picosec.crypto.curves import Entropy, PublicKey, decode_public
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.registry import Problem


class State(Label):
    """Where the Initiator is."""

    START = "start"
    WAIT_MESSAGE_2 = "waits for message_2"
    VERIFIED_MESSAGE_2 = "has verified message_2"
    SENT_MESSAGE_3 = "has sent message_3"
    COMPLETE = "complete"
    FAILED = "failed"


#: The whole machine. The docs draw it; test_edhoc_machines.py visits every cell.
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.START, Event.MESSAGE_1): State.WAIT_MESSAGE_2,
    (State.WAIT_MESSAGE_2, Event.MESSAGE_2): State.VERIFIED_MESSAGE_2,
    (State.WAIT_MESSAGE_2, Event.ERROR): State.FAILED,
    (State.WAIT_MESSAGE_2, Event.REJECTED): State.FAILED,
    (State.VERIFIED_MESSAGE_2, Event.MESSAGE_3): State.SENT_MESSAGE_3,
    (State.SENT_MESSAGE_3, Event.MESSAGE_4): State.COMPLETE,
    (State.SENT_MESSAGE_3, Event.COMPLETE): State.COMPLETE,
    (State.SENT_MESSAGE_3, Event.ERROR): State.FAILED,
    (State.SENT_MESSAGE_3, Event.REJECTED): State.FAILED,
}


@dataclass(frozen=True, slots=True, repr=False)
class _Sent1:
    """Held from message_1 on."""

    message_1: bytes
    ephemeral: Handle


@dataclass(frozen=True, slots=True, repr=False)
class _Verified2:
    """Held from message_2 on."""

    g_y: PublicKey
    c_r: bytes
    peer: Credential
    prk_3e2m: bytes
    th_3: bytes
    ead: tuple[EadItem, ...]


@dataclass(frozen=True, slots=True, repr=False)
class _Sent3:
    """Held from message_3 on."""

    prk_4e3m: bytes
    th_4: bytes
    session: Session


class Initiator(Machine[State]):
    """One session, from message_1 to keys.

    ``selected`` is the suite to select, the most preferred one when left out; ``kind`` restricts the choice among own
    credentials. A method that raises ``ProtocolError`` because of what came from the peer ends the session and forgets
    its secrets; one that raises ``unexpected_message`` changes nothing.

    Raises ``unsupported_method`` or ``unsupported_suite`` when no own credential can serve.
    """

    __slots__ = ("_entropy", "_held", "_own", "_suites", "c_i", "c_r", "config", "kind", "method", "session", "suite")

    transitions: ClassVar = TRANSITIONS

    def __init__(
        self,
        config: EdhocConfig,
        method: int,
        c_i: bytes,
        entropy: Entropy,
        selected: int | None = None,
        kind: Kind | None = None,
    ) -> None:
        suites = config.suites(Role.INITIATOR, method, kind)
        if not suites:
            raise ProtocolError(Problem.UNSUPPORTED_METHOD, "CHN-100", f"method {method}")
        number = suites[0] if selected is None else selected
        own = config.own(Role.INITIATOR, method, number, kind)
        if own is None:
            raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-230", f"suite {number}")
        self.config, self.method, self.c_i, self.kind = config, method, c_i, kind
        self.suite = SUITES[number]
        check_identifier(c_i, self.suite)
        self._suites = suites[: suites.index(number) + 1]
        self._own = own
        self._entropy = entropy
        self._held: _Sent1 | _Verified2 | _Sent3 | None = None
        #: What the peer's message_2 said, verified or not: an error message is sent under it.
        self.c_r: bytes | None = None
        #: The result, once the state is COMPLETE.
        self.session: Session | None = None
        self.state = State.START

    def prepare_message_1(self, ead: Iterable[EadItem] = ()) -> bytes:
        """Return message_1 with a new ephemeral key (CHN-180, CHN-280)."""
        self._require(Event.MESSAGE_1)
        vault = self.config.vault
        ephemeral = vault.generate(self.suite.curve, self._entropy)
        message = Message1(self.method, self._suites, vault.public(ephemeral).x, self.c_i, tuple(ead)).encode()
        self._held = _Sent1(message, ephemeral)
        self._advance(Event.MESSAGE_1)
        return message

    def process_message_2(self, data: bytes, time: float | None = None) -> Credential:
        """Verify message_2 and return the peer's credential; ``time`` is in seconds since 1970, if known.

        Raises ``malformed``, ``not_deterministic``, ``too_large``, ``bad_key``, ``bad_identifier``,
        ``unknown_credential``, ``bad_credential``, ``authentication_failed``, ``critical_ead``: the first that
        applies in this order of checks.
        """
        self._require(Event.MESSAGE_2)
        assert isinstance(self._held, _Sent1)
        try:
            verified = self._verify_message_2(self._held, data, time)
        except ProtocolError:
            self._fail()
            raise
        self._held = verified
        self._advance(Event.MESSAGE_2)
        return verified.peer

    def _verify_message_2(self, held: _Sent1, data: bytes, time: float | None) -> _Verified2:
        config, suite = self.config, self.suite
        message = Message2.decode(data)
        g_y = decode_public(suite.curve, message.g_y, requirement="CHN-250")
        th_2 = key_schedule.th_2(message.g_y, held.message_1)
        prk_2e = key_schedule.prk_2e(th_2, config.vault.agree(held.ephemeral, g_y))
        ciphertext = message.ciphertext
        keystream = key_schedule.keystream_2(prk_2e, th_2, len(ciphertext))
        encoded = key_schedule.xor(ciphertext, keystream)

        plaintext = Plaintext2.decode(encoded)
        c_r, id_cred, proof = plaintext.c_r, plaintext.id_cred, plaintext.signature_or_mac
        self.c_r = c_r
        check_identifier(c_r, suite, "CHN-1020")
        if c_r == self.c_i:
            raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-300", "C_R equals C_I")

        usage = responder_usage(self.method)
        authentication.check_length(proof, usage, suite, "CHN-510")
        length = authentication.mac_length(usage, suite)
        encoded_c_r, ead = encode_identifier(c_r), encode_ead(plaintext.ead) if plaintext.ead else b""

        def check(peer: Credential) -> tuple[Credential, bytes]:
            prk_3e2m = prk_2e
            if usage is Usage.STATIC_DH:
                prk_3e2m = key_schedule.prk_3e2m(prk_2e, th_2, config.vault.agree(held.ephemeral, peer.key))
            mac = key_schedule.mac_2(prk_3e2m, encoded_c_r, id_cred, th_2, peer.cred, ead, length)
            authentication.check(usage, peer, proof, mac, id_cred, th_2, ead, "CHN-510")
            return peer, prk_3e2m

        peer, prk_3e2m = first_proven(usable(config, Role.INITIATOR, id_cred, usage, suite, time), check)
        items = understood(plaintext.ead, config.policy.ead_labels, "CHN-350") if ead else ()
        th_3 = key_schedule.th_3(th_2, encoded, peer.cred)
        return _Verified2(g_y, c_r, peer, prk_3e2m, th_3, items)

    def prepare_message_3(self, ead: Iterable[EadItem] = ()) -> bytes:
        """Return message_3."""
        self._require(Event.MESSAGE_3)
        held, suite, own = self._held, self.suite, self._own
        assert isinstance(held, _Verified2)
        vault, th_3 = self.config.vault, held.th_3
        usage, prk_4e3m = initiator_usage(self.method), held.prk_3e2m
        if usage is Usage.STATIC_DH:
            prk_4e3m = key_schedule.prk_4e3m(prk_4e3m, th_3, vault.agree(own.handle, held.g_y))
        items = tuple(ead)
        encoded_ead = encode_ead(items)
        length = authentication.mac_length(usage, suite)
        mac = key_schedule.mac_3(prk_4e3m, own.id_cred, th_3, own.cred, encoded_ead, length)
        proof = authentication.prove(usage, vault, own.handle, mac, own.id_cred, th_3, own.cred, encoded_ead)
        plaintext = Plaintext3(own.id_cred, proof, items).encode()
        key, nonce = key_schedule.key_and_nonce(held.prk_3e2m, 3, th_3, suite.aead)
        ciphertext = seal(suite.aead, key, nonce, plaintext, key_schedule.additional_data(th_3))

        th_4 = key_schedule.th_4(th_3, plaintext, own.cred)
        prk_out = key_schedule.prk_out(prk_4e3m, th_4)
        session = Session(Role.INITIATOR, self.method, suite.number, self.c_i, held.c_r, held.peer, prk_out, held.ead)
        self._held = _Sent3(prk_4e3m, th_4, session)
        self._advance(Event.MESSAGE_3)
        return Message3(ciphertext).encode()

    def process_message_4(self, data: bytes) -> Session:
        """Verify message_4 and return the completed session.

        Raises ``malformed``, ``not_deterministic``, ``too_large``, ``authentication_failed``, ``critical_ead``.
        """
        self._require(Event.MESSAGE_4)
        held = self._held
        assert isinstance(held, _Sent3)
        try:
            message = Message4.decode(data)
            key, nonce = key_schedule.key_and_nonce(held.prk_4e3m, 8, held.th_4, self.suite.aead)
            try:
                plaintext = open_(
                    self.suite.aead, key, nonce, message.ciphertext, key_schedule.additional_data(held.th_4)
                )
            except InvalidTag as error:
                raise authentication.failed("CHN-990") from error
            items = understood(decode_plaintext_4(plaintext), self.config.policy.ead_labels, "CHN-350")
        except ProtocolError:
            self._fail()
            raise
        return self._finish(Event.MESSAGE_4, replace(held.session, ead=held.session.ead + items))

    @property
    def unconfirmed(self) -> Session:
        """What message_3 leads to, before the peer showed the same keys. Raises ``unexpected_message``."""
        self._require(Event.COMPLETE)
        assert isinstance(self._held, _Sent3)
        return self._held.session

    def complete(self) -> Session:
        """Complete the session without message_4. Raises ``unexpected_message`` when the policy has one (CHN-590)."""
        self._require(Event.COMPLETE)
        assert isinstance(self._held, _Sent3)
        if self.config.policy.message_4:
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-590", "message_4 has not come")
        return self._finish(Event.COMPLETE, self._held.session)

    def _finish(self, event: Event, session: Session) -> Session:
        self._held, self.session = None, session
        self._advance(event)
        return session

    def process_error(self, data: bytes) -> ErrorMessage:
        """Read an error message, which ends the session. Raises ``malformed``, which ends it too."""
        self._require(Event.ERROR)
        try:
            return ErrorMessage.decode(data)
        finally:
            self._held = None
            self._advance(Event.ERROR)

    def error_message(self, error: ProtocolError) -> bytes:
        """Return the error message to send for an error that a method of this session raised."""
        return error_message(error, ())

    def _fail(self) -> None:
        self._held = None
        self._advance(Event.REJECTED)


def next_suite(initiator: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
    """Return the suite to select after an error message with SUITES_R (CHN-220).

    Raises ``unsupported_suite`` when none is common, or the choice is among those ``tried`` (CHN-230).
    """
    theirs = set(suites_r)
    own = initiator.config.suites(Role.INITIATOR, initiator.method, initiator.kind)
    common = next((suite for suite in own if suite in theirs), None)
    if common is None or common in tried:
        raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-230", f"the peer has {sorted(theirs)}, this endpoint {own}")
    return common
