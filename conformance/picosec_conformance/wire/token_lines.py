"""Anonymous tokens as lines: asked for, answered, and sealed to be spent; and what the reference says of their form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.crypto.p256 import POINT_SIZE
from picosec.crypto.voprf import PROOF_SIZE
from picosec.errors import ProtocolError
from picosec.identity.token import TokenRequest, decode_response
from picosec.identity.token_sealing import read_envelope
from picosec.registry import CONTENT_FORMAT_TOKEN_REDEMPTION
from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.cbor_lines import cbor_lines, nested

_ENCRYPT: Final = 96
_TYP, _KID = 16, 4


def token_lines(data: bytes) -> list[Line]:
    """Decode a request for tokens, its answer or a redemption, or show as CBOR what is none of these."""
    parts = _array(data)
    if _is_sealed(data):
        found = [Line(0, b"", token_name(data)), *nested(cbor_lines(data), 1)]
        return [*found, *_verdict(lambda: read_envelope(data))]
    if _is_request(parts):
        found = [Line(0, data[: parts[1].start], f"{token_name(data)}, by these elements:")]
        return [*found, *_elements(data, parts[1]), *_rest(data, parts[1].end), *_verdict(_reading(data))]
    if _is_response(parts):
        elements, proof = parts
        found = [Line(0, data[: elements.start], token_name(data)), *_elements(data, elements)]
        found.append(Line(1, data[proof.start : proof.end], f"proof, {PROOF_SIZE} bytes"))
        count = len(elements.children)
        return [*found, *_rest(data, proof.end), *_verdict(lambda: decode_response(data, count))]
    return [Line(0, b"", "no tokens, nor a request for some or a redemption", wrong=True), *cbor_lines(data)]


def token_name(data: bytes) -> str:
    """Return it in a few words, such as ``request for 2 tokens of 51``, empty if it is nothing of tokens."""
    parts = _array(data)
    if _is_sealed(data):
        return f"redemption for {_reader(data) or '?'}"
    if _is_request(parts):
        return f"request for {_tokens(parts[1])} of {parts[0].text}"
    if _is_response(parts):
        return f"{_tokens(parts[0])} with a proof"
    return ""


def _reading(data: bytes) -> Callable[[], object]:
    return lambda: TokenRequest.decode(data).points()


def _verdict(read: Callable[[], object]) -> list[Line]:
    try:
        read()
    except ProtocolError as error:
        return [Line(0, b"", str(error), wrong=True)]
    return []


def _rest(data: bytes, end: int) -> list[Line]:
    return [Line(0, data[end:], f"{len(data) - end} bytes follow", wrong=True)] if end < len(data) else []


def _elements(data: bytes, elements: Item) -> list[Line]:
    head = elements.children[0].start if elements.children else elements.end
    found = [Line(1, data[elements.start : head], f"{len(elements.children)} elements")]
    return [*found, *(Line(2, data[each.start : each.end], each.text) for each in elements.children)]


def _tokens(elements: Item) -> str:
    count = len(elements.children)
    return f"{count} token{'' if count == 1 else 's'}"


def _array(data: bytes) -> list[Item]:
    items, _stop = sequence(data)
    return items[0].children if items and items[0].major == 4 else []


def _is_request(parts: list[Item]) -> bool:
    return len(parts) == 2 and parts[0].major == 2 and _are_elements(parts[1])


def _is_response(parts: list[Item]) -> bool:
    proof = parts[1].value if len(parts) == 2 else None
    return isinstance(proof, bytes) and len(proof) == PROOF_SIZE and parts[1].major == 2 and _are_elements(parts[0])


def _are_elements(item: Item) -> bool:
    values = [each.value for each in item.children] if item.major == 4 else []
    return bool(values) and all(isinstance(value, bytes) and len(value) == POINT_SIZE for value in values)


def _message(data: bytes) -> list[Item]:
    """Return the parts of a COSE_Encrypt."""
    items, _stop = sequence(data)
    tagged = items[0] if items and items[0].major == 6 and items[0].value == _ENCRYPT else None
    inside = tagged.children[0] if tagged is not None else None
    return inside.children if inside is not None and inside.major == 4 and len(inside.children) == 4 else []


def _is_sealed(data: bytes) -> bool:
    parts = _message(data)
    protected = parts[0].value if parts else None
    header, _stop = sequence(protected) if isinstance(protected, bytes) else ([], None)
    typ = header[0].get(_TYP) if header and header[0].major == 5 else None
    return typ is not None and typ.value == CONTENT_FORMAT_TOKEN_REDEMPTION


def _reader(data: bytes) -> str:
    """Return the name of the key that a redemption is sealed for."""
    for recipient in _message(data)[3].children:
        named = recipient.children[1] if recipient.major == 4 and len(recipient.children) == 3 else None
        kid = named.get(_KID) if named is not None and named.major == 5 else None
        if kid is not None:
            return kid.text
    return ""
