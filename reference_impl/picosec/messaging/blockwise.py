"""The server's side of block-wise transfer (RFC 7959, spec/v1/messaging-blocks.md): what lies between a message and
the request that a resource sees, and between a resource's response and the message that goes out.

A representation that is read is evaluated anew for each block, and nothing is kept of it. The blocks of a request are
kept until the last has come; a response to anything but GET is kept until it was fetched, because acting again to get
at its second block would be acting twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.blocks import Block, block_of, exchanged
from picosec.messaging.coap import Code, Message, Option, Type, uint_value
from picosec.messaging.downloads import cut
from picosec.messaging.held import Held, Limits, Operation, Party
from picosec.registry import Problem

_SUCCESS: Final = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and after how many seconds it is due. ``acted`` says that a resource gave it, and nobody before."""

    response: Message
    delay: float = 0.0
    acted: bool = False


class Blockwise:
    """The transfers of a server with all its clients."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._held = Held(limits)

    def __len__(self) -> int:
        return len(self._held)

    def serve(
        self,
        party: Party,
        request: Message,
        now: float,
        admit: Callable[[Message], object],
        act: Callable[[Message], Answer],
        fits: Callable[[Message], bool] = lambda part: True,
    ) -> Answer:
        """Answer a message that may be a piece of a request, or ask for a piece of a response.

        ``admit`` raises for what would be refused whatever its body is, ``act`` answers a whole request, ``fits`` tells
        whether the client takes a message. Raises
        ``ProtocolError`` with ``BAD_REQUEST`` (MSG-1300, MSG-1350, MSG-1420) or ``INCOMPLETE`` (MSG-1410, MSG-1510),
        and whatever ``admit`` and ``act`` raise.
        """
        self._held.expire(now)
        block1, block2 = block_of(request, Option.BLOCK1), block_of(request, Option.BLOCK2)
        operation = Operation.of(party, request)
        if block1 is None:
            if block2 is not None and block2.number and request.code != Code.GET:
                return Answer(self._further(operation, request, now, fits))
            return self._act(operation, request, now, act, fits)
        admit(request)
        body = self._joined(operation, block1, request)
        if max(len(body), uint_value(request.option(Option.SIZE1) or b"")) > self._limits.max_body:
            return Answer(self._too_large(party))
        whole = replace(exchanged(request, (Option.BLOCK1, Option.SIZE1)), payload=body)
        if block1.more:
            self._held.keep(operation, whole, now)
            return Answer(Message(Type.ACK, Code.CONTINUE, 0, options=(self._echo(block1),)))
        self._held.drop(operation)
        answer = self._act(operation, whole, now, act, fits)
        if answer.response.code >> 5 != _SUCCESS:
            return answer
        return replace(answer, response=exchanged(answer.response, (), self._echo(block1)))

    def expire(self, now: float) -> None:
        """Forget abandoned transfers (MSG-1500)."""
        self._held.expire(now)

    def next_timeout(self) -> float | None:
        """Return when a transfer is to be forgotten."""
        return self._held.next_timeout()

    def state(self) -> list[Any]:
        """Return what is kept, as a CBOR value for a digest."""
        return self._held.state()

    def _joined(self, operation: Operation, block: Block, request: Message) -> bytes:
        """Return the body as far as it has come with this block. What is kept stays as it is."""
        if block.more and len(request.payload) != block.size:
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-1420", f"{len(request.payload)} bytes are no such block")
        if not block.number:
            return request.payload
        kept = self._held.find(operation)
        if kept is None or kept.complete or kept.message.content_format != request.content_format:
            raise ProtocolError(Problem.INCOMPLETE, "MSG-1410", "no such transfer was begun")
        if len(kept.message.payload) != block.offset:
            raise ProtocolError(Problem.INCOMPLETE, "MSG-1410", f"there are {len(kept.message.payload)} bytes so far")
        return kept.message.payload + request.payload

    def _act(
        self,
        operation: Operation,
        request: Message,
        now: float,
        act: Callable[[Message], Answer],
        fits: Callable[[Message], bool],
    ) -> Answer:
        answer = act(request)
        part = cut(request, answer.response, self._limits.largest, fits)
        if request.code != Code.GET and len(part.payload) < len(answer.response.payload):
            self._held.keep(operation, answer.response, now, complete=True)
        return replace(answer, response=part)

    def _further(self, operation: Operation, request: Message, now: float, fits: Callable[[Message], bool]) -> Message:
        """Return a further block of a response that is kept, until the last was fetched (MSG-1510)."""
        kept = self._held.find(operation)
        if kept is None or not kept.complete:
            raise ProtocolError(Problem.INCOMPLETE, "MSG-1510", "no such response is kept")
        part = cut(request, kept.message, self._limits.largest, fits)
        block = block_of(part, Option.BLOCK2)
        if block is not None and block.more:
            self._held.keep(operation, kept.message, now, complete=True)
        else:
            self._held.drop(operation)
        return part

    def _too_large(self, party: Party) -> Message:
        """Refuse a body, and say how large one may be (MSG-1460)."""
        most = self._limits.max_body
        return problem.too_large(most, f"at most {most} bytes" if party.protected else "")

    def _echo(self, block: Block) -> tuple[int, bytes]:
        return replace(block, exponent=min(block.exponent, self._limits.largest)).option(Option.BLOCK1)
