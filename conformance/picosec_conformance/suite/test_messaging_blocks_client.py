"""The target as a client of what is large: what it sends, what it puts together, and what it does not believe."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.blocks import Block, block_of, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes, uint_value
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM
from picosec_conformance.blockwise import ETAG, OTHER_ETAG, SIZES, TargetAsClient, block_in, parts_of
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.observing import ObservingTarget, only
from picosec_conformance.target import Target


def part(number: int, size: int, *, more: bool = True) -> tuple[int, bytes]:
    """Return a Block2 option."""
    return Block(number, more, exponent_of(size)).option(Option.BLOCK2)


@pytest.mark.requirement("MSG-1520")
@pytest.mark.parametrize("length", [1025, 2048, 2049, 3500])
def test_large_body_goes_in_blocks(client: TargetAsClient, rng: random.Random, length: int) -> None:
    """A datagram of three thousand bytes arrives as fragments, or not at all."""
    body = rng.randbytes(length)
    handle = client.act(Code.PUT, "/large", body, content_format=CONTENT_FORMAT_OCTET_STREAM)
    requests, collected = client.collect()
    client.answer(Code.CHANGED, b"done", block_in(requests[-1], Option.BLOCK1).option(Option.BLOCK1))

    assert collected == body
    assert {(each.code, each.path, each.content_format) for each in requests} == {
        (Code.PUT, "/large", CONTENT_FORMAT_OCTET_STREAM)
    }
    assert client.outcome(handle) == ("response", b"done")


@pytest.mark.requirement("MSG-1520")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("surplus", [0, 1])
def test_blocks_have_the_size_that_is_wanted(
    client: TargetAsClient, rng: random.Random, size: int, surplus: int
) -> None:
    """A radio with frames of 100 bytes wants blocks of 64."""
    body = rng.randbytes(3 * size + surplus)
    handle = client.act(Code.POST, "/large", body, size=size)
    requests, collected = client.collect()
    client.answer(Code.CHANGED, b"", block_in(requests[-1], Option.BLOCK1).option(Option.BLOCK1))

    assert collected == body
    assert len(requests) == 3 + surplus
    assert {block_in(each, Option.BLOCK1).size for each in requests} == {size}
    assert client.outcome(handle) == ("response", b"")


@pytest.mark.requirement("MSG-1520")
def test_next_block_waits_for_the_answer(client: TargetAsClient, target: Target) -> None:
    """All blocks at once are the burst that block-wise transfer is there to prevent."""
    client.act(Code.PUT, "/large", bytes(3000))
    client.receive()
    assert target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1520")
def test_refusal_ends_a_transfer(client: TargetAsClient, target: Target) -> None:
    """Nobody wants the rest of what was refused."""
    handle = client.act(Code.PUT, "/large", bytes(3000))
    client.receive()
    client.answer(Code.FORBIDDEN, b"no")
    assert client.outcome(handle) == ("response", b"no")


@pytest.mark.requirement("MSG-1530")
@pytest.mark.parametrize(("wanted", "room"), [(1024, 64), (1024, 512), (256, 16), (32, 16)])
def test_smaller_blocks_of_the_server_are_heeded(
    client: TargetAsClient, rng: random.Random, wanted: int, room: int
) -> None:
    """The first block was too large already, and is taken all the same: the next begins at number 16."""
    body = rng.randbytes(3 * wanted + 7)
    handle = client.act(Code.PUT, "/large", body, size=wanted)
    requests, collected = client.collect(room)
    client.answer(Code.CHANGED)

    assert collected == body
    assert all(block_in(each, Option.BLOCK1).size <= room for each in requests[1:])
    assert client.outcome(handle) == ("response", b"")


@pytest.mark.requirement("MSG-1530")
@pytest.mark.parametrize("length", [60, 3000])
def test_too_large_with_a_smaller_size_is_a_hint(client: TargetAsClient, rng: random.Random, length: int) -> None:
    """The server has no room for such a block, but for a smaller one (RFC 7959 section 2.9.3)."""
    body = rng.randbytes(length)
    handle = client.act(Code.PUT, "/large", body)
    client.receive()
    client.answer(Code.REQUEST_ENTITY_TOO_LARGE, b"", Block(0, True, exponent_of(32)).option(Option.BLOCK1))
    requests, collected = client.collect()
    client.answer(Code.CHANGED)

    assert collected == body
    assert {block_in(each, Option.BLOCK1).size for each in requests} == {32}
    assert client.outcome(handle) == ("response", b"")


@pytest.mark.requirement("MSG-1520", "MSG-1530")
@pytest.mark.parametrize("size", [64, 128, 1024])
def test_too_large_with_no_smaller_size_is_the_outcome(client: TargetAsClient, size: int) -> None:
    """The body is what there is no room for; to send the same again brings the same answer, for ever."""
    handle = client.act(Code.PUT, "/large", bytes(200), size=64)
    client.receive()
    refused = Block(0, True, exponent_of(size)).option(Option.BLOCK1)
    client.answer(Code.REQUEST_ENTITY_TOO_LARGE, b"no", refused)
    assert client.outcome(handle) == ("response", b"no")


@pytest.mark.requirement("MSG-1530", "MSG-1520")
def test_hint_in_the_middle_begins_anew(client: TargetAsClient, rng: random.Random) -> None:
    """The server runs out of room in the second block, and forgets the first."""
    body = rng.randbytes(300)
    handle = client.act(Code.PUT, "/large", body, size=128)
    first = block_in(client.receive(), Option.BLOCK1)
    client.answer(Code.CONTINUE, b"", first.option(Option.BLOCK1))
    client.receive()
    client.answer(Code.REQUEST_ENTITY_TOO_LARGE, b"", Block(1, True, exponent_of(32)).option(Option.BLOCK1))
    requests, collected = client.collect()
    client.answer(Code.CHANGED)

    assert collected == body
    assert {block_in(each, Option.BLOCK1).size for each in requests} == {32}
    assert client.outcome(handle) == ("response", b"")


@pytest.mark.requirement("MSG-1530")
def test_larger_blocks_of_the_server_are_not(client: TargetAsClient, rng: random.Random) -> None:
    """The client asked for small ones because it has room for small ones."""
    body = rng.randbytes(200)
    client.act(Code.PUT, "/large", body, size=32)
    request = client.receive()
    client.answer(Code.CONTINUE, b"", Block(0, True, 6).option(Option.BLOCK1))
    assert block_in(request, Option.BLOCK1).size == 32
    assert block_in(client.receive(), Option.BLOCK1).size <= 32


@pytest.mark.requirement("MSG-1540")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("surplus", [0, 1])
def test_blocks_of_a_response_become_its_body(
    client: TargetAsClient, rng: random.Random, size: int, surplus: int
) -> None:
    """What an app gets is the description of the device, not the first kilobyte of it."""
    body = rng.randbytes(3 * size + surplus)
    handle = client.act(Code.GET, "/large", size=size)
    client.receive()
    client.serve(body, size, ETAG)
    assert client.outcome(handle) == ("response", body)


@pytest.mark.requirement("MSG-1540")
@pytest.mark.parametrize("size", SIZES)
def test_response_may_come_in_blocks_unasked(client: TargetAsClient, rng: random.Random, size: int) -> None:
    """The server knows how large it is, and the client did not."""
    body = rng.randbytes(3 * size + 1)
    handle = client.act()
    assert block_of(client.receive(), Option.BLOCK2) is None
    client.serve(body, size, ETAG)
    assert client.outcome(handle) == ("response", body)


@pytest.mark.requirement("MSG-1540")
def test_block_that_is_the_only_one_is_the_body(client: TargetAsClient) -> None:
    """A small representation answers a request that would have taken blocks."""
    handle = client.act(size=64)
    client.receive()
    client.answer(Code.CONTENT, b"small", part(0, 64, more=False))
    assert client.outcome(handle) == ("response", b"small")


@pytest.mark.requirement("MSG-1540")
def test_wanted_size_is_told_with_the_first_request(client: TargetAsClient) -> None:
    """Early negotiation: the first response is already as small as the client needs it."""
    client.act(size=64)
    assert block_of(client.receive(), Option.BLOCK2) == Block(0, False, exponent_of(64))


@pytest.mark.requirement("MSG-1540")
def test_wanted_size_is_told_with_the_last_block(client: TargetAsClient, rng: random.Random) -> None:
    """The answer to all blocks is the first that can be large: what is told earlier, or never, helps nobody."""
    client.act(Code.POST, "/turn", rng.randbytes(200), size=64)
    requests, _ = client.collect()
    assert block_of(requests[-1], Option.BLOCK2) == Block(0, False, exponent_of(64))


@pytest.mark.requirement("MSG-1540")
def test_error_in_the_middle_is_the_outcome(client: TargetAsClient) -> None:
    """Half a representation is reported as none."""
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, bytes(64), part(0, 64), ETAG)
    client.receive()
    client.answer(Code.NOT_FOUND, b"gone")
    assert client.outcome(handle) == ("response", b"gone")


@pytest.mark.requirement("MSG-1540", "MSG-1520")
@pytest.mark.parametrize("size", SIZES)
def test_large_request_and_large_response_are_one_act(client: TargetAsClient, rng: random.Random, size: int) -> None:
    """Both bodies need blocks: first the one, then the other, and one outcome."""
    body = rng.randbytes(2 * size + 1)
    handle = client.act(Code.POST, "/turn", body, size=size)
    requests, collected = client.collect()
    last = block_in(requests[-1], Option.BLOCK1).option(Option.BLOCK1)
    first, *others = parts_of(body[::-1], size)
    client.answer(Code.CHANGED, first[1], last, first[0].option(Option.BLOCK2), ETAG)
    for block, payload in others:
        request = client.receive()
        assert (request.code, request.path, request.option(Option.BLOCK1)) == (Code.POST, "/turn", None)
        client.answer(Code.CHANGED, payload, block.option(Option.BLOCK2), ETAG)
    assert collected == body
    assert client.outcome(handle) == ("response", body[::-1])


@pytest.mark.requirement("MSG-1550")
@pytest.mark.parametrize("code", [Code.GET, Code.POST])
def test_further_blocks_are_asked_for_as_the_first(client: TargetAsClient, rng: random.Random, code: Code) -> None:
    """Another path, another method or another size, and the block is one of something else."""
    client.act(code, "/large/thing", b"" if code == Code.GET else b"turn this around")
    first = client.receive()
    for number, request in enumerate(client.serve(rng.randbytes(300), 64, ETAG), 1):
        assert (request.code, request.path) == (code, first.path)
        assert block_of(request, Option.BLOCK2) == Block(number, False, exponent_of(64))
        assert request.payload == b""


@pytest.mark.requirement("MSG-1550")
def test_size_may_shrink_in_the_middle_of_a_response(client: TargetAsClient, rng: random.Random) -> None:
    """The server has less room than it thought: the block at the same byte has another number."""
    body = rng.randbytes(300)
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, body[:128], part(0, 128), ETAG)
    client.receive()
    client.answer(Code.CONTENT, body[128:160], part(4, 32), ETAG)
    for block, payload in parts_of(body, 32, 160):
        assert block_of(client.receive(), Option.BLOCK2) == Block(block.number, False, exponent_of(32))
        client.answer(Code.CONTENT, payload, block.option(Option.BLOCK2), ETAG)
    assert client.outcome(handle) == ("response", body)


@pytest.mark.requirement("MSG-1560")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param([ETAG], [OTHER_ETAG], id="other-etag"),
        pytest.param([ETAG], [], id="no-etag-any-more"),
        pytest.param([], [ETAG], id="etag-all-at-once"),
        pytest.param(
            [ETAG, (Option.CONTENT_FORMAT, uint_bytes(CONTENT_FORMAT_CBOR))],
            [ETAG, (Option.CONTENT_FORMAT, uint_bytes(CONTENT_FORMAT_OCTET_STREAM))],
            id="other-format",
        ),
    ],
)
def test_representation_that_changes_is_begun_anew(
    client: TargetAsClient, first: list[tuple[int, bytes]], then: list[tuple[int, bytes]]
) -> None:
    """Half of an old configuration and half of a new one is a configuration that nobody made."""
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, b"a" * 32, part(0, 32), *first)
    client.receive()
    client.answer(Code.CONTENT, b"b" * 8, part(1, 32, more=False), *then)
    request = client.receive()
    assert (block_of(request, Option.BLOCK2) or Block(0, False, 0)).number == 0
    client.answer(Code.CONTENT, b"b" * 32, part(0, 32), *then)
    client.receive()
    client.answer(Code.CONTENT, b"b" * 8, part(1, 32, more=False), *then)
    assert client.outcome(handle) == ("response", b"b" * 40)


@pytest.mark.requirement("MSG-1560")
def test_representation_that_never_stands_still_is_given_up(client: TargetAsClient) -> None:
    """A server that changes its mind with each block keeps a client busy for ever; twice it begins again."""
    handle = client.act()
    begun = 0
    for number in range(20):
        block = block_of(client.receive(), Option.BLOCK2) or Block(0, False, 1)
        begun += not block.number
        assert begun <= 3
        client.answer(Code.CONTENT, bytes(32), part(block.number, 32), (Option.ETAG, bytes((number,))))
        if ended(client, handle):
            return
    pytest.fail("the target goes on after twenty representations")


def ended(client: TargetAsClient, handle: int) -> bool:
    """Whether an act that should come to nothing has; what the target sends instead stays for the next to take."""
    events = [event for event in client.control.events() if event.fields.get(0) == handle]
    assert all((event.name, event.fields[1]) == ("failed", "inconsistent") for event in events)
    return bool(events)


@pytest.mark.requirement("MSG-1560")
def test_answer_to_a_command_is_not_asked_for_again(client: TargetAsClient) -> None:
    """To begin anew would be to act twice."""
    handle = client.act(Code.POST, "/door")
    client.receive()
    client.answer(Code.CHANGED, bytes(32), part(0, 32), ETAG)
    client.receive()
    client.answer(Code.CHANGED, bytes(8), part(1, 32, more=False), OTHER_ETAG)
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1560")
@pytest.mark.parametrize(
    ("block", "payload"),
    [
        pytest.param(part(1, 32), bytes(32), id="second-first"),
        pytest.param(part(7, 32, more=False), bytes(8), id="last-first"),
        pytest.param(part(0, 32), bytes(31), id="short"),
        pytest.param(part(0, 32), bytes(33), id="long"),
        pytest.param(part(0, 32), b"", id="empty"),
    ],
)
def test_first_block_that_is_none_is_not_believed(
    client: TargetAsClient, block: tuple[int, bytes], payload: bytes
) -> None:
    """What was asked for begins at byte 0, and is as long as it says."""
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, payload, block, ETAG)
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1560")
@pytest.mark.parametrize(
    ("block", "payload"),
    [
        pytest.param(part(0, 32), bytes(32), id="again"),
        pytest.param(part(2, 32), bytes(32), id="one-left-out"),
        pytest.param(part(1, 64), bytes(64), id="gap-by-size"),
        pytest.param(part(1, 16), bytes(16), id="overlap-by-size"),
        pytest.param(part((1 << 20) - 1, 32, more=False), bytes(32), id="greatest-number"),
        pytest.param(part(1, 32), bytes(16), id="short"),
        pytest.param(part(1, 32), bytes(33), id="long"),
    ],
)
def test_block_that_does_not_continue_is_not_joined(
    client: TargetAsClient, block: tuple[int, bytes], payload: bytes
) -> None:
    """A block from elsewhere in the body, or of another size, moves all that comes behind."""
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, bytes(32), part(0, 32), ETAG)
    client.receive()
    client.answer(Code.CONTENT, payload, block, ETAG)
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1560")
def test_whole_response_in_place_of_a_block_is_not_joined(client: TargetAsClient) -> None:
    """A server that restarted does not know blocks any more, and answers with all of it."""
    handle = client.act()
    client.receive()
    client.answer(Code.CONTENT, bytes(32), part(0, 32), ETAG)
    client.receive()
    client.answer(Code.CONTENT, bytes(40), ETAG)
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1560")
@pytest.mark.parametrize(
    ("code", "options"),
    [
        pytest.param(Code.CONTINUE, [], id="no-block"),
        pytest.param(Code.CONTINUE, [Block(1, True, 6).option(Option.BLOCK1)], id="another-block"),
        pytest.param(Code.CHANGED, [], id="success-of-what"),
    ],
)
def test_success_that_is_about_another_block_is_not_believed(
    client: TargetAsClient, code: Code, options: list[tuple[int, bytes]]
) -> None:
    """Whoever takes any success for the right one believes in a body that never arrived."""
    handle = client.act(Code.PUT, "/large", bytes(3000))
    client.receive()
    client.answer(code, b"", *options)
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1560")
def test_continue_without_anything_to_continue_is_not_believed(client: TargetAsClient) -> None:
    """2.31 is no outcome, and there is nothing more to send."""
    handle = client.act(Code.PUT, "/small", b"small")
    client.receive()
    client.answer(Code.CONTINUE, b"", Block(0, True, 6).option(Option.BLOCK1))
    assert client.outcome(handle) == ("failed", "inconsistent")


@pytest.mark.requirement("MSG-1570")
def test_response_without_end_is_given_up(client: TargetAsClient, control: Control) -> None:
    """A server that always has one more block takes all the memory there is."""
    handle = client.act()
    client.receive()
    for number in range(4096):
        client.answer(Code.CONTENT, bytes(1024), part(number, 1024), ETAG)
        if events := control.events():
            assert [(event.name, event.fields) for event in events] == [("failed", {0: handle, 1: "too_large"})]
            return
        client.receive()
    pytest.fail("the target collected four megabytes")


@pytest.mark.requirement("MSG-1570", "MSG-1540")
@pytest.mark.parametrize("announced", [0, 1, 200, (1 << 32) - 1])
def test_announced_size_is_not_relied_on(client: TargetAsClient, rng: random.Random, announced: int) -> None:
    """Four gigabytes announced, and a hundred bytes sent; or the other way round."""
    body = rng.randbytes(100)
    handle = client.act()
    client.receive()
    client.serve(body, 32, ETAG, (Option.SIZE2, uint_bytes(announced)))
    name, value = client.outcome(handle)
    assert (name, value) in (("response", body), ("failed", "too_large"))
    assert name == "response" or announced > 1 << 20


def tags_of(requests: list[Message]) -> set[tuple[bytes, ...]]:
    """Return the lists of Request-Tags of some requests."""
    return {tuple(each.option_values(Option.REQUEST_TAG)) for each in requests}


@pytest.mark.requirement("MSG-1580")
def test_each_operation_over_a_channel_has_a_tag_of_its_own(target: Target, control: Control, channel: Channel) -> None:
    """A block that was held back in the last operation must not fit into the next (RFC 9175 section 3.5.1)."""
    client = TargetAsClient(target, control, channel)
    seen: set[tuple[bytes, ...]] = set()
    for end in ("answered", "answered", "refused", "never-answered", "answered"):
        client.act(Code.PUT, "/lock", bytes(200), size=64)
        if end == "answered":
            requests, _ = client.collect()
            client.answer(Code.CHANGED)
        else:
            requests = [client.receive()]
            if end == "refused":
                client.answer(Code.REQUEST_ENTITY_INCOMPLETE)
            else:
                control.advance(300)
        tags = tags_of(requests)
        assert len(tags) == 1
        assert not tags & seen
        seen |= tags


@pytest.mark.requirement("MSG-1580")
def test_tags_do_not_come_again_after_a_restart(target: Target, control: Control, channel: Channel) -> None:
    """The channel outlives the restart, and so do blocks that somebody held back."""
    client = TargetAsClient(target, control, channel)
    seen: set[tuple[bytes, ...]] = set()
    for _ in range(3):
        client.act(Code.PUT, "/lock", bytes(200), size=64)
        tags = tags_of([client.receive()])
        assert not tags & seen
        seen |= tags
        control.reboot()


@pytest.mark.requirement("MSG-1580")
def test_tag_stays_while_the_response_is_fetched(target: Target, control: Control, channel: Channel) -> None:
    """A request without it is one of another operation, whose response nobody keeps."""
    client = TargetAsClient(target, control, channel)
    client.act(Code.POST, "/turn", bytes(100), size=64)
    requests, _ = client.collect()
    last = block_in(requests[-1], Option.BLOCK1).option(Option.BLOCK1)
    client.answer(Code.CHANGED, bytes(64), last, part(0, 64), ETAG)
    assert len(tags_of([*requests, client.receive()])) == 1


@pytest.mark.requirement("MSG-1520")
def test_size_of_the_body_is_announced(client: TargetAsClient) -> None:
    """A server that cannot take it says so before it has taken half."""
    client.act(Code.PUT, "/large", bytes(3000))
    announced = client.receive().option(Option.SIZE1)
    assert announced is None or uint_value(announced) == 3000


@pytest.mark.requirement("MSG-1540")
@pytest.mark.needs("messaging.observe.client")
def test_large_notification_is_reported_whole(target: Target, control: Control, rng: random.Random) -> None:
    """A notification holds the first block of what is large; its observer is told all of it (RFC 7959 section 2.6)."""
    body = rng.randbytes(100)
    observed = ObservingTarget(target, control)
    observed.accept()
    observed.happened()
    replies = observed.notify(2, body[:64], part(0, 64), ETAG)
    request = only([reply for reply in replies if reply.is_request])
    assert request.path == observed.registration.path
    assert request.option(Option.OBSERVE) is None
    assert block_of(request, Option.BLOCK2) == Block(1, False, exponent_of(64))
    options = tuple(sorted((part(1, 64, more=False), ETAG)))
    target.send(Message(Type.ACK, Code.CONTENT, request.message_id, request.token, options, body[64:]))
    assert observed.happened() == [("notification", body)]
