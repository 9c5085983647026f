"""EDHOC messages as lines."""

from __future__ import annotations

from picosec_conformance.wire import Line
from picosec_conformance.wire.cbor import Item, sequence
from picosec_conformance.wire.edhoc import Error, Message1, Message2, Message3, Message4, Sequence, classify

_METHODS = {
    0: "signature, signature",
    1: "signature, static Diffie-Hellman",
    2: "static Diffie-Hellman, signature",
    3: "static Diffie-Hellman, static Diffie-Hellman",
}
_ERRORS = {0: "success", 1: "unspecified", 2: "wrong selected cipher suite", 3: "unknown credential referenced"}
_KEY = 32  # bytes of G_X and G_Y in every suite but 24 and 25


def split(items: list[Item], *, reply: bool = False) -> tuple[Item | None, type[Sequence] | None, list[Item]]:
    """Return the CoAP prefix (``true`` or a connection identifier), the message's layer, and the message's items.

    One byte string alone does not say which message it is: behind a prefix it is message_3, in a response message_2
    or, too short for that, message_4.
    """
    layer = classify(items)
    if layer is None and len(items) > 1 and _is_prefix(items[0]):
        layer = classify(items[1:])
        if layer is not None:
            return items[0], Message3 if layer is Message2 else layer, items[1:]
    return None, Message4 if reply and layer is Message3 else layer, items


def _is_prefix(first: Item) -> bool:
    return first.value is True or (isinstance(first.value, bytes) and first.major == 2) or first.major in (0, 1)


def name(data: bytes, *, reply: bool = False) -> str:
    """Return ``EDHOC message_1`` and the like, empty if the bytes are none."""
    items, stop = sequence(data)
    layer = split(items, reply=reply)[1]
    return "" if layer is None or stop is not None else title(layer)


def title(layer: type[Sequence]) -> str:
    """Return the layer's name; scapy keeps it on instances."""
    return str(layer().name)


def edhoc_lines(data: bytes, *, reply: bool = False) -> list[Line]:
    """Decode an EDHOC message with or without the prefix that CoAP requests put before it."""
    items, stop = sequence(data)
    prefix, layer, message = split(items, reply=reply)
    found: list[Line] = []
    if prefix is not None:
        text = "prefix true: a new session" if prefix.value is True else f"prefix C_R {prefix.text}"
        found.append(Line(0, data[prefix.start : prefix.end], text))
    if layer is None:
        found.append(Line(0, data if stop is None else b"", "no EDHOC message has this shape", wrong=True))
        found += [Line(1, data[one.start : one.end], one.text) for one in items]
    else:
        found.append(Line(0, b"", f"{title(layer)}, {message[-1].end - message[0].start} bytes"))
        found += [Line(1, part, text) for part, text in _parts(data, layer, message)]
    found += [
        Line(1, b"", f"not deterministic: {fault} at byte {at}", wrong=True)
        for one in items
        for at, fault in one.faults
    ]
    if stop is not None:
        rest = items[-1].end if items else 0
        found.append(Line(1, data[rest:], f"not CBOR at byte {stop.offset}: {stop.reason}", wrong=True))
    return found


def _parts(data: bytes, layer: type[Sequence], items: list[Item]) -> list[tuple[bytes, str]]:
    raw = [data[one.start : one.end] for one in items]
    if layer is Message1:
        texts = [_method(items[0]), _suites(items[1]), f"G_X {_hex(items[2])}", f"C_I {items[3].text}"]
        return [*zip(raw, texts, strict=False), *_ead(data, items[4:])]
    if layer is Error:
        code = items[0].value if isinstance(items[0].value, int) else -1
        label = "SUITES_R" if code == 2 else "ERR_INFO"
        return [(raw[0], f"ERR_CODE {code} {_ERRORS.get(code, '')}"), (raw[1], f"{label} {items[1].text}")]
    content = items[0].value if isinstance(items[0].value, bytes) else b""
    if layer is Message2:
        rest = content[_KEY:]
        return [(content[:_KEY], f"G_Y {content[:_KEY].hex()}"), (rest, f"CIPHERTEXT_2 {len(rest)} bytes {rest.hex()}")]
    return [(raw[0], f"ciphertext and tag, {len(content)} bytes {content.hex()}")]


def _method(item: Item) -> str:
    number = item.value if isinstance(item.value, int) else -1
    return f"METHOD {item.text} ({_METHODS.get(number, 'unknown')})"


def _suites(item: Item) -> str:
    selected = item.children[-1].text if item.children else item.text
    return f"SUITES_I {item.text}, selects {selected}" if item.major == 4 else f"SUITES_I {item.text}"


def _hex(item: Item) -> str:
    return item.value.hex() if isinstance(item.value, bytes) else item.text


def _ead(data: bytes, items: list[Item]) -> list[tuple[bytes, str]]:
    found: list[tuple[bytes, str]] = []
    for one in items:
        raw = data[one.start : one.end]
        if isinstance(one.value, int) and one.major in (0, 1):
            kind = "padding" if one.value == 0 else ("critical" if one.value < 0 else "not critical")
            found.append((raw, f"EAD label {one.text} ({kind})"))
        else:
            found.append((raw, f"EAD value {one.text}"))
    return found
