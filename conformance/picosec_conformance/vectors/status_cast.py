"""Who and what the vectors of status lists speak of, and the reasons for which lists and credentials are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec_conformance.objects import Key
from picosec_conformance.status import ENDS, ISSUED, LISTED, PLACE, SUBJECT, TTL, URI, Token, packed, stored, zeros
from picosec_conformance.vectors.objects_cast import FLAGS as OBJECT_FLAGS
from picosec_conformance.vectors.objects_cast import secret

FLAGS: Final = {
    **{name: OBJECT_FLAGS[name] for name in ("Algorithm", "Form", "Forgery", "Headers")},
    "BrokenStream": "Half a list is a list in which the other half is valid.",
    "Bomb": "A kilobyte on its way, and a megabyte in the memory of whoever unpacks before asking.",
    "OldList": "An old list brings credentials back that were taken.",
    "Revoked": "Whoever found the phone has its key.",
    "NotListed": "What stands in no list that is believed may have been taken back.",
    "UnknownStatus": "Whoever looks away from what he does not understand believes it for ever.",
}

ISSUER: Final = Key(b"\x31", Curve.P256, secret("status issuer"))
SECOND: Final = Key(b"keeper", Curve.ED25519, secret("second status issuer"))
OTHER: Final = Key(b"\x33", Curve.ED25519, secret("issuer of another list"))
OTHER_URI: Final = "urn:another-list"
#: Sixteen credentials, of which those at places 0, 3 and 9 were taken back.
ENTRIES: Final = {0: 1, PLACE: 1, 9: 1}


def issuers() -> list[dict[str, Any]]:
    """Describe the keys that are believed, and for which list."""
    names = {Curve.P256: "P-256", Curve.ED25519: "Ed25519"}
    rows = []
    for key, uri in ((ISSUER, URI), (SECOND, URI), (OTHER, OTHER_URI)):
        row = {"kid": key.kid, "uri": uri, "curve": names[key.curve], "x": key.public.x}
        rows.append({**row, "y": key.public.y} if key.public.y else row)
    return rows


def token(entries: dict[int, int] | None = None, *, bits: int = 1, issuer: Key = ISSUER, **claims: Any) -> Token:
    """Return a token; a claim of ``claims`` is named as in :data:`_NAMES`, and None leaves it out."""
    token = Token(issuer, bits, packed(bits, 16, ENTRIES if entries is None else entries))
    for name, value in claims.items():
        token.claims[_NAMES[name]] = value
    token.claims = {label: value for label, value in token.claims.items() if value is not None}
    return token


_NAMES: Final = {"subject": SUBJECT, "ends": ENDS, "issued": ISSUED, "ttl": TTL, "listed": LISTED}


def broken_streams() -> Iterator[tuple[str, str, bytes]]:
    """Yield streams that are none, each with a name and what is wrong with it."""
    stream = stored(packed(1, 16, ENTRIES))
    yield "no-stream", "No bytes.", b""
    yield "cut", "The last byte of the checksum is missing.", stream[:-1]
    yield "no-checksum", "The checksum is missing.", stream[:-4]
    yield "wrong-checksum", "Another checksum.", stream[:-1] + bytes((stream[-1] ^ 1,))
    yield "surplus", "A byte behind the stream.", stream + b"\x00"
    yield "gzip", "A gzip stream.", bytes.fromhex("1f8b08000000000000ff63600000ff12d94102000000")
    yield "bare-deflate", "A deflate stream without head and checksum.", zeros(2)[2:-4]
