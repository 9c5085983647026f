"""An app that observes a device over a channel, and what it makes of notifications that are not for it."""

import pytest
from parties import APP, DEVICE, OFF, ON, connected, converse, get, put

from picosec.channel.oscore import protect_response, unprotect_request
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec.roles.app import App
from picosec.roles.device import Device
from picosec.roles.events import Event, Failed, Notification, Response

LAMP = "/actuators/lamp"


class Watched:
    """An app and a device with a channel, and an observation of the lamp over it."""

    def __init__(self) -> None:
        self.app, self.device = connected()
        self.channel = next(iter(self.app.channels))
        self.handle = self.app.observe(get(LAMP), DEVICE, 0.0, self.channel)
        converse(self.app, self.device)
        (first,) = self.app.events()
        assert isinstance(first, Notification)
        assert (first.message.payload, first.protected) == (OFF, True)

    def switch(self, value: bytes, now: float = 0.0) -> None:
        """Let the app switch the lamp; its own notification comes with the answer."""
        self.app.request(put(LAMP, value), DEVICE, now, self.channel)

    def news(self) -> list[bytes]:
        return [event.message.payload for event in self.app.events() if isinstance(event, Notification)]

    def ending(self) -> list[Event]:
        return [event for event in self.app.events() if event.handle == self.handle]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def step(app: App, device: Device, now: float) -> tuple[list[bytes], list[bytes]]:
    """Carry one round, and return what each side said."""
    asked = [datagram for _peer, datagram in app.transmit()]
    for datagram in asked:
        device.receive(datagram, APP, now)
    told = [datagram for _peer, datagram in device.transmit()]
    return asked, told


def notifications(told: list[bytes]) -> list[bytes]:
    return [datagram for datagram in told if Message.decode(datagram).option(Option.OBSERVE) is not None]


def test_changes_arrive(watched):
    """From one end of a channel to the other, each once."""
    watched.switch(ON)
    converse(watched.app, watched.device)
    assert watched.news() == [ON]


def test_cancelling_tells_the_server(watched):
    """The answer ends the observation, and the device has no observer any more."""
    watched.app.cancel(watched.handle, 1.0)
    converse(watched.app, watched.device)
    (end,) = watched.ending()
    assert isinstance(end, Response)
    assert end.message.payload == OFF
    watched.switch(ON)
    converse(watched.app, watched.device)
    assert watched.news() == []


def test_cancelling_silently_rejects_the_next(watched):
    """The reset removes the observer."""
    watched.app.cancel(watched.handle, 1.0, silently=True)
    watched.device.changed(LAMP, 1.0)
    watched.switch(ON)
    converse(watched.app, watched.device)
    watched.switch(OFF)
    _asked, told = step(watched.app, watched.device, 2.0)
    assert notifications(told) == []
    assert watched.news() == []


def test_a_replayed_notification_is_not_news(watched):
    """An eavesdropper repeats "off" after the lamp was switched on, as a message that looks new."""
    watched.switch(ON)
    _asked, told = step(watched.app, watched.device, 0.0)
    for datagram in told:
        watched.app.receive(datagram, DEVICE, 0.0)
    (old,) = notifications(told)
    assert watched.news() == [ON]
    copy = bytearray(old)
    copy[2:4] = b"\xab\xcd"
    watched.app.receive(bytes(copy), DEVICE, 0.1)
    assert watched.news() == []


def test_reordered_notifications_are_not_news(watched):
    """What was sent first and comes last says what is not true any more; the outer Observe is nobody's word."""
    watched.switch(ON)
    _asked, told = step(watched.app, watched.device, 0.0)
    (first,) = notifications(told)
    for datagram in told:
        if datagram != first:
            watched.app.receive(datagram, DEVICE, 0.0)
    watched.device.receive(Message(Type.ACK, Code.EMPTY, Message.decode(first).message_id).encode(), APP, 0.0)
    watched.switch(OFF)
    converse(watched.app, watched.device)
    assert watched.news() == [OFF]
    late = Message.decode(first)
    forged = Message(
        late.type,
        late.code,
        late.message_id,
        late.token,
        tuple((number, b"\xff\xff" if number == Option.OBSERVE else value) for number, value in late.options),
        late.payload,
    )
    watched.app.receive(forged.encode(), DEVICE, 200.0)
    assert watched.news() == []


def test_a_forged_ending_ends_nothing(watched):
    """RFC 8613, 8.4.2: what does not verify does not cancel the observation."""
    _asked, told = step(watched.app, watched.device, 0.0)
    watched.switch(ON)
    _asked, told = step(watched.app, watched.device, 0.0)
    (real,) = notifications(told)
    token = Message.decode(real).token
    forged = Message(Type.CON, Code.NOT_FOUND, 0xABCD, token).encode()
    watched.app.receive(forged, DEVICE, 0.0)
    for datagram in told:
        watched.app.receive(datagram, DEVICE, 0.0)
    assert watched.news() == [ON]


def test_a_silent_server_is_asked_again(watched):
    """After Max-Age and a random pause, under the same token; a device that restarted takes it as new."""
    due = watched.app.next_timeout()
    assert due is not None
    assert 305 <= due <= 315
    watched.app.tick(due)
    asked, told = step(watched.app, watched.device, due)
    assert len(asked) == 1
    for datagram in told:
        watched.app.receive(datagram, DEVICE, due)
    assert watched.news() == [OFF]
    watched.device.changed(LAMP, due)
    watched.switch(ON, due)
    converse(watched.app, watched.device, due)
    assert watched.news() == [ON]


def test_a_server_that_lost_everything_is_convinced_again(watched):
    """A device that restarted asks for a proof of freshness before it takes the registration; news goes on."""
    due = watched.app.next_timeout()
    assert due is not None
    watched.app.tick(due)
    (renewal,) = [datagram for _peer, datagram in watched.app.transmit()]
    asked = Message.decode(renewal)
    device_end = next(iter(watched.device.channels)).context
    _plain, binding = unprotect_request(device_end, asked)
    echo = Message(Type.ACK, Code.UNAUTHORIZED, asked.message_id, asked.token, ((int(Option.ECHO), b"prove it"),))
    watched.app.receive(protect_response(device_end, binding, echo).encode(), DEVICE, due)
    (proof,) = [datagram for _peer, datagram in watched.app.transmit()]
    plain, _binding = unprotect_request(device_end, Message.decode(proof))
    assert plain.option(Option.ECHO) == b"prove it"
    assert watched.ending() == []


def test_a_server_that_is_gone_is_told_of(watched):
    """Whoever waits for news learns that none will come."""
    now = watched.app.next_timeout()
    while now is not None:
        watched.app.tick(now)
        watched.app.transmit()
        now = watched.app.next_timeout()
    assert watched.ending() == [Failed(watched.handle, Problem.TIMEOUT)]


def test_nothing_is_observed_twice(watched):
    """The second would bring the same news again."""
    with pytest.raises(ProtocolError) as refusal:
        watched.app.observe(get(LAMP), DEVICE, 0.0, watched.channel)
    assert refusal.value.problem is Problem.BAD_REQUEST


def test_what_cannot_be_observed_answers_once(watched):
    """The absence of Observe says that no news will come."""
    handle = watched.app.observe(get("/sensors/temperature"), DEVICE, 0.0, watched.channel)
    converse(watched.app, watched.device)
    (event,) = watched.app.events()
    assert isinstance(event, Response)
    assert event.handle == handle


def test_an_unknown_observation_cannot_be_cancelled(watched):
    """A handle of something else, or of the past."""
    with pytest.raises(ProtocolError):
        watched.app.cancel(watched.handle + 77, 0.0)


def test_new_keys_end_the_observations_of_the_old(watched):
    """What was registered over a channel is told over that channel or not at all."""
    device_end = next(iter(watched.device.channels))
    watched.device.update_keys(device_end, b"new", 0.0)
    watched.device.changed(LAMP, 0.0)
    assert watched.device.transmit() == []
    assert watched.device.state()[0][3][-1] == []


def test_cancelling_waits_for_what_was_asked_before(watched):
    """The server is asked whether it still knows of it when the person looks away: it is told behind its answer."""
    due = watched.app.next_timeout()
    watched.app.tick(due)
    watched.app.cancel(watched.handle, due)
    converse(watched.app, watched.device, due)
    (end,) = watched.ending()
    assert isinstance(end, Response)
    watched.switch(ON, due)
    converse(watched.app, watched.device, due)
    assert watched.news() == []


def test_a_move_registers_anew(watched):
    """The phone leaves the house: news comes to its new address, under the handle of before, and nowhere else."""
    watched.app.move(watched.channel, "device elsewhere", 1.0)
    ((peer, registration),) = watched.app.transmit()
    assert peer == "device elsewhere"
    watched.device.receive(registration, "app elsewhere", 1.0)
    for _peer, datagram in watched.device.transmit():
        watched.app.receive(datagram, "device elsewhere", 1.0)
    (first,) = watched.app.events()
    assert (first.handle, first.message.payload) == (watched.handle, OFF)

    watched.device.receive(_protected_switch(watched), "app elsewhere", 2.0)

    told = watched.device.transmit()
    assert {peer for peer, _datagram in told} == {"app elsewhere"}
    assert len(notifications([datagram for _peer, datagram in told])) == 1


def test_a_move_to_where_it_is_registers_nothing(watched):
    """The application says what is known already."""
    watched.app.move(watched.channel, DEVICE, 1.0)
    assert watched.app.transmit() == []


def _protected_switch(watched: Watched) -> bytes:
    watched.app.request(put(LAMP, ON), "device elsewhere", 2.0, watched.channel)
    ((_peer, datagram),) = watched.app.transmit()
    return datagram
