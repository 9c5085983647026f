"""``picosec decode``: explain the bytes of a frame, or every frame of a capture."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from picosec_conformance import wire

_EXAMPLES = """\
examples:
  picosec decode 4101 0012 a1b2 7073 0469 6e66 6f       a CoAP message; spaces, colons and 0x do not matter
  picosec decode --as edhoc 0382060258...               as the layer you say
  picosec decode failures/a-test.pcapng                 every CoAP message of a capture
  some-program | picosec decode -                       hexadecimal from standard input, a frame a line

The first column holds the bytes, the second what they mean; a line that starts with ! says where and why
the bytes stop being valid. Invalid frames are explained too: that alone does not make the exit status 2.
"""
_LAYERS = ("coap", "slipmux", "tcp", "websocket", "edhoc", "oscore", "object", "cbor")
_BYTES = 10  # how many bytes of a part are shown in the first column


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = (
        "Explain any frame: slipmux, CoAP on datagrams, TCP or WebSocket, OSCORE option, EDHOC message, object or CBOR."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "frame", nargs="+", metavar="HEX", help="hexadecimal; a pcapng or pcap file; or - for standard input"
    )
    parser.add_argument("--as", dest="layer", choices=_LAYERS, help="what the bytes are (default: found out)")


def run(options: argparse.Namespace) -> int:
    """Explain and return 0; 2 when the input is no frame."""
    try:
        frames = _frames(options.frame)
    except _InputError as error:
        print(f"picosec decode: {error}", file=sys.stderr)
        return 2
    try:
        for number, (label, frame) in enumerate(frames):
            if number:
                print()
            print("\n".join(_explain(label, frame, options.layer)))
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough; nothing is left to be flushed to it
    return 0


class _InputError(Exception):
    """What was given is no frame. The text says why."""


def _frames(arguments: list[str]) -> list[tuple[str, bytes]]:
    if arguments == ["-"]:
        lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
        if not lines:
            raise _InputError("standard input is empty; give hexadecimal, a frame a line")
        return [("", _unhex(line)) for line in lines]
    if len(arguments) == 1 and _looks_like_file(arguments[0]):
        return _captured(Path(arguments[0]))
    return [("", _unhex("".join(arguments)))]


def _looks_like_file(argument: str) -> bool:
    try:
        known = Path(argument).is_file()
    except OSError:  # longer than a name can be, as a large frame is
        known = False
    return known or "/" in argument or argument.endswith((".pcapng", ".pcap"))


def _unhex(text: str) -> bytes:
    digits = re.sub(r"[\s:,]|0[xX]", "", text)
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong:
        raise _InputError(
            f"{wrong[0]!r} is no hexadecimal digit, and there is no file of this name; see picosec decode --help"
        )
    if not digits or len(digits) % 2:
        raise _InputError(f"{len(digits)} hexadecimal digits: bytes have two each")
    return bytes.fromhex(digits)


def _captured(path: Path) -> list[tuple[str, bytes]]:
    from picosec_conformance.wire.capture import CaptureError, read_capture

    try:
        datagrams = read_capture(path)
    except OSError as error:
        raise _InputError(f"{path}: {error.strerror or error}") from error
    except CaptureError as error:
        raise _InputError(f"{path}: {error}") from error
    return [(f"{d.seconds:.3f} s  {d.source} → {d.destination}  ", d.data) for d in datagrams]


def _explain(label: str, frame: bytes, layer: wire.LayerName | None) -> list[str]:
    found = layer or wire.detect(frame)
    head = f"{label}{found}, {len(frame)} bytes: {wire.summary(frame, found)}"
    return [head, *(_columns(line) for line in wire.lines(frame, found))]


def _columns(line: wire.Line) -> str:
    shown = line.data[:_BYTES].hex(" ") + (" …" if len(line.data) > _BYTES else "")
    return f"  {shown:<{_BYTES * 3 + 2}} {'  ' * line.depth}{'! ' if line.wrong else ''}{line.text}".rstrip()
