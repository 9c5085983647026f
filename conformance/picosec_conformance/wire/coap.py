"""Scapy layers for CoAP messages (RFC 7252) and the OSCORE option (RFC 8613 section 6.1).

They read what a peer sent, and build what no peer should send: a field that is given is put on the wire as it is.

>>> bytes(CoAP(token_length=9, code=1, message_id=1)).hex()
'49010001'
"""

from __future__ import annotations

from typing import ClassVar

from scapy.base_classes import BasePacket
from scapy.fields import (
    BitEnumField,
    BitField,
    BitFieldLenField,
    ByteEnumField,
    ConditionalField,
    FieldLenField,
    PacketListField,
    StrField,
    StrLenField,
    XByteField,
    XShortField,
)
from scapy.packet import Packet

from picosec_conformance.wire.names import CODES, TYPES

_EXTENSION = {13: (1, 13), 14: (2, 269)}  # nibble: size of the extension in bytes, what it starts counting from


def _extension_size(nibble: int) -> int:
    return _EXTENSION.get(nibble, (0, 0))[0]


class _Plain(Packet):
    """A structure inside a message: what follows it belongs to whatever it stands in."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class Option(_Plain):
    """One option as it is encoded: nibbles and their extensions, ``option()`` computes them."""

    name = "CoAP option"
    fields_desc: ClassVar = [
        BitField("delta", 0, 4),
        BitField("length", 0, 4),
        StrLenField("delta_extension", b"", length_from=lambda p: _extension_size(p.delta)),
        StrLenField("length_extension", b"", length_from=lambda p: _extension_size(p.length)),
        StrLenField("value", b"", length_from=lambda p: p.claimed_length),
    ]

    @property
    def claimed_delta(self) -> int:
        """The delta that nibble and extension stand for."""
        return _join(self.delta, self.delta_extension)

    @property
    def claimed_length(self) -> int:
        """The length that nibble and extension stand for, whatever follows. Zero for the reserved nibble 15."""
        return 0 if 15 in (self.delta, self.length) else _join(self.length, self.length_extension)

    @property
    def broken(self) -> str:
        """Why nothing behind this option can be read, empty if it is whole."""
        if 15 in (self.delta, self.length):
            return "an option with the reserved nibble 15"
        if len(self.delta_extension) < _extension_size(self.delta):
            return "the data ends inside an option delta"
        if len(self.length_extension) < _extension_size(self.length):
            return "the data ends inside an option length"
        if len(self.value) < self.claimed_length:
            return f"an option of {self.claimed_length} bytes, but {len(self.value)} follow"
        return ""


def _join(nibble: int, extension: bytes) -> int:
    return _EXTENSION.get(nibble, (0, nibble))[1] + int.from_bytes(extension)


def _split(number: int) -> tuple[int, bytes]:
    if number < 13:
        return number, b""
    if number < 269:
        return 13, bytes([number - 13])
    return 14, (number - 269).to_bytes(2)


def option(delta: int, value: bytes = b"", length: int | None = None) -> Option:
    """Return an option ``delta`` behind the previous one; ``length`` lies about the size of the value."""
    delta_nibble, delta_extension = _split(delta)
    length_nibble, length_extension = _split(len(value) if length is None else length)
    return Option(
        delta=delta_nibble,
        length=length_nibble,
        delta_extension=delta_extension,
        length_extension=length_extension,
        value=value,
    )


def options(*pairs: tuple[int, bytes]) -> list[Option]:
    """Return the options for pairs of number and value, given in ascending order of number."""
    numbers = [0, *(number for number, _ in pairs)]
    return [option(number - before, value) for before, (number, value) in zip(numbers, pairs, strict=False)]


#: More options than this are not shown one by one; a hostile datagram can hold 65,000.
MOST_OPTIONS = 1000


def _next_option(_packet: Packet, found: list[BasePacket], last: Packet | None, rest: bytes) -> type[Packet] | None:
    unreadable = isinstance(last, Option) and last.broken
    return None if not rest or rest[0] == 0xFF or unreadable or len(found) >= MOST_OPTIONS else Option


class Payload(_Plain):
    """Payload marker and payload."""

    name = "CoAP payload"
    fields_desc: ClassVar = [XByteField("marker", 0xFF), StrField("data", b"")]


class CoAP(Packet):
    """A message on a datagram: ``CoAP(type=0, code=1, options=options((11, b"ps"))) / Payload(data=b"x")``."""

    name = "CoAP"
    fields_desc: ClassVar = [
        BitField("version", 1, 2),
        BitEnumField("type", 0, 2, TYPES),
        BitFieldLenField("token_length", None, 4, length_of="token"),
        ByteEnumField("code", 0, CODES),
        XShortField("message_id", 0),
        StrLenField("token", b"", length_from=lambda p: p.token_length),
        PacketListField("options", [], next_cls_cb=_next_option, max_count=MOST_OPTIONS + 2),
    ]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Tell the payload marker from bytes behind a broken option."""
        return Payload if payload[:1] == b"\xff" else self.default_payload_class(payload)


class OscoreOption(_Plain):
    """Value of the OSCORE option: flag bits, Partial IV, kid context, kid. An empty value means all flags zero."""

    name = "OSCORE option"
    fields_desc: ClassVar = [
        BitField("reserved", 0, 3),
        BitField("has_kid_context", 0, 1),
        BitField("has_kid", 0, 1),
        BitFieldLenField("piv_length", None, 3, length_of="piv"),
        StrLenField("piv", b"", length_from=lambda p: p.piv_length),
        ConditionalField(
            FieldLenField("kid_context_length", None, length_of="kid_context", fmt="B"), lambda p: p.has_kid_context
        ),
        ConditionalField(
            StrLenField("kid_context", b"", length_from=lambda p: p.kid_context_length), lambda p: p.has_kid_context
        ),
        StrField("kid", b""),
    ]
