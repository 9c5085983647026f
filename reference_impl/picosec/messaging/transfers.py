"""The client's side of block-wise transfer (RFC 7959, spec/v1/messaging-blocks.md): one request of ours, in as many
exchanges as its body and that of its response need.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import Final, NoReturn

from picosec.errors import ProtocolError
from picosec.messaging.blocks import LARGEST, MAX_BODY, Block, block_of, exchanged
from picosec.messaging.coap import Code, Message, Option, code_text, uint_bytes
from picosec.registry import Problem

#: How often a representation that changes under our hands is begun anew.
ATTEMPTS: Final = 3
_SUCCESS: Final = 2
#: What blocks of one representation have in common.
_SAME: Final = (Option.ETAG, Option.CONTENT_FORMAT)
#: What a request for a further block lacks: it registers nobody, and has no place among ordered requests (CHN-2020).
_OF_THE_FIRST: Final = (Option.OBSERVE, Option.DELIVERY)


class State(Enum):
    """Where a transfer stands."""

    SENDING = auto()
    FETCHING = auto()
    DONE = auto()


class Input(Enum):
    """What moves a transfer on: a response, by what it says of the one or the other body."""

    BLOCK_TAKEN = auto()
    SMALLER_BLOCKS_WANTED = auto()
    FIRST_BLOCK = auto()
    NEXT_BLOCK = auto()
    OTHER_REPRESENTATION = auto()
    LAST = auto()


#: The whole machine. What has no cell here is refused (MSG-1560).
TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.SENDING, Input.BLOCK_TAKEN): State.SENDING,
    (State.SENDING, Input.SMALLER_BLOCKS_WANTED): State.SENDING,
    (State.SENDING, Input.FIRST_BLOCK): State.FETCHING,
    (State.SENDING, Input.LAST): State.DONE,
    (State.FETCHING, Input.NEXT_BLOCK): State.FETCHING,
    (State.FETCHING, Input.OTHER_REPRESENTATION): State.SENDING,  # begun anew
    (State.FETCHING, Input.LAST): State.DONE,
}


class Transfer:
    """A request and its response, each of which may be larger than a message.

    ``exponent`` is that of the largest blocks wanted; without it they have 1024 bytes, and the server is not told.
    ``tag`` is the Request-Tag of a request that is cut.
    """

    def __init__(self, request: Message, exponent: int | None = None, tag: bytes | None = None) -> None:
        self.state = State.SENDING
        self._request = request
        self._asked = exponent
        self._exponent = LARGEST if exponent is None else exponent
        self._tag = tag
        #: Bytes of our body that the server has, and the block that is under way.
        self._taken = 0
        self._sent: Block | None = None
        #: The first block of the response with the body so far, and how large its blocks are.
        self._response: Message | None = None
        self._block: Block | None = None
        self._attempts = 1

    def begin(self) -> Message:
        """Return the first message."""
        return self._next_part()

    def answered(self, response: Message) -> Message:
        """Take the response to the message sent last; return the next request, or the whole response.

        Raises ``ProtocolError`` with ``INCONSISTENT`` (MSG-1560), ``TOO_LARGE`` (MSG-1570), ``BAD_REQUEST`` for a
        block size that does not exist. A transfer that raised is over.
        """
        if self.state is State.SENDING:
            return self._answered_while_sending(response)
        return self._answered_while_fetching(response)

    # -- the body of the request ---------------------------------------------------------------------------------

    def _answered_while_sending(self, response: Message) -> Message:
        block, sent = block_of(response, Option.BLOCK1), self._sent
        if response.code == Code.REQUEST_ENTITY_TOO_LARGE and block and block.exponent < self._exponent:
            self._advance(Input.SMALLER_BLOCKS_WANTED)
            self._exponent, self._taken = block.exponent, 0
            return self._next_part()
        if sent is None or not sent.more or response.code >> 5 != _SUCCESS:
            if response.code == Code.CONTINUE:
                _inconsistent("there is nothing to continue with")
            return self._received_first(response)
        if block is None or block.number != sent.number:
            _inconsistent(f"{code_text(response.code)} to block {sent.number} is about another")
        self._advance(Input.BLOCK_TAKEN)
        self._taken = sent.offset + sent.size
        self._exponent = min(self._exponent, block.exponent)
        return self._next_part()

    def _next_part(self) -> Message:
        """Return the request with the part of its body that the server does not have yet."""
        body, size = self._request.payload, 16 << self._exponent
        early = () if self._asked is None else (Block(0, False, self._exponent).option(Option.BLOCK2),)
        if len(body) <= size and not self._taken and self._sent is None:
            return exchanged(self._request, (), *early)
        self._sent = Block(self._taken // size, self._taken + size < len(body), self._exponent)
        options = [self._sent.option(Option.BLOCK1), *self._tags()]
        if not self._sent.number:
            options.append((int(Option.SIZE1), uint_bytes(len(body))))
        if not self._sent.more:
            options += early
        return replace(exchanged(self._request, (), *options), payload=body[self._taken : self._taken + size])

    def _tags(self) -> tuple[tuple[int, bytes], ...]:
        return () if self._tag is None or self._sent is None else ((int(Option.REQUEST_TAG), self._tag),)

    # -- the body of the response --------------------------------------------------------------------------------

    def _received_first(self, response: Message) -> Message:
        block = block_of(response, Option.BLOCK2)
        if block is None or response.code >> 5 != _SUCCESS:
            return self._done(response)
        _check(block, response, 0)
        if self._asked is not None and block.exponent > self._exponent:
            _inconsistent("the block is larger than was asked for")
        if not block.more:
            return self._done(response)
        self._advance(Input.FIRST_BLOCK)
        self._response, self._block = response, block
        return self._next_request()

    def _answered_while_fetching(self, response: Message) -> Message:
        first = self._response
        assert first is not None
        if response.code >> 5 != _SUCCESS:
            if first.option(Option.DELIVERY) is not None:
                _inconsistent("the rest of an outcome is not given")
            return self._done(response)
        block = block_of(response, Option.BLOCK2)
        if block is None or response.code != first.code:
            _inconsistent("a whole response came where a block was asked for")
        if any(response.option(number) != first.option(number) for number in _SAME):
            return self._begin_anew()
        _check(block, response, len(first.payload))
        body = first.payload + response.payload
        if len(body) > MAX_BODY:
            raise ProtocolError(Problem.TOO_LARGE, "MSG-1570", f"more than {MAX_BODY} bytes")
        self._response, self._block = replace(first, payload=body), block
        if not block.more:
            return self._done(self._response)
        self._advance(Input.NEXT_BLOCK)
        return self._next_request()

    def _begin_anew(self) -> Message:
        """Begin again with the representation that there is now. Only what is read can be asked for twice."""
        ordered = self._request.option(Option.DELIVERY) is not None
        if ordered or self._request.code != Code.GET or self._attempts >= ATTEMPTS:
            _inconsistent("the representation changed")
        assert self._response is not None
        self._advance(Input.OTHER_REPRESENTATION)
        self._attempts += 1
        self._response = None
        return self._next_request()

    def _next_request(self) -> Message:
        """Return the request for the block that is missing next."""
        assert self._block is not None
        if self._response is None:
            return exchanged(self._request, (), Block(0, False, self._block.exponent).option(Option.BLOCK2))
        block = Block(len(self._response.payload) // self._block.size, False, self._block.exponent)
        request = exchanged(self._request, _OF_THE_FIRST, *self._tags(), block.option(Option.BLOCK2))
        return replace(request, payload=b"")

    def _done(self, response: Message) -> Message:
        self._advance(Input.LAST)
        return exchanged(response, (Option.BLOCK1, Option.BLOCK2))

    def _advance(self, happening: Input) -> None:
        self.state = TRANSITIONS[self.state, happening]


def _check(block: Block, response: Message, offset: int) -> None:
    """Judge that a block is the one that was asked for, and that it has the size that it says."""
    if block.offset != offset:
        _inconsistent(f"the block at byte {block.offset} came instead of the one at {offset}")
    if block.more and len(response.payload) != block.size:
        _inconsistent(f"a block of {block.size} bytes has {len(response.payload)}")


def _inconsistent(detail: str) -> NoReturn:
    raise ProtocolError(Problem.INCONSISTENT, "MSG-1560", detail)
