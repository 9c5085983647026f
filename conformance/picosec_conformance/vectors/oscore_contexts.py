"""Vectors of the OSCORE security context and of the OSCORE option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.crypto.aead import Aead
from picosec_conformance.vectors.model import VectorFile
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.oscore_forms import NAMES, context, file

#: id, comment, encoding.
_OPTIONS: Final = (
    ("empty", "The usual response: no flags, and therefore no bytes.", ""),
    ("partial-iv-only", "A response with a number of its own.", "0107"),
    ("number-0", "Number 0 is one zero byte.", "090025"),
    ("number-255", "The last number of one byte.", "09ff25"),
    ("number-256", "The first number of two bytes.", "0a010025"),
    ("largest-number", "Five bytes of ones.", "0dffffffffff25"),
    ("empty-kid", "The kid is there and has no bytes.", "0905"),
    ("long-kid", "Seven bytes, the most that a 13-byte nonce leaves room for.", "090501020304050607"),
    ("kid-context", "A kid context of four bytes before the kid.", "19050464656d6f25"),
    ("empty-kid-context", "A kid context of no bytes is not the same as none.", "19050025"),
    ("longest-kid-context", "A kid context of 255 bytes.", "1905ff" + "c5" * 255 + "25"),
    ("kid-context-and-empty-kid", "The kid context goes to the last byte; the kid is empty.", "190502aabb"),
    ("kid-only", "Well-formed, though no request may leave out its number.", "0825"),
    ("kid-context-only", "Well-formed, though no request may leave out its kid.", "1001aa"),
)

#: id, comment, requirement, flag, encoding.
_BROKEN_OPTIONS: Final = (
    ("zero-flags", "A flag byte of zero, which the empty value stands for.", "CHN-630", "Reserved", "00"),
    ("reserved-bit-5", "The lowest of the reserved bits.", "CHN-630", "Reserved", "290525"),
    ("reserved-bit-6", "The middle one of the reserved bits.", "CHN-630", "Reserved", "490525"),
    ("reserved-bit-7", "The highest of the reserved bits.", "CHN-630", "Reserved", "890525"),
    ("six-bytes", "A Partial IV of six bytes.", "CHN-630", "Reserved", "0e01020304050625"),
    ("seven-bytes", "A Partial IV of seven bytes.", "CHN-630", "Reserved", "0f0102030405060725"),
    ("no-partial-iv", "One byte of Partial IV is announced and missing.", "CHN-630", "CutShort", "09"),
    ("partial-iv-cut-short", "Two bytes of Partial IV are announced, one is there.", "CHN-630", "CutShort", "0a05"),
    ("no-kid-context-length", "A kid context without its length.", "CHN-630", "CutShort", "1905"),
    (
        "kid-context-cut-short",
        "Four bytes of kid context are announced, three are there.",
        "CHN-630",
        "CutShort",
        "190504aabbcc",
    ),
    ("kid-without-flag", "A byte behind the Partial IV that no flag announces.", "CHN-630", "TrailingBytes", "010525"),
    (
        "kid-context-then-byte",
        "A byte behind the kid context that no flag announces.",
        "CHN-630",
        "TrailingBytes",
        "110501aa25",
    ),
    ("leading-zero", "Number 5 in two bytes.", "CHN-640", "LongNumber", "0a000525"),
    ("zero-in-two-bytes", "Number 0 in two bytes.", "CHN-640", "LongNumber", "0a000025"),
)


def files() -> Iterator[VectorFile]:
    """Yield the files about contexts and options."""
    yield file(
        "oscore_derive",
        "oscore.derive",
        "Keys and Common IV are derived from a master secret, or the identifiers are refused",
        [accepted("oscore.derive", id, text, ["CHN-600", "CHN-650"], inputs) for id, text, inputs in _contexts()]
        + [
            rejected("oscore.derive", id, text, ["CHN-610"], inputs, "bad_identifier", [flag])
            for id, text, flag, inputs in _broken_contexts()
        ],
    )
    yield file(
        "oscore_option_decode",
        "oscore.option.decode",
        "The value of the OSCORE option is decoded, or refused",
        [accepted("oscore.option.decode", id, text, ["CHN-620"], {"value": value}) for id, text, value in _OPTIONS]
        + [
            rejected("oscore.option.decode", id, text, [requirement], {"value": value}, "bad_option", [flag])
            for id, text, requirement, flag, value in _BROKEN_OPTIONS
        ],
    )


def _contexts() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for aead in Aead:
        longest = aead.nonce_length - 6
        name = NAMES[aead]
        yield f"{name}", f"{aead.name} with identifiers of one byte.", context(aead=aead)
        yield f"{name}-empty-sender", "An identifier may be empty.", context(b"", b"\x01", aead)
        yield (
            f"{name}-long-identifiers",
            f"Identifiers of {longest} bytes, the most that the nonce leaves room for.",
            context(bytes(longest), b"\xff" * longest, aead),
        )
        yield f"{name}-id-context", "With an ID Context.", context(aead=aead, id_context=b"zone")
    given = context()
    yield "empty-id-context", "An empty ID Context is not the same as none.", context(id_context=b"")
    yield "without-salt", "No master salt.", {name: value for name, value in given.items() if name != "master_salt"}
    yield "long-secret", "A master secret longer than the hash's block.", {**given, "master_secret": bytes(range(100))}
    yield (
        "prefixed-identifiers",
        "One identifier is the other with a zero byte before it.",
        context(b"\x01", b"\x00\x01"),
    )


def _broken_contexts() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    yield "equal", "Both identifiers are the same.", "EqualIdentifiers", context(b"\x05", b"\x05")
    yield "both-empty", "Both identifiers are empty.", "EqualIdentifiers", context(b"", b"")
    for aead in Aead:
        too_long = bytes(aead.nonce_length - 5)
        name = NAMES[aead]
        yield f"{name}-long-sender", "A Sender ID one byte too long.", "LongIdentifier", context(too_long, b"", aead)
        yield (
            f"{name}-long-recipient",
            "A Recipient ID one byte too long.",
            "LongIdentifier",
            context(b"", too_long, aead),
        )
