"""Large representations in blocks: the right bytes, whatever size and order they are asked for in."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Option, Type, uint_value
from picosec.registry import Problem
from picosec_conformance.blockwise import SIZES, block_in, read_block, read_whole
from picosec_conformance.control import Control
from picosec_conformance.observing import REGISTER, Observer, only
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1300", "MSG-540")
@pytest.mark.parametrize("value", [b"\x07", b"\x0f", b"\x17", b"\xff\xff\xf7"], ids=bytes.hex)
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_reserved_size_is_refused(target: Target, large: str, value: bytes, kind: Type) -> None:
    """A size of 2048 is one shift away, and one byte behind the buffer for 1024."""
    request = target.build(Code.GET, large, kind=kind, options=((Option.BLOCK2, value),))
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-540")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("values", [[bytes(4)], [b"\x06", b"\x16"]], ids=["four-bytes", "twice"])
def test_block_option_outside_its_definition_is_refused(target: Target, large: str, values: list[bytes]) -> None:
    """Two numbers, or one with more digits than there is room for: each reader takes another block."""
    request = target.build(Code.GET, large, options=tuple((int(Option.BLOCK2), value) for value in values))
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-1310", "MSG-1320")
@pytest.mark.parametrize("size", SIZES)
def test_blocks_make_up_the_body(target: Target, large: str, size: int) -> None:
    """A byte lost or doubled at a seam is a byte of somebody's firmware."""
    whole = read_whole(target, large)
    body = read_whole(target, large, size)
    assert len(whole) > 2048
    assert body == whole


@pytest.mark.requirement("MSG-1310", "MSG-1320")
def test_blocks_come_in_any_order(target: Target, large: str, rng: random.Random) -> None:
    """A server that remembers where a client was answers the next one from there."""
    whole = read_whole(target, large)
    numbers = list(range(-(-len(whole) // 128)))
    rng.shuffle(numbers)
    for number in numbers:
        reply = target.exchange(read_block(target, large, number, size=128))
        assert block_in(reply) == Block(number, (number + 1) * 128 < len(whole), exponent_of(128))
        assert reply.payload == whole[number * 128 :][:128]


@pytest.mark.requirement("MSG-1310")
@pytest.mark.parametrize("size", SIZES)
def test_block_is_full_unless_it_is_the_last(target: Target, large: str, size: int) -> None:
    """A client counts in blocks: one that is short moves all behind it."""
    reply = target.exchange(read_block(target, large, 1, size=size))
    block = block_in(reply)
    assert block.more
    assert len(reply.payload) == block.size


@pytest.mark.requirement("MSG-1310")
def test_last_block_says_so(target: Target, large: str) -> None:
    """The end is where M says, not where a size was announced."""
    whole = read_whole(target, large)
    last = (len(whole) - 1) // 64
    reply = target.exchange(read_block(target, large, last, size=64))
    assert not block_in(reply).more
    assert reply.payload == whole[last * 64 :]


@pytest.mark.requirement("MSG-1320")
@pytest.mark.parametrize(("number", "size"), [(1, 1024), (2, 512), (4, 256), (32, 32), (64, 16)])
def test_block_starts_where_the_client_says(target: Target, large: str, number: int, size: int) -> None:
    """Sizes change in the middle of a transfer; the place of a block does not."""
    whole = read_whole(target, large)
    reply = target.exchange(read_block(target, large, number, size=size))
    assert block_in(reply).offset == 1024
    assert reply.payload == whole[1024 : 1024 + block_in(reply).size]


@pytest.mark.requirement("MSG-1330")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [0, 1])
def test_block_is_no_larger_than_asked_for(target: Target, large: str, size: int, number: int) -> None:
    """A client asks for 16 bytes because it has room for 16."""
    reply = target.exchange(read_block(target, large, number, size=size))
    assert reply.code == Code.CONTENT
    assert block_in(reply).size <= size
    assert len(reply.payload) <= size


@pytest.mark.requirement("MSG-1340")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_large_body_comes_in_blocks_unasked(target: Target, large: str, kind: Type) -> None:
    """Three thousand bytes in one datagram arrive as fragments, or not at all."""
    reply = target.exchange(target.build(Code.GET, large, kind=kind))
    assert reply.code == Code.CONTENT
    block = block_in(reply)
    assert (block.number, block.more) == (0, True)
    assert len(reply.payload) == block.size


@pytest.mark.requirement("MSG-1350")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("beyond", [0, 1, 1000])
def test_block_behind_the_end_is_refused(target: Target, large: str, size: int, beyond: int) -> None:
    """The bytes behind a body are somebody else's."""
    number = -(-len(read_whole(target, large)) // size) + beyond
    request = read_block(target, large, number, size=size)
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1350")
@pytest.mark.parametrize("size", SIZES)
def test_greatest_number_is_refused(target: Target, large: str, size: int) -> None:
    """The number times the size overflows 24 bits, and 32 with one more careless shift."""
    request = read_block(target, large, (1 << 20) - 1, size=size)
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1350")
@pytest.mark.needs("conformance.test-interface")
def test_block_at_the_very_end_is_refused(target: Target, large: str) -> None:
    """A body that fills its last block has nothing behind it, not even a block without bytes."""
    target.request(Code.PUT, large, bytes(64))
    request = read_block(target, large, 4, size=16)
    target.expect_refusal(target.reply_to(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1360")
@pytest.mark.parametrize("number", [0, 1])
def test_more_in_a_request_means_nothing(target: Target, large: str, number: int) -> None:
    """The bit is the client's leftover from another message."""
    plain = target.exchange(read_block(target, large, number, size=64))
    reply = target.exchange(read_block(target, large, number, size=64, more=True))
    assert (reply.code, reply.options, reply.payload) == (plain.code, plain.options, plain.payload)


@pytest.mark.requirement("MSG-1370")
def test_blocks_of_one_representation_share_an_etag(target: Target, large: str) -> None:
    """Whoever joins blocks has nothing else to tell whether they belong together."""
    replies = [target.exchange(read_block(target, large, number, size=256)) for number in (0, 1, 5, 0)]
    etags = {reply.option(Option.ETAG) for reply in replies}
    assert len(etags) == 1
    assert all(etag is not None and 1 <= len(etag) <= 8 for etag in etags)


@pytest.mark.requirement("MSG-1370")
@pytest.mark.needs("conformance.test-interface")
def test_other_representation_has_another_etag(target: Target, large: str, control: Control) -> None:
    """The resource changes in the middle of a transfer: the client must be able to see it. A restart begins no count
    anew, and what is back as it was may be called what it was called."""
    bodies = [b"a" * 600, b"b" * 600, b"a" * 599 + b"b", b"a" * 601, b"b" + b"a" * 599]
    etags = []
    for body in bodies:
        control.reset()
        target.request(Code.PUT, large, body)
        etags.append(target.exchange(read_block(target, large, 1, size=256)).option(Option.ETAG))
        target.request(Code.PUT, large, body[::-1] + b"c")
        etags.append(target.exchange(read_block(target, large, 1, size=256)).option(Option.ETAG))
    assert None not in etags
    assert len(set(etags)) == len(etags)


@pytest.mark.requirement("MSG-1380")
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("asking", [b"", b"\xff\xff\xff\xff"], ids=["with-nothing", "with-the-longest"])
def test_size_is_told(target: Target, large: str, number: int, asking: bytes) -> None:
    """A client that knows the size fetches what it has room for, and not until it has none."""
    whole = read_whole(target, large)
    reply = target.exchange(read_block(target, large, number, (Option.SIZE2, asking), size=64))
    size = reply.option(Option.SIZE2)
    assert size is not None
    assert uint_value(size) == len(whole)


@pytest.mark.requirement("CNF-470")
@pytest.mark.needs("conformance.test-interface")
def test_large_resource_is_large_and_keeps_what_it_is_given(target: Target, control: Control) -> None:
    """What a test judges transfers by has to be known to it."""
    assert len(read_whole(target, "/ps/test/large")) > 2048
    assert target.request(Code.PUT, "/ps/test/large", b"another body").code == Code.CHANGED
    assert read_whole(target, "/ps/test/large") == b"another body"
    assert control.changes("/ps/test/large") == 1
    control.reset()
    assert len(read_whole(target, "/ps/test/large")) > 2048


@pytest.mark.requirement("MSG-1330", "MSG-1310")
@pytest.mark.needs("messaging.observe.server")
@pytest.mark.parametrize("size", [16, 32])
def test_notification_is_no_larger_than_the_registration_asked_for(target: Target, size: int) -> None:
    """Whoever registers with blocks of 16 has room for 16, today and whenever there is news (RFC 7959 section 2.6)."""
    observer = Observer(target)
    observer.put(b"before")
    wanted = Block(0, False, exponent_of(size)).option(Option.BLOCK2)
    assert target.exchange(observer.request(REGISTER, wanted)).option(Option.OBSERVE) is not None
    notification = only(observer.put(bytes(range(100))))
    assert block_in(notification) == Block(0, True, exponent_of(size))
    assert notification.payload == bytes(range(size))


@pytest.mark.requirement("MSG-1370")
def test_block_has_one_etag(target: Target) -> None:
    """Two tags on one block: each of them could be the one that the next block is held against."""
    for number in range(2):
        reply = target.exchange(read_block(target, target.manifest.resources.large, number, size=64))
        assert len(reply.option_values(Option.ETAG)) == 1
