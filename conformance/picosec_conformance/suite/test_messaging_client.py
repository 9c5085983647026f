"""The target as a client: it asks as often as it must, and believes its own answers only."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code, Message, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control, Event
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Target

#: RFC 7252 section 4.8: the first timeout and, after four doublings, the last.
SHORTEST, LONGEST, RETRANSMISSIONS = 2.0, 3.0, 4
STEP = 0.01


def ask(target: Target, control: Control, path: str = "/x", *, confirmable: bool = True) -> tuple[int, Message]:
    """Make the target ask the suite for something, and return handle and request."""
    if control.blind:
        raise NotGiven("only the Test Interface could tell what the client made of the answer")
    handle = control.act("request", {1: int(Code.GET), 2: path, 4: confirmable})
    return handle, target.receive("the request that the act demands")


def piggybacked(request: Message, payload: bytes = b"answer") -> Message:
    """Return a response on the acknowledgement of a request."""
    return Message(Type.ACK, Code.CONTENT, request.message_id, request.token, (), payload)


def separate(target: Target, request: Message, kind: Type = Type.CON, payload: bytes = b"answer") -> Message:
    """Return a response in a message of its own."""
    return Message(kind, Code.CONTENT, target.fresh_message_id(), request.token, (), payload)


def outcomes(control: Control) -> list[Event]:
    """Return what the target reports of its requests since the last look."""
    return [event for event in control.events() if event.name in ("response", "failed", "reset", "pong")]


def make_confirmable(target: Target, control: Control, what: str) -> Message:
    """Make the target send a confirmable message: a request, a ping or a late response."""
    if what == "request":
        return ask(target, control)[1]
    if what == "ping":
        control.act("ping")
        return target.receive("a ping")
    target.replies_to(target.build(Code.GET, target.manifest.resources.slow))
    (data,) = control.advance(1.0)
    return target.parse(data)


def passes_in_silence(control: Control, seconds: float) -> bool:
    """Let time pass and tell whether the target sends nothing meanwhile."""
    return control.advance(seconds) == []


def time_to_next(control: Control, at_most: float) -> tuple[float, list[bytes]]:
    """Let time pass, step by step, until the target sends something; the time it took, and what it sent."""
    passed = 0.0
    while passed < at_most:
        sent = control.advance(at_most / 100)
        passed += at_most / 100
        if sent:
            return passed, sent
    return passed, []


CONFIRMABLE = pytest.mark.parametrize("what", ["request", "ping", "response"])


@pytest.mark.requirement("MSG-420")
@CONFIRMABLE
def test_what_is_not_acknowledged_is_sent_again_byte_for_byte(target: Target, control: Control, what: str) -> None:
    """A copy that differs is a second message to its recipient, and a second effect."""
    message = make_confirmable(target, control, what)
    copies = control.advance(100)
    assert copies
    assert {bytes(copy) for copy in copies} == {message.encode()}


@pytest.mark.requirement("MSG-420")
@CONFIRMABLE
def test_each_timeout_is_twice_the_one_before(target: Target, control: Control, what: str) -> None:
    """Many devices that knock at a fixed rate keep a congested network congested."""
    make_confirmable(target, control, what)
    assert passes_in_silence(control, SHORTEST - STEP)
    rest, copies = time_to_next(control, LONGEST - SHORTEST + 2 * STEP)
    assert len(copies) == 1, "no retransmission within three seconds"
    timeout = SHORTEST - STEP + rest
    late = 0.0  # how long ago the last copy was sent, at most
    for _ in range(RETRANSMISSIONS - 1):
        timeout *= 2
        assert passes_in_silence(control, timeout * 0.95 - late), f"sent again before {timeout:.1f} s"
        assert len(control.advance(timeout * 0.1)) == 1, f"not sent again after {timeout:.1f} s"
        late = timeout * 0.05


@pytest.mark.requirement("MSG-430")
@CONFIRMABLE
def test_the_first_timeout_lies_between_two_and_three_seconds(target: Target, control: Control, what: str) -> None:
    """Earlier is a burden on the network, later on the one who waits."""
    make_confirmable(target, control, what)
    assert passes_in_silence(control, SHORTEST - STEP)
    assert len(control.advance(LONGEST - SHORTEST + 2 * STEP)) == 1


@pytest.mark.requirement("MSG-430")
def test_first_timeouts_differ(target: Target, control: Control) -> None:
    """A power cut resets a street of lamps at once; they must not knock at one door at once for ever."""
    timeouts = set()
    for _ in range(8):
        _, request = ask(target, control)
        passed, _ = time_to_next(control, LONGEST + STEP)
        timeouts.add(round(passed, 2))
        target.send(piggybacked(request))
        target.until_probe_answered()
    assert len(timeouts) > 2


@pytest.mark.requirement("MSG-440")
@CONFIRMABLE
def test_four_retransmissions_are_enough(target: Target, control: Control, what: str) -> None:
    """A peer that is gone is let go."""
    make_confirmable(target, control, what)
    assert len(control.advance(300)) <= RETRANSMISSIONS
    assert passes_in_silence(control, 1000)


@pytest.mark.requirement("MSG-840")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("act", ["request", "ping"])
def test_giving_up_is_reported(target: Target, control: Control, act: str) -> None:
    """Whoever asked learns that there will be no answer, and why."""
    handle = control.act("ping") if act == "ping" else ask(target, control)[0]
    control.advance(61)
    assert outcomes(control) == []
    control.advance(33)
    assert outcomes(control) == [Event("failed", {0: handle, 1: Problem.TIMEOUT.name.lower()})]


@pytest.mark.requirement("MSG-450")
@CONFIRMABLE
@pytest.mark.parametrize("kind", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
@pytest.mark.parametrize("copies", [0, 1, 4])
def test_an_answer_ends_the_retransmission(
    target: Target, control: Control, what: str, kind: Type, copies: int
) -> None:
    """Going on after an answer burdens the network for nothing."""
    if what == "ping" and kind is Type.ACK:
        kind = Type.RST  # nothing else answers a ping
    message = make_confirmable(target, control, what)
    for _ in range(copies):
        time_to_next(control, 2 * LONGEST * 2**copies)
    target.send(Message(kind, Code.EMPTY, message.message_id))
    assert target.until_probe_answered() == []
    assert passes_in_silence(control, 200)


@pytest.mark.requirement("MSG-450")
@CONFIRMABLE
@pytest.mark.parametrize("kind", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
def test_an_answer_to_another_message_ends_nothing(target: Target, control: Control, what: str, kind: Type) -> None:
    """An attacker who guesses wrong must not stop what was sent."""
    message = make_confirmable(target, control, what)
    for other in (message.message_id ^ 1, message.message_id ^ 0x8000):
        target.send(Message(kind, Code.EMPTY, other))
    assert target.until_probe_answered() == []
    assert len(control.advance(LONGEST + STEP)) == 1


@pytest.mark.requirement("MSG-840")
@pytest.mark.needs("messaging.datagram")
def test_an_acknowledged_request_is_given_up_in_the_end(target: Target, control: Control) -> None:
    """The server promised an answer and died: whoever asked learns of it, and nobody waits for ever."""
    handle, request = ask(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    assert target.until_probe_answered() == []
    assert passes_in_silence(control, 240)
    assert outcomes(control) == []
    control.advance(60)
    assert outcomes(control) == [Event("failed", {0: handle, 1: Problem.TIMEOUT.name.lower()})]


@pytest.mark.requirement("MSG-840")
def test_a_request_that_needs_no_acknowledgement_is_given_up_too(target: Target, control: Control) -> None:
    """Nothing is sent again, so nothing but the clock says that there will be no answer."""
    handle, _ = ask(target, control, confirmable=False)
    control.advance(300)
    assert outcomes(control) == [Event("failed", {0: handle, 1: Problem.TIMEOUT.name.lower()})]


@pytest.mark.requirement("MSG-840")
def test_giving_up_keeps_its_order_among_many_answers(target: Target, control: Control, rng: random.Random) -> None:
    """Hundreds of requests come and go between those that nobody answers: each of these ends when its time is over."""
    unanswered: list[int] = []
    waiting: list[tuple[int, Message]] = []
    for step in range(300):
        handle, request = ask(target, control, confirmable=False)
        if step % 30 == 15:
            unanswered.append(handle)
        else:
            waiting.append((handle, request))
        control.advance(rng.randrange(200) / 1000)
        while len(waiting) > 15:
            _, answered = waiting.pop(rng.randrange(len(waiting)))
            target.send(separate(target, answered, Type.NON))
            target.until_probe_answered()
    control.events()
    ended: list[int] = []
    for _ in range(600):
        assert control.advance(0.5) == []
        ended += [event.fields[0] for event in outcomes(control) if event.fields[0] in unanswered]
    assert ended == unanswered


@pytest.mark.requirement("MSG-840")
def test_every_request_that_was_begun_has_an_outcome(target: Target, control: Control) -> None:
    """More requests than anybody has room for: each is refused at once, or answered for in the end."""
    begun: set[int] = set()
    act = dumps(["request", {1: int(Code.GET), 2: "/x", 4: False}])
    for _ in range(100):
        reply = target.request(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
        if reply.code == Code.CHANGED:
            begun.add(loads(reply.payload))
        else:
            target.expect_refusal(reply, Code.SERVICE_UNAVAILABLE, Problem.BUSY)
    control.advance(400)
    assert {event.fields[0] for event in outcomes(control)} == begun != set()


@pytest.mark.requirement("MSG-450")
def test_a_reset_is_reported(target: Target, control: Control) -> None:
    """The peer is there and does not want the request: that is not silence."""
    handle, request = ask(target, control)
    target.send(Message(Type.RST, Code.EMPTY, request.message_id))
    target.until_probe_answered()
    assert outcomes(control) == [Event("reset", {0: handle})]


@pytest.mark.requirement("MSG-460")
@pytest.mark.needs("messaging.server")
def test_message_ids_do_not_return_soon(target: Target, control: Control) -> None:
    """A message with the id of an earlier one, of whatever kind, is taken for its copy, and dropped."""
    seen = set()
    for n in range(300):
        message = KINDS[n % len(KINDS)](target, control)
        assert message.message_id not in seen, f"message {n + 1} has an id that was used before"
        seen.add(message.message_id)


@pytest.mark.requirement("MSG-460")
def test_message_ids_do_not_return_after_a_restart(target: Target, control: Control) -> None:
    """A device that counts from one after each loss of power gets, for its new question, the answer to an old one."""
    before = {answered_request(target, control).message_id for _ in range(8)}
    control.reboot()
    assert before.isdisjoint(answered_request(target, control).message_id for _ in range(8))


@pytest.mark.requirement("MSG-460")
def test_message_ids_begin_anywhere_after_a_restart(target: Target, control: Control) -> None:
    """Two lives that begin within a few hundred ids of each other meet after a few hundred messages."""
    firsts = []
    for _ in range(12):
        control.reboot()
        firsts.append(answered_request(target, control).message_id)
    assert max(firsts) - min(firsts) > 0x1000


def answered_request(target: Target, control: Control) -> Message:
    """Make the target send a confirmable request, and answer it."""
    _, request = ask(target, control)
    target.send(piggybacked(request))
    return request


def answered_non_confirmable_request(target: Target, control: Control) -> Message:
    """Make the target send a non-confirmable request, and answer it."""
    _, request = ask(target, control, confirmable=False)
    target.send(separate(target, request, Type.NON))
    return request


def answered_ping(target: Target, control: Control) -> Message:
    """Make the target send a ping, and answer it."""
    control.act("ping")
    ping = target.receive("a ping")
    target.send(Message(Type.RST, Code.EMPTY, ping.message_id))
    return ping


def response_of_its_own(target: Target, control: Control) -> Message:
    """Make the target send a response that has an id of its own."""
    return target.exchange(target.build(Code.GET, target.manifest.resources.get, kind=Type.NON))


KINDS = (answered_request, answered_non_confirmable_request, answered_ping, response_of_its_own)


@pytest.mark.requirement("MSG-470")
def test_tokens_are_long_and_never_the_same(target: Target, control: Control) -> None:
    """The token is all that an attacker off the path has to guess to answer in the server's place."""
    tokens = []
    for _ in range(40):
        _, request = ask(target, control)
        tokens.append(request.token)
        target.send(piggybacked(request))
        target.until_probe_answered()
    assert all(len(token) >= 4 for token in tokens)
    assert len(set(tokens)) == len(tokens)


@pytest.mark.requirement("MSG-470")
def test_tokens_do_not_follow_from_one_another(target: Target, control: Control) -> None:
    """A counter is unique, and its next value is known to whoever has seen this one."""
    numbers = []
    for _ in range(12):
        _, request = ask(target, control)
        numbers.append(int.from_bytes(request.token, "big"))
        target.send(piggybacked(request))
        target.until_probe_answered()
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    assert len(steps) > 2


@pytest.mark.requirement("MSG-470")
def test_tokens_differ_from_one_life_to_the_next(target: Target, control: Control, rng: random.Random) -> None:
    """A token that depends on nothing but the start can be read off another device of the same make."""
    tokens = []
    for _ in range(2):
        control.reset(rng.randbytes(32))
        tokens.append(ask(target, control)[1].token)
    assert tokens[0] != tokens[1]


@pytest.mark.requirement("MSG-480")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("change", ["other token", "no token", "longer token", "shorter token", "other message id"])
def test_a_piggybacked_response_that_does_not_match_is_not_taken(target: Target, control: Control, change: str) -> None:
    """Whoever has guessed the message id has not guessed the token, and the other way round."""
    handle, request = ask(target, control)
    right = piggybacked(request)
    token = request.token
    forged = {
        "other token": replace(right, token=bytes([token[0] ^ 1]) + token[1:], payload=b"forged"),
        "no token": replace(right, token=b"", payload=b"forged"),
        "longer token": replace(right, token=(token + b"\0")[-8:], payload=b"forged"),
        "shorter token": replace(right, token=token[:-1], payload=b"forged"),
        "other message id": replace(right, message_id=right.message_id ^ 1, payload=b"forged"),
    }[change]

    with target.expect_unchanged():
        assert target.replies_to(forged) == []

    target.send(right)
    target.until_probe_answered()
    assert outcomes(control) == [Event("response", {0: handle, 1: int(Code.CONTENT), 2: b"answer", 3: False})]


@pytest.mark.requirement("MSG-480")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_a_separate_response_with_another_token_is_not_taken(target: Target, control: Control, kind: Type) -> None:
    """A separate response has the token alone to show that it belongs."""
    handle, request = ask(target, control)
    forged = replace(separate(target, request, kind, b"forged"), token=request.token[:-1])
    with target.expect_unchanged():
        target.replies_to(forged)
    target.send(piggybacked(request))
    target.until_probe_answered()
    assert outcomes(control) == [Event("response", {0: handle, 1: int(Code.CONTENT), 2: b"answer", 3: False})]


@pytest.mark.requirement("MSG-480")
def test_a_request_is_answered_once(target: Target, control: Control) -> None:
    """A second response to the same request finds nobody waiting."""
    _, request = ask(target, control)
    target.send(piggybacked(request))
    target.until_probe_answered()
    assert len(outcomes(control)) == 1
    target.replies_to(piggybacked(request, b"second"))
    target.replies_to(separate(target, request, Type.NON, b"third"))
    assert outcomes(control) == []


@pytest.mark.requirement("MSG-480")
@pytest.mark.parametrize("code", [0x40, 0x5E, 0x9E, 0xBE], ids=lambda code: f"{code >> 5}.{code & 31:02}")
def test_a_response_whose_code_has_no_name_is_a_response(target: Target, control: Control, code: int) -> None:
    """Codes are registered for ever (RFC 7252 section 5.9): who knows only those of today loses tomorrow's answers."""
    handle, request = ask(target, control)
    target.send(replace(piggybacked(request), code=code))
    target.until_probe_answered()
    assert [event.fields[1] for event in outcomes(control) if event.fields[0] == handle] == [code]


@pytest.mark.requirement("MSG-480")
@pytest.mark.needs("messaging.datagram")
def test_a_response_may_overtake_the_acknowledgement(target: Target, control: Control) -> None:
    """Datagrams do not keep their order: the response is the answer, and the late acknowledgement is nothing."""
    handle, request = ask(target, control)
    target.send(separate(target, request, Type.NON))
    assert target.replies_to(Message(Type.ACK, Code.EMPTY, request.message_id)) == []
    assert outcomes(control) == [Event("response", {0: handle, 1: int(Code.CONTENT), 2: b"answer", 3: False})]
    assert passes_in_silence(control, 100)


@pytest.mark.requirement("MSG-490")
@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("code", [Code.CONTENT, Code.CHANGED, Code.NOT_FOUND, Code.INTERNAL_SERVER_ERROR])
def test_a_confirmable_response_to_nothing_is_reset(
    target: Target, control: Control, pending: bool, code: Code
) -> None:
    """The server stops repeating a response that nobody waits for, from before a restart perhaps."""
    if pending:
        ask(target, control)
    stray = Message(Type.CON, code, target.fresh_message_id(), target.fresh_token(), (), b"stray")
    with target.expect_unchanged():
        assert target.reply_to(stray) == Message(Type.RST, Code.EMPTY, stray.message_id)
    assert outcomes(control) == []


@pytest.mark.requirement("MSG-490")
@pytest.mark.parametrize("kind", [Type.NON, Type.ACK], ids=lambda kind: kind.name)
def test_any_other_response_to_nothing_is_ignored(target: Target, kind: Type) -> None:
    """Only who asked for an acknowledgement gets word."""
    stray = Message(kind, Code.CONTENT, target.fresh_message_id(), target.fresh_token(), (), b"stray")
    with target.expect_unchanged():
        assert target.replies_to(stray) == []


@pytest.mark.requirement("MSG-360")
@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_confirmable_response_is_acknowledged_and_taken_once(
    target: Target, control: Control, acknowledged: bool
) -> None:
    """The acknowledgement was lost and the response comes again: each copy is acknowledged, the first one counts."""
    handle, request = ask(target, control)
    if acknowledged:
        target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    response = separate(target, request)
    for _ in range(3):
        assert target.reply_to(response) == Message(Type.ACK, Code.EMPTY, response.message_id)
    assert outcomes(control) == [Event("response", {0: handle, 1: int(Code.CONTENT), 2: b"answer", 3: False})]
    assert passes_in_silence(control, 200)


@pytest.mark.requirement("MSG-830")
def test_one_request_waits_for_its_acknowledgement_at_a_time(target: Target, control: Control) -> None:
    """A congested network is not offered more of the same."""
    _, first = ask(target, control, "/first")
    for path in ("/second", "/third"):
        control.act("request", {1: int(Code.GET), 2: path})
    assert {bytes(copy) for copy in control.advance(10)} == {first.encode()}

    target.send(piggybacked(first))
    second = target.receive("the second request")
    assert second.path == "/second"
    assert target.until_probe_answered() == []
    target.send(Message(Type.ACK, Code.EMPTY, second.message_id))
    assert target.receive("the third request").path == "/third"
    target.until_probe_answered()


@pytest.mark.requirement("MSG-830")
def test_what_needs_no_acknowledgement_waits_for_none(target: Target, control: Control) -> None:
    """Two messages that expect no answer stand behind a request: both leave once that one is through."""
    _, first = ask(target, control, "/first")
    for path in ("/second", "/third"):
        control.act("request", {1: int(Code.GET), 2: path, 4: False})
    sent = [target.parse(data).path for data in target.replies_to(piggybacked(first))]
    assert sent == ["/second", "/third"]


@pytest.mark.requirement("MSG-2420")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: f"{kind.name}-response")
@pytest.mark.parametrize("confirmable", [True, False], ids=["CON-request", "NON-request"])
def test_either_kind_of_response_is_taken(target: Target, control: Control, confirmable: bool, kind: Type) -> None:
    """How a message travels says nothing about what it is: a server that sends all its answers one way is right."""
    handle, request = ask(target, control, confirmable=confirmable)

    target.replies_to(separate(target, request, kind, b"the answer"))

    reported = outcomes(control)
    assert [(event.name, event.fields[0]) for event in reported] == [("response", handle)]
    assert reported[0].fields[2] == b"the answer"


@pytest.mark.requirement("MSG-2450")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("pause", [0, 10])
def test_little_goes_to_a_peer_that_answers_nothing(target: Target, control: Control, pause: int) -> None:
    """The other end died, or never was: a sensor that reports all the same fills the network with what nobody reads."""
    path = "/" + "/".join(["p" * 240] * 2)
    sent = 0
    for _ in range(12):
        act = dumps(["request", {1: int(Code.GET), 2: path, 4: False}])
        demanded = target.build(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
        sent += sum(len(data) for data in target.replies_to(demanded) if Message.decode(data).is_request)
        sent += sum(len(data) for data in control.advance(pause)) if pause else 0

    assert 0 < sent <= 2048 + 12 * pause


@pytest.mark.requirement("MSG-2450")
@pytest.mark.needs("conformance.test-interface")
def test_peer_that_answers_is_sent_more(target: Target, control: Control) -> None:
    """What counts is what was sent since the last answer; a peer that reads along is no dead end."""
    path = "/" + "/".join(["p" * 240] * 2)
    for _ in range(12):
        _, request = ask(target, control, path, confirmable=False)
        target.replies_to(separate(target, request, Type.NON))

    assert len(outcomes(control)) == 12
