"""The target as a client over OSCORE: what its requests show, and which answers it believes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.channel.oscore import protect_response
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, Message, Option, Type, encode_options
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.channel import joined
from picosec_conformance.control import Control
from picosec_conformance.manifest import NotGiven
from picosec_conformance.protection import TargetAsClient, fresh_context, set_up
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("channel.oscore.client")

#: Options of class U: what a proxy may see.
OUTSIDE = {Option.URI_HOST, Option.URI_PORT, Option.OSCORE, Option.HOP_LIMIT, Option.EDHOC, Option.PROXY_SCHEME}


@pytest.fixture
def client(target: Target, control: Control, rng: random.Random) -> TargetAsClient:
    """The target, ready to ask over a fresh channel, or the one of its manifest. It need not be a server."""
    if target.manifest.black_box:
        if target.manifest.oscore is None:
            raise NotGiven("the manifest gives no OSCORE context ([oscore])")
        return TargetAsClient(target, control, joined(target, target.manifest.oscore).context)
    return TargetAsClient(target, control, set_up(target, control, fresh_context(rng)).context)


def option_of(message: Message) -> OscoreOption:
    """Return the OSCORE option of a message."""
    return OscoreOption.decode(message.option(Option.OSCORE) or b"")


def outcomes(control: Control, handle: int) -> list[tuple[str, object]]:
    """Return how the target reports on a request: its events, with payload or error name."""
    found: list[tuple[str, object]] = []
    for event in control.events():
        if event.fields.get(0) == handle:
            found.append((event.name, event.fields[2] if event.name == "response" else event.fields.get(1)))
    return found


@pytest.mark.requirement("CHN-670", "CHN-650", "CHN-660")
@pytest.mark.parametrize("code", [Code.GET, Code.POST, Code.PUT, Code.DELETE])
def test_request_shows_nothing_but_its_address(client: TargetAsClient, code: Code) -> None:
    """Whoever listens learns that something was asked, not what: not the path, not the method, not the value."""
    value = b"a secret value" if code in (Code.POST, Code.PUT) else b""
    client.act(code, "/door/lock", value)
    protected = client.receive()
    request, binding = client.opened(protected)

    assert protected.code == Code.POST
    assert {number for number, _ in protected.options} <= OUTSIDE
    for secret in (b"door", b"lock", b"a secret value"):
        assert secret not in protected.encode()
    assert (request.code, request.path, request.payload) == (code, "/door/lock", value)
    client.deliver(client.response(binding, protected, b""))


@pytest.mark.requirement("CHN-670", "CNF-820")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize(
    ("code", "options", "answer", "inside"),
    [
        pytest.param(
            Code.GET,
            [(Option.ETAG, b"kept"), (Option.URI_QUERY, b"first=1")],
            Code.VALID,
            ((int(Option.ETAG), b"kept"),),
            id="query-and-entity-tag",
        ),
        pytest.param(Code.GET, [(Option.ACCEPT, b"")], Code.CONTENT, ((int(Option.MAX_AGE), b"\x1e"),), id="accept"),
        pytest.param(Code.PUT, [(Option.IF_MATCH, b"kept")], Code.CHANGED, (), id="if-match"),
        pytest.param(Code.PUT, [(Option.IF_NONE_MATCH, b"")], Code.PRECONDITION_FAILED, (), id="if-none-match"),
    ],
)
def test_options_of_a_request_travel_inside(
    client: TargetAsClient,
    control: Control,
    code: Code,
    options: list[tuple[int, bytes]],
    answer: Code,
    inside: tuple[tuple[int, bytes], ...],
) -> None:
    """What a client asks by, what it has and on what condition it writes tells a listener what is behind the door."""
    handle = client.act(code, "/door/lock", b"value" if code == Code.PUT else b"", *options)
    protected = client.receive()
    request, binding = client.opened(protected)

    assert {number for number, _ in protected.options} <= OUTSIDE
    assert set(options) <= set(request.options)
    plain = Message(Type.ACK, answer, protected.message_id, protected.token, inside)
    client.deliver(protect_response(client.context, binding, plain))
    response = control.event("response")
    assert (response.fields[0], response.fields[1], response.fields[3]) == (handle, int(answer), True)


@pytest.mark.requirement("CHN-620")
@pytest.mark.parametrize("first_number", [0, 1, 255, 256, 65535, 65536])
def test_option_has_its_one_form(target: Target, control: Control, rng: random.Random, first_number: int) -> None:
    """Two forms of one number are two messages to one reader and a replay to another."""
    given = fresh_context(rng)
    channel = set_up(target, control, given, first_number=first_number)
    client = TargetAsClient(target, control, channel.context)
    for number in range(first_number, first_number + 3):
        client.act()
        protected = client.receive()
        _, binding = client.opened(protected)

        value = protected.option(Option.OSCORE)
        assert value == OscoreOption(encode_partial_iv(number), given.sender_id).encode()
        client.deliver(client.response(binding, protected, b""))


@pytest.mark.requirement("CHN-620", "CHN-600")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"sender_id": b""}, id="empty-sender-id"),
        pytest.param({"sender_id": bytes(7), "recipient_id": b""}, id="longest-sender-id"),
        pytest.param({"id_context": b"zone"}, id="id-context"),
    ],
)
def test_request_names_its_context(
    target: Target, control: Control, rng: random.Random, fields: dict[str, object]
) -> None:
    """A server with a thousand clients finds the keys by what the option says."""
    given = fresh_context(rng, **fields)
    client = TargetAsClient(target, control, set_up(target, control, given).context)
    client.act()
    protected = client.receive()
    _, binding = client.opened(protected)

    option = option_of(protected)
    assert option.kid == given.sender_id
    assert option.kid_context in (None, given.id_context)
    assert option.encode() == protected.option(Option.OSCORE)
    client.deliver(client.response(binding, protected, b""))


@pytest.mark.requirement("CHN-820")
@pytest.mark.parametrize("numbered", [False, True])
def test_response_is_taken_with_and_without_a_number(control: Control, client: TargetAsClient, numbered: bool) -> None:
    """A server that restarted answers with a number of its own; an honest client understands it all the same."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)

    client.deliver(client.response(binding, protected, b"21.5", numbered=numbered))

    assert outcomes(control, handle) == [("response", b"21.5")]


@pytest.mark.requirement("CHN-820")
def test_error_response_of_the_server_is_delivered(control: Control, client: TargetAsClient) -> None:
    """A protected "not found" is the server's word, not an attacker's."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    plain = Message(Type.ACK, Code.NOT_FOUND, protected.message_id, protected.token, (), b"no such thing")
    client.deliver(protect_response(client.context, binding, plain))

    (event,) = [event for event in control.events() if event.fields.get(0) == handle]
    assert (event.name, event.fields[1], event.fields[3]) == ("response", Code.NOT_FOUND, True)


@pytest.mark.requirement("CHN-830")
@pytest.mark.parametrize(
    ("code", "payload"),
    [
        pytest.param(Code.CONTENT, b"99.9", id="value"),
        pytest.param(Code.CHANGED, b"", id="success"),
        pytest.param(Code.UNAUTHORIZED, problem.encode(Problem.UNKNOWN_CONTEXT), id="error"),
        pytest.param(Code.NOT_FOUND, b"diagnostic", id="another-error"),
    ],
)
def test_unprotected_response_is_not_delivered(
    control: Control, client: TargetAsClient, code: Code, payload: bytes
) -> None:
    """Somebody faster than the server answers in the open: "99 degrees", "door locked", "no such door"."""
    handle = client.act()
    protected = client.receive()

    client.deliver(Message(Type.ACK, code, protected.message_id, protected.token, (), payload))

    assert [name for name, _ in outcomes(control, handle)] in ([], ["failed"])


@pytest.mark.requirement("CHN-840")
@pytest.mark.parametrize("change", ["payload", "tag", "cut", "number-added", "option-garbled", "own-request", "empty"])
def test_forged_response_is_not_delivered(
    target: Target, control: Control, client: TargetAsClient, change: str
) -> None:
    """The man in the middle alters the answer, or sends the client its own request back."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    good = client.response(binding, protected, b"21.5")
    oscore = int(Option.OSCORE)
    forged = {
        "payload": replace(good, payload=bytes((good.payload[0] ^ 1,)) + good.payload[1:]),
        "tag": replace(good, payload=good.payload[:-1] + bytes((good.payload[-1] ^ 1,))),
        "cut": replace(good, payload=good.payload[:-1]),
        "number-added": replace(good, options=((oscore, b"\x01\x05"),)),
        "option-garbled": replace(good, options=((oscore, b"\xff\xff"),)),
        "own-request": replace(good, payload=protected.payload),
        "empty": replace(good, payload=b""),
    }[change]

    client.deliver(forged)

    assert [name for name, _ in outcomes(control, handle)] in ([], ["failed"])


@pytest.mark.requirement("CHN-840")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("numbered", [False, True])
def test_response_to_another_request_is_not_delivered(
    target: Target, control: Control, client: TargetAsClient, numbered: bool
) -> None:
    """The attacker holds back "locked", asked in the morning, and delivers it in the evening."""
    first = client.act(path="/door")
    morning = client.receive()
    _, binding = client.opened(morning)
    held_back = client.response(binding, morning, b"locked", numbered=numbered)
    client.deliver(Message(Type.ACK, Code.EMPTY, morning.message_id))
    second = client.act(path="/door")
    evening = client.receive()
    client.opened(evening)

    client.deliver(replace(held_back, message_id=evening.message_id, token=evening.token))

    assert [name for name, _ in outcomes(control, second)] in ([], ["failed"])
    assert first != second


@pytest.mark.requirement("CHN-840")
def test_second_response_is_not_delivered(target: Target, control: Control, client: TargetAsClient) -> None:
    """A response is repeated in another message, or a server answers one question twice."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    first, second = (client.response(binding, protected, payload) for payload in (b"one", b"two"))
    further = [
        replace(message, type=Type.NON, message_id=target.fresh_message_id()) for message in (first, second, second)
    ]

    client.deliver(first, *further)

    assert outcomes(control, handle) == [("response", b"one")]


@pytest.mark.requirement("CHN-880")
def test_request_beyond_the_limit_is_not_sent(target: Target, control: Control, rng: random.Random) -> None:
    """A key that protected too much is worth less than its length promises, whoever asks for one more."""
    channel = set_up(target, control, fresh_context(rng), first_number=2**20 - 2)
    client = TargetAsClient(target, control, channel.context)
    for _ in range(2):
        client.act()
        protected = client.receive()
        _, binding = client.opened(protected)
        client.deliver(client.response(binding, protected, b""))

    act = cbor.dumps(["request", {1: int(Code.GET), 2: "/some/path", 5: channel.context.sender_id}])
    request = target.build(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
    sent = [message for message in target.replies(request) if message.token != request.token]

    assert sent == []


@pytest.mark.requirement("CHN-850")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("asked", [1, 2, 63, 64, 65])
def test_no_number_comes_again_after_a_reboot(
    target: Target, control: Control, client: TargetAsClient, asked: int
) -> None:
    """Somebody pulls the plug between two messages, again and again: a nonce that repeats gives both away."""
    seen: list[int] = []
    for _ in range(3):
        for _ in range(asked):
            client.act()
            protected = client.receive()
            seen.append(int.from_bytes(option_of(protected).partial_iv, "big"))
            target.send(Message(Type.RST, Code.EMPTY, protected.message_id))
        control.reboot()

    assert len(set(seen)) == len(seen)


@pytest.mark.requirement("CHN-850")
@pytest.mark.needs("messaging.datagram")
def test_request_that_was_never_answered_does_not_come_again(
    target: Target, control: Control, client: TargetAsClient
) -> None:
    """Retransmission repeats the same bytes; a new attempt has a new number."""
    client.act(path="/a")
    first = client.receive()
    (retransmitted,) = control.advance(4)
    target.send(Message(Type.RST, Code.EMPTY, first.message_id))
    client.act(path="/b")
    second = client.receive()
    target.send(Message(Type.RST, Code.EMPTY, second.message_id))

    assert target.parse(retransmitted) == first
    assert option_of(second) != option_of(first)


@pytest.mark.requirement("CHN-1980")
@pytest.mark.parametrize(
    "option",
    [
        pytest.param((65001, b"x"), id="unknown"),
        pytest.param((int(Option.OSCORE), b""), id="oscore"),
        pytest.param((int(Option.URI_PATH), b"x"), id="of-a-request"),
    ],
)
def test_critical_option_inside_a_response_is_understood_or_it_is_not_taken(
    control: Control, client: TargetAsClient, option: tuple[int, bytes]
) -> None:
    """The server says that its answer means something else than it would without this option: what, nobody knows."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    aad, nonce = binding.aad, binding.nonce
    plain = bytes((Code.CONTENT,)) + encode_options((option,), b"99.9")
    assert nonce is not None
    ciphertext = client.context.sender.cipher.encrypt(nonce, plain, aad)
    outer = ((int(Option.OSCORE), b""),)
    client.deliver(Message(Type.ACK, Code.CHANGED, protected.message_id, protected.token, outer, ciphertext))

    assert ("response", b"99.9") not in outcomes(control, handle)


@pytest.mark.requirement("CHN-820")
def test_elective_option_inside_a_response_does_no_harm(control: Control, client: TargetAsClient) -> None:
    """What may be ignored is ignored, and the rest is taken."""
    handle = client.act()
    protected = client.receive()
    _, binding = client.opened(protected)
    plain = Message(Type.ACK, Code.CONTENT, protected.message_id, protected.token, ((65000, b"x"),), b"21.5")
    client.deliver(protect_response(client.context, binding, plain))

    assert outcomes(control, handle) == [("response", b"21.5")]
