"""CBOR in diagnostic notation: published examples, and what no decoder may do with garbage."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance.wire.cbor import MAX_DEPTH, Stop, item, sequence

PUBLISHED = [  # RFC 8949 appendix A
    ("1bffffffffffffffff", "18446744073709551615"),
    ("3bffffffffffffffff", "-18446744073709551616"),
    ("f98000", "-0.0"),
    ("fb3ff199999999999a", "1.1"),
    ("fa47c35000", "100000.0"),
    ("f97c00", "Infinity"),
    ("f97e00", "NaN"),
    ("f9fc00", "-Infinity"),
    ("f4", "false"),
    ("f7", "undefined"),
    ("f0", "simple(16)"),
    ("f8ff", "simple(255)"),
    ("c074323031332d30332d32315432303a30343a30305a", '0("2013-03-21T20:04:00Z")'),
    ("d74401020304", "23(h'01020304')"),
    ("62225c", '"\\"\\\\"'),
    ("62c3bc", '"ü"'),
    ("826161a161626163", '["a", {"b": "c"}]'),
    ("5f42010243030405ff", "(_ h'0102', h'030405')"),
    ("9fff", "[_ ]"),
    ("bf61610161629f0203ffff", '{_ "a": 1, "b": [_ 2, 3]}'),
]


@pytest.mark.parametrize(("encoded", "notation"), PUBLISHED)
def test_published_notation(encoded: str, notation: str) -> None:
    """The notation is the standard's, so that it can be pasted into other tools."""
    assert item(bytes.fromhex(encoded)).text == notation


@pytest.mark.parametrize(
    ("encoded", "fault"),
    [
        ("1801", "an argument longer than needed"),
        ("fa3fc00000", "a float longer than needed"),
        ("9f01ff", "an indefinite length"),
        ("a202010101", "a key out of order"),
        ("a201010102", "a repeated key"),
        ("61ff", "a text string that is not UTF-8"),
        ("8a0102030405060708091801", "an argument longer than needed"),
    ],
)
def test_encoding_that_is_not_deterministic_is_named(encoded: str, fault: str) -> None:
    """A peer may reject what looks the same in other decoders; the report must show why."""
    assert fault in [name for _, name in item(bytes.fromhex(encoded)).faults]


@pytest.mark.parametrize(
    ("encoded", "at", "reason"),
    [
        ("", 0, "the data ends here"),
        ("1c", 0, "not assigned"),
        ("8201", 2, "the data ends here"),
        ("4401", 0, "a string of 4 bytes, but 1 follow"),
        ("19", 0, "the head needs 2 more bytes"),
        ("ff", 0, "a break"),
        ("f801", 0, "simple value 1 in two bytes"),
        ("bf01ff", 2, "between a key and its value"),
        ("5f01ff", 1, "a chunk"),
        ("1f", 0, "indefinite"),
        ("81" * (MAX_DEPTH + 2) + "00", MAX_DEPTH + 1, "nested deeper"),
    ],
)
def test_place_where_cbor_ends_is_named(encoded: str, at: int, reason: str) -> None:
    """An engineer looks for the one wrong byte."""
    with pytest.raises(Stop) as stopped:
        item(bytes.fromhex(encoded))

    assert stopped.value.offset == at
    assert reason in stopped.value.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_split_into_items_and_a_rest(data: bytes) -> None:
    """A hostile target must not be able to stop its own report."""
    items, stop = sequence(data)

    assert [one.start for one in items[1:]] == [one.end for one in items[:-1]]
    assert stop is not None or (items[-1].end if items else 0) == len(data)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.binary(max_size=9)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers() | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_an_encoder_makes_is_read_whole(value: object) -> None:
    """Every item that cbor2 writes is one item of the same length here."""
    encoded = cbor2.dumps(value)

    assert item(encoded).end == len(encoded)
