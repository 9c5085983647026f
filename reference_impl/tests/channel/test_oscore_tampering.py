"""Every bit and byte of a protected message changed, cut or doubled: nothing of it is accepted or changes anything."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oscore_pair import ANSWER, SWITCH, pair

from picosec.channel.oscore import protect_request, protect_response, unprotect_request, unprotect_response
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.messaging.coap import HEADER_SIZE, Message, Option
from picosec.messaging.replay import ReplayWindow

ERRORS = {"BAD_OPTION", "UNKNOWN_CONTEXT", "DECRYPTION_FAILED", "UNPROTECTED", "MALFORMED"}


def outcome(function, *arguments):
    """Return the plain message, or the name of the error."""
    try:
        result = function(*arguments)
    except ProtocolError as error:
        return error.problem.name
    return result[0] if isinstance(result, tuple) else result


def decoded(data):
    try:
        return Message.decode(data)
    except ProtocolError:
        return None


@pytest.mark.parametrize("aead", Aead)
@pytest.mark.parametrize("id_context", [None, b"zone"])
def test_no_bit_of_a_request_can_be_changed(aead, id_context):
    """What is under the option and the payload: refused. What is in the header: the message layer's, not protected."""
    client, server = pair(aead, id_context=id_context)
    datagram = protect_request(client, SWITCH)[0].encode()

    for bit in range(8 * len(datagram)):
        tampered = bytearray(datagram)
        tampered[bit // 8] ^= 1 << bit % 8
        message = decoded(bytes(tampered))
        if message is None:
            continue
        result = outcome(unprotect_request, server, message)
        if bit < 8 * (HEADER_SIZE + len(SWITCH.token)) and isinstance(result, Message):
            assert (result.code, result.options, result.payload) == (SWITCH.code, SWITCH.options, SWITCH.payload)
            server.window = ReplayWindow()
        else:
            assert result in ERRORS
            assert server.window.state == (-1, 0)
    assert unprotect_request(server, Message.decode(datagram))[0] == SWITCH


@pytest.mark.parametrize("aead", Aead)
@pytest.mark.parametrize("numbered", [False, True])
def test_no_bit_of_a_response_can_be_changed(aead, numbered):
    client, server = pair(aead)
    request, binding = protect_request(client, SWITCH)
    _, mirrored = unprotect_request(server, request)
    if numbered:
        mirrored.nonce = None
    answer = protect_response(server, mirrored, ANSWER)
    value = answer.option(Option.OSCORE)

    for bit in range(8 * len(answer.payload)):
        tampered = bytearray(answer.payload)
        tampered[bit // 8] ^= 1 << bit % 8
        assert outcome(unprotect_response, client, binding, replace(answer, payload=bytes(tampered))) in ERRORS
    for bit in range(8 * len(value)):
        tampered = bytearray(value)
        tampered[bit // 8] ^= 1 << bit % 8
        assert outcome(unprotect_response, client, binding, replace(answer, options=((9, bytes(tampered)),))) in ERRORS
    assert unprotect_response(client, binding, answer) == ANSWER


@given(st.data())
def test_no_mutation_of_a_request_is_accepted(data):
    """Cut anywhere, bytes put in, parts repeated."""
    client, server = pair()
    message, _ = protect_request(client, SWITCH)
    value, payload = message.option(Option.OSCORE), message.payload
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, len(payload)))
    inserted = data.draw(st.binary(max_size=8))
    mutated = replace(
        message,
        options=((9, data.draw(st.just(value) | st.binary(max_size=12))),),
        payload=payload[:start] + inserted + payload[end:],
    )
    result = outcome(unprotect_request, server, mutated)

    if (mutated.options, mutated.payload) == (message.options, message.payload):
        assert result == SWITCH
    else:
        assert result in ERRORS
        assert server.window.state == (-1, 0)


@given(st.binary(max_size=64))
def test_random_datagrams_are_refused_and_change_nothing(data):
    _, server = pair()
    message = decoded(data)
    if message is None:
        return
    assert outcome(unprotect_request, server, message) in ERRORS
    assert server.window.state == (-1, 0)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_random_options_and_ciphertexts_are_refused_and_change_nothing(value, payload):
    _, server = pair(client_id=b"")
    message = replace(SWITCH, options=((9, value),), payload=payload)

    assert outcome(unprotect_request, server, message) in ERRORS
    assert server.window.state == (-1, 0)
