"""Chains of credentials as lines: who let whom do what, link by link, and what the reference says of their form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from picosec.crypto.curves import Curve
from picosec.crypto.suites import Signature
from picosec.errors import ProtocolError
from picosec.identity.chain import MAX_LENGTH, read_chain
from picosec.identity.statement import Kind
from picosec.messaging.coap import Code
from picosec.objects.keys import Purpose
from picosec.registry import (
    CLAIM_ATTRIBUTES,
    CLAIM_CODE,
    CLAIM_DEPTH,
    CLAIM_IDENTITY,
    CLAIM_KIND,
    CLAIM_PURPOSE,
    CLAIM_ROLE,
    CLAIM_STATUS,
    CLAIM_ZONE,
)
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.cbor_lines import cbor_lines
from picosec_conformance.wire.object_lines import moment
from picosec_conformance.wire.signed_lines import inside

_ENDS, _BEGINS, _SIGNED, _CONFIRMATION, _SCOPE = 4, 5, 6, 8, 9
_CLAIMS: Final[dict[object, str]] = {
    2: "of",
    _ENDS: "ends",
    _BEGINS: "begins",
    _SIGNED: "signed",
    _CONFIRMATION: "key",
    _SCOPE: "may",
    CLAIM_ZONE: "zone",
    CLAIM_ROLE: "role",
    CLAIM_ATTRIBUTES: "attributes",
    CLAIM_KIND: "kind",
    CLAIM_CODE: "code",
    CLAIM_DEPTH: "may be followed by",
    CLAIM_IDENTITY: "identity",
    CLAIM_PURPOSE: "signs",
    CLAIM_STATUS: "status",
}
_ALGORITHMS: Final[dict[object, str]] = {algorithm.value: algorithm.name for algorithm in Signature}
_CURVES: Final[dict[object, str]] = {
    Curve.P256.value: "P-256",
    Curve.X25519.value: "X25519",
    Curve.ED25519.value: "Ed25519",
}


def is_chain(data: bytes) -> bool:
    """Whether the bytes are an array of signed claims, of which the first are of a zone."""
    links = _links(data)
    claims = inside(_parts(links[0])[2]) if links else None
    return claims is not None and claims.get(CLAIM_ZONE) is not None


def chain_lines(data: bytes) -> list[Line]:
    """Decode a chain, or show as CBOR what is none."""
    links = _links(data)
    if not links:
        return [Line(0, b"", f"no chain: not an array of 1 to {MAX_LENGTH} credentials", wrong=True), *cbor_lines(data)]
    found = [Line(0, data[: links[0].start], f"chain of credentials, {len(links)} long")]
    for link in links:
        found += _link_lines(data, link)
    try:
        read_chain(data)
    except ProtocolError as error:
        found.append(Line(0, b"", str(error), wrong=True))
    return found


def chain_name(data: bytes) -> str:
    """Return a chain in a few words, such as ``chain of credentials anchor > ann > bob``."""
    links = _links(data)
    header = inside(_parts(links[0])[0]) if links else None
    names = [_named(header.get(4) if header is not None else None)]
    for link in links:
        claims = inside(_parts(link)[2])
        names.append(_named(_key(claims.get(_CONFIRMATION) if claims is not None else None, 2)))
    return f"chain of credentials {' > '.join(names)}"


def _links(data: bytes) -> list[Item]:
    """Return the credentials, each an array of four parts; nothing if there is anything else among them."""
    items, _ = sequence(data)
    links = items[0].children if items and items[0].major == 4 else []
    return links if 0 < len(links) <= MAX_LENGTH and all(_parts(link) for link in links) else []


def _parts(link: Item) -> list[Item]:
    return link.children if link.major == 4 and len(link.children) == 4 else []


def _link_lines(data: bytes, link: Item) -> Iterator[Line]:
    protected, unprotected, payload, signature = _parts(link)
    header, claims = inside(protected), inside(payload)
    signer = header.get(4) if header is not None else None
    algorithm = header.get(1) if header is not None else None
    by = _ALGORITHMS.get(algorithm.value, algorithm.text) if algorithm is not None else "an unknown algorithm"
    yield Line(1, data[link.start : unprotected.end], f"credential, signed by {_named(signer)} with {by}")
    yield Line(2, data[payload.start : payload.end], "claims", wrong=claims is None)
    for key, value in claims.pairs() if claims is not None else ():
        yield Line(3, b"", f"{_CLAIMS.get(key.value, key.text)} {_value(key.value, value)}")
    yield Line(2, data[signature.start : signature.end], f"signature {signature.text}"[:40])


def _value(label: object, value: Item) -> str:
    """Return the value of a claim in words."""
    number = value.value if value.major == 0 and isinstance(value.value, int) else None
    match label:
        case 4 | 5 | 6 if number is not None:
            return moment(number)
        case 8:
            curve = _key(value, -1)
            return f"{_named(_key(value, 2))}, {_CURVES.get(curve.value, curve.text) if curve is not None else '?'}"
        case 9:
            return _scope(value)
    if number is not None and label == CLAIM_KIND and number in set(Kind):
        return Kind(number).name.lower()
    if number is not None and label == CLAIM_PURPOSE and number in set(Purpose):
        return f"{Purpose(number).name.lower()} objects, and opens no channel"
    return f"{number} more" if label == CLAIM_DEPTH else value.text


def _scope(value: Item) -> str:
    items, _ = sequence(value.value) if isinstance(value.value, bytes) and value.major == 2 else ([], None)
    entries = items[0].children if items and items[0].major == 4 else []
    words = [_entry(entry) for entry in entries]
    return "; ".join(words) or f"{value.text}, which is no scope"


def _entry(entry: Item) -> str:
    parts = entry.children if entry.major == 4 and len(entry.children) == 2 else []
    path, bits = parts if parts else (None, None)
    if path is None or bits is None or path.major != 3 or not isinstance(bits.value, int) or bits.major != 0:
        return entry.text
    methods = [code.name for code in Code if 0 < code < 8 and bits.value >> (code - 1) & 1]
    return f"{', '.join(methods) or 'nothing'} {path.value}"


def _key(confirmation: Item | None, label: int) -> Item | None:
    """Return a member of the COSE_Key in a claim cnf."""
    key = confirmation.get(1) if confirmation is not None and confirmation.major == 5 else None
    return key.get(label) if key is not None and key.major == 5 else None


def _named(kid: Item | None) -> str:
    """Return a key identifier as people may know it: as text if it is printable, else in hexadecimal."""
    if kid is None or not isinstance(kid.value, bytes) or kid.major != 2:
        return "?"
    return (
        kid.value.decode()
        if kid.value.isascii() and kid.value.decode().isprintable() and kid.value
        else kid.value.hex()
    )
