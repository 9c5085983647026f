"""Requests and responses: what is seen outside, what they are bound to, and what is refused, with which error."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oscore_pair import ANSWER, READ, SWITCH, pair

from picosec.channel.oscore import (
    OUTER_OPTIONS,
    Binding,
    RefusedInside,
    protect_request,
    protect_response,
    unprotect_request,
    unprotect_response,
)
from picosec.channel.oscore_option import OscoreOption, encode_partial_iv
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, encode_options
from picosec.registry import Problem

# Observe is inner and outer, and has tests of its own: test_oscore_observation.py.
NOT_INNER = {*OUTER_OPTIONS, Option.OSCORE, Option.OBSERVE}
inner_numbers = st.integers(0, 65535).filter(lambda number: number not in NOT_INNER)
option_lists = st.lists(st.tuples(inner_numbers, st.binary(max_size=20)), max_size=6).map(
    lambda entries: tuple(sorted(entries, key=lambda entry: entry[0]))
)
requests = st.builds(
    Message,
    st.sampled_from([Type.CON, Type.NON]),
    st.integers(1, 31),
    st.integers(0, 65535),
    st.binary(max_size=8),
    option_lists,
    st.binary(max_size=64),
)
responses = st.builds(
    Message,
    st.sampled_from([Type.CON, Type.NON, Type.ACK]),
    st.integers(0x40, 0xBF),
    st.integers(0, 65535),
    st.binary(max_size=8),
    option_lists,
    st.binary(max_size=64),
)


def over_the_wire(message):
    return Message.decode(message.encode())


def option_of(message):
    return OscoreOption.decode(message.option(Option.OSCORE))


def with_option(message, option):
    """Return the protected message with another OSCORE option."""
    value = option if isinstance(option, bytes) else option.encode()
    return replace(message, options=((int(Option.OSCORE), value),))


def sealed_by(client, plaintext, number=0):
    """Return a request whose plaintext is whatever the test says, sealed with the client's own key."""
    partial_iv = encode_partial_iv(number)
    ciphertext = client.sender.cipher.encrypt(client.sender.nonce(number), plaintext, client.sender.aad(partial_iv))
    option = OscoreOption(partial_iv, client.sender_id, client.id_context).encode()
    return Message(Type.CON, Code.POST, 9, b"\x4c", ((int(Option.OSCORE), option),), ciphertext)


def refusal(function, *arguments):
    with pytest.raises(ProtocolError) as refused:
        function(*arguments)
    return refused.value.problem, refused.value.requirement


@given(requests, responses, st.sampled_from(Aead))
def test_what_is_protected_is_unprotected(request, response, aead):
    client, server = pair(aead)
    protected, binding = protect_request(client, request)
    opened, mirrored = unprotect_request(server, over_the_wire(protected))
    answer = protect_response(server, mirrored, response)

    assert opened == request
    assert unprotect_response(client, binding, over_the_wire(answer)) == response


@given(requests, responses)
def test_nothing_but_the_header_is_seen_outside(request, response):
    """Whoever forwards a message learns neither what is asked nor whether it was granted."""
    client, server = pair()
    protected, _ = protect_request(client, request)
    _, mirrored = unprotect_request(server, protected)
    answer = protect_response(server, mirrored, response)

    assert (protected.code, answer.code) == (Code.POST, Code.CHANGED)
    assert [number for number, _ in protected.options] == [Option.OSCORE]
    assert answer.options == ((Option.OSCORE, b""),)
    assert len(protected.payload) == 1 + len(encode_options(request.options, request.payload)) + 8


@pytest.mark.parametrize("payload", [b"", b"x", bytes(30)])
@pytest.mark.parametrize("kid", [b"", b"\0", b"\0\1"])
def test_the_overhead_is_thirteen_bytes_and_eleven(payload, kid):
    """Tag 8, code 1, payload marker 1, option head 1: 11. A request adds flags 1, Partial IV 1 and its kid."""
    client, server = pair(client_id=kid)
    request, response = replace(SWITCH, payload=payload), replace(ANSWER, payload=payload)
    protected, _ = protect_request(client, request)
    _, mirrored = unprotect_request(server, protected)
    answer = protect_response(server, mirrored, response)

    assert len(protected.encode()) - len(request.encode()) == 13 + len(kid)
    assert len(answer.encode()) - len(response.encode()) == 11


def test_options_for_proxies_stay_outside():
    host = ((int(Option.URI_HOST), b"lamp.example"), (int(Option.URI_PORT), b"\x16\x33"))
    client, server = pair()
    protected, _ = protect_request(client, replace(READ, options=(*host, *READ.options)))
    opened, _ = unprotect_request(server, over_the_wire(protected))

    assert protected.options[:2] == host
    assert b"lamp.example" not in client.sender.cipher.decrypt(
        client.sender.nonce(0), protected.payload, client.sender.aad(b"\0")
    )
    assert opened.options == (*host, *READ.options)


@pytest.mark.parametrize("number", [Option.OSCORE, Option.PROXY_URI])
def test_what_cannot_be_carried_is_not_protected(number):
    """OSCORE does not nest, and a Proxy-Uri would show the path to every proxy."""
    client, _ = pair()

    with pytest.raises(ValueError, match=str(int(number))):
        protect_request(client, replace(READ, options=((int(number), b"x"),)))
    assert client.numbers.value == 0


def test_each_request_has_the_next_number():
    client, _ = pair(client_id=b"\x2a")
    options = [option_of(protect_request(client, READ)[0]) for _ in range(300)]

    assert [int.from_bytes(option.partial_iv, "big") for option in options] == list(range(300))
    assert {option.kid for option in options} == {b"\x2a"}


def test_the_id_context_goes_along_as_kid_context():
    client, server = pair(id_context=b"zone")
    protected, _ = protect_request(client, READ)

    assert option_of(protected).kid_context == b"zone"
    assert unprotect_request(server, protected)[0] == READ


def test_a_request_is_served_once():
    """An eavesdropper repeats a recorded command: the lamp must not switch twice."""
    client, server = pair()
    command, _ = protect_request(client, SWITCH)
    unprotect_request(server, command)

    assert refusal(unprotect_request, server, command) == (Problem.REPLAYED, "CHN-720")
    assert refusal(unprotect_request, server, replace(command, message_id=99)) == (Problem.REPLAYED, "CHN-720")


def test_requests_may_overtake_each_other():
    client, server = pair()
    commands = [protect_request(client, SWITCH)[0] for _ in range(33)]
    unprotect_request(server, commands[32])

    for command in commands[1:32]:
        unprotect_request(server, command)
    assert refusal(unprotect_request, server, commands[0]) == (Problem.REPLAYED, "CHN-720")


def test_a_forgery_does_not_move_the_window():
    """An attacker who could mark numbers would silence the client without knowing a key."""
    client, server = pair()
    commands = [protect_request(client, SWITCH)[0] for _ in range(3)]
    for number in (0, 1, 2, 1000, 2**40 - 1):
        forged = with_option(commands[0], OscoreOption(encode_partial_iv(number), b"\0"))
        forged = replace(forged, payload=bytes(20))
        assert refusal(unprotect_request, server, forged) == (Problem.DECRYPTION_FAILED, "CHN-750")

    assert server.window.state == (-1, 0)
    for command in commands:
        unprotect_request(server, command)


def test_each_check_goes_before_the_next():
    """One message that is wrong in every way; each time its first fault is mended, the next is named (CHN-690)."""
    client, server = pair()
    first, _ = protect_request(client, SWITCH)
    unprotect_request(server, first)
    server.failures.value = 2**14
    everything = with_option(replace(first, payload=bytes(20)), b"\xff")

    assert refusal(unprotect_request, server, everything) == (Problem.BAD_OPTION, "CHN-630")
    named = with_option(everything, OscoreOption(b"\0", b"stranger"))
    assert refusal(unprotect_request, server, named) == (Problem.UNKNOWN_CONTEXT, "CHN-700")
    known = with_option(everything, OscoreOption(b"\0", b"\0"))
    assert refusal(unprotect_request, server, known) == (Problem.REPLAYED, "CHN-720")
    new = with_option(everything, OscoreOption(b"\1", b"\0"))
    assert refusal(unprotect_request, server, new) == (Problem.EXHAUSTED, "CHN-890")
    server.failures.value = 0
    assert refusal(unprotect_request, server, new) == (Problem.DECRYPTION_FAILED, "CHN-750")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param({"options": ()}, (Problem.UNPROTECTED, "CHN-800"), id="no-option"),
        pytest.param(
            {"options": ((9, b"\x09\0\0"), (9, b"\x09\0\0"))}, (Problem.BAD_OPTION, "CHN-630"), id="two-options"
        ),
        pytest.param({"options": ((9, b""),)}, (Problem.BAD_OPTION, "CHN-630"), id="empty-option"),
        pytest.param({"options": ((9, b"\x08\0"),)}, (Problem.BAD_OPTION, "CHN-630"), id="no-partial-iv"),
        pytest.param({"options": ((9, b"\x01\0"),)}, (Problem.BAD_OPTION, "CHN-630"), id="no-kid"),
        pytest.param({"options": ((9, b"\x0a\0\0\0"),)}, (Problem.BAD_OPTION, "CHN-640"), id="leading-zero"),
        pytest.param({"payload": b""}, (Problem.BAD_OPTION, "CHN-630"), id="no-payload"),
        pytest.param({"payload": b"x"}, (Problem.DECRYPTION_FAILED, "CHN-750"), id="one-byte"),
        pytest.param({"payload": bytes(8)}, (Problem.DECRYPTION_FAILED, "CHN-750"), id="a-tag-and-no-code"),
        pytest.param({"payload": bytes(9)}, (Problem.DECRYPTION_FAILED, "CHN-750"), id="not-a-ciphertext"),
        pytest.param({"options": ((9, b"\x09\0"),)}, (Problem.UNKNOWN_CONTEXT, "CHN-700"), id="empty-kid"),
        pytest.param({"options": ((9, b"\x09\0\1"),)}, (Problem.UNKNOWN_CONTEXT, "CHN-700"), id="kid-of-the-server"),
        pytest.param({"options": ((9, b"\x19\0\0\0"),)}, (Problem.UNKNOWN_CONTEXT, "CHN-700"), id="empty-kid-context"),
    ],
)
def test_a_request_that_is_wrong_is_refused(change, refused):
    client, server = pair()
    message, _ = protect_request(client, SWITCH)

    assert refusal(unprotect_request, server, replace(message, **change)) == refused
    assert server.window.state == (-1, 0)


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(b"\x00\xff\x01", id="empty-message"),
        pytest.param(b"\x45\xffhello", id="response"),
        pytest.param(b"\x20", id="reserved-class-1"),
        pytest.param(b"\xe1", id="signal"),
        pytest.param(b"\x01\xff", id="marker-without-payload"),
        pytest.param(b"\x01\xf1x", id="reserved-delta"),
        pytest.param(b"\x01\x1f", id="reserved-length"),
        pytest.param(b"\x01\xb5abc", id="option-cut-short"),
    ],
)
def test_a_plaintext_that_is_no_request_is_refused(plaintext):
    """The key is right, but what it protects is not a request; it cannot come a second time either."""
    client, server = pair()
    message = sealed_by(client, plaintext)
    with pytest.raises(RefusedInside) as refused:
        unprotect_request(server, message)
    binding = Binding(client.sender.aad(b"\0"), client.sender.nonce(0))
    plain = unprotect_response(client, binding, refused.value.reply)

    assert (refused.value.problem, refused.value.requirement) == (Problem.MALFORMED, "CHN-770")
    assert (plain.code, problem.decode(plain.payload)) == (Code.BAD_REQUEST, Problem.MALFORMED)
    assert (plain.message_id, plain.token) == (message.message_id, message.token)
    assert refusal(unprotect_request, server, message) == (Problem.REPLAYED, "CHN-720")


@pytest.mark.parametrize("code", [Code.GET, Code.PUT, Code.DELETE, Code.FETCH])
@pytest.mark.parametrize(
    "added",
    [(Option.URI_PATH, b"factory-reset"), (Option.IF_MATCH, b"x"), (Option.BLOCK1, b"\x08"), (2049, b"unknown")],
)
def test_what_an_attacker_writes_outside_is_not_believed(code, added):
    """A proxy adds a path, a condition, a block number, or turns POST into DELETE."""
    client, server = pair()
    message, _ = protect_request(client, SWITCH)
    options = tuple(sorted([*message.options, added]))

    opened, _ = unprotect_request(server, replace(message, code=code, options=options))

    assert opened == SWITCH


def test_an_option_inside_that_belongs_outside_is_handed_on():
    """An OSCORE option in the ciphertext is a critical option that nobody understands (CHN-780)."""
    client, server = pair()
    opened, _ = unprotect_request(server, sealed_by(client, b"\x01\x90"))

    assert opened.options == ((Option.OSCORE, b""),)


def test_the_first_response_reuses_the_nonce_and_no_further_one_does():
    client, server = pair()
    protected, binding = protect_request(client, READ)
    _, mirrored = unprotect_request(server, protected)
    first, second, third = (protect_response(server, mirrored, ANSWER) for _ in range(3))

    assert option_of(first) == OscoreOption()
    assert option_of(second) == OscoreOption(b"\0")
    assert option_of(third) == OscoreOption(b"\1")
    assert len({first.payload, second.payload, third.payload}) == 3
    assert unprotect_response(client, binding, second) == ANSWER


def test_a_request_has_one_response():
    """An attacker repeats a response, or a server answers twice."""
    client, server = pair()
    protected, binding = protect_request(client, READ)
    _, mirrored = unprotect_request(server, protected)
    first, second = (protect_response(server, mirrored, ANSWER) for _ in range(2))
    unprotect_response(client, binding, first)

    for again in (first, second):
        assert refusal(unprotect_response, client, binding, again) == (Problem.REPLAYED, "CHN-840")


@pytest.mark.parametrize("numbered", [False, True])
def test_a_response_answers_its_own_request_only(numbered):
    """An attacker swaps the responses of two requests: "on" for the door, "off" for the alarm."""
    client, server = pair()
    asked = [protect_request(client, READ) for _ in range(2)]
    answers = []
    for message, _ in asked:
        _, mirrored = unprotect_request(server, message)
        if numbered:
            mirrored.nonce = None
        answers.append(protect_response(server, mirrored, ANSWER))

    assert refusal(unprotect_response, client, asked[0][1], answers[1]) == (Problem.DECRYPTION_FAILED, "CHN-840")
    assert unprotect_response(client, asked[0][1], answers[0]) == ANSWER


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param({"options": ()}, (Problem.UNPROTECTED, "CHN-830"), id="unprotected"),
        pytest.param({"code": Code.NOT_FOUND, "options": ()}, (Problem.UNPROTECTED, "CHN-830"), id="unprotected-error"),
        pytest.param({"options": ((9, b"\x08\0"),)}, (Problem.UNKNOWN_CONTEXT, "CHN-840"), id="kid-of-the-client"),
        pytest.param({"options": ((9, b"\xe0"),)}, (Problem.BAD_OPTION, "CHN-630"), id="reserved-bits"),
        pytest.param({"options": ((9, b"\x01\0"),)}, (Problem.DECRYPTION_FAILED, "CHN-840"), id="partial-iv-added"),
        pytest.param({"payload": bytes(20)}, (Problem.DECRYPTION_FAILED, "CHN-840"), id="forged"),
        pytest.param({"payload": b""}, (Problem.BAD_OPTION, "CHN-630"), id="no-payload"),
    ],
)
def test_a_response_that_is_wrong_is_dropped_and_the_right_one_still_counts(change, refused):
    """Anyone can send the client something with its token; only the server's answer ends the request."""
    client, server = pair()
    protected, binding = protect_request(client, READ)
    _, mirrored = unprotect_request(server, protected)
    answer = protect_response(server, mirrored, ANSWER)

    assert refusal(unprotect_response, client, binding, replace(answer, **change)) == refused
    assert unprotect_response(client, binding, answer) == ANSWER


@pytest.mark.parametrize("plaintext", [b"\x01", b"\x00", b"\xe2", b"\x45\xff", b"\x45\xf0"])
def test_a_plaintext_that_is_no_response_is_dropped(plaintext):
    client, server = pair()
    protected, binding = protect_request(client, READ)
    _, mirrored = unprotect_request(server, protected)
    sealed = server.sender.cipher.encrypt(mirrored.nonce, plaintext, mirrored.aad)
    answer = Message(Type.ACK, Code.CHANGED, 7, b"\x4a", ((9, b""),), sealed)

    assert refusal(unprotect_response, client, binding, answer) == (Problem.MALFORMED, "CHN-840")


def test_a_message_does_not_pass_for_one_of_the_other_direction():
    """A request sent back to its sender, and a response with a number of its own sent as a request."""
    client, server = pair()
    protected, binding = protect_request(client, READ)
    _, mirrored = unprotect_request(server, protected)
    mirrored.nonce = None
    answer = protect_response(server, mirrored, ANSWER)
    as_request = replace(with_option(answer, OscoreOption(b"\0", b"\1")), code=Code.POST)
    as_response = with_option(protected, OscoreOption())

    assert refusal(unprotect_request, client, protected)[0] is Problem.UNKNOWN_CONTEXT
    assert refusal(unprotect_request, client, as_request)[0] is Problem.DECRYPTION_FAILED
    assert refusal(unprotect_response, client, binding, as_response)[0] is Problem.DECRYPTION_FAILED


@pytest.mark.parametrize("aead", Aead)
def test_the_sender_key_ends_with_its_limit(aead):
    """Requests and responses together: the last one is protected, none after it."""
    limit = 2**20
    client, server = pair(aead, first_number=limit - 2)
    asked, _ = protect_request(client, READ)
    _, mirrored = unprotect_request(server, asked)
    protect_response(server, mirrored, ANSWER)
    protect_request(client, READ)

    assert refusal(protect_request, client, READ) == (Problem.EXHAUSTED, "CHN-880")
    assert refusal(protect_request, client, READ) == (Problem.EXHAUSTED, "CHN-880")
    protect_request(server, READ)
    assert refusal(protect_request, server, READ) == (Problem.EXHAUSTED, "CHN-880")


def test_a_server_that_cannot_answer_does_not_act():
    """It would switch the lamp and have no way to say so; asked again, it would switch it again."""
    client, server = pair()
    server.answers.value = 2**20
    message, _ = protect_request(client, SWITCH)

    assert refusal(unprotect_request, server, message) == (Problem.EXHAUSTED, "CHN-880")
    assert server.window.state == (-1, 0)


@pytest.mark.parametrize(("aead", "limit"), [(Aead.AES_CCM_16_64_128, 2**14), (Aead.CHACHA20_POLY1305, 2**20)])
def test_the_recipient_key_ends_after_too_many_forgeries(aead, limit):
    """Each forgery is a lottery ticket; the drum is closed before one wins."""
    client, server = pair(aead, failures=limit - 1)
    good, _ = protect_request(client, READ)
    forged = replace(good, payload=bytes(20))

    assert refusal(unprotect_request, server, forged) == (Problem.DECRYPTION_FAILED, "CHN-750")
    assert refusal(unprotect_request, server, forged) == (Problem.EXHAUSTED, "CHN-890")
    assert refusal(unprotect_request, server, good) == (Problem.EXHAUSTED, "CHN-890")


def test_a_replay_is_not_counted_as_a_forgery():
    """Otherwise an eavesdropper closes a channel with what the client itself sent."""
    client, server = pair()
    message, _ = protect_request(client, READ)
    unprotect_request(server, message)
    for _ in range(10):
        refusal(unprotect_request, server, replace(message, payload=bytes(20)))

    assert server.failures.value == 0
