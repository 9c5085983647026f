"""CoAP messages: what bytes mean, and which mean nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging.coap import (
    Code,
    Message,
    Option,
    Type,
    code_text,
    decode_options,
    encode_options,
    is_critical,
    path_options,
    uint_bytes,
    uint_value,
)
from picosec.registry import Problem

option_lists = st.lists(
    st.tuples(st.integers(0, 65535), st.binary(max_size=20) | st.binary(min_size=260, max_size=280)), max_size=6
)
codes = st.integers(1, 0x1F) | st.integers(0x40, 0xBF)
messages = st.builds(
    Message,
    st.sampled_from(Type),
    codes,
    st.integers(0, 0xFFFF),
    st.binary(max_size=8),
    option_lists.map(lambda options: tuple(sorted(options, key=lambda option: option[0]))),
    st.binary(max_size=40),
)


def refusal(data: bytes) -> ProtocolError | None:
    try:
        Message.decode(data)
    except ProtocolError as error:
        return error
    return None


def test_the_message_of_rfc_7252_figure_16() -> None:
    """A published exchange: GET coap://server/temperature, answered by 22.3 C."""
    request = Message(Type.CON, Code.GET, 0x7D34, b"", path_options("/temperature"))
    response = Message(Type.ACK, Code.CONTENT, 0x7D34, b"", (), b"22.3 C")

    assert request.encode() == bytes.fromhex("40017d34bb") + b"temperature"
    assert response.encode() == bytes.fromhex("60457d34ff") + b"22.3 C"


@given(messages)
def test_what_is_encoded_is_decoded(message: Message) -> None:
    """A message survives its own bytes."""
    assert Message.decode(message.encode()) == message


@given(st.binary(max_size=40))
def test_random_bytes_have_one_reading_or_are_malformed(data: bytes) -> None:
    """No datagram is read in a way that writes other bytes, and none stops the reader otherwise."""
    error = refusal(data)
    if error is None:
        assert Message.decode(data).encode() == data
    else:
        assert error.problem is Problem.MALFORMED


@given(messages, st.data())
def test_a_mutated_message_has_one_reading_or_is_malformed(message: Message, data: st.DataObject) -> None:
    """Bytes changed on the way give another message, or none."""
    encoded = bytearray(message.encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    mutated = bytes(encoded[: data.draw(st.integers(position + 1, len(encoded)))])
    error = refusal(mutated)
    if error is None:
        assert Message.decode(mutated).encode() == mutated
    else:
        assert error.problem is Problem.MALFORMED


@given(option_lists, st.binary(max_size=10))
def test_options_stand_in_order_whatever_order_they_are_given_in(
    options: list[tuple[int, bytes]], payload: bytes
) -> None:
    """Differences of numbers cannot be negative; those of one number keep their order."""
    decoded, rest = decode_options(encode_options(options, payload))
    assert rest == payload
    assert list(decoded) == sorted(options, key=lambda option: option[0])


def test_a_token_has_at_most_eight_bytes() -> None:
    """A longer one has no encoding."""
    with pytest.raises(ValueError, match="token"):
        Message(Type.CON, Code.GET, 1, bytes(9)).encode()


@pytest.mark.parametrize("path", ["/", "/ps/info", "/a//b", "/actuators/lamp", "/ä", "/a%2Fb", "/50%25", "/a%2F%2Fb/c"])
def test_a_path_is_its_segments(path: str) -> None:
    """A slash inside a segment stays inside: ``/ps%2Finfo`` is not ``/ps/info``, or a rule for one opens the other."""
    assert Message(Type.CON, Code.GET, 1, b"", path_options(path)).path == path


@pytest.mark.parametrize("segment", [b".", b"..", b"\xff", b"\xc0\xaf"])
def test_a_segment_that_is_not_one_is_refused(segment: bytes) -> None:
    """Dot segments and bad UTF-8 lead around rules that were written for plain paths."""
    message = Message(Type.CON, Code.GET, 1, b"", ((Option.URI_PATH, segment),))
    with pytest.raises(ProtocolError) as refusal:
        _ = message.path
    assert refusal.value.problem is Problem.BAD_OPTION


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, ""), (1, "01"), (255, "ff"), (256, "0100"), (0xFFFFFFFF, "ffffffff")]
)
def test_an_integer_in_an_option_has_no_leading_zeros(value: int, encoded: str) -> None:
    """0 is the empty string; leading zeros are read but never written."""
    assert uint_bytes(value) == bytes.fromhex(encoded)
    assert uint_value(bytes.fromhex("0000" + encoded)) == value


def test_codes_fall_into_kinds() -> None:
    """0.00 is neither request nor response; classes 2 to 5 are responses."""
    kinds = {code: _kind(code) for code in (0x00, 0x01, 0x1F, 0x40, 0x45, 0x60, 0x84, 0xBF)}
    assert kinds == {0: "", 1: "request", 0x1F: "request", **dict.fromkeys((0x40, 0x45, 0x60, 0x84, 0xBF), "response")}


def _kind(code: int) -> str:
    message = Message(Type.CON, code, 1)
    assert not (message.is_request and message.is_response)
    return "request" if message.is_request else "response" if message.is_response else ""


ODD = [1, 3, 5, 7, 9, 11, 15, 17, 21, 23, 27, 35, 39]


def test_odd_numbers_are_critical() -> None:
    """RFC 7252 section 5.4.6."""
    assert [number for number in Option if is_critical(number)] == [*ODD, Option.DELIVERY]


def test_options_are_found_by_number() -> None:
    """Handlers ask for an option; they never walk the list."""
    options = (
        (Option.URI_PATH, b"a"),
        (Option.CONTENT_FORMAT, b"\x01\x01"),
        (Option.ACCEPT, b""),
        (Option.URI_PATH, b"b"),
    )
    message = Message(Type.CON, Code.GET, 1, b"", options)

    assert message.option(Option.URI_PATH) == b"a"
    assert message.option_values(Option.URI_PATH) == [b"a", b"b"]
    assert message.option(Option.URI_HOST) is None
    assert (message.content_format, message.accept) == (257, 0)
    assert Message(Type.CON, Code.GET, 1).content_format is None
    assert Message(Type.CON, Code.GET, 1).accept is None


def test_a_code_is_shown_as_documents_write_it() -> None:
    """Class, dot, two digits."""
    assert [code_text(code) for code in (0, 0x01, 0x44, 0x9D, 0xFF)] == ["0.00", "0.01", "2.04", "4.29", "7.31"]
