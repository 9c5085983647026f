"""Objects as lines: each part of the three COSE messages in words, and what of it the grammar does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.suites import Signature
from picosec.objects.keys import Purpose
from picosec.objects.statement import MAX_KID
from picosec.objects.structures import ECDH_ES_HKDF_256
from picosec.registry import CLAIM_RECIPIENT, CLAIM_SEQUENCE
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.cbor_lines import cbor_lines, nested, text_or_hex
from picosec_conformance.wire.names import CBOR_FORMATS, FORMATS, code_text

_ALGORITHMS: Final[dict[object, str]] = {
    **{algorithm.value: algorithm.name for algorithm in Signature},
    **{aead.value: aead.name for aead in Aead},
    ECDH_ES_HKDF_256: "ECDH-ES with HKDF-SHA-256",
}
_PARAMETERS: Final[dict[object, str]] = {
    1: "alg", 2: "crit", 3: "content type", 4: "kid", 5: "IV", 6: "Partial IV", 15: "claims", 16: "typ",
    -1: "ephemeral key",
}  # fmt: skip
_CLAIMS: Final[dict[object, str]] = {
    4: "ends", 6: "signed", CLAIM_RECIPIENT: "for", CLAIM_SEQUENCE: "number",
}  # fmt: skip
_TYP, _CLAIMS_LABEL, _EPHEMERAL, _KID, _ENDS = 16, 15, -1, 4, 4


@dataclass(frozen=True, slots=True)
class _Form:
    """A form of objects: its names, what it holds behind the headers, and which parameters its headers have."""

    name: str
    message: str
    parts: int
    protected: tuple[int, ...]
    unprotected: tuple[int, ...]


_FORMS: Final = {
    18: _Form("signed object", "COSE_Sign1", 4, (1, 3, 4, 15, 16), ()),
    96: _Form("sealed object", "COSE_Encrypt", 4, (1, 3, 16), (5,)),
    16: _Form("group object", "COSE_Encrypt0", 3, (1, 3, 4, 16), (5,)),
}


def object_lines(data: bytes) -> list[Line]:
    """Decode an object, or show as CBOR what is none."""
    items, stop = sequence(data)
    form, parts = _form(items)
    if form is None:
        return [Line(0, b"", "no object: not one of the three tagged COSE messages", wrong=True), *cbor_lines(data)]
    found = [Line(0, data[: parts[0].start], f"{form.name} ({form.message}, tag {items[0].value})")]
    found += _headers(data, parts[0], parts[1], form.protected, form.unprotected)
    if items[0].value == 18:
        found += _payload(parts[2], _content_type(parts[0]))
        found.append(_bytes(data, parts[3], "signature", 64))
    else:
        found.append(_bytes(data, parts[2], "ciphertext of a signed object, with its tag"))
    if items[0].value == 96:
        found += _recipients(data, parts[3])
    found += [Line(0, b"", f"not deterministic: {fault} at byte {at}", wrong=True) for at, fault in items[0].faults]
    end = items[0].end
    if end < len(data) or stop is not None:
        found.append(Line(0, data[end:], f"{len(data) - end} bytes follow the object", wrong=True))
    return found


def object_name(data: bytes) -> str:
    """Return ``signed object 7 from 01 for 11, platform``, empty if the bytes are no object."""
    items, _ = sequence(data)
    form, parts = _form(items)
    if form is None:
        return ""
    header = _map(parts[0])
    claims = header.get(_CLAIMS_LABEL) if header is not None else None
    kid = header.get(_KID) if header is not None else None
    typ = header.get(_TYP) if header is not None else None
    words = [form.name]
    if form.message == "COSE_Sign1":
        number, recipient = _member(claims, CLAIM_SEQUENCE), _member(claims, CLAIM_RECIPIENT)
        words += [_plain(number), f"from {_plain(kid)}", f"for {_plain(recipient)}"]
    else:
        words.append(f"for {_plain(_reader(parts[3]) if len(parts) == 4 else kid)}")
    return f"{' '.join(words)}, {_purpose(typ.value if typ else None)}"


def _form(items: list[Item]) -> tuple[_Form | None, list[Item]]:
    one = items[0] if items and items[0].major == 6 else None
    form = _FORMS.get(one.value if isinstance(one.value, int) else 0) if one is not None else None
    if one is None or form is None or one.children[0].major != 4 or len(one.children[0].children) != form.parts:
        return None, []
    return form, one.children[0].children


def _headers(
    data: bytes, protected: Item, unprotected: Item, known: tuple[int, ...], known_unprotected: tuple[int, ...]
) -> Iterator[Line]:
    """Yield both headers, and what is missing in them or has no place there."""
    inside = protected.value if isinstance(protected.value, bytes) and protected.major == 2 else b""
    yield Line(1, data[protected.start : protected.end - len(inside)], f"protected header, {len(inside)} bytes")
    header = _map(protected)
    if header is None:
        yield Line(2, inside, "no map in a byte string", wrong=True)
    else:
        yield from _parameters(inside, header, known)
        yield from (
            Line(2, b"", f"not deterministic: {fault} at byte {at} of the header", wrong=True)
            for at, fault in header.faults
        )
    if unprotected.major != 5:
        yield Line(1, data[unprotected.start : unprotected.end], "an unprotected header that is no map", wrong=True)
        return
    empty = "" if unprotected.children else ", empty"
    yield Line(1, data[unprotected.start : unprotected.start + 1], f"unprotected header{empty}")
    yield from _parameters(data, unprotected, known_unprotected)
    yield from _nonce(header, unprotected)


def _nonce(header: Item | None, unprotected: Item) -> Iterator[Line]:
    """Tell a nonce of another length than the algorithm takes."""
    algorithm, nonce = _member(header, 1), unprotected.get(5)
    length = next((aead.nonce_length for aead in Aead if algorithm is not None and aead.value == algorithm.value), None)
    if nonce is not None and isinstance(nonce.value, bytes) and length not in (None, len(nonce.value)):
        yield Line(2, b"", f"a nonce of {len(nonce.value)} bytes, where the algorithm takes {length}", wrong=True)


def _parameters(data: bytes, header: Item, known: tuple[int, ...]) -> Iterator[Line]:
    for key, value in header.pairs():
        name = _PARAMETERS.get(key.value, f"parameter {key.text}")
        raw = data[key.start : value.end]
        if key.value not in known:
            yield Line(2, raw, f"{name} {value.text}, which has no place here", wrong=True)
        elif key.value == _CLAIMS_LABEL and value.major == 5:
            yield Line(2, data[key.start : value.start + 1], name)
            yield from _claims(data, value)
        else:
            yield Line(2, raw, f"{name} {_value(key.value, value)}", wrong=not _fits(key.value, value, known))
    labels = [key.value for key, _ in header.pairs()]
    yield from (Line(2, b"", f"{_PARAMETERS[label]} is missing", wrong=True) for label in known if label not in labels)


def _claims(data: bytes, claims: Item) -> Iterator[Line]:
    for key, value in claims.pairs():
        fits = _is_identifier(value) if key.value == CLAIM_RECIPIENT else value.major == 0
        yield Line(3, data[key.start : value.end], _claim(key, value), wrong=not fits or key.value not in _CLAIMS)
    labels = [key.value for key, _ in claims.pairs()]
    needed = (label for label in _CLAIMS if label != _ENDS and label not in labels)
    yield from (Line(3, b"", f"the claim “{_CLAIMS[label]}” is missing", wrong=True) for label in needed)


def _fits(label: object, value: Item, known: tuple[int, ...]) -> bool:
    """Whether a parameter has a value of the grammar; ``known`` tells which header it is in."""
    match label:
        case 1:
            return value.value in _ALGORITHMS and value.major < 2
        case 3:
            holds_object = _CLAIMS_LABEL not in known
            return value.major == 0 and (value.value == 18 if holds_object else _is_format(value.value))
        case 4:
            return _is_identifier(value)
        case 16:
            return value.value in set(Purpose)
        case -1:
            return value.major == 5
    return value.major == 2


def _is_format(value: object) -> bool:
    return isinstance(value, int) and value <= 0xFFFF


def _is_identifier(value: Item) -> bool:
    return isinstance(value.value, bytes) and value.major == 2 and 0 < len(value.value) <= MAX_KID


def _value(label: object, value: Item) -> str:
    if label == 1:
        return _ALGORITHMS.get(value.value, f"{value.text}, which is unknown")
    if label == _TYP:
        return f"{value.text}: {_purpose(value.value)}"
    if label == _EPHEMERAL:
        return f"on {_curve(value)}"
    if label == 3 and isinstance(value.value, int):
        return f"{value.text} {FORMATS.get(value.value, '')}".rstrip()
    return _plain(value)


def _claim(key: Item, value: Item) -> str:
    name = _CLAIMS.get(key.value, f"claim {key.text}")
    if key.value in (_ENDS, 6) and isinstance(value.value, int):
        return f"{name} {moment(value.value)}"
    return f"{name} {_plain(value)}"


def _payload(payload: Item, content_type: object) -> Iterator[Line]:
    content = payload.value if isinstance(payload.value, bytes) and payload.major == 2 else None
    if content is None:
        yield Line(1, b"", f"payload {payload.text}, which is no byte string", wrong=True)
        return
    yield Line(1, b"", f"payload, {len(content)} bytes")
    if content_type == 60:
        yield from nested(_request(content) or cbor_lines(content), 2)
    elif content_type in CBOR_FORMATS:
        yield from nested(cbor_lines(content), 2)
    elif content:
        yield Line(2, content, text_or_hex(content))


def _request(content: bytes) -> list[Line]:
    """Return the request that an object for a device holds, nothing if it is none."""
    items, stop = sequence(content)
    parts = items[0].children if len(items) == 1 and stop is None and items[0].major == 4 else []
    if [part.major for part in parts] not in ([0, 3, 0, 2], [0, 3, 7, 2]):
        return []
    code, path, form, payload = (part.value for part in parts)
    if not isinstance(code, int) or not isinstance(payload, bytes):
        return []
    of = "" if form is None else f", {FORMATS.get(form, form) if isinstance(form, int) else form}"
    found = [Line(0, content, f"request {code_text(code)} {path}{of}, {len(payload)} bytes")]
    if payload:
        inside = cbor_lines(payload) if form in CBOR_FORMATS else [Line(0, payload, text_or_hex(payload))]
        found += nested(inside, 1)
    return found


def _recipients(data: bytes, recipients: Item) -> Iterator[Line]:
    count = len(recipients.children) if recipients.major == 4 else 0
    fault = count != 1
    yield Line(1, data[recipients.start : recipients.start + 1], f"{count} recipients" if fault else "recipient", fault)
    for one in recipients.children if recipients.major == 4 else ():
        if one.major != 4 or len(one.children) != 3:
            yield Line(2, data[one.start : one.end], "a recipient that is no array of three", wrong=True)
            continue
        yield from nested(list(_headers(data, one.children[0], one.children[1], (1,), (4, -1))), 1)
        if one.children[2].value != b"":
            yield _bytes(data, one.children[2], "wrapped key", 0)


def _bytes(data: bytes, part: Item, name: str, length: int | None = None) -> Line:
    raw = data[part.start : part.end]
    if not isinstance(part.value, bytes) or part.major != 2:
        return Line(1, raw, f"{name} {part.text}, which is no byte string", wrong=True)
    return Line(1, raw, f"{name}, {len(part.value)} bytes", wrong=length is not None and len(part.value) != length)


def _map(protected: Item) -> Item | None:
    """Return the map in a protected header."""
    if not isinstance(protected.value, bytes) or protected.major != 2:
        return None
    items, stop = sequence(protected.value)
    return items[0] if len(items) == 1 and stop is None and items[0].major == 5 else None


def _content_type(protected: Item) -> object:
    header = _map(protected)
    value = header.get(3) if header is not None else None
    return value.value if value is not None else None


def _reader(recipients: Item) -> Item | None:
    one = recipients.children[0] if recipients.major == 4 and recipients.children else None
    header = one.children[1] if one is not None and one.major == 4 and len(one.children) > 1 else None
    return _member(header, _KID)


def _member(header: Item | None, label: object) -> Item | None:
    return header.get(label) if header is not None and header.major == 5 else None


def _plain(value: Item | None) -> str:
    """Return bytes as bare hexadecimal, anything else in notation, and a question mark for nothing."""
    if value is None:
        return "?"
    return value.value.hex() or "empty" if isinstance(value.value, bytes) else value.text


def _purpose(value: object) -> str:
    return next((purpose.name.lower() for purpose in Purpose if purpose == value), "no purpose")


def _curve(key: Item) -> str:
    value = _member(key, -1)
    return next((curve.name for curve in Curve if value is not None and curve.value == value.value), "an unknown curve")


def moment(seconds: int) -> str:
    """Return a date in words, or the number of seconds where no calendar reaches."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
