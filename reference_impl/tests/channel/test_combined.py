"""Combined requests: the published one, and what is none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.channel.combined import combine, split
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem

#: RFC 9668 section 3.4.
PUBLISHED = bytes.fromhex(
    "44025d1f0000397493090001c0ff52d5535f3147e85f1cfacd9e78abf9e0a81bbf612f1092f1776f1c1668b3825e"
)
MESSAGE_3 = bytes.fromhex("52d5535f3147e85f1cfacd9e78abf9e0a81bbf")


def test_published_request_is_taken_apart_and_put_together():
    """The standard's own example, in both directions."""
    parts = split(Message.decode(PUBLISHED))

    assert (parts.c_r, parts.message_3) == (b"\x01", MESSAGE_3)
    assert parts.protected.payload == bytes.fromhex("612f1092f1776f1c1668b3825e")
    assert combine(parts.message_3, parts.protected).encode() == PUBLISHED


@given(st.binary(max_size=40))
def test_any_payload_is_split_or_refused(payload):
    """What comes from the network is taken apart without a crash, and nothing of it is lost."""
    options = ((int(Option.OSCORE), b"\x09\x00\x01"), (int(Option.EDHOC), b""))
    message = Message(Type.CON, Code.POST, 1, b"t", options, payload)
    with suppress(ProtocolError):
        parts = split(message)
        assert parts.message_3 + parts.protected.payload == payload
        assert parts.protected.payload


@pytest.mark.parametrize("length", range(len(MESSAGE_3) + 1))
def test_message_3_alone_or_cut_is_refused(length):
    """Half of a message is none."""
    message = Message.decode(PUBLISHED)
    cut = Message(message.type, message.code, 1, b"t", message.options, MESSAGE_3[:length])

    with pytest.raises(ProtocolError) as caught:
        split(cut)

    assert (caught.value.problem, caught.value.requirement) == (Problem.MALFORMED, "CHN-1510")
