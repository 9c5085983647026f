"""Vectors of slipmux: frames on a stream, damaged ones, and where the next one begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging import slipmux
from picosec_conformance.vectors.model import VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation

FLAGS: Final = {
    "AbortedFrame": "Its sender took a frame back; acting on it acts on half a message.",
    "BadChecksum": "Noise on the line changed a bit, or a receiver that connects late sees the end of a frame.",
    "BadEscape": "An escape that stands for nothing: two receivers would see different bytes.",
    "EscapedByte": "A message that holds the framing bytes themselves comes out as it went in.",
    "OtherFrame": "Frames for other purposes share the line; they are not messages.",
    "Resynchronisation": "Whatever went before, the next frame is read.",
}

_PING: Final = bytes.fromhex("40001234")
_GET: Final = bytes.fromhex("44017d35c0ffee02") + b"\xb7sensors\x0btemperature"
_END, _ESC = slipmux.END, slipmux.ESC


def _framed(content: bytes) -> bytes:
    return _END + content + slipmux.frame_check_sequence(content) + _END


def _other(content: bytes) -> bytes:
    return _END + content + _END


@operation("slipmux.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    frame = octets(inputs, "frame")
    content = bytes([slipmux.COAP]) + frame
    return Result({"stream": slipmux.encode(frame)}, {"fcs": slipmux.frame_check_sequence(content)})


@operation("slipmux.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    decoder = slipmux.Decoder(inputs["max_message"])
    frames = [frame for chunk in inputs["chunks"] for frame in decoder.feed(bytes.fromhex(chunk))]
    discarded = {problem.name.lower(): count for problem, count in sorted(decoder.discarded.items())}
    return Result({"frames": frames, "discarded": discarded}, {"diagnostics": list(decoder.diagnostics)})


#: id, comment, requirement, flags, frame.
_FRAMES: Final = (
    ("ping", "A ping: four bytes become nine.", "MSG-600", (), _PING),
    ("worked-example", "The request of the worked example.", "MSG-600", (), _GET),
    ("escaped-end", "A payload of the END byte.", "MSG-610", ("EscapedByte",), bytes.fromhex("50020001ffc0")),
    ("escaped-esc", "A payload of the ESC byte.", "MSG-610", ("EscapedByte",), bytes.fromhex("50020001ffdb")),
    (
        "escaped-both",
        "A payload that looks like escapes.",
        "MSG-610",
        ("EscapedByte",),
        bytes.fromhex("50020001ffdbdcdbddc0db"),
    ),
    (
        "all-bytes",
        "A payload of every byte there is.",
        "MSG-610",
        ("EscapedByte",),
        b"\x50\x02\0\1\xff" + bytes(range(256)),
    ),
)


def _escaped_fcs(byte: int) -> bytes:
    """Return the first ping whose frame check sequence holds ``byte``."""
    for message_id in range(1 << 16):
        ping = b"\x40\0" + message_id.to_bytes(2, "big")
        if byte in slipmux.frame_check_sequence(bytes([slipmux.COAP]) + ping):
            return ping
    raise AssertionError


def _streams() -> Iterator[tuple[str, str, str, tuple[str, ...], list[bytes]]]:
    """Yield id, comment, requirement, flags, chunks."""
    ping, get = slipmux.encode(_PING), slipmux.encode(_GET)
    damaged = bytes([*ping[:4], ping[4] ^ 1, *ping[5:]])
    both = ("BadChecksum", "Resynchronisation")
    yield "one-frame", "A frame in one piece.", "MSG-600", (), [ping]
    yield "byte-by-byte", "A frame whose bytes come one by one.", "MSG-600", (), [bytes([byte]) for byte in ping]
    yield "two-frames", "Two frames, each with both its delimiters.", "MSG-670", (), [ping + get]
    yield "shared-delimiter", "Two frames with one delimiter between them.", "MSG-600", (), [ping[:-1] + get]
    yield (
        "split-in-escape",
        "A piece ends between ESC and what it escapes.",
        "MSG-610",
        ("EscapedByte",),
        [
            slipmux.encode(b"\xc0\xc0\xc0\xc0")[:3],
            slipmux.encode(b"\xc0\xc0\xc0\xc0")[3:],
        ],
    )
    yield "empty-frames", "Five delimiters in a row hold nothing.", "MSG-670", (), [_END * 5 + ping + _END * 3]
    yield (
        "noise-before",
        "Noise before the first delimiter is a frame of an unknown kind.",
        "MSG-660",
        ("Resynchronisation",),
        [b"\x13\x37" + ping],
    )
    yield "bit-flip", "One bit of a message is flipped; the next frame is intact.", "MSG-630", both, [damaged + get]
    yield "fcs-missing", "A frame without its frame check sequence.", "MSG-630", both, [_other(b"\xa9" + _PING) + get]
    yield (
        "fcs-not-complemented",
        "A frame check sequence without its last step.",
        "MSG-630",
        both,
        [_other(b"\xa9" + _PING + bytes(byte ^ 0xFF for byte in slipmux.frame_check_sequence(b"\xa9" + _PING))) + get],
    )
    yield (
        "fcs-big-endian",
        "A frame check sequence with its bytes swapped.",
        "MSG-630",
        both,
        [_other(b"\xa9" + _PING + slipmux.frame_check_sequence(b"\xa9" + _PING)[::-1]) + get],
    )
    yield (
        "fcs-without-first-byte",
        "A frame check sequence that leaves out 0xA9.",
        "MSG-630",
        both,
        [_other(b"\xa9" + _PING + slipmux.frame_check_sequence(_PING)) + get],
    )
    yield "too-short-for-fcs", "A frame of 0xA9 and one byte.", "MSG-630", both, [_other(b"\xa9\x00") + get]
    yield (
        "aborted",
        "ESC END takes a frame back.",
        "MSG-640",
        ("AbortedFrame", "Resynchronisation"),
        [ping[:-1] + _ESC + _END + get],
    )
    yield (
        "bad-escape",
        "ESC before a byte that needs no escape.",
        "MSG-650",
        ("BadEscape", "Resynchronisation"),
        [ping[:3] + _ESC + ping[3:] + get],
    )
    yield (
        "esc-esc",
        "ESC before ESC.",
        "MSG-650",
        ("BadEscape", "Resynchronisation"),
        [ping[:3] + _ESC * 2 + b"\xdd" + ping[3:] + get],
    )
    yield "ipv4-frame", "An IPv4 packet.", "MSG-660", ("OtherFrame",), [_other(b"\x45\0\0\x14") + ping]
    yield "ipv6-frame", "An IPv6 packet.", "MSG-660", ("OtherFrame",), [_other(b"\x60\0\0\0") + ping]
    yield (
        "reserved-kind",
        "A kind that nobody defined, with a right frame check sequence.",
        "MSG-660",
        ("OtherFrame",),
        [_framed(b"\xaa" + _PING) + ping],
    )
    yield "diagnostic", "A line for people.", "MSG-680", ("OtherFrame",), [_other(b"\nstarted\n") + ping]
    yield (
        "diagnostic-with-message",
        "A line for people that holds the bytes of a message.",
        "MSG-680",
        ("OtherFrame",),
        [_other(b"\n\xa9" + _PING + slipmux.frame_check_sequence(b"\xa9" + _PING))],
    )
    yield (
        "diagnostic-control",
        "A line that would move a person's cursor.",
        "MSG-680",
        ("OtherFrame",),
        [_other(b"\n\x1b[2Jcalm")],
    )
    yield "longest", "A message as long as the decoder takes.", "MSG-690", (), [slipmux.encode(bytes(32))]
    yield (
        "too-long",
        "A message that is one byte longer.",
        "MSG-690",
        ("Resynchronisation",),
        [slipmux.encode(bytes(33)) + ping],
    )
    yield (
        "endless",
        "A frame that goes on and on, in pieces.",
        "MSG-690",
        ("Resynchronisation",),
        [_END + b"\xa9" + bytes(99), *[bytes(99)] * 4, _END + ping],
    )


def files() -> Iterator[VectorFile]:
    """Yield the files about slipmux."""
    frames = [
        *_FRAMES,
        (
            "escaped-fcs-end",
            "A frame check sequence with the END byte in it.",
            "MSG-610",
            ("EscapedByte",),
            _escaped_fcs(0xC0),
        ),
        (
            "escaped-fcs-esc",
            "A frame check sequence with the ESC byte in it.",
            "MSG-610",
            ("EscapedByte",),
            _escaped_fcs(0xDB),
        ),
    ]
    encoded = [
        accepted("slipmux.encode", id, text, [req], {"frame": frame}, flags) for id, text, req, flags, frame in frames
    ]
    decoded = [
        accepted("slipmux.decode", id, text, [req], {"chunks": chunks, "max_message": 32}, flags)
        for id, text, req, flags, chunks in _streams()
    ]
    for name, title, cases in (
        ("encode", "A message becomes a frame on a stream", encoded),
        ("decode", "Messages are found in a stream, and damage is counted by error", decoded),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {flag: text for flag, text in FLAGS.items() if flag in used}
        yield VectorFile("messaging", f"slipmux_{name}", f"slipmux.{name}", title, flags, tuple(cases))
