"""Two endpoints joined by a link that exists in memory, with a clock that moves when told."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from picosec.messaging.coap import Code, Message, Options, Type, path_options
from picosec.messaging.endpoint import Endpoint, Event, RequestReceived
from picosec.messaging.parameters import Parameters

DEFAULT = Parameters()


def counting() -> Callable[[int], bytes]:
    """Return entropy that never repeats, and is the same each time."""
    state = 0

    def draw(count: int) -> bytes:
        nonlocal state
        state += 0x9E3779B1
        return (state & 0xFFFFFFFF).to_bytes(4, "big")[-count:].rjust(count, b"\1")

    return draw


def endpoint(parameters: Parameters = DEFAULT) -> Endpoint:
    return Endpoint(counting(), parameters)


def get(path: str = "/x", kind: Type = Type.CON, message_id: int = 0, token: bytes = b"") -> Message:
    return Message(kind, Code.GET, message_id, token, path_options(path))


def content(payload: bytes = b"", options: Options = ()) -> Message:
    return Message(Type.ACK, Code.CONTENT, 0, b"", options, payload)


def sent(one: Endpoint) -> list[Message]:
    """Drain what an endpoint wants to send, decoded."""
    return [Message.decode(data) for _, data in one.transmit()]


def only_sent(one: Endpoint) -> Message:
    (message,) = sent(one)
    return message


def received_request(server: Endpoint, message: Message, now: float = 0, peer: Hashable = "client") -> RequestReceived:
    (event,) = server.receive(message.encode(), peer, now)
    assert isinstance(event, RequestReceived)
    return event


#: Decides for one datagram after how many seconds each of its copies arrives; none means it is lost.
Weather = Callable[[bytes], list[float]]


def fair(_datagram: bytes) -> list[float]:
    return [0.01]


@dataclass
class Link:
    """A network of named endpoints. ``serve`` answers requests; all other events are collected by name."""

    endpoints: dict[str, Endpoint]
    serve: Callable[["Link", str, RequestReceived], None]
    weather: Weather = fair
    now: float = 0.0
    events: dict[str, list[Event]] = field(default_factory=dict)
    flying: list[tuple[float, int, str, str, bytes]] = field(default_factory=list)
    planned: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    count: int = 0

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Have something done when time has passed."""
        self.count += 1
        heappush(self.planned, (self.now + delay, self.count, action))

    def run(self, until: float) -> None:
        """Let time pass, event by event, until nothing happens any more or the time is up."""
        while True:
            self._collect()
            due = [when for one in self.endpoints.values() if (when := one.next_timeout()) is not None]
            due += [queue[0][0] for queue in (self.flying, self.planned) if queue]
            if not due or min(due) > until:
                self.now = until
                return
            self.now = max(self.now, min(due))
            while self.flying and self.flying[0][0] <= self.now:
                _, _, source, target, data = heappop(self.flying)
                self._happened(target, self.endpoints[target].receive(data, source, self.now))
            while self.planned and self.planned[0][0] <= self.now:
                heappop(self.planned)[2]()
            for name, one in self.endpoints.items():
                self._happened(name, one.tick(self.now))

    def _happened(self, name: str, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                self.serve(self, name, event)
            else:
                self.events.setdefault(name, []).append(event)

    def _collect(self) -> None:
        for name, one in self.endpoints.items():
            for target, data in one.transmit():
                for delay in self.weather(data):
                    self.count += 1
                    heappush(self.flying, (self.now + delay, self.count, name, str(target), data))
