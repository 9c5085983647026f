"""The target as a server over OSCORE: what it refuses, with which error, and what it does not believe."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from picosec.channel.oscore import Binding, protect_response
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import Problem
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.protection import (
    again,
    expect_refusal,
    fresh_context,
    judge_refusal,
    plaintext,
    read,
    seal,
    set_up,
    with_option,
    write,
)
from picosec_conformance.target import Target


def kid_of(channel: Channel) -> bytes:
    """Return what the suite's requests carry as kid."""
    return channel.context.sender_id


def number_of(message: Message) -> bytes:
    """Return the Partial IV of a request."""
    return OscoreOption.decode(message.option(Option.OSCORE) or b"").partial_iv


def corrupted(message: Message, rng: random.Random) -> Message:
    """Return a protected message with one bit of its ciphertext changed."""
    payload = bytearray(message.payload)
    payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
    return replace(message, payload=bytes(payload))


def skip(channel: Channel, count: int) -> None:
    """Let some numbers of the suite go unused, as if their requests had been lost."""
    for _ in range(count):
        channel.context.numbers.take()


def answered(target: Target, channel: Channel, plain: bytes) -> Message:
    """Send any plaintext and return the answer, which the channel can then verify."""
    number = channel.context.numbers.value
    message = seal(target, channel, plain)
    sender = channel.context.sender
    channel.expect(message.token, Binding(sender.aad(encode_partial_iv(number)), sender.nonce(number)))
    return target.exchange(message)


@pytest.mark.requirement("CHN-630", "CHN-790")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("00", id="zero-flags"),
        pytest.param("29{n}{k}", id="reserved-bit-5"),
        pytest.param("49{n}{k}", id="reserved-bit-6"),
        pytest.param("89{n}{k}", id="reserved-bit-7"),
        pytest.param("0e010203040506{k}", id="partial-iv-of-six-bytes"),
        pytest.param("0f01020304050607{k}", id="partial-iv-of-seven-bytes"),
        pytest.param("09", id="partial-iv-missing"),
        pytest.param("0d{n}{k}", id="partial-iv-cut-short"),
        pytest.param("19{n}", id="kid-context-without-length"),
        pytest.param("19{n}20{k}", id="kid-context-cut-short"),
        pytest.param("01{n}{k}", id="kid-without-its-flag"),
        pytest.param("08{k}", id="no-partial-iv"),
        pytest.param("01{n}", id="no-kid"),
        pytest.param("11{n}01aa", id="kid-context-and-no-kid"),
    ],
)
def test_malformed_option_is_refused(target: Target, channel: Channel, value: str) -> None:
    """A parser that reads what is not there reads whatever lies behind it in memory."""
    good = channel.protect(write(target))
    encoded = bytes.fromhex(value.format(n=number_of(good).hex(), k=kid_of(channel).hex()))

    expect_refusal(target, with_option(good, encoded), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-630")
def test_request_without_ciphertext_is_refused(target: Target, channel: Channel) -> None:
    """An OSCORE option with nothing to decrypt: a server that skips decryption then serves an empty request."""
    good = channel.protect(write(target))

    expect_refusal(target, replace(good, payload=b""), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-630")
def test_repeated_option_is_refused(target: Target, channel: Channel) -> None:
    """Two options: the context is looked up by one and the nonce is made from the other."""
    good = channel.protect(write(target))
    twice = replace(good, options=good.options * 2)

    expect_refusal(target, twice, Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-640")
def test_partial_iv_with_leading_zero_is_refused(target: Target, channel: Channel) -> None:
    """One number in two forms: what compares bytes and what compares numbers disagree on what was seen."""
    number = channel.context.numbers.take()
    long = b"\0" + encode_partial_iv(number)
    aad = channel.context.sender.aad(long)
    message = seal(
        target, channel, plaintext(write(target)), number, option=OscoreOption(long, kid_of(channel)), aad=aad
    )

    expect_refusal(target, message, Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-690")
def test_option_is_checked_before_the_context(target: Target, channel: Channel) -> None:
    """Everything is wrong at once; the first check names the error."""
    message = with_option(channel.protect(write(target)), b"\xe9\x01stranger")

    expect_refusal(target, message, Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-690")
def test_context_is_checked_before_the_ciphertext(target: Target, channel: Channel, rng: random.Random) -> None:
    """A server that tries its keys on messages for others does an attacker's work, and tells by its time."""
    good = channel.protect(write(target))
    message = with_option(corrupted(good, rng), OscoreOption(number_of(good), b"nobody"))

    expect_refusal(target, message, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("CHN-690")
def test_replay_is_checked_before_the_ciphertext(target: Target, channel: Channel, rng: random.Random) -> None:
    """A flood of garbage with old numbers must not cost a battery one decryption each."""
    used = channel.protect(write(target))
    channel.unprotect(target.exchange(used))

    expect_refusal(target, corrupted(again(target, used), rng), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-700", "CHN-790")
@pytest.mark.parametrize("change", ["other", "empty", "zero-before", "longer", "own-of-the-server", "endless"])
def test_request_for_unknown_context_is_refused(target: Target, channel: Channel, change: str) -> None:
    """A device that was reset knows no contexts: its peer must learn it at once and open a new channel."""
    kid = {
        "other": b"\x7e" if kid_of(channel) != b"\x7e" else b"\x7d",
        "empty": b"" if kid_of(channel) else b"\x7e",
        "zero-before": b"\0" + kid_of(channel),
        "longer": kid_of(channel) + b"\0",
        "own-of-the-server": channel.context.recipient_id,
        "endless": bytes(200),
    }[change]
    good = channel.protect(write(target))

    message = with_option(good, OscoreOption(number_of(good), kid))

    expect_refusal(target, message, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("CHN-710")
@pytest.mark.parametrize("kid_context", [b"nowhere", b""])
def test_request_for_unknown_kid_context_is_refused(target: Target, channel: Channel, kid_context: bytes) -> None:
    """A request for another zone must not be served with the keys of this one."""
    good = channel.protect(write(target))
    message = with_option(good, OscoreOption(number_of(good), kid_of(channel), kid_context))

    expect_refusal(target, message, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("CHN-710")
def test_kid_context_chooses_among_contexts(target: Target, control: Control, rng: random.Random) -> None:
    """One client in three zones has the same identifier in each; only the ID Context tells them apart."""
    channels = [set_up(target, control, fresh_context(rng, id_context=name)) for name in (None, b"a", b"b")]

    for channel in (*channels, *reversed(channels)):
        assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-710")
def test_client_need_not_name_its_id_context(target: Target, control: Control, rng: random.Random) -> None:
    """Thirty bytes of ID Context in every request are thirty bytes too many for a small radio."""
    channel = set_up(target, control, fresh_context(rng, id_context=b"x" * 30))
    good = channel.protect(read(target))
    reply = target.exchange(with_option(good, OscoreOption(number_of(good), kid_of(channel))))

    assert channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-720", "CHN-790")
@pytest.mark.parametrize("later", [0, 1, 31, 32, 33, 100])
def test_replayed_request_is_refused(target: Target, channel: Channel, later: int) -> None:
    """An eavesdropper repeats a recorded command: the lamp must not switch twice, now or much later."""
    command = channel.protect(write(target))
    assert channel.unprotect(target.exchange(command)).code >> 5 == 2
    for _ in range(min(later, 3)):
        channel.ask(read(target))
    if later > 3:
        skip(channel, later - 3)
        channel.ask(read(target))

    expect_refusal(target, again(target, command), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-720")
def test_replay_in_another_wrapping_is_refused(target: Target, channel: Channel) -> None:
    """The attacker changes what is not protected: the type, the outer method."""
    command = channel.protect(write(target))
    channel.unprotect(target.exchange(command))

    expect_refusal(target, replace(again(target, command), code=Code.FETCH), Code.UNAUTHORIZED, Problem.REPLAYED)
    with target.expect_unchanged():
        for reply in target.replies(replace(again(target, command), type=Type.NON)):
            judge_refusal(target, reply, Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-730")
def test_requests_may_overtake_each_other(target: Target, channel: Channel, rng: random.Random) -> None:
    """A mesh delivers a burst of commands in any order; none of them may be lost to the replay window."""
    requests = [channel.protect(read(target)) for _ in range(32)]
    newest = requests.pop()
    assert channel.unprotect(target.exchange(newest)).code == Code.CONTENT
    rng.shuffle(requests)

    for request in requests:
        assert channel.unprotect(target.exchange(request)).code == Code.CONTENT
    for request in rng.sample(requests, 3):
        expect_refusal(target, again(target, request), Code.UNAUTHORIZED, Problem.REPLAYED)


@pytest.mark.requirement("CHN-730")
def test_numbers_may_be_skipped(target: Target, channel: Channel) -> None:
    """A client that restarted goes on far behind its last number."""
    for gap in (1, 31, 32, 33, 1000, 100_000):
        skip(channel, gap)
        assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-740")
@pytest.mark.parametrize("ahead", [0, 1, 31, 32, 1000, 2**32, 2**39])
def test_forgery_does_not_move_the_window(target: Target, channel: Channel, ahead: int) -> None:
    """Who could move the window without a key would lock the owner out with a single message."""
    genuine = channel.protect(read(target))
    number = int.from_bytes(number_of(genuine), "big") + ahead
    forged = with_option(again(target, genuine), OscoreOption(encode_partial_iv(number), kid_of(channel)))
    expect_refusal(target, replace(forged, payload=bytes(30)), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)

    assert channel.unprotect(target.exchange(genuine)).code == Code.CONTENT


@pytest.mark.requirement("CHN-750", "CHN-790")
def test_every_byte_of_the_ciphertext_counts(target: Target, channel: Channel, rng: random.Random) -> None:
    """The man in the middle flips one bit: on becomes off, GET becomes DELETE, or so he hopes."""
    good = channel.protect(write(target))
    with target.expect_unchanged():
        for position in range(len(good.payload)):
            payload = bytearray(good.payload)
            payload[position] ^= 1 << rng.randrange(8)
            for reply in target.replies(replace(again(target, good), payload=bytes(payload))):
                judge_refusal(target, reply, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)
    assert channel.unprotect(target.exchange(good)).code >> 5 == 2


@pytest.mark.requirement("CHN-750")
@pytest.mark.parametrize("change", ["cut", "extended", "tag-alone", "less-than-a-tag", "unencrypted", "zeros"])
def test_what_is_not_a_ciphertext_is_refused(target: Target, channel: Channel, change: str) -> None:
    """Lengths that a careless decryption subtracts a tag from, and plaintext in the hope that nobody looks."""
    request = write(target)
    good = channel.protect(request)
    tag = channel.context.aead.tag_length
    payload = {
        "cut": good.payload[:-1],
        "extended": good.payload + b"\0",
        "tag-alone": good.payload[-tag:],
        "less-than-a-tag": good.payload[:1],
        "unencrypted": plaintext(request) + bytes(tag),
        "zeros": bytes(len(good.payload)),
    }[change]

    expect_refusal(target, replace(good, payload=payload), Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-750")
def test_servers_own_message_is_not_taken_for_a_request(target: Target, channel: Channel) -> None:
    """A reflector sends a protected response back to the server as if it were a request."""
    reply = target.exchange(channel.protect(read(target)))
    partial_iv = encode_partial_iv(channel.context.numbers.take())
    reflected = Message(
        Type.CON,
        Code.POST,
        target.fresh_message_id(),
        target.fresh_token(),
        ((int(Option.OSCORE), OscoreOption(partial_iv, kid_of(channel)).encode()),),
        reply.payload,
    )

    expect_refusal(target, reflected, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-750")
def test_response_of_the_peer_is_not_taken_for_a_request(target: Target, channel: Channel) -> None:
    """The peer's key made it, but for a response: as a request it was never meant."""
    context = channel.context
    binding = Binding(context.recipient.aad(b"\x05"), None)
    request = write(target)
    sealed = protect_response(context, binding, request)
    option = OscoreOption(number_of(sealed), kid_of(channel))
    message = again(target, with_option(replace(sealed, code=Code.POST), option))

    expect_refusal(target, message, Code.BAD_REQUEST, Problem.DECRYPTION_FAILED)


@pytest.mark.requirement("CHN-760")
@pytest.mark.parametrize(
    "outside",
    [
        pytest.param([(Option.URI_PATH, b"no"), (Option.URI_PATH, b"such")], id="path"),
        pytest.param([(Option.URI_QUERY, b"all=1")], id="query"),
        pytest.param([(Option.IF_MATCH, b"other")], id="condition"),
        pytest.param([(Option.IF_NONE_MATCH, b"")], id="other-condition"),
        pytest.param([(Option.CONTENT_FORMAT, b"\x32")], id="format"),
        pytest.param([(Option.ACCEPT, b"\xff\xfe")], id="accept"),
    ],
)
def test_options_outside_are_not_believed(target: Target, channel: Channel, outside: list[tuple[int, bytes]]) -> None:
    """A proxy adds a path, a condition or a format to what it cannot read."""
    message = channel.protect(read(target))
    options = tuple(sorted((*message.options, *((int(number), value) for number, value in outside))))

    reply = target.exchange(replace(message, options=options))

    assert channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-760")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("outside", [Code.POST, Code.FETCH, Code.PUT], ids=lambda code: code.name)
def test_post_inside_is_served_as_post(target: Target, control: Control, channel: Channel, outside: Code) -> None:
    """A command that is neither read nor write: what it makes of its payload shows which method was served."""
    command = channel.protect(target.build(Code.POST, "/ps/test/large", b"forwards"))

    reply = channel.unprotect(target.exchange(replace(command, code=outside)))

    assert (reply.code, reply.payload) == (Code.CHANGED, b"sdrawrof")
    assert control.changes("/ps/test/large") == 1


@pytest.mark.requirement("CHN-760")
@pytest.mark.parametrize("code", [Code.GET, Code.PUT, Code.DELETE, Code.FETCH])
def test_code_outside_is_not_believed(target: Target, channel: Channel, code: Code) -> None:
    """A proxy turns the outer POST into DELETE."""
    reply = target.exchange(replace(channel.protect(read(target)), code=code))

    assert channel.unprotect(reply).code == Code.CONTENT


@pytest.mark.requirement("CHN-770", "CHN-810")
@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00", id="empty-message"),
        pytest.param(b"\x45\xffpayload", id="response"),
        pytest.param(b"\x21", id="reserved-class"),
        pytest.param(b"\xe1", id="signal"),
        pytest.param(b"\x01\xff", id="marker-without-payload"),
        pytest.param(b"\x01\xf0", id="reserved-delta"),
        pytest.param(b"\x01\x0f", id="reserved-length"),
        pytest.param(b"\x01\xb5abc", id="option-cut-short"),
        pytest.param(b"\x01\xe0\xff\xff\xe0\xff\xff", id="option-number-too-large"),
    ],
)
@pytest.mark.beyond
def test_plaintext_that_is_no_request_is_refused(target: Target, channel: Channel, plain: bytes) -> None:
    """Behind the decryption sits a second parser, which has only ever seen what friends sent."""
    reply = channel.unprotect(answered(target, channel, plain))

    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.MALFORMED)
    assert channel.ask(read(target)).code == Code.CONTENT


@pytest.mark.requirement("CHN-780")
def test_protection_does_not_nest(target: Target, channel: Channel) -> None:
    """A protected message inside a protected message: a server that unwraps twice answers to the wrong peer."""
    inner = channel.protect(write(target))

    reply = channel.unprotect(answered(target, channel, plaintext(inner)))

    target.expect_refusal(reply, Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("CHN-800")
@pytest.mark.parametrize("request_to", [read, write])
def test_protected_resource_is_not_served_in_the_open(target: Target, request_to: Callable[[Target], Message]) -> None:
    """Whoever stands beside the lamp sends it a plain CoAP request."""
    expect_refusal(target, request_to(target), Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("CHN-800")
@pytest.mark.parametrize("code", [Code.POST, Code.DELETE, Code.FETCH])
def test_protected_resource_does_not_tell_its_methods(target: Target, control: Control, code: Code) -> None:
    """Whether a lamp can be deleted is nobody's business who may not even look at it."""
    request = target.build(code, target.manifest.resources.protected_put)

    expect_refusal(target, request, Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("CHN-800")
def test_open_channel_does_not_open_the_resource(target: Target, channel: Channel) -> None:
    """That the owner just asked over a channel, from the same address, gives the next plain request no right."""
    assert channel.ask(read(target)).code == Code.CONTENT
    reply = target.exchange(read(target))

    target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNPROTECTED)


@pytest.mark.requirement("CHN-760")
@pytest.mark.needs("conformance.test-interface")
def test_accept_option_inside_counts(target: Target, channel: Channel) -> None:
    """The options of the request are those in its ciphertext: one format is given, and another is refused."""
    path = target.manifest.resources.protected_get
    given = channel.ask(target.build(Code.GET, path)).content_format
    if given is None:
        pytest.skip("the protected resource has no Content-Format")

    def asked(number: int) -> Message:
        return channel.ask(target.build(Code.GET, path, options=((int(Option.ACCEPT), uint_bytes(number)),)))

    assert (asked(given).code, asked(given).content_format) == (Code.CONTENT, given)
    assert asked(64999).code == Code.NOT_ACCEPTABLE
