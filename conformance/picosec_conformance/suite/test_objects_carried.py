"""Objects on their way: whoever brings them, in one message or in many, in the Content-Format of their form."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Type
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.courier import FORMS, LARGEST, PATH, Courier, asking
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


def of_size(courier: Courier, form: str, size: int) -> bytes:
    """Return an object of so many bytes that replaces something large."""
    path = courier.target.manifest.resources.large
    empty = len(courier.wrapped(courier.signed(asking(Code.PUT, path, bytes(8000))), form)) - 8000
    data = courier.wrapped(courier.signed(asking(Code.PUT, path, bytes(size - empty))), form)
    assert len(data) == size
    return data


@pytest.mark.requirement("OBJ-010")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("form", FORMS)
def test_largest_object_is_taken(courier: Courier, form: str) -> None:
    """16,384 bytes, in blocks, and all of them are signed."""
    courier.takes(of_size(courier, form, LARGEST))

    assert courier.control.changes(courier.target.manifest.resources.large) == 1


@pytest.mark.requirement("OBJ-010")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("form", FORMS)
def test_larger_object_is_refused(courier: Courier, form: str) -> None:
    """One byte more; it would be a good one."""
    courier.refuses(of_size(courier, form, LARGEST + 1), Problem.TOO_LARGE)


@pytest.mark.requirement("OBJ-010")
@pytest.mark.needs("messaging.block.server")
@pytest.mark.parametrize("head", [b"", b"\xd2", b"\xd0", b"\xd8\x60", b"\xd2\x9f", b"\xff"], ids=bytes.hex)
def test_size_is_looked_at_first(courier: Courier, head: bytes) -> None:
    """Whatever it is: it is not decoded to find out."""
    courier.refuses(head + bytes(LARGEST + 1 - len(head)), Problem.TOO_LARGE)


@pytest.mark.requirement("OBJ-310")
@pytest.mark.parametrize("form", FORMS)
def test_stranger_hands_an_object_over(courier: Courier, form: str) -> None:
    """A phone in passing brings what the hub gave it; it has no keys, and needs none."""
    courier.takes(courier.wrapped(courier.signed(), form))

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-310")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("form", FORMS)
def test_object_comes_over_a_channel(courier: Courier, channel: Channel, form: str) -> None:
    """Somebody with a channel brings what somebody else signed."""
    courier.takes(courier.wrapped(courier.signed(), form), ask=channel.ask)

    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-310")
@pytest.mark.needs("messaging.datagram")
def test_object_comes_in_a_message_that_wants_no_acknowledgement(courier: Courier) -> None:
    """The hop does not care whether it arrives."""
    reply = courier.hand(courier.signed().close(), kind=Type.NON)

    assert (reply.code, reply.payload) == (Code.CHANGED, b"")
    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-310")
def test_only_post_hands_an_object_over(courier: Courier) -> None:
    """There is nothing to read, to replace or to delete."""
    data = courier.signed().close()
    for code in (Code.GET, Code.PUT, Code.DELETE):
        payload = data if code == Code.PUT else b""
        with courier.target.expect_unchanged():
            reply = courier.target.exchange(
                courier.target.build(code, PATH, payload, content_format=18 if payload else None)
            )
            assert reply.code == Code.METHOD_NOT_ALLOWED
    courier.takes(data)


@pytest.mark.requirement("OBJ-340")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content_format", [16, 18, 96])
def test_content_format_of_another_form_is_refused(courier: Courier, form: str, content_format: int) -> None:
    """A hop that sorts by Content-Format and a device that sorts by tag would sort the same object twice."""
    data = courier.wrapped(courier.signed(), form)
    if content_format == {"signed": 18, "sealed": 96, "group": 16}[form]:
        courier.takes(data)
        return

    courier.refuses(data, Problem.MALFORMED, content_format)


@pytest.mark.requirement("MSG-590")
@pytest.mark.parametrize("content_format", [0, 19, 60, 65535])
def test_content_format_of_no_object_is_not_understood(courier: Courier, content_format: int) -> None:
    """What is not announced as an object is not tried as one."""
    courier.refuses(courier.signed().close(), Problem.UNSUPPORTED_FORMAT, content_format)
