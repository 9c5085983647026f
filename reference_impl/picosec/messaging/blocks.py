"""The Block options (RFC 7959 section 2.2): which part of a body a message carries, or asks for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option, uint_bytes, uint_value
from picosec.registry import Problem

#: Size exponents: blocks have 16 << exponent bytes, 16 to 1024. The value 7 has no meaning on datagrams.
LARGEST: Final = 6
RESERVED: Final = 7
BLOCK_SIZES: Final = tuple(16 << exponent for exponent in range(LARGEST + 1))
#: Bytes of the longest value.
MAX_LENGTH: Final = 3

#: Bytes of the largest body that is put together out of blocks.
MAX_BODY: Final = 32768

#: Options about the pieces of a body, which differ between the messages of one operation.
PIECEWISE: Final = frozenset(map(int, (Option.BLOCK1, Option.BLOCK2, Option.SIZE1, Option.SIZE2)))


@dataclass(frozen=True, slots=True)
class Block:
    """The value of a Block option. ``more`` says that further blocks follow; ``exponent`` gives the size."""

    number: int
    more: bool
    exponent: int

    @property
    def size(self) -> int:
        """Bytes of each block but the last."""
        return 16 << self.exponent

    @property
    def offset(self) -> int:
        """Where in the body the block begins."""
        return self.number * self.size

    def encode(self) -> bytes:
        """Return the option's value. Raises ``ValueError`` for a number that has no room."""
        value = uint_bytes(self.number << 4 | self.more << 3 | self.exponent)
        if len(value) > MAX_LENGTH:
            raise ValueError(f"block {self.number} does not fit into the option")
        return value

    def option(self, number: int) -> tuple[int, bytes]:
        """Return it as an option of a message."""
        return int(number), self.encode()

    @classmethod
    def decode(cls, value: bytes) -> Block:
        """Read the option's value.

        Raises ``ProtocolError`` with ``BAD_OPTION`` for more than three bytes (MSG-540), ``BAD_REQUEST`` for the
        reserved size (MSG-1300).
        """
        if len(value) > MAX_LENGTH:
            raise ProtocolError(Problem.BAD_OPTION, "MSG-540", f"a Block option of {len(value)} bytes")
        bits = uint_value(value)
        if bits & 7 == RESERVED:
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-1300", "a block size that does not exist")
        return cls(bits >> 4, bool(bits & 8), bits & 7)


def block_of(message: Message, option: int) -> Block | None:
    """Return a message's Block1 or Block2, None without one. Raises as :meth:`Block.decode` does."""
    value = message.option(option)
    return None if value is None else Block.decode(value)


def exponent_of(size: int) -> int:
    """Return the exponent of a block size in bytes. Raises ``ValueError`` for one that does not exist."""
    if size not in BLOCK_SIZES:
        raise ValueError(f"there are no blocks of {size} bytes")
    return BLOCK_SIZES.index(size)


def exchanged(message: Message, without: Collection[int], *options: tuple[int, bytes]) -> Message:
    """Return a message with some options taken out and others put in."""
    kept = (entry for entry in message.options if entry[0] not in without)
    return replace(message, options=tuple(sorted((*kept, *options), key=lambda entry: entry[0])))
