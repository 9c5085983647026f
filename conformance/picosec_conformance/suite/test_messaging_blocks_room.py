"""Bodies that come in blocks: what there is room for, for how long, and what happens when all of a body is there."""

from __future__ import annotations

import random

import pytest

from picosec.messaging import cbor
from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Option, uint_bytes, uint_value
from picosec.messaging.problem import DETAIL
from picosec.registry import CONTENT_FORMAT_OCTET_STREAM, Problem
from picosec_conformance.blockwise import SIZES, Ask, Upload, block_in, judge_refused, parts_of, read_whole
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target
from picosec_conformance.verdicts import Inconclusive


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
