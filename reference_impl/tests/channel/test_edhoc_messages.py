"""The codecs: what goes in comes out, and what is not a message gives one error of the closed list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.channel.ead import EadItem, encode_ead, padding, parse_ead, understood
from picosec.channel.edhoc_error import ErrorMessage, error_message, is_error
from picosec.channel.edhoc_messages import (
    SHORT_IDENTIFIERS,
    Message1,
    Message2,
    Message3,
    Message4,
    Plaintext2,
    Plaintext3,
    compact_id_cred,
    decode_identifier,
    decode_plaintext_4,
    encode_identifier,
)
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads, loads_sequence
from picosec.registry import Problem

DECODERS = [
    Message1.decode,
    Message2.decode,
    Message3.decode,
    Message4.decode,
    Plaintext2.decode,
    Plaintext3.decode,
    decode_plaintext_4,
    ErrorMessage.decode,
]
FORM = {Problem.MALFORMED, Problem.NOT_DETERMINISTIC, Problem.TOO_LARGE}

identifiers = st.binary(max_size=8) | st.sampled_from(sorted(SHORT_IDENTIFIERS))
items = st.builds(EadItem, st.integers(1, 2**32), st.none() | st.binary(max_size=30), st.booleans())
ead = st.lists(items | st.builds(EadItem, st.just(0), st.none() | st.binary(max_size=30)), max_size=3).map(tuple)
id_creds = st.one_of(
    st.binary(max_size=20).map(lambda kid: dumps({4: kid})),
    st.binary(max_size=40).map(lambda digest: dumps({34: [-15, digest]})),
    st.binary(min_size=1, max_size=40).map(lambda der: dumps({33: der})),
    st.just(dumps({4: b"a", 10: b"b"})),
)
messages_1 = st.builds(
    Message1,
    st.integers(-(2**16), 2**16),
    st.lists(st.integers(-(2**16), 2**16), min_size=1, max_size=5).map(tuple),
    st.binary(max_size=70),
    identifiers,
    ead,
)
plaintexts_2 = st.builds(Plaintext2, identifiers, id_creds, st.binary(max_size=70), ead)
plaintexts_3 = st.builds(Plaintext3, id_creds, st.binary(max_size=70), ead)


def attempt(decode, data):
    """Return the message, or the error."""
    try:
        return decode(data)
    except ProtocolError as error:
        return error


@given(messages_1 | plaintexts_2 | plaintexts_3)
def test_a_structure_comes_out_as_it_went_in(message):
    """Both ends hash what they sent and what they understood: a round trip that changes anything breaks the session."""
    assert type(message).decode(message.encode()) == message


@given(st.sampled_from(DECODERS), st.binary(max_size=120))
def test_random_bytes_give_an_error_of_form_or_a_message(decode, data):
    """A sender of garbage must not raise anything that a handler does not expect."""
    message = attempt(decode, data)
    if isinstance(message, ProtocolError):
        assert message.problem in FORM
        assert message.requirement
    else:
        assert (encode_ead(message) if isinstance(message, tuple) else message.encode()) == data


@given(st.sampled_from([Message1, Plaintext2, Plaintext3]), st.data())
def test_a_changed_message_is_refused_or_says_something_else(kind, data):
    """No two encodings of one message: whoever changes a byte in transit changes the transcript."""
    strategy = {Message1: messages_1, Plaintext2: plaintexts_2, Plaintext3: plaintexts_3}[kind]
    message = data.draw(strategy)
    encoded = bytearray(message.encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    read = attempt(kind.decode, bytes(encoded))
    assert read.problem in FORM if isinstance(read, ProtocolError) else read != message


@pytest.mark.parametrize("byte", range(256))
def test_exactly_48_one_byte_identifiers_stand_as_integers(byte):
    """RFC 9528 section 3.3.2, for every byte."""
    identifier = bytes((byte,))
    encoded = encode_identifier(identifier)

    if byte <= 0x17 or 0x20 <= byte <= 0x37:
        assert encoded == identifier
        assert type(loads(encoded)) is int
    else:
        assert encoded == b"\x41" + identifier
    assert decode_identifier(loads(encoded), "") == identifier


@pytest.mark.parametrize("value", [24, -25, "7", True, None, 1.0, b"\x00", b"\x17", b"\x20", b"\x37", [0], {}])
def test_other_items_are_no_identifiers(value):
    """True is 1 to Python, and h'00' is 0 to EDHOC: neither may name a session."""
    with pytest.raises(ProtocolError) as caught:
        decode_identifier(value, "CHN-010")

    assert (caught.value.problem, caught.value.requirement) == (Problem.MALFORMED, "CHN-010")


@pytest.mark.parametrize(
    ("id_cred", "compact"),
    [
        ("a10441ff", "41ff"),
        ("a1044121", "21"),
        ("a1044110", "10"),
        ("a1044118", "4118"),
        ("a10440", "40"),
        ("a10442ab00", "42ab00"),
        ("a118228001", "a118228001"),
        ("a20441aa0a40", "a20441aa0a40"),
    ],
)
def test_a_lone_kid_stands_without_its_map(id_cred, compact):
    """RFC 9528 section 3.5.3.2, whose examples are the first two."""
    assert compact_id_cred(bytes.fromhex(id_cred)).hex() == compact


@pytest.mark.parametrize(
    "length", [*range(1, 40), 254, 255, 256, 257, 258, 259, 260, 65537, 65538, 65539, 65540, 65541]
)
def test_padding_has_the_length_that_was_asked_for(length):
    """Some lengths need two items; a length that is off by one shows what padding hides."""
    encoded = encode_ead(padding(length))

    assert len(encoded) == length
    if length < 60000:
        assert understood(parse_ead(loads_sequence(encoded), ""), frozenset(), "") == ()


@pytest.mark.parametrize("item", [(-1, None, False), (0, None, True), (0, b"", True)])
def test_what_the_wire_cannot_say_is_no_item(item):
    """Critical padding would be label −0."""
    with pytest.raises(ValueError, match="no EAD item"):
        EadItem(*item)


def test_items_are_kept_or_refused_by_what_is_understood():
    """A known label passes in both forms, an unknown one only when it is not critical."""
    known, unknown = EadItem(7, b"x", critical=True), EadItem(8)

    assert understood((known, unknown, *padding(4)), frozenset({7}), "") == (known,)
    with pytest.raises(ProtocolError) as caught:
        understood((known, EadItem(8, critical=True)), frozenset({7}), "CHN-340")
    assert (caught.value.problem, caught.value.requirement) == (Problem.CRITICAL_EAD, "CHN-340")


@pytest.mark.parametrize("problem", Problem)
def test_every_error_becomes_a_message_that_is_read_as_the_same_error(problem):
    """The closed list crosses the wire: what is raised here is what the peer reads."""
    encoded = error_message(ProtocolError(problem, "CHN-000"), (2, 3))

    assert is_error(encoded)
    assert ErrorMessage.decode(encoded).problem is problem
    assert b"CHN" not in encoded


@pytest.mark.parametrize(
    ("text", "problem"), [("MAC failed", Problem.REFUSED), ("busy", Problem.BUSY), ("", Problem.REFUSED)]
)
def test_a_text_of_another_implementation_is_a_refusal(text, problem):
    """ERR_INFO is for people; what is not a name of ours tells only that the peer gave up."""
    assert ErrorMessage.decode(dumps(1) + dumps(text)).problem is problem


def test_an_unsupported_suite_is_told_with_those_that_are_supported():
    """RFC 9528 section 6.3: one suite as an integer, several as an array."""
    error = ProtocolError(Problem.UNSUPPORTED_SUITE, "CHN-190")

    assert error_message(error, (2,)) == b"\x02\x02"
    assert error_message(error, (2, 3)) == b"\x02\x82\x02\x03"
