"""A response that is larger than a block: the part of it that was asked for (spec/v1/messaging-blocks.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.blocks import LARGEST, Block, block_of, exchanged
from picosec.messaging.coap import Message, Option, uint_bytes
from picosec.registry import Problem

#: Bytes of an ETag: so many of a hash that no two representations share it.
_ETAG: Final = 8
_SUCCESS: Final = 2


def cut(
    request: Message,
    response: Message,
    largest: int = LARGEST,
    fits: Callable[[Message], bool] = lambda part: True,
) -> Message:
    """Return the block of a response that its request asks for: the first when it asks for none.

    ``largest`` is the greatest size exponent used; it is a smaller one when the client would not take the message
    (MSG-2040). A response that fits, and an error, stay whole. Raises ``ProtocolError`` with ``BAD_REQUEST`` for a
    block behind the end (MSG-1350).
    """
    part = _cut(request, response, largest)
    while largest and not fits(part):
        largest -= 1
        part = _cut(request, response, largest)
    return part


def _cut(request: Message, response: Message, largest: int) -> Message:
    wanted = block_of(request, Option.BLOCK2)
    if response.code >> 5 != _SUCCESS:
        return response
    body = response.payload
    exponent = largest if wanted is None else min(largest, wanted.exponent)
    size = 16 << exponent
    offset = 0 if wanted is None else wanted.offset
    if offset and offset >= len(body):
        raise ProtocolError(Problem.BAD_REQUEST, "MSG-1350", f"the body has {len(body)} bytes")
    if len(body) <= size and (wanted is None or not body):
        return response
    block = Block(offset // size, offset + size < len(body), exponent)
    options = [block.option(Option.BLOCK2)]
    if response.option(Option.ETAG) is None:
        options.append((int(Option.ETAG), etag(response)))
    if offset == 0 or request.option(Option.SIZE2) is not None:
        options.append((int(Option.SIZE2), uint_bytes(len(body))))
    return replace(exchanged(response, (), *options), payload=body[offset : offset + size])


def etag(response: Message) -> bytes:
    """Return what tells a representation from any other: a hash over its format and its bytes (MSG-1370)."""
    return entity_tag(response.content_format, response.payload)


def entity_tag(content_format: int | None, payload: bytes) -> bytes:
    """Return the entity-tag of a representation (MSG-2110)."""
    return sha256(cbor.dumps([content_format, payload])).digest()[:_ETAG]
