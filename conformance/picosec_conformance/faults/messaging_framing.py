"""Faults of framing: senders that frame badly, and recipients that read what is no frame."""

from __future__ import annotations

from collections.abc import Callable

from picosec.errors import ProtocolError
from picosec.messaging import slipmux
from picosec.messaging.slipmux import Decoder
from picosec.registry import Problem
from picosec_conformance.faults import fault


def _framed(content: bytes) -> bytes:
    escaped = content.replace(slipmux.ESC, slipmux.ESCAPED_ESC).replace(slipmux.END, slipmux.ESCAPED_END)
    return slipmux.END + escaped + slipmux.END


@fault("MSG-600")
def sends_the_check_big_end_first() -> None:
    """Network byte order, as everywhere else."""

    def encode(message: bytes) -> bytes:
        content = b"\xa9" + message
        return _framed(content + slipmux.frame_check_sequence(content)[::-1])

    slipmux.encode = encode


@fault("MSG-600")
def sends_long_messages_in_two_frames() -> None:
    """The transmit buffer has 64 bytes, and a frame is whatever fits: each half has a check and no meaning."""
    original = slipmux.encode
    slipmux.encode = lambda message: b"".join(
        original(message[start : start + 64]) for start in range(0, max(len(message), 1), 64)
    )


@fault("MSG-610")
def sends_escapes_as_they_are() -> None:
    """Only END is special, or so it seems while nobody sends 0xDB."""

    def encode(message: bytes) -> bytes:
        content = b"\xa9" + message
        content += slipmux.frame_check_sequence(content)
        return slipmux.END + content.replace(slipmux.END, slipmux.ESCAPED_END) + slipmux.END

    slipmux.encode = encode


@fault("MSG-610")
def sends_the_check_unescaped() -> None:
    """The check is appended after the escaping; one frame in a hundred breaks."""

    def encode(message: bytes) -> bytes:
        content = b"\xa9" + message
        return _framed(content)[:-1] + slipmux.frame_check_sequence(content) + slipmux.END

    slipmux.encode = encode


@fault("MSG-610")
def escapes_in_the_wrong_order() -> None:
    """END is escaped first, and the escapes that this makes are escaped again."""

    def encode(message: bytes) -> bytes:
        content = b"\xa9" + message
        content += slipmux.frame_check_sequence(content)
        escaped = content.replace(slipmux.END, slipmux.ESCAPED_END).replace(slipmux.ESC, slipmux.ESCAPED_ESC)
        return slipmux.END + escaped + slipmux.END

    slipmux.encode = encode


_Reader = Callable[[Decoder, bytes], bytes | None]


def _read_frames(read: Callable[[Decoder, bytes, _Reader], bytes | None]) -> None:
    """Let the decoder read the escaped content of a frame differently."""
    original = Decoder._message
    Decoder._message = lambda self, raw: read(self, raw, original)


@fault("MSG-630")
def does_not_check_frames() -> None:
    """The two bytes are cut off and thrown away: a UART has no errors on the bench."""

    def unchecked(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        try:
            return original(self, raw)
        except ProtocolError as error:
            if error.problem is not Problem.BAD_CHECKSUM:
                raise
            return slipmux._unescape(raw)[1:-2]

    _read_frames(unchecked)


def _take_check(right: Callable[[bytes, bytes], bool]) -> None:
    """Take more checks for right than the one that is."""

    def read(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        try:
            return original(self, raw)
        except ProtocolError as error:
            content = slipmux._unescape(raw) if error.problem is Problem.BAD_CHECKSUM else b""
            if not content or not right(content[:-2], content[-2:]):
                raise
            return content[1:-2]

    _read_frames(read)


@fault("MSG-630")
def takes_zero_for_no_check() -> None:
    """As in UDP, a check of zeros means that there is none."""
    _take_check(lambda body, check: check == b"\0\0")


@fault("MSG-630")
def checks_one_byte() -> None:
    """The comparison of two bytes was optimised to a comparison of one: every 256th error passes."""
    _take_check(lambda body, check: check[0] == slipmux.frame_check_sequence(body)[0])


@fault("MSG-630")
def forgets_to_complement_the_check() -> None:
    """Both forms of the sum are taken, since half of the tables on the net give the other one."""
    _take_check(lambda body, check: bytes(byte ^ 0xFF for byte in check) == slipmux.frame_check_sequence(body))


@fault("MSG-630")
def reads_the_check_before_the_frame() -> None:
    """Two bytes from the end of a frame of one are bytes of the frame before, and the length goes below zero."""

    def read(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        assert raw[:1] != b"\xa9" or len(raw) > 2
        return original(self, raw)

    _read_frames(read)


@fault("MSG-640")
def reads_aborted_frames() -> None:
    """An escape at the very end escapes nothing, so it is dropped and the rest is read."""
    _read_frames(lambda self, raw, original: original(self, raw.removesuffix(slipmux.ESC)))


@fault("MSG-650")
def skips_strange_escapes() -> None:
    """ESC means "take the next byte as it is"."""
    original = slipmux._unescape

    def lenient(raw: bytes) -> bytes:
        try:
            return original(raw)
        except ProtocolError:
            first, *parts = raw.split(slipmux.ESC)
            return first + b"".join(
                {b"\xdc": slipmux.END, b"\xdd": slipmux.ESC}.get(part[:1], part[:1]) + part[1:] for part in parts
            )

    slipmux._unescape = lenient


@fault("MSG-660")
def takes_every_frame_for_a_message() -> None:
    """The first byte is skipped; there was never another kind."""

    def any_kind(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        content = slipmux._unescape(raw.removesuffix(slipmux.ESC))
        right = len(content) > 2 and slipmux.frame_check_sequence(content[:-2]) == content[-2:]
        return content[1:-2] if right else original(self, raw)

    _read_frames(any_kind)


@fault("MSG-660")
def takes_plain_slip_as_well() -> None:
    """A message without kind and check can be told by its version, and older peers send them."""
    _read_frames(lambda self, raw, original: raw if raw and raw[0] >> 6 == 1 else original(self, raw))


@fault("MSG-670")
def takes_empty_frames_for_empty_messages() -> None:
    """A frame without content is a message without content."""
    _read_frames(lambda self, raw, original: original(self, raw) if raw else b"\x40\0\0\0")


@fault("MSG-670")
def dies_of_an_empty_frame() -> None:
    """The kind of the frame is in its first byte, and every frame has one."""

    def read(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        return original(self, raw) if raw[0] >= 0 else None

    _read_frames(read)


@fault("MSG-680")
def reads_commands_from_diagnostics() -> None:
    """The shell of the bring-up phase still listens on the diagnostic frames."""

    def listening(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        return slipmux._unescape(raw)[1:] if raw[:1] == b"\n" else original(self, raw)

    _read_frames(listening)


@fault("MSG-680")
def reads_frames_from_diagnostics() -> None:
    """The decoder looks for its kind anywhere in the frame: a log line that quotes a frame repeats it."""

    def searching(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        at = raw.find(b"\xa9") if raw[:1] == b"\n" else 0
        return original(self, raw[max(at, 0) :])

    _read_frames(searching)


@fault("MSG-690")
def never_recovers_from_a_long_frame() -> None:
    """The flag that says "too long" is set in one place and cleared in none."""
    original = Decoder._end_of_frame

    def stuck(self: Decoder) -> bytes | None:
        overrun = self._overrun
        message = original(self)
        self._overrun = overrun
        return message

    Decoder._end_of_frame = stuck


@fault("MSG-690")
def reads_the_end_of_a_long_frame() -> None:
    """When the buffer is full it starts over: what fits into the last lap is read as a frame of its own."""

    def append(self: Decoder, piece: bytes) -> None:
        self._pending += piece
        if len(self._pending) > self._limit:
            del self._pending[: len(self._pending) // 1024 * 1024]

    Decoder._append = append


@fault("MSG-690")
def dies_of_a_long_frame() -> None:
    """A frame that is too long ends the reader, for there is nothing to be done about it."""
    original = Decoder._append

    def append(self: Decoder, piece: bytes) -> None:
        assert len(self._pending) + len(piece) <= 2 * self._limit
        original(self, piece)

    Decoder._append = append
