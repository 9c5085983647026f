"""Entity-tags and conditions: two clients that change one thing find out about each other, plain and over a channel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picosec.messaging.coap import Code, Message, Option, Options
from picosec.messaging.observe import REGISTER, entry
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.target import Target

ON, OFF = b"\xf5", b"\xf4"
STORE = "/ps/test/store"
#: An entity-tag that nothing has: longer than what a server would take for so little, and not random.
OTHER = b"another!"


class Thing:
    """Something that a PUT changes, and how it is asked: in the open, or over a channel."""

    def __init__(
        self, target: Target, path: str, ask: Callable[[Message], Message], content_format: int | None
    ) -> None:
        self._target, self._path, self._ask, self._format = target, path, ask, content_format

    def ask(self, code: Code, payload: bytes = b"", *options: tuple[int, bytes]) -> Message:
        """Return the response to a request with these options."""
        form = self._format if payload else None
        ordered: Options = tuple(sorted(((int(number), value) for number, value in options), key=lambda each: each[0]))
        return self._ask(self._target.build(code, self._path, payload, content_format=form, options=ordered))

    def put(self, payload: bytes, *options: tuple[int, bytes]) -> Message:
        """Return the response to a PUT."""
        return self.ask(Code.PUT, payload, *options)

    def tag(self) -> bytes:
        """Return the entity-tag of what is there."""
        values = self.ask(Code.GET).option_values(Option.ETAG)
        assert len(values) == 1
        return values[0]


@pytest.fixture(params=["open", pytest.param("protected", marks=pytest.mark.needs("channel.oscore.server"))])
def thing(request: pytest.FixtureRequest, target: Target) -> Thing:
    """Return something to change that is off: each test runs on both."""
    paths = target.manifest.resources
    if request.param == "open":
        found = Thing(target, paths.put, target.exchange, None)
    else:
        channel: Channel = request.getfixturevalue("channel")
        found = Thing(target, paths.protected_put, channel.ask, CONTENT_FORMAT_CBOR)
    assert found.put(OFF).code in (Code.CHANGED, Code.CREATED)
    return found


@pytest.mark.requirement("MSG-2100")
def test_representation_comes_with_one_entity_tag(thing: Thing) -> None:
    """Without a name for what it read, a client cannot say later what it believed to be true."""
    assert 1 <= len(thing.tag()) <= 8


@pytest.mark.requirement("MSG-2110")
def test_entity_tag_changes_with_the_representation(thing: Thing) -> None:
    """A tag that stays lets a client go on with what was true yesterday."""
    before = thing.tag()
    thing.put(ON)

    assert thing.tag() != before


@pytest.mark.requirement("MSG-2110")
@pytest.mark.needs("conformance.test-interface")
def test_entity_tags_of_many_representations_differ(target: Target, control: Control) -> None:
    """A tag of few bits, or one made from the length, is the same for two in a hundred."""
    tags = set()
    for value in range(64):
        target.request(Code.PUT, STORE, b"value %02d" % value)
        tags.add(target.request(Code.GET, STORE).option(Option.ETAG))

    assert len(tags) == 64


@pytest.mark.requirement("MSG-2120", "MSG-2130")
@pytest.mark.parametrize("others", [(), (OTHER,), (b"\0", OTHER)], ids=["alone", "behind-one", "behind-two"])
def test_what_the_client_has_is_not_sent_again(thing: Thing, others: tuple[bytes, ...]) -> None:
    """A sleepy device pays for each byte that it is sent, and has this one already."""
    tag = thing.tag()

    reply = thing.ask(Code.GET, b"", *((Option.ETAG, each) for each in (*others, tag)))

    assert (reply.code, reply.option_values(Option.ETAG), reply.payload) == (Code.VALID, [tag], b"")


@pytest.mark.requirement("MSG-2120", "MSG-2130")
@pytest.mark.needs("conformance.test-interface")
def test_query_stands_beside_an_entity_tag(thing: Thing) -> None:
    """A client asks for a part of something, and has that part; what has no parts is not changed by that."""
    query = (Option.URI_QUERY, b"first=1"), (Option.URI_QUERY, b"second=2")
    tag = thing.ask(Code.GET, b"", *query).option(Option.ETAG) or b""

    reply = thing.ask(Code.GET, b"", *query, (Option.ETAG, tag))

    assert (reply.code, reply.option(Option.ETAG), reply.payload) == (Code.VALID, tag, b"")


@pytest.mark.requirement("MSG-2140")
def test_what_the_client_has_not_is_sent(thing: Thing) -> None:
    """2.03 to a stale tag makes old news true for ever."""
    stale = thing.tag()
    thing.put(ON)

    for known in (stale, OTHER, stale[:1], stale + b"\0" if len(stale) < 8 else stale[:-1]):
        reply = thing.ask(Code.GET, b"", (Option.ETAG, known))
        assert (reply.code, reply.payload) == (Code.CONTENT, thing.ask(Code.GET).payload)


@pytest.mark.requirement("MSG-2140")
@pytest.mark.needs("messaging.observe.server", "conformance.test-interface")
def test_registration_with_an_entity_tag_is_told_the_state(target: Target, control: Control) -> None:
    """An observer builds on what it is told first."""
    target.request(Code.PUT, STORE, ON)
    tag = target.request(Code.GET, STORE).option(Option.ETAG) or b""

    reply = target.request(Code.GET, STORE, options=((int(Option.ETAG), OTHER), entry(REGISTER)))

    assert (reply.code, reply.option(Option.ETAG), reply.payload) == (Code.CONTENT, tag, ON)


@pytest.mark.requirement("MSG-2150")
def test_change_of_something_else_is_refused(target: Target, thing: Thing) -> None:
    """Two people set the heating; the second one did not see what the first one did."""
    stale = thing.tag()
    thing.put(ON)
    kept = thing.ask(Code.GET).payload

    for wrong in ([stale], [OTHER], [stale, OTHER]):
        reply = thing.put(OFF, *((Option.IF_MATCH, tag) for tag in wrong))
        target.expect_refusal(reply, Code.PRECONDITION_FAILED, Problem.PRECONDITION_FAILED)
    assert thing.ask(Code.GET).payload == kept


@pytest.mark.requirement("MSG-2150")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("value", [b"", OTHER], ids=["anything", "something"])
@pytest.mark.parametrize("code", [Code.PUT, Code.DELETE], ids=lambda code: code.name)
def test_change_of_what_is_not_there_is_refused(target: Target, control: Control, code: Code, value: bytes) -> None:
    """A setting was deleted meanwhile: to write it again would bring it back."""
    with target.expect_unchanged():
        reply = target.request(code, STORE, options=((int(Option.IF_MATCH), value),))
        target.expect_refusal(reply, Code.PRECONDITION_FAILED, Problem.PRECONDITION_FAILED)


@pytest.mark.requirement("MSG-2160")
@pytest.mark.parametrize("others", [(), (OTHER,), (b"\0", OTHER)], ids=["alone", "behind-one", "behind-two"])
@pytest.mark.parametrize("anything", [False, True], ids=["tag", "anything"])
def test_change_of_the_right_thing_is_made(thing: Thing, others: tuple[bytes, ...], anything: bool) -> None:
    """Who knows what is there may change it."""
    tags = (*others, b"" if anything else thing.tag())

    assert thing.put(ON, *((Option.IF_MATCH, tag) for tag in tags)).code == Code.CHANGED
    changed = thing.ask(Code.GET).payload
    thing.put(ON)
    assert thing.ask(Code.GET).payload == changed


@pytest.mark.requirement("MSG-2170")
def test_what_is_there_is_not_created(target: Target, thing: Thing) -> None:
    """Two devices choose the same name; the second one must not take the first one's place."""
    kept = thing.ask(Code.GET).payload

    reply = thing.put(ON, (Option.IF_NONE_MATCH, b""))

    target.expect_refusal(reply, Code.PRECONDITION_FAILED, Problem.PRECONDITION_FAILED)
    assert thing.ask(Code.GET).payload == kept


@pytest.mark.requirement("MSG-2180")
def test_what_is_not_there_is_created(target: Target, control: Control) -> None:
    """The first one to come gets the name."""
    reply = target.request(Code.PUT, STORE, b"first", options=((int(Option.IF_NONE_MATCH), b""),))

    assert reply.code in (Code.CHANGED, Code.CREATED)
    assert target.request(Code.GET, STORE).payload == b"first"


@pytest.mark.requirement("MSG-2150", "MSG-2170")
@pytest.mark.needs("conformance.test-interface")
def test_condition_that_fails_counts_no_change(target: Target, control: Control) -> None:
    """What was refused was not done: neither seen by a later reader nor by whoever counts."""
    target.request(Code.PUT, STORE, b"kept")

    with target.expect_unchanged():
        target.request(Code.PUT, STORE, b"lost", options=((int(Option.IF_MATCH), OTHER),))
        target.request(Code.PUT, STORE, b"lost", options=((int(Option.IF_NONE_MATCH), b""),))
        target.request(Code.DELETE, STORE, options=((int(Option.IF_MATCH), OTHER),))
