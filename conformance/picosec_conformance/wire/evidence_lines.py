"""Attestation evidence as lines: of which device, what runs on it, and what the grammar does not have."""

from __future__ import annotations

from typing import Final

from picosec.identity.evidence import (
    MAKER_SIZES,
    MAX_NAME,
    MAX_SIZE,
    MAX_SOFTWARE,
    NONCE_SIZE,
    PROFILE,
    UEID_SIZES,
    Debug,
)
from picosec.identity.keys import HASH_SIZE
from picosec.registry import CLAIM_TAMPER, CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EAT
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item
from picosec_conformance.wire.object_lines import moment
from picosec_conformance.wire.signed_lines import Form, claims_in, inside, is_signed, signed_lines

_ISSUED, _NONCE, _UEID, _MAKER, _DEBUG, _PROFILE, _MEASURED = 6, 10, 256, 258, 263, 265, 273
_CLAIMS: Final[dict[object, str]] = {
    _ISSUED: "signed",
    _NONCE: "nonce",
    _UEID: "device",
    _MAKER: "maker",
    _DEBUG: "debug ports",
    _PROFILE: "profile",
    _MEASURED: "runs",
    CLAIM_TAMPER: "tampered with",
}
_NEEDED: Final = (_NONCE, _UEID, _DEBUG, _PROFILE, _MEASURED)


def is_evidence(data: bytes) -> bool:
    """Whether the bytes are a signed message whose header says that it is evidence."""
    return is_signed(data, _FORM)


def evidence_lines(data: bytes) -> list[Line]:
    """Decode evidence, or show as CBOR what is none."""
    lines, claims = signed_lines(data, _FORM), claims_in(data)
    debug, maker = (None if claims is None else claims.get(label) for label in (_DEBUG, _MAKER))
    if debug is not None and debug.value == Debug.DISABLED_PERMANENTLY and maker is None:
        lines.append(Line(0, b"", "only the maker can open the debug ports, and no maker is named", wrong=True))
    return lines


def evidence_name(data: bytes) -> str:
    """Return evidence in a few words, such as ``evidence of 0102, debug ports disabled, 2 pieces of software``."""
    claims = claims_in(data)
    said = {label: claims.get(label) if claims is not None else None for label in (_UEID, _DEBUG, _MEASURED)}
    ueid, debug, measured = said.values()
    device = ueid.value.hex() if ueid is not None and isinstance(ueid.value, bytes) else "?"
    ports = _debug(debug)[0] if debug is not None else "?"
    return f"evidence of {device}, debug ports {ports}, {_measured(measured)[0] if measured is not None else 'nothing'}"


def _value(label: object, value: Item) -> tuple[str, bool]:
    """Return a value in words, and whether the grammar has it in this place."""
    number = value.value if value.major == 0 and isinstance(value.value, int) else None
    size = len(value.value) if value.major == 2 and isinstance(value.value, bytes) else -1
    match label:
        case 6:
            return (value.text, False) if number is None else (moment(number), True)
        case 10:
            return value.text, size == NONCE_SIZE
        case 256:
            return value.text, size in UEID_SIZES
        case 258:
            return value.text, number is not None or size in MAKER_SIZES
        case 263:
            return _debug(value)
        case 265:
            return value.text, value.value == PROFILE
        case 273:
            return _measured(value)
    return (value.text, False) if number is None else (f"{number} times", True)


def _debug(value: Item) -> tuple[str, bool]:
    found = next((each for each in Debug if value.major == 0 and each == value.value), None)
    if found is None:
        return f"{value.text}, which is no state of them", False
    return found.name.lower().replace("_", " "), True


def _measured(value: Item) -> tuple[str, bool]:
    """Return what runs in words, and whether it is listed as the grammar has it."""
    entry = value.children[0] if value.major == 4 and len(value.children) == 1 else None
    parts = entry.children if entry is not None and entry.major == 4 and len(entry.children) == 2 else []
    listed = inside(parts[1]) if parts and parts[0].value == CONTENT_FORMAT_CBOR and parts[0].major == 0 else None
    if listed is None:
        return f"{value.text}, which is no list of software", False
    pieces = list(listed.pairs())
    fits = 0 < len(pieces) <= MAX_SOFTWARE and not listed.faults and all(_piece(*piece) for piece in pieces)
    names = ", ".join(f"{name.value} {_short(each)}" for name, each in pieces)
    return names or "nothing", fits


def _piece(name: Item, each: Item) -> bool:
    named = isinstance(name.value, str) and name.major == 3 and 0 < len(name.value.encode()) <= MAX_NAME
    return named and isinstance(each.value, bytes) and each.major == 2 and len(each.value) == HASH_SIZE


def _short(each: Item) -> str:
    """Return the beginning of a hash."""
    return f"{each.value[:4].hex()}…" if isinstance(each.value, bytes) else each.text


_FORM: Final = Form("attestation evidence", CONTENT_FORMAT_EAT, MAX_SIZE, _CLAIMS, _NEEDED, _value)
