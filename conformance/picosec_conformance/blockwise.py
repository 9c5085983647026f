"""What tests of block-wise transfer share: requests for blocks, and putting blocks together by the book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from picosec.channel.oscore import Binding, protect_response, unprotect_request
from picosec.errors import ProtocolError
from picosec.messaging.blocks import Block, block_of, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type, code_text
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.target import Nonconformity, Target

#: The sizes that blocks can have.
SIZES: Final = (16, 32, 64, 128, 256, 512, 1024)
ETAG: Final = (int(Option.ETAG), b"etag")
OTHER_ETAG: Final = (int(Option.ETAG), b"gate")
#: Sends a request, in the open or over a channel, and returns its response.
Ask = Callable[[Message], Message]


def read_block(
    target: Target, path: str, number: int, *options: tuple[int, bytes], size: int = 1024, more: bool = False
) -> Message:
    """Return a request for one block of a resource."""
    block = Block(number, more, exponent_of(size))
    return target.build(Code.GET, path, options=(block.option(Option.BLOCK2), *options))


def block_in(reply: Message, option: int = Option.BLOCK2) -> Block:
    """Return the Block option that a reply has to have. Raises ``Nonconformity``."""
    try:
        block = block_of(reply, option)
    except ProtocolError as error:
        raise Nonconformity(f"the reply has a Block option that does not exist: {error}") from error
    if block is None:
        raise Nonconformity(f"{code_text(reply.code)} came without Option {int(option)}")
    return block


def read_whole(target: Target, path: str, size: int = 1024) -> bytes:
    """Read a resource in blocks of at most a size, and return its body. What fits into one block need not be one."""
    body = b""
    while True:
        reply = target.exchange(read_block(target, path, len(body) // size, size=size))
        if reply.code != Code.CONTENT:
            raise Nonconformity(f"{path} answered {code_text(reply.code)} to a request for a block")
        if not body and reply.option(Option.BLOCK2) is None and len(reply.payload) <= size:
            return reply.payload
        block = block_in(reply)
        if block.offset != len(body):
            raise Nonconformity(f"expected the block at byte {len(body)}, got the one at {block.offset}")
        body += reply.payload
        if not block.more:
            return body
        size = block.size


def parts_of(body: bytes, size: int, start: int = 0) -> list[tuple[Block, bytes]]:
    """Return the blocks of a body from a byte on, and what each carries."""
    exponent = exponent_of(size)
    return [
        (Block(at // size, at + size < len(body), exponent), body[at : at + size])
        for at in range(start, max(len(body), 1), size)
    ]


class Upload:
    """A request in blocks, one by one. ``send`` asks in the open or over a channel, and returns the response."""

    def __init__(
        self,
        target: Target,
        send: Ask,
        path: str,
        *options: tuple[int, bytes],
        code: Code = Code.PUT,
        content_format: int | None = None,
    ) -> None:
        self._target, self._send = target, send
        self._path, self._options, self._code, self._format = path, options, code, content_format

    def request(self, block: Block, payload: bytes, *options: tuple[int, bytes]) -> Message:
        """Return the request with one block."""
        every = (block.option(Option.BLOCK1), *self._options, *options)
        return self._target.build(self._code, self._path, payload, content_format=self._format, options=every)

    def part(self, block: Block, payload: bytes, *options: tuple[int, bytes]) -> Message:
        """Send one block, and return the response."""
        return self._send(self.request(block, payload, *options))

    def begin(self, body: bytes, size: int, count: int = 1) -> None:
        """Send the first blocks of a body. Raises ``Nonconformity`` when the target does not take them."""
        for block, payload in parts_of(body, size)[:count]:
            self._taken(block, self.part(block, payload))

    def whole(self, body: bytes, size: int, start: int = 0) -> Message:
        """Send all blocks of a body from a byte on, and return the response to the last of them."""
        parts = parts_of(body, size, start)
        for block, payload in parts[:-1]:
            self._taken(block, self.part(block, payload))
        return self.part(*parts[-1])

    def _taken(self, block: Block, reply: Message) -> None:
        if reply.code != Code.CONTINUE:
            raise Nonconformity(f"block {block.number} of {block.size} bytes was answered {code_text(reply.code)}")


class TargetAsClient:
    """The target asking the suite, in the open or over a channel, with a body in as many blocks as it takes."""

    def __init__(self, target: Target, control: Control, channel: Channel | None = None) -> None:
        self._target, self.control, self._channel = target, control, channel
        self._received: tuple[Message, Binding | None] | None = None

    def act(
        self,
        code: Code = Code.GET,
        path: str = "/some/path",
        payload: bytes = b"",
        *,
        size: int | None = None,
        content_format: int | None = None,
    ) -> int:
        """Make the target send a request, with blocks of at most a size; the handle of the act."""
        channel = None if self._channel is None else self._channel.context.sender_id
        optional = {3: payload or None, 5: channel, 6: content_format, 7: size}
        given = {key: value for key, value in optional.items() if value is not None}
        return self.control.act("request", {1: int(code), 2: path, **given})

    def receive(self) -> Message:
        """Return the request that the target sends next, without its protection."""
        message = self._target.receive("a request")
        if message.type == Type.ACK and message.code == Code.EMPTY:
            message = self._target.receive("a request")
        if self._channel is None:
            self._received = message, None
            return message
        try:
            plain, binding = unprotect_request(self._channel.context, message)
        except ProtocolError as error:
            raise Nonconformity(f"the target's request does not verify: {error}") from error
        self._received = message, binding
        return plain

    def answer(self, code: Code, payload: bytes = b"", *options: tuple[int, bytes]) -> None:
        """Answer the request received last."""
        if self._received is None:
            raise ValueError("there is no request to answer")
        request, binding = self._received
        ordered = tuple(sorted(options, key=lambda option: option[0]))
        response = Message(Type.ACK, code, request.message_id, request.token, ordered, payload)
        if self._channel is not None and binding is not None:
            response = protect_response(self._channel.context, binding, response)
        self._target.send(response)

    def collect(self, size: int | None = None) -> tuple[list[Message], bytes]:
        """Take all blocks of a request but answer the last: the requests, and the body that they make up.

        ``size`` is told to the target as the largest that there is room for. Raises ``Nonconformity`` for a block that
        leaves a gap, overlaps, or has another size than it says.
        """
        requests, body = [self.receive()], b""
        while True:
            request = requests[-1]
            block = block_of(request, Option.BLOCK1) or Block(0, False, 6)
            if block.offset != len(body):
                raise Nonconformity(f"expected the block at byte {len(body)}, got the one at {block.offset}")
            if block.more and len(request.payload) != block.size:
                raise Nonconformity(f"a block of {block.size} bytes has {len(request.payload)}")
            body += request.payload
            if not block.more:
                return requests, body
            exponent = block.exponent if size is None else min(block.exponent, exponent_of(size))
            self.answer(Code.CONTINUE, b"", replace(block, exponent=exponent).option(Option.BLOCK1))
            requests.append(self.receive())

    def serve(self, body: bytes, size: int, *options: tuple[int, bytes], code: Code = Code.CONTENT) -> list[Message]:
        """Answer the request received last, and those for further blocks, with a body in blocks; the requests."""
        requests: list[Message] = []
        for block, payload in parts_of(body, size):
            if block.number:
                requests.append(self.receive())
            self.answer(code, payload, block.option(Option.BLOCK2), *options)
        return requests

    def outcome(self, handle: int) -> tuple[str, Any]:
        """Return how the target reports on an act: the event's name, with payload or error.

        Raises ``Nonconformity`` for no outcome, and for several.
        """
        self._target.until_probe_answered()
        found = [event for event in self.control.events() if event.fields.get(0) == handle]
        if len(found) != 1:
            raise Nonconformity(f"expected one outcome, got {[event.name for event in found]}")
        (event,) = found
        return event.name, event.fields[2] if event.name == "response" else event.fields.get(1)


def judge_refused(target: Target, path: str, before: bytes, reply: Message) -> None:
    """Judge that a transfer failed for want of blocks, and that the resource is what it was."""
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert read_whole(target, path) == before
