"""Channels by fewer messages, and by a server that begins: an app and a device over a link that loses nothing."""

import pytest
from parties import DEVICE, app_keyring, claims_set, converse, device_keyring, get, new_app, new_device, put

from picosec.channel.edhoc_config import Policy
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec.roles.events import ChannelFailed, ChannelOpened, Failed, Response

#: Somebody else whom the device knows by the app's key identifier.
STRANGER = claims_set("stranger", bytes(31) + b"\x07", b"\x01")


def told(app, handle):
    """Return the kinds of what was reported under a handle, in order, and the last event."""
    events = [event for event in app.events() if event.handle == handle]
    return [type(event) for event in events], events[-1]


def flights(app, device, now=0.0):
    """Carry datagrams both ways, and return how often the app sent."""
    count = 0
    while datagrams := app.transmit():
        count += len(datagrams)
        for _peer, datagram in datagrams:
            device.receive(datagram, "app", now)
        for _peer, datagram in device.transmit():
            app.receive(datagram, DEVICE, now)
    return count


def test_first_value_comes_after_two_round_trips():
    """What the combined request is for."""
    app, device = new_app(), new_device()
    handle = app.open(DEVICE, 0.0, first=get("/sensors/temperature"))

    assert flights(app, device) == 2
    kinds, last = told(app, handle)
    assert kinds == [ChannelOpened, Response]
    assert (last.message.code, last.protected) == (Code.CONTENT, True)


def test_channel_of_a_combined_request_goes_on():
    """The sequence number of the first request is used up, on both sides."""
    app, device = new_app(), new_device()
    app.open(DEVICE, 0.0, first=put("/actuators/lamp", cbor.dumps(True)))
    flights(app, device)
    app.events()
    handle = app.request(get("/actuators/lamp"), DEVICE, 0.0, next(iter(app.channels)))
    flights(app, device)

    assert told(app, handle)[1].message.payload == cbor.dumps(True)


@pytest.mark.parametrize("message_4", [False, True])
def test_request_that_cannot_be_combined_follows(message_4):
    """With message_4 or a large request the first request comes third; its outcome is the same."""
    policy = Policy(message_4=message_4)
    app, device = new_app(app_keyring(policy=policy)), new_device(device_keyring(policy=policy))
    first = get("/sensors/temperature") if message_4 else put("/actuators/lamp", cbor.dumps(bytes(1100)))
    handle = app.open(DEVICE, 0.0, first=first)

    assert flights(app, device) >= 3
    kinds, last = told(app, handle)
    assert kinds == [ChannelOpened, Response]
    assert last.message.code == (Code.CONTENT if message_4 else Code.BAD_REQUEST)


def test_combined_request_to_who_does_not_know_us_opens_nothing():
    """The device forgot the app: both outcomes say so, and neither side has a channel."""
    app, device = new_app(), new_device(device_keyring(peer=STRANGER))
    handle = app.open(DEVICE, 0.0, first=get("/sensors/temperature"))
    flights(app, device)

    kinds, last = told(app, handle)
    assert kinds == [ChannelFailed, Failed]
    assert last.reason is Problem.AUTHENTICATION_FAILED
    assert len(app.channels) == len(device.channels) == 0


@pytest.mark.parametrize("message_4", [False, True])
def test_device_begins_when_the_app_asks_it_to(message_4):
    """The reverse flow: roles in the handshake change places, those of CoAP do not."""
    policy = Policy(message_4=message_4)
    app, device = new_app(app_keyring(policy=policy)), new_device(device_keyring(policy=policy))
    handle = app.invite(DEVICE, 0.0, first=get("/sensors/temperature"))

    assert flights(app, device) == 3 + message_4
    kinds, last = told(app, handle)
    assert kinds == [ChannelOpened, Response]
    assert last.message.code == Code.CONTENT
    assert [event.session.role.value for event in device.events()] == ["initiator"]


def test_reverse_flow_finds_a_common_suite():
    """The device prefers what the app does not have; told so, it begins again with what both have."""
    app = new_app(app_keyring(policy=Policy(suites=(3,))))
    device = new_device(device_keyring(policy=Policy(suites=(2, 3))))
    handle = app.invite(DEVICE, 0.0)
    converse(app, device)

    assert told(app, handle)[0] == [ChannelOpened]
    assert next(iter(app.channels)).session.suite == 3


def test_reverse_flow_ends_where_no_suite_is_common():
    """Two that have nothing in common must not ask each other for ever."""
    app = new_app(app_keyring(policy=Policy(suites=(2,))))
    device = new_device(device_keyring(policy=Policy(suites=(3,))))
    handle = app.invite(DEVICE, 0.0)
    converse(app, device)

    kinds, last = told(app, handle)
    assert (kinds, last.reason) == ([ChannelFailed], Problem.UNSUPPORTED_SUITE)
