"""Responses that come late: what ends them, and what comes when they have ended."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.control import Control
from picosec_conformance.target import Target


def answered_late(target: Target, control: Control) -> Message:
    """Ask for what takes a while and return the response, which wants an acknowledgement."""
    target.replies_to(target.build(Code.GET, target.manifest.resources.slow))
    (response,) = [target.parse(data) for data in control.advance(1.0)]
    assert response.type == Type.CON
    return response


@pytest.mark.requirement("MSG-450")
@pytest.mark.parametrize("kind", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
def test_what_ended_is_not_sent_again(target: Target, control: Control, kind: Type) -> None:
    """One answer from the client is enough: whoever goes on talks to nobody, for a minute and a half."""
    response = answered_late(target, control)

    assert target.replies_to(Message(kind, Code.EMPTY, response.message_id)) == []

    assert control.advance(200) == []


@pytest.mark.requirement("MSG-380")
@pytest.mark.parametrize("first", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
@pytest.mark.parametrize("second", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
def test_second_end_of_a_late_response_is_ignored(target: Target, control: Control, first: Type, second: Type) -> None:
    """The network doubles the acknowledgement: an exchange that is ended twice ends the server."""
    response = answered_late(target, control)
    assert target.replies_to(Message(first, Code.EMPTY, response.message_id)) == []

    for _ in range(2):
        assert target.replies_to(Message(second, Code.EMPTY, response.message_id)) == []

    assert target.request(Code.GET, target.manifest.resources.get).code == Code.CONTENT
