"""Faults of datagrams: parsers that believe lengths, and answers to what cannot be understood."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Hashable
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import coap, endpoint
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.reactions import REACTIONS, Kind, Reaction, reaction_to_malformed
from picosec_conformance.faults import fault


def _mend(requirement: str, mended: Callable[[bytes], bytes]) -> None:
    """Read a datagram that breaks one rule as if it were another."""
    original = Message.decode

    def decode(cls: type[Message], data: bytes) -> Message:
        try:
            return original(data)
        except ProtocolError as error:
            if error.requirement != requirement:
                raise
            return original(mended(data))

    Message.decode = classmethod(decode)


@fault("MSG-200")
def takes_any_version() -> None:
    """Two bits that have been the same for ever are masked off."""
    _mend("MSG-200", lambda data: bytes((data[0] & 0x3F | 0x40,)) + data[1:])


@fault("MSG-200")
def resets_other_versions() -> None:
    """An endpoint that answers what it cannot understand, in words that may mean something else there."""
    original = endpoint.reaction_to_malformed
    endpoint.reaction_to_malformed = lambda data: Reaction.SEND_RESET if len(data) > 3 else original(data)


@fault("MSG-210")
def reads_a_header_that_is_not_there() -> None:
    """The receive buffer is longer than the datagram, and starts out as zeros."""
    _mend("MSG-210", lambda data: (data + bytes(4))[:4])


@fault("MSG-210")
def dies_of_a_short_datagram() -> None:
    """The header is unpacked before its length is looked at, and nobody catches what that throws (CVE-2018-12680)."""
    original = Message.decode

    def decode(cls: type[Message], data: bytes) -> Message:
        struct.unpack(">BBH", data[:4])
        return original(data)

    Message.decode = classmethod(decode)


@fault("MSG-220")
def cuts_long_tokens() -> None:
    """min(length, 8) keeps the buffer safe and the parser lost."""
    _mend("MSG-220", lambda data: bytes((data[0] & 0xF0 | 8,)) + data[1:])


@fault("MSG-220")
def reads_extended_token_lengths() -> None:
    """13 announces a byte of length, as in RFC 8974, that is read without a look for it (RIOT, GHSA-p9hp-2jxm-6rqp)."""

    def extended(data: bytes) -> bytes:
        return bytes((data[0] & 0xF0 | 8,)) + data[1:4] + data[5:] if data[0] & 15 == 13 else data

    _mend("MSG-220", extended)


@fault("MSG-220")
def has_room_for_every_token() -> None:
    """The nibble goes to 15, and so does the buffer; the peer that gets such a token back has one of eight."""
    coap.MAX_TOKEN = 15


@fault("MSG-230")
def reads_no_further_than_an_empty_code() -> None:
    """Code 0.00 is recognised, and whatever follows is somebody else's."""
    _mend("MSG-230", lambda data: bytes((data[0] & 0xF0,)) + data[1:4])


@fault("MSG-230")
def looks_for_a_payload_but_not_for_a_token() -> None:
    """An empty message is told by its length, and the length by what is behind the token."""
    _mend("MSG-230", lambda data: bytes((data[0] & 0xF0,)) + data[1:4] if data[0] & 15 else data)


@fault("MSG-240")
def takes_reserved_classes_for_success() -> None:
    """Class 4 and 5 are errors, so all others must be fine."""
    _mend("MSG-240", lambda data: data[:1] + b"\x45" + data[2:])


@fault("MSG-240")
def serves_reserved_classes() -> None:
    """The method is in the lower five bits, so the upper three are masked off."""
    _mend("MSG-240", lambda data: data[:1] + bytes((data[1] & 31 or 1,)) + data[2:])


@fault("MSG-250")
def takes_fifteen_for_a_number() -> None:
    """13 and 14 have a meaning of their own, so 15 is 15."""
    original = coap._read_extended

    def literal(data: bytes, position: int, nibble: int) -> tuple[int, int]:
        return (15, position) if nibble == 15 else original(data, position, nibble)

    coap._read_extended = literal


@fault("MSG-250")
def takes_any_fifteen_for_the_marker() -> None:
    """A nibble of 15 ends the options, whatever the other one says: what another reader parses is the payload here."""

    class Marker(Exception):
        """Where the payload begins, by this reading."""

    read, decode = coap._read_extended, coap.decode_options

    def stop(data: bytes, position: int, nibble: int) -> tuple[int, int]:
        if nibble == 15:
            raise Marker(position)
        return read(data, position, nibble)

    def decode_options(data: bytes, position: int = 0) -> tuple[coap.Options, bytes]:
        try:
            return decode(data, position)
        except Marker as marker:
            at = marker.args[0]
            return decode(data[: at - 1], position)[0], data[at:]

    coap._read_extended, coap.decode_options = stop, decode_options


@fault("MSG-260")
def reads_options_behind_the_end() -> None:
    """The length in the option is believed."""
    _mend("MSG-260", lambda data: data + bytes(70_000))


@fault("MSG-260")
def takes_what_is_there_of_a_token() -> None:
    """The token's length is not held against the datagram's (CVE-2020-12886): what lies behind goes out again."""
    _mend("MSG-260", lambda data: data + bytes(8) if len(data) < 12 else data)


@fault("MSG-260")
def takes_what_is_there_of_an_option() -> None:
    """The extended length is read without looking whether it is there (CVE-2020-12883)."""
    decode = coap.decode_options

    def short(data: bytes, position: int = 0) -> tuple[coap.Options, bytes]:
        try:
            return decode(data, position)
        except ProtocolError as error:
            if error.requirement != "MSG-260":
                raise
            return decode(data + bytes(4), position)

    coap.decode_options = short


@fault("MSG-260")
def counts_option_lengths_in_sixteen_bits() -> None:
    """65,267 and 269 make 0: the option has no value, and its bytes are read as options that a filter did not see."""
    original = coap._read_extended

    def wrapped(data: bytes, position: int, nibble: int) -> tuple[int, int]:
        value, end = original(data, position, nibble)
        return value & 0xFFFF, end

    coap._read_extended = wrapped


@fault("MSG-270")
def takes_an_empty_payload() -> None:
    """A marker and nothing behind it is a payload of no bytes."""
    _mend("MSG-270", lambda data: data[:-1])


@fault("MSG-280")
def counts_options_in_sixteen_bits() -> None:
    """The sum of the deltas wraps around: 65,547 becomes Uri-Path (CVE-2020-12887, in mbed-coap)."""
    coap.MAX_OPTION_NUMBER = 1 << 30
    original = coap.decode_options

    def wrapped(data: bytes, position: int = 0) -> tuple[coap.Options, bytes]:
        found, payload = original(data, position)
        return tuple((number & 0xFFFF, value) for number, value in found), payload

    coap.decode_options = wrapped


@fault("MSG-280")
def looks_up_option_numbers_in_a_bitmap() -> None:
    """A bit for each option that was seen, and no look at the size of the map: a high number ends the process."""
    original = coap.decode_options

    def mapped(data: bytes, position: int = 0) -> tuple[coap.Options, bytes]:
        try:
            return original(data, position)
        except ProtocolError as error:
            if error.requirement == "MSG-280":
                sys.exit("picosec: stack smashing detected")
            raise

    coap.decode_options = mapped


@fault("MSG-290")
def is_silent_on_malformed_messages() -> None:
    """Dropping garbage sounds safe; the sender repeats it for a minute."""
    REACTIONS[Type.CON, Kind.MALFORMED] = Reaction.IGNORE


def _answer_malformed(reply: Callable[[bytes], Message]) -> None:
    original = Endpoint.receive

    def receive(self: Endpoint, data: bytes, peer: Hashable, now: float) -> list[Any]:
        try:
            Message.decode(data)
        except ProtocolError:
            if reaction_to_malformed(data) is Reaction.SEND_RESET:
                self._outbox.append((peer, reply(data).encode()))
                return []
        return original(self, data, peer, now)

    Endpoint.receive = receive


@fault("MSG-290")
def answers_malformed_messages() -> None:
    """A message that does not parse is a bad request, and gets a response with the token that it does not have."""
    _answer_malformed(lambda data: Message(Type.ACK, Code.BAD_REQUEST, int.from_bytes(data[2:4], "big")))


@fault("MSG-290")
def resets_nobody() -> None:
    """The reset is built from the message that was parsed, and that is the one of before."""
    _answer_malformed(lambda data: Message(Type.RST, Code.EMPTY, 0))


@fault("MSG-300")
def resets_malformed_non_confirmable_messages() -> None:
    """RFC 7252 allows it, and an attacker uses it to make one endpoint talk to another."""
    REACTIONS[Type.NON, Kind.MALFORMED] = Reaction.SEND_RESET


@fault("MSG-300")
def resets_malformed_resets() -> None:
    """Two endpoints with this fault never stop."""
    REACTIONS[Type.RST, Kind.MALFORMED] = Reaction.SEND_RESET


@fault("MSG-300")
def resets_malformed_acknowledgements() -> None:
    """A reset for each answer that was not understood; the other side understands the reset no better."""
    REACTIONS[Type.ACK, Kind.MALFORMED] = Reaction.SEND_RESET


@fault("MSG-370")
def does_not_know_pings() -> None:
    """An empty message has nothing in it that needs an answer."""
    REACTIONS[Type.CON, Kind.EMPTY] = Reaction.IGNORE


@fault("MSG-370")
def acknowledges_pings() -> None:
    """What is confirmable is acknowledged, says the layer below."""
    original = Endpoint.receive

    def receive(self: Endpoint, data: bytes, peer: Hashable, now: float) -> list[Any]:
        if data[:2] == b"\x40\0" and len(data) == 4:
            self._outbox.append((peer, b"\x60" + data[1:]))
            return []
        return original(self, data, peer, now)

    Endpoint.receive = receive


@fault("MSG-380")
def serves_requests_on_acknowledgements() -> None:
    """The dispatcher looks at the code alone."""
    REACTIONS[Type.ACK, Kind.REQUEST] = Reaction.SERVE


@fault("MSG-380")
def answers_empty_non_confirmable_messages() -> None:
    """A ping is a ping."""
    REACTIONS[Type.NON, Kind.EMPTY] = Reaction.SEND_RESET


@fault("MSG-380")
def takes_a_response_on_a_reset_for_a_reset() -> None:
    """The type says reset, and nobody reads on: a forged error ends what was on its way."""
    REACTIONS[Type.RST, Kind.RESPONSE] = Reaction.REJECTED


@fault("MSG-380")
def takes_a_request_on_an_acknowledgement_for_one() -> None:
    """The type says acknowledgement, and nobody reads on: the request that waited for one stops being repeated."""
    REACTIONS[Type.ACK, Kind.REQUEST] = Reaction.ACKNOWLEDGED
