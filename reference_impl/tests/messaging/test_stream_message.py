"""Messages on reliable streams: published examples, lengths at their edges, and bytes that come in any pieces."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.stream_message import Decoder, Signal, StreamMessage, message_size
from picosec.registry import Problem

_tokens = st.binary(max_size=8)
_options = st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=20)), max_size=4).map(
    lambda pairs: tuple(sorted(pairs, key=lambda pair: pair[0]))
)
_messages = st.builds(
    StreamMessage,
    st.sampled_from([Code.GET, Code.PUT, Code.CONTENT, Code.BAD_OPTION, Signal.CSM, Signal.PING]).map(int),
    _tokens,
    _options,
    st.binary(max_size=400),
)


@pytest.mark.parametrize(
    ("message", "published"),
    [
        (StreamMessage(Code.VALID, b"\x7f"), "01437f"),
        (StreamMessage(Signal.PING, b"\x42"), "01e242"),
        (StreamMessage(Signal.PONG, b"\x42"), "01e342"),
    ],
)
def test_the_published_examples(message: StreamMessage, published: str) -> None:
    """RFC 8323 prints three messages, in sections 3.2 and 5.7."""
    assert message.encode() == bytes.fromhex(published)
    assert StreamMessage.decode(bytes.fromhex(published)) == message


@pytest.mark.parametrize("length", [0, 2, 12, 13, 14, 268, 269, 270, 65804, 65805, 65806])
def test_each_length_has_one_form(length: int) -> None:
    """Where a form of the length begins and ends, one byte too few loses the next message."""
    message = StreamMessage(Code.CONTENT, b"", (), bytes(length - 1) if length else b"")
    encoded = message.encode()
    assert message_size(encoded) == len(encoded)
    assert StreamMessage.decode(encoded) == message


@given(_messages)
def test_both_forms_mean_the_same(message: StreamMessage) -> None:
    """What TCP carries, a WebSocket carries too."""
    assert StreamMessage.decode(message.encode()) == message
    assert StreamMessage.decode_frame(message.encode_frame()) == message


def test_a_message_loses_type_and_id_and_nothing_else() -> None:
    """The layers above are the same on every transport."""
    message = Message(Type.NON, Code.GET, 0x1234, b"\x07", ((Option.URI_PATH, b"a"),), b"x")
    assert StreamMessage.of(message).as_message() == Message(Type.CON, Code.GET, 0, b"\x07", message.options, b"x")


@given(st.lists(_messages, max_size=4), st.data())
def test_messages_come_out_whole_however_the_stream_is_cut(messages: list[StreamMessage], data: st.DataObject) -> None:
    """TCP keeps no borders."""
    stream = b"".join(message.encode() for message in messages)
    decoder, found, position = Decoder(), [], 0
    while position < len(stream):
        size = data.draw(st.integers(1, 300))
        decoder.feed(stream[position : position + size])
        position += size
        while (message := decoder.next()) is not None:
            found.append(message)
    assert found == messages
    assert len(decoder) == 0


def test_what_is_too_large_is_refused_before_it_comes() -> None:
    """Four billion bytes are announced in five; nobody waits for them, or sets memory aside."""
    decoder = Decoder(1152)
    decoder.feed(bytes.fromhex("f0ffffffff"))
    with pytest.raises(ProtocolError) as refused:
        decoder.next()
    assert refused.value.problem is Problem.TOO_LARGE


def test_the_largest_message_is_taken() -> None:
    """The limit counts from the first byte of the header to the last of the payload."""
    largest = StreamMessage(Code.CONTENT, b"\x01", (), bytes(1152 - 1 - 5)).encode()
    assert len(largest) == 1152
    decoder = Decoder(1152)
    decoder.feed(largest)
    assert decoder.next() is not None
    decoder.feed(StreamMessage(Code.CONTENT, b"\x01", (), bytes(1152 - 5)).encode()[:3])
    with pytest.raises(ProtocolError):
        decoder.next()


def test_token_lengths_that_do_not_exist_end_the_stream_at_once() -> None:
    """Behind such a byte no length can be trusted."""
    decoder = Decoder()
    decoder.feed(b"\x09")
    with pytest.raises(ProtocolError):
        decoder.next()


@pytest.mark.parametrize(
    ("encoded", "requirement"),
    [
        ("", "MSG-1110"),
        ("0145", "MSG-1110"),
        ("0045ff", "MSG-1110"),
        ("104511" + "00", "MSG-1110"),
        ("0945010203040506070809", "MSG-1080"),
        ("0020", "MSG-1090"),
        ("00c0", "MSG-1090"),
        ("010001", "MSG-1100"),
        ("200000ff", "MSG-1100"),
        ("1045ff", "MSG-270"),
        ("1045f0", "MSG-250"),
        ("10451100"[:6], "MSG-260"),
    ],
)
def test_what_is_malformed(encoded: str, requirement: str) -> None:
    """Each breaks one rule."""
    with pytest.raises(ProtocolError) as refused:
        StreamMessage.decode(bytes.fromhex(encoded))
    assert (refused.value.problem, refused.value.requirement) == (Problem.MALFORMED, requirement)


def test_a_websocket_message_has_no_length_of_its_own() -> None:
    """Two lengths could differ."""
    with pytest.raises(ProtocolError) as refused:
        StreamMessage.decode_frame(bytes.fromhex("1045ff"))
    assert refused.value.requirement == "MSG-1120"
    with pytest.raises(ProtocolError):
        StreamMessage.decode_frame(b"")


@given(st.binary(max_size=60))
def test_any_bytes_give_messages_or_one_error(data: bytes) -> None:
    """A stranger's bytes: nothing but a ProtocolError comes out."""
    decoder = Decoder(64)
    decoder.feed(data)
    with suppress(ProtocolError):
        while (message := decoder.next()) is not None:
            assert StreamMessage.decode(message.encode()) == message
