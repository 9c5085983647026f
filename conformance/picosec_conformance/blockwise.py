"""What tests of block-wise transfer share: requests for blocks, and putting blocks together by the book."""

from __future__ import annotations

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
