"""Observe over a channel: what is inside and outside, numbers that order, and what is bound to what."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore import Binding, protect_response
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.observing import DEREGISTER, OBSERVE, REGISTER, ProtectedObserver, only
from picosec_conformance.protection import TargetAsClient, fresh_context, set_up
from picosec_conformance.target import Target


@pytest.fixture
def observer(target: Target, channel: Channel) -> ProtectedObserver:
    """The suite with a channel, before it registers."""
    return ProtectedObserver(target, channel)


def number_in(message: Message) -> bytes:
    """Return the Partial IV of a protected message, empty without one."""
    return OscoreOption.decode(message.option(Option.OSCORE) or b"").partial_iv


def with_outer(message: Message, value: bytes | None) -> Message:
    """Return a protected message with another outer Observe, or with none."""
    others = [entry for entry in message.options if entry[0] != OBSERVE]
    added = [] if value is None else [(OBSERVE, value)]
    return replace(message, options=tuple(sorted((*others, *added), key=lambda entry: entry[0])))


@pytest.mark.requirement("CHN-1100")
def test_outer_observe_registers_nobody(observer: ProtectedObserver) -> None:
    """A proxy, or whoever is on the way, must not make a device send what nobody asked for."""
    request = observer.target.build(Code.GET, observer.path)
    reply = observer.target.exchange(with_outer(observer.channel.protect(request), b""))
    assert observer.channel.unprotect(reply).option(OBSERVE) is None
    observer.token = request.token
    assert observer.switch() == []


@pytest.mark.requirement("CHN-1100")
@pytest.mark.parametrize("outer", [None, b"\1", b"\7"], ids=["absent", "deregister", "number"])
def test_inner_observe_registers(observer: ProtectedObserver, outer: bytes | None) -> None:
    """What is changed outside does not change what was asked."""
    protected, observation = observer.ask(REGISTER)
    assert observer.send(with_outer(protected, outer), observation).option(OBSERVE) is not None
    told = only(observer.switch())
    assert observer.open(observation, told).code == Code.CONTENT
    observer.send(*observer.ask(DEREGISTER))


@pytest.mark.requirement("CHN-1100")
def test_outer_deregistration_ends_nothing(observer: ProtectedObserver) -> None:
    """Otherwise anybody who can write one byte silences the alarm."""
    observation = observer.register()
    request = replace(observer.target.build(Code.GET, observer.path), token=observer.token)
    observer.target.exchange(with_outer(observer.channel.protect(request), b"\1"))
    told = only(observer.switch())
    observer.open(observation, told)
    observer.send(*observer.ask(DEREGISTER))


@pytest.mark.requirement("CHN-1130")
def test_notification_shows_nothing_but_that_it_is_one(observer: ProtectedObserver) -> None:
    """Outside a code and an option that proxies pass on; inside the truth, and an empty Observe."""
    observation = observer.register()
    for _ in range(3):
        told = only(observer.switch())
        assert told.code == Code.CONTENT
        assert {number for number, _ in told.options} == {OBSERVE, Option.OSCORE}
        plain = observer.open(observation, told)
        assert plain.option_values(OBSERVE) == [b""]
        assert plain.content_format is not None
    observer.send(*observer.ask(DEREGISTER))


@pytest.mark.requirement("CHN-1140")
def test_each_notification_has_a_number(observer: ProtectedObserver) -> None:
    """Two responses under the nonce of one request: whoever has both has the difference of their contents."""
    protected, observation = observer.ask(REGISTER)
    answer = observer.target.exchange(protected)
    observer.open(observation, answer)
    numbers = [int.from_bytes(number_in(message), "big") for _ in range(5) for message in self_numbered(observer)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 5
    observer.send(*observer.ask(DEREGISTER))


def self_numbered(observer: ProtectedObserver) -> list[Message]:
    """Return the notifications of a change, each of which has to have a number of its own."""
    told = observer.switch()
    assert all(number_in(message) for message in told)
    return told


@pytest.mark.requirement("CHN-1180")
def test_notifications_are_bound_to_the_last_registration(observer: ProtectedObserver) -> None:
    """The client that registered again verifies under the new request, and only there."""
    observer.register()
    second = observer.register()
    told = only(observer.switch())
    assert observer.open(second, told).code == Code.CONTENT
    observer.send(*observer.ask(DEREGISTER))


@pytest.mark.requirement("MSG-1670")
@pytest.mark.needs("channel.oscore.server")
def test_protected_deregistration_ends_it(observer: ProtectedObserver) -> None:
    """Over a channel it ends as it does in the open."""
    observer.register()
    assert observer.send(*observer.ask(DEREGISTER)).option(OBSERVE) is None
    assert observer.switch() == []


@pytest.mark.requirement("MSG-1770")
@pytest.mark.needs("channel.oscore.server")
def test_registration_of_what_cannot_be_observed_is_answered(target: Target, channel: Channel) -> None:
    """The server serves the request, and says by the absence of Observe that nothing will follow (interop, test 5)."""
    path = target.manifest.resources.protected_get
    reply = channel.ask(target.build(Code.GET, path, options=((OBSERVE, b""),)))
    assert reply.code == Code.CONTENT
    if path != target.manifest.resources.protected_observable:
        assert reply.option(OBSERVE) is None


@pytest.mark.requirement("MSG-1890")
@pytest.mark.parametrize("other", [(Option.URI_QUERY, b"x=1"), (Option.ACCEPT, b"\x3c")], ids=["query", "accept"])
def test_deregistration_of_something_else_ends_nothing(observer: ProtectedObserver, other: tuple[int, bytes]) -> None:
    """An old deregistration for another resource, under a token that was used again."""
    observation = observer.register()
    observer.send(*observer.ask(DEREGISTER, (int(other[0]), other[1])))
    told = only(observer.switch())
    assert observer.open(observation, told).code == Code.CONTENT
    observer.send(*observer.ask(DEREGISTER))


@pytest.mark.requirement("MSG-1670", "MSG-1680")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("wish", [REGISTER, DEREGISTER])
def test_unprotected_request_ends_no_protected_observation(observer: ProtectedObserver, wish: int) -> None:
    """An attacker who saw the token asks in the clear to be forgotten, from the client's address."""
    observation = observer.register()
    request = observer.target.build(Code.GET, observer.path, options=((OBSERVE, uint_bytes(wish)),))
    refusal = observer.target.exchange(replace(request, token=observer.token))
    assert refusal.code == Code.UNAUTHORIZED
    told = only(observer.switch())
    assert observer.open(observation, told).code == Code.CONTENT
    observer.send(*observer.ask(DEREGISTER))


class Observed:
    """The target, observing the suite over a channel; each message a step of the suite's hand."""

    def __init__(self, target: Target, control: Control, rng: random.Random) -> None:
        self.target, self.control = target, control
        self.client = TargetAsClient(target, control, set_up(target, control, fresh_context(rng)).context)
        self.handle, self.protected, self.registration, self.binding = self.observe("/news")

    def observe(self, path: str) -> tuple[int, Message, Message, Binding]:
        """Make the target register: handle, what it sent, what that carries, and what answers are bound to."""
        handle = self.control.act("observe", {2: path, 5: self.client.context.sender_id})
        protected = self.client.receive()
        return handle, protected, *self.client.opened(protected)

    def response(
        self, payload: bytes, number: int | None = 1, *, kind: Type = Type.CON, binding: Binding | None = None
    ) -> Message:
        """Return a protected response to the registration; ``number`` None leaves out the inner Observe."""
        observe = () if number is None else ((OBSERVE, uint_bytes(number)),)
        mid = self.target.fresh_message_id()
        plain = Message(kind, Code.CONTENT, mid, self.protected.token, observe, payload)
        return protect_response(self.client.context, self.binding if binding is None else binding, plain)

    def accept(self) -> None:
        """Take the registration, without a Partial IV."""
        answer = replace(self.response(b"0"), type=Type.ACK, message_id=self.protected.message_id)
        self.client.deliver(answer)
        assert self.news() == [b"0"]

    def news(self) -> list[object]:
        """Return what the target reports about the observation since the last poll."""
        events = [event for event in self.control.events() if event.fields.get(0) == self.handle]
        return [event.fields[2] if event.name in ("notification", "response") else event.name for event in events]


@pytest.fixture
def observed(target: Target, control: Control, rng: random.Random) -> Observed:
    """The target with a registration on its way."""
    return Observed(target, control, rng)


@pytest.mark.requirement("CHN-1110")
def test_registration_travels_as_fetch(observed: Observed) -> None:
    """Proxies know what Observe means in FETCH, and not in POST."""
    assert observed.protected.code == Code.FETCH
    assert (observed.registration.code, observed.registration.path) == (Code.GET, "/news")


@pytest.mark.requirement("CHN-1120")
def test_observe_stands_inside_and_outside(observed: Observed) -> None:
    """Inside for the server, outside for the proxy."""
    assert observed.protected.option_values(OBSERVE) == [b""]
    assert observed.registration.option_values(OBSERVE) == [b""]


@pytest.mark.requirement("CHN-1120", "CHN-1110", "MSG-1840")
def test_deregistration_stands_inside_and_outside(observed: Observed) -> None:
    """And is protected anew, under the same token."""
    observed.accept()
    observed.control.act("cancel", {1: observed.handle})
    protected = observed.client.receive()
    plain, _binding = observed.client.opened(protected)
    assert (protected.code, protected.token) == (Code.FETCH, observed.protected.token)
    assert number_in(protected) != number_in(observed.protected)
    assert protected.option_values(OBSERVE) == plain.option_values(OBSERVE) == [b"\1"]


@pytest.mark.requirement("CHN-1150", "MSG-1800")
def test_answer_to_another_registration_is_handed_on(observed: Observed) -> None:
    """Nothing was heard for long: the target asks again, and what it hears is bound to what it asked last."""
    observed.accept()
    frames = observed.control.advance(80)
    again = observed.target.parse(frames[0])
    _plain, binding = observed.client.opened(again)
    assert again.token == observed.protected.token
    answer = observed.response(b"1", binding=binding)
    observed.client.deliver(replace(answer, type=Type.ACK, message_id=again.message_id))
    observed.client.deliver(observed.response(b"2", binding=binding))

    assert observed.news() == [b"1", b"2"]


@pytest.mark.requirement("CHN-1150")
def test_newer_notifications_are_handed_on(observed: Observed) -> None:
    """With numbers that rise, however far they leap."""
    observed.accept()
    for number in (0, 1, 5, 300, 70_000):
        observed.client.context.numbers.value = max(number, observed.client.context.numbers.value)
        observed.client.deliver(observed.response(bytes((number % 251,))))
    assert observed.news() == [b"\0", b"\1", b"\5", bytes((300 % 251,)), bytes((70_000 % 251,))]


@pytest.mark.requirement("CHN-1150")
def test_overtaken_notification_is_dropped(observed: Observed) -> None:
    """The network, or an attacker, delivers the old state last."""
    observed.accept()
    old, new = observed.response(b"old"), observed.response(b"new")
    observed.client.deliver(new, old)
    assert observed.news() == [b"new"]


@pytest.mark.requirement("CHN-1150")
def test_replayed_notification_is_dropped(observed: Observed) -> None:
    """Recorded at night, and sent again by day under a message id that looks new."""
    observed.accept()
    message = observed.response(b"once")
    observed.client.deliver(message)
    observed.client.deliver(replace(message, message_id=observed.target.fresh_message_id()))
    assert observed.news() == [b"once"]


@pytest.mark.requirement("CHN-1150")
@pytest.mark.parametrize("outer", [b"", b"\xff\xff\xff", b"\x7f\xff\xff"], ids=bytes.hex)
def test_outer_observe_orders_nothing(observed: Observed, outer: bytes) -> None:
    """Whoever is on the way writes there what suits him: the old is not newer, the new is not older."""
    observed.accept()
    old, new = observed.response(b"old"), observed.response(b"new")
    last = observed.response(b"last")
    observed.client.deliver(with_outer(new, b"\x10"), with_outer(old, outer), with_outer(last, b"\x01"))
    assert observed.news() == [b"new", b"last"]


@pytest.mark.requirement("CHN-1150")
def test_time_makes_nothing_newer(observed: Observed) -> None:
    """The 128 seconds of RFC 7641 are for numbers that go round; these do not."""
    observed.accept()
    old, new = observed.response(b"old"), observed.response(b"new")
    observed.client.deliver(new)
    observed.control.advance(60)
    for _ in range(3):
        observed.client.deliver(replace(observed.response(b"newer"), type=Type.NON))
        observed.control.advance(60)
    assert observed.news() == [b"new", b"newer", b"newer", b"newer"]
    observed.client.deliver(replace(old, message_id=observed.target.fresh_message_id()))
    assert observed.news() == []


@pytest.mark.requirement("CHN-1160")
def test_what_has_no_number_is_the_oldest(observed: Observed) -> None:
    """The answer to the registration comes behind the first notification."""
    first, second = observed.response(b"first"), observed.response(b"second")
    assert (number_in(first), number_in(second)) == (b"", b"\0")
    observed.client.deliver(second)
    observed.client.deliver(first)
    assert observed.news() == [b"second"]


@pytest.mark.requirement("CHN-1160")
def test_what_has_no_number_comes_once(observed: Observed) -> None:
    """Nothing in it tells a copy from the original."""
    first = observed.response(b"first", kind=Type.NON)
    observed.client.deliver(first)
    observed.client.deliver(replace(first, message_id=observed.target.fresh_message_id()))
    assert observed.news() == [b"first"]


@pytest.mark.requirement("CHN-1170")
@pytest.mark.parametrize("forged", ["clear", "error", "tampered", "unbound"])
def test_forgery_ends_nothing(observed: Observed, forged: str) -> None:
    """One forged datagram must not switch the alarm off."""
    observed.accept()
    mid, token = observed.target.fresh_message_id(), observed.protected.token
    real = observed.response(b"real")
    other = Binding(b"another request", None)
    messages = {
        "clear": Message(Type.CON, Code.CONTENT, mid, token, ((OBSERVE, b"\x20"),), b"forged"),
        "error": Message(Type.CON, Code.NOT_FOUND, mid, token),
        "tampered": replace(real, message_id=mid, payload=real.payload[:-1] + bytes((real.payload[-1] ^ 1,))),
        "unbound": observed.response(b"forged", binding=other),
    }
    observed.client.deliver(messages[forged])
    assert observed.news() == []
    observed.client.deliver(observed.response(b"next"))
    assert observed.news() == [b"next"]


@pytest.mark.requirement("CHN-1170", "CHN-840")
def test_notification_of_another_observation_is_refused(observed: Observed) -> None:
    """Both come over one channel: the state of the cellar under the token of the attic."""
    observed.accept()
    _handle, protected, _plain, binding = observed.observe("/other")
    binding.nonce = None
    spliced = observed.response(b"other", binding=binding)
    observed.client.deliver(spliced)
    assert observed.news() == []
    observed.client.deliver(observed.response(b"own"))
    assert observed.news() == [b"own"]
    assert protected.token != observed.protected.token


@pytest.mark.requirement("CHN-1190")
def test_notification_needs_a_registration(target: Target, control: Control, rng: random.Random) -> None:
    """A server that answers a question with news: one of the two is confused."""
    client = TargetAsClient(target, control, set_up(target, control, fresh_context(rng)).context)
    handle = client.act(Code.GET, "/news")
    protected = client.receive()
    _request, binding = client.opened(protected)
    plain = Message(Type.ACK, Code.CONTENT, protected.message_id, protected.token, ((OBSERVE, b"\1"),), b"news")
    client.deliver(protect_response(client.context, binding, plain))
    outcomes = [event for event in control.events() if event.fields.get(0) == handle]
    assert [event.name for event in outcomes if event.name in ("response", "notification")] == []


@pytest.mark.requirement("MSG-1850", "MSG-1830")
@pytest.mark.needs("channel.oscore.client")
def test_protected_answer_without_observe_is_the_last(observed: Observed) -> None:
    """A registration that the server does not take (OSCORE interop, test 5)."""
    answer = replace(observed.response(b"only", None), type=Type.ACK, message_id=observed.protected.message_id)
    observed.client.deliver(answer)
    assert observed.news() == [b"only"]
