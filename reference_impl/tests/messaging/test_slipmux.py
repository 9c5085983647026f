"""Messages on a byte stream: damage costs the damaged frame and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.messaging.slipmux import END, ESC, Decoder, encode, frame_check_sequence
from picosec.registry import Problem

_MESSAGE = bytes.fromhex("40001234")
_streams = st.lists(st.binary(max_size=40), max_size=5)


def test_the_frame_check_sequence_is_that_of_rfc_1662() -> None:
    """The check value of CRC-16/X-25 over "123456789" is published: 0x906E."""
    assert frame_check_sequence(b"123456789") == bytes.fromhex("6e90")


@given(st.binary(max_size=60))
def test_the_frame_check_sequence_satisfies_the_receivers_identity(content: bytes) -> None:
    """RFC 1662, C.2: over content and FCS together, the register ends at 0xF0B8, which the complement makes 0x0F47."""
    assert frame_check_sequence(content + frame_check_sequence(content)) == bytes.fromhex("470f")


@given(_streams, st.data())
def test_messages_come_out_whole_however_the_stream_is_cut(messages: list[bytes], data: st.DataObject) -> None:
    """A pipe or a UART hands over bytes in pieces of its own choosing."""
    stream = b"".join(encode(message) for message in messages)
    decoder, found, position = Decoder(), [], 0
    while position < len(stream):
        size = data.draw(st.integers(1, 30))
        found += decoder.feed(stream[position : position + size])
        position += size
    assert found == messages
    assert not decoder.discarded


@given(st.binary(max_size=40))
def test_a_frame_holds_no_framing_bytes(message: bytes) -> None:
    """Between its delimiters no END can end it early."""
    inside = encode(message)[1:-1]
    assert END not in inside
    assert inside.count(ESC) == inside.count(b"\xdb\xdc") + inside.count(b"\xdb\xdd")


@given(st.binary(max_size=200))
def test_noise_yields_nothing_and_the_next_message_survives(noise: bytes) -> None:
    """A receiver that joins late, or on a bad line, finds its feet at the next frame."""
    decoder = Decoder()
    decoder.feed(noise)
    assert decoder.feed(encode(_MESSAGE))[-1:] == [_MESSAGE]


@given(st.binary(min_size=4, max_size=40), st.data())
def test_a_flipped_bit_never_yields_another_message(message: bytes, data: st.DataObject) -> None:
    """One flipped bit is always caught: it breaks the check, the escape or the kind of the frame."""
    stream = bytearray(encode(message))
    position = data.draw(st.integers(1, len(stream) - 2))
    stream[position] ^= 1 << data.draw(st.integers(0, 7))
    decoder = Decoder()
    assert decoder.feed(bytes(stream)) == []
    assert decoder.feed(encode(_MESSAGE)) == [_MESSAGE]


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (END + b"\xa9" + _MESSAGE + b"\0\0" + END, Problem.BAD_CHECKSUM),
        (END + b"\xa9\0" + END, Problem.MALFORMED),
        (END + b"\xa9" + ESC + b"\0" + END, Problem.MALFORMED),
        (END + b"\xa9" + ESC + ESC + b"\xdc" + END, Problem.MALFORMED),
    ],
)
def test_damage_is_counted_by_error(stream: bytes, problem: Problem) -> None:
    """Whoever looks after a line wants to know how bad it is."""
    decoder = Decoder()
    assert decoder.feed(stream) == []
    assert decoder.discarded == {problem: 1}


@pytest.mark.parametrize("kind", [b"\x45\0\0", b"\x60\0\0", b"\0", b"\xaa", b"\x40\0\x12\x34"])
def test_other_kinds_of_frame_are_no_damage(kind: bytes) -> None:
    """IP packets and things to come share the line."""
    decoder = Decoder()
    assert decoder.feed(END + kind + END) == []
    assert not decoder.discarded


def test_an_aborted_frame_is_forgotten() -> None:
    """Half a message must never be acted on."""
    decoder = Decoder()
    assert decoder.feed(encode(_MESSAGE)[:-1] + ESC + END + encode(b"next")) == [b"next"]
    assert not decoder.discarded


def test_memory_is_bounded_however_long_a_frame_goes_on() -> None:
    """A stuck line sends for hours without an END; then it is mended (MSG-690)."""
    decoder = Decoder(max_message=64)
    for _ in range(1000):
        assert decoder.feed(bytes(50)) == []
        assert len(decoder._pending) <= 2 * 67
    assert decoder.feed(END + encode(_MESSAGE)) == [_MESSAGE]
    assert decoder.discarded == {Problem.TOO_LARGE: 1}


def test_the_limit_is_exact() -> None:
    """A message of the agreed size passes, even if every byte of it is escaped; one byte more does not."""
    decoder = Decoder(max_message=64)
    assert decoder.feed(encode(b"\xc0" * 64)) == [b"\xc0" * 64]
    assert decoder.feed(encode(bytes(65))) == []
    assert decoder.discarded == {Problem.TOO_LARGE: 1}


def test_diagnostics_are_kept_for_people_and_tamed() -> None:
    """A device's words are shown on terminals, where an escape sequence is a command."""
    decoder = Decoder()
    assert decoder.feed(END + b"\nready\n" + END + b"\n\x1b[2J\xff" + END) == []
    assert list(decoder.diagnostics) == ["ready", "\\x1b[2J\ufffd"]
    decoder.feed(b"\nagain".join([END] * 40))
    assert len(decoder.diagnostics) == 16
