"""Requests in bad weather: the target and an honest party exchange them over a network that loses, repeats, reorders.

Everything is decided by one source of randomness; time passes on both sides only when nothing is under way.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from picosec.channel.delivery import DeliveryClass
from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.roles.agent import Agent
from picosec.roles.events import Failed, Response
from picosec.roles.keyring import ContextParameters, Keyring
from picosec.roles.resources import Reply, Request, Resource
from picosec.roles.storage import MemoryStorage
from picosec_conformance.channel import provision
from picosec_conformance.control import Control
from picosec_conformance.manifest import GivenContext
from picosec_conformance.network import Link, Network, Packet, TargetEndpoint
from picosec_conformance.network.network import TARGET

PARTY = "party"
SINK = "/sink"
STORE = "/ps/test/store"
#: Seconds that pass at a time when nothing is under way, and how often at most.
_PAUSE, _PAUSES = 20.0, 400


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to a datagram, each with its probability; what is left is delivered, oldest first."""

    lost: float = 0.0
    repeated: float = 0.0
    reordered: float = 0.0


@dataclass(slots=True)
class Tally:
    """What became of requests. ``acted`` lists in order which were acted on; ``answered`` and ``failed`` are of the
    sender.
    """

    asked: int = 0
    acted: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """How many requests were never acted on."""
        return self.asked - len(set(self.acted))

    @property
    def repeated(self) -> int:
        """How many times a request was acted on beyond the first."""
        return len(self.acted) - len(set(self.acted))

    @property
    def in_order(self) -> bool:
        """Whether each request was acted on after those that were asked before it."""
        return self.acted == sorted(self.acted)


class Party:
    """The honest party: the reference, with a resource that notes what it is asked."""

    name = PARTY

    def __init__(self, given: GivenContext, rng: random.Random) -> None:
        keyring = Keyring(software_vault(rng.randbytes))
        secret, salt = given.master_secret, given.master_salt
        keyring.add(
            contexts=[ContextParameters(given.recipient_id, given.sender_id, secret, MemoryStorage(), salt)],
        )
        resource = Resource({Code.PUT: self._note}, attributes=None)
        self.now = 0.0
        self.noted: list[int] = []
        self.agent = Agent(rng.randbytes, keyring, {SINK: resource}, responder=False, knows_date=False)
        self.channel = self.agent.channel(given.sender_id)
        self._sent = 0

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Take one datagram."""
        self.agent.receive(data, TARGET, self.now)
        return self.drain()

    def drain(self) -> list[Packet]:
        """Return what the party sends."""
        self._sent += 1
        return [Packet(f"{PARTY}/{self._sent}", PARTY, TARGET, data) for _peer, data in self.agent.transmit()]

    def _note(self, request: Request) -> Reply:
        self.noted.append(int.from_bytes(request.payload, "big"))
        return Reply(Code.CHANGED)


class Stage:
    """The target, the party, and the network between them."""

    def __init__(self, link: Link, control: Control, rng: random.Random, weather: Weather) -> None:
        self._link = link
        self._control = control
        self._rng = rng
        self._weather = weather
        given = GivenContext(b"\x01", b"\x02", rng.randbytes(16), rng.randbytes(8))
        provision(control, given)
        self.party = Party(given, rng)
        self._given = given
        self._target = TargetEndpoint(link, lambda message, sender: (PARTY, "target/datagram"))
        self.network = Network(link)
        self.network.join(self.party)
        self.network.join(self._target)

    def to_target(self, delivery: DeliveryClass, count: int) -> Tally:
        """Let the party send requests to the target, and count what the target acts on."""
        tally = Tally(count, acts=self.network.acts)
        handles: dict[int, int] = {}
        agent = self.party.agent
        for number in range(count):
            payload = bytes((number,))
            message = Message(Type.CON, Code.PUT, 0, b"", path_options(STORE), payload)
            handles[agent.deliver(message, delivery, self.party.now, self.party.channel, TARGET)] = number
        self.network.post(self.party.drain())
        before = 0
        while self._goes_on():
            changes = self._control.changes(STORE)
            if changes != before:
                tally.acted += [self._stored()] * (changes - before)
                before = changes
            for event in agent.events():
                if isinstance(event, Response):
                    tally.answered.append(handles[event.handle])
                elif isinstance(event, Failed):
                    tally.failed[handles[event.handle]] = event.reason.name.lower()
        return tally

    def from_target(self, delivery: DeliveryClass, count: int) -> Tally:
        """Let the target send requests to the party, and count what the party acts on."""
        tally = Tally(count, acts=self.network.acts)
        parameters = {1: int(Code.PUT), 2: SINK, 5: self._given.recipient_id, 10: int(delivery)}
        handles = {self._control.act("request", {**parameters, 3: bytes((number,))}): number for number in range(count)}
        self.network.post(self._target.packets(self._link.until_probe_answered(), PARTY))
        while self._goes_on():
            pass
        for event in self._control.events():
            if event.name == "response":
                tally.answered.append(handles[event.fields[0]])
            elif event.name == "failed":
                tally.failed[handles[event.fields[0]]] = str(event.fields[1])
        tally.acted = self.party.noted
        return tally

    def _goes_on(self) -> bool:
        """Let one thing happen; False when nothing has happened for a long time."""
        if not self.network.in_flight:
            for _ in range(_PAUSES):
                self._pass_time()
                if self.network.in_flight:
                    return True
                if self.party.agent.next_timeout() is None and not self._target_waits():
                    return False
            return False
        packet = self.network.in_flight[0]
        if len(self.network.in_flight) > 1 and self._rng.random() < self._weather.reordered:
            packet = self._rng.choice(self.network.in_flight)
        if (roll := self._rng.random()) < self._weather.lost:
            self.network.drop(packet)
        elif roll < self._weather.lost + self._weather.repeated:
            self.network.duplicate(packet)
        else:
            self.network.deliver(packet)
        return True

    def _pass_time(self) -> None:
        self.party.now += _PAUSE
        self.network.post(self._target.packets(self._control.advance(_PAUSE), PARTY))
        self.party.agent.tick(self.party.now)
        self.network.post(self.party.drain())

    def _target_waits(self) -> bool:
        """Whether the target may still send something by itself: it does so within the longest wait of a message."""
        frames = self._control.advance(250.0)
        self.network.post(self._target.packets(frames, PARTY))
        return bool(frames)

    def _stored(self) -> int:
        return int.from_bytes(self._link.request(Code.GET, STORE).payload, "big")
