"""The target's answers over OSCORE: what they show, and that none goes out in the open."""

from __future__ import annotations

import random

import pytest

from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import again, expect_refusal, fresh_context, read, set_up, write
from picosec_conformance.target import Target

#: No resource takes it, and none is changed by it.
UNKNOWN_METHOD = 0x1F


def shows_nothing(reply: Message) -> bool:
    """Whether a response shows no code and no option of what it carries."""
    return reply.code == Code.CHANGED and [number for number, _ in reply.options] == [Option.OSCORE]


@pytest.mark.requirement("CHN-680", "CHN-810")
def test_response_shows_nothing(target: Target, channel: Channel) -> None:
    """Whoever listens must not learn what was asked, nor whether it was there or allowed."""
    requests = [
        read(target),
        write(target),
        target.build(Code.GET, "/no/such/resource"),
        target.build(UNKNOWN_METHOD, target.manifest.resources.protected_get),
    ]
    for request in requests:
        reply = target.exchange(channel.protect(request))
        assert shows_nothing(reply)
        plain = channel.unprotect(reply)
        assert plain.payload == b"" or plain.payload not in reply.encode()


@pytest.mark.requirement("CHN-810")
@pytest.mark.parametrize(
    ("code", "path", "options", "expected", "problem"),
    [
        pytest.param(Code.GET, "/no/such/resource", (), Code.NOT_FOUND, Problem.NOT_FOUND, id="not-found"),
        pytest.param(
            UNKNOWN_METHOD, "protected_get", (), Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED, id="bad-method"
        ),
        pytest.param(
            Code.GET,
            "protected_get",
            ((65001, b"!"),),
            Code.BAD_OPTION,
            Problem.BAD_OPTION,
            id="bad-option",
            marks=pytest.mark.beyond,
        ),
    ],
)
def test_refusal_of_a_verified_request_is_protected(
    target: Target,
    channel: Channel,
    code: int,
    path: str,
    options: tuple[tuple[int, bytes], ...],
    expected: Code,
    problem: Problem,
) -> None:
    """An error in the open tells what the request was, and anyone could have sent it."""
    path = path if path.startswith("/") else getattr(target.manifest.resources, path)
    reply = target.exchange(channel.protect(target.build(code, path, options=options)))

    assert shows_nothing(reply)
    target.expect_refusal(channel.unprotect(reply), expected, problem)


@pytest.mark.requirement("CHN-810")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.needs("conformance.test-interface")
def test_separate_response_is_protected(target: Target, control: Control, channel: Channel) -> None:
    """What takes a second must not come back unprotected only because the answer took another way."""
    request = target.build(Code.GET, target.manifest.resources.slow)
    target.send(channel.protect(request))
    acknowledgement = target.receive("an empty acknowledgement")
    assert (acknowledgement.type, acknowledgement.code) == (Type.ACK, Code.EMPTY)
    (due,) = control.advance(1.5)
    reply = target.parse(due)
    target.send(Message(Type.ACK, Code.EMPTY, reply.message_id))

    assert shows_nothing(reply)
    assert channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-810", "CHN-650")
def test_answers_have_different_ciphertexts(target: Target, channel: Channel) -> None:
    """The same answer twice under one nonce would show that it is the same, and worse when it is not."""
    replies = [target.exchange(channel.protect(read(target))) for _ in range(5)]

    assert len({reply.payload for reply in replies}) == len(replies)
    values = {channel.unprotect(reply).payload for reply in replies}
    assert values


@pytest.mark.requirement("CHN-880")
@pytest.mark.needs("channel.oscore.server")
def test_answer_beyond_the_limit_is_not_given(target: Target, control: Control, rng: random.Random) -> None:
    """A server whose key is used up neither answers with it nor does what it could not confirm."""
    channel = set_up(target, control, fresh_context(rng), first_number=2**20 - 1)
    assert channel.ask(write(target)).code >> 5 == 2
    command = channel.protect(write(target))

    expect_refusal(target, command, Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)
    expect_refusal(target, again(target, command), Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)


@pytest.mark.requirement("CHN-890")
def test_key_is_given_up_after_too_many_forgeries(target: Target, control: Control, rng: random.Random) -> None:
    """Each forgery is a lottery ticket with odds of 1 in 2^64; the drum is closed before one wins."""
    channel = set_up(target, control, fresh_context(rng), failures=2**14 - 1)
    assert channel.ask(read(target)).code == Code.CONTENT
    genuine = channel.protect(write(target))
    forged = Message(Type.CON, Code.POST, 0, b"", genuine.options, bytes(20))

    expect_refusal(target, again(target, forged), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)
    expect_refusal(target, again(target, forged), Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)
    expect_refusal(target, genuine, Code.INTERNAL_SERVER_ERROR, Problem.EXHAUSTED)


@pytest.mark.requirement("CHN-890")
def test_replays_do_not_use_up_a_key(target: Target, control: Control, rng: random.Random) -> None:
    """An eavesdropper who could close a channel by repeating what he heard would need no forgery at all."""
    channel = set_up(target, control, fresh_context(rng), failures=2**14 - 1)
    command = channel.protect(read(target))
    channel.unprotect(target.exchange(command))
    for _ in range(3):
        forged = Message(Type.CON, Code.POST, 0, b"", command.options, bytes(20))
        expect_refusal(target, again(target, forged), Code.UNAUTHORIZED, Problem.REPLAYED)

    assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-1970")
@pytest.mark.needs("channel.oscore.server")
def test_option_of_a_response_has_its_one_form(target: Target, channel: Channel) -> None:
    """No kid, which the client knows, no kid context, and no byte for flags that are all zero."""
    for request in (read(target), write(target), target.build(Code.GET, "/no/such/resource")):
        value = target.exchange(channel.protect(request)).option(Option.OSCORE)
        assert value is not None
        option = OscoreOption.decode(value)
        assert (option.kid, option.kid_context) == (None, None)
        assert value in (b"", OscoreOption(encode_partial_iv(int.from_bytes(option.partial_iv, "big"))).encode())


@pytest.mark.requirement("CHN-1970")
@pytest.mark.needs("channel.oscore.server")
def test_option_of_a_response_with_a_context_names_no_context(
    target: Target, control: Control, rng: random.Random
) -> None:
    """The ID Context is the request's to name; in the answer it would only take up bytes and tell listeners more."""
    channel = set_up(target, control, fresh_context(rng, id_context=b"zone"))

    assert target.exchange(channel.protect(read(target))).option(Option.OSCORE) == b""


@pytest.mark.requirement("CHN-1970")
@pytest.mark.needs("channel.oscore.server")
def test_option_after_a_reboot_holds_a_number_and_nothing_else(
    target: Target, control: Control, channel: Channel
) -> None:
    """Here a Partial IV has to stand; it stands alone, and in its shortest form."""
    assert channel.ask(read(target)).code == Code.CONTENT
    control.reboot()
    for _ in range(3):
        value = target.exchange(channel.protect(read(target))).option(Option.OSCORE)
        assert value is not None
        option = OscoreOption.decode(value)
        assert (option.kid, option.kid_context) == (None, None)
        assert len(option.partial_iv) < 2 or option.partial_iv[0] != 0
