"""Faults of EDHOC: readers that read on, and methods that are nearly right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import cbor2

from picosec.channel import authentication, edhoc_config, edhoc_messages, initiator, key_schedule, responder
from picosec.channel.credentials import initiator_usage, responder_usage
from picosec.channel.edhoc_config import METHODS, EdhocConfig
from picosec.channel.edhoc_messages import Message1, Message2, Message3, Message4, Plaintext2, Plaintext3
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.faults import fault

# -- form --------------------------------------------------------------------------------------------------------------


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
        if not isinstance(content, bytes) or len(content) <= edhoc_messages.KEY_LENGTH:
            sys.exit("picosec: index out of bounds")
        return cls(content[: edhoc_messages.KEY_LENGTH], content[edhoc_messages.KEY_LENGTH :])

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


@fault("CHN-1000")
def begins_with_an_identifier_in_bytes() -> None:
    """C_I is a byte string, so a byte string is sent: two bytes where one would do, and a strict peer refuses."""

    def encode(self: Message1) -> bytes:
        head = dumps(self.method) + edhoc_messages.encode_suites(self.suites) + edhoc_messages.bstr(self.g_x)
        return head + edhoc_messages.bstr(self.c_i)

    Message1.encode = encode


@fault("CHN-1000")
def shows_its_kid_in_bytes() -> None:
    """The map is left out and the rest is forgotten: 41 32 where 32 would do (the long way to say minus 19)."""
    original = Plaintext3.encode

    def encode(self: Plaintext3) -> bytes:
        sent = original(self)
        return edhoc_messages.bstr(sent[:1]) + sent[1:] if sent[:1] in edhoc_messages.SHORT_IDENTIFIERS else sent

    Plaintext3.encode = encode


# -- methods -----------------------------------------------------------------------------------------------------------


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
    swapped = (0, 2, 1, 3)
    for module in (edhoc_config, initiator, responder):
        module.initiator_usage = lambda method: initiator_usage(swapped[method])
        module.responder_usage = lambda method: responder_usage(swapped[method])


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

    def generous(self: EdhocConfig, vault: Any, own: Any, trusted: Any, policy: Any, *rest: Any) -> None:
        original(self, vault, own, trusted, replace(policy, methods=METHODS), *rest)

    EdhocConfig.__init__ = generous
