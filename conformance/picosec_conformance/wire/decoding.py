"""From bytes to lines: each layer's function returns what every part of a frame means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from picosec.registry import (
    CONTENT_FORMAT_CREDENTIAL_CHAIN,
    CONTENT_FORMAT_EAT,
    CONTENT_FORMAT_STATUS_LIST,
    PROBLEM_DETAIL_KEY,
    TEXT,
    Problem,
)
from picosec_conformance.wire import Line
from picosec_conformance.wire import slipmux as slip
from picosec_conformance.wire.cbor import sequence
from picosec_conformance.wire.cbor_lines import cbor_lines, nested, text_or_hex
from picosec_conformance.wire.chain_lines import chain_lines
from picosec_conformance.wire.coap import MOST_OPTIONS, CoAP, Option, OscoreOption, Payload
from picosec_conformance.wire.edhoc_lines import edhoc_lines
from picosec_conformance.wire.evidence_lines import evidence_lines
from picosec_conformance.wire.names import (
    CBOR_FORMATS,
    COSE_FORMATS,
    FORMATS,
    OPTIONS,
    PROBLEM_KEYS,
    TOKEN_FORMATS,
    TYPES,
    code_text,
    option_name,
)
from picosec_conformance.wire.object_lines import object_lines
from picosec_conformance.wire.status_lines import status_lines
from picosec_conformance.wire.stream import signal_parts, unframed
from picosec_conformance.wire.token_lines import token_lines


def explain_layer(data: bytes, layer: str) -> list[Line]:
    """Decode ``data`` as the named layer."""
    return LAYERS[layer](data)


def options_of(message: CoAP) -> list[tuple[int, Option]]:
    """Return a message's options with their numbers."""
    number, numbered = 0, []
    for option in message.options:
        number += option.claimed_delta
        numbered.append((number, option))
    return numbered


def uint(data: bytes) -> int:
    """Return the value of an option in uint format."""
    return int.from_bytes(data)


def value_of(options: list[tuple[int, Option]], wanted: int) -> bytes | None:
    """Return the first value of an option."""
    return next((option.value for number, option in options if number == wanted), None)


def dissect(data: bytes) -> tuple[CoAP | None, str]:
    """Return the message as far as it can be read, and what is wrong with it, empty if nothing is."""
    if len(data) < 4:
        return None, f"a CoAP message has at least 4 bytes, this has {len(data)}"
    message = CoAP(data)
    options = message.options
    if message.version != 1:
        wrong = f"CoAP version {message.version}, not 1"
    elif message.token_length > 8:
        wrong = f"token length {message.token_length} is reserved"
    elif len(message.token) < message.token_length:
        wrong = f"a token of {message.token_length} bytes, but {len(message.token)} follow"
    elif options and options[-1].broken:
        wrong = options[-1].broken
    elif len(options) >= MOST_OPTIONS and message.payload and not isinstance(message.payload, Payload):
        wrong = f"more options than the {MOST_OPTIONS} shown"
    elif options and options_of(message)[-1][0] > 0xFFFF:
        wrong = "an option number above 65535"
    elif isinstance(message.payload, Payload) and not message.payload.data:
        wrong = "a payload marker without a payload"
    elif message.code == 0 and len(data) > 4:
        wrong = "an Empty message with bytes behind its header"
    elif message.code >> 5 in (1, 6, 7):
        wrong = f"code class {message.code >> 5} is reserved"
    else:
        wrong = ""
    return message, wrong


def coap_lines(data: bytes) -> list[Line]:
    """Decode a CoAP message on a datagram."""
    message, wrong = dissect(data)
    if message is None:
        return [Line(0, data, wrong, wrong=True)]
    token = f"token {message.token.hex()}" if message.token else "no token"
    head = f"{TYPES[message.type]} {code_text(message.code)}, message id 0x{message.message_id:04x}, {token}"
    return [Line(0, data[: 4 + len(message.token)], head), *_inside(message, wrong, data)]


def _inside(message: CoAP, wrong: str, data: bytes) -> list[Line]:
    """Return what follows the token."""
    found: list[Line] = []
    if message.version != 1 or message.token_length > 8:
        return [Line(0, data[4:], wrong, wrong=True)]
    options = options_of(message)
    found += [Line(1, option.raw_packet_cache or b"", _option_text(number, option.value)) for number, option in options]
    if isinstance(message.payload, Payload):
        found += _payload_lines(message, options)
    if wrong:
        found.append(Line(1, bytes(message.payload), wrong, wrong=True))
    return found


def _option_text(number: int, value: bytes) -> str:
    name, form = option_name(number), OPTIONS.get(number, ("", "opaque"))[1]
    if number == 9:
        return f"{name} {oscore_text(value) or 'without kid and Partial IV'}"
    if form == "empty":
        return name + (f" {value.hex()}, which should be empty" if value else "")
    if form == "text":
        return f'{name} "{value.decode(errors="backslashreplace")}"'
    if form == "opaque":
        return f"{name} {value.hex()}"
    if name in ("Content-Format", "Accept"):
        return f"{name} {uint(value)} {FORMATS.get(uint(value), '')}".rstrip()
    if number in (23, 27):
        return (
            f"{name} number {uint(value) >> 4}, size {16 << (uint(value) & 7)}, {'more' if uint(value) & 8 else 'last'}"
        )
    return f"{name} {uint(value)}"


def oscore_text(value: bytes) -> str:
    """Return what an OSCORE option says, for example ``kid=01 piv=5``; nothing when it is empty."""
    if not value:
        return ""
    if len(value) < 1 + (value[0] & 7) + (value[0] >> 4 & 1):
        return f"{value.hex()} (cut short)"
    option = OscoreOption(value)
    parts = []
    if option.has_kid:
        parts.append(f"kid={option.kid.hex() or 'empty'}")
    if option.piv:
        parts.append(f"piv={int.from_bytes(option.piv)}")
    if option.has_kid_context:
        parts.append(f"kid_context={(option.kid_context or b'').hex()}")
    if len(option.kid_context or b"") < (option.kid_context_length or 0):
        parts.append("(kid context cut short)")
    if option.reserved or option.piv_length > 5:
        parts.append("(reserved bits set)" if option.reserved else f"(reserved Partial IV length {option.piv_length})")
    if not option.has_kid and option.kid:
        parts.append(f"({len(option.kid)} bytes too many)")
    return " ".join(parts)


def _payload_lines(message: CoAP, options: list[tuple[int, Option]]) -> list[Line]:
    payload: bytes = message.payload.data
    encoded = value_of(options, 12)
    form = None if encoded is None else uint(encoded)
    title = Line(
        1, b"\xff", f"payload of {len(payload)} bytes" + ("" if form is None else f", {FORMATS.get(form, form)}")
    )
    if value_of(options, 9) is not None:
        return [title, *_protected(payload, edhoc=value_of(options, 21) is not None)]
    if form in (64, 65):
        inside = edhoc_lines(payload, reply=message.code > 0x1F)
    elif form == 257:
        inside = _problem_lines(payload)
    elif form in COSE_FORMATS:
        inside = object_lines(payload)
    elif form == CONTENT_FORMAT_STATUS_LIST and payload:
        inside = status_lines(payload)
    elif form == CONTENT_FORMAT_CREDENTIAL_CHAIN and payload:
        inside = chain_lines(payload)
    elif form in TOKEN_FORMATS and payload:
        inside = token_lines(payload)
    elif form == CONTENT_FORMAT_EAT and payload:
        inside = evidence_lines(payload)
    elif form in CBOR_FORMATS:
        inside = cbor_lines(payload)
    else:
        inside = [Line(0, payload, text_or_hex(payload))]
    return [title, *nested(inside, 2)]


def _protected(payload: bytes, *, edhoc: bool) -> list[Line]:
    found = []
    if edhoc:
        items, _ = sequence(payload)
        end = items[0].end if items else 0
        found.append(Line(2, payload[:end], f"EDHOC CIPHERTEXT_3, {end} bytes with its head", wrong=not items))
        payload = payload[end:]
    return [*found, Line(2, payload, f"OSCORE ciphertext and tag, {len(payload)} bytes")]


def problem_name(payload: bytes) -> str:
    """Return the registry's name of the error that problem details carry, empty if they carry none."""
    items, _ = sequence(payload)
    entry = items[0].get(PROBLEM_DETAIL_KEY) if items and items[0].major == 5 else None
    number = entry.get(0) if entry is not None and entry.major == 5 else None
    if number is None:
        return ""
    return next((p.name.lower() for p in Problem if p == number.value), f"unlisted error {number.text}")


def _problem_lines(payload: bytes) -> list[Line]:
    items, _ = sequence(payload)
    if not items or items[0].major != 5:
        return cbor_lines(payload)
    found = []
    for key, value in items[0].pairs():
        name, text = PROBLEM_KEYS.get(key.value if isinstance(key.value, int) else 0, key.text), value.text
        if key.value == PROBLEM_DETAIL_KEY and (error := problem_name(payload)):
            name = "PicoSec error"
            known = next((TEXT[p] for p in Problem if p.name.lower() == error), "")
            text = f"{error}: {known}" if known else error
        found.append(Line(0, payload[key.start : value.end], f"{name} {text}"))
    return found + [line for line in cbor_lines(payload) if line.wrong]


def stream_lines(data: bytes, layer: str) -> list[Line]:
    """Decode one message on TCP or WebSocket."""
    frame = unframed(data, layer)
    message, wrong = dissect(frame.datagram)
    if message is None:
        return [Line(0, data, frame.wrong or wrong, wrong=True)]
    head = data[: len(frame.length) + 1 + len(message.token)]
    faults = [Line(1, b"", frame.wrong, wrong=True)] if frame.wrong else []
    if (signal := signal_parts(frame.datagram)) is not None:
        return [Line(0, data, ", ".join(signal)), *faults]
    token = f"token {message.token.hex()}" if message.token else "no token"
    return [Line(0, head, f"{code_text(message.code)}, {token}"), *_inside(message, wrong, frame.datagram), *faults]


def raw_lines(data: bytes) -> list[Line]:
    """Show bytes of a connection that need not be whole messages."""
    return [Line(0, data, f"{len(data)} raw bytes: {text_or_hex(data)}")]


def slipmux_lines(data: bytes) -> list[Line]:
    """Decode the frames of a slipmux stream."""
    found: list[Line] = []
    for frame in slip.frames(data):
        kind = slip.KINDS.get(frame.kind, f"unknown kind 0x{frame.kind & 0xFF:02x}")
        title = f"slipmux frame at byte {frame.at}: {kind}, {len(frame.message)} bytes"
        found.append(Line(0, bytes([frame.kind & 0xFF]), title))
        if frame.kind == slip.COAP:
            found += nested(coap_lines(frame.message), 1)
        else:
            found.append(Line(1, frame.message, text_or_hex(frame.message)))
        if frame.fcs is not None:
            found.append(Line(1, frame.fcs.to_bytes(2, "little"), f"frame check sequence 0x{frame.fcs:04x}"))
        found += [Line(1, b"", fault, wrong=True) for fault in frame.faults]
    return found or [Line(0, data, "no frame in the stream", wrong=True)]


def oscore_lines(data: bytes) -> list[Line]:
    """Decode the value of an OSCORE option."""
    return [Line(0, data, f"OSCORE option {oscore_text(data) or 'without kid and Partial IV'}")]


LAYERS: dict[str, Callable[[bytes], list[Line]]] = {
    "coap": coap_lines,
    "slipmux": slipmux_lines,
    "tcp": partial(stream_lines, layer="tcp"),
    "websocket": partial(stream_lines, layer="websocket"),
    "stream": raw_lines,
    "edhoc": edhoc_lines,
    "oscore": oscore_lines,
    "object": object_lines,
    "status-list": status_lines,
    "evidence": evidence_lines,
    "chain": chain_lines,
    "token": token_lines,
    "cbor": cbor_lines,
}
