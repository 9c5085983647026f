"""Tamper events: that they are counted, told, and not forgotten."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code, Message, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel, joined, provision
from picosec_conformance.control import Control
from picosec_conformance.manifest import GivenContext
from picosec_conformance.objects import NOW
from picosec_conformance.observing import ProtectedObserver, only
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL, "channel.oscore.server")

PATH = "/ps/tamper"
COUNT, TIME, KIND = 1, 2, 3
OPENED, MOVED, PROBED = 1, 2, 3


def told(channel: Channel) -> dict[int, Any]:
    """Return what the target says of tampering."""
    reply = channel.request(Code.GET, PATH)
    assert (reply.code, reply.content_format) == (Code.CONTENT, CONTENT_FORMAT_CBOR)
    said = loads(reply.payload)
    assert type(said) is dict
    return said


@pytest.mark.requirement("IDN-1500")
def test_nothing_happened_yet(channel: Channel) -> None:
    """A count of zero, and no time and kind of nothing."""
    assert told(channel) == {COUNT: 0}


@pytest.mark.requirement("IDN-1500")
def test_each_event_is_counted(control: Control, channel: Channel) -> None:
    """Somebody takes the reader off the wall, opens it, and holds a probe to it."""
    control.provision_objects(date=NOW)
    for count, kind in enumerate((MOVED, OPENED, PROBED, PROBED, 4, 0), 1):
        control.act("tamper", {1: kind})
        assert told(channel) == {COUNT: count, TIME: NOW + 10 * (count - 1), KIND: kind}
        control.advance(10)


@pytest.mark.requirement("IDN-1500")
def test_event_without_a_date_has_none(control: Control, channel: Channel) -> None:
    """And a date that comes later does not become that of the event."""
    control.act("tamper", {1: OPENED})
    assert told(channel) == {COUNT: 1, TIME: None, KIND: OPENED}
    control.provision_objects(date=NOW)
    assert told(channel) == {COUNT: 1, TIME: None, KIND: OPENED}


@pytest.mark.requirement("IDN-1510")
@pytest.mark.needs("messaging.observe.server")
def test_observer_is_told_at_once(target: Target, control: Control, channel: Channel) -> None:
    """The hub rings while the thief still has the screwdriver in his hand."""
    observer = ProtectedObserver(target, channel)
    observer.path = PATH
    observation = observer.register()
    for count in (1, 2):
        control.act("tamper", {1: OPENED})
        message = only(observer.own(target.until_probe_answered()))
        if message.type == Type.CON:
            target.send(Message(Type.ACK, Code.EMPTY, message.message_id))
        target.until_probe_answered()
        assert loads(observer.open(observation, message).payload) == {COUNT: count, TIME: None, KIND: OPENED}


@pytest.mark.requirement("IDN-1520")
def test_count_outlives_the_power(target: Target, control: Control, channel: Channel, rng: random.Random) -> None:
    """The thief takes the battery out, and puts it in again."""
    control.provision_objects(date=NOW)
    control.act("tamper", {1: OPENED})
    control.act("tamper", {1: MOVED})
    before = told(channel)
    control.reboot()
    given = GivenContext(b"\x03", b"\x04", rng.randbytes(16))
    provision(control, given)
    later = joined(target, given)

    assert told(later) == before == {COUNT: 2, TIME: NOW, KIND: MOVED}
    control.act("tamper", {1: OPENED})
    assert told(later)[COUNT] == 3


@pytest.mark.requirement("IDN-1540")
@pytest.mark.parametrize("code", [Code.PUT, Code.POST, Code.DELETE, Code.FETCH, Code.PATCH, Code.IPATCH])
def test_nobody_takes_a_count_back(target: Target, control: Control, channel: Channel, code: Code) -> None:
    """The thief has an application's channel, and means to leave no trace."""
    control.act("tamper", {1: OPENED})
    payload = b"" if code == Code.DELETE else dumps({COUNT: 0})
    reply = channel.request(code, PATH, payload, content_format=CONTENT_FORMAT_CBOR if payload else None)

    target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)
    assert told(channel)[COUNT] == 1


@pytest.mark.requirement("IDN-1550")
def test_strangers_are_not_told(target: Target, control: Control) -> None:
    """Whether the alarm noticed him is what a thief would like to know."""
    control.act("tamper", {1: OPENED})
    with target.expect_unchanged():
        target.expect_refusal(target.request(Code.GET, PATH), Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("CNF-100")
@pytest.mark.needs("identity.tamper")
def test_factory_reset_counts_anew(control: Control, channel: Channel) -> None:
    """With the count go all keys: the device is nobody's, and whoever takes it on looks at its case."""
    control.act("tamper", {1: OPENED})
    digest = control.state()[0]
    control.reset()
    assert control.state()[0] != digest
    assert control.state()[2] == 0
