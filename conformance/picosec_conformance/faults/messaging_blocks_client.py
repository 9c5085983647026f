"""Faults of clients of what is large: bodies that fall apart on the way, and bodies that nobody sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.messaging import transfers
from picosec.messaging.blocks import BLOCK_SIZES, LARGEST, Block, block_of, exchanged
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.transfers import Input, Transfer
from picosec.roles.client import Client
from picosec_conformance.faults import fault


def _with_block(message: Message, option: int, changed: Callable[[Block], Block]) -> Message:
    block = block_of(message, option)
    return message if block is None else exchanged(message, (option,), changed(block).option(option))


def _sending(changed: Callable[[Message], Message]) -> None:
    """Send other requests than the right ones."""
    original = Transfer.answered

    def answered(self: Transfer, response: Message) -> Message:
        message = original(self, response)
        return changed(message) if message.is_request else message

    begin = Transfer.begin
    Transfer.begin = lambda self: changed(begin(self))
    Transfer.answered = answered


def _reading(changed: Callable[[Transfer, Message], Message]) -> None:
    """Take a response for another one."""
    original = Transfer.answered
    Transfer.answered = lambda self, response: original(self, changed(self, response))


@fault("MSG-1520")
def leaves_large_bodies_to_the_network() -> None:
    """Sixty-four kilobytes fit into a datagram, and IP cuts it."""
    original = Transfer.__init__

    def init(self: Transfer, request: Message, exponent: int | None = None, tag: bytes | None = None) -> None:
        original(self, request, exponent, tag)
        self._exponent = 12 if exponent is None else exponent

    Transfer.__init__ = init


@fault("MSG-1520")
def numbers_blocks_from_one() -> None:
    """The first block is block 1, as everybody counts."""
    _sending(lambda request: _with_block(request, Option.BLOCK1, lambda block: replace(block, number=block.number + 1)))


@fault("MSG-1520")
def says_more_with_the_last_block() -> None:
    """The last block is found by its being short, and here it is not (only bodies that fill their last block)."""

    def promising(request: Message) -> Message:
        full = len(request.payload) in BLOCK_SIZES
        return _with_block(request, Option.BLOCK1, lambda block: replace(block, more=block.more or full))

    _sending(promising)


@fault("MSG-1520")
def sends_the_rest_after_the_first_block() -> None:
    """The first answer says that the server can, and all that is left goes at once."""
    original = Transfer._answered_while_sending

    def answered(self: Transfer, response: Message) -> Message:
        message = original(self, response)
        block = block_of(message, Option.BLOCK1) if message.is_request else None
        if block is None or not block.more:
            return message
        last = replace(block, more=False)
        self._sent = last
        rest = exchanged(message, (Option.BLOCK1,), last.option(Option.BLOCK1))
        return replace(rest, payload=self._request.payload[block.offset :][: block.size])

    Transfer._answered_while_sending = answered


@fault("MSG-1530")
def sticks_to_its_size() -> None:
    """The size is configured, and what the server says of it is not looked at."""

    def read(transfer: Transfer, response: Message) -> Message:
        return _with_block(response, Option.BLOCK1, lambda block: replace(block, exponent=transfer._exponent))

    _reading(read)


@fault("MSG-1530")
def goes_on_counting_when_blocks_shrink() -> None:
    """Block 1 comes after block 0, in whatever size: what lies between is never sent."""
    original = Transfer._next_part

    def next_part(self: Transfer) -> Message:
        if self._sent is not None and self._sent.exponent > self._exponent and self._taken:
            self._taken = (self._sent.number + 1) * (16 << self._exponent)
        return original(self)

    Transfer._next_part = next_part


@fault("MSG-1530")
def grows_to_what_the_server_likes() -> None:
    """The size in Block1 is an order, also when it is larger than what there is room for."""
    original = Transfer._answered_while_sending

    def answered(self: Transfer, response: Message) -> Message:
        block = block_of(response, Option.BLOCK1)
        if block is not None and response.code == Code.CONTINUE and self._sent is not None and not self._sent.number:
            self._exponent = block.exponent
        return original(self, response)

    Transfer._answered_while_sending = answered


@fault("MSG-1540")
def reports_the_first_block() -> None:
    """Block2 is a critical option that is understood, and its payload is a payload (half of a file is a file)."""
    _reading(lambda transfer, response: exchanged(response, (Option.BLOCK2,)))


@fault("MSG-1540")
def stops_before_the_last_block() -> None:
    """A block without M is the end, and what is in it comes behind the end."""
    original = Transfer._answered_while_fetching

    def answered(self: Transfer, response: Message) -> Message:
        block = block_of(response, Option.BLOCK2)
        if block is not None and not block.more and self._response is not None:
            return self._done(self._response)
        return original(self, response)

    Transfer._answered_while_fetching = answered


@fault("MSG-1540")
def reports_what_it_has_when_it_ends() -> None:
    """An error ends the transfer, and the app gets what came until then."""
    original = Transfer._answered_while_fetching

    def answered(self: Transfer, response: Message) -> Message:
        if response.code >> 5 != 2 and self._response is not None:
            return self._done(self._response)
        return original(self, response)

    Transfer._answered_while_fetching = answered


@fault("MSG-1550")
def copies_the_bit_of_the_response() -> None:
    """The option of the response is sent back with the next number."""
    _sending(lambda request: _with_block(request, Option.BLOCK2, lambda block: replace(block, more=block.number > 0)))


@fault("MSG-1550")
def reads_the_rest() -> None:
    """The rest of an answer is read, so with GET: it is the second block of something else."""

    def reading(request: Message) -> Message:
        block = block_of(request, Option.BLOCK2)
        return replace(request, code=Code.GET) if block and block.number else request

    _sending(reading)


@fault("MSG-1550")
def asks_in_blocks_of_its_own() -> None:
    """1024 is what it asks for, whatever the server gave: the numbers no longer fit."""
    _sending(lambda request: _with_block(request, Option.BLOCK2, lambda block: replace(block, exponent=LARGEST)))


def _without(name: str) -> None:
    """Leave a check out."""
    checks: dict[str, Any] = {
        "same": (transfers, "_SAME", ()),
        "place": (transfers, "_check", lambda block, response, offset: None),
    }
    module, attribute, instead = checks[name]
    setattr(module, attribute, instead)


@fault("MSG-1560")
def joins_representations() -> None:
    """The ETag is for caches: the first half of one version and the second half of the next."""
    _without("same")


@fault("MSG-1560")
def joins_whatever_comes() -> None:
    """The answer to a request for block 7 is block 7: why look?"""
    _without("place")


@fault("MSG-1560")
def looks_at_the_number_alone() -> None:
    """The number is right, so the block is, whatever its size (and its place)."""
    original = transfers._check

    def check(block: Block, response: Message, offset: int) -> None:
        if block.number != (offset + block.size - 1) // block.size:
            original(block, response, offset)

    transfers._check = check


@fault("MSG-1560")
def asks_again_for_what_was_done() -> None:
    """A transfer that fails begins anew, and with it the command."""
    original = Transfer._begin_anew

    def begin_anew(self: Transfer) -> Message:
        code, self._request = self._request.code, replace(self._request, code=Code.GET)
        message = original(self)
        self._request = replace(self._request, code=code)
        return replace(message, code=code)

    Transfer._begin_anew = begin_anew


@fault("MSG-1560")
def begins_anew_for_ever() -> None:
    """Some day the representation will stand still."""
    transfers.ATTEMPTS = 1 << 30


@fault("MSG-1560")
def takes_any_success_for_the_next() -> None:
    """A response means that something arrived."""

    def read(transfer: Transfer, response: Message) -> Message:
        sent = transfer._sent
        if sent is None or not sent.more or response.code >> 5 != 2:
            return response
        return exchanged(response, (Option.BLOCK1,), sent.option(Option.BLOCK1))

    _reading(read)


@fault("MSG-1560")
def takes_continue_for_an_outcome() -> None:
    """Class 2 is success, and success is reported."""
    original = Transfer._answered_while_sending

    def answered(self: Transfer, response: Message) -> Message:
        if response.code == Code.CONTINUE and (self._sent is None or not self._sent.more):
            self._advance(Input.LAST)
            return response
        return original(self, response)

    Transfer._answered_while_sending = answered


@fault("MSG-1570")
def collects_without_end() -> None:
    """The server will know when it is at the end."""
    transfers.MAX_BODY = 1 << 40


@fault("MSG-1580")
def sends_no_tags() -> None:
    """Blocks are protected, so they cannot be mixed (RFC 9175 section 3.5.1)."""
    Client._tag = lambda self, handle, channel: None  # type: ignore[return-value]


@fault("MSG-1580")
def recycles_its_tag() -> None:
    """An operation has a tag, and one tag is enough when there is one operation at a time."""
    Client._tag = lambda self, handle, channel: b"\x01"


@fault("MSG-1580")
def counts_tags_from_the_start() -> None:
    """A counter in memory: after a restart it begins anew, and the channel does not."""
    Client._tag = lambda self, handle, channel: handle.to_bytes(4, "big")


@fault("MSG-1580")
def makes_a_tag_for_each_block() -> None:
    """Fresh for every message: no two blocks belong together."""
    tags = iter(range(1, 1 << 30))

    def tagged(request: Message) -> Message:
        if request.option(Option.REQUEST_TAG) is None:
            return request
        return exchanged(request, (Option.REQUEST_TAG,), (Option.REQUEST_TAG, next(tags).to_bytes(4, "big")))

    _sending(tagged)


@fault("MSG-1580")
def drops_its_tag_when_it_fetches() -> None:
    """Request-Tag is about the body of the request, which is gone by then."""
    _sending(
        lambda request: (
            exchanged(request, (Option.REQUEST_TAG,)) if block_of(request, Option.BLOCK1) is None else request
        )
    )


@fault("MSG-1540")
def reports_the_first_block_of_what_it_observes() -> None:
    """A notification is a message, and is shown as it comes."""
    follow = Client.follow

    def shown(self: Client, handle: int, message: Message, notification: Message, *rest: Any) -> None:
        follow(self, handle, message, exchanged(notification, (Option.BLOCK2,)), *rest)

    Client.follow = shown
