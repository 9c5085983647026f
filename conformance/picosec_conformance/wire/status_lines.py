"""Status list tokens as lines: what is listed, since when and for how long, and what the grammar does not have."""

from __future__ import annotations

import zlib
from typing import Final

from picosec.identity.status import MAX_UNPACKED, MAX_URI, WIDTHS
from picosec.identity.status_token import MAX_SIZE, MAX_TTL, TYPE
from picosec.registry import CLAIM_STATUS_LIST, CLAIM_TIME_TO_LIVE
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item
from picosec_conformance.wire.object_lines import moment
from picosec_conformance.wire.signed_lines import Form, claims_in, is_signed, signed_lines

_SUBJECT, _ENDS, _ISSUED = 2, 4, 6
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
    return is_signed(data, _FORM)


def status_lines(data: bytes) -> list[Line]:
    """Decode a status list token, or show as CBOR what is none."""
    return signed_lines(data, _FORM)


def status_name(data: bytes) -> str:
    """Return the token in a few words, such as ``status list urn:locks, 16 entries, 3 not valid``."""
    claims = claims_in(data)
    name = claims.get(_SUBJECT) if claims is not None else None
    listed = claims.get(CLAIM_STATUS_LIST) if claims is not None else None
    subject = name.value if name is not None else "?"
    return f"status list {subject}, {_listed(listed)[0] if listed is not None else 'without entries'}"


def _value(label: object, value: Item) -> tuple[str, bool]:
    """Return a value in words, and whether the grammar has it in this place."""
    if label == CLAIM_STATUS_LIST:
        return _listed(value)
    if label in (_ENDS, _ISSUED) and value.major == 0 and isinstance(value.value, int):
        return moment(value.value), True
    if label == CLAIM_TIME_TO_LIVE and value.major == 0 and isinstance(value.value, int):
        return f"{value.value} s", 0 < value.value <= MAX_TTL
    name = value.value if label == _SUBJECT else None
    return value.text, isinstance(name, str) and 0 < len(name.encode()) <= MAX_URI


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


_FORM: Final = Form("status list token", TYPE, MAX_SIZE, _CLAIMS, _NEEDED, _value)
