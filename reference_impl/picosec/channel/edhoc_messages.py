"""The EDHOC messages: frozen structures beside their encoding (spec/v1/channel.md, RFC 9528 section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from picosec.channel.ead import EadItem, encode_ead, parse_ead
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads_sequence
from picosec.registry import Problem

#: Bytes of an ephemeral public key on P-256 and X25519.
KEY_LENGTH: Final = 32
#: COSE header parameter ``kid``.
KID: Final = 4

#: The identifiers that stand as integers: one byte, equal to the encoding of an integer from −24 to 23.
SHORT_IDENTIFIERS: Final = frozenset(bytes((byte,)) for byte in (*range(0x18), *range(0x20, 0x38)))

_BSTR_HEAD: Final = tuple(bytes((0x40 | n,)) if n < 24 else bytes((0x58, n)) for n in range(256))


def bstr(data: bytes) -> bytes:
    """Return ``data`` as a CBOR byte string."""
    length = len(data)
    return _BSTR_HEAD[length] + data if length < 256 else dumps(data)


def encode_identifier(identifier: bytes) -> bytes:
    """Return a connection identifier or ``kid`` as it stands in a message (CHN-050)."""
    return identifier if identifier in SHORT_IDENTIFIERS else bstr(identifier)


def decode_identifier(value: Any, requirement: str) -> bytes:
    """Return the identifier that the decoded item ``value`` stands for. Raises ``malformed``."""
    if type(value) is int and -24 <= value <= 23:
        return dumps(value)
    if type(value) is not bytes or value in SHORT_IDENTIFIERS:
        _malformed(requirement, "not an identifier")
    return value


def _malformed(requirement: str, detail: str) -> NoReturn:
    raise ProtocolError(Problem.MALFORMED, requirement, detail)


def encode_suites(suites: tuple[int, ...]) -> bytes:
    """Return one suite as an integer, more as an array."""
    return dumps(suites[0] if len(suites) == 1 else list(suites))


def parse_suites(value: Any, requirement: str) -> tuple[int, ...]:
    """Return the suites of a decoded item. Raises ``malformed``."""
    if type(value) is int:
        return (value,)
    if type(value) is not list or len(value) < 2 or any(type(suite) is not int for suite in value):
        _malformed(requirement, "suites are an integer or an array of two or more")
    return tuple(value)


def _single_bytes(data: bytes, requirement: str) -> bytes:
    items = loads_sequence(data)
    if len(items) != 1 or type(items[0]) is not bytes:
        _malformed(requirement, "the message is one byte string")
    return items[0]


@dataclass(frozen=True, slots=True)
class Message1:
    """``suites`` is SUITES_I, the selected suite last; ``g_x`` and ``c_i`` are raw bytes."""

    method: int
    suites: tuple[int, ...]
    g_x: bytes
    c_i: bytes
    ead: tuple[EadItem, ...] = ()

    @property
    def selected(self) -> int:
        """The suite for this session."""
        return self.suites[-1]

    def encode(self) -> bytes:
        """Return message_1."""
        head = dumps(self.method) + encode_suites(self.suites) + bstr(self.g_x) + encode_identifier(self.c_i)
        return head + encode_ead(self.ead) if self.ead else head

    @classmethod
    def decode(cls, data: bytes) -> Message1:
        """Read message_1. Raises ``malformed`` (CHN-010), ``not_deterministic`` or ``too_large``."""
        items = loads_sequence(data)
        if len(items) < 4 or type(items[0]) is not int or type(items[2]) is not bytes:
            _malformed("CHN-010", "message_1 is method, suites, key, identifier")
        suites = parse_suites(items[1], "CHN-010")
        c_i = decode_identifier(items[3], "CHN-010")
        return cls(items[0], suites, items[2], c_i, parse_ead(items[4:], "CHN-010") if len(items) > 4 else ())


@dataclass(frozen=True, slots=True)
class Message2:
    """The Responder's ephemeral key and the encrypted :class:`Plaintext2`."""

    g_y: bytes
    ciphertext: bytes

    def encode(self) -> bytes:
        """Return message_2."""
        return bstr(self.g_y + self.ciphertext)

    @classmethod
    def decode(cls, data: bytes) -> Message2:
        """Read message_2. Raises ``malformed`` (CHN-020), ``not_deterministic`` or ``too_large``."""
        content = _single_bytes(data, "CHN-020")
        if len(content) <= KEY_LENGTH:
            _malformed("CHN-020", "message_2 ends within the ephemeral key")
        return cls(content[:KEY_LENGTH], content[KEY_LENGTH:])


def compact_id_cred(id_cred: bytes) -> bytes:
    """Return an encoded ID_CRED_x map as it stands in a plaintext: a lone ``kid`` without its map."""
    if id_cred[:2] != b"\xa1\x04":
        return id_cred
    item = id_cred[2:]
    return item[1:] if item[0] == 0x41 and item[1:] in SHORT_IDENTIFIERS else item


def _expand_id_cred(value: Any, requirement: str) -> bytes:
    """Return the encoded ID_CRED_x map that the decoded item stands for. Raises ``malformed``."""
    if type(value) is not dict:
        return b"\xa1\x04" + bstr(decode_identifier(value, requirement))
    if not value or (len(value) == 1 and KID in value):
        _malformed(requirement, "ID_CRED is empty, or a lone kid inside a map")
    return dumps(value)


@dataclass(frozen=True, slots=True)
class Plaintext2:
    """What message_2 hides. ``id_cred`` is the encoded ID_CRED_R map, also where a lone ``kid`` stands without it."""

    c_r: bytes
    id_cred: bytes
    signature_or_mac: bytes
    ead: tuple[EadItem, ...] = ()

    def encode(self) -> bytes:
        """Return PLAINTEXT_2."""
        head = encode_identifier(self.c_r) + compact_id_cred(self.id_cred) + bstr(self.signature_or_mac)
        return head + encode_ead(self.ead) if self.ead else head

    @classmethod
    def decode(cls, data: bytes) -> Plaintext2:
        """Read PLAINTEXT_2. Raises ``malformed`` (CHN-020), ``not_deterministic`` or ``too_large``."""
        items = loads_sequence(data)
        if len(items) < 3 or type(items[2]) is not bytes:
            _malformed("CHN-020", "PLAINTEXT_2 is identifier, ID_CRED_R, signature or MAC")
        c_r = decode_identifier(items[0], "CHN-020")
        id_cred = _expand_id_cred(items[1], "CHN-020")
        return cls(c_r, id_cred, items[2], parse_ead(items[3:], "CHN-020") if len(items) > 3 else ())


@dataclass(frozen=True, slots=True)
class Message3:
    """The encrypted :class:`Plaintext3`."""

    ciphertext: bytes

    def encode(self) -> bytes:
        """Return message_3."""
        return bstr(self.ciphertext)

    @classmethod
    def decode(cls, data: bytes) -> Message3:
        """Read message_3. Raises ``malformed`` (CHN-010), ``not_deterministic`` or ``too_large``."""
        return cls(_single_bytes(data, "CHN-010"))


@dataclass(frozen=True, slots=True)
class Plaintext3:
    """What message_3 hides. ``id_cred`` is the encoded ID_CRED_I map, also where a lone ``kid`` stands without it."""

    id_cred: bytes
    signature_or_mac: bytes
    ead: tuple[EadItem, ...] = ()

    def encode(self) -> bytes:
        """Return PLAINTEXT_3."""
        head = compact_id_cred(self.id_cred) + bstr(self.signature_or_mac)
        return head + encode_ead(self.ead) if self.ead else head

    @classmethod
    def decode(cls, data: bytes) -> Plaintext3:
        """Read PLAINTEXT_3. Raises ``malformed`` (CHN-010), ``not_deterministic`` or ``too_large``."""
        items = loads_sequence(data)
        if len(items) < 2 or type(items[1]) is not bytes:
            _malformed("CHN-010", "PLAINTEXT_3 is ID_CRED_I, signature or MAC")
        id_cred = _expand_id_cred(items[0], "CHN-010")
        return cls(id_cred, items[1], parse_ead(items[2:], "CHN-010") if len(items) > 2 else ())


@dataclass(frozen=True, slots=True)
class Message4:
    """The encrypted EAD_4."""

    ciphertext: bytes

    def encode(self) -> bytes:
        """Return message_4."""
        return bstr(self.ciphertext)

    @classmethod
    def decode(cls, data: bytes) -> Message4:
        """Read message_4. Raises ``malformed`` (CHN-020), ``not_deterministic`` or ``too_large``."""
        return cls(_single_bytes(data, "CHN-020"))


def decode_plaintext_4(data: bytes) -> tuple[EadItem, ...]:
    """Read PLAINTEXT_4. Raises ``malformed`` (CHN-020), ``not_deterministic`` or ``too_large``."""
    return parse_ead(loads_sequence(data), "CHN-020")
