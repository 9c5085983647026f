"""The target as a client of a large response: how it asks for what is missing."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Option
from picosec_conformance.blockwise import TargetAsClient, block_in
from picosec_conformance.control import Control
from picosec_conformance.target import Target

ETAG = (int(Option.ETAG), b"etag")


@pytest.fixture(
    params=["open", pytest.param("channel", marks=pytest.mark.needs("channel.oscore.client", "channel.oscore.server"))],
)
def client(request: pytest.FixtureRequest, target: Target, control: Control) -> TargetAsClient:
    """The target asking in the open, or over a fresh channel."""
    return TargetAsClient(target, control, request.getfixturevalue("channel") if request.param == "channel" else None)


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
