"""What tests of block-wise transfer share: requests for blocks, and putting blocks together by the book."""

from __future__ import annotations

from collections.abc import Callable

from picosec.errors import ProtocolError
from picosec.messaging.blocks import Block, block_of, exponent_of
from picosec.messaging.coap import Code, Message, Option, code_text
from picosec_conformance.target import Nonconformity, Target


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
    """Read a resource in blocks of at most a size, and return its body."""
    body = b""
    while True:
        reply = target.exchange(read_block(target, path, len(body) // size, size=size))
        if reply.code != Code.CONTENT:
            raise Nonconformity(f"{path} answered {code_text(reply.code)} to a request for a block")
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
        send: Callable[[Message], Message],
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
