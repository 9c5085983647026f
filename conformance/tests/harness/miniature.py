"""A target in miniature: answers pings and GETs, and misbehaves on request. Runs on any link.

As a program: ``miniature.py stdio|udp PORT|tty PATH [fault]``. Faults: dies, deaf, chatty, garbled.
"""

from __future__ import annotations

import os
import socket
import sys
import tty

from picosec.errors import ProtocolError
from picosec.messaging import slipmux
from picosec.messaging.coap import Code, Message, Type


class Miniature:
    """Answers a ping with a reset, GET with 2.05 and the path as payload, and nothing else."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def handle(self, frame: bytes) -> list[bytes]:
        """Return the frames sent in answer to one."""
        try:
            message = Message.decode(frame)
        except ProtocolError:
            return []
        if message.is_request and self.fault == "dies":
            print("miniature: fatal: out of luck", file=sys.stderr, flush=True)
            os._exit(70)
        if message.is_request and self.fault == "deaf":
            self.fault = "deaf for good"
        if self.fault == "deaf for good":
            return []
        if message.is_empty and message.type == Type.CON:
            return [Message(Type.RST, Code.EMPTY, message.message_id).encode()]
        if not message.is_request:
            return []
        answer = Message(Type.ACK, Code.CONTENT, message.message_id, message.token, (), message.path.encode()).encode()
        return {"chatty": [answer, answer], "garbled": [b"\xff" + answer]}.get(self.fault, [answer])


def serve_stream(read: int, write: int, target: Miniature) -> None:
    """Serve slipmux until the other side closes."""
    decoder = slipmux.Decoder()
    while data := os.read(read, 65536):
        for frame in decoder.feed(data):
            for answer in target.handle(frame):
                os.write(write, slipmux.encode(answer))


def serve_udp(port: int, target: Miniature) -> None:
    """Serve datagrams until killed; the first line on standard output tells the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", port))
        print(endpoint.getsockname()[1], flush=True)
        while True:
            frame, peer = endpoint.recvfrom(65535)
            for answer in target.handle(frame):
                endpoint.sendto(answer, peer)


def main(kind: str, *rest: str) -> None:
    """Run as a program."""
    if kind == "stdio":
        serve_stream(0, 1, Miniature(*rest))
    elif kind == "udp":
        serve_udp(int(rest[0]), Miniature(*rest[1:]))
    else:
        line = os.open(rest[0], os.O_RDWR | os.O_NOCTTY)
        tty.setraw(line)
        print("ready", flush=True)
        serve_stream(line, line, Miniature(*rest[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
