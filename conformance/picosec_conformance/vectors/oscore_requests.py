"""Vectors of OSCORE requests: protected, and verified or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from picosec.channel.oscore_option import OscoreOption
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected
from picosec_conformance.vectors.oscore_forms import GET, NAMES, PUT, context, file, mirrored, seal
from picosec_conformance.vectors.oscore_refused import refused
from picosec_conformance.vectors.oscore_request_forms import PLAIN, question, valid_request, with_option


def files() -> Iterator[VectorFile]:
    """Yield the files about requests."""
    yield file(
        "oscore_request_protect",
        "oscore.request.protect",
        "A request is protected under a sequence number",
        [*_protected(), *_not_protected()],
    )
    yield file(
        "oscore_request_unprotect",
        "oscore.request.unprotect",
        "A protected request is verified, or refused by the first check that fails",
        [*_verified(), *refused()],
    )


def _protected() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, given: dict[str, Any], number: int, request: Message) -> Case:
        inputs = {"context": given, "sequence_number": number, "request": request.encode()}
        return accepted("oscore.request.protect", id, text, [requirement], inputs)

    for aead in Aead:
        yield case(f"{NAMES[aead]}-get", f"A read under {aead.name}.", "CHN-660", context(aead=aead), 0, GET)
        yield case(f"{NAMES[aead]}-put", f"A write under {aead.name}.", "CHN-660", context(aead=aead), 1, PUT)
    for number in (255, 256, 65535, 65536, 2**20 - 1):
        yield case(f"number-{number}", f"The Partial IV of number {number}.", "CHN-620", context(), number, GET)
    yield case("empty-kid", "The Sender ID has no bytes.", "CHN-620", context(b""), 0, GET)
    yield case(
        "long-kid", "The Sender ID has seven bytes.", "CHN-620", context(b"\x01\x02\x03\x04\x05\x06\x07"), 0, GET
    )
    yield case(
        "id-context", "The ID Context goes along as kid context.", "CHN-620", context(id_context=b"zone"), 0, GET
    )
    host: Options = ((Option.URI_HOST, b"lamp.example"), (Option.URI_PORT, b"\x16\x34"))
    outside = replace(GET, options=(*host, *GET.options, (Option.HOP_LIMIT, b"\x10"), (Option.PROXY_SCHEME, b"coap")))
    yield case(
        "class-u-options", "What proxies need stays outside; all else goes inside.", "CHN-670", context(), 2, outside
    )
    unknown = replace(GET, options=(*GET.options, (65000, b"?"), (65001, b"!")))
    yield case("unknown-options", "Options that nobody knows go inside.", "CHN-670", context(), 3, unknown)
    yield case("bare", "A code and nothing else.", "CHN-670", context(), 4, replace(GET, options=()))
    long = replace(PUT, payload=bytes(range(256)) * 4, token=b"\x01\x02\x03\x04\x05\x06\x07\x08", type=Type.NON)
    yield case(
        "long-payload",
        "Non-confirmable, with a token of eight bytes and a payload of 1,024.",
        "CHN-670",
        context(),
        5,
        long,
    )


def _not_protected() -> Iterator[Case]:
    inputs = {"context": context(), "sequence_number": 2**20, "request": GET.encode()}
    text = "The Sender Key protected as many messages as it may."
    yield rejected("oscore.request.protect", "exhausted", text, ["CHN-880"], inputs, "exhausted", ["Exhausted"])


def _verified() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> Case:
        return accepted("oscore.request.unprotect", id, text, [requirement], inputs)

    for aead in Aead:
        for number, request in enumerate((GET, PUT)):
            given = context(aead=aead)
            inputs = question(valid_request(request, number, given).encode(), context=mirrored(given))
            yield case(
                f"{NAMES[aead]}-{'put' if number else 'get'}", f"A request under {aead.name}.", "CHN-660", inputs
            )
    for number in (255, 256, 2**32, 2**40 - 1):
        yield case(f"number-{number}", f"Number {number}.", "CHN-650", question(seal(context(), PLAIN, number)))
    zone = context(id_context=b"zone")
    yield case(
        "kid-context",
        "The kid context names the context.",
        "CHN-710",
        question(valid_request(given=zone).encode(), context=mirrored(zone)),
    )
    unnamed = seal(zone, PLAIN, 7, option=OscoreOption(b"\x07", b"\x0a"))
    yield case(
        "no-kid-context", "A client need not name its ID Context.", "CHN-710", question(unnamed, context=mirrored(zone))
    )
    yield case(
        "edge-of-window", "31 below the highest number accepted.", "CHN-730", question(seal(context(), PLAIN, 7), (38,))
    )
    yield case(
        "gap-in-window",
        "All around it were accepted.",
        "CHN-730",
        question(valid_request().encode(), (5, 6, 8, 9)),
    )
    yield case("far-ahead", "The window jumps.", "CHN-730", question(seal(context(), PLAIN, 2**39), (1, 2, 3)))
    outer: Options = ((Option.IF_MATCH, b"x"), (Option.IF_NONE_MATCH, b""))
    behind: Options = (*path_options("/reset"), (Option.CONTENT_FORMAT, b"\x2a"), (Option.BLOCK1, b"\x08"))
    added = replace(valid_request(PUT), options=(*outer, *valid_request(PUT).options, *behind))
    yield case(
        "class-e-outside", "Conditions, path and format outside are not believed.", "CHN-760", question(added.encode())
    )
    method = replace(valid_request(PUT), code=Code.DELETE)
    yield case("another-code-outside", "The code outside is not believed.", "CHN-760", question(method.encode()))
    proxied = with_option(valid_request(), outer=((Option.URI_HOST, b"lamp.example"),))
    yield case("class-u-outside", "Uri-Host is for whoever forwards and is handed on.", "CHN-760", question(proxied))
    inner = seal(context(), PLAIN + b"\xe1\xfc\xe0?", 7)
    yield case("unknown-option-inside", "An option that nobody knows is handed on.", "CHN-760", question(inner))
    last = question(valid_request().encode(), failures=2**14 - 1)
    yield case("before-the-last-failure", "One more failure is allowed; this is none.", "CHN-890", last)
