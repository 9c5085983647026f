"""A frame in one line, for sequence pictures and lists."""

from __future__ import annotations

from picosec_conformance.wire import slipmux as slip
from picosec_conformance.wire.cbor import sequence
from picosec_conformance.wire.chain_lines import chain_name, is_chain
from picosec_conformance.wire.coap import CoAP, Payload
from picosec_conformance.wire.decoding import dissect, options_of, oscore_text, problem_name, uint, value_of
from picosec_conformance.wire.edhoc_lines import name
from picosec_conformance.wire.evidence_lines import evidence_name, is_evidence
from picosec_conformance.wire.names import CBOR_FORMATS, COSE_FORMATS, TYPES, code_text
from picosec_conformance.wire.object_lines import object_name
from picosec_conformance.wire.status_lines import is_status_token, status_name
from picosec_conformance.wire.stream import signal_parts, unframed
from picosec_conformance.wire.token_lines import token_name

_SHORT = 32  # characters of a payload that fit on an arrow


def summarise(data: bytes, layer: str) -> str:
    """Return the frame in one line."""
    if layer == "coap":
        return _coap(data)
    if layer == "slipmux":
        return _slipmux(data)
    if layer in ("tcp", "websocket"):
        return _stream(data, layer)
    if layer == "stream":
        return f"{data[:_SHORT].hex()}{'…' if len(data) > _SHORT else ''} {len(data)} raw bytes"
    if layer == "edhoc" and (message := name(data)):
        return f"{message} {len(data)} bytes"
    if layer == "object" and (form := object_name(data)):
        return f"{form}, {len(data)} bytes"
    if layer == "evidence" and is_evidence(data):
        return f"{evidence_name(data)}, {len(data)} bytes"
    if layer == "chain" and is_chain(data):
        return f"{chain_name(data)}, {len(data)} bytes"
    if layer == "token" and (form := token_name(data)):
        return f"{form}, {len(data)} bytes"
    if layer == "status-list" and is_status_token(data):
        return f"{status_name(data)}, {len(data)} bytes"
    if layer == "oscore":
        return f"OSCORE option {oscore_text(data)}".rstrip()
    items, stop = sequence(data)
    text = ", ".join(one.text for one in items)
    return f"{text} … not CBOR at byte {stop.offset}".lstrip(" …") if stop else text or "nothing"


def _coap(data: bytes) -> str:
    message, wrong = dissect(data)
    if message is None:
        return f"invalid: {wrong}"
    head = [TYPES[message.type], code_text(message.code), *_target(message), f"mid=0x{message.message_id:04x}"]
    return " ".join([*head, *_behind(message, wrong)])


def _behind(message: CoAP, wrong: str) -> list[str]:
    """Return token and content, or what is wrong."""
    token = [f"token={message.token.hex()}"] if message.token else []
    return [*token, f"invalid: {wrong}"] if wrong else [*token, *_content(message)]


def _stream(data: bytes, layer: str) -> str:
    frame = unframed(data, layer)
    message, wrong = dissect(frame.datagram)
    if message is None:
        return f"invalid: {frame.wrong or wrong}"
    if (signal := signal_parts(frame.datagram)) is not None:
        return " ".join([*signal, *([f"invalid: {frame.wrong}"] if frame.wrong else [])])
    return " ".join([code_text(message.code), *_target(message), *_behind(message, frame.wrong or wrong)])


def _target(message: CoAP) -> list[str]:
    """Return path and query of a request."""
    options = options_of(message)
    if message.code == 0 or message.code >= 0x20:
        return []
    path = "".join(f"/{option.value.decode(errors='replace')}" for number, option in options if number == 11)
    query = "&".join(option.value.decode(errors="replace") for number, option in options if number == 15)
    return [(path or "/") + (f"?{query}" if query else "")]


def _content(message: CoAP) -> list[str]:
    """Return what the options and the payload add."""
    options = options_of(message)
    payload: bytes = message.payload.data if isinstance(message.payload, Payload) else b""
    oscore, form = value_of(options, 9), value_of(options, 12)
    found = []
    if value_of(options, 21) is not None:
        found.append("EDHOC")
    if oscore is not None:
        found.append(f"OSCORE {oscore_text(oscore)}".rstrip())
    if not payload:
        return found
    if form is not None and uint(form) in (64, 65) and oscore is None:
        return [*found, name(payload, reply=message.code > 0x1F) or "no EDHOC message", f"{len(payload)} bytes"]
    if form is not None and uint(form) in COSE_FORMATS and oscore is None:
        return [*found, object_name(payload) or "no object", f"{len(payload)} bytes"]
    if form is not None and uint(form) == 257 and (error := problem_name(payload)):
        return [*found, error]
    return [*found, _brief(payload, None if form is None else uint(form), plain=oscore is None)]


def _brief(payload: bytes, form: int | None, *, plain: bool) -> str:
    """Return a short payload as it reads, the size of a long one."""
    text = ""
    if plain and form in CBOR_FORMATS:
        items, stop = sequence(payload)
        text = ", ".join(one.text for one in items) if stop is None else ""
    elif plain and form in (None, 0) and payload.isascii():
        text = f'"{payload.decode()}"'
    return text if 0 < len(text) <= _SHORT and text.isprintable() else f"{len(payload)} bytes"


def _slipmux(data: bytes) -> str:
    found = []
    for frame in slip.frames(data):
        what = _coap(frame.message) if frame.kind == slip.COAP else slip.KINDS.get(frame.kind, "unknown frame")
        found.append("; ".join([what, *frame.faults]))
    return " · ".join(found) or "no frame"
