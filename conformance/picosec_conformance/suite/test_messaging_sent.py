"""What the target sends, whatever it says: the form of every message, and the codes of success."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.control import Control
from picosec_conformance.target import Target


def assert_well_formed(target: Target) -> None:
    """Decode everything received so far strictly, and encode it again: RFC 7252 leaves one form to each message."""
    received = [frame.data for frame in target.frames if frame.direction == "received"]
    assert received
    for data in received:
        assert target.parse(data).encode() == data


@pytest.mark.requirement("MSG-870")
def test_responses_are_well_formed(target: Target) -> None:
    """A gateway drops what it cannot parse: the lamp that answers sloppily is the lamp that does not answer."""
    resources = target.manifest.resources
    protected = [resources.protected_get] if resources.given("protected_get") else []
    for path in (resources.get, "/no/such/path", "/.well-known/core", *protected):
        for kind in (Type.CON, Type.NON):
            target.request(Code.GET, path, kind=kind)
    target.request(0x1F if target.manifest.black_box else Code.DELETE, resources.get)
    target.replies_to(Message(Type.CON, Code.CONTENT, target.fresh_message_id(), b"stray"))
    target.replies_to(b"\x40")

    assert_well_formed(target)


@pytest.mark.requirement("MSG-870")
@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("length", [0, 1, 12, 13, 14, 255])
def test_requests_are_well_formed(target: Target, control: Control, length: int) -> None:
    """Lengths around 13 change the form of an option; whoever tests with short names never sees it."""
    control.act("request", {1: int(Code.PUT), 2: "/" + "n" * length, 3: b"payload", 4: False, 6: 60})
    request = target.receive("the request that the act demands")

    assert request.path == "/" + "n" * length
    assert_well_formed(target)


@pytest.mark.requirement("MSG-880")
def test_reading_succeeds_with_content(target: Target) -> None:
    """A cache keeps what comes with 2.05, and nothing that comes with another code."""
    assert target.request(Code.GET, target.manifest.resources.get).code == Code.CONTENT


@pytest.mark.requirement("MSG-880")
@pytest.mark.needs("conformance.test-interface")
def test_writing_and_deleting_succeed_with_their_codes(target: Target) -> None:
    """A client that counts what it made and what it changed goes by these codes."""
    path = target.manifest.resources.put

    assert target.request(Code.PUT, path, b"new").code in (Code.CREATED, Code.CHANGED)
    assert target.request(Code.PUT, path, b"newer").code == Code.CHANGED
    assert target.request(Code.DELETE, path).code == Code.DELETED
