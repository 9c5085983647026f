"""Block options, and the block of a response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.downloads import cut
from picosec.registry import Problem


@given(st.integers(0, (1 << 20) - 1), st.booleans(), st.integers(0, 6))
def test_a_block_option_comes_back_as_it_was(number: int, more: bool, exponent: int) -> None:
    """Both ends compute places in a body from these bits."""
    block = Block(number, more, exponent)
    assert Block.decode(block.encode()) == block


def test_a_number_without_room_is_not_written() -> None:
    """The option of block 2^20 is that of block 0."""
    with pytest.raises(ValueError, match="does not fit"):
        Block(1 << 20, False, 0).encode()


@pytest.mark.parametrize("size", [0, 8, 15, 17, 48, 2048])
def test_sizes_that_do_not_exist_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no blocks"):
        exponent_of(size)


@given(st.binary(max_size=3000), st.integers(0, 6))
def test_the_blocks_of_a_response_are_its_body(body: bytes, exponent: int) -> None:
    """Whatever the body and the size: no byte is lost, none comes twice."""
    whole = Message(Type.ACK, Code.CONTENT, 0, payload=body)
    fetched, number = b"", 0
    while True:
        request = Message(Type.CON, Code.GET, 0, options=(Block(number, False, exponent).option(Option.BLOCK2),))
        part = cut(request, whole)
        fetched += part.payload
        value = part.option(Option.BLOCK2)
        if value is None or not Block.decode(value).more:
            break
        number += 1
    assert fetched == body


def test_an_error_is_not_cut() -> None:
    """Whoever asks for blocks of 16 bytes can still read what went wrong."""
    request = Message(Type.CON, Code.GET, 0, options=(Block(0, False, 0).option(Option.BLOCK2),))
    refusal = Message(Type.ACK, Code.NOT_FOUND, 0, payload=bytes(100))
    assert cut(request, refusal) is refusal


def test_a_block_of_nothing_is_the_first_or_refused() -> None:
    """A response without a body has no blocks."""
    empty = Message(Type.ACK, Code.CHANGED, 0)
    assert cut(Message(Type.CON, Code.PUT, 0, options=(Block(0, False, 0).option(Option.BLOCK2),)), empty) is empty
    with pytest.raises(ProtocolError) as refused:
        cut(Message(Type.CON, Code.PUT, 0, options=(Block(1, False, 0).option(Option.BLOCK2),)), empty)
    assert refused.value.problem is Problem.BAD_REQUEST
