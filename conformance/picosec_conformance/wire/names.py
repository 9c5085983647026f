"""Names of CoAP's numbers, as IANA lists them, including those that PicoSec itself does not use."""

from __future__ import annotations

from typing import Final, Literal

from picosec.registry import (
    CONTENT_FORMAT_CREDENTIAL_CHAIN,
    CONTENT_FORMAT_IDENTITY_HISTORY,
    CONTENT_FORMAT_TOKEN_REDEMPTION,
    CONTENT_FORMAT_TOKEN_REQUEST,
    CONTENT_FORMAT_TOKEN_RESPONSE,
)

Format = Literal["uint", "text", "opaque", "empty"]

TYPES: Final = {0: "CON", 1: "NON", 2: "ACK", 3: "RST"}

CODES: Final = {
    0x00: "Empty", 0x01: "GET", 0x02: "POST", 0x03: "PUT", 0x04: "DELETE", 0x05: "FETCH", 0x06: "PATCH", 0x07: "iPATCH",
    0x41: "Created", 0x42: "Deleted", 0x43: "Valid", 0x44: "Changed", 0x45: "Content", 0x5F: "Continue",
    0x80: "Bad Request", 0x81: "Unauthorized", 0x82: "Bad Option", 0x83: "Forbidden", 0x84: "Not Found",
    0x85: "Method Not Allowed", 0x86: "Not Acceptable", 0x88: "Request Entity Incomplete", 0x89: "Conflict",
    0x8C: "Precondition Failed", 0x8D: "Request Entity Too Large", 0x8F: "Unsupported Content-Format",
    0x96: "Unprocessable Entity", 0x9D: "Too Many Requests",
    0xA0: "Internal Server Error", 0xA1: "Not Implemented", 0xA2: "Bad Gateway", 0xA3: "Service Unavailable",
    0xA4: "Gateway Timeout", 0xA5: "Proxying Not Supported", 0xA8: "Hop Limit Reached",
}  # fmt: skip

OPTIONS: Final[dict[int, tuple[str, Format]]] = {
    1: ("If-Match", "opaque"), 3: ("Uri-Host", "text"), 4: ("ETag", "opaque"), 5: ("If-None-Match", "empty"),
    6: ("Observe", "uint"), 7: ("Uri-Port", "uint"), 8: ("Location-Path", "text"), 9: ("OSCORE", "opaque"),
    11: ("Uri-Path", "text"), 12: ("Content-Format", "uint"), 13: ("Uri-Path-Abbrev", "uint"), 14: ("Max-Age", "uint"),
    15: ("Uri-Query", "text"), 16: ("Hop-Limit", "uint"), 17: ("Accept", "uint"), 19: ("Q-Block1", "uint"),
    20: ("Location-Query", "text"), 21: ("EDHOC", "empty"), 23: ("Block2", "uint"), 27: ("Block1", "uint"),
    28: ("Size2", "uint"), 31: ("Q-Block2", "uint"), 35: ("Proxy-Uri", "text"), 39: ("Proxy-Scheme", "text"),
    60: ("Size1", "uint"), 252: ("Echo", "opaque"), 258: ("No-Response", "uint"), 292: ("Request-Tag", "opaque"),
}  # fmt: skip

FORMATS: Final = {
    0: "text/plain", 16: "application/cose, group object", 18: "application/cose, signed object",
    40: "application/link-format", 42: "application/octet-stream", 50: "application/json",
    60: "application/cbor", 61: "application/cwt", 62: "application/multipart-core", 63: "application/cbor-seq",
    64: "application/edhoc+cbor-seq", 65: "application/cid-edhoc+cbor-seq", 110: "application/senml+json",
    112: "application/senml+cbor", 257: "application/concise-problem-details+cbor", 262: "application/ace-trl+cbor",
    96: "application/cose, sealed object", 263: "application/eat+cwt",
    271: "application/dots+cbor", 279: "application/statuslist+cwt", 290: "application/aif+cbor",
    CONTENT_FORMAT_IDENTITY_HISTORY: "history of an identity", CONTENT_FORMAT_CREDENTIAL_CHAIN: "chain of credentials",
    CONTENT_FORMAT_TOKEN_REQUEST: "request for tokens", CONTENT_FORMAT_TOKEN_RESPONSE: "tokens",
    CONTENT_FORMAT_TOKEN_REDEMPTION: "redemption of a token",
}  # fmt: skip

#: Content formats whose payload is CBOR, besides EDHOC's and problem details, which have layers of their own.
CBOR_FORMATS: Final = frozenset(
    {60, 61, 62, 63, 112, 262, 263, 271, 279, 290, CONTENT_FORMAT_IDENTITY_HISTORY, CONTENT_FORMAT_CREDENTIAL_CHAIN}
)

#: Content formats of anonymous tokens.
TOKEN_FORMATS: Final = frozenset(
    {CONTENT_FORMAT_TOKEN_REQUEST, CONTENT_FORMAT_TOKEN_RESPONSE, CONTENT_FORMAT_TOKEN_REDEMPTION}
)

#: Content formats of the three COSE messages that are objects.
COSE_FORMATS: Final = frozenset({16, 18, 96})

#: Standard keys of problem details, RFC 9290 section 2.
PROBLEM_KEYS: Final = {
    -1: "title", -2: "detail", -3: "instance", -4: "response-code", -5: "base-uri", -6: "base-lang", -7: "base-rtl",
}  # fmt: skip


def code_text(code: int) -> str:
    """Return ``GET`` for 0x01, ``2.05 Content`` for 0x45, ``2.09`` for a code without a name."""
    dotted = f"{code >> 5}.{code & 31:02}"
    name = CODES.get(code, "")
    return name if name and code < 0x20 else f"{dotted} {name}".rstrip()


def option_name(number: int) -> str:
    """Return the option's name, or its number and class when it has none."""
    if number in OPTIONS:
        return OPTIONS[number][0]
    return f"option {number} ({'critical' if number & 1 else 'elective'})"
