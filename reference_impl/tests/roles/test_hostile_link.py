"""An app and a device over a link that an attacker owns: it drops, repeats, reorders, delays, tampers and replays."""

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from parties import APP, CBOR_OPTION, DEVICE, converse, new_app, new_device

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.roles.events import Failed, Response
from picosec.roles.resources import Reply, Request, Resource

DATAGRAMS_KEPT = 64


class Ledger:
    """A resource that acts: it writes down the number in each request, and answers with its double."""

    def __init__(self) -> None:
        self.entries: list[int] = []

    def resource(self) -> Resource:
        return Resource({Code.POST: self._post})

    def _post(self, request: Request) -> Reply:
        number = cbor.loads(request.payload)
        self.entries.append(number)
        return Reply(Code.CHANGED, cbor.dumps(2 * number), 60)


class HostileLink(RuleBasedStateMachine):
    @initialize()
    def connect(self) -> None:
        self.ledger = Ledger()
        self.app, self.device = new_app(), new_device(further={"/ledger": self.ledger.resource()})
        self.app.open(DEVICE, 0.0)
        converse(self.app, self.device)
        self.app.events()
        self.now = 0.0
        self.asked: dict[int, int] = {}
        self.outcomes: dict[int, object] = {}
        self.in_flight: list[tuple[str, bytes]] = []
        self.recorded: list[tuple[str, bytes]] = []

    # -- what the parties do ---------------------------------------------------------------------------------------

    @rule(confirmable=st.booleans())
    def ask(self, confirmable: bool) -> None:
        number = len(self.asked)
        kind = Type.CON if confirmable else Type.NON
        options = (*path_options("/ledger"), CBOR_OPTION)
        message = Message(kind, Code.POST, 0, b"", options, cbor.dumps(number))
        try:
            handle = self.app.request(message, DEVICE, self.now, next(iter(self.app.channels)))
        except ProtocolError:
            return  # too many are waiting
        self.asked[handle] = number
        self.collect()

    @rule(seconds=st.sampled_from([0.5, 3.0, 40.0, 300.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.app.tick(self.now)
        self.device.tick(self.now)
        self.collect()

    # -- what the attacker does ------------------------------------------------------------------------------------

    @precondition(lambda self: self.in_flight)
    @rule(choice=st.integers(0, 1 << 16))
    def deliver(self, choice: int) -> None:
        self.hand_over(*self.in_flight.pop(choice % len(self.in_flight)))

    @precondition(lambda self: self.in_flight)
    @rule(choice=st.integers(0, 1 << 16))
    def drop(self, choice: int) -> None:
        self.in_flight.pop(choice % len(self.in_flight))

    @precondition(lambda self: self.recorded)
    @rule(choice=st.integers(0, 1 << 16), message_id=st.none() | st.integers(0, 0xFFFF))
    def replay(self, choice: int, message_id: int | None) -> None:
        """Send a record again: as it was, or under a message id that slips past the deduplication."""
        receiver, datagram = self.recorded[choice % len(self.recorded)]
        if message_id is not None:
            datagram = replace(Message.decode(datagram), message_id=message_id).encode()
        self.hand_over(receiver, datagram)

    @precondition(lambda self: self.recorded)
    @rule(choice=st.integers(0, 1 << 16), position=st.integers(0, 1 << 16), mask=st.integers(1, 255))
    def tamper(self, choice: int, position: int, mask: int) -> None:
        """Change one byte of what OSCORE protects, under a fresh message id so that somebody looks at it."""
        receiver, datagram = self.recorded[choice % len(self.recorded)]
        message = Message.decode(datagram)
        option = message.option(Option.OSCORE)
        if receiver != DEVICE or not option:
            return
        protected = bytearray(option + message.payload)
        protected[position % len(protected)] ^= mask
        changed = bytes(protected[: len(option)])
        options = tuple((n, changed if n == Option.OSCORE else value) for n, value in message.options)
        forged = replace(
            message,
            type=Type.CON,
            message_id=message.message_id ^ 0x8000,
            options=options,
            payload=bytes(protected[len(option) :]),
        )
        before = self.digest()
        self.hand_over(receiver, forged.encode())
        assert self.digest() == before, "a forged request changed the device"

    @rule(receiver=st.sampled_from([APP, DEVICE]), noise=st.binary(max_size=40))
    def send_noise(self, receiver: str, noise: bytes) -> None:
        before = self.digest()
        self.hand_over(receiver, noise)
        assert self.digest() == before, "noise changed the device"

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def no_request_is_acted_upon_twice(self) -> None:
        entries = getattr(self, "ledger", Ledger()).entries
        assert len(entries) == len(set(entries))

    @invariant()
    def nothing_is_acted_upon_that_was_not_asked(self) -> None:
        if hasattr(self, "ledger"):
            assert set(self.ledger.entries) <= set(self.asked.values())

    @invariant()
    def every_answer_is_the_one_to_its_request(self) -> None:
        for handle, event in getattr(self, "outcomes", {}).items():
            if isinstance(event, Response) and event.message.code == Code.CHANGED:
                assert event.protected
                assert event.message.payload == cbor.dumps(2 * self.asked[handle])

    # -- the link --------------------------------------------------------------------------------------------------

    def hand_over(self, receiver: str, datagram: bytes) -> None:
        if receiver == DEVICE:
            self.device.receive(datagram, APP, self.now)
        else:
            self.app.receive(datagram, DEVICE, self.now)
        self.collect()

    def collect(self) -> None:
        sent = [(DEVICE, datagram) for _peer, datagram in self.app.transmit()]
        sent += [(APP, datagram) for _peer, datagram in self.device.transmit()]
        self.in_flight = (self.in_flight + sent)[-DATAGRAMS_KEPT:]
        self.recorded = (self.recorded + sent)[-DATAGRAMS_KEPT:]
        for event in self.app.events():
            assert event.handle not in self.outcomes, "one request, two outcomes"
            assert isinstance(event, Response | Failed), event
            self.outcomes[event.handle] = event

    def digest(self) -> bytes:
        return cbor.dumps([self.device.state(), self.ledger.entries])


HostileLink.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_no_request_is_acted_upon_twice = HostileLink.TestCase
