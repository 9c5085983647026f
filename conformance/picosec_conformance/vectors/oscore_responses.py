"""Vectors of OSCORE responses: protected, and verified or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from picosec.channel.oscore import Binding, protect_response
from picosec.channel.oscore_option import OscoreOption
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.vectors.model import Case, VectorFile, jsonable
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.oscore_forms import CHANGED, CONTENT, NAMES, context, file, mirrored, seal
from picosec_conformance.vectors.oscore_operations import build

_NOT_FOUND: Final = replace(
    CONTENT,
    code=Code.NOT_FOUND,
    options=((Option.CONTENT_FORMAT, b"\x01\x01"),),
    payload=bytes.fromhex("a1206b6e6f745f666f756e64"),
)
_REQUEST: Final = b"\x07"


def files() -> Iterator[VectorFile]:
    """Yield the files about responses."""
    yield file(
        "oscore_response_protect",
        "oscore.response.protect",
        "A response is protected, bound to its request",
        [*_protected(), *_not_protected()],
    )
    yield file(
        "oscore_response_unprotect",
        "oscore.response.unprotect",
        "A protected response is verified with what its request was, or dropped",
        [*_verified(), *_dropped()],
    )


def _protected() -> Iterator[Case]:
    def case(
        id: str, text: str, requirement: str, response: Message, aead: Aead = Aead.AES_CCM_16_64_128, **more: Any
    ) -> Case:
        given = {"context": mirrored(context(aead=aead)), "request_partial_iv": _REQUEST, "response": response.encode()}
        return accepted("oscore.response.protect", id, text, [requirement], {**given, **more})

    for aead in Aead:
        yield case(NAMES[aead], f"Under {aead.name}, with the nonce of the request.", "CHN-660", CONTENT, aead)
        yield case(
            f"{NAMES[aead]}-numbered", "With a Partial IV of its own.", "CHN-650", CONTENT, aead, sequence_number=0
        )
    yield case("changed", "A code and nothing else.", "CHN-680", CHANGED)
    yield case("error", "An error response is protected like any other.", "CHN-810", _NOT_FOUND)
    cached = replace(CONTENT, options=(*CONTENT.options, (Option.MAX_AGE, b"\x3c"), (Option.ETAG, b"v1")))
    yield case(
        "options-inside",
        "Max-Age and ETag go inside.",
        "CHN-680",
        replace(cached, options=tuple(sorted(cached.options))),
    )
    separate = replace(CONTENT, type=Type.CON, message_id=0x1234)
    yield case("separate", "A separate response has its own message id.", "CHN-680", separate)
    yield case(
        "long-request-number",
        "The request's number has five bytes.",
        "CHN-660",
        CONTENT,
        request_partial_iv=b"\xff" * 5,
    )
    yield case(
        "last-number", "The last number that the Sender Key may have.", "CHN-880", CONTENT, sequence_number=2**20 - 1
    )


def _not_protected() -> Iterator[Case]:
    inputs = {
        "context": mirrored(context()),
        "request_partial_iv": _REQUEST,
        "response": CONTENT.encode(),
        "sequence_number": 2**20,
    }
    text = "The Sender Key protected as many messages as it may."
    yield rejected("oscore.response.protect", "exhausted", text, ["CHN-880"], inputs, "exhausted", ["Exhausted"])


def _answer(
    given: dict[str, Any], partial_iv: bytes = _REQUEST, number: int | None = None, response: Message = CONTENT
) -> Message:
    """Return the server's response to the request with a Partial IV."""
    server = build(jsonable(mirrored(given)), first_number=number or 0)
    direction = server.recipient
    nonce = direction.nonce(int.from_bytes(partial_iv, "big")) if number is None else None
    return protect_response(server, Binding(direction.aad(partial_iv), nonce), response)


def _with(message: Message, value: OscoreOption | bytes | None, **fields: Any) -> bytes:
    """Return a protected response with another option, or without one, and with other fields replaced."""
    encoded = value.encode() if isinstance(value, OscoreOption) else value
    return replace(message, options=() if encoded is None else ((Option.OSCORE, encoded),), **fields).encode()


def _ask(protected: bytes, **more: Any) -> dict[str, Any]:
    return {"context": context(), "request_partial_iv": _REQUEST, "protected": protected, **more}


def _verified() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> Case:
        return accepted("oscore.response.unprotect", id, text, [requirement], inputs)

    for aead in Aead:
        given = context(aead=aead)
        plain, numbered = _answer(given), _answer(given, number=3)
        yield case(NAMES[aead], "With the nonce of the request.", "CHN-820", _ask(plain.encode(), context=given))
        text = "With a Partial IV of its own."
        yield case(f"{NAMES[aead]}-numbered", text, "CHN-820", _ask(numbered.encode(), context=given))
    answer = _answer(context())
    yield case(
        "error",
        "An error response from the server itself.",
        "CHN-820",
        _ask(_answer(context(), response=_NOT_FOUND).encode()),
    )
    named = _with(answer, OscoreOption(b"", b"\x0b"))
    yield case("with-kid", "A kid is not needed, but does no harm.", "CHN-820", _ask(named))
    outside = replace(
        answer,
        code=Code.NOT_FOUND,
        options=(*answer.options, (Option.MAX_AGE, b"\xff"), (Option.CONTENT_FORMAT, b"\x2a")),
    )
    yield case("class-e-outside", "Code, format and age outside are not believed.", "CHN-820", _ask(outside.encode()))


def _dropped() -> Iterator[Case]:
    answer = _answer(context())
    numbered = _answer(context(), number=3)
    payload = answer.payload

    def case(id: str, text: str, requirement: str, error: str, flag: str, protected: bytes, **more: Any) -> Case:
        return rejected("oscore.response.unprotect", id, text, [requirement], _ask(protected, **more), error, [flag])

    yield case(
        "unprotected", "A response without an OSCORE option.", "CHN-830", "unprotected", "Unprotected", CONTENT.encode()
    )
    refusal = replace(CONTENT, code=Code.UNAUTHORIZED, options=(), payload=b"")
    yield case(
        "unprotected-error",
        "An error that anybody can have sent.",
        "CHN-830",
        "unprotected",
        "Unprotected",
        refusal.encode(),
    )
    yield case(
        "option-removed",
        "The ciphertext without the option.",
        "CHN-830",
        "unprotected",
        "Unprotected",
        _with(answer, None),
    )
    yield case("reserved-bit", "A reserved flag bit.", "CHN-630", "bad_option", "Reserved", _with(answer, b"\x20"))
    yield case(
        "zero-flags",
        "A flag byte of zero, which the empty value stands for.",
        "CHN-630",
        "bad_option",
        "Reserved",
        _with(answer, b"\x00"),
    )
    yield case(
        "no-payload",
        "An OSCORE option and no ciphertext.",
        "CHN-630",
        "bad_option",
        "CutShort",
        _with(answer, b"", payload=b""),
    )
    yield case(
        "kid-of-the-client",
        "The client's own identifier as kid.",
        "CHN-840",
        "unknown_context",
        "UnknownContext",
        _with(answer, OscoreOption(b"", b"\x0a")),
    )
    forged = "decryption_failed"
    yield case(
        "code-flipped",
        "The lowest bit of the code.",
        "CHN-840",
        forged,
        "Forged",
        _with(answer, b"", payload=bytes((payload[0] ^ 1,)) + payload[1:]),
    )
    yield case(
        "tag-flipped",
        "The lowest bit of the last byte.",
        "CHN-840",
        forged,
        "Forged",
        _with(answer, b"", payload=payload[:-1] + bytes((payload[-1] ^ 1,))),
    )
    yield case(
        "cut", "The last byte is missing.", "CHN-840", forged, "Forged", _with(answer, b"", payload=payload[:-1])
    )
    yield case(
        "tag-alone",
        "Eight bytes: a tag and not even a code.",
        "CHN-840",
        forged,
        "Forged",
        _with(answer, b"", payload=payload[:8]),
    )
    yield case(
        "number-added",
        "A Partial IV is added outside.",
        "CHN-840",
        forged,
        "Forged",
        _with(answer, OscoreOption(b"\x07")),
    )
    yield case("number-removed", "The Partial IV is removed.", "CHN-840", forged, "Forged", _with(numbered, b""))
    yield case(
        "number-changed",
        "The Partial IV is another one.",
        "CHN-840",
        forged,
        "Forged",
        _with(numbered, OscoreOption(b"\x04")),
    )
    other = _answer(context(), b"\x08")
    yield case(
        "of-another-request",
        "The response to request 8 for request 7.",
        "CHN-840",
        forged,
        "WrongBinding",
        other.encode(),
    )
    numbered_other = _answer(context(), b"\x08", 3)
    text = "The numbered response to request 8 for request 7."
    yield case("numbered-of-another-request", text, "CHN-840", forged, "WrongBinding", numbered_other.encode())
    zone = _answer(context(id_context=b"zone"))
    yield case(
        "of-another-context",
        "The response in a context with an ID Context.",
        "CHN-840",
        forged,
        "WrongBinding",
        zone.encode(),
    )
    echoed = Message.decode(seal(context(), b"\x45\xff\x01", 7))
    yield case(
        "reflected",
        "Sealed with the client's own key.",
        "CHN-840",
        forged,
        "Forged",
        _with(echoed, b"", code=Code.CHANGED),
    )
    for id, text, plaintext in (
        ("inner-request", "A method as code.", b"\x01"),
        ("inner-empty", "The code of an empty message.", b"\x00"),
        ("inner-signal", "A signalling code.", b"\xe2"),
        ("inner-marker-alone", "A payload marker without a payload.", b"\x45\xff"),
        ("inner-option-cut", "An option of five bytes has three.", b"\x45\xc5abc"),
    ):
        yield case(id, text, "CHN-840", "malformed", "NoMessage", _sealed_answer(plaintext))
    text = "16,384 messages failed under this key before."
    yield case("exhausted", text, "CHN-890", "exhausted", "Exhausted", answer.encode(), failures=2**14)


def _sealed_answer(plaintext: bytes) -> bytes:
    """Return a response with any plaintext, sealed with the server's key for request 7."""
    server = build(jsonable(mirrored(context())))
    requester = server.recipient
    ciphertext = server.sender.cipher.encrypt(requester.nonce(7), plaintext, requester.aad(_REQUEST))
    return Message(
        Type.ACK, Code.CHANGED, CONTENT.message_id, CONTENT.token, ((Option.OSCORE, b""),), ciphertext
    ).encode()
