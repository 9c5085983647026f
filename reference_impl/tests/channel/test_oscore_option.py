"""The OSCORE option: one form for each header, and every other one refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.errors import ProtocolError
from picosec.registry import Problem

partial_ivs = st.integers(0, 2**40 - 1).map(encode_partial_iv)
options = st.builds(
    OscoreOption,
    st.just(b"") | partial_ivs,
    st.none() | st.binary(max_size=7),
    st.none() | st.binary(max_size=255),
)


@given(options)
def test_what_is_encoded_is_decoded(option):
    assert OscoreOption.decode(option.encode()) == option


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_are_the_one_encoding(value):
    """Two encodings of one header would be two messages that mean the same."""
    try:
        option = OscoreOption.decode(value)
    except ProtocolError as refusal:
        problem = refusal.problem
    else:
        problem = None if option.encode() == value else "another encoding"

    assert problem in (None, Problem.BAD_OPTION)


@pytest.mark.parametrize(
    ("value", "requirement"),
    [
        pytest.param("00", "CHN-630", id="flag-byte-of-zero"),
        pytest.param("2914ff", "CHN-630", id="reserved-bit-5"),
        pytest.param("4914ff", "CHN-630", id="reserved-bit-6"),
        pytest.param("8914ff", "CHN-630", id="reserved-bit-7"),
        pytest.param("0e010203040506ff", "CHN-630", id="partial-iv-of-6"),
        pytest.param("0f01020304050607ff", "CHN-630", id="partial-iv-of-7"),
        pytest.param("09", "CHN-630", id="no-partial-iv"),
        pytest.param("0a14", "CHN-630", id="partial-iv-cut-short"),
        pytest.param("1914", "CHN-630", id="no-length-of-kid-context"),
        pytest.param("191402aa", "CHN-630", id="kid-context-cut-short"),
        pytest.param("0114ff", "CHN-630", id="bytes-without-kid-flag"),
        pytest.param("111401aaff", "CHN-630", id="bytes-behind-kid-context"),
        pytest.param("0a0014ff", "CHN-640", id="leading-zero-byte"),
        pytest.param("0a0000ff", "CHN-640", id="zero-in-two-bytes"),
    ],
)
def test_a_malformed_value_is_refused(value, requirement):
    with pytest.raises(ProtocolError) as refused:
        OscoreOption.decode(bytes.fromhex(value))

    assert refused.value.problem is Problem.BAD_OPTION
    assert refused.value.requirement == requirement


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (1, "01"), (255, "ff"), (256, "0100"), (2**16, "010000"), (2**40 - 1, "ffffffffff")],
)
def test_sequence_numbers_have_no_leading_zero_bytes(number, encoded):
    assert encode_partial_iv(number).hex() == encoded


@pytest.mark.parametrize("option", [OscoreOption(bytes(6)), OscoreOption(b"\1", b"", bytes(256))])
def test_what_does_not_fit_is_not_encoded(option):
    with pytest.raises(ValueError, match="at most"):
        option.encode()
