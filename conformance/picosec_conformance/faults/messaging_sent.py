"""Faults of what is sent: its form, and the codes of success."""

from __future__ import annotations

from picosec.messaging.coap import Code, Message, Type
from picosec.roles.resources import Reply, Request, Site
from picosec_conformance.faults import fault


@fault("MSG-870")
def lays_out_its_header_backwards() -> None:
    """A header of bit fields in C, whose order the compiler chooses: on one board of three it is another."""
    original = Message.encode

    def encode(self: Message) -> bytes:
        data = original(self)
        return data if self.type != Type.NON else bytes((data[0] & 0x3F | 0x80,)) + data[1:]

    Message.encode = encode


@fault("MSG-870")
def marks_a_payload_that_is_not_there() -> None:
    """The payload marker is written before anybody looks whether a payload follows."""
    original = Message.encode

    def encode(self: Message) -> bytes:
        return original(self) + (b"" if self.payload or self.type == Type.RST else b"\xff")

    Message.encode = encode


@fault("MSG-880")
def answers_reads_with_changed() -> None:
    """One code for "it worked": caches keep nothing, and a client that reads thinks that it wrote."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        reply = original(self, request)
        return Reply(Code.CHANGED, reply.payload, reply.content_format) if reply.code == Code.CONTENT else reply

    Site.answer = answer
