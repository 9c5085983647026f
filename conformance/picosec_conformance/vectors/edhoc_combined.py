"""Vectors of combined requests (spec/v1/channel-coap.md): made from their halves, and taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from picosec.channel.combined import combine, split
from picosec.channel.oscore import protect_request
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected
from picosec_conformance.vectors.oscore_forms import GET, PUT, context
from picosec_conformance.vectors.oscore_operations import build

_FLAGS: Final = {
    "CutShort": "A length promises more than there is: a parser that trusts it reads what lies behind.",
    "NoByteString": "What is guessed at means one thing to one reader and another to the next.",
    "HalfMissing": "One half of the message alone: whoever goes on without the other has checked too little.",
    "LongForm": "One message in two encodings: what one reader takes for message_3, another does not.",
    "MissingField": "A request that does not say which context or number it has is guessed at.",
}

#: RFC 9529 section 3: message_3, and the channel to which it leads.
_MESSAGE_3: Final = bytes.fromhex("52e562097bc417dd5919485ac7891ffd90a9fc")
_TRACE_2: Final[dict[str, Any]] = {
    "master_secret": bytes.fromhex("f9868f6a3aca78a05d1485b35030b162"),
    "master_salt": bytes.fromhex("ada24c7dbfc85eeb"),
    "sender_id": b"\x27",
    "recipient_id": b"\x37",
    "aead": 10,
}
_CERTIFICATE: Final = b"\x59\x01\x20" + bytes(range(0x20)) * 9


@operation("edhoc.combined.request")
def _request(inputs: dict[str, Any]) -> Result:
    given = build(inputs["context"], first_number=inputs["sequence_number"])
    protected, binding = protect_request(given, Message.decode(octets(inputs, "request")))
    combined = combine(octets(inputs, "message_3"), protected)
    steps = {"nonce": binding.nonce, "aad": binding.aad, "ciphertext": protected.payload}
    return Result({"combined": combined.encode()}, steps)


@operation("edhoc.combined.split")
def _split(inputs: dict[str, Any]) -> Result:
    parts = split(Message.decode(octets(inputs, "combined")))
    return Result({"c_r": parts.c_r, "message_3": parts.message_3, "protected": parts.protected.encode()})


def files() -> Iterator[VectorFile]:
    """Yield the files about combined requests."""
    yield VectorFile(
        "channel",
        "edhoc_combined_request",
        "edhoc.combined.request",
        "message_3 and a protected request become one message",
        {},
        tuple(_requests()),
    )
    yield VectorFile(
        "channel",
        "edhoc_combined_split",
        "edhoc.combined.split",
        "A combined request is taken apart, or refused",
        _FLAGS,
        (*_whole(), *_broken()),
    )


def _requests() -> Iterator[Case]:
    hosted = replace(GET, options=((int(Option.URI_HOST), b"lamp.example"), *GET.options))
    cases = (
        ("rfc9529-trace-2", "What the second trace of RFC 9529 goes on with.", _TRACE_2, _MESSAGE_3, GET),
        ("command", "A command with a payload.", _TRACE_2, _MESSAGE_3, PUT),
        ("outer-options", "Uri-Host stays outside, before the EDHOC option.", _TRACE_2, _MESSAGE_3, hosted),
        ("empty-c-r", "C_R has no bytes; the flag of the option says that it is there.", context(b""), _MESSAGE_3, GET),
        ("long-message-3", "A certificate in message_3: two bytes of length.", _TRACE_2, _CERTIFICATE, GET),
    )
    for name, comment, given, message_3, request in cases:
        inputs = {"context": given, "sequence_number": 0, "message_3": message_3, "request": request.encode()}
        yield accepted("edhoc.combined.request", name, comment, ["CHN-1580"], inputs)


def _message(payload: bytes, *options: tuple[int, bytes]) -> Message:
    both: Options = ((int(Option.OSCORE), bytes.fromhex("09000a")), (int(Option.EDHOC), b""))
    ordered = tuple(sorted(options or both, key=lambda option: option[0]))
    return Message(Type.CON, Code.POST, 0x7A05, b"\x4e", ordered, payload)


_REST: Final = bytes.fromhex("612f1092f1776f1c1668b3825e")


def _whole() -> Iterator[Case]:
    oscore = (int(Option.OSCORE), bytes.fromhex("09000a"))
    host = (int(Option.URI_HOST), b"lamp.example")
    cases = (
        ("usual", "message_3 of 19 bytes, and 13 bytes of ciphertext.", "CHN-1500", _message(_MESSAGE_3 + _REST)),
        ("longest-short-form", "23 bytes in message_3, the last length in one byte.", "CHN-1500", _third(23)),
        ("one-byte-of-length", "24 bytes in message_3.", "CHN-1500", _third(24)),
        ("last-of-one-byte", "255 bytes in message_3.", "CHN-1500", _third(255)),
        ("two-bytes-of-length", "256 bytes in message_3.", "CHN-1500", _third(256)),
        ("empty-message-3", "An empty byte string is one; the handshake refuses it.", "CHN-1500", _third(0)),
        (
            "value",
            "The option has a value, which means nothing.",
            "CHN-1570",
            _message(_MESSAGE_3 + _REST, oscore, (int(Option.EDHOC), b"\x07")),
        ),
        (
            "outer-options",
            "Other options stay with the protected request.",
            "CHN-1500",
            _message(_MESSAGE_3 + _REST, host, oscore, (int(Option.EDHOC), b"")),
        ),
    )
    for name, comment, requirement, message in cases:
        yield accepted("edhoc.combined.split", name, comment, [requirement], {"combined": message.encode()})


def _third(length: int) -> Message:
    head = bytes((0x40 + length,)) if length < 24 else bytes((0x58, length)) if length < 256 else b"\x59\x01\x00"
    return _message(head + bytes(length) + _REST)


def _broken() -> Iterator[Case]:
    content = _MESSAGE_3[1:]
    edhoc = (int(Option.EDHOC), b"")
    plain = Message(Type.CON, Code.POST, 0x7A05, b"\x4e", (*path_options("/lamp"), edhoc), _MESSAGE_3 + _REST)
    cases = (
        ("no-oscore-option", "The EDHOC option stands alone.", "HalfMissing", plain),
        ("no-request", "Nothing behind message_3.", "HalfMissing", _message(_MESSAGE_3)),
        ("no-payload", "Neither half.", "HalfMissing", _message(b"")),
        ("message-3-cut-short", "message_3 ends within itself.", "CutShort", _message(_MESSAGE_3[:-1])),
        ("no-length", "The byte that says how long message_3 is has no follower.", "CutShort", _message(b"\x58")),
        ("half-a-length", "One of two bytes of length.", "CutShort", _message(b"\x59\x01")),
        (
            "c-r-in-front",
            "C_R before message_3.",
            "NoByteString",
            _message(b"\x0a" + _MESSAGE_3 + _REST),
        ),
        ("text", "A text string.", "NoByteString", _message(b"\x72" + content + _REST)),
        ("array", "An array of one byte string.", "NoByteString", _message(b"\x81" + _MESSAGE_3 + _REST)),
        (
            "chunks",
            "A byte string of indefinite length.",
            "NoByteString",
            _message(b"\x5f" + _MESSAGE_3 + b"\xff" + _REST),
        ),
        ("long-form-1", "18 bytes, said in two.", "LongForm", _message(b"\x58\x12" + content + _REST)),
        ("long-form-2", "18 bytes, said in three.", "LongForm", _message(b"\x59\x00\x12" + content + _REST)),
        ("long-form-4", "18 bytes, said in five.", "LongForm", _message(b"\x5a\x00\x00\x00\x12" + content + _REST)),
    )
    for name, comment, flag, message in cases:
        inputs = {"combined": message.encode()}
        yield rejected("edhoc.combined.split", name, comment, ["CHN-1510"], inputs, "malformed", [flag])
    for name, comment, value in (
        ("no-kid", "The OSCORE option does not say which session.", "0100"),
        ("no-partial-iv", "The OSCORE option has no number.", "080a"),
    ):
        message = _message(_MESSAGE_3 + _REST, (int(Option.OSCORE), bytes.fromhex(value)), edhoc)
        inputs = {"combined": message.encode()}
        yield rejected("edhoc.combined.split", name, comment, ["CHN-630"], inputs, "bad_option", ["MissingField"])
