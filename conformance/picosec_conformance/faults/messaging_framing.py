"""Faults of framing on a byte stream, and of refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import problem, slipmux
from picosec.messaging.coap import Option
from picosec.messaging.slipmux import Decoder
from picosec.registry import RESPONSE_CODE, TEXT, Problem
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


@fault("MSG-670")
def takes_empty_frames_for_empty_messages() -> None:
    """A frame without content is a message without content."""
    _read_frames(lambda self, raw, original: original(self, raw) if raw else b"\x40\0\0\0")


@fault("MSG-680")
def reads_commands_from_diagnostics() -> None:
    """The shell of the bring-up phase still listens on the diagnostic frames."""

    def listening(self: Decoder, raw: bytes, original: _Reader) -> bytes | None:
        return slipmux._unescape(raw)[1:] if raw[:1] == b"\n" else original(self, raw)

    _read_frames(listening)


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


@fault("MSG-700")
def refuses_without_a_number() -> None:
    """A sentence for people is all that the body holds."""
    problem.encode = lambda error, detail="": b"\xa1\x20" + b"\x65sorry"


@fault("MSG-700")
def refuses_in_plain_cbor() -> None:
    """The details are there, under a content format that says nothing about them."""
    problem._FORMAT = ((int(Option.CONTENT_FORMAT), b"\x3c"),)


@fault("MSG-710")
def puts_prose_into_the_title() -> None:
    """A title for people, which every implementation words differently."""
    original = problem.cbor.dumps
    words = {error.name.lower(): TEXT[error] for error in Problem}

    def wordy(value: Any) -> Any:
        if isinstance(value, dict) and value.get(problem.TITLE) in words:
            value = {**value, problem.TITLE: words[value[problem.TITLE]]}
        return original(value)

    problem.cbor.dumps = wordy


@fault("MSG-720")
def explains_itself_to_strangers() -> None:
    """The exception's text goes out with the error, key identifiers and all."""
    original = problem.encode
    problem.encode = lambda error, detail="": original(error, detail or TEXT[error])


@fault("MSG-750")
def has_codes_of_its_own() -> None:
    """4.00 for everything that came in wrong."""
    RESPONSE_CODE[Problem.UNSUPPORTED_FORMAT] = 0x80
    RESPONSE_CODE[Problem.METHOD_NOT_ALLOWED] = 0x80
