"""Status lists as they are read, taken and believed, without a device around them."""

import zlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_scene import CURVES, DAY, NOW, URI, StatusScene, credential

from picosec.errors import ProtocolError
from picosec.identity.status import MAX_UNPACKED, WIDTHS, StatusList, reference_in
from picosec.identity.status_lists import GRACE, MAX_AHEAD
from picosec.messaging.cbor import dumps, loads

ERRORS = {"MALFORMED", "NOT_DETERMINISTIC", "TOO_LARGE", "UNSUPPORTED_ALGORITHM", "UNKNOWN_CREDENTIAL"}


@pytest.fixture
def scene():
    return StatusScene()


@given(st.sampled_from(WIDTHS), st.binary(max_size=40))
def test_entries_are_those_of_the_bits_read_from_the_least_significant(bits, entries):
    """One way to count, said in another way: the whole list is one number, and entries are its digits."""
    number, count = int.from_bytes(entries, "little"), 8 * len(entries) // bits
    listed = StatusList(bits, entries)

    assert [listed.entry(place) for place in range(count)] == [
        number >> place * bits & (1 << bits) - 1 for place in range(count)
    ]
    assert listed.entry(count) is None


@given(st.sampled_from(WIDTHS), st.integers(min_value=0))
def test_no_place_is_too_far_to_be_looked_for(bits, place):
    """However large the number: it is in the list or it is not."""
    entry = StatusList(bits, bytes(16)).entry(place)

    assert entry == (0 if place < 128 // bits else None)


@given(st.binary(max_size=60), st.integers(0, 9), st.binary(min_size=1, max_size=9), st.data())
def test_stream_is_whole_or_refused(entries, level, behind, data):
    """All of it and nothing behind it, however it was compressed."""
    stream = zlib.compress(entries, level)
    cut = stream[: data.draw(st.integers(0, len(stream) - 1))]

    assert StatusList.unpack(1, stream).entries == entries
    for broken in (cut, stream + behind):
        with pytest.raises(ProtocolError, match="IDN-180"):
            StatusList.unpack(1, broken)


def test_no_more_is_unpacked_than_there_is_room_for():
    """Ten kilobytes that unfold to ten megabytes: the limit is looked at before the memory is taken."""
    assert len(StatusList.unpack(1, zlib.compress(bytes(MAX_UNPACKED))).entries) == MAX_UNPACKED
    with pytest.raises(ProtocolError, match="IDN-190"):
        StatusList.unpack(1, zlib.compress(bytes(10_000_000)))


@pytest.mark.parametrize("curve", CURVES)
def test_no_bit_of_a_token_can_be_changed(curve):
    """Header, claims, signature: a token has no bit that does not matter."""
    scene = StatusScene(curve)
    data = scene.token(ends=NOW + DAY, ttl=60)
    assert scene.refusal(data) is None
    found = set()
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        found.add(scene.refusal(bytes(changed)))

    assert found <= {*ERRORS, "AUTHENTICATION_FAILED"}
    assert "AUTHENTICATION_FAILED" in found


def test_no_byte_can_be_cut_off_or_put_behind(scene):
    """Half a token is none."""
    data = scene.token()

    assert {scene.refusal(data[:size]) for size in range(len(data))} == {"MALFORMED"}
    assert scene.refusal(data + b"\0") == "MALFORMED"


def test_untagged_and_detached_tokens_are_none(scene):
    """Forms of COSE that the profile does not have."""
    item = loads(scene.token())

    assert scene.refusal(dumps(list(item.value))) == "MALFORMED"
    assert scene.refusal(dumps(cbor2.CBORTag(18, [*item.value[:2], None, item.value[3]]))) == "MALFORMED"
    assert scene.refusal(dumps(cbor2.CBORTag(61, item))) == "MALFORMED"


@pytest.mark.parametrize(
    ("claims", "fresh"),
    [({"ttl": 60}, 60), ({"ends": NOW + 10 + 2 * GRACE, "ttl": 10}, 10), ({}, 0)],
    ids=["time-to-live", "both", "neither"],
)
def test_age_has_exact_edges(scene, claims, fresh):
    """The last second of the grace, and the first after it."""
    scene.take(scene.token(**claims))

    assert scene.requirement(0, NOW + fresh + GRACE) is None
    assert scene.requirement(0, NOW + fresh + GRACE + 1) == "IDN-280"
    assert scene.requirement(0, None) is None


@pytest.mark.parametrize("claims", [{}, {"ttl": 10}, {"ttl": 3600}], ids=["end", "in-grace", "first"])
def test_end_has_exact_edges(scene, claims):
    """The last second in which a list is believed, and the first after it; it is kept with the list."""
    scene.take(scene.token(ends=NOW + 60, **claims))
    scene.lists.recall(scene.lists.remembered())

    assert scene.requirement(0, NOW + 60) is None
    assert scene.requirement(0, NOW + 61) == "IDN-1900"
    assert scene.requirement(0, None) is None


def test_time_of_issue_has_exact_edges(scene):
    """A clock may be five minutes ahead, and the last second before the end counts."""
    assert scene.refusal(scene.token(issued=NOW + MAX_AHEAD)) is None
    assert scene.refusal(scene.token(issued=NOW + MAX_AHEAD + 1)) == "STALE"
    assert scene.refusal(scene.token(issued=NOW - 1, ends=NOW)) is None
    assert scene.refusal(scene.token(issued=NOW - 1, ends=NOW - 1)) == "STALE"


def test_lists_come_in_the_order_of_their_times(scene):
    """The same again is taken, another of the same second is not, nor an older one."""
    first = scene.token(bytes(2))
    scene.take(first)

    assert scene.refusal(first) is None
    assert scene.refusal(scene.token(b"\1\0")) == "STALE"
    assert scene.refusal(scene.token(b"\1\0", issued=NOW - 1)) == "STALE"
    scene.take(scene.token(b"\1\0", issued=NOW + 1))
    assert scene.requirement(0) == "IDN-230"
    assert scene.refusal(first) == "STALE"


def test_each_reason_names_its_requirement(scene):
    """Who reads a log learns why; the peer does not."""
    assert scene.requirement(0) == "IDN-260"
    scene.take(scene.token(b"\2", bits=2))

    assert scene.requirement(0) == "IDN-230"
    assert scene.requirement(1) is None
    assert scene.requirement(4) == "IDN-250"
    assert scene.requirement(0, uri=f"{URI}0") == "IDN-260"


@pytest.mark.parametrize(
    "status",
    [None, {}, 3, [0, URI], {"status_list": None}, {"status_list": {"idx": True, "uri": URI}}],
    ids=["null", "empty", "number", "array", "no-reference", "true"],
)
def test_claim_that_is_not_understood_is_refused(scene, status):
    """Its issuer meant something by it."""
    scene.take(scene.token())
    with pytest.raises(ProtocolError, match="IDN-270"):
        scene.lists.check(credential(status), NOW)


def test_what_has_no_claims_has_no_status():
    """A certificate, and claims of other things."""
    assert reference_in(dumps(b"\x30\x82")) is None
    assert reference_in(dumps({2: "phone"})) is None
    assert reference_in(dumps([b"", {}, dumps({2: "phone"}), b""])) is None
