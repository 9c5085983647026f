"""Every bit and byte of an object changed, cut, moved or invented: nothing of it is taken, and nothing changes."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from object_scene import NOW, STATEMENT, Scene

from picosec.crypto.curves import P256_ORDER
from picosec.messaging import cbor
from picosec.messaging.cbor import dumps

ERRORS = {
    "MALFORMED",
    "NOT_DETERMINISTIC",
    "TOO_LARGE",
    "UNSUPPORTED_ALGORITHM",
    "UNKNOWN_CREDENTIAL",
    "WRONG_PURPOSE",
    "BAD_KEY",
    "AUTHENTICATION_FAILED",
    "MISDIRECTED",
}
FORMS = ["signed", "sealed", "group"]


@pytest.fixture(scope="module")
def scene():
    return Scene()


@pytest.mark.parametrize("form", FORMS)
def test_no_bit_can_be_changed(scene, form):
    """Header, contents, key, nonce, tag: an object has no bit that does not matter."""
    data = scene.forms()[form]
    found = set()
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        found.add(scene.refusal(bytes(changed)))

    assert found <= ERRORS
    assert "AUTHENTICATION_FAILED" in found
    assert scene.refusal(data) is None or form != "signed"


@pytest.mark.parametrize("form", FORMS)
def test_no_byte_can_be_cut_off_or_put_behind(scene, form):
    data = scene.forms()[form]

    assert {scene.refusal(data[:size]) for size in range(len(data))} <= {"MALFORMED"}
    assert scene.refusal(data + b"\0") == "MALFORMED"
    assert scene.refusal(data + data) == "MALFORMED"


@pytest.mark.parametrize("form", ["sealed", "group"])
def test_parts_of_two_objects_make_no_third(form):
    """The header of one with the ciphertext of another, in all combinations."""
    scene = Scene()
    first, second = (cbor.loads(scene.forms()[form]) for _ in range(2))
    for place in range(1, len(first.value)):
        parts = list(first.value)
        parts[place] = second.value[place]
        assert parts != first.value
        assert scene.refusal(dumps(cbor2.CBORTag(first.tag, parts))) == "AUTHENTICATION_FAILED"


def test_other_form_of_a_signature_is_no_second_object():
    """(r, n - s) is a valid ES256 signature as well, which anybody can make; the number is taken all the same."""
    scene = Scene()
    data = scene.signed()
    s = int.from_bytes(data[-32:], "big")
    twin = data[:-32] + (P256_ORDER - s).to_bytes(32, "big")

    assert scene.refusal(data) is None
    assert scene.refusal(twin) == "REPLAYED"


def test_envelope_around_what_was_taken_makes_it_no_new_object():
    scene = Scene()
    data = scene.signed()

    assert scene.refusal(data) is None
    assert [scene.refusal(each) for each in (scene.sealed(data), scene.grouped(data))] == ["REPLAYED"] * 2


@given(st.binary(max_size=200))
def test_bytes_of_chance_are_refused(data):
    assert Scene().refusal(data) in ERRORS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-5, 20) | st.text(max_size=3), inner),
    max_leaves=12,
)
HEADER = st.dictionaries(st.sampled_from([1, 2, 3, 4, 5, 15, 16, -1]), VALUES).map(dumps) | st.binary(max_size=20)


@given(st.sampled_from([16, 18, 96]), st.lists(st.one_of(HEADER, VALUES), max_size=5))
def test_parts_of_chance_under_the_right_tag_are_refused(tag, parts):
    """Deterministic CBOR that is nearly an object: an error of the list, never an exception of Python's."""
    assert Scene().refusal(dumps(cbor2.CBORTag(tag, parts))) in ERRORS


@given(
    st.dictionaries(st.sampled_from([1, 2, 3, 4, 5, 15, 16]), VALUES),
    st.dictionaries(st.sampled_from([4, 6, -65537, -65538, 1]), VALUES),
)
def test_headers_of_chance_are_refused_without_a_signature(changes, claims):
    """Each parameter and claim with a value of any type."""
    header = {1: -7, 3: 60, 4: b"\x01", 15: {6: NOW, -65537: b"\x11", -65538: 7} | claims, 16: 65002} | changes
    data = dumps(cbor2.CBORTag(18, [dumps(header), {}, STATEMENT.content, bytes(64)]))

    assert Scene().refusal(data) in ERRORS
