"""Bodies that come in blocks, in the open and over a channel: all of it and in order, or nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM, Problem
from picosec_conformance.blockwise import SIZES, Ask, Upload, block_in, judge_refused, parts_of, read_whole
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import fresh_context, set_up
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1390")
@pytest.mark.parametrize("size", SIZES)
def test_each_block_is_acknowledged(target: Target, ask: Ask, large: str, rng: random.Random, size: int) -> None:
    """The client learns with each block that it arrived, and how large the next one may be."""
    upload = Upload(target, ask, large)
    for block, payload in parts_of(rng.randbytes(3 * size), size)[:2]:
        reply = upload.part(block, payload)
        answered = block_in(reply, Option.BLOCK1)
        assert (reply.code, reply.payload) == (Code.CONTINUE, b"")
        assert (answered.number, answered.more) == (block.number, True)
        assert answered.size <= size


@pytest.mark.requirement("MSG-1400")
def test_option_of_a_body_in_one_smallest_block_is_empty(target: Target, large: str) -> None:
    """The first block of 16 bytes and no other: all three numbers are zero, and so nothing of the option is left."""
    reply = target.exchange(target.build(Code.PUT, large, b"sixteen bytes...", options=((Option.BLOCK1, b""),)))

    assert reply.code >> 5 == 2
    assert target.request(Code.GET, large).payload == b"sixteen bytes..."


@pytest.mark.requirement("MSG-1390", "MSG-1400")
def test_nothing_is_done_before_the_last_block(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """Half a configuration is no configuration."""
    before = read_whole(target, large)
    upload = Upload(target, ask, large)
    for block, payload in parts_of(body, 64)[:-1]:
        upload.part(block, payload)
        assert read_whole(target, large) == before


@pytest.mark.requirement("MSG-1400")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("surplus", [0, 1, -1])
def test_blocks_become_the_body(
    target: Target, ask: Ask, large: str, rng: random.Random, size: int, surplus: int
) -> None:
    """Bodies that fill their last block, that almost do, and that need one more for a single byte."""
    body = rng.randbytes(3 * size + surplus)
    reply = Upload(target, ask, large).whole(body, size)
    assert reply.code >> 5 == 2
    assert block_in(reply, Option.BLOCK1).number == len(parts_of(body, size)) - 1
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1400")
def test_one_block_is_a_body(target: Target, ask: Ask, large: str) -> None:
    """The first block may be the last."""
    assert Upload(target, ask, large).whole(b"short", 64).code >> 5 == 2
    assert read_whole(target, large) == b"short"


@pytest.mark.requirement("MSG-1400")
def test_body_is_acted_on_once(target: Target, ask: Ask, large: str, body: bytes, control: Control) -> None:
    """Thirteen blocks are one command, and the copy of the last one is none."""
    Upload(target, ask, large).whole(body, 16)
    assert control.changes(large) == 1


@pytest.mark.requirement("MSG-1400")
@pytest.mark.needs("messaging.datagram")
def test_copy_of_a_block_counts_once(target: Target, large: str, body: bytes, control: Control) -> None:
    """The network doubles blocks; what arrives twice is in the body once, and the last one acts once."""
    upload = Upload(target, target.exchange, large)
    for block, payload in parts_of(body, 64):
        request = upload.request(block, payload)
        reply = target.exchange(request)
        assert target.exchange(request) == reply
    assert read_whole(target, large) == body
    assert control.changes(large) == 1


@pytest.mark.requirement("MSG-1400", "MSG-1410")
def test_last_block_that_comes_again_is_none(
    target: Target, ask: Ask, large: str, body: bytes, control: Control
) -> None:
    """The same last block under another message id: whoever keeps what came before would act again."""
    upload = Upload(target, ask, large)
    assert upload.whole(body, 64).code >> 5 == 2
    reply = upload.part(*parts_of(body, 64)[-1])
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert control.changes(large) == 1


@pytest.mark.requirement("MSG-1400")
@pytest.mark.parametrize(("first", "then"), [(64, 16), (128, 64), (1024, 32)])
def test_size_may_shrink_on_the_way(
    target: Target, ask: Ask, large: str, rng: random.Random, first: int, then: int
) -> None:
    """A client heeds what it was told of sizes: the second block has number 4, or 32."""
    body = rng.randbytes(first + 5 * then // 2)
    upload = Upload(target, ask, large)
    upload.begin(body, first)
    assert upload.whole(body, then, first).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1400")
def test_non_confirmable_blocks_become_the_body(target: Target, large: str, body: bytes) -> None:
    """The message layer does not know what a block is."""

    def ask(request: Message) -> Message:
        return target.exchange(replace(request, type=Type.NON))

    assert Upload(target, ask, large).whole(body, 64).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1410")
@pytest.mark.parametrize("missing", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_body_with_a_gap_is_not_acted_on(target: Target, ask: Ask, large: str, body: bytes, missing: list[int]) -> None:
    """Somebody on the path keeps one block for himself."""
    before = read_whole(target, large)
    upload = Upload(target, ask, large)
    parts = [part for number, part in enumerate(parts_of(body, 64)) if number not in missing]
    reply = [upload.part(*part) for part in parts][-1]
    judge_refused(target, large, before, reply)


@pytest.mark.requirement("MSG-1410")
@pytest.mark.parametrize("number", [1, 3, 4095, (1 << 20) - 1])
def test_last_block_of_nothing_is_refused(target: Target, ask: Ask, large: str, number: int) -> None:
    """A block number chooses an address in memory for who takes it as one (RFC 7959 section 7)."""
    before = read_whole(target, large)
    reply = Upload(target, ask, large).part(Block(number, False, 6), b"x")
    judge_refused(target, large, before, reply)


@pytest.mark.requirement("MSG-1410", "MSG-1400")
@pytest.mark.parametrize(
    "order", [[0, 2, 1, 3], [1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 1, 1, 2, 3], [0, 1, 2, 0, 3]], ids=str
)
def test_blocks_out_of_order_never_make_another_body(
    target: Target, ask: Ask, large: str, body: bytes, order: list[int]
) -> None:
    """Whether a server sorts, or refuses: what it acts on in the end is the body that was sent."""
    before = read_whole(target, large)
    upload, parts = Upload(target, ask, large), parts_of(body, 64)
    replies = [upload.part(*parts[number]) for number in order]
    assert {reply.code for reply in replies[:-1]} <= {Code.CONTINUE, Code.REQUEST_ENTITY_INCOMPLETE}
    if replies[-1].code >> 5 == 2:
        assert read_whole(target, large) == body
    else:
        judge_refused(target, large, before, replies[-1])


@pytest.mark.requirement("MSG-1410", "MSG-1400")
def test_blocks_that_overlap_never_make_another_body(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """Two versions of one byte: what a checker reads and what is acted on must not differ."""
    before = read_whole(target, large)
    upload = Upload(target, ask, large)
    upload.begin(body, 64)
    upload.part(Block(2, True, exponent_of(16)), bytes(16))
    reply = upload.whole(body, 64, 64)
    assert reply.code >> 5 in (2, 4)
    assert read_whole(target, large) == (body if reply.code >> 5 == 2 else before)


@pytest.mark.requirement("MSG-1420")
@pytest.mark.parametrize("length", [0, 1, 63, 65, 128, 1000])
@pytest.mark.parametrize("number", [0, 1])
def test_block_of_another_size_is_refused(target: Target, ask: Ask, large: str, length: int, number: int) -> None:
    """All that comes behind such a block is counted from the wrong place."""
    upload = Upload(target, ask, large)
    upload.begin(bytes(200), 64, number)
    reply = upload.part(Block(number, True, exponent_of(64)), bytes(length))
    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1300")
@pytest.mark.parametrize("value", [b"\x07", b"\x0f", b"\xff\xff\xff"], ids=bytes.hex)
def test_reserved_size_of_a_request_is_refused(target: Target, ask: Ask, large: str, value: bytes) -> None:
    """Two kilobytes into a buffer for one."""
    before = read_whole(target, large)
    request = target.build(Code.PUT, large, bytes(1024), options=((Option.BLOCK1, value),))
    target.expect_refusal(ask(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)
    assert read_whole(target, large) == before


@pytest.mark.requirement("MSG-1430")
@pytest.mark.parametrize(
    ("first", "then"),
    [(CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM), (None, CONTENT_FORMAT_CBOR), (CONTENT_FORMAT_CBOR, None)],
)
def test_blocks_of_two_formats_are_not_joined(
    target: Target, ask: Ask, large: str, body: bytes, first: int | None, then: int | None
) -> None:
    """What was checked as CBOR goes on as something else."""
    before = read_whole(target, large)
    Upload(target, ask, large, content_format=first).begin(body, 128)
    judge_refused(target, large, before, Upload(target, ask, large, content_format=then).whole(body, 128, 128))


@pytest.mark.requirement("MSG-1440")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param([], [(Option.REQUEST_TAG, b"")], id="none-and-empty-tag"),
        pytest.param([(Option.REQUEST_TAG, b"\x01")], [], id="tag-and-none"),
        pytest.param([(Option.REQUEST_TAG, b"\x01")], [(Option.REQUEST_TAG, b"\x02")], id="two-tags"),
        pytest.param([(Option.REQUEST_TAG, b"\x01")], [(Option.REQUEST_TAG, b"\x00\x01")], id="one-number-two-tags"),
        pytest.param([(Option.REQUEST_TAG, b"longest1")], [(Option.REQUEST_TAG, b"longest2")], id="two-longest-tags"),
        pytest.param(
            [(Option.REQUEST_TAG, b"a")], [(Option.REQUEST_TAG, b"a"), (Option.REQUEST_TAG, b"b")], id="more-tags"
        ),
        pytest.param([(Option.URI_QUERY, b"a")], [(Option.URI_QUERY, b"b")], id="two-queries"),
    ],
)
def test_blocks_with_other_options_are_not_joined(
    target: Target,
    ask: Ask,
    large: str,
    body: bytes,
    first: list[tuple[int, bytes]],
    then: list[tuple[int, bytes]],
) -> None:
    """An attacker holds back a block of one operation and lets it arrive in the next (RFC 9175 section 3.5.1)."""
    before = read_whole(target, large)
    Upload(target, ask, large, *first).begin(body, 128)
    judge_refused(target, large, before, Upload(target, ask, large, *then).whole(body, 128, 128))


@pytest.mark.requirement("MSG-1400")
@pytest.mark.parametrize("number", [pytest.param(92, id="no-cache-key"), Option.SIZE1])
def test_blocks_that_differ_in_what_does_not_count_are_one_body(
    target: Target, ask: Ask, large: str, body: bytes, number: int
) -> None:
    """A proxy measures each message, and says so in an option that is no cache key (RFC 7252 section 5.4.6)."""
    upload = Upload(target, ask, large)
    replies = [upload.part(*part, (number, bytes((at + 1,)))) for at, part in enumerate(parts_of(body, 64))]
    assert replies[-1].code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1440")
def test_blocks_of_two_methods_are_not_joined(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """What was to be examined replaces what there is."""
    before = read_whole(target, large)
    Upload(target, ask, large, code=Code.POST).begin(body, 128)
    judge_refused(target, large, before, Upload(target, ask, large).whole(body, 128, 128))


@pytest.mark.requirement("MSG-1440")
def test_blocks_of_two_paths_are_not_joined(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """Two resources are written at the same time, and each gets what is its own."""
    store = target.manifest.resources.put
    Upload(target, ask, store).begin(body[::-1], 128)
    Upload(target, ask, large).begin(body, 128)
    assert Upload(target, ask, store).whole(body[::-1], 128, 128).code >> 5 == 2
    assert Upload(target, ask, large).whole(body, 128, 128).code >> 5 == 2
    assert read_whole(target, large) == body
    assert read_whole(target, store) == body[::-1]


@pytest.mark.requirement("MSG-1440")
def test_interleaved_operations_keep_their_bodies(target: Target, ask: Ask, large: str, rng: random.Random) -> None:
    """Two parts of an app write at once: Request-Tag tells them apart, or one is refused; they never mix."""
    bodies = [rng.randbytes(150), rng.randbytes(150)]
    uploads = [Upload(target, ask, large, (Option.REQUEST_TAG, tag)) for tag in (b"\x01", b"\x02")]
    replies = []
    for parts in zip(*(parts_of(body, 64) for body in bodies), strict=True):
        replies = [upload.part(*part) for upload, part in zip(uploads, parts, strict=True)]
    done = [body for body, reply in zip(bodies, replies, strict=True) if reply.code >> 5 == 2]
    assert done
    assert read_whole(target, large) == done[-1]


@pytest.mark.requirement("MSG-1440")
@pytest.mark.parametrize("beginner", ["open", "channel"])
def test_blocks_in_the_open_and_of_a_channel_are_not_joined(
    target: Target, channel: Channel, large: str, body: bytes, beginner: str
) -> None:
    """A stranger who sees where a transfer stands puts his own block into it (RFC 7959 section 7)."""
    before = read_whole(target, large)
    ways: list[Ask] = [target.exchange, channel.ask]
    first, then = ways if beginner == "open" else ways[::-1]
    Upload(target, first, large).begin(body, 128)
    judge_refused(target, large, before, Upload(target, then, large).whole(b"z" * 200, 128, 128))
    assert Upload(target, first, large).whole(body, 128, 128).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1440")
@pytest.mark.needs("channel.oscore.server")
def test_blocks_of_two_channels_are_not_joined(
    target: Target, control: Control, rng: random.Random, large: str, body: bytes
) -> None:
    """Two people may write to one resource from one address, over channels of their own."""
    before = read_whole(target, large)
    one = set_up(target, control, fresh_context(rng))
    other = set_up(target, control, fresh_context(rng, sender_id=b"\x03", recipient_id=b"\x04"))
    Upload(target, one.ask, large).begin(body, 128)
    judge_refused(target, large, before, Upload(target, other.ask, large).whole(b"z" * 200, 128, 128))
    assert Upload(target, one.ask, large).whole(body, 128, 128).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1440")
def test_block_option_outside_of_the_protection_is_not_believed(
    target: Target, channel: Channel, large: str, body: bytes
) -> None:
    """Somebody on the path writes "there is more" on the outside of a request that is whole."""
    protected = channel.protect(target.build(Code.PUT, large, body))
    outer = Block(0, True, 6).option(Option.BLOCK1)
    options = tuple(sorted((*protected.options, outer), key=lambda option: option[0]))
    reply = target.exchange(replace(protected, options=options))
    assert reply.option(Option.OSCORE) is not None
    assert channel.unprotect(reply).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1450")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_first_block_begins_anew(
    target: Target, ask: Ask, large: str, body: bytes, rng: random.Random, count: int
) -> None:
    """A client restarts in the middle of a transfer and knows nothing of it."""
    Upload(target, ask, large).begin(rng.randbytes(400), 64, count)
    assert Upload(target, ask, large).whole(body, 64).code >> 5 == 2
    assert read_whole(target, large) == body
