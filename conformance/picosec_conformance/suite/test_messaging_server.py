"""The target as a server: each request has one effect and one answer, however often it arrives."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Target

EXCHANGE_LIFETIME = 247
_MAY_CHANGE = (Code.POST, Code.PUT, Code.DELETE, Code.FETCH, Code.PATCH, Code.IPATCH)
REMEMBERED = 16


def read(target: Target, kind: Type = Type.CON) -> Message:
    """Return a request that reads the open resource."""
    return target.build(Code.GET, target.manifest.resources.get, kind=kind)


def spare(target: Target, code: int) -> None:
    """End the test where a method could do something to a black box: its manifest only says that GET is answered."""
    if target.manifest.black_box and code in _MAY_CHANGE:
        raise NotGiven("the manifest does not say what other methods do to the resource that answers GET")


def write(target: Target, payload: bytes = b"written", kind: Type = Type.CON) -> Message:
    """Return a request that changes the open resource."""
    return target.build(Code.PUT, target.manifest.resources.put, payload, kind=kind)


@pytest.mark.requirement("MSG-310")
@pytest.mark.parametrize("code", [Code.GET, *_MAY_CHANGE, 0x1F])
def test_a_confirmable_request_is_acknowledged(target: Target, code: int) -> None:
    """A client that hears nothing repeats its request into a network that may be congested already."""
    spare(target, code)
    request = replace(read(target), code=code)
    reply = target.reply_to(request)
    assert (reply.type, reply.message_id) == (Type.ACK, request.message_id)
    assert reply.is_response


@pytest.mark.requirement("MSG-320")
@pytest.mark.parametrize("length", range(9))
def test_a_response_carries_the_token_of_its_request(target: Target, length: int, rng: random.Random) -> None:
    """The token is the client's only proof that an answer belongs to its question."""
    request = replace(read(target), token=rng.randbytes(length))
    reply = target.reply_to(request)
    assert reply.token == request.token


@pytest.mark.requirement("MSG-320")
def test_a_refusal_carries_the_token_too(target: Target, rng: random.Random) -> None:
    """Otherwise the client waits on, and asks again."""
    request = target.build(Code.GET, "/no-such-resource")
    assert target.reply_to(request).token == request.token


@pytest.mark.requirement("MSG-330")
def test_a_repeated_read_gets_the_same_bytes(target: Target) -> None:
    """The acknowledgement was lost; the client asks again and must not hear another story."""
    request = read(target)
    first = target.replies_to(request)
    assert len(first) == 1
    for _ in range(3):
        assert target.replies_to(request, "a copy") == first


@pytest.mark.requirement("MSG-330")
def test_a_repeated_command_is_not_carried_out_again(target: Target, control: Control) -> None:
    """A network, or an attacker, repeats the command: the lamp must not switch twice."""
    request = write(target)
    first = target.replies_to(request)
    assert target.replies_to(request, "a copy") == first
    assert control.changes(target.manifest.resources.put) == 1


@pytest.mark.requirement("MSG-330")
def test_a_copy_with_another_content_is_still_a_copy(target: Target, control: Control) -> None:
    """Whoever can send the same message id cannot slip another command in behind the first."""
    request = write(target)
    first = target.replies_to(request)
    forged = replace(write(target, b"forged"), message_id=request.message_id)
    assert target.replies_to(forged, "a forged copy") == first
    assert target.request(Code.GET, target.manifest.resources.put).payload == b"written"


@pytest.mark.requirement("MSG-330")
def test_a_repeated_refusal_is_the_same_refusal(target: Target) -> None:
    """What was refused once is not judged again."""
    request = target.build(Code.GET, "/no-such-resource")
    assert target.replies_to(request) == target.replies_to(request, "a copy")


@pytest.mark.requirement("MSG-330")
def test_a_copy_of_a_slow_request_is_acknowledged_again(target: Target, control: Control) -> None:
    """The empty acknowledgement was lost: the copy gets it again, and the response comes once."""
    request = target.build(Code.GET, target.manifest.resources.slow)
    acknowledgement = target.replies_to(request)
    assert target.replies_to(request, "a copy") == acknowledgement
    due = [target.parse(data) for data in control.advance(1.5)]
    assert [message.token for message in due] == [request.token]


@pytest.mark.requirement("MSG-340")
def test_a_repeated_non_confirmable_request_is_ignored(target: Target, control: Control) -> None:
    """Its sender asked for no certainty; the copy must neither act nor speak."""
    request = write(target, kind=Type.NON)
    assert len(target.replies_to(request)) == 1
    assert target.replies_to(request, "a copy") == []
    assert control.changes(target.manifest.resources.put) == 1


@pytest.mark.requirement("MSG-340")
def test_a_copy_that_was_made_non_confirmable_is_ignored(target: Target, control: Control) -> None:
    """Two bits of a copy are changed on its way: the id says that it is a copy, and nobody waits for an answer."""
    request = write(target)
    assert len(target.replies_to(request)) == 1
    assert target.replies_to(replace(request, type=Type.NON), "a copy of another type") == []
    assert control.changes(target.manifest.resources.put) == 1


@pytest.mark.requirement("MSG-350")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_sixteen_messages_are_remembered(target: Target, control: Control, kind: Type) -> None:
    """Fifteen other messages later the copy is still a copy."""
    request = write(target, kind=kind)
    first = target.replies_to(request)
    for _ in range(REMEMBERED - 1):
        target.replies_to(target.build(Code.GET, "/elsewhere", kind=kind))
    assert target.replies_to(request, "a copy") == (first if kind is Type.CON else [])
    assert control.changes(target.manifest.resources.put) == 1


@pytest.mark.requirement("MSG-350")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_a_message_is_remembered_for_its_lifetime(target: Target, control: Control, kind: Type) -> None:
    """Four minutes after it was sent, a copy can still come out of some queue."""
    request = write(target, kind=kind)
    first = target.replies_to(request)
    control.advance(EXCHANGE_LIFETIME - 1)
    assert target.replies_to(request, "a copy") == (first if kind is Type.CON else [])
    assert control.changes(target.manifest.resources.put) == 1


@pytest.mark.requirement("MSG-350")
@pytest.mark.parametrize("others", [1, REMEMBERED - 1])
def test_an_id_that_came_back_is_remembered_anew(target: Target, control: Control, others: int) -> None:
    """It was used long ago, and many others since: what counts is the message that has it now."""
    first = write(target)
    target.replies_to(first)
    for _ in range(8 * REMEMBERED):
        target.replies_to(target.build(Code.GET, "/elsewhere"))
    control.advance(EXCHANGE_LIFETIME + 1)
    second = replace(write(target), message_id=first.message_id)
    answer = target.replies_to(second)
    for _ in range(others):
        target.replies_to(target.build(Code.GET, "/elsewhere"))
    assert target.replies_to(second, "a copy") == answer
    assert control.changes(target.manifest.resources.put) == 2


@pytest.mark.requirement("MSG-390")
def test_a_non_confirmable_request_gets_a_non_confirmable_response(target: Target) -> None:
    """Whoever asks without acknowledgement wants none from the other side either."""
    request = read(target, kind=Type.NON)
    reply = target.reply_to(request)
    assert (reply.type, reply.token) == (Type.NON, request.token)
    assert reply.is_response


@pytest.mark.requirement("MSG-400")
def test_a_late_response_is_announced(target: Target, control: Control) -> None:
    """The client stops repeating, and knows that its request arrived."""
    request = target.build(Code.GET, target.manifest.resources.slow)
    replies = target.replies_to(request) or control.advance(1.0)
    assert replies, "no word within a second"
    assert target.parse(replies[0]) == Message(Type.ACK, Code.EMPTY, request.message_id)


@pytest.mark.requirement("MSG-410")
def test_a_late_response_is_a_confirmable_message_of_its_own(target: Target, control: Control) -> None:
    """The response is worth as much as the request was: the server sees to it that it arrives."""
    request = target.build(Code.GET, target.manifest.resources.slow)
    target.replies_to(request)
    (response,) = [target.parse(data) for data in control.advance(2.0)]
    assert (response.type, response.code, response.token) == (Type.CON, Code.CONTENT, request.token)


@pytest.mark.requirement("MSG-410")
def test_late_responses_have_message_ids_of_their_own(target: Target, control: Control) -> None:
    """Two responses with one id are a message and its copy to the client, who drops the second."""
    requests = [target.build(Code.GET, target.manifest.resources.slow) for _ in range(5)]
    for request in requests:
        target.replies_to(request)
    responses = [target.parse(data) for data in control.advance(1.5)]
    assert {response.token for response in responses} == {request.token for request in requests}
    assert len({response.message_id for response in responses}) == len(requests)
    asked = {request.token: request.message_id for request in requests}
    assert any(response.message_id != asked[response.token] for response in responses)


@pytest.mark.requirement("MSG-810")
def test_a_request_that_is_too_large_is_refused(target: Target) -> None:
    """From 1153 bytes on, a server may have to say that it has no room. It says so, or its link drops the frame."""
    path = target.manifest.resources.put
    sizes = [1024 << shift for shift in range(1, 6)]
    for size in sizes:
        replies = target.replies(target.build(Code.PUT, path, bytes(size)))
        assert len(replies) <= 1
        if replies and replies[0].code != Code.CHANGED:
            target.expect_refusal(replies[0], Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)


@pytest.mark.requirement("MSG-800")
@pytest.mark.parametrize("size", [1000, 1100, 1152])
def test_messages_of_1152_bytes_are_taken(target: Target, size: int) -> None:
    """RFC 7252 §4.6 lets every sender assume that this much arrives."""
    request = read(target, kind=Type.CON)
    filler = size - len(request.encode()) - 1
    whole = replace(request, payload=bytes(filler))
    assert len(whole.encode()) == size
    assert target.reply_to(whole).code == Code.CONTENT


@pytest.mark.requirement("MSG-800")
def test_a_message_full_of_options_is_taken(target: Target) -> None:
    """Five hundred elective options that nobody knows: each is skipped, none is too many."""
    request = read(target)
    many = tuple((65000, b"") for _ in range(500))
    whole = replace(request, options=request.options + many)
    assert target.reply_to(whole).code == Code.CONTENT


@pytest.mark.requirement("MSG-820")
def test_a_server_without_room_says_so(target: Target, control: Control) -> None:
    """One client asks a hundred slow questions: each is promised an answer, or refused, and no promise is broken."""
    promised: set[bytes] = set()
    for _ in range(100):
        request = target.build(Code.GET, target.manifest.resources.slow)
        reply = target.reply_to(request)
        if reply.is_empty:
            assert (reply.type, reply.message_id) == (Type.ACK, request.message_id)
            promised.add(request.token)
        else:
            target.expect_refusal(reply, Code.SERVICE_UNAVAILABLE, Problem.BUSY)
    assert promised, "not one slow request was taken"
    answered = {message.token for data in control.advance(1.5) if (message := target.parse(data)).is_response}
    assert answered == promised


@pytest.mark.requirement("MSG-820")
def test_clients_that_went_away_leave_room(target: Target, control: Control) -> None:
    """Somebody asks slow questions and acknowledges no answer: in the end the server gives up, and serves others."""
    for _ in range(2):
        replies = [target.reply_to(target.build(Code.GET, target.manifest.resources.slow)).is_empty for _ in range(100)]
        assert replies[0], "no room for the first slow request"
        control.advance(2 * EXCHANGE_LIFETIME)


@pytest.mark.requirement("MSG-330")
@pytest.mark.needs("conformance.test-interface")
def test_a_request_refused_for_want_of_room_stays_refused(target: Target, control: Control) -> None:
    """Its sender was told so. When the copy comes there is room again, and acting on it now would be a surprise."""
    for _ in range(100):
        request = target.build(Code.GET, target.manifest.resources.slow)
        reply = target.reply_to(request)
        if not reply.is_empty:
            break
    else:
        pytest.skip("a hundred slow requests at once are no burden to the target")
    for response in map(target.parse, control.advance(1.5)):
        if response.type == Type.CON:
            target.send(Message(Type.ACK, Code.EMPTY, response.message_id))
    target.until_probe_answered()
    assert target.reply_to(request, "a copy") == reply


@pytest.mark.requirement("MSG-560")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/no-such-resource",
        "/ps",
        "/ps/",
        "/ps/info/",
        "/ps/info/further",
        "/PS/INFO",
        "/ps%2Finfo",
        "/ps/%2569nfo",
        "/ps/info%00",
        "/ps/info%00.txt",
    ],
)
@pytest.mark.parametrize("code", [Code.GET, Code.PUT])
def test_an_unknown_path_is_not_found(target: Target, path: str, code: int) -> None:
    """A path that only resembles one that is served opens nothing, neither decoded twice nor up to a zero byte."""
    if target.manifest.black_box and (code == Code.PUT or path == "/"):
        raise NotGiven("a black box may serve its root, and create what is put")
    with target.expect_unchanged():
        target.expect_refusal(target.request(code, path), Code.NOT_FOUND, Problem.NOT_FOUND)


@pytest.mark.requirement("MSG-570")
@pytest.mark.parametrize("code", [*_MAY_CHANGE, 8, 9, 17, 31])
def test_a_method_that_a_resource_does_not_take_is_refused(target: Target, code: int) -> None:
    """A method that is taken for its neighbour turns a question into a command."""
    spare(target, code)
    with target.expect_unchanged():
        reply = target.request(code, target.manifest.resources.get)
        target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("MSG-580")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("accepted", [0, 40, 50, 110, 65535])
def test_an_accept_that_cannot_be_met_is_refused(target: Target, accepted: int) -> None:
    """A client that reads CBOR as JSON is better off with a refusal."""
    options = ((Option.ACCEPT, accepted.to_bytes(2, "big").lstrip(b"\0")),)
    reply = target.request(Code.GET, "/ps/info", options=options)
    target.expect_refusal(reply, Code.NOT_ACCEPTABLE, Problem.NOT_ACCEPTABLE)


@pytest.mark.requirement("MSG-580")
@pytest.mark.parametrize("accepted", [b"\xfd\xe8", b"\xff\xff"], ids=["experimental", "last"])
def test_an_accept_of_a_format_that_nobody_has_is_refused(target: Target, accepted: bytes) -> None:
    """Whoever asks for a format that it can read has no use for another one, on any stack."""
    reply = target.request(Code.GET, target.manifest.resources.get, options=((Option.ACCEPT, accepted),))
    target.expect_refusal(reply, Code.NOT_ACCEPTABLE, Problem.NOT_ACCEPTABLE)


@pytest.mark.requirement("MSG-580")
@pytest.mark.needs("conformance.test-interface")
def test_an_accept_that_can_be_met_is_met(target: Target) -> None:
    """The refusal is for those that cannot."""
    reply = target.request(Code.GET, "/ps/info", options=((Option.ACCEPT, b"\x3c"),))
    assert (reply.code, reply.content_format) == (Code.CONTENT, 60)


@pytest.mark.requirement("MSG-590")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("content_format", [0, 42, 50, 112, 257, 65535])
def test_a_content_format_that_is_not_understood_is_refused(target: Target, content_format: int) -> None:
    """A payload that says it is JSON is not read as CBOR, even if it could be."""
    with target.expect_unchanged():
        reply = target.request(Code.POST, "/ps/test/entropy", b"\x40", content_format=content_format)
        target.expect_refusal(reply, Code.UNSUPPORTED_CONTENT_FORMAT, Problem.UNSUPPORTED_FORMAT)


@pytest.mark.requirement("MSG-310")
@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("answered", [False, True])
def test_a_request_may_have_the_id_of_a_message_of_the_targets(
    target: Target, control: Control, answered: bool
) -> None:
    """Each side counts for itself, and the counts meet: a request is no copy of what went the other way."""
    control.act("request", {1: int(Code.GET), 2: "/x"})
    theirs = target.receive("a request")
    if answered:
        target.send(Message(Type.ACK, Code.CONTENT, theirs.message_id, theirs.token, (), b"answer"))
    reply = target.reply_to(replace(read(target), message_id=theirs.message_id))
    assert (reply.type, reply.message_id, reply.code) == (Type.ACK, theirs.message_id, Code.CONTENT)


@pytest.mark.requirement("MSG-310", "MSG-330")
def test_messages_are_kept_apart_by_their_ids(target: Target, rng: random.Random) -> None:
    """Fourteen requests, then their copies in another order: fourteen answers, each the same twice."""
    requests = [target.build(Code.GET, target.manifest.resources.get) for _ in range(14)]
    answers = {request.message_id: target.replies_to(request) for request in requests}
    rng.shuffle(requests)
    for request in requests:
        assert target.replies_to(request, "a copy") == answers[request.message_id]
