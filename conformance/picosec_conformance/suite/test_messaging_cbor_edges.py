"""CBOR that is deterministic and unusual: what a decoder takes for a fault when its bounds are off by one.

The clock of the Test Interface takes a number, and nothing else that is well-formed: that is a request out of place,
and no fault of encoding.
"""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("conformance.test-interface")


def post(target: Target, resource: str, payload: str | bytes) -> Message:
    """Post a payload, given as hexadecimal text or as bytes, to a resource of the Test Interface."""
    data = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return target.request(Code.POST, f"/ps/test/{resource}", data, content_format=CONTENT_FORMAT_CBOR)


def expect_well_formed(target: Target, payload: str) -> None:
    """Judge that a payload is read, and found out of place."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, "time", payload), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize(
    "number", ["00", "17", "1818", "18ff", "190100", "19ffff", "1a00010000", "1affffffff", "1b0000000100000000"]
)
def test_number_at_the_edge_of_its_head_is_taken(target: Target, number: str) -> None:
    """The least and the most of each length: one bound that is off, and every 256th message is refused."""
    assert post(target, "time", number).code == Code.CHANGED


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize("number", ["20", "37", "3818", "38ff", "390100", "3a00010000", "3b0000000100000000"])
def test_negative_number_at_the_edge_of_its_head_is_read(target: Target, number: str) -> None:
    """Time does not go backwards, and that is all that is wrong with it."""
    expect_well_formed(target, number)


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 1000])
def test_string_of_any_length_is_taken(target: Target, length: int) -> None:
    """The head grows at 24 and at 256 bytes."""
    head = bytes((0x40 | length,)) if length < 24 else bytes((0x58, length)) if length < 256 else b""
    payload = (head or b"\x59" + length.to_bytes(2, "big")) + bytes(length)

    assert post(target, "entropy", payload).code == Code.CHANGED


@pytest.mark.requirement("MSG-110")
@pytest.mark.parametrize(
    "number",
    [
        "f90000",
        "f98000",
        "f90001",
        "f97bff",
        "f97c00",
        "f9fc00",
        "fa33000000",
        "fa7f7fffff",
        "fa00000001",
        "fa3f800001",
        "fb3ff0000000000001",
        "fb0000000000000001",
        "fb7fefffffffffffff",
        "fb3ff199999999999a",
    ],
)
def test_shortest_float_is_read(target: Target, number: str) -> None:
    """Both zeros, both infinities, and the least and the most of each width are numbers like any other."""
    expect_well_formed(target, number)


@pytest.mark.requirement("MSG-120")
def test_the_one_nan_is_read(target: Target) -> None:
    """There is one encoding for "no number", and it is not a fault."""
    expect_well_formed(target, "f97e00")


@pytest.mark.requirement("MSG-130")
@pytest.mark.parametrize("simple", ["e0", "f3", "f4", "f5", "f6", "f7", "f820", "f8ff"])
def test_simple_value_is_read(target: Target, simple: str) -> None:
    """Those without a name, too: 0 to 19 in one byte, 32 to 255 in two."""
    expect_well_formed(target, simple)


@pytest.mark.requirement("MSG-100")
@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(["0a", "1864", "20", "4161", "617a", "626161"], id="types-in-order"),
        pytest.param(["17", "1818", "18ff", "190100"], id="numbers-by-length"),
        pytest.param(["617a", "626161", "62617a"], id="texts-by-length"),
        pytest.param(["40", "4100", "41ff", "420000"], id="bytes-by-length"),
        pytest.param(["00", "20", "40", "60"], id="empty-ones"),
    ],
)
def test_order_of_map_keys_is_bytewise(target: Target, entries: list[str]) -> None:
    """The order of encodings: neither that of values nor, as an older standard had it, of lengths alone."""
    head = f"a{len(entries):x}"

    expect_well_formed(target, head + "".join(f"{key}00" for key in entries))

    with target.expect_unchanged():
        reply = post(target, "time", head + "".join(f"{key}00" for key in reversed(entries)))
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-150")
@pytest.mark.parametrize("layer", ["81", "a100", "d2", "d83d"])
def test_sixteen_levels_of_any_kind_are_read(target: Target, layer: str) -> None:
    """A map counts as one level, its key as none; the same bound for everything that holds something."""
    expect_well_formed(target, layer * 16 + "00")


@pytest.mark.requirement("MSG-150")
@pytest.mark.parametrize("layers", [["81", "a100", "d2"], ["d83d", "d2", "8240"], ["a100", "82f6"]], ids="-".join)
def test_kinds_of_levels_count_together(target: Target, layers: list[str]) -> None:
    """Fifteen arrays and fifteen maps are thirty levels on the stack."""
    nested = [layers[level % len(layers)] for level in range(17)]

    expect_well_formed(target, "".join(nested[:16]) + "00")

    with target.expect_unchanged():
        reply = post(target, "time", "".join(nested) + "00")
        target.expect_refusal(reply, Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)


@pytest.mark.requirement("MSG-150")
def test_levels_beside_each_other_do_not_add_up(target: Target) -> None:
    """Depth is what lies above, not what came before."""
    expect_well_formed(target, "98ff" + "8180" * 255)


@pytest.mark.requirement("MSG-050")
@pytest.mark.parametrize("key", ["7f6161ff", "5f4161ff"], ids=["text", "bytes"])
def test_map_key_of_indefinite_length_is_refused(target: Target, key: str) -> None:
    """A key is of a type that keys may have, and in pieces all the same."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, "time", f"a1{key}00"), Code.BAD_REQUEST, Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-090")
@pytest.mark.parametrize(
    "payload", ["a2000000f4", "a2200020f4", "a241610041610f", "a26161006161f6", "a3000001000100"], ids=str
)
def test_repeated_key_of_any_type_is_refused(target: Target, payload: str) -> None:
    """Twice the same number, byte string or text; at the end of a map as well as at its start."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, "time", payload), Code.BAD_REQUEST, Problem.MALFORMED)
