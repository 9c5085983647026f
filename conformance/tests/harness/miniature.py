"""A target in miniature: answers pings and GETs, and misbehaves on request. Runs on any link.

As a program: ``miniature.py stdio|udp PORT|tcp PORT|websocket PORT|tty PATH [fault]``. Faults: dies, crashes, killed,
deaf, chatty, garbled, hangs-up, resets.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import tty
from contextlib import suppress

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from picosec.errors import ProtocolError
from picosec.messaging import slipmux
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.stream_message import Signal, StreamMessage, message_size

#: A crash of its own, and what somebody else does to a program.
SIGNALS = {"crashes": signal.SIGSEGV, "killed": signal.SIGKILL}


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
        if message.is_request and self.fault in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.fault])
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


class StreamMiniature(Miniature):
    """The same on connections: says a CSM, answers Ping with Pong."""

    def __init__(self, fault: str = "", *, websocket: bool = False) -> None:
        super().__init__(fault)
        self._websocket = websocket

    def greeting(self) -> bytes:
        """Return the first frame on a connection."""
        return self._encode(StreamMessage(Signal.CSM))

    def handle(self, frame: bytes) -> list[bytes]:
        """Return the frames sent in answer to one."""
        decode = StreamMessage.decode_frame if self._websocket else StreamMessage.decode
        message = decode(frame)
        if message.code == Signal.PING and "deaf" not in self.fault:
            return [self._encode(StreamMessage(Signal.PONG, message.token))]
        if message.is_signal:
            return []
        request = Message(Type.NON, message.code, 0, message.token, message.options, message.payload)
        return [self._encode(StreamMessage.of(Message.decode(each))) for each in super().handle(request.encode())]

    def _encode(self, message: StreamMessage) -> bytes:
        return message.encode_frame() if self._websocket else message.encode()


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)
    return listener


def _ends(connection: socket.socket, target: Miniature) -> bool:
    """Whether the fault is to end the connection, which it then does."""
    if target.fault not in ("hangs-up", "resets"):
        return False
    if target.fault == "resets":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return True


def serve_tcp(port: int, target: StreamMiniature) -> None:
    """Serve one connection after another until killed; the first line on standard output tells the port."""
    with _listen(port) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(target.greeting())
                pending = bytearray()
                while data := connection.recv(65536):
                    pending += data
                    while (size := message_size(pending)) is not None and size <= len(pending):
                        frame = bytes(pending[:size])
                        del pending[:size]
                        if frame[1:2] == b"\x01" and _ends(connection, target):
                            break
                        for answer in target.handle(frame):
                            connection.sendall(answer)


def serve_websocket(port: int, target: StreamMiniature) -> None:
    """Like ``serve_tcp``, on WebSockets."""
    with _listen(port) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                _serve_websocket(connection, target)


def _serve_websocket(connection: socket.socket, target: StreamMiniature) -> None:
    protocol = ServerProtocol(subprotocols=[Subprotocol("coap")])
    while data := connection.recv(65536):
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
                protocol.send_binary(target.greeting())
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                if event.data[1:2] == b"\x01" and _ends(connection, target):
                    return
                for answer in target.handle(bytes(event.data)):
                    protocol.send_binary(answer)
        for part in protocol.data_to_send():
            connection.sendall(part)


def main(kind: str, *rest: str) -> None:
    """Run as a program."""
    if kind == "stdio":
        serve_stream(0, 1, Miniature(*rest))
    elif kind == "udp":
        serve_udp(int(rest[0]), Miniature(*rest[1:]))
    elif kind == "tcp":
        serve_tcp(int(rest[0]), StreamMiniature(*rest[1:]))
    elif kind == "websocket":
        serve_websocket(int(rest[0]), StreamMiniature(*rest[1:], websocket=True))
    else:
        line = os.open(rest[0], os.O_RDWR | os.O_NOCTTY)
        tty.setraw(line)
        print("ready", flush=True)
        serve_stream(line, line, Miniature(*rest[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
