"""What the sender of each delivery class keeps, whatever the network, the keys and the transports do."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parties import APP, DEVICE, connected, contexts, put

from picosec.channel.delivery import DeliveryClass
from picosec.channel.life import Event
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec.roles import outbox
from picosec.roles.agent import Agent
from picosec.roles.events import Failed, Response
from picosec.roles.keyring import Keyring
from picosec.roles.outbox import TRANSITIONS, Input, State
from picosec.roles.resources import Reply, Resource
from picosec.roles.simulated import ScriptedEntropy
from picosec.roles.storage import MemoryStorage

SINK = "/sink"
ADDRESSES = ("wire", "radio", "tunnel")


class Story:
    """A sender, a receiver that may lose its memory, and a network between them that does as it is told."""

    def __init__(self) -> None:
        self.acted: list[int] = []
        self.storage = MemoryStorage()
        here, self.there = contexts(self.storage)
        self.sender = self.agent(here, b"sender")
        self.receiver = self.agent(self.there, b"receiver")
        (self.channel,) = self.sender.channels
        self.now = 0.0
        self.flight: list[tuple[str, str, bytes]] = []
        self.asked: dict[int, int] = {}
        self.outcomes: dict[int, Problem | None] = {}

    def agent(self, context, seed: bytes) -> Agent:
        entropy = ScriptedEntropy(seed)
        keyring = Keyring(software_vault(entropy))
        keyring.add(contexts=[context])
        resource = Resource({Code.PUT: self.note}, attributes=None)
        return Agent(entropy, keyring, {SINK: resource}, responder=False, knows_date=False)

    def note(self, request) -> Reply:
        self.acted.append(request.payload[0])
        return Reply(Code.CHANGED)

    def ask(self, delivery: DeliveryClass = DeliveryClass.EXACTLY_ONCE) -> None:
        number = len(self.asked)
        if number - len(self.outcomes) >= outbox.MAX_WAITING:
            with pytest.raises(ProtocolError):
                self.sender.deliver(put(SINK, b""), delivery, self.now, self.channel, ADDRESSES[0])
            return
        handle = self.sender.deliver(put(SINK, bytes((number,))), delivery, self.now, self.channel, ADDRESSES[0])
        self.asked[handle] = number
        self.collect()

    def collect(self) -> None:
        """Put what both ends send into flight, and note what the sender says."""
        self.flight += [("receiver", address, data) for address, data in self.sender.transmit()]
        self.flight += [("sender", address, data) for address, data in self.receiver.transmit()]
        for event in self.sender.events():
            if isinstance(event, Response):
                self.outcomes[self.asked[event.handle]] = None
            elif isinstance(event, Failed):
                self.outcomes[self.asked[event.handle]] = event.reason

    def deliver(self, at: int, *, keep: bool = False) -> None:
        if self.flight:
            place = at % len(self.flight)
            to, address, data = self.flight[place] if keep else self.flight.pop(place)
            (self.receiver if to == "receiver" else self.sender).receive(data, address, self.now)
            self.collect()

    def drop(self, at: int) -> None:
        if self.flight:
            self.flight.pop(at % len(self.flight))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for agent in (self.sender, self.receiver):
            while (due := agent.next_timeout()) is not None and due <= end:
                self.now = max(self.now, due)
                agent.tick(self.now)
                self.collect()
        self.now = end

    def move(self, at: int) -> None:
        self.sender.move(self.channel, ADDRESSES[at % len(ADDRESSES)], self.now)
        self.collect()

    def forget(self) -> None:
        """Let the receiver restart: its context is kept, its memory is gone."""
        self.receiver = self.agent(self.there, b"receiver again")

    def calm(self) -> None:
        """Let the network be honest until nothing waits."""
        for _ in range(400):
            while self.flight:
                self.deliver(0)
            if self.sender.next_timeout() is None:
                return
            self.wait(5.0)


ACTS = st.one_of(
    st.just(("ask",)),
    st.tuples(st.sampled_from(["deliver", "repeat", "drop"]), st.integers(0, 30)),
    st.tuples(st.just("deliver"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 3.0, 20.0, 100.0])),
    st.tuples(st.just("move"), st.integers(0, 2)),
)


def play(story: Story, acts) -> None:
    for act in acts:
        match act:
            case ("ask",):
                story.ask()
            case ("deliver", at):
                story.deliver(at)
            case ("repeat", at):
                story.deliver(at, keep=True)
            case ("drop", at):
                story.drop(at)
            case ("wait", seconds):
                story.wait(seconds)
            case ("move", at):
                story.move(at)
            case ("forget",):
                story.forget()


def judge(story: Story) -> None:
    """What is promised, whatever happened: once, in order; and what is not said to be in doubt is known."""
    acted = story.acted
    assert acted == sorted(set(acted))
    assert set(story.outcomes) == set(story.asked.values())
    for number, reason in story.outcomes.items():
        if reason is None:
            assert number in acted
        elif reason is not Problem.OUTCOME_UNKNOWN:
            assert number not in acted


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(ACTS, max_size=60))
def test_exactly_once_and_in_order_whatever_the_network_does(acts):
    """Lost, repeated, reordered, held back for minutes, and on three transports."""
    story = Story()
    play(story, acts)
    story.calm()
    judge(story)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.one_of(ACTS, st.just(("forget",))), max_size=60))
def test_never_twice_though_the_receiver_forgets(acts):
    """It loses power at any moment, also between an act and its response."""
    story = Story()
    play(story, acts)
    story.calm()
    judge(story)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(ACTS, max_size=40))
def test_at_least_once_loses_nothing_that_was_answered(acts):
    """Repeated perhaps, and answered only if it was acted on."""
    story = Story()
    story.ask(DeliveryClass.AT_LEAST_ONCE)
    play(story, [act for act in acts if act != ("ask",)])
    story.calm()
    assert set(story.outcomes) == {0}
    assert story.outcomes[0] is not None or 0 in story.acted


def test_new_keys_in_the_middle_of_an_exchange():
    """The keys are replaced between an act and its response: asked again under the new ones, it is not done again."""
    app, device = connected()
    (here,), (there,) = app.channels, device.channels
    app.deliver(put("/actuators/lamp", b"\xf5"), DeliveryClass.EXACTLY_ONCE, 0.0, here)
    for _peer, data in app.transmit():
        device.receive(data, APP, 0.0)
    device.transmit()  # the response is lost
    assert device.lamp.changes == 1
    device.update_keys(there, b"new", 0.0)
    app.update_keys(here, b"new", 0.0)

    now = 0.0
    for _ in range(40):
        now += 10.0
        app.tick(now)
        for _peer, data in app.transmit():
            device.receive(data, APP, now)
        for _peer, data in device.transmit():
            app.receive(data, DEVICE, now)

    assert [type(event) for event in app.events() if not hasattr(event, "session")] == [Response]
    assert device.lamp.changes == 1


def test_queue_is_bounded():
    """Who asks faster than the peer answers is told so."""
    story = Story()
    for _ in range(outbox.MAX_WAITING + 5):
        story.ask()
    assert len(story.asked) == outbox.MAX_WAITING


def test_machine_has_an_end_and_every_state_a_way_to_it():
    """A state without a way out is a request that nobody ever hears of again."""
    ends = {State.ANSWERED, State.GIVEN_UP}
    for state in State:
        ways = {event for source, event in TRANSITIONS if source is state}
        assert (not ways) == (state in ends)
        assert state in ends or Input.GIVE_UP in ways
    assert set(TRANSITIONS.values()) == set(State) - {State.QUEUED}


@pytest.mark.parametrize("delivery", DeliveryClass)
def test_channel_that_is_gone_fails_what_waits(delivery):
    """A channel is closed while requests wait: they fail, and nothing is sent any more."""
    app, _device = connected()
    (here,) = app.channels
    handle = app.deliver(put("/actuators/lamp", b"\xf5"), delivery, 0.0, here)
    app.transmit()
    app.channels.close(here, Event.CLOSE)
    for now in range(100, 1100, 100):
        app.tick(float(now))
    app.transmit()
    failed = [event for event in app.events() if isinstance(event, Failed) and event.handle == handle]
    assert len(failed) == 1
    assert app.next_timeout() is None


def test_request_waits_for_a_peer_that_hung_up():
    """The connection ended, and there is no other address: it is asked when somebody connects."""
    story = Story()
    story.sender.connected("train", story.now)
    story.sender.transmit()
    story.sender.move(story.channel, "train", story.now)
    story.sender.disconnected("train", story.now)
    handle = story.sender.deliver(put(SINK, b"\0"), DeliveryClass.EXACTLY_ONCE, story.now, story.channel)
    story.asked[handle] = 0
    story.collect()
    assert story.flight == []
    story.move(0)
    story.calm()
    assert story.acted == [0]
    assert story.outcomes == {0: None}


def test_request_for_a_peer_that_never_connects_is_given_up():
    """Nothing was ever sent, so nothing is in doubt."""
    story = Story()
    handle = story.sender.deliver(put(SINK, b"\0"), DeliveryClass.EXACTLY_ONCE, story.now, story.channel)
    story.asked[handle] = 0
    for _ in range(20):
        story.wait(10.0)
    assert story.flight == []
    assert story.outcomes == {0: Problem.DISCONNECTED}


@pytest.mark.parametrize("length", [1024, 1025])
def test_ordered_request_fits_a_message_or_is_refused(length):
    """Its place counts one request; blocks would be several."""
    story = Story()
    arguments = put(SINK, bytes(length)), DeliveryClass.EXACTLY_ONCE, story.now, story.channel, ADDRESSES[0]
    if length > 1024:
        with pytest.raises(ProtocolError) as refused:
            story.sender.deliver(*arguments)
        assert refused.value.problem is Problem.TOO_LARGE
        assert story.sender.transmit() == []
        assert story.sender.next_timeout() is None
        return
    story.asked[story.sender.deliver(*arguments)] = 0
    story.collect()
    story.calm()
    assert story.outcomes == {0: None}


class Talkative(Story):
    """The receiver has much to say about each request."""

    def note(self, request) -> Reply:
        return replace(super().note(request), payload=bytes(3000))


def test_large_outcomes_arrive_whole():
    """Each is acted on once and reported once: its first block has the mark, and the rest is fetched."""
    story = Talkative()
    for _ in range(3):
        story.ask()
    story.calm()
    assert story.acted == [0, 1, 2]
    assert story.outcomes == {0: None, 1: None, 2: None}
