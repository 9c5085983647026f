"""Deterministic CBOR: one value, one encoding, whatever the bytes."""

import datetime
import decimal
import enum
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem

REFUSALS = {Problem.MALFORMED, Problem.NOT_DETERMINISTIC, Problem.TOO_LARGE}

_scalars = (
    st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.none()
    | st.just(cbor2.undefined)
    | st.integers(32, 255).map(cbor2.CBORSimpleValue)
)
_keys = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=10) | st.text(max_size=10)
values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(_keys, inner, max_size=5)
        | st.builds(cbor2.CBORTag, st.sampled_from(sorted(cbor.TAGS)), inner)
    ),
    max_leaves=20,
)


def refusal(data: bytes) -> ProtocolError | None:
    try:
        cbor.loads(data)
    except ProtocolError as error:
        return error
    return None


def test_limits_are_those_of_the_page() -> None:
    """Sixteen levels and 65,536 bytes are taken, one more of either is not (MSG-150, MSG-160)."""
    assert cbor.loads(b"\x81" * 16 + b"\x00") is not None
    assert cbor.loads(b"\x59\xff\xfd" + bytes(65533)) == bytes(65533)
    deep, long = refusal(b"\x81" * 17 + b"\x00"), refusal(bytes(65537))
    assert deep is not None
    assert long is not None
    assert (deep.problem, deep.requirement) == (Problem.TOO_LARGE, "MSG-150")
    assert (long.problem, long.requirement) == (Problem.TOO_LARGE, "MSG-160")
    with pytest.raises(ProtocolError, match="too_large"):
        cbor.loads_sequence(bytes(65537))


@given(values)
def test_what_is_encoded_is_decoded_to_the_same_value(value: Any) -> None:
    """Both directions agree on types too: 1, 1.0 and true stay three values."""
    decoded = cbor.loads(cbor.dumps(value))
    assert repr(decoded) == repr(_sorted(value))


def _sorted(value: Any) -> Any:
    """Return the value as a decoder finds it: maps in order, no tuples."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=cbor.dumps)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return cbor2.CBORTag(value.tag, _sorted(value.value)) if isinstance(value, cbor2.CBORTag) else value


def _listed(value: Any) -> Any:
    """Return a value of cbor2 with lists and maps where, inside a tag, it has frozen ones."""
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if isinstance(value, dict | cbor2.frozendict):
        return {key: _listed(item) for key, item in value.items()}
    return cbor2.CBORTag(value.tag, _listed(value.value)) if isinstance(value, cbor2.CBORTag) else value


@given(values)
def test_another_library_reads_what_is_encoded(value: Any) -> None:
    """cbor2 is the second opinion on what the bytes mean."""
    assert repr(_listed(cbor2.loads(cbor.dumps(value)))) == repr(_sorted(value))


@given(st.binary(max_size=60))
def test_random_bytes_have_one_reading_or_none(data: bytes) -> None:
    """Whatever is accepted encodes back to the very same bytes; whatever is not has an error of the closed list."""
    error = refusal(data)
    if error is None:
        assert cbor.dumps(cbor.loads(data)) == data
    else:
        assert error.problem in REFUSALS


@given(values, st.data())
def test_a_mutated_item_has_one_reading_or_none(value: Any, data: st.DataObject) -> None:
    """A changed byte gives another value with its own encoding, or an error; never a second way to say something."""
    encoded = bytearray(cbor.dumps(value))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(encoded) - 1))
        encoded[position] = data.draw(st.integers(0, 255))
    mutated = bytes(encoded)
    error = refusal(mutated)
    if error is None:
        assert cbor.dumps(cbor.loads(mutated)) == mutated
    else:
        assert error.problem in REFUSALS


@given(st.binary(max_size=30))
def test_nothing_deterministic_is_refused(data: bytes) -> None:
    """Decode, encode again, compare: by cbor2's reading, what comes out the same must be taken."""
    error = refusal(data)
    if error is None or error.problem is Problem.TOO_LARGE or error.requirement in ("MSG-080", "MSG-140"):
        return
    try:
        value = cbor2.loads(data, allow_duplicate_keys=False, allow_indefinite=False)
        again = cbor.dumps(value)
    except (cbor2.CBORDecodeError, TypeError, OverflowError):
        return
    assert again != data


@given(st.lists(values, max_size=4))
def test_a_sequence_is_its_items_one_behind_the_other(items: list[Any]) -> None:
    """The handshake's messages are sequences: no length, no count, no end mark."""
    data = b"".join(cbor.dumps(item) for item in items)
    assert repr(cbor.loads_sequence(data)) == repr([_sorted(item) for item in items])


@given(values, st.data())
def test_a_cut_item_is_malformed(value: Any, data: st.DataObject) -> None:
    """A message that was cut short is never taken for a shorter one."""
    encoded = cbor.dumps(value)
    error = refusal(encoded[: data.draw(st.integers(0, len(encoded) - 1))])
    assert error is not None
    assert error.problem is Problem.MALFORMED


@given(st.floats(width=16) | st.floats(width=32) | st.floats())
def test_a_float_takes_the_shortest_format_that_keeps_it(value: float) -> None:
    """Two devices that round differently would sign different bytes."""
    encoded = cbor.dumps(value)
    if math.isnan(value):
        assert encoded == cbor.CANONICAL_NAN
    else:
        assert cbor.loads(encoded) == value
        assert encoded == cbor2.dumps(value, canonical=True)


@pytest.mark.parametrize(
    "value",
    [
        decimal.Decimal(1),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),  # noqa: UP017
        {1, 2},
        1j,
        bytearray(b"a"),
        {True: 1},
        {1.0: 1},
        {(1, 2): 1},
        cbor2.CBORTag(1, 0),
    ],
    ids=repr,
)
def test_a_value_outside_the_profile_is_not_encoded(value: Any) -> None:
    """What nobody would accept is stopped where it is made, not at the far end."""
    with pytest.raises(TypeError):
        cbor.dumps(value)


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1])
def test_an_integer_beyond_64_bits_is_not_encoded(value: int) -> None:
    """It would need a tag that nobody accepts."""
    with pytest.raises(OverflowError):
        cbor.dumps(value)


def test_a_named_number_is_encoded_as_its_number() -> None:
    """Error codes and algorithms are enumerations in the code and plain integers on the wire."""

    class Color(enum.IntEnum):
        RED = 1

    assert cbor.dumps({Color.RED: Color.RED}) == b"\xa1\x01\x01"
