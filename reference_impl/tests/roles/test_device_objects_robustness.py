"""Objects from anybody's hand: nothing breaks the device, and what it refuses leaves no trace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from object_peer import GROUP, GROUP_KEY, LAMP, STORE, Peer, changes, hand_over, made, provision
from ti_driver import Driver

from picosec.crypto.aead import Aead
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.objects.compose import group_object
from picosec.objects.keys import GroupKey, Purpose
from picosec.objects.request import CarriedRequest

PEER = Peer()
MEMBER = GroupKey(GROUP, GROUP_KEY, Aead.AES_CCM_16_128_128, Purpose.PLATFORM)
GOOD = {
    18: PEER.signed(),
    96: PEER.sealed(PEER.signed()),
    16: group_object(PEER.signed(), MEMBER, lambda count: bytes(count)),
}


def device() -> Driver:
    driver = Driver()
    provision(driver, PEER)
    return driver


@st.composite
def altered(draw: st.DrawFn) -> tuple[int, bytes]:
    """An object that was good before some bytes of it were changed, cut out or put in."""
    content_format = draw(st.sampled_from(sorted(GOOD)))
    data = bytearray(GOOD[content_format])
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "cut", "insert", "truncate"])):
            case "change":
                data[position] ^= draw(st.integers(1, 255))
            case "cut" if position > 0:
                del data[position : position + draw(st.integers(1, 4))]
            case "insert":
                data[position:position] = draw(st.binary(min_size=1, max_size=4))
            case "truncate" if position > 0:
                del data[position:]
    return content_format, bytes(data)


@pytest.mark.parametrize("content_format", sorted(GOOD))
def test_the_objects_to_alter_are_good(content_format):
    """Changes to what would be refused anyway show nothing."""
    driver = device()

    assert hand_over(driver, GOOD[content_format], content_format).code == Code.CHANGED
    assert changes(driver) == 1


@settings(max_examples=400, deadline=None)
@given(altered())
def test_an_altered_object_leaves_no_trace(case):
    """A hop with a bad memory, or a bad intention."""
    content_format, data = case
    driver = device()
    before = driver.state()

    reply = hand_over(driver, data, content_format)

    if data not in GOOD.values():
        assert reply.code >> 5 == 4
        assert driver.state() == before


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 31),
    st.sampled_from([LAMP, STORE, "/ps/objects", "/ps/channel", "/.well-known/edhoc", "/.well-known/core", "/", ""])
    | st.text(max_size=20),
    st.none() | st.integers(0, 65_535),
    st.binary(max_size=40),
    st.sampled_from(Purpose),
)
def test_no_request_in_an_object_breaks_the_device(code, path, content_format, payload, purpose):
    """Its sender is believed; that does not make all that it sends sensible."""
    driver = device()

    hand_over(driver, PEER.signed(0, CarriedRequest(code, path, content_format, payload), purpose=purpose))

    assert hand_over(driver, PEER.signed(1)).code == Code.CHANGED
    assert changes(driver) >= 1


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text(), st.lists))
def test_contents_of_any_kind_do_not_break_the_device(contents):
    """Nor does what is no request at all."""
    driver = device()

    reply = hand_over(driver, PEER.signed(content=cbor.dumps(contents)))

    assert reply.code == Code.BAD_REQUEST
    assert hand_over(driver, PEER.signed()).code == Code.CHANGED


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 65_535), st.none() | st.integers(1, 2**64 - 1))
def test_what_the_device_makes_is_what_it_was_told(content, content_format, expires):
    """Whatever is signed is what comes out of it at the other end."""
    fields = {"_3": content_format, "_4": content} | ({} if expires is None else {"_6": expires})

    statement = PEER.inbox.judge(made(device(), **fields), None)

    assert (statement.content, statement.content_format, statement.expires) == (content, content_format, expires)
