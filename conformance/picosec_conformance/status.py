"""Status list tokens made by hand, part by part, so that a test can have any part wrong.

Nothing here judges: what is asked for is made and signed, also when no grammar knows it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.registry import (
    CLAIM_STATUS,
    CLAIM_STATUS_LIST,
    CLAIM_TIME_TO_LIVE,
)
from picosec_conformance.objects import ALG, KID, NOW, SIGN1, TYP, Key, protect, tagged

TYPE: Final = "application/statuslist+cwt"
URI: Final = "https://example.com/statuslists/1"
#: Claims of a token.
SUBJECT, ENDS, ISSUED, LISTED, TTL = 2, 4, 6, CLAIM_STATUS_LIST, CLAIM_TIME_TO_LIVE
#: Seconds for which the target believes a list that is fresh no longer, when nobody said otherwise.
GRACE: Final = 604_800
#: Bytes of a token, and of its entries, at most.
LARGEST, LARGEST_LIST = 16_384, 131_072
DAY: Final = 86_400
#: The place of the suite's credential, among sixteen.
PLACE: Final = 3


def packed(bits: int, size: int, entries: Mapping[int, int]) -> bytes:
    """Return ``size`` entries, 0 but for those given, packed from the least significant bit on."""
    content = bytearray((size * bits + 7) // 8)
    for place, value in entries.items():
        content[place * bits // 8] |= value << place * bits % 8
    return bytes(content)


def stored(content: bytes) -> bytes:
    """Return a zlib stream of up to 65,535 bytes as they are: every library of every platform writes the same."""
    length = len(content).to_bytes(2, "little")
    return b"\x78\x01\x01" + length + bytes(byte ^ 0xFF for byte in length) + content + _checksum(content)


def zeros(count: int) -> bytes:
    """Return a zlib stream of so many zeros, at least one: a literal, and copies of what is behind it."""
    literal, copy = "00110000", "11000101" + "00000"  # 258 bytes, from one byte back
    copies, rest = divmod(count - 1, 258)
    bits = "1" + "10" + literal * (1 + rest) + copy * copies + "0000000"
    block = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
    return b"\x78\x01" + block + _checksum(bytes(count))


def compressed(content: bytes) -> bytes:
    """Return a zlib stream."""
    return stored(content) if any(content) or not content else zeros(len(content))


def _checksum(content: bytes) -> bytes:
    return zlib.adler32(content).to_bytes(4, "big")


def status_claim(place: int = PLACE, uri: str = URI) -> dict[int, Any]:
    """Return the claim by which a credential names its place in a list."""
    return {CLAIM_STATUS: {"status_list": {"idx": place, "uri": uri}}}


class Token:
    """A status list token before it is closed: every part can be changed, and the signature covers what it says."""

    def __init__(self, issuer: Key, bits: int, entries: bytes) -> None:
        self.issuer = issuer
        self.listed: Any = {"bits": bits, "lst": compressed(entries)}
        self.claims: dict[Any, Any] = {SUBJECT: URI, ENDS: NOW + DAY, ISSUED: NOW, LISTED: self.listed}
        self.header: dict[Any, Any] = {
            ALG: -8 if issuer.curve is Curve.ED25519 else -7,
            KID: issuer.kid,
            TYP: TYPE,
        }
        self.unprotected: Any = {}
        self.tag = SIGN1
        self.context = "Signature1"
        #: What is sent and signed in place of what ``header`` and ``claims`` say.
        self.protected: bytes | None = None
        self.payload: Any = None

    def close(self, signature: Any = None) -> bytes:
        """Return the token; ``signature`` is in place of the issuer's."""
        protected = protect(self.header) if self.protected is None else self.protected
        payload = dumps(self.claims) if self.payload is None else self.payload
        if signature is None:
            signature = self.issuer.sign(dumps([self.context, protected, b"", payload]))
        return tagged(self.tag, protected, self.unprotected, payload, signature)
