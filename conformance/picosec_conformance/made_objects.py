"""Objects that a target made, held against the grammar, and opened with the keys that they name (OBJ-370)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature, InvalidTag

from picosec.crypto.curves import Curve, decode_public
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec_conformance.objects import (
    ALG,
    ALGORITHMS,
    CLAIMS,
    CONTENT_TYPE,
    ECDH_ES,
    ENCRYPT,
    ENCRYPT0,
    ENDS,
    EPHEMERAL,
    ISSUED,
    IV,
    KID,
    NUMBER,
    RECIPIENT,
    SIGN1,
    TYP,
    Group,
    Key,
    derived,
)
from picosec_conformance.target import Nonconformity


@dataclass(frozen=True, slots=True)
class Opened:
    """What an object says. ``nonce`` and ``ephemeral`` are empty unless it was encrypted, or sealed."""

    content_format: int
    contents: bytes
    recipient: bytes
    number: int
    issued: int
    ends: int | None
    purpose: int
    nonce: bytes = b""
    ephemeral: bytes = b""


def open_signed(data: bytes, signer: Key) -> Opened:
    """Verify a signed object and return what it says. Raises ``Nonconformity``."""
    protected, unprotected, payload, signature = _parts(data, SIGN1, 4)
    header = _header(protected, {ALG, CONTENT_TYPE, KID, CLAIMS, TYP})
    claims = header[CLAIMS]
    expect(unprotected == {}, "a signed object has nothing in its unprotected header")
    expect(same(header[ALG], -8 if signer.curve is Curve.ED25519 else -7), "alg is that of the key")
    expect(header[KID] == signer.kid, "kid names the key of the sender")
    expect(type(header[CONTENT_TYPE]) is int, "the content type is a number")
    expect(type(claims) is dict and {ISSUED, RECIPIENT, NUMBER} <= set(claims) <= {ENDS, ISSUED, RECIPIENT, NUMBER}, "")
    numbers = (ISSUED, NUMBER, ENDS) if ENDS in claims else (ISSUED, NUMBER)
    expect(all(type(claims[each]) is int and claims[each] >= 0 for each in numbers), "times and numbers are unsigned")
    expect(type(payload) is bytes and type(signature) is bytes and len(signature) == 64, "a signature has 64 bytes")
    try:
        signer.public.verify(signature, dumps(["Signature1", protected, b"", payload]))
    except InvalidSignature:
        raise Nonconformity("the signature does not verify") from None
    return Opened(
        header[CONTENT_TYPE],
        payload,
        claims[RECIPIENT],
        claims[NUMBER],
        claims[ISSUED],
        claims.get(ENDS),
        header[TYP],
    )


def open_sealed(data: bytes, reader: Key, content_type: int = SIGN1) -> tuple[bytes, bytes, dict[Any, Any]]:
    """Decrypt what is sealed, a signed object or something else; its contents, nonce and ephemeral key.

    Raises ``Nonconformity``.
    """
    protected, unprotected, ciphertext, recipients = _parts(data, ENCRYPT, 4)
    header = _header(protected, {ALG, CONTENT_TYPE, TYP})
    _judge_outer(header, unprotected, reader.purpose, content_type)
    expect(type(recipients) is list and len(recipients) == 1 and len(recipients[0]) == 3, "there is one recipient")
    agreement, named, wrapped = recipients[0]
    expect(_header(agreement, {ALG}) == {ALG: ECDH_ES} and wrapped == b"", "the key is agreed on by ECDH-ES")
    expect(set(named) == {KID, EPHEMERAL} and named[KID] == reader.kid, "the recipient is the reader's key")
    key = derived(header[ALG], reader.kid, agreement, _secret(named[EPHEMERAL], reader))
    contents = _decrypted("Encrypt", header[ALG], key, unprotected[IV], ciphertext, protected)
    return contents, unprotected[IV], named[EPHEMERAL]


def open_grouped(data: bytes, group: Group) -> tuple[bytes, bytes]:
    """Decrypt a group object; its contents and its nonce. Raises ``Nonconformity``."""
    protected, unprotected, ciphertext = _parts(data, ENCRYPT0, 3)
    header = _header(protected, {ALG, CONTENT_TYPE, KID, TYP})
    _judge_outer(header, unprotected, group.purpose)
    expect(header[KID] == group.kid and same(header[ALG], group.algorithm), "kid and alg are those of the group's key")
    contents = _decrypted("Encrypt0", group.algorithm, group.key, unprotected[IV], ciphertext, protected)
    return contents, unprotected[IV]


def expect(holds: bool, what: str) -> None:
    """Raise ``Nonconformity`` with what the grammar says, unless it holds."""
    if not holds:
        raise Nonconformity(f"the target made an object that is not as the grammar has it: {what}")


def same(value: Any, number: int) -> bool:
    """Whether a value is this integer, and not another that equals it."""
    return type(value) is int and value == number


def _judge_outer(header: dict[Any, Any], unprotected: Any, purpose: int, content_type: int = SIGN1) -> None:
    expect(type(header[ALG]) is int and ALGORITHMS.get(header[ALG], (0, 0, 0, None))[2] == 16, "a tag has 16 bytes")
    expect(same(header[CONTENT_TYPE], content_type), f"what is encrypted is of Content-Format {content_type}")
    expect(same(header[TYP], purpose), "typ is the purpose of the key")
    expect(type(unprotected) is dict and set(unprotected) == {IV}, "the nonce alone is not protected")
    expect(len(unprotected[IV]) == ALGORITHMS[header[ALG]][1], "a nonce has the length of its algorithm")


def _parts(data: bytes, tag: int, count: int) -> list[Any]:
    item = _decoded(data)
    expect(isinstance(item, cbor2.CBORTag) and item.tag == tag, f"it has tag {tag}")
    expect(type(item.value) is list and len(item.value) == count, f"it is an array of {count}")
    parts: list[Any] = item.value
    return parts


def _header(protected: Any, labels: set[int]) -> dict[Any, Any]:
    expect(type(protected) is bytes, "the protected header is a byte string")
    header = _decoded(protected)
    expect(type(header) is dict and set(header) == labels, "the protected header has its parameters and no other")
    assert isinstance(header, dict)
    return header


def _decoded(data: bytes) -> Any:
    try:
        return loads(data)
    except ProtocolError as error:
        raise Nonconformity(f"the target made an object that is not deterministic CBOR: {error}") from error


def _secret(ephemeral: Any, reader: Key) -> bytes:
    members = {1, -1, -2, -3} if reader.curve is Curve.P256 else {1, -1, -2}
    expect(type(ephemeral) is dict and set(ephemeral) == members, "the ephemeral key has the members it needs")
    expect(same(ephemeral[-1], reader.curve.value), "the ephemeral key is on the curve of the reader's")
    try:
        return reader.agree(decode_public(reader.curve, ephemeral[-2], ephemeral.get(-3)))
    except ProtocolError as error:
        raise Nonconformity(f"the ephemeral key is none: {error}") from error


def _decrypted(context: str, algorithm: int, key: bytes, nonce: bytes, ciphertext: bytes, protected: bytes) -> bytes:
    make = ALGORITHMS[algorithm][3]
    try:
        contents: bytes = make(key).decrypt(nonce, ciphertext, dumps([context, protected, b""]))
    except (InvalidTag, TypeError, ValueError):
        raise Nonconformity("the target made an object that does not decrypt") from None
    return contents
