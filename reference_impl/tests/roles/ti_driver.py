"""Speaks CoAP to a test build in memory, as the suite does over a link."""

from collections.abc import Hashable

from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.registry import Problem
from picosec.roles.test_interface import TestBuild

FACTORY, REBOOT = 0, 1


class Driver:
    def __init__(self, build: object | None = None, peer: Hashable = "suite") -> None:
        self.build = build or TestBuild()
        self.peer = peer
        self.others: list[Message] = []
        self._message_id = 0

    def ask(self, code: int, path: str, payload: bytes = b"", content_format: int | None = None) -> Message:
        """Return the response; what the device sends before it goes to ``others``."""
        self._message_id += 1
        options = path_options(path)
        if content_format is not None:
            options = (*options, (12, bytes([content_format])))
        request = Message(Type.CON, code, self._message_id, b"test", options, payload)
        replies = self.send(request)
        assert replies[-1].token == b"test"
        self.others = replies[:-1]
        return replies[-1]

    def send(self, message: Message) -> list[Message]:
        self.build.receive(message.encode(), self.peer, 0.0)
        return [Message.decode(datagram) for _peer, datagram in self.build.transmit()]

    def post(self, name: str, value: object) -> Message:
        return self.ask(Code.POST, f"/ps/test/{name}", cbor.dumps(value), 60)

    def done(self, name: str, value: object) -> object:
        """Post what must succeed and return the decoded answer."""
        reply = self.post(name, value)
        assert reply.code == Code.CHANGED, problem.decode(reply.payload)
        return cbor.loads(reply.payload) if reply.payload else None

    def refused(self, name: str, value: object) -> Problem | None:
        """Post what must be refused without a trace and return the error."""
        before = self.state()
        reply = self.post(name, value)
        assert reply.code >> 5 == 4, reply
        assert self.state() == before
        return problem.decode(reply.payload)

    def read(self, name: str) -> object:
        reply = self.ask(Code.GET, f"/ps/test/{name}")
        assert reply.code == Code.CONTENT
        return cbor.loads(reply.payload)

    def state(self) -> dict[int, object]:
        return self.read("state")

    def events(self) -> list[list[object]]:
        reply = self.ask(Code.POST, "/ps/test/events")
        assert reply.code == Code.CHANGED
        return cbor.loads(reply.payload)
