"""A device that anybody on the network may write to: nothing breaks it, and what it rejects leaves no trace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parties import APP, DEVICE, ON, connected, get, new_app, new_device, put

from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Type
from picosec.roles.events import ChannelOpened, Response

PING = Message(Type.CON, Code.EMPTY, 0xBEEF).encode()
PONG = Message(Type.RST, Code.EMPTY, 0xBEEF).encode()


def recorded() -> list[bytes]:
    """Return one datagram of each kind that an app sends: open requests, a handshake, requests over a channel."""
    app, device = new_app(), new_device()
    sent: list[bytes] = []
    acts = [
        lambda: app.request(get("/ps/info"), DEVICE, 0.0),
        lambda: app.request(get("/.well-known/core"), DEVICE, 0.0),
        lambda: app.ask(put("/actuators/lamp", ON), DEVICE, 0.0),
        lambda: app.request(get("/sensors/temperature"), DEVICE, 0.0, next(iter(app.channels))),
    ]
    for act in acts:
        act()
        while outgoing := [datagram for _peer, datagram in app.transmit()]:
            for datagram in outgoing:
                sent.append(datagram)
                device.receive(datagram, APP, 0.0)
            for _peer, datagram in device.transmit():
                app.receive(datagram, DEVICE, 0.0)
    return sent


RECORDED = recorded()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message that was valid before some bytes of it were changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(RECORDED)))
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "cut", "insert", "truncate"])):
            case "change" if data:
                data[position] ^= draw(st.integers(1, 255))
            case "cut":
                del data[position : position + draw(st.integers(1, 4))]
            case "insert":
                data[position:position] = draw(st.binary(min_size=1, max_size=4))
            case "truncate":
                del data[position:]
    return bytes(data)


def test_every_kind_of_message_is_in_the_corpus():
    """A corpus that lost its handshake would test nothing of it."""
    paths = [Message.decode(datagram).path for datagram in RECORDED]

    assert paths.count("/.well-known/edhoc") == 2
    assert paths.count("/") == 2  # over the channel, the path is inside


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | mutated(), min_size=1, max_size=6))
def test_a_device_survives_whatever_arrives(datagrams):
    """A fuzzer in the neighbour's flat: after each datagram the device answers a ping, and nobody switched the lamp."""
    _app, device = connected()
    for datagram in datagrams:
        device.receive(datagram, APP, 0.0)
        device.transmit()
        device.receive(PING, APP, 0.0)
        assert device.transmit() == [(APP, PONG)]
    assert not device.lamp.on


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | mutated(), min_size=1, max_size=6))
def test_an_app_survives_whatever_arrives(datagrams):
    """Answers come from the network as well: a forged one ends a request at most, and never becomes its answer."""
    app, _device = connected()
    app.request(get("/sensors/temperature"), DEVICE, 0.0, next(iter(app.channels)))
    for datagram in datagrams:
        app.receive(datagram, DEVICE, 0.0)
        app.transmit()
    assert not any(isinstance(event, Response) for event in app.events())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_noise_leaves_no_trace(noise):
    """State moves after verification, never before."""
    _app, device = connected()
    before = cbor.dumps(device.state())

    device.receive(noise, APP, 0.0)

    assert cbor.dumps(device.state()) == before


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, 1 << 10), mask=st.integers(1, 255))
def test_a_tampered_answer_is_no_answer(position, mask):
    """One byte of what the device protected is changed on the way back."""
    app, device = connected()
    handle = app.request(get("/sensors/temperature"), DEVICE, 0.0, next(iter(app.channels)))
    ((_peer, request),) = app.transmit()
    device.receive(request, APP, 0.0)
    ((_peer, answer),) = device.transmit()
    message = Message.decode(answer)
    payload = bytearray(message.payload)
    payload[position % len(payload)] ^= mask
    start = len(answer) - len(payload)
    app.receive(answer[:start] + bytes(payload), DEVICE, 0.0)

    (event,) = app.events()
    assert event.handle == handle
    assert not hasattr(event, "message")


@pytest.mark.parametrize("lost", range(6))
def test_a_lost_datagram_is_no_lost_handshake(lost):
    """Each of the six datagrams is lost once: retransmission brings the channel and the reading all the same."""
    app, device = new_app(), new_device()
    app.ask(get("/sensors/temperature"), DEVICE, 0.0)
    carried = 0
    for now in range(10):
        app.tick(now)
        device.tick(now)
        while outgoing := [(device, APP, d) for _, d in app.transmit()] + [
            (app, DEVICE, d) for _, d in device.transmit()
        ]:
            for receiver, sender, datagram in outgoing:
                if carried != lost:
                    receiver.receive(datagram, sender, now)
                carried += 1

    opened, answer = app.events()
    assert isinstance(opened, ChannelOpened)
    assert answer.message.code == Code.CONTENT
    assert len(device.channels) == 1
