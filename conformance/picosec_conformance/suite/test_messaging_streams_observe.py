"""Observing on connections, blocks for those who take little, and connections that the target releases."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Option, Type, uint_value
from picosec.messaging.stream_message import (
    BASE_MESSAGE_SIZE,
    CsmOption,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec_conformance.blockwise import block_in, read_block, read_whole
from picosec_conformance.channel import Channel
from picosec_conformance.connections import greet
from picosec_conformance.control import Control
from picosec_conformance.observing import DEREGISTER, OBSERVE, Observer, ObservingTarget, ProtectedObserver
from picosec_conformance.target import Target

# -- the target observes -----------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-2010")
def test_number_of_a_notification_on_a_connection_means_nothing(connection: Target, control: Control) -> None:
    """A server of connections need not count: one that always writes nothing, or lost count, is heard all the same."""
    one = ObservingTarget(connection, control)
    one.accept(1000)
    for number, payload in ((5, b"on"), (5, b"off"), (4, b"on"), (0, b"off"), (0, b"gone")):
        one.notify(number, payload)

    assert one.news() == [b"0", b"on", b"off", b"on", b"off", b"gone"]


def deregistration(one: ObservingTarget) -> Message:
    """Return what the target sends to leave, and see that it names the observation."""
    asked = one.target.receive("a deregistration")
    assert (asked.code, asked.token) == (Code.GET, one.registration.token)
    assert [uint_value(value) for value in asked.option_values(OBSERVE)] == [DEREGISTER]
    return asked


@pytest.mark.requirement("MSG-2020")
@pytest.mark.parametrize("silently", [False, True], ids=["told-to-tell", "told-to-be-silent"])
def test_observation_on_a_connection_is_ended_by_a_request(
    connection: Target, control: Control, silently: bool
) -> None:
    """Nothing can be rejected on a connection: whoever just looks away is told for ever, and pays for it."""
    one = ObservingTarget(connection, control)
    one.accept()
    control.act("cancel", {1: one.handle, 2: silently})

    one.answer(deregistration(one), b"last")

    one.notify(2, b"crossing")
    assert one.news() == [b"0"]


@pytest.mark.requirement("MSG-2020")
def test_observation_that_was_not_answered_yet_is_ended_too(connection: Target, control: Control) -> None:
    """The server is slow, the person has gone on; the registration that comes through late has to go again."""
    one = ObservingTarget(connection, control)
    control.act("cancel", {1: one.handle})
    connection.send(Message(Type.CON, Code.CONTENT, 0, one.registration.token, ((OBSERVE, b""),), b"late"))

    deregistration(one)

    assert one.news() == []


@pytest.mark.requirement("MSG-2020")
def test_observation_that_is_being_renewed_is_ended_too(
    connection: Target, control: Control, elsewhere: Target
) -> None:
    """It is given up while the server is asked whether it still knows of it."""
    one = ObservingTarget(connection, control)
    one.accept(max_age=10)
    Control(elsewhere).advance(30.0)
    again = connection.receive("another registration")
    assert again.token == one.registration.token
    control.act("cancel", {1: one.handle})
    connection.send(Message(Type.CON, Code.CONTENT, 0, again.token, ((OBSERVE, b""),), b"still here"))

    deregistration(one)


# -- the target is observed --------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-2030")
def test_registrations_go_with_their_connection(connection: Target) -> None:
    """A phone loses its connection eighty times a day; what it leaves behind must not shut out the next one."""
    Observer(connection).put(b"news")
    for _ in range(80):
        Observer(connection).register()
        connection.disconnect()
        connection.connect()


@pytest.mark.requirement("MSG-2030")
@pytest.mark.needs("channel.oscore.server")
def test_registrations_over_a_channel_go_with_their_connection(connection: Target, channel: Channel) -> None:
    """The channel goes on; what was promised on the old connection cannot be kept on the new one."""
    for _ in range(20):
        ProtectedObserver(connection, channel).register()
        connection.disconnect()
        connection.connect()


@pytest.mark.requirement("MSG-2030")
def test_nobody_is_told_on_a_later_connection(connection: Target) -> None:
    """Tokens are counted from one by many: what was meant for the one before answers a question of the next."""
    gone = Observer(connection)
    gone.put(b"old")
    gone.register()
    connection.disconnect()
    connection.connect()

    assert gone.put(b"news") == []


@pytest.mark.requirement("MSG-1870", "MSG-1220")
@pytest.mark.needs("messaging.no-response")
def test_unwanted_success_is_not_sent_on_a_connection(connection: Target) -> None:
    """Nothing follows, and the request is done with: it takes nobody's place, and custody of it is given."""
    path, unwanted = connection.manifest.resources.get, ((int(Option.NO_RESPONSE), b"\2"),)
    for _ in range(100):
        connection.send(connection.build(Code.GET, path, options=unwanted))
    assert connection.until_probe_answered() == []
    connection.send(StreamMessage(Signal.PING, b"done", ((int(PingOption.CUSTODY), b""),)))

    assert connection.receive_signal(Signal.PONG).option(PingOption.CUSTODY) == b""
    assert connection.request(Code.GET, path).code == Code.CONTENT


# -- small peers -------------------------------------------------------------------------------------------------

SIZES = [100, 128, 300, 1000, BASE_MESSAGE_SIZE]
#: What a CSM has that knows block-wise transfer.
BLOCKS = ((int(CsmOption.BLOCK_WISE_TRANSFER), b""),)


@pytest.mark.requirement("MSG-2040", "MSG-1050")
@pytest.mark.parametrize("block_wise", [False, True], ids=["says-nothing-of-blocks", "knows-blocks"])
@pytest.mark.parametrize("size", SIZES)
def test_small_peer_gets_small_blocks(connection: Target, size: int, block_wise: bool) -> None:
    """A sensor with a kilobyte of memory reads a large resource as long as each piece of it is small."""
    large = connection.manifest.resources.large
    whole = read_whole(connection, large)
    greet(connection, *(BLOCKS if block_wise else ()), size=size)

    said = connection.replies_to(connection.build(Code.GET, large))

    assert max(len(data) for data in said) <= size
    assert whole.startswith(connection.parse(said[0]).payload)
    assert read_whole(connection, large) == whole


@pytest.mark.requirement("MSG-2040", "MSG-1050")
def test_smallest_block_needs_no_more_room_than_it_has(connection: Target) -> None:
    """A peer that takes exactly as much as the smallest block needs gets it; with a byte less there is none."""
    large = connection.manifest.resources.large
    size = len(only_reply(connection, read_block(connection, large, 0, size=16)))

    greet(connection, *BLOCKS, size=size)
    assert connection.parse(only_reply(connection, read_block(connection, large, 0, size=16))).code == Code.CONTENT

    greet(connection, *BLOCKS, size=size - 1)
    assert connection.parse(only_reply(connection, read_block(connection, large, 0, size=16))).code >> 5 == 5


def only_reply(connection: Target, request: Message) -> bytes:
    """Return the one message that a request is answered by, as it came."""
    (data,) = connection.replies_to(request)
    return data


@pytest.mark.requirement("MSG-2040", "MSG-1050")
def test_block_that_was_asked_for_is_made_smaller(connection: Target) -> None:
    """The client asks for more than it said to take: the block begins where it asked, and ends earlier."""
    large = connection.manifest.resources.large
    whole = read_whole(connection, large)
    greet(connection, *BLOCKS, size=300)

    reply = connection.exchange(read_block(connection, large, 1, size=512))

    block = block_in(reply)
    assert (block.offset, block.more, len(reply.payload)) == (512, True, block.size)
    assert reply.payload == whole[512:][: block.size]


@pytest.mark.requirement("MSG-2040", "MSG-1050")
@pytest.mark.needs("channel.oscore.server")
def test_protection_counts(connection: Target, channel: Channel) -> None:
    """The block fits, and what protects it makes it too large."""
    large = connection.manifest.resources.large
    for size in range(120, BASE_MESSAGE_SIZE, 31):
        greet(connection, *BLOCKS, size=size)
        reply = channel.ask(connection.build(Code.GET, large))
        assert (reply.code, block_in(reply).number) == (Code.CONTENT, 0)


# -- the target releases a connection ----------------------------------------------------------------------------


def released(connection: Target, parameters: dict[int, object]) -> Message:
    """Make the target release a connection, and return how it does."""
    Control(connection).act("release", parameters)
    return connection.receive("a Release")


@pytest.mark.requirement("CNF-790")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize(
    ("addresses", "hold_off"),
    [([], None), ([], 0), ([], 300), (["other.example:5683", "[2001:db8::1]"], None), (["a"], 16777215)],
)
def test_connection_is_released_on_demand(connection: Target, addresses: list[str], hold_off: int | None) -> None:
    """A server that restarts sends its clients away in good order, and says where to and for how long."""
    parameters: dict[int, object] = {1: addresses} if addresses else {}
    found = released(connection, parameters if hold_off is None else {**parameters, 2: hold_off})

    assert (found.code, found.token) == (Signal.RELEASE, b"")
    assert found.option_values(ReleaseOption.ALTERNATIVE_ADDRESS) == [each.encode() for each in addresses]
    value = found.option(ReleaseOption.HOLD_OFF)
    assert (None if value is None else uint_value(value)) == hold_off


@pytest.mark.requirement("CNF-510", "MSG-2050")
@pytest.mark.needs("conformance.test-interface")
def test_target_survives_releasing_twice(connection: Target) -> None:
    """An impatient operator asks again."""
    assert released(connection, {}).code == Signal.RELEASE
    Control(connection).act("release", {})
    connection.until_probe_answered()

    assert connection.request(Code.GET, connection.manifest.resources.get).code == Code.CONTENT


@pytest.mark.requirement("MSG-2050")
@pytest.mark.needs("conformance.test-interface")
def test_released_connection_is_served_on(connection: Target) -> None:
    """The Release crosses a command on its way: the lamp must switch, whoever is about to leave."""
    assert released(connection, {}).code == Signal.RELEASE

    assert connection.request(Code.GET, connection.manifest.resources.get).code == Code.CONTENT
    connection.send(StreamMessage(Signal.PING, b"still"))
    assert connection.receive_signal(Signal.PONG).token == b"still"


@pytest.mark.requirement("MSG-2050")
@pytest.mark.needs("conformance.test-interface")
def test_late_answer_comes_on_a_released_connection(connection: Target, elsewhere: Target) -> None:
    """What was asked before is answered behind the Release."""
    slow = connection.build(Code.GET, connection.manifest.resources.slow)
    connection.send(slow)
    assert released(connection, {}).code == Signal.RELEASE
    Control(elsewhere).advance(2.0)

    assert connection.response_to(slow).code == Code.CONTENT


@pytest.mark.requirement("MSG-2050", "MSG-1230")
@pytest.mark.needs("conformance.test-interface")
def test_both_ends_may_release(connection: Target, elsewhere: Target) -> None:
    """Both want to go: whoever hears of it second still has its answers before the end."""
    slow = connection.build(Code.GET, connection.manifest.resources.slow)
    connection.send(slow)
    assert released(connection, {}).code == Signal.RELEASE
    connection.send(StreamMessage(Signal.RELEASE))
    connection.send(StreamMessage(Signal.PING, b"arrived"))
    connection.receive_signal(Signal.PONG)
    Control(elsewhere).advance(2.0)

    assert [message.token for message in connection.until_ended()] == [slow.token]
