"""The table of channels: the right one is found, and nothing else is tried."""

from dataclasses import replace

import pytest
from oscore_pair import READ, SWITCH, Flash, pair

from picosec.channel.channels import Channel, Channels, channel_from_session
from picosec.channel.oscore import RefusedInside, protect_request
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.session import Role, Session
from picosec.crypto.suites import SUITES
from picosec.errors import ProtocolError
from picosec.registry import Problem


def server_and_clients(*id_contexts):
    """Return a server's channels, all with one Recipient ID, and a client for each."""
    channels, clients = Channels(), []
    for id_context in id_contexts:
        client, server = pair(id_context=id_context)
        channels.add(Channel(server))
        clients.append(client)
    return channels, clients


def without_kid_context(message):
    """Return the request as a client sends it that does not name its ID Context."""
    return replace(message, options=((9, b"\x09\0\0"),))


def refusal(channels, message):
    with pytest.raises(ProtocolError) as refused:
        channels.unprotect(message)
    return refused.value.problem, refused.value.requirement


def test_a_request_finds_its_channel():
    channels, clients = server_and_clients(None, b"zone 1", b"zone 2")
    for client, channel in zip(clients, channels, strict=True):
        opened = channels.unprotect(protect_request(client, READ)[0])
        assert (opened.channel, opened.message) == (channel, READ)


def test_a_request_without_kid_context_finds_its_channel_too():
    """RFC 8613 lets the client leave it out; then the keys tell."""
    channels, clients = server_and_clients(b"zone 1", b"zone 2", None)
    for client in clients:
        message = without_kid_context(protect_request(client, SWITCH)[0])
        opened = channels.unprotect(message)
        assert opened.channel.context.id_context == client.id_context
        assert refusal(channels, message)[0] in (Problem.REPLAYED, Problem.DECRYPTION_FAILED)


def test_a_kid_that_nobody_has_is_unknown():
    channels, _ = server_and_clients(None)
    stranger, _ = pair(client_id=b"\x77")

    assert refusal(channels, protect_request(stranger, READ)[0]) == (Problem.UNKNOWN_CONTEXT, "CHN-700")


def test_a_kid_context_that_nobody_has_is_unknown():
    """Keys of a context are not tried for a request that names another one."""
    channels, _ = server_and_clients(None, b"zone 1")
    stranger, _ = pair(id_context=b"zone 2")

    assert refusal(channels, protect_request(stranger, READ)[0]) == (Problem.UNKNOWN_CONTEXT, "CHN-710")
    assert all(channel.context.failures.value == 0 for channel in channels)


def test_a_restarted_channel_challenges():
    flash, channels = Flash(), Channels()
    for _ in range(2):
        _, server = pair(storage=flash)
        channels.add(Channel(server))
    client, _ = pair()

    with pytest.raises(RefusedInside):
        channels.unprotect(protect_request(client, READ)[0])


def test_the_same_channel_added_again_takes_the_place_of_the_old():
    """Keys before a key update are gone (CHN-930)."""
    channels, (client,) = server_and_clients(None)
    channels.add(Channel(SecurityContext(bytes(16), b"\1", b"\0")))

    assert len(channels) == 1
    assert refusal(channels, protect_request(client, READ)[0])[0] is Problem.DECRYPTION_FAILED


def test_a_removed_channel_is_unknown():
    channels, (client, other) = server_and_clients(None, b"zone")
    first, second = channels
    channels.remove(first)

    assert (len(channels), list(channels)) == (1, [second])
    channels.unprotect(protect_request(other, READ)[0])
    channels.remove(second)
    assert b"\0" not in channels
    assert refusal(channels, protect_request(client, READ)[0])[0] is Problem.UNKNOWN_CONTEXT
    with pytest.raises(KeyError):
        channels[b"\0"]


def test_the_state_changes_with_an_accepted_request_only():
    channels, (client, _) = server_and_clients(None, b"zone")
    message, _ = protect_request(client, SWITCH)
    before = channels.state()
    refusal(channels, replace(message, payload=bytes(20)))
    assert channels.state() == before

    channels.unprotect(message)
    after = channels.state()
    assert after != before
    refusal(channels, message)
    assert channels.state() == after


def sessions(suite, c_i=b"\1", c_r=b"\2"):
    """Return both ends of a session; whom they proved to be does not matter here."""
    return [Session(role, 3, suite, c_i, c_r, None, bytes(32)) for role in (Role.INITIATOR, Role.RESPONDER)]


@pytest.mark.parametrize("suite", SUITES)
def test_a_session_opens_one_channel_at_both_ends(suite):
    initiator, responder = (channel_from_session(session) for session in sessions(suite))
    channels = Channels()
    channels.add(responder)

    assert (initiator.id, responder.id) == (b"\1", b"\2")
    opened = channels.unprotect(protect_request(initiator.context, READ)[0])
    assert opened.channel is channels[b"\2"] is responder
    assert opened.channel.session.role is Role.RESPONDER


def test_a_session_with_equal_identifiers_opens_none():
    with pytest.raises(ProtocolError) as refused:
        channel_from_session(sessions(2, b"\1", b"\1")[0])
    assert refused.value.problem is Problem.BAD_IDENTIFIER
