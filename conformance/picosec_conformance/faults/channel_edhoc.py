"""Faults of EDHOC: readers that read on, methods and suites that are nearly right, negotiation that gives way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Event
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from picosec.channel import authentication, edhoc_config, edhoc_messages, initiator, key_schedule, responder
from picosec.channel.credentials import initiator_usage, responder_usage
from picosec.channel.edhoc_config import METHODS, EdhocConfig
from picosec.channel.edhoc_messages import Message1, Message2, Message3, Message4, Plaintext2, Plaintext3
from picosec.channel.initiator import Initiator
from picosec.channel.session import Role
from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES, Signature
from picosec.crypto.vault import SoftwareVault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec.roles import handshakes
from picosec_conformance.faults import fault

# -- form -------------------------------------------------------------------------------------------------------------


@fault("CHN-010")
def waits_for_the_rest() -> None:
    """A reader made for streams: a datagram that ends too early makes it wait for more, and everybody with it."""
    original = Message1.decode

    def waiting(cls: type[Message1], data: bytes) -> Message1:
        try:
            edhoc_messages.loads_sequence(data)
        except ProtocolError as error:
            if error.problem is Problem.MALFORMED:
                Event().wait()
        return original(data)

    Message1.decode = classmethod(waiting)


@fault("CHN-010")
def reads_no_further_than_it_must() -> None:
    """What it needs was there, so it stops: bytes behind the message ride along, for whoever reads further."""
    single = edhoc_messages._single_bytes

    def first(data: bytes, requirement: str) -> bytes:
        item = edhoc_messages.loads_sequence(data)[:1]
        return item[0] if item and type(item[0]) is bytes else single(data, requirement)

    edhoc_messages._single_bytes = first


@fault("CHN-010")
def takes_a_kid_in_its_map() -> None:
    """The long form of the same thing is taken as well: two plaintexts, and two transcripts, for one credential."""
    original = edhoc_messages._expand_id_cred

    def lenient(value: Any, requirement: str) -> bytes:
        return dumps(value) if type(value) is dict and value else original(value, requirement)

    edhoc_messages._expand_id_cred = lenient


@fault("CHN-010")
def takes_any_array_of_suites() -> None:
    """One suite in an array is as good as one suite, says the parser; an empty array ends the process."""

    def lenient(value: Any, requirement: str) -> tuple[int, ...]:
        return tuple(value) if type(value) is list else (value,)

    edhoc_messages.parse_suites = lenient


@fault("CHN-020")
def trusts_the_length_of_message_2() -> None:
    """A pointer into the message before its length was looked at: a short answer ends the process."""

    def unchecked(cls: type[Message2], data: bytes) -> Message2:
        (content,) = edhoc_messages.loads_sequence(data)[:1]
        return cls(content[:32], content[32:])

    Message2.decode = classmethod(unchecked)


@fault("CHN-020")
def never_reads_what_message_4_hides() -> None:
    """The tag fits, and nothing is expected inside: whatever stands there is fine."""
    initiator.decode_plaintext_4 = lambda data: ()


def _leniently(*classes: Any) -> None:
    """Let messages of these classes come in any encoding."""

    def lenient_sequence(data: bytes) -> list[Any]:
        try:
            return list(cbor2.loads(b"\x9f" + data + b"\xff"))
        except Exception as error:
            raise ProtocolError(Problem.MALFORMED, "CHN-010") from error

    def lenient(original: Callable[[bytes], Any]) -> Callable[[Any, bytes], Any]:
        def decode(cls: Any, data: bytes) -> Any:
            strict, edhoc_messages.loads_sequence = edhoc_messages.loads_sequence, lenient_sequence
            try:
                return original(data)
            finally:
                edhoc_messages.loads_sequence = strict

        return decode

    for each in classes:
        each.decode = classmethod(lenient(each.decode))


@fault("CHN-030")
def responder_takes_any_encoding() -> None:
    """A decoder from the shelf: what was said in two ways is heard in one, and filters in front hear the other."""
    _leniently(Message1, Message3, Plaintext3)


@fault("CHN-040")
def initiator_takes_any_encoding() -> None:
    """The same on the other side, where the plaintext is not even authenticated when it is read."""
    _leniently(Message2, Plaintext2, Message4)


@fault("CHN-050")
def sends_a_short_identifier_as_bytes() -> None:
    """An identifier is a byte string, so a byte string is sent."""
    original = Plaintext2.encode

    def encode(self: Plaintext2) -> bytes:
        return edhoc_messages.bstr(self.c_r) + original(self)[len(edhoc_messages.encode_identifier(self.c_r)) :]

    Plaintext2.encode = encode


@fault("CHN-050")
def sends_the_kid_in_its_map() -> None:
    """The optimisation is left out: three bytes more, and a peer that follows the standard finds a broken message."""
    edhoc_messages.compact_id_cred = lambda id_cred: id_cred


# -- methods ----------------------------------------------------------------------------------------------------------


@fault("CHN-060")
def signs_over_a_short_mac() -> None:
    """The MAC inside a signature gets the length of the suite's MAC instead of the hash's."""
    authentication.mac_length = lambda usage, suite: suite.mac_length


@fault("CHN-060")
def repeats_its_keystream() -> None:
    """The derivation is wrong beyond its first block, which a kid and a MAC never reach (lakers had this once)."""
    original = key_schedule.keystream_2

    def short(prk_2e: bytes, th_2: bytes, length: int) -> bytes:
        return (original(prk_2e, th_2, length)[:32] * (length // 32 + 1))[:length]

    key_schedule.keystream_2 = short


@fault("CHN-070")
def mixes_up_the_mixed_methods() -> None:
    """Methods 1 and 2 the wrong way round: it works with a peer that made the same mistake."""
    other = {1: 2, 2: 1}
    for module in (edhoc_config, initiator, responder):
        module.initiator_usage = lambda method: initiator_usage(other.get(method, method))
        module.responder_usage = lambda method: responder_usage(other.get(method, method))


@fault("CHN-080")
def salts_with_the_wrong_label() -> None:
    """The salt of the second static key is derived with the label of the first, in lines that were copied."""

    def copied(prk_3e2m: bytes, th_3: bytes, g_iy: bytes) -> bytes:
        return key_schedule.prk_3e2m(prk_3e2m, th_3, g_iy)

    key_schedule.prk_4e3m = copied


@fault("CHN-090")
def leaves_the_static_key_of_the_responder_out() -> None:
    """The Responder's static secret never enters the keys: whoever answers first is the Responder."""
    key_schedule.prk_3e2m = lambda prk_2e, th_2, g_rx: prk_2e


@fault("CHN-100")
def looks_at_two_bits_of_the_method() -> None:
    """The method is used as it comes, and only its low bits matter (uoscore-uedhoc completed a method 8)."""
    original = Message1.decode

    def masked(cls: type[Message1], data: bytes) -> Message1:
        message = original(data)
        return replace(message, method=message.method & 3)

    Message1.decode = classmethod(masked)


@fault("CHN-100")
def takes_every_method_that_it_was_built_with() -> None:
    """The policy is read at the Initiator's side only: a method that was ruled out works when the peer begins."""
    original = EdhocConfig.__init__

    def generous(self: EdhocConfig, vault: Any, own: Any, trusted: Any, policy: Any) -> None:
        original(self, vault, own, trusted, replace(policy, methods=METHODS))

    EdhocConfig.__init__ = generous


# -- suites -----------------------------------------------------------------------------------------------------------


def _suite(number: int, **changes: Any) -> None:
    """Alter one suite in its place."""
    for name, value in changes.items():
        object.__setattr__(SUITES[number], name, value)


@fault("CHN-110")
def gives_suite_0_the_mac_of_suite_1() -> None:
    """One MAC length for both suites: twice as safe, and understood by nobody."""
    _suite(0, mac_length=16)


@fault("CHN-120")
def gives_suite_1_the_tag_of_suite_0() -> None:
    """The long tag costs eight bytes on each message, so the short one is used for both suites."""
    _suite(1, aead=Aead.AES_CCM_16_64_128)


@fault("CHN-130")
def signs_in_der() -> None:
    """ES256 signatures as the library gives them, in DER, where COSE wants r and s."""
    original = SoftwareVault.sign

    def sign(self: SoftwareVault, handle: Any, message: bytes) -> bytes:
        signature = original(self, handle, message)
        if self.public(handle).curve is not Curve.P256:
            return signature
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return encode_dss_signature(r, s)

    SoftwareVault.sign = sign


@fault("CHN-140")
def gives_the_channel_the_tag_of_the_handshake() -> None:
    """Suite 3 has two AEADs, and the one of the handshake is taken for both."""
    _suite(3, application_aead=Aead.AES_CCM_16_128_128)


@fault("CHN-150")
def gives_suite_4_a_short_mac() -> None:
    """A new suite gets the MAC length of those that were there before."""
    _suite(4, mac_length=8)


@fault("CHN-160")
def has_suite_5_on_the_curve_of_suite_4() -> None:
    """Two neighbours in a table, and a curve in the wrong row."""
    _suite(5, curve=Curve.X25519, signature=Signature.EDDSA)


@fault("CHN-170")
def signs_suite_6_with_eddsa() -> None:
    """X25519 goes with EdDSA, as it does in every other suite; suite 6 signs on P-256."""
    _suite(6, signature=Signature.EDDSA)


# -- negotiation ------------------------------------------------------------------------------------------------------


@fault("CHN-180")
def hides_what_it_prefers() -> None:
    """Only the selected suite is sent: the Responder cannot tell that an attacker's error message led there."""
    original = Initiator.__init__

    def forgetful(self: Initiator, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self._suites = self._suites[-1:]

    Initiator.__init__ = forgetful


@fault("CHN-190")
def keeps_its_suites_to_itself() -> None:
    """A wrong suite is an error like any other: the Initiator learns that it failed, and not how to succeed."""
    original = responder.error_message
    responder.error_message = lambda error, suites: original(error, ())


@fault("CHN-200")
def accepts_a_lower_suite() -> None:
    """The last suite is supported, so the rest is not read: one forged error takes two strong peers down to their
    weakest suite, as on TLS (compare CVE-2015-4000).
    """
    original = Message1.decode

    def selected_only(cls: type[Message1], data: bytes) -> Message1:
        message = original(data)
        return replace(message, suites=message.suites[-1:])

    Message1.decode = classmethod(selected_only)


@fault("CHN-210")
def names_one_suite_of_many() -> None:
    """The favourite alone is named, and an Initiator without it goes away though it has another one in common."""
    original = responder.error_message
    responder.error_message = lambda error, suites: original(error, suites[:1])


@fault("CHN-220")
def gives_up_at_the_first_refusal() -> None:
    """ERR_CODE 2 is the end, like the others: old devices and new ones never talk."""

    def refuse(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        raise ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-230")

    handshakes.next_suite = refuse


@fault("CHN-220")
def lets_the_peer_order_its_suites() -> None:
    """The first common suite of SUITES_R is taken: whoever writes the error message chooses the suite."""
    original = handshakes.next_suite

    def obedient(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        own = session.config.suites(Role.INITIATOR, session.method, session.kind)
        return original(session, [suite for suite in suites_r if suite in own][:1], tried)

    handshakes.next_suite = obedient


@fault("CHN-230")
def goes_round_in_circles() -> None:
    """Nobody remembers what was tried: two error messages in turn keep a battery busy until it is empty."""
    original = handshakes.next_suite
    handshakes.next_suite = lambda session, suites_r, tried: original(session, suites_r, ())


@fault("CHN-230")
def insists_on_its_favourite() -> None:
    """No suite in common: it starts over with the one that it likes best."""
    original = handshakes.next_suite

    def stubborn(session: Initiator, suites_r: Iterable[int], tried: Iterable[int]) -> int:
        own = session.config.suites(Role.INITIATOR, session.method, session.kind)
        theirs = set(suites_r)
        return original(session, theirs, tried) if theirs & set(own) else own[0]

    handshakes.next_suite = stubborn
