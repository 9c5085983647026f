"""Faults of servers that take bodies in blocks: bodies that nobody sent, and memory for anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.channel import oscore
from picosec.errors import ProtocolError
from picosec.messaging.blocks import Block, block_of, exchanged
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.held import Operation, Party
from picosec.registry import RESPONSE_CODE, Problem
from picosec.roles import server
from picosec_conformance.faults import fault


def _acknowledging(changed: Callable[[Message], Message]) -> None:
    """Send other answers to blocks that are not the last."""
    original = Blockwise.serve

    def serve(self: Blockwise, *given: Any) -> Answer:
        answer = original(self, *given)
        taken = answer.response.code == Code.CONTINUE
        return replace(answer, response=changed(answer.response)) if taken else answer

    Blockwise.serve = serve


def _with_block1(response: Message, changed: Callable[[Block], Block]) -> Message:
    block = block_of(response, Option.BLOCK1)
    return response if block is None else exchanged(response, (Option.BLOCK1,), changed(block).option(Option.BLOCK1))


@fault("MSG-1390")
def says_changed_after_each_block() -> None:
    """2.04 means that it worked, and it did: the client believes that each block was acted on."""
    _acknowledging(lambda response: replace(response, code=Code.CHANGED))


@fault("MSG-1390")
def acknowledges_the_next_block() -> None:
    """The number in the answer is the one that is wanted next, as in TCP."""
    _acknowledging(lambda response: _with_block1(response, lambda block: replace(block, number=block.number + 1)))


@fault("MSG-1390")
def does_not_say_that_it_waits_for_more() -> None:
    """M unset says that this block was enacted on its own."""
    _acknowledging(lambda response: _with_block1(response, lambda block: replace(block, more=False)))


@fault("MSG-1390")
def asks_for_larger_blocks() -> None:
    """What the server likes best is what it says, whatever the client has room for."""
    _acknowledging(lambda response: _with_block1(response, lambda block: replace(block, exponent=6)))


def _joining(joined: Callable[[Any, Blockwise, Operation, Block, Message], bytes]) -> None:
    """Put blocks together in another way; ``joined`` gets the right way first."""
    original = Blockwise._joined

    def join(self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        return joined(original, self, operation, block, request)

    Blockwise._joined = join


def received(self: Blockwise, operation: Operation) -> bytes:
    """Return what has come of a body so far."""
    kept = self._held.find(operation)
    return b"" if kept is None or kept.complete else kept.message.payload


@fault("MSG-1400")
def acts_on_each_block() -> None:
    """A block is a request with a payload, and the payload is written (the body is its last block)."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, *rest: Any) -> Answer:
        return original(self, party, exchanged(request, (Option.BLOCK1,)), *rest)

    Blockwise.serve = serve


@fault("MSG-1400")
def leaves_the_last_block_out() -> None:
    """The last block says that the body is complete, so what is there is the body."""
    _joining(
        lambda original, self, operation, block, request: (
            original(self, operation, block, request) if block.more or not block.number else received(self, operation)
        )
    )


@fault("MSG-1400")
def counts_in_blocks() -> None:
    """The third message has block 2, whatever its size: a client that shrinks its blocks is out of step."""
    numbers: dict[Operation, int] = {}

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        expected = numbers.get(operation, 0) if block.number else 0
        if block.number != expected:
            raise ProtocolError(Problem.INCOMPLETE, "MSG-1400")
        numbers[operation] = expected + 1
        return (received(self, operation) if block.number else b"") + request.payload

    _joining(joined)


@fault("MSG-1400")
def acts_on_both_sides_of_a_body() -> None:
    """The last block is joined to the body and then served like any request: the command runs twice."""
    original = Blockwise._act

    def act(self: Blockwise, operation: Operation, request: Message, now: float, *rest: Any) -> Answer:
        if request.code != Code.GET:
            original(self, operation, request, now, *rest)
        return original(self, operation, request, now, *rest)

    Blockwise._act = act


@fault("MSG-1410")
def fills_gaps_with_zeros() -> None:
    """A buffer is as large as the last offset, and what did not come is zero (RFC 7959 section 7)."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        so_far = received(self, operation)[: block.offset] if block.number else b""
        return so_far.ljust(min(block.offset, 1 << 15), b"\0") + request.payload

    _joining(joined)


@fault("MSG-1410")
def appends_whatever_comes() -> None:
    """Blocks are appended in the order of their arrival; networks keep order, mostly."""
    _joining(
        lambda original, self, operation, block, request: (
            (received(self, operation) if block.number else b"") + request.payload
        )
    )


@fault("MSG-1410")
def begins_anywhere() -> None:
    """A transfer that is not known begins with the block that comes: after a restart, in the middle."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        unknown = self._held.find(operation) is None
        whole: bytes = request.payload if unknown else original(self, operation, block, request)
        return whole

    _joining(joined)


@fault("MSG-1410")
def calls_a_gap_a_bad_request() -> None:
    """4.00 for all that is wrong: the client does not learn that it may begin again."""
    RESPONSE_CODE[Problem.INCOMPLETE] = int(Code.BAD_REQUEST)


@fault("MSG-1420")
def takes_short_blocks() -> None:
    """The payload is as long as it is; SZX is for others."""
    _joining(
        lambda original, self, operation, block, request: (
            (received(self, operation) if block.number else b"") + request.payload
        )
    )


@fault("MSG-1420")
def cuts_long_blocks() -> None:
    """As many bytes as a block has are copied, and the rest is dropped in silence."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        fitting = replace(request, payload=request.payload[: block.size])
        whole: bytes = original(self, operation, block, fitting)
        return whole

    _joining(joined)


@fault("MSG-1430")
def takes_the_format_of_the_first_block() -> None:
    """The Content-Format is read once; what the others say is not looked at."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        kept = self._held.find(operation)
        if kept is not None and block.number:
            first = [entry for entry in kept.message.options if entry[0] == Option.CONTENT_FORMAT]
            request = exchanged(request, (Option.CONTENT_FORMAT,), *first)
        whole: bytes = original(self, operation, block, request)
        return whole

    _joining(joined)


def _operation(of: Callable[[Operation], Operation]) -> None:
    """Tell operations apart by less."""
    original = Operation.of

    def known_by(cls: type[Operation], party: Party, request: Message) -> Operation:
        return of(original(party, request))

    Operation.of = classmethod(known_by)


def _without(operation: Operation, number: int) -> Operation:
    return replace(operation, options=tuple(entry for entry in operation.options if entry[0] != number))


@fault("MSG-1440")
def does_not_know_request_tags() -> None:
    """Request-Tag is elective, and ignored: blocks of one command end up in the next (RFC 9175 section 3.5.1)."""
    _operation(lambda operation: _without(operation, Option.REQUEST_TAG))


@fault("MSG-1440")
def reads_tags_as_numbers() -> None:
    """Tags are compared as integers: leading zeros, and no tag at all, make no difference."""

    def of(operation: Operation) -> Operation:
        tags = [value for number, value in operation.options if number == Option.REQUEST_TAG]
        tag = (int(Option.REQUEST_TAG), tags[0].lstrip(b"\0") if tags else b"")
        return replace(_without(operation, Option.REQUEST_TAG), options=(*_without(operation, 292).options, tag))

    _operation(of)


@fault("MSG-1440")
def compares_the_path_alone() -> None:
    """A transfer is known by its path; the query is for the resource."""
    _operation(lambda operation: _without(operation, Option.URI_QUERY))


@fault("MSG-1440")
def has_one_transfer_for_all_paths() -> None:
    """One buffer, and whoever sends the last block gets what is in it."""
    _operation(lambda operation: _without(operation, Option.URI_PATH))


@fault("MSG-1440")
def compares_no_methods() -> None:
    """What was sent to be examined is put in place."""
    _operation(lambda operation: replace(operation, code=0))


@fault("MSG-1440")
def knows_parties_by_address() -> None:
    """A transfer belongs to an address and a port: a stranger there adds to what comes over a channel."""
    server.Party = lambda name, protected: Party("somebody", protected=False)


@fault("MSG-1440")
def has_one_transfer_for_all_channels() -> None:
    """What comes over a channel is trusted, and trust is all that matters."""
    server.Party = lambda name, protected: Party("trusted" if protected else name, protected)


@fault("MSG-1440")
def believes_blocks_on_the_outside() -> None:
    """Block options are read where they stand, inside and outside of the protection."""
    oscore.OUTER_OPTIONS = oscore.OUTER_OPTIONS | {int(Option.BLOCK1)}


@fault("MSG-1450")
def goes_on_where_it_was() -> None:
    """A second block 0 is taken for the one that is missing next: two bodies become one."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        if block.number:
            whole: bytes = original(self, operation, block, request)
            return whole
        return received(self, operation) + request.payload

    _joining(joined)


@fault("MSG-1450")
def waits_for_the_first_body() -> None:
    """A transfer is in progress, so another one cannot begin: a client that restarted waits for minutes."""

    def joined(original: Any, self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        if not block.number and received(self, operation):
            raise ProtocolError(Problem.INCOMPLETE, "MSG-1450")
        whole: bytes = original(self, operation, block, request)
        return whole

    _joining(joined)
