"""Faults of servers that give bodies in blocks: the wrong bytes, too many of them, or of two representations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import blocks, downloads
from picosec.messaging.blocks import Block, block_of, exchanged
from picosec.messaging.coap import Message, Option
from picosec.registry import Problem
from picosec.roles import observers, resources, server
from picosec_conformance.faults import fault


def _cutting(changed: Callable[[Message, Message, Message], Message]) -> None:
    """Send another message than the right block; ``changed`` sees the request, the whole response, and the block."""
    original = downloads._cut

    def cut(request: Message, response: Message, largest: int) -> Message:
        return changed(request, response, original(request, response, largest))

    downloads._cut = cut


def _reading(changed: Callable[[Block], Block]) -> None:
    """Read another block out of the option of a request than stands there."""
    original = downloads.block_of

    def read(message: Message, option: int) -> Block | None:
        block = original(message, option)
        return None if block is None else changed(block)

    downloads.block_of = read


@fault("MSG-1300")
def shifts_by_any_size() -> None:
    """1 << (SZX + 4) knows no bound: the buffer for a block has half the size."""
    blocks.RESERVED = 8


@fault("MSG-1300")
def takes_the_reserved_size_for_the_largest() -> None:
    """The size is capped at what is supported, and what was asked for does not matter."""
    original = Block.decode

    def decode(cls: type[Block], value: bytes) -> Block:
        if value and value[-1] & 7 == 7:
            return replace(original(value[:-1] + bytes((value[-1] - 1,))))
        return original(value)

    Block.decode = classmethod(decode)


@fault("MSG-1300")
def calls_the_reserved_size_a_bad_option() -> None:
    """The option cannot be understood, so 4.02: the client leaves out block-wise transfer altogether."""
    original = Block.decode

    def decode(cls: type[Block], value: bytes) -> Block:
        try:
            return original(value)
        except ProtocolError as error:
            raise ProtocolError(Problem.BAD_OPTION, "MSG-1300") from error

    Block.decode = classmethod(decode)


@fault("MSG-1310")
def cuts_a_byte_too_late() -> None:
    """The classic at the seam of two blocks: the last byte of the one is the first of the next."""
    _cutting(
        lambda request, whole, part: (
            part
            if part is whole or not _offset(part)
            else replace(part, payload=whole.payload[_offset(part) - 1 :][: _size(part)])
        )
    )


@fault("MSG-1310")
def never_says_that_it_is_the_last() -> None:
    """M says that the client asked for blocks, and so they go on."""
    _cutting(lambda request, whole, part: _described(part, lambda block: replace(block, more=True)))


@fault("MSG-1310")
def pads_the_last_block() -> None:
    """Every block has the size that it says, the last one with zeros (a body of zeros is still a body)."""
    _cutting(
        lambda request, whole, part: (
            part if part is whole else replace(part, payload=part.payload.ljust(_size(part), b"\0"))
        )
    )


@fault("MSG-1310")
def stops_one_block_early() -> None:
    """The number of blocks is the size divided by that of a block, rounded down."""

    def early(request: Message, whole: Message, part: Message) -> Message:
        return _described(
            part, lambda block: replace(block, more=(block.number + 2) * block.size <= len(whole.payload))
        )

    _cutting(early)


@fault("MSG-1320")
def counts_in_blocks_of_its_own() -> None:
    """It serves blocks of 64 bytes, and takes the number as if everybody did."""
    _reading(lambda block: replace(block, exponent=min(block.exponent, 2)))


@fault("MSG-1320")
def serves_from_where_it_stopped() -> None:
    """A cursor per resource saves the arithmetic, until two clients read, or one reads again."""
    position = count()
    _reading(lambda block: replace(block, number=next(position)) if block.number else block)


@fault("MSG-1330")
def prefers_its_own_size() -> None:
    """Blocks of 1024 bytes are the most efficient; a client with less room will manage."""
    _reading(lambda block: Block(block.offset // 1024, block.more, 6))


@fault("MSG-1330")
def forgets_the_size_when_there_is_news() -> None:
    """The size is one of the request, and a notification has none of its own."""
    original = observers.cut
    observers.cut = lambda request, response, **named: original(exchanged(request, (Option.BLOCK2,)), response, **named)


@fault("MSG-1340")
def leaves_cutting_to_the_network() -> None:
    """IP fragments what is too large, and whoever wants blocks may ask for them."""
    _cutting(lambda request, whole, part: whole if request.option(Option.BLOCK2) is None else part)


@fault("MSG-1350")
def gives_an_empty_block_behind_the_end() -> None:
    """A slice behind the end is empty, and so is the block: a client that counts never learns that it is lost."""
    _behind_the_end(lambda request, response: replace(response, payload=b""))


@fault("MSG-1350")
def begins_again_behind_the_end() -> None:
    """A number without a block is taken for none."""
    _behind_the_end(lambda request, response: replace(response, payload=response.payload[:16]))


@fault("MSG-1350")
def has_a_block_at_the_end() -> None:
    """Less than or equal, once more."""

    def empty(request: Message, response: Message) -> Message:
        wanted = block_of(request, Option.BLOCK2)
        assert wanted is not None
        return exchanged(replace(response, payload=b""), (), wanted.option(Option.BLOCK2))

    _behind_the_end(empty, at_most=0)


def _behind_the_end(instead: Callable[[Message, Message], Message], at_most: int = 1 << 40) -> None:
    """Answer otherwise where a block is asked for that begins behind the end, at most so many bytes behind it."""
    original = downloads._cut

    def cut(request: Message, response: Message, largest: int) -> Message:
        wanted = block_of(request, Option.BLOCK2)
        if wanted and 0 <= wanted.offset - len(response.payload) <= at_most:
            return instead(request, response)
        return original(request, response, largest)

    downloads._cut = cut


@fault("MSG-1360")
def refuses_requests_that_say_more() -> None:
    """A request for a block has M 0, so one that has not is wrong."""

    def strict(block: Block) -> Block:
        if block.more:
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-1360")
        return block

    _reading(strict)


@fault("MSG-1360")
def copies_the_bit_of_the_request() -> None:
    """The answer echoes the option, with the number and the size, and the bit in between."""

    def echoed(request: Message, whole: Message, part: Message) -> Message:
        asked = block_of(request, Option.BLOCK2)
        return part if asked is None or not asked.more else _described(part, lambda block: replace(block, more=False))

    _cutting(echoed)


@fault("MSG-1370")
def makes_an_etag_for_each_block() -> None:
    """The hash is taken over what is sent, which is the block (and the client never joins two)."""
    _cutting(
        lambda request, whole, part: (
            part if part is whole else exchanged(part, (Option.ETAG,), (Option.ETAG, downloads.etag(part)))
        )
    )


@fault("MSG-1370")
def sends_no_etag() -> None:
    """An ETag is for caches, and here is none: blocks of two configurations become a third."""
    _cutting(lambda request, whole, part: exchanged(part, (Option.ETAG,)))


@fault("MSG-1370")
def tells_representations_apart_by_their_size() -> None:
    """A new version is rarely as long as the one before."""
    _tagging(lambda payload: len(payload).to_bytes(2, "big"))


@fault("MSG-1370")
def counts_representations_from_the_start() -> None:
    """A counter of changes, which starts from one after each start: two versions share a number."""
    numbers: dict[bytes, int] = {}
    original = server.Server.__init__

    def init(self: server.Server, *given: Any) -> None:
        numbers.clear()
        original(self, *given)

    server.Server.__init__ = init
    _tagging(lambda payload: bytes((numbers.setdefault(payload, len(numbers)),)))


def _tagging(tag: Callable[[bytes], bytes]) -> None:
    """Make entity-tags from payloads in another way."""
    downloads.entity_tag = resources.entity_tag = lambda content_format, payload: tag(payload)


@fault("MSG-1380")
def tells_the_size_of_the_block() -> None:
    """The length of the payload is at hand; that of the body is one layer up."""
    _cutting(
        lambda request, whole, part: (
            exchanged(part, (Option.SIZE2,), (Option.SIZE2, bytes((len(part.payload),)))) if part is not whole else part
        )
    )


def _described(part: Message, changed: Callable[[Block], Block]) -> Message:
    block = block_of(part, Option.BLOCK2)
    return part if block is None else exchanged(part, (Option.BLOCK2,), changed(block).option(Option.BLOCK2))


def _offset(part: Message) -> int:
    block = block_of(part, Option.BLOCK2)
    return 0 if block is None else block.offset


def _size(part: Message) -> int:
    block = block_of(part, Option.BLOCK2)
    return 16 if block is None else block.size
