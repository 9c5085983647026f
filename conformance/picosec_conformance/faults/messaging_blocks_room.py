"""Faults of servers that take bodies in blocks, in what they have room for and what they do when a body is whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import blockwise, held
from picosec.messaging.blocks import Block, block_of, exchanged
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Message, Option
from picosec.messaging.held import Held, Limits, Operation, Party
from picosec.registry import Problem
from picosec_conformance.faults import fault
from picosec_conformance.faults.messaging_blocks_taken import received


def _limits(**changes: Any) -> None:
    original = Blockwise.__init__

    def init(self: Blockwise, limits: Limits | None = None) -> None:
        original(self, replace(limits or Limits(), **changes))

    Blockwise.__init__ = init


@fault("MSG-1460")
def takes_one_block_too_many() -> None:
    """The limit is looked at before the block is added."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, *rest: Any) -> Answer:
        limits = self._limits
        so_far = received(self, Operation.of(party, request))
        self._limits = replace(limits, max_body=limits.max_body + 1024) if len(so_far) == limits.max_body else limits
        try:
            return original(self, party, request, *rest)
        finally:
            self._limits = limits

    Blockwise.serve = serve


@fault("MSG-1460")
def does_not_say_how_large() -> None:
    """4.13 and nothing else: the client halves its body until it fits, or gives up."""
    original = Blockwise._too_large
    Blockwise._too_large = lambda self, party: exchanged(original(self, party), (Option.SIZE1,))


@fault("MSG-1460")
def says_a_size_that_it_does_not_take() -> None:
    """The size that is told is that of the buffer, of which something else needs a part."""
    original = Blockwise._too_large
    Blockwise._too_large = lambda self, party: exchanged(
        original(self, party), (Option.SIZE1,), (Option.SIZE1, b"\x01\x00\x00")
    )


@fault("MSG-1470")
def looks_at_no_announcement() -> None:
    """A body that cannot be taken is taken block by block, until the last room is filled."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, *rest: Any) -> Answer:
        return original(self, party, exchanged(request, (Option.SIZE1,)), *rest)

    Blockwise.serve = serve


@fault("MSG-1470")
def ends_a_body_where_it_was_announced() -> None:
    """The announced size is the size: what comes behind it is cut off."""
    original = Blockwise._joined

    def joined(self: Blockwise, operation: Operation, block: Block, request: Message) -> bytes:
        whole = original(self, operation, block, request)
        announced = request.option(Option.SIZE1)
        return whole if announced is None else whole[: int.from_bytes(announced, "big")]

    Blockwise._joined = joined


@fault("MSG-1480")
def collects_first_and_asks_later() -> None:
    """Whether a request is allowed is decided when it is complete: strangers fill memory for closed resources."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, now: float, admit: Any, *rest: Any) -> Answer:
        return original(self, party, request, now, lambda part: None, *rest)

    Blockwise.serve = serve


@fault("MSG-1490")
def keeps_every_transfer() -> None:
    """A dictionary has room for all of them."""
    _limits(max_per_party=1 << 20, max_transfers=1 << 20, max_bytes=1 << 40)


@fault("MSG-1590")
def has_one_table_for_strangers_and_friends() -> None:
    """The oldest makes room, and the oldest is the one over the channel."""
    original = Held.keep

    def keep(self: Held, operation: Operation, message: Message, now: float, **rest: Any) -> None:
        original(self, operation, message, now, **rest)
        while len(self) > 4:
            pool = self._pools[True] or self._pools[False]
            del pool[next(iter(pool))]

    Held.keep = keep


@fault("MSG-1500")
def never_forgets_a_transfer() -> None:
    """The client will be back."""
    _limits(lifetime=1e9)


@fault("MSG-1510")
def acts_for_each_block_of_the_answer() -> None:
    """A request is answered, and its answer is cut: for the third block the door opens a third time."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, now: float, admit: Any, act: Any, fits: Any) -> Answer:
        wanted = block_of(request, Option.BLOCK2)
        if wanted is None or not wanted.number or block_of(request, Option.BLOCK1) is not None:
            return original(self, party, request, now, admit, act, fits)
        kept = self._held.find(Operation.of(party, request))
        if kept is None:
            return Answer(blockwise.cut(request, replace(act(request).response, payload=bytes(100))))
        act(kept.message)
        return original(self, party, request, now, admit, act, fits)

    Blockwise.serve = serve


@fault("MSG-1510")
def tells_anybody_the_rest() -> None:
    """The answer is kept for whoever asks for its second block."""
    original = Held.find

    def find(self: Held, operation: Operation) -> held.Kept | None:
        kept = original(self, operation)
        same = [
            other
            for pool in self._pools.values()
            for known, other in pool.items()
            if other.complete and known.options == operation.options
        ]
        return kept or next(iter(same), None)

    Held.find = find


@fault("MSG-900")
def waits_for_blocks_behind_a_tag() -> None:
    """A request with a tag belongs to a transfer, and this one has not come to its end."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, *rest: Any) -> Answer:
        if request.option(Option.REQUEST_TAG) is not None and request.option(Option.BLOCK1) is None:
            raise ProtocolError(Problem.INCOMPLETE, "MSG-900")
        return original(self, party, request, *rest)

    Blockwise.serve = serve


@fault("MSG-900")
def adds_a_whole_request_to_what_it_has() -> None:
    """Same party, same options, same tag: what comes without Block1 is the last part."""
    original = Blockwise._act

    def act(self: Blockwise, operation: Operation, request: Message, now: float, *rest: Any) -> Answer:
        so_far = received(self, operation) if request.option(Option.REQUEST_TAG) is not None else b""
        return original(self, operation, replace(request, payload=so_far + request.payload), now, *rest)

    Blockwise._act = act


@fault("MSG-910")
def sends_tags_back() -> None:
    """A response has the token of its request, and its tag."""
    original = Blockwise.serve

    def serve(self: Blockwise, party: Party, request: Message, *rest: Any) -> Answer:
        answer = original(self, party, request, *rest)
        tags = [entry for entry in request.options if entry[0] == Option.REQUEST_TAG]
        return replace(answer, response=exchanged(answer.response, (), *tags))

    Blockwise.serve = serve
