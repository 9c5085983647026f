"""Options that the target sends: each within its definition, each number in its shortest form."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileInitiator, meet
from picosec_conformance.target import Nonconformity, Target

#: Least and most bytes of each option's value (RFC 7252 section 5.10, RFC 7959, RFC 8613, RFC 9175).
LENGTHS = {
    Option.IF_MATCH: (0, 8),
    Option.URI_HOST: (1, 255),
    Option.ETAG: (1, 8),
    Option.IF_NONE_MATCH: (0, 0),
    Option.OBSERVE: (0, 3),
    Option.URI_PORT: (0, 2),
    Option.LOCATION_PATH: (0, 255),
    Option.OSCORE: (0, 255),
    Option.URI_PATH: (0, 255),
    Option.CONTENT_FORMAT: (0, 2),
    Option.MAX_AGE: (0, 4),
    Option.URI_QUERY: (0, 255),
    Option.HOP_LIMIT: (1, 1),
    Option.ACCEPT: (0, 2),
    Option.LOCATION_QUERY: (0, 255),
    Option.BLOCK2: (0, 3),
    Option.BLOCK1: (0, 3),
    Option.SIZE2: (0, 4),
    Option.SIZE1: (0, 4),
    Option.ECHO: (1, 40),
}
#: Those whose value is a number without a fixed length.
NUMBERS = frozenset(
    {
        Option.OBSERVE,
        Option.URI_PORT,
        Option.CONTENT_FORMAT,
        Option.MAX_AGE,
        Option.ACCEPT,
        Option.BLOCK2,
        Option.BLOCK1,
        Option.SIZE2,
        Option.SIZE1,
    }
)


def judge(messages: Iterable[Message]) -> None:
    """Raise ``Nonconformity`` for an option outside its definition, or a number in another form."""
    for message in messages:
        for number, value in message.options:
            least, most = LENGTHS.get(Option(number), (0, 65804)) if number in list(Option) else (0, 65804)
            if not least <= len(value) <= most:
                raise Nonconformity(f"option {number} has {len(value)} bytes, and its definition {least} to {most}")
            if number in NUMBERS and value[:1] == b"\0":
                raise Nonconformity(f"the number in option {number} begins with a zero byte: {value.hex()}")


pytestmark = pytest.mark.requirement("MSG-850", "MSG-860")


@pytest.mark.needs("messaging.server")
def test_options_of_responses_keep_to_their_definitions(target: Target, control: Control) -> None:
    """A format in a hundred bytes is a format to some readers, and an overrun buffer to others."""
    paths = ["/ps/info", "/ps/test/state", "/.well-known/core", "/nowhere"]
    judge(target.request(Code.GET, path) for path in [*paths, target.manifest.resources.get])
    judge([target.request(Code.POST, "/ps/test/events")])
    judge([target.request(Code.POST, "/ps/test/time", b"\xff", content_format=60)])
    judge([target.request(Code.GET, "/ps/info", options=((9999, b""),))])


@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("content_format", [None, 0, 1, 60, 255, 256, 65535])
def test_options_of_requests_keep_to_their_definitions(
    target: Target, control: Control, content_format: int | None
) -> None:
    """What a client says of its payload must be what its server hears."""
    fields = {} if content_format is None else {6: content_format}
    control.act("request", {1: int(Code.PUT), 2: "/a/longer/path", 3: b"payload", **fields})

    request = target.receive("the request that the act demands")

    judge([request])
    assert request.content_format == content_format
    assert request.path == "/a/longer/path"


@pytest.mark.needs("channel.oscore.server")
def test_options_inside_and_outside_of_a_channel_keep_to_their_definitions(target: Target, channel: Channel) -> None:
    """Encryption hides an option from proxies, not from the parser behind it."""
    for path in (target.manifest.resources.protected_get, "/nowhere"):
        reply = target.exchange(channel.protect(target.build(Code.GET, path)))
        judge([reply, channel.unprotect(reply)])


@pytest.mark.needs("channel.edhoc.responder")
def test_options_of_a_handshake_keep_to_their_definitions(target: Target, rng: random.Random) -> None:
    """The first message of a stranger is where a careful reader looks hardest."""
    peer = HostileInitiator(target, meet(target, rng))
    judge([peer.send_1(), peer.send_1(b"\xff")])


@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("length", [0, 1, 12, 13, 14, 255])
def test_path_of_any_length_is_sent_as_it_is(target: Target, control: Control, length: int) -> None:
    """Twelve bytes fit into the half byte for the length, thirteen do not."""
    path = f"/{'p' * length}/end" if length else "/end"
    control.act("request", {1: int(Code.GET), 2: path})

    request = target.receive("the request that the act demands")

    judge([request])
    assert (request.type, request.path) == (Type.CON, path)
