"""What can be done to one datagram. Everything here is used against targets, so it has to be exact."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.setting import simplest
from picosec_conformance.adversary.steps import step
from picosec_conformance.network import Packet, common_fields, flipped, renumbered, spliced, truncated
from picosec_conformance.network.tampering import assemble, dissect

GET = Message(Type.CON, Code.GET, 0x1234, b"\x01", ((int(Option.URI_PATH), b"a"),)).encode()
PUT = Message(Type.NON, Code.PUT, 0x5678, b"\x02\x03", ((int(Option.URI_PATH), b"b"),), b"on").encode()


@pytest.fixture(scope="module")
def packets(arena: Arena) -> dict[str, Packet]:
    """Every kind of datagram: a handshake from each side with message_4, and protected requests both ways."""
    stage = arena.stage(simplest(arena.able, message_4=True))
    for each in (
        step("connect", party="alice"),
        step("target-connects"),
        step("settle"),
        step("ask", dialogue="alice-1", what="odd"),
        step("target-asks", dialogue="dora-1"),
        step("write", party="bob"),
        step("settle"),
    ):
        assert stage.perform(each)
    return stage.network.packets


@pytest.mark.parametrize(("bit", "expected"), [(0, "80"), (7, "01"), (8, "0080"), (15, "0001")])
def test_bits_count_from_the_first_on_the_wire(bit: int, expected: str) -> None:
    """A scenario names a bit: it must be the same one everywhere."""
    assert flipped(bytes(2), bit).hex() == expected.ljust(4, "0")


def test_truncation_keeps_the_beginning() -> None:
    """What a radio that loses its power leaves of a frame."""
    assert [truncated(b"abc", length) for length in range(4)] == [b"", b"a", b"ab", b"abc"]


def test_every_datagram_survives_being_taken_apart(packets: dict[str, Packet]) -> None:
    """A splice must change the one field that it is about, and nothing else."""
    assert len(packets) >= 14
    for packet in packets.values():
        assert assemble(dissect(packet.data)) == packet.data, packet.label


def test_fields_are_those_of_the_protocols(packets: dict[str, Packet]) -> None:
    """An adversary that knows CoAP only never meets the checks behind it."""
    first, second = dissect(packets["alice-1/message_1"].data), dissect(packets["alice-1/message_2"].data)
    request = dissect(packets["alice-1/request-1"].data)

    assert {"prefix", "method", "suites", "g_x", "c_i"} <= first.keys()
    assert {"g_y", "ciphertext_2"} <= second.keys()
    assert {"partial_iv", "kid", "kid_context", "ciphertext", "tag"} <= request.keys()


def test_splice_takes_one_field() -> None:
    """The token of one message in another: whose answer is it?"""
    message = Message.decode(spliced(GET, PUT, "token"))

    assert (message.token, message.message_id, message.path) == (b"\x02\x03", 0x1234, "/a")


def test_splice_takes_fields_that_belong_together() -> None:
    """An answer moves to another request only when message id and token move together."""
    message = Message.decode(spliced(GET, PUT, "ids"))

    assert (message.token, message.message_id, message.path) == (b"\x02\x03", 0x5678, "/a")


@pytest.mark.parametrize("field", ["kid", "nonsense"])
def test_splice_of_what_is_not_there_is_refused(field: str) -> None:
    """Rather than send something that was not meant."""
    with pytest.raises(KeyError):
        spliced(GET, PUT, field)


def test_common_fields_are_those_that_differ() -> None:
    """Exchanging equal fields is a replay, which is counted elsewhere."""
    assert common_fields(GET, PUT) == ["type", "code", "message_id", "token", "options", "payload", "ids"]
    assert common_fields(GET, GET) == []
    assert common_fields(GET, b"no message") == []


def test_renumbering_leaves_the_content() -> None:
    """To the message layer it is new, to the channel it is the same."""
    message = Message.decode(renumbered(PUT, 7, b"\x09"))

    assert (message.message_id, message.token, message.payload) == (7, b"\x09", b"on")
