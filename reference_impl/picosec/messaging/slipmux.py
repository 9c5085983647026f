"""Slipmux: CoAP messages on a byte stream, each with a checksum (draft-bormann-t2trg-slipmux, RFC 1055, RFC 1662).

A frame is ``END escaped-content END``. The content of a CoAP frame is 0xA9, the message, and the frame check sequence
over both. Whatever is damaged is dropped whole; the next END starts afresh.
"""

from __future__ import annotations

import binascii
from collections import Counter, deque
from typing import Final

from picosec.errors import ProtocolError
from picosec.registry import Problem

END: Final = b"\xc0"
ESC: Final = b"\xdb"
ESCAPED_END: Final = b"\xdb\xdc"
ESCAPED_ESC: Final = b"\xdb\xdd"

COAP: Final = 0xA9
DIAGNOSTIC: Final = 0x0A

#: Bytes of the longest message that a decoder takes, unless told otherwise.
MAX_MESSAGE: Final = 8192
#: Diagnostic lines that a decoder keeps.
MAX_DIAGNOSTICS: Final = 16

_COAP_BYTE: Final = bytes([COAP])
_FCS_SIZE: Final = 2
_OVERHEAD: Final = len(_COAP_BYTE) + _FCS_SIZE
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def encode(message: bytes) -> bytes:
    """Return the bytes that carry one CoAP message on the stream."""
    content = _COAP_BYTE + message
    content += frame_check_sequence(content)
    return END + content.replace(ESC, ESCAPED_ESC).replace(END, ESCAPED_END) + END


def frame_check_sequence(content: bytes) -> bytes:
    """Return the 16-bit FCS of RFC 1662 (appendix C.2), as sent: complemented, least significant byte first.

    The FCS counts bits from the least significant one; mirrored bytes turn that into the CRC of the standard library.
    """
    remainder = binascii.crc_hqx(content.translate(_MIRRORED), 0xFFFF) ^ 0xFFFF
    return remainder.to_bytes(2, "big").translate(_MIRRORED)


class Decoder:
    """Finds the messages in a stream that comes in pieces.

    ``discarded`` counts damaged frames by error; ``diagnostics`` holds the last lines that the other side wrote for
    people, control characters escaped. Neither has any effect on what comes later.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self.discarded: Counter[Problem] = Counter()
        self.diagnostics: deque[str] = deque(maxlen=MAX_DIAGNOSTICS)
        self._limit = max_message + _OVERHEAD
        self._pending = bytearray()
        self._overrun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the messages they complete. Raises nothing."""
        *complete, rest = data.split(END)
        messages = []
        for piece in complete:
            self._append(piece)
            message = self._end_of_frame()
            if message is not None:
                messages.append(message)
        self._append(rest)
        return messages

    def _append(self, piece: bytes) -> None:
        if len(self._pending) + len(piece) > 2 * self._limit:  # even if every byte is half of an escape
            self._overrun = True
            self._pending.clear()
        if not self._overrun:
            self._pending += piece

    def _end_of_frame(self) -> bytes | None:
        raw, overrun = bytes(self._pending), self._overrun
        self._pending.clear()
        self._overrun = False
        try:
            if overrun:
                raise ProtocolError(Problem.TOO_LARGE, "MSG-690", "slipmux: the frame does not end")
            return self._message(raw)
        except ProtocolError as error:
            self.discarded[error.problem] += 1
            return None

    def _message(self, raw: bytes) -> bytes | None:
        """Return the message of a frame, ``None`` for a frame without one. Raises ``ProtocolError``."""
        if not raw or raw.endswith(ESC):  # nothing between two frames; or aborted by its sender
            return None
        content = _unescape(raw)
        if len(content) > self._limit:
            raise ProtocolError(Problem.TOO_LARGE, "MSG-690", f"slipmux: {len(content)} bytes")
        if content[0] == DIAGNOSTIC:
            self.diagnostics.append(_printable(content[1:]))
            return None
        if content[0] != COAP:
            return None
        if len(content) < _OVERHEAD:
            raise ProtocolError(Problem.MALFORMED, "MSG-630", "slipmux: no room for the frame check sequence")
        body, fcs = content[:-_FCS_SIZE], content[-_FCS_SIZE:]
        if frame_check_sequence(body) != fcs:
            raise ProtocolError(Problem.BAD_CHECKSUM, "MSG-630", "slipmux: the frame check sequence does not match")
        return body[1:]


def _unescape(raw: bytes) -> bytes:
    first, *escaped = raw.split(ESC)
    parts = [first]
    for part in escaped:
        if part[:1] == ESCAPED_END[1:]:
            parts.append(END)
        elif part[:1] == ESCAPED_ESC[1:]:
            parts.append(ESC)
        else:
            raise ProtocolError(Problem.MALFORMED, "MSG-650", "slipmux: an escape that stands for nothing")
        parts.append(part[1:])
    return b"".join(parts)


def _printable(text: bytes) -> str:
    """Return diagnostic text fit for a terminal: a device's words must not move a person's cursor."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text.decode(errors="replace").rstrip("\n")
    )
