"""Scapy layer for slipmux frames on a byte stream (draft-bormann-t2trg-slipmux, SLIP of RFC 1055).

``fcs=0`` or a missing ``end`` builds a frame that a receiver must drop:

>>> bytes(Slipmux(message=bytes.fromhex("40000001"), fcs=0)).hex()
'c0a9400000010000c0'
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from scapy.fields import ConditionalField, StrField, StrLenField, XByteField, XLEShortField
from scapy.packet import Packet

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
COAP = 0xA9
KINDS = {COAP: "CoAP message", 0x0A: "diagnostic text"}


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x8408 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def fcs16(data: bytes) -> int:
    """Return the frame check sequence of RFC 1662 appendix C.2."""
    table, crc = _crc_table(), 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


def escape(data: bytes) -> bytes:
    """Return the bytes with END and ESC replaced by their escape sequences."""
    return data.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")


def unescape(data: bytes) -> tuple[bytes, int | None]:
    """Return the bytes without escapes, and where the first escape stands that is none."""
    out, at = bytearray(), 0
    wrong: int | None = None
    while at < len(data):
        if data[at] == ESC:
            following = data[at + 1] if at + 1 < len(data) else None
            if following not in (ESC_END, ESC_ESC):
                wrong = at if wrong is None else wrong
                at += 1
                continue
            out.append(END if following == ESC_END else ESC)
            at += 2
        else:
            out.append(data[at])
            at += 1
    return bytes(out), wrong


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """What stands between two END bytes of a stream; ``fcs`` is the check sequence if it is right, else None."""

    at: int
    kind: int
    message: bytes
    fcs: int | None
    faults: tuple[str, ...]


def frames(stream: bytes) -> list[StreamFrame]:
    """Split a stream at END into its frames; nothing between two END bytes is no frame."""
    found, at = [], 0
    pieces = stream.split(bytes([END]))
    for number, piece in enumerate(pieces):
        if piece:
            found.append(_frame(at, piece, closed=number < len(pieces) - 1))
        at += len(piece) + 1
    return found


def _frame(at: int, piece: bytes, *, closed: bool) -> StreamFrame:
    content, wrong_escape = unescape(piece)
    kind, message, faults = content[0] if content else -1, content[1:], []
    fcs: int | None = None
    if kind == COAP and len(content) < 3:
        faults.append("too short for a frame check sequence")
    elif kind == COAP:
        message, said, right = content[1:-2], int.from_bytes(content[-2:], "little"), fcs16(content[:-2])
        if said == right:
            fcs = right
        else:
            faults.append(f"frame check sequence 0x{said:04x}, but 0x{right:04x} is right")
    elif kind not in KINDS:
        faults.append("no CoAP message and no diagnostic text")
    if wrong_escape is not None:
        faults.append(f"an escape that is none at byte {at + wrong_escape}")
    if not closed:
        faults.append("the frame is not closed by END (0xc0)")
    return StreamFrame(at, kind, message, fcs, tuple(faults))


class Slipmux(Packet):
    """One frame between two END bytes: kind, message, frame check sequence. The sequence is present on CoAP frames."""

    name = "slipmux"
    fields_desc: ClassVar = [
        XByteField("kind", COAP),
        StrLenField("message", b"", length_from=lambda p: p.message_length),
        ConditionalField(XLEShortField("fcs", None), lambda p: p.kind == COAP),
        StrField("end", bytes([END])),
    ]

    def pre_dissect(self, s: bytes) -> bytes:
        """Take the frame from the stream: one frame with or without its END bytes."""
        content, _ = unescape(s.strip(bytes([END])))
        self.message_length = max(0, len(content) - (3 if content[:1] == bytes([COAP]) else 1))
        return content + bytes([END] * s.endswith(bytes([END])))

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Compute the check sequence, escape, and put END around it."""
        end = self.end or b""
        content = pkt[: len(pkt) - len(end)] + pay
        if self.kind == COAP and self.fcs is None:
            content = content[:-2] + fcs16(content[:-2]).to_bytes(2, "little")
        return bytes([END]) + escape(content) + end
