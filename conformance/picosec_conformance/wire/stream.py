"""Messages on connections (RFC 8323), read as the datagram that they would be: all but length, type and message id."""

from __future__ import annotations

from dataclasses import dataclass

from picosec_conformance.wire.coap import CoAP, Payload

#: Names of signals, and of the options that each of them has.
SIGNALS = {
    0xE1: ("CSM", {2: "Max-Message-Size", 4: "Block-Wise-Transfer"}),
    0xE2: ("Ping", {2: "Custody"}),
    0xE3: ("Pong", {2: "Custody"}),
    0xE4: ("Release", {2: "Alternative-Address", 4: "Hold-Off"}),
    0xE5: ("Abort", {2: "Bad-CSM-Option"}),
}
_UINTS = frozenset({"Max-Message-Size", "Hold-Off", "Bad-CSM-Option"})
_EXTENSIONS = {13: (1, 13), 14: (2, 269), 15: (4, 65805)}


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """One message: the bytes of its length, what follows as a datagram, and what is wrong with its length."""

    length: bytes
    datagram: bytes
    wrong: str = ""


def unframed(data: bytes, layer: str) -> StreamFrame:
    """Take the length off a message on TCP or WebSocket; never raises."""
    if not data:
        return StreamFrame(b"", b"", "no bytes are no message")
    nibble, tokens = data[0] >> 4, data[0] & 15
    size, least = _EXTENSIONS.get(nibble, (0, nibble))
    if len(data) < 2 + size:
        return StreamFrame(data, b"", "the message is cut short")
    claimed = least + int.from_bytes(data[1 : 1 + size], "big")
    behind = len(data) - 2 - size - tokens
    wrong = ""
    if layer == "websocket" and claimed:
        wrong = f"length {claimed}, which is 0 on a WebSocket"
    elif layer == "tcp" and claimed != behind:
        wrong = f"length {claimed}, but {max(0, behind)} bytes follow"
    datagram = bytes((0x40 | tokens, data[1 + size], 0, 0)) + data[2 + size :]
    return StreamFrame(data[: 1 + size], datagram, wrong)


def signal_parts(datagram: bytes) -> list[str] | None:
    """Return name, token and options of a signal in words; ``None`` for what is no signal."""
    if len(datagram) < 4 or datagram[1] not in SIGNALS:
        return None
    name, known = SIGNALS[datagram[1]]
    message = CoAP(datagram)
    parts = [name] + ([f"token={message.token.hex()}"] if message.token else [])
    number = 0
    for option in message.options:
        number += option.claimed_delta
        title = known.get(number, f"option {number}")
        value = str(int.from_bytes(option.value)) if title in _UINTS else option.value.hex()
        parts.append(f"{title} {value}".rstrip())
        if option.broken:
            return [*parts, f"invalid: {option.broken}"]
    if isinstance(message.payload, Payload):
        parts.append(f'"{message.payload.data.decode(errors="backslashreplace")}"')
    return parts
