"""Status list tokens as lines: what is listed, since when and for how long, and what the grammar does not have."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from picosec.crypto.suites import Signature
from picosec.identity.status import MAX_UNPACKED, MAX_URI, WIDTHS
from picosec.identity.status_token import MAX_SIZE, MAX_TTL, TYPE
from picosec.objects.statement import MAX_KID
from picosec.registry import CLAIM_STATUS_LIST, CLAIM_TIME_TO_LIVE
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.cbor_lines import cbor_lines
from picosec_conformance.wire.object_lines import moment

_ALGORITHMS: Final[dict[object, str]] = {algorithm.value: algorithm.name for algorithm in Signature}
_ALG, _KID, _TYP = 1, 4, 16
_SUBJECT, _ENDS, _ISSUED = 2, 4, 6
_PARAMETERS: Final[dict[object, str]] = {_ALG: "alg", _KID: "kid", _TYP: "typ"}
_CLAIMS: Final[dict[object, str]] = {
    _SUBJECT: "list",
    _ENDS: "ends",
    _ISSUED: "signed",
    CLAIM_TIME_TO_LIVE: "fresh for",
    CLAIM_STATUS_LIST: "status list",
}
_NEEDED: Final = (_SUBJECT, _ISSUED, CLAIM_STATUS_LIST)


def is_status_token(data: bytes) -> bool:
    """Whether the bytes are a signed message whose header says that it is a status list token."""
    items, _ = sequence(data)
    parts = _parts(items)
    header = _inside(parts[0]) if parts else None
    typ = header.get(_TYP) if header is not None else None
    return typ is not None and typ.value == TYPE


def status_lines(data: bytes) -> list[Line]:
    """Decode a status list token, or show as CBOR what is none."""
    items, stop = sequence(data)
    parts = _parts(items)
    if not parts:
        return [Line(0, b"", "no status list token: not a tagged COSE_Sign1", wrong=True), *cbor_lines(data)]
    protected, unprotected, payload, signature = parts
    found = [Line(0, data[: protected.start], "status list token (COSE_Sign1, tag 18)")]
    if len(data) > MAX_SIZE:
        found.append(Line(0, b"", f"{len(data)} bytes, and at most {MAX_SIZE} are taken", wrong=True))
    found += _map_lines(data, protected, "protected header", _PARAMETERS, (_ALG, _KID, _TYP))
    if unprotected.major != 5 or unprotected.children:
        raw = data[unprotected.start : unprotected.end]
        found.append(Line(1, raw, f"unprotected header {unprotected.text}, which has to be empty", wrong=True))
    found += _map_lines(data, payload, "claims", _CLAIMS, _NEEDED)
    size = len(signature.value) if isinstance(signature.value, bytes) and signature.major == 2 else None
    text = f"signature {signature.text}" if size is None else f"signature, {size} bytes"
    found.append(Line(1, data[signature.start : signature.end], text, wrong=size != 64))
    found += [Line(0, b"", f"not deterministic: {fault} at byte {at}", wrong=True) for at, fault in items[0].faults]
    if items[0].end < len(data) or stop is not None:
        found.append(Line(0, data[items[0].end :], f"{len(data) - items[0].end} bytes follow the token", wrong=True))
    return found


def status_name(data: bytes) -> str:
    """Return the token in a few words, such as ``status list urn:locks, 16 entries, 3 not valid``."""
    items, _ = sequence(data)
    parts = _parts(items)
    claims = _inside(parts[2]) if parts else None
    name = claims.get(_SUBJECT) if claims is not None else None
    listed = claims.get(CLAIM_STATUS_LIST) if claims is not None else None
    subject = name.value if name is not None else "?"
    return f"status list {subject}, {_listed(listed)[0] if listed is not None else 'without entries'}"


def _parts(items: list[Item]) -> list[Item]:
    """Return the four parts of a tagged COSE_Sign1, nothing if it is none."""
    one = items[0] if items and items[0].major == 6 and items[0].value == 18 else None
    inside = one.children[0] if one is not None else None
    return inside.children if inside is not None and inside.major == 4 and len(inside.children) == 4 else []


def _inside(part: Item) -> Item | None:
    """Return the map in a byte string."""
    if not isinstance(part.value, bytes) or part.major != 2:
        return None
    items, stop = sequence(part.value)
    return items[0] if len(items) == 1 and stop is None and items[0].major == 5 else None


def _map_lines(
    data: bytes, part: Item, title: str, names: dict[object, str], needed: tuple[int, ...]
) -> Iterator[Line]:
    inside = _inside(part)
    yield Line(1, data[part.start : part.end], title, wrong=inside is None)
    if inside is None:
        return
    for key, value in inside.pairs():
        text, fits = _value(key.value, value, of_header=names is _PARAMETERS)
        known = key.value in names
        yield Line(2, b"", f"{names.get(key.value, key.text)} {text}", wrong=not (known and fits))
    labels = [key.value for key, _ in inside.pairs()]
    yield from (Line(2, b"", f"{names[label]} is missing", wrong=True) for label in needed if label not in labels)
    yield from (
        Line(2, b"", f"not deterministic: {fault} at byte {at} inside", wrong=True) for at, fault in inside.faults
    )


def _value(label: object, value: Item, *, of_header: bool) -> tuple[str, bool]:
    """Return a value in words, and whether the grammar has it in this place."""
    if of_header:
        return _parameter(label, value)
    if label == CLAIM_STATUS_LIST:
        return _listed(value)
    if label in (_ENDS, _ISSUED) and value.major == 0 and isinstance(value.value, int):
        return moment(value.value), True
    if label == CLAIM_TIME_TO_LIVE and value.major == 0 and isinstance(value.value, int):
        return f"{value.value} s", 0 < value.value <= MAX_TTL
    name = value.value if label == _SUBJECT else None
    return value.text, isinstance(name, str) and 0 < len(name.encode()) <= MAX_URI


def _parameter(label: object, value: Item) -> tuple[str, bool]:
    match label:
        case 1:
            known = value.value in _ALGORITHMS and value.major < 2
            return _ALGORITHMS.get(value.value, value.text) if known else f"{value.text}, which is unknown", known
        case 4:
            return value.text, isinstance(value.value, bytes) and value.major == 2 and 0 < len(value.value) <= MAX_KID
    return value.text, value.value == TYPE


def _listed(listed: Item) -> tuple[str, bool]:
    """Return what a list holds, in words, and whether it is one."""
    labels = {key.value for key, _ in listed.pairs()} if listed.major == 5 else set()
    bits, packed = (listed.get(name) if name in labels else None for name in ("bits", "lst"))
    width = bits.value if bits is not None and bits.major == 0 else None
    stream = packed.value if packed is not None and packed.major == 2 else None
    if labels != {"bits", "lst"} or not isinstance(width, int) or width not in WIDTHS or not isinstance(stream, bytes):
        return f"{listed.text}, which is no list", False
    unpacking = zlib.decompressobj()
    try:
        entries = unpacking.decompress(stream, MAX_UNPACKED + 1)
    except zlib.error as error:
        return f"of {len(stream)} bytes that do not unfold: {error}", False
    if len(entries) > MAX_UNPACKED or not unpacking.eof or unpacking.unused_data:
        return f"of {len(stream)} bytes that are cut, followed by something, or unfold to too many", False
    mask = (1 << width) - 1
    revoked = sum(1 for byte in entries if byte for at in range(0, 8, width) if byte >> at & mask)
    return (
        f"{8 * len(entries) // width:,} entries, {revoked:,} not valid, {width} {'bit' if width == 1 else 'bits'} each",
        True,
    )
