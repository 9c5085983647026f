"""Vectors of OSCORE requests that are refused: each is wrong in one way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Message, Option
from picosec_conformance.vectors.model import Case
from picosec_conformance.vectors.operations import rejected
from picosec_conformance.vectors.oscore_forms import GET, context, mirrored, seal, sender
from picosec_conformance.vectors.oscore_request_forms import PLAIN, question, valid_request, with_option


def refused() -> Iterator[Case]:
    """Yield the invalid cases of ``oscore.request.unprotect``."""
    good = valid_request()
    for id, text, requirement, error, flag, inputs in (
        *_bad_options(good), *_bad_contexts(good), *_replays(good), *_forgeries(good), *_no_requests()
    ):  # fmt: skip
        yield rejected("oscore.request.unprotect", id, text, [requirement], inputs, error, [flag])


_Row = tuple[str, str, str, str, str, dict[str, Any]]


def _bad_options(good: Message) -> Iterator[_Row]:
    def row(id: str, text: str, requirement: str, flag: str, protected: bytes) -> _Row:
        return id, text, requirement, "bad_option", flag, question(protected)

    yield "no-option", "The request is not protected.", "CHN-800", "unprotected", "Unprotected", question(GET.encode())
    yield row(
        "two-options",
        "Two OSCORE options.",
        "CHN-630",
        "TrailingBytes",
        with_option(good, outer=((Option.OSCORE, b"\x09\x07\x0a"),)),
    )
    yield row("no-payload", "An option and no ciphertext.", "CHN-630", "CutShort", with_option(good, payload=b""))
    yield row("empty-option", "The option of a response.", "CHN-630", "MissingField", with_option(good, option=b""))
    yield row(
        "no-kid", "A Partial IV and no kid.", "CHN-630", "MissingField", with_option(good, option=OscoreOption(b"\x07"))
    )
    yield row(
        "no-partial-iv",
        "A kid and no Partial IV.",
        "CHN-630",
        "MissingField",
        with_option(good, option=OscoreOption(b"", b"\x0a")),
    )
    yield row("reserved-bit", "A reserved flag bit.", "CHN-630", "Reserved", with_option(good, option=b"\x29\x07\x0a"))
    yield row(
        "partial-iv-of-six",
        "A Partial IV of six bytes.",
        "CHN-630",
        "Reserved",
        with_option(good, option=b"\x0e\x01\x02\x03\x04\x05\x06\x0a"),
    )
    yield row(
        "option-cut-short",
        "Five bytes of Partial IV are announced.",
        "CHN-630",
        "CutShort",
        with_option(good, option=b"\x0d\x07\x0a"),
    )
    direction = sender(context())
    long = seal(context(), PLAIN, 7, option=b"\x0a\x00\x07\x0a", aad=direction.aad(b"\x00\x07"))
    yield row("leading-zero", "Number 7 in two bytes, authenticated in this form.", "CHN-640", "LongNumber", long)


def _bad_contexts(good: Message) -> Iterator[_Row]:
    def row(id: str, text: str, requirement: str, option: OscoreOption, **more: Any) -> _Row:
        return (
            id,
            text,
            requirement,
            "unknown_context",
            "UnknownContext",
            question(with_option(good, option=option), **more),
        )

    yield row("unknown-kid", "No context has this Recipient ID.", "CHN-700", OscoreOption(b"\x07", b"\x0c"))
    yield row("empty-kid", "An empty kid is a kid like any other.", "CHN-700", OscoreOption(b"\x07", b""))
    yield row(
        "kid-with-zero", "The right kid with a zero byte before it.", "CHN-700", OscoreOption(b"\x07", b"\x00\x0a")
    )
    yield row("long-kid", "A kid that no context can have.", "CHN-700", OscoreOption(b"\x07", bytes(20)))
    yield row("kid-of-the-server", "The server's own Sender ID.", "CHN-700", OscoreOption(b"\x07", b"\x0b"))
    yield row(
        "unknown-kid-context", "The context has no ID Context.", "CHN-710", OscoreOption(b"\x07", b"\x0a", b"zone")
    )
    yield row(
        "empty-kid-context",
        "An empty ID Context is not the same as none.",
        "CHN-710",
        OscoreOption(b"\x07", b"\x0a", b""),
    )
    zone = mirrored(context(id_context=b"zone"))
    yield row(
        "other-kid-context",
        "The context has another ID Context.",
        "CHN-710",
        OscoreOption(b"\x07", b"\x0a", b"cone"),
        context=zone,
    )


def _replays(good: Message) -> Iterator[_Row]:
    def row(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> _Row:
        return id, text, requirement, "replayed", "Replayed", inputs

    yield row("replayed", "The highest number accepted.", "CHN-720", question(good.encode(), (7,)))
    yield row("replayed-inside", "A number inside the window.", "CHN-720", question(good.encode(), (3, 7, 30)))
    yield row("replayed-at-edge", "A number at the edge of the window.", "CHN-720", question(good.encode(), (7, 38)))
    yield row("replayed-behind", "A number that the window left behind.", "CHN-720", question(good.encode(), (7, 39)))
    yield row(
        "replayed-long-ago", "A number that the window left far behind.", "CHN-720", question(good.encode(), (7, 2**39))
    )
    forged = with_option(good, payload=bytes(20))
    yield row("replayed-forgery", "Replay is looked at before decryption.", "CHN-690", question(forged, (7,)))
    spent = question(good.encode(), (7,), failures=2**14)
    yield row("replayed-when-exhausted", "Replay is looked at before the limits.", "CHN-690", spent)


def _forgeries(good: Message) -> Iterator[_Row]:
    def row(id: str, text: str, requirement: str, protected: bytes, **more: Any) -> _Row:
        return id, text, requirement, "decryption_failed", "Forged", question(protected, **more)

    payload = good.payload
    last = bytes((payload[-1] ^ 1,))
    yield row(
        "code-flipped",
        "The lowest bit of the first byte: GET becomes the empty code.",
        "CHN-750",
        with_option(good, payload=bytes((payload[0] ^ 1,)) + payload[1:]),
    )
    yield row("tag-flipped", "A bit of the last byte.", "CHN-750", with_option(good, payload=payload[:-1] + last))
    yield row("cut", "The last byte is missing.", "CHN-750", with_option(good, payload=payload[:-1]))
    yield row("extended", "A zero byte behind the tag.", "CHN-750", with_option(good, payload=payload + b"\0"))
    yield row("tag-alone", "A tag and not even a code.", "CHN-750", with_option(good, payload=payload[-8:]))
    yield row("one-byte", "Less than a tag.", "CHN-750", with_option(good, payload=payload[:1]))
    yield row(
        "unencrypted",
        "The plaintext with zeros for a tag.",
        "CHN-750",
        with_option(good, payload=PLAIN + bytes(8)),
    )
    yield row(
        "another-number",
        "The ciphertext of number 7 under number 8.",
        "CHN-750",
        with_option(good, option=OscoreOption(b"\x08", b"\x0a")),
    )
    answer = seal(mirrored(context()), PLAIN, 7, option=OscoreOption(b"\x07", b"\x0a"))
    yield row("reflected", "The server's own message with the client's kid.", "CHN-750", answer)
    other = seal(context(id_context=b"zone"), PLAIN, 7, option=OscoreOption(b"\x07", b"\x0a"))
    yield row("keys-of-another-context", "Keys from the same secret with an ID Context.", "CHN-600", other)
    yield from _wrong_constructions(row)
    failures = 2**14
    inputs = question(good.encode(), failures=failures)
    yield (
        "exhausted",
        f"{failures:,} messages failed under this key before.",
        "CHN-890",
        "exhausted",
        "Exhausted",
        inputs,
    )


def _wrong_constructions(row: Any) -> Iterator[_Row]:
    """Sealed with the right key, but nonce or additional data are made in another way."""
    given = context()
    direction = sender(given)
    nonce, common_iv = (
        direction.nonce(7),
        int.from_bytes(direction.nonce(0)) ^ int.from_bytes(b"\x01" + bytes(6) + b"\x0a" + bytes(5)),
    )
    plain_iv = common_iv.to_bytes(13, "big")
    yield row("nonce-of-iv-alone", "The Common IV as nonce.", "CHN-650", seal(given, PLAIN, 7, nonce=plain_iv))
    without_size = bytes((nonce[0] ^ 1,)) + nonce[1:]
    yield row(
        "nonce-without-size",
        "The nonce lacks the size of the identifier.",
        "CHN-650",
        seal(given, PLAIN, 7, nonce=without_size),
    )
    left = bytearray(plain_iv)
    left[0] ^= 1
    left[1] ^= 0x0A
    left[12] ^= 7
    yield row(
        "nonce-padded-right",
        "The identifier is padded on the wrong side.",
        "CHN-650",
        seal(given, PLAIN, 7, nonce=bytes(left)),
    )
    for id, text, array in (
        ("aad-version-2", "Another version of OSCORE in the additional data.", [2, [10], b"\x0a", b"\x07", b""]),
        ("aad-another-algorithm", "Another algorithm in the additional data.", [1, [30], b"\x0a", b"\x07", b""]),
        ("aad-another-kid", "The server's identifier in the additional data.", [1, [10], b"\x0b", b"\x07", b""]),
        (
            "aad-padded-number",
            "The number in the additional data fills five bytes.",
            [1, [10], b"\x0a", b"\0\0\0\0\x07", b""],
        ),
        (
            "aad-options",
            "The options outside in the additional data.",
            [1, [10], b"\x0a", b"\x07", b"\x93\x09\x07\x0a"],
        ),
    ):
        aad = dumps(["Encrypt0", b"", dumps(array)])
        yield row(id, text, "CHN-660", seal(given, PLAIN, 7, aad=aad))
    unwrapped = dumps(["Encrypt0", b"", [1, [10], b"\x0a", b"\x07", b""]])
    yield row(
        "aad-not-wrapped",
        "The array in the additional data is not in a byte string.",
        "CHN-660",
        seal(given, PLAIN, 7, aad=unwrapped),
    )


def _no_requests() -> Iterator[_Row]:
    for id, text, plaintext in (
        ("inner-empty", "The code of an empty message.", b"\x00" + PLAIN[1:]),
        ("inner-response", "A response code.", b"\x45\xff\x01"),
        ("inner-reserved-class", "A code of class 1.", b"\x21" + PLAIN[1:]),
        ("inner-signal", "A signalling code.", b"\xe1"),
        ("inner-marker-alone", "A payload marker without a payload.", PLAIN + b"\xff"),
        ("inner-reserved-delta", "An option delta of 15.", b"\x01\xf0"),
        ("inner-reserved-length", "An option length of 15.", b"\x01\x0f"),
        ("inner-option-cut", "An option of five bytes has three.", b"\x01\xb5abc"),
        ("inner-option-number", "Option numbers add up beyond 65,535.", b"\x01\xe0\xff\xff\xe0\xff\xff"),
    ):
        yield id, text, "CHN-770", "malformed", "NoMessage", question(seal(context(), plaintext, 7))
