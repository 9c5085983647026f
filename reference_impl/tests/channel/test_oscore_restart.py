"""Restarts: what an attacker recorded before one gains nothing after it, and the client gets through."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oscore_pair import ANSWER, READ, SWITCH, Flash, pair

from picosec.channel.oscore import (
    RefusedInside,
    echo_request,
    protect_request,
    protect_response,
    unprotect_request,
    unprotect_response,
)
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import Problem


def restarted(flash):
    """Return a server that was built from flash before, and its client."""
    pair(storage=flash)
    client, _ = pair()
    _, server = pair(storage=flash)
    return client, server


def challenge(server, message):
    with pytest.raises(RefusedInside) as refused:
        unprotect_request(server, message)
    assert refused.value.problem is Problem.REPLAYED
    return refused.value.reply


def prove_fresh(client, server):
    """Let the client answer a challenge."""
    message, binding = protect_request(client, READ)
    asked = unprotect_response(client, binding, challenge(server, message))
    repeated, _ = protect_request(client, echo_request(READ, asked))
    opened, mirrored = unprotect_request(server, repeated)
    return repeated, opened, mirrored


def test_a_client_gets_through_after_a_challenge():
    client, server = restarted(Flash())
    _, opened, _ = prove_fresh(client, server)

    assert (opened.code, opened.path) == (READ.code, READ.path)
    message, _ = protect_request(client, SWITCH)
    assert unprotect_request(server, message)[0] == SWITCH


def test_a_recorded_request_is_not_served_after_a_restart():
    """The eavesdropper waits for a power cut, then repeats the command that opened the door."""
    flash = Flash()
    client, server = pair(storage=flash)
    client, _ = pair()
    recorded, _ = protect_request(client, SWITCH)
    unprotect_request(server, recorded)
    _, server = pair(storage=flash)

    for _ in range(3):
        challenge(server, recorded)
    prove_fresh(client, server)
    with pytest.raises(ProtocolError) as refused:
        unprotect_request(server, recorded)
    assert refused.value.requirement == "CHN-720"


def test_a_recorded_proof_of_freshness_is_stale():
    """The eavesdropper repeats the very request that answered the challenge of the restart before."""
    flash = Flash()
    client, server = restarted(flash)
    proof, _, _ = prove_fresh(client, server)

    for _ in range(3):
        _, server = pair(storage=flash)
        challenge(server, proof)
        challenge(server, proof)


def test_responses_to_possible_replays_have_nonces_of_their_own():
    """The nonce of a request that may be a replay was used before the restart, for another plaintext."""
    client, server = restarted(Flash())
    message, _ = protect_request(client, READ)
    answers = [challenge(server, message) for _ in range(3)]

    numbers = {OscoreOption.decode(answer.option(Option.OSCORE)).partial_iv for answer in answers}
    assert len(numbers) == 3
    assert b"" not in numbers


def test_a_challenge_is_a_protected_unauthorized_response():
    client, server = restarted(Flash())
    message, binding = protect_request(client, READ)
    answer = challenge(server, message)
    plain = unprotect_response(client, binding, answer)

    assert answer.code == Code.CHANGED
    assert (plain.code, plain.payload, [number for number, _ in plain.options]) == (
        Code.UNAUTHORIZED,
        b"",
        [Option.ECHO],
    )
    assert (plain.message_id, plain.token) == (READ.message_id, READ.token)


@pytest.mark.parametrize("value", [b"", b"\x40", b"\xff", b"\x40" + bytes(8), bytes(8), bytes(40)])
def test_an_invented_echo_value_proves_nothing(value):
    """An app that is under an attacker's control for a minute stocks up commands for after the next restart."""
    client, server = restarted(Flash())
    message, _ = protect_request(client, replace(READ, options=(*READ.options, (Option.ECHO, value))))

    challenge(server, message)
    challenge(server, message)


def test_an_echo_value_outside_the_ciphertext_proves_nothing():
    client, server = restarted(Flash())
    message, binding = protect_request(client, READ)
    value = unprotect_response(client, binding, challenge(server, message)).option(Option.ECHO)
    recorded, _ = protect_request(client, SWITCH)

    challenge(server, replace(recorded, options=(*recorded.options, (Option.ECHO, value))))


def test_a_forgery_is_not_challenged():
    """Whoever does not know the key does not make the server spend a sequence number."""
    client, server = restarted(Flash())
    message, _ = protect_request(client, READ)
    before = server.numbers.value
    with pytest.raises(ProtocolError) as refused:
        unprotect_request(server, replace(message, payload=bytes(20)))

    assert refused.value.problem is Problem.DECRYPTION_FAILED
    assert server.numbers.value == before


def test_a_challenge_met_closes_all_older_numbers():
    client, server = restarted(Flash())
    held_back = [protect_request(client, SWITCH)[0] for _ in range(5)]
    prove_fresh(client, server)

    for message in held_back:
        with pytest.raises(ProtocolError) as refused:
            unprotect_request(server, message)
        assert refused.value.problem is Problem.REPLAYED


def test_only_a_challenge_asks_for_repetition():
    assert echo_request(READ, ANSWER) is None
    assert echo_request(READ, replace(ANSWER, code=Code.UNAUTHORIZED)) is None
    echoed = Message(2, Code.UNAUTHORIZED, 7, b"\x4a", ((int(Option.ECHO), b"new"),))
    once = echo_request(READ, echoed)
    assert once == replace(READ, options=(*READ.options, (Option.ECHO, b"new")))
    assert echo_request(replace(READ, options=(*READ.options, (Option.ECHO, b"old"))), echoed) == once


@given(st.lists(st.sampled_from(["ask", "answer", "serve", "restart"]), max_size=40))
def test_no_nonce_is_used_twice_under_one_key(steps):
    """Requests, responses of both kinds, challenges and restarts in any order; every encryption is recorded."""
    flash, used, remote = Flash(), [], pair()[0]
    local = watched(pair(storage=flash)[1], used)
    recorded = []
    for step in steps:
        if step == "restart":
            local = watched(pair(storage=flash)[1], used)
        elif step == "ask":
            protect_request(local, READ)
        else:
            if step == "serve" or not recorded:
                recorded.append(protect_request(remote, SWITCH)[0])
            try:
                _, binding = unprotect_request(local, recorded[-1] if step == "serve" else recorded[0])
            except ProtocolError:
                continue
            protect_response(local, binding, ANSWER)
            protect_response(local, binding, ANSWER)

    assert len(used) == len(set(used))


class WatchedDirection:
    """A sender whose encryptions are recorded by their nonce."""

    def __init__(self, sender, used):
        self._sender, self._used, self.cipher = sender, used, self

    def __getattr__(self, name):
        return getattr(self._sender, name)

    def encrypt(self, nonce, data, aad):
        self._used.append(nonce)
        return self._sender.cipher.encrypt(nonce, data, aad)


def watched(context, used):
    context.sender = WatchedDirection(context.sender, used)
    return context
