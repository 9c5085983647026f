"""Bodies that come in blocks, in the open and over a channel: all of it and in order, or nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from picosec.messaging import cbor
from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes, uint_value
from picosec.messaging.problem import DETAIL
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM, Problem
from picosec_conformance.blockwise import Upload, block_in, parts_of, read_whole
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import fresh_context, set_up
from picosec_conformance.target import Target
from picosec_conformance.verdicts import Inconclusive

CONTROL = "conformance.test-interface"
SIZES = [16, 32, 64, 128, 256, 512, 1024]
Ask = Callable[[Message], Message]


@pytest.fixture(
    params=["open", pytest.param("channel", marks=pytest.mark.needs("channel.oscore.server", CONTROL))],
)
def ask(request: pytest.FixtureRequest, target: Target) -> Ask:
    """Ask in the open, or over a fresh channel."""
    if request.param == "open":
        return target.exchange
    channel: Channel = request.getfixturevalue("channel")
    return channel.ask


@pytest.fixture
def large(target: Target) -> str:
    """Where the target has something large that can be replaced."""
    return target.manifest.resources.large


@pytest.fixture
def body(rng: random.Random) -> bytes:
    """Return 200 bytes that nothing else holds."""
    return rng.randbytes(200)


def judge_refused(target: Target, path: str, before: bytes, reply: Message) -> None:
    """Judge that a transfer failed for want of blocks, and that the resource is what it was."""
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert read_whole(target, path) == before


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


def size_taken(target: Target, ask: Ask, path: str) -> int:
    """Return the size of the largest body that the target says it takes."""
    reply = Upload(target, ask, path).part(Block(0, True, 6), bytes(1024), (Option.SIZE1, b"\xff\xff\xff\xff"))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)
    told = reply.option(Option.SIZE1)
    assert told is not None
    return uint_value(told)


@pytest.mark.requirement("MSG-1470")
@pytest.mark.parametrize("size", SIZES)
def test_body_announced_too_large_is_refused_at_once(target: Target, ask: Ask, large: str, size: int) -> None:
    """Four gigabytes are announced: whoever sets them aside has nothing left."""
    block = Block(0, True, exponent_of(size))
    reply = Upload(target, ask, large).part(block, bytes(size), (Option.SIZE1, b"\xff\xff\xff\xff"))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)


@pytest.mark.requirement("MSG-1470")
def test_body_announced_as_one_byte_too_large_is_refused(target: Target, ask: Ask, large: str) -> None:
    """The size that is told is the size that is taken, to the byte."""
    most = size_taken(target, ask, large)
    for size, taken in ((most, True), (most + 1, False)):
        announced = (int(Option.SIZE1), uint_bytes(size))
        reply = Upload(target, ask, large).part(Block(0, True, 6), bytes(1024), announced)
        assert reply.code == (Code.CONTINUE if taken else Code.REQUEST_ENTITY_TOO_LARGE)


@pytest.mark.requirement("MSG-1460")
def test_body_that_becomes_too_large_is_refused(target: Target, ask: Ask, large: str) -> None:
    """A transfer without an end is an allocation without one."""
    before = read_whole(target, large)
    most = size_taken(target, ask, large)
    if most > 1 << 18:
        raise Inconclusive(f"the target takes bodies of {most} bytes")
    upload = Upload(target, ask, large)
    upload.begin(bytes(most + 2048), 1024, most // 1024)
    reply = upload.part(Block(most // 1024, True, 6), bytes(1024))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)
    assert uint_value(reply.option(Option.SIZE1) or b"") == most
    assert read_whole(target, large) == before


@pytest.mark.requirement("MSG-1460")
def test_body_of_the_size_that_is_told_is_taken(target: Target, ask: Ask, large: str, rng: random.Random) -> None:
    """A limit that is told and not kept is a trap for honest clients."""
    most = size_taken(target, ask, large)
    if most > 1 << 18:
        raise Inconclusive(f"the target takes bodies of {most} bytes")
    body = rng.randbytes(most)
    assert Upload(target, ask, large).whole(body, 1024).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-720")
def test_refused_body_tells_strangers_no_detail(target: Target, large: str) -> None:
    """What a device has room for is told as a number, and not in sentences about its insides."""
    for block, payload in ((Block(0, True, 6), bytes(1024)), (Block(5, False, 6), b"x"), (Block(0, True, 6), b"x")):
        announced = (int(Option.SIZE1), b"\xff\xff\xff\xff" if len(payload) > 1 else b"\x01")
        reply = Upload(target, target.exchange, large).part(block, payload, announced)
        assert reply.code >> 5 == 4
        assert DETAIL not in cbor.loads(reply.payload)


@pytest.mark.requirement("MSG-1400")
def test_whole_requests_in_between_end_no_transfer(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """A configuration takes its minute; the same app goes on switching the lamp meanwhile."""
    upload = Upload(target, ask, large)
    upload.begin(body, 64)
    path = target.manifest.resources.put
    for number in range(8):
        query = (int(Option.URI_QUERY), bytes((97 + number,)))
        assert ask(target.build(Code.PUT, path, bytes((number,)), options=(query,))).code >> 5 == 2
        assert ask(target.build(Code.GET, path, options=(query,))).payload == bytes((number,))
    assert upload.whole(body, 64, 64).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1470", "MSG-1400")
@pytest.mark.parametrize("announced", [0, 1, 199, 201, 1000])
def test_size_that_is_a_lie_changes_nothing(target: Target, ask: Ask, large: str, body: bytes, announced: int) -> None:
    """The end of a body is where M says; a buffer for the announced size is too small, or shows what was in it."""
    upload = Upload(target, ask, large)
    for block, payload in parts_of(body, 64):
        reply = upload.part(block, payload, (Option.SIZE1, uint_bytes(announced)))
    assert reply.code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1480")
@pytest.mark.parametrize(
    ("code", "path", "content_format", "refusal", "problem"),
    [
        pytest.param(Code.PUT, "/no/such/thing", None, Code.NOT_FOUND, Problem.NOT_FOUND, id="path"),
        pytest.param(Code.DELETE, "get", None, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED, id="method"),
        pytest.param(Code.PUT, "protected_put", None, Code.UNAUTHORIZED, Problem.UNPROTECTED, id="protection"),
    ],
)
def test_hopeless_request_is_refused_with_its_first_block(
    target: Target, code: Code, path: str, content_format: int | None, refusal: int, problem: Problem
) -> None:
    """Memory for what is thrown away in the end is memory for the attacker's asking."""
    path = path if path.startswith("/") else getattr(target.manifest.resources, path)
    with target.expect_unchanged():
        reply = Upload(target, target.exchange, path, code=code, content_format=content_format).part(
            Block(0, True, 2), bytes(64)
        )
        target.expect_refusal(reply, refusal, problem)


@pytest.mark.requirement("MSG-1480")
@pytest.mark.needs(CONTROL)
def test_hopeless_format_is_refused_with_its_first_block(target: Target) -> None:
    """What nobody will read need not be kept."""
    upload = Upload(target, target.exchange, "/ps/test/provision", code=Code.POST, content_format=0)
    with target.expect_unchanged():
        reply = upload.part(Block(0, True, 2), bytes(64))
        target.expect_refusal(reply, Code.UNSUPPORTED_CONTENT_FORMAT, Problem.UNSUPPORTED_FORMAT)


@pytest.mark.requirement("MSG-1490")
def test_begun_transfers_are_bounded(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """One block each, and never a second: the memory of a device is filled for an hour by a minute's work."""
    uploads = [Upload(target, ask, large, (Option.REQUEST_TAG, uint_bytes(number + 1))) for number in range(40)]
    for upload in uploads:
        upload.part(*parts_of(body, 128)[0])
    ended = [upload.part(*parts_of(body, 128)[1]) for upload in uploads]
    assert sum(reply.code >> 5 == 2 for reply in ended) <= 16


@pytest.mark.requirement("MSG-1590")
def test_strangers_do_not_end_a_transfer_over_a_channel(
    target: Target, channel: Channel, large: str, body: bytes
) -> None:
    """Whoever has no key must not be able to keep those who have one from updating a device."""
    upload = Upload(target, channel.ask, large)
    upload.begin(body, 64)
    for number in range(100):
        stranger = Upload(target, target.exchange, large, (Option.REQUEST_TAG, uint_bytes(number)))
        stranger.part(*parts_of(bytes(2048), 1024)[0])
    assert upload.whole(body, 64, 64).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-1500")
def test_abandoned_transfer_is_forgotten(target: Target, ask: Ask, large: str, body: bytes, control: Control) -> None:
    """A client loses its power: what it left behind does not stay for ever."""
    before = read_whole(target, large)
    upload = Upload(target, ask, large)
    upload.begin(body, 64, 3)
    control.advance(247)
    judge_refused(target, large, before, upload.whole(body, 64, 192))


@pytest.mark.requirement("MSG-1500")
def test_nothing_remains_of_an_abandoned_transfer(target: Target, large: str, control: Control) -> None:
    """Memory that is not given back is gone for good."""
    with target.expect_unchanged():
        for number in range(5):
            Upload(target, target.exchange, large, (Option.REQUEST_TAG, bytes((number,)))).begin(bytes(100), 32, 2)
        control.advance(247)
    assert control.state().get(4, 0) == 0


@pytest.mark.requirement("MSG-1510")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("blocks", [True, False], ids=["request-in-blocks", "request-whole"])
@pytest.mark.needs(CONTROL)
def test_large_answer_is_fetched_without_acting_again(
    target: Target, ask: Ask, rng: random.Random, control: Control, size: int, blocks: bool
) -> None:
    """The door opens once, however long the protocol of it is."""
    body = rng.randbytes(2 * size + 9)
    wanted = Block(0, False, exponent_of(size)).option(Option.BLOCK2)
    path = "/ps/test/large"
    if blocks:
        reply = Upload(target, ask, path, wanted, code=Code.POST).whole(body, size)
    else:
        reply = ask(target.build(Code.POST, path, body, options=(wanted,)))
    answer = reply.payload
    while (block := block_in(reply)).more:
        further = Block(len(answer) // block.size, False, block.exponent).option(Option.BLOCK2)
        reply = ask(target.build(Code.POST, path, options=(further,)))
        assert reply.code == Code.CHANGED
        answer += reply.payload
    assert answer == body[::-1]
    assert control.changes(path) == 1


@pytest.mark.requirement("MSG-1510")
@pytest.mark.needs(CONTROL)
@pytest.mark.parametrize("code", [Code.POST, Code.PUT])
def test_answer_that_is_not_kept_is_not_made_again(target: Target, ask: Ask, control: Control, code: Code) -> None:
    """Whoever asks for the second block of an answer to nothing must not make something happen."""
    further = Block(1, False, 2).option(Option.BLOCK2)
    reply = ask(target.build(code, "/ps/test/large", b"body", options=(further,)))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert control.changes("/ps/test/large") == 0


@pytest.mark.requirement("MSG-1510")
@pytest.mark.needs(CONTROL)
def test_half_a_request_is_no_answer(target: Target, ask: Ask, body: bytes, control: Control) -> None:
    """Blocks that were taken in must not be handed out: they may be somebody's configuration."""
    Upload(target, ask, "/ps/test/large", code=Code.POST).begin(body, 64, 2)
    further = Block(1, False, exponent_of(64)).option(Option.BLOCK2)
    reply = ask(target.build(Code.POST, "/ps/test/large", options=(further,)))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert control.changes("/ps/test/large") == 0


@pytest.mark.requirement("MSG-1410")
@pytest.mark.needs(CONTROL)
def test_answer_is_no_beginning_of_a_request(target: Target, ask: Ask, control: Control) -> None:
    """What a server keeps to send looks like what it keeps to act on, when both lie in one table."""
    wanted = Block(0, False, exponent_of(32)).option(Option.BLOCK2)
    first = target.build(
        Code.POST, "/ps/test/large", bytes(64), content_format=CONTENT_FORMAT_OCTET_STREAM, options=(wanted,)
    )
    assert ask(first).code == Code.CHANGED
    upload = Upload(target, ask, "/ps/test/large", code=Code.POST, content_format=CONTENT_FORMAT_OCTET_STREAM)
    reply = upload.part(Block(2, False, exponent_of(32)), b"the rest")
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert control.changes("/ps/test/large") == 1


@pytest.mark.requirement("MSG-1500", "MSG-1510")
@pytest.mark.needs(CONTROL)
def test_answer_that_nobody_fetches_is_forgotten(target: Target, ask: Ask, control: Control) -> None:
    """A client asks for much, takes the first block, and is never seen again."""
    wanted = Block(0, False, exponent_of(32)).option(Option.BLOCK2)
    assert ask(target.build(Code.POST, "/ps/test/large", bytes(100), options=(wanted,))).code == Code.CHANGED
    control.advance(247)
    further = Block(1, False, exponent_of(32)).option(Option.BLOCK2)
    reply = ask(target.build(Code.POST, "/ps/test/large", options=(further,)))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)
    assert control.changes("/ps/test/large") == 1


@pytest.mark.requirement("MSG-1510", "MSG-1440")
def test_answer_over_a_channel_is_not_told_in_the_open(target: Target, channel: Channel, control: Control) -> None:
    """The first block was protected, and so is the second."""
    secret = b"a secret that is longer than a block of thirty-two bytes"
    wanted = Block(0, False, 1).option(Option.BLOCK2)
    assert channel.ask(target.build(Code.POST, "/ps/test/large", secret, options=(wanted,))).code == Code.CHANGED
    further = Block(1, False, 1).option(Option.BLOCK2)
    reply = target.exchange(target.build(Code.POST, "/ps/test/large", options=(further,)))
    target.expect_refusal(reply, Code.REQUEST_ENTITY_INCOMPLETE, Problem.INCOMPLETE)


@pytest.mark.requirement("MSG-900")
@pytest.mark.parametrize("tags", [[b""], [b"\x01"], [b"12345678"], [b"a", b"b"]], ids=repr)
def test_tag_without_a_block_means_nothing(
    target: Target, ask: Ask, large: str, body: bytes, tags: list[bytes]
) -> None:
    """A proxy put the blocks together and left the tags: the request is one like any other."""
    options = tuple((int(Option.REQUEST_TAG), tag) for tag in tags)
    assert ask(target.build(Code.PUT, large, body, options=options)).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-900")
def test_whole_request_is_not_joined_to_blocks_with_its_tag(
    target: Target, ask: Ask, large: str, body: bytes, rng: random.Random
) -> None:
    """A transfer is in progress, and a request that needs no blocks has its tag."""
    tag = (int(Option.REQUEST_TAG), b"\x01")
    Upload(target, ask, large, tag).begin(rng.randbytes(200), 64)
    assert ask(target.build(Code.PUT, large, body, options=(tag,))).code >> 5 == 2
    assert read_whole(target, large) == body


@pytest.mark.requirement("MSG-910")
def test_responses_have_no_tag(target: Target, ask: Ask, large: str, body: bytes) -> None:
    """Tags are the client's, for its own use; one that comes back is one more thing to tell two channels apart by."""
    upload = Upload(target, ask, large, (Option.REQUEST_TAG, b"\x01"))
    replies = [upload.part(*part) for part in parts_of(body, 64)]
    replies.append(ask(target.build(Code.GET, large, options=((Option.REQUEST_TAG, b"\x01"),))))
    replies.append(upload.part(Block(7, True, 2), bytes(64)))
    assert all(reply.option(Option.REQUEST_TAG) is None for reply in replies)
