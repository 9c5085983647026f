"""The target as a server whose response is late, judged on the real clock where nobody can move its own."""

from __future__ import annotations

import time

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Target

#: RFC 7252 section 4.8: the first timeout, and how late a busy machine may be.
SHORTEST, LONGEST, LATE = 2.0, 3.0, 0.5

pytestmark = pytest.mark.needs("messaging.server")


def late_response(target: Target, patience: float) -> tuple[Message, Message]:
    """Ask for what takes long, and return the request and the response, which is not acknowledged yet."""
    if not target.manifest.black_box:
        raise NotGiven("with the Test Interface, nobody waits: its clock shows the same")
    if target.manifest.patience < patience:
        raise NotGiven(f"it takes {patience:g} s, and the manifest has less patience (timeouts.patience)")
    request = target.build(Code.GET, target.manifest.resources.slow)
    target.send(request)
    first = target.receive("an acknowledgement")
    assert first == Message(Type.ACK, Code.EMPTY, request.message_id), "the response was not late"
    data = target.receive_bytes(LONGEST)
    assert data is not None, "the response that was promised did not come"
    return request, target.parse(data)


@pytest.mark.requirement("MSG-410")
def test_late_response_has_a_message_of_its_own(target: Target) -> None:
    """After the empty acknowledgement there is no other: the response comes as a message that can be acknowledged."""
    request, response = late_response(target, 1.0)
    assert response.type in (Type.CON, Type.NON)
    assert (response.token, response.code) == (request.token, Code.CONTENT)
    if response.type is Type.CON:
        assert target.replies(Message(Type.ACK, Code.EMPTY, response.message_id)) == []


@pytest.mark.requirement("MSG-420", "MSG-430", "MSG-450")
def test_late_response_is_sent_again_until_it_is_acknowledged(target: Target) -> None:
    """The server sees to it that its response arrives, and stops when it has."""
    _, response = late_response(target, 3 * (LONGEST + LATE))
    if response.type is not Type.CON:
        raise NotGiven("the response asks for no acknowledgement")
    began = time.monotonic()
    assert target.receive_bytes(LONGEST + LATE) == response.encode(), "not sent again, byte for byte, in time"
    assert time.monotonic() - began >= SHORTEST - LATE
    target.send(Message(Type.ACK, Code.EMPTY, response.message_id))
    assert target.receive_bytes(2 * LONGEST + LATE) is None
