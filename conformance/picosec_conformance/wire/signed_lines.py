"""Signed claims as lines, whatever they claim: a COSE_Sign1 with a type, what stands in it, and what the grammar does
not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from picosec.crypto.suites import Signature
from picosec.objects.statement import MAX_KID
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.cbor_lines import cbor_lines

_ALGORITHMS: Final[dict[object, str]] = {algorithm.value: algorithm.name for algorithm in Signature}
_ALG, _KID, _TYP = 1, 4, 16
_PARAMETERS: Final[dict[object, str]] = {_ALG: "alg", _KID: "kid", _TYP: "typ"}

#: Says a value in words, by its label, and whether the grammar has it in this place.
Say = Callable[[object, Item], tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of signed claims: ``type`` is its header ``typ``, and ``claims`` are names by label."""

    title: str
    type: object
    max_size: int
    claims: Mapping[object, str]
    needed: tuple[int, ...]
    say: Say


def is_signed(data: bytes, form: Form) -> bool:
    """Whether the bytes are a signed message whose header says that it is of this form."""
    items, _ = sequence(data)
    parts = _parts(items)
    header = inside(parts[0]) if parts else None
    typ = header.get(_TYP) if header is not None else None
    return typ is not None and typ.value == form.type


def claims_in(data: bytes) -> Item | None:
    """Return the map of claims of a signed message, if it has one."""
    items, _ = sequence(data)
    parts = _parts(items)
    return inside(parts[2]) if parts else None


def signed_lines(data: bytes, form: Form) -> list[Line]:
    """Decode signed claims, or show as CBOR what is none."""
    items, stop = sequence(data)
    parts = _parts(items)
    if not parts:
        return [Line(0, b"", f"no {form.title}: not a tagged COSE_Sign1", wrong=True), *cbor_lines(data)]
    protected, unprotected, payload, signature = parts
    found = [Line(0, data[: protected.start], f"{form.title} (COSE_Sign1, tag 18)")]
    if len(data) > form.max_size:
        found.append(Line(0, b"", f"{len(data)} bytes, and at most {form.max_size} are taken", wrong=True))

    def parameter(label: object, value: Item) -> tuple[str, bool]:
        return _parameter(label, value, form.type)

    found += _map_lines(data, protected, "protected header", _PARAMETERS, (_ALG, _KID, _TYP), parameter)
    if unprotected.major != 5 or unprotected.children:
        raw = data[unprotected.start : unprotected.end]
        found.append(Line(1, raw, f"unprotected header {unprotected.text}, which has to be empty", wrong=True))
    found += _map_lines(data, payload, "claims", form.claims, form.needed, form.say)
    size = len(signature.value) if isinstance(signature.value, bytes) and signature.major == 2 else None
    text = f"signature {signature.text}" if size is None else f"signature, {size} bytes"
    found.append(Line(1, data[signature.start : signature.end], text, wrong=size != 64))
    found += [Line(0, b"", f"not deterministic: {fault} at byte {at}", wrong=True) for at, fault in items[0].faults]
    if items[0].end < len(data) or stop is not None:
        rest = data[items[0].end :]
        found.append(Line(0, rest, f"{len(rest)} bytes follow the {form.title.rpartition(' ')[2]}", wrong=True))
    return found


def inside(part: Item) -> Item | None:
    """Return the map in a byte string."""
    if not isinstance(part.value, bytes) or part.major != 2:
        return None
    items, stop = sequence(part.value)
    return items[0] if len(items) == 1 and stop is None and items[0].major == 5 else None


def _parts(items: list[Item]) -> list[Item]:
    """Return the four parts of a tagged COSE_Sign1, nothing if it is none."""
    one = items[0] if items and items[0].major == 6 and items[0].value == 18 else None
    array = one.children[0] if one is not None else None
    return array.children if array is not None and array.major == 4 and len(array.children) == 4 else []


def _map_lines(
    data: bytes, part: Item, title: str, names: Mapping[object, str], needed: tuple[int, ...], say: Say
) -> Iterator[Line]:
    found = inside(part)
    yield Line(1, data[part.start : part.end], title, wrong=found is None)
    if found is None:
        return
    for key, value in found.pairs():
        text, fits = say(key.value, value)
        known = key.value in names and not isinstance(key.value, bool)
        yield Line(2, b"", f"{names.get(key.value, key.text)} {text}", wrong=not (known and fits))
    labels = [key.value for key, _ in found.pairs()]
    yield from (Line(2, b"", f"{names[label]} is missing", wrong=True) for label in needed if label not in labels)
    yield from (
        Line(2, b"", f"not deterministic: {fault} at byte {at} inside", wrong=True) for at, fault in found.faults
    )


def _parameter(label: object, value: Item, type_: object) -> tuple[str, bool]:
    match label:
        case 1:
            known = value.value in _ALGORITHMS and value.major < 2
            return _ALGORITHMS.get(value.value, value.text) if known else f"{value.text}, which is unknown", known
        case 4:
            return value.text, isinstance(value.value, bytes) and value.major == 2 and 0 < len(value.value) <= MAX_KID
    return value.text, value.value == type_
