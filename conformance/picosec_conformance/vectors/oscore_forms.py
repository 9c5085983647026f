"""What the OSCORE cases are made of: two ends of a context, messages sealed in any way, and what each flag means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from picosec.channel.oscore_context import Direction
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.oscore_operations import build

FLAGS: Final = {
    "CutShort": "A length promises more than there is: a parser that trusts it reads what lies behind.",
    "EqualIdentifiers": "Both directions share a key, and their first messages share a nonce.",
    "Exhausted": "Beyond its limit, a key gives forgeries a better chance than the tag length promises.",
    "Forged": "Whoever does not know the key writes, changes or moves a ciphertext.",
    "LongIdentifier": "An identifier that does not fit is cut, and two identifiers become one nonce.",
    "LongNumber": "One number in two encodings is one nonce under two names.",
    "MissingField": "A request that does not say which context or number it has is guessed at.",
    "NoMessage": "The right key protects what is no message; the reader behind the decryption trusts it.",
    "Replayed": "A recorded command is sent a second time.",
    "Reserved": "A bit without a meaning, which a lenient decoder skips and a later version uses.",
    "TrailingBytes": "What follows a checked item and is ignored can be used by the next reader.",
    "UnknownContext": "Trying keys on messages for other contexts spends their limits and tells which keys exist.",
    "Unprotected": "Anyone can send a message without protection and wait for somebody to believe it.",
    "WrongBinding": "The response to one request is given as that to another.",
}

_SECRETS: Final = {
    Aead.AES_CCM_16_64_128: bytes(range(0x10, 0x20)),
    Aead.AES_CCM_16_128_128: bytes(range(0x20, 0x30)),
    Aead.A128GCM: bytes(range(0x30, 0x40)),
    Aead.CHACHA20_POLY1305: bytes(range(0x40, 0x60)),
}

NAMES: Final = {
    Aead.AES_CCM_16_64_128: "ccm-8",
    Aead.AES_CCM_16_128_128: "ccm-16",
    Aead.A128GCM: "gcm",
    Aead.CHACHA20_POLY1305: "chacha",
}

GET: Final = Message(Type.CON, Code.GET, 0x7A01, b"\x4a", path_options("/sensors/temperature"))
PUT: Final = Message(
    Type.CON, Code.PUT, 0x7A02, b"\x4b", (*path_options("/actuators/lamp"), (Option.CONTENT_FORMAT, b"\x3c")), b"\xf5"
)
CONTENT: Final = Message(
    Type.ACK,
    Code.CONTENT,
    0x7A01,
    b"\x4a",
    ((Option.CONTENT_FORMAT, b"\x70"),),
    bytes.fromhex("81a20063746d7002f94d60"),
)
CLOSE: Final = Message(Type.CON, Code.DELETE, 0x7A03, b"\x4c", path_options("/ps/channel"))
DELETED: Final = Message(Type.ACK, Code.DELETED, 0x7A03, b"\x4c")
CHANGED: Final = Message(Type.ACK, Code.CHANGED, 0x7A02, b"\x4b")


def context(
    sender_id: bytes = b"\x0a",
    recipient_id: bytes = b"\x0b",
    aead: Aead = Aead.AES_CCM_16_64_128,
    id_context: bytes | None = None,
) -> dict[str, Any]:
    """Return a context as the inputs of a case describe it."""
    given: dict[str, Any] = {
        "master_secret": _SECRETS[aead],
        "master_salt": b"picosec!",
        "sender_id": sender_id,
        "recipient_id": recipient_id,
        "aead": aead.value,
    }
    return given if id_context is None else {**given, "id_context": id_context}


def mirrored(given: dict[str, Any]) -> dict[str, Any]:
    """Return the same context as the other side describes it."""
    return {**given, "sender_id": given["recipient_id"], "recipient_id": given["sender_id"]}


def sender(given: dict[str, Any]) -> Direction:
    """Return the sending direction of a context, to seal whatever a case needs."""
    return build({name: value.hex() if isinstance(value, bytes) else value for name, value in given.items()}).sender


def seal(
    given: dict[str, Any],
    plaintext: bytes,
    number: int,
    *,
    option: OscoreOption | bytes | None = None,
    outer: Options = (),
    aad: bytes | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """Return a request datagram with any plaintext, and with any part of its protection replaced."""
    direction = sender(given)
    partial_iv = encode_partial_iv(number)
    option = OscoreOption(partial_iv, direction.identifier, given.get("id_context")) if option is None else option
    value = option if isinstance(option, bytes) else option.encode()
    ciphertext = direction.cipher.encrypt(
        direction.nonce(number) if nonce is None else nonce,
        plaintext,
        direction.aad(partial_iv) if aad is None else aad,
    )
    options = (*outer, (Option.OSCORE, value))
    return Message(Type.CON, Code.POST, 0x7A03, b"\x4c", options, ciphertext).encode()


def file(name: str, operation: str, title: str, cases: Iterable[Case]) -> VectorFile:
    """Return a file of the channel chapter that explains the flags it uses."""
    cases = tuple(cases)
    used = {flag for case in cases for flag in case.flags}
    return VectorFile("channel", name, operation, title, {flag: FLAGS[flag] for flag in used}, cases)
