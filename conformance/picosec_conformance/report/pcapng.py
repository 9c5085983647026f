"""Captures that Wireshark opens: the frames of a test as CoAP in UDP in IPv4, with notes as packet comments.

Addresses are from the documentation range (RFC 5737): the target is 192.0.2.1, the endpoints that the suite plays
follow from 192.0.2.2. Raw bytes of a line and messages on a connection go to an interface of their own, with link type
USER0.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256

from picosec_conformance import wire
from picosec_conformance.report.model import Frame, TestResult
from picosec_conformance.transcript import Operation, Step, Transcript

_PORT = 5683
_TARGET = b"\xc0\x00\x02\x01"
_SUITE = b"\xc0\x00\x02\xfe"
_IPV4, _USER0 = 228, 147
_LARGEST = 0xFFFF - 28  # bytes of a datagram in IPv4; what a stream can carry beyond that is shown as raw bytes
_EPOCH = 1_000_000  # microseconds: Wireshark shows times relative to the first packet


def capture(frames: Sequence[Frame], comment: str = "") -> bytes:
    """Return the frames as a pcapng file."""
    return b"".join(_blocks(frames, comment))


def run_capture(transcript: Transcript) -> bytes:
    """Return a whole run as a pcapng file: tests one after another, each from a port of its own, its name at its start.

    The first link of the run is 192.0.2.1, as for the capture of one test; others follow.
    """
    return b"".join(_run_blocks(transcript))


def capture_name(test: TestResult) -> str:
    """Return the file name of a test's capture: readable, and different for different tests."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", test.id.replace(".py", "")).strip("-")
    return f"{readable[:80]}-{sha256(test.id.encode()).hexdigest()[:8]}.pcapng"


def _blocks(frames: Sequence[Frame], comment: str) -> Iterator[bytes]:
    yield from _heads(comment)
    peers = list(dict.fromkeys(frame.peer for frame in frames))
    for number, frame in enumerate(frames):
        ends = (bytes([192, 0, 2, 2 + peers.index(frame.peer) % 250]), _PORT, _TARGET)
        raw = frame.layer != "coap" or len(frame.data) > _LARGEST
        packet = frame.data if raw else _datagram(frame.data, ends, number, sent=frame.direction == "sent")
        yield _packet(packet, _EPOCH + round(frame.seconds * 1e6), _remark(frame), raw=raw)


def _run_blocks(transcript: Transcript) -> Iterator[bytes]:
    yield from _heads("")
    links = list(dict.fromkeys(step.link for steps in transcript.values() for step in steps if _has_frame(step)))
    connections = {step.link for steps in transcript.values() for step in steps if step.operation is Operation.CONNECT}
    number, began = 0, _EPOCH
    for test, (name, steps) in enumerate(transcript.items()):
        remark, port = name, 0xC000 + test % 0x4000
        for step in filter(_has_frame, steps):
            assert isinstance(step.data, bytes)
            ends = (_SUITE, port, bytes([192, 0, 2, 1 + links.index(step.link) % 250]))
            raw = step.operation is Operation.SEND_RAW or step.link in connections or len(step.data) > _LARGEST
            sent = step.operation is not Operation.RECEIVE
            packet = step.data if raw else _datagram(step.data, ends, number, sent=sent)
            yield _packet(packet, began + step.at, remark, raw=raw)
            number, remark = number + 1, ""
        began += steps[-1].at + 1 if steps else 0


def _has_frame(step: Step) -> bool:
    return isinstance(step.data, bytes)


def _heads(comment: str) -> Iterator[bytes]:
    yield _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _comment(comment))
    for link, name in ((_IPV4, b"coap"), (_USER0, b"stream")):
        yield _block(1, struct.pack("<HHI", link, 0, 0) + _option(2, name) + _option(0, b""))


def _packet(packet: bytes, moment: int, remark: str, *, raw: bool) -> bytes:
    head = struct.pack("<IIIII", int(raw), moment >> 32 & 0xFFFFFFFF, moment & 0xFFFFFFFF, len(packet), len(packet))
    return _block(6, head + _padded(packet) + _comment(remark))


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _comment(text: str) -> bytes:
    return _option(1, text.encode(errors="backslashreplace")[:0xFFFF]) + _option(0, b"") if text else b""


def _remark(frame: Frame) -> str:
    """Say what Wireshark cannot: the note, and what is in the bytes of a stream."""
    decoded = wire.summary(frame.data, frame.layer) if frame.layer != "coap" else ""
    return "; ".join(part for part in (frame.link, decoded, frame.note) if part)


def _datagram(data: bytes, ends: tuple[bytes, int, bytes], number: int, *, sent: bool) -> bytes:
    """Return a frame as UDP in IPv4; ``ends`` are address and port of the suite, and the address of the target."""
    suite, port, target = ends
    source, destination = (suite, target) if sent else (target, suite)
    ports = (port, _PORT) if sent else (_PORT, port)
    udp = struct.pack(">HHH", *ports, 8 + len(data))
    pseudo = source + destination + struct.pack(">HH", 17, 8 + len(data))
    udp += struct.pack(">H", _checksum(pseudo + udp + data) or 0xFFFF) + data
    ip = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0x4000, 64, 17)
    return ip + struct.pack(">H", _checksum(ip + source + destination)) + source + destination + udp


def _checksum(data: bytes) -> int:
    """Return the internet checksum, RFC 1071."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
