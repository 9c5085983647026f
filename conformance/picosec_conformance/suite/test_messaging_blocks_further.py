"""The target as a client of a large response: how it asks for what is missing."""

from __future__ import annotations

import pytest

from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Option
from picosec_conformance.blockwise import ETAG, OTHER_ETAG, TargetAsClient, block_in


@pytest.mark.requirement("MSG-1550")
@pytest.mark.parametrize("code", [Code.POST, Code.FETCH, Code.PUT], ids=lambda code: code.name)
def test_further_blocks_are_asked_for_without_payload(client: TargetAsClient, code: Code) -> None:
    """A search for a name in a year's log: to ask again with each block takes the room that the blocks are to save."""
    handle = client.act(code, "/log", b"who was here?")
    assert client.receive().payload == b"who was here?"
    further = client.serve(bytes(100), 32, ETAG)

    assert [block_in(each).number for each in further] == [1, 2, 3]
    assert {(each.code, each.path, each.payload) for each in further} == {(code, "/log", b"")}
    assert client.outcome(handle) == ("response", bytes(100))


@pytest.mark.requirement("MSG-1550", "MSG-1560")
def test_whatever_block_is_asked_for_has_m_unset(client: TargetAsClient) -> None:
    """Also the first, when the representation changed and is begun anew: M would say that more is to be sent."""
    handle = client.act()
    client.receive()
    asked = []
    for number, etag in ((0, ETAG), (1, OTHER_ETAG), (0, OTHER_ETAG), (1, OTHER_ETAG)):
        client.answer(Code.CONTENT, bytes(32), Block(number, True, 1).option(Option.BLOCK2), etag)
        asked.append(block_in(client.receive()))
    client.answer(Code.CONTENT, b"end", Block(2, False, 1).option(Option.BLOCK2), OTHER_ETAG)

    assert [(block.number, block.more, block.size) for block in asked] == [
        (number, False, 32) for number in (1, 0, 1, 2)
    ]
    assert client.outcome(handle) == ("response", bytes(64) + b"end")
