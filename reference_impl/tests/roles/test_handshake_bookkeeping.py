"""Identifiers and sessions in progress: what a flood of handshakes may cost."""

from parties import app_keyring, device_keyring

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS
from picosec.registry import Problem
from picosec.roles.handshakes import LIFETIME, MAX_SESSIONS, Identifiers, Opening, Responding
from picosec.roles.simulated import ScriptedEntropy


def message_1(number: int) -> bytes:
    """Return the payload of a request that begins a handshake."""
    seed = number.to_bytes(2, "big")
    opening = Opening(app_keyring().config, ScriptedEntropy(seed), lambda: b"\x37")
    return opening.start().payload


def begin(responding: Responding, number: int, now: float = 0.0) -> None:
    identifier = bytes((number,))
    answer = responding.answer(message_1(number), device_keyring().config, now, None, lambda _c_i: identifier)
    assert answer.failure is None


def test_a_flood_of_handshakes_pushes_out_the_oldest_and_nothing_else():
    """An attacker begins handshake after handshake: memory stays bounded, and a peer that is quick still gets in."""
    responding = Responding(ScriptedEntropy())
    for number in range(MAX_SESSIONS + 3):
        begin(responding, number)

    assert responding.state() == [bytes((number,)) for number in range(3, MAX_SESSIONS + 3)]


def test_each_session_expires_at_its_own_time():
    """One that was begun later waits longer."""
    responding = Responding(ScriptedEntropy())
    begin(responding, 1, now=0.0)
    begin(responding, 2, now=10.0)
    assert responding.next_timeout() == LIFETIME

    responding.expire(LIFETIME)

    assert responding.state() == [b"\x02"]


def test_message_3_after_the_time_finds_nothing():
    """The session is gone even when no timer has run since."""
    responding = Responding(ScriptedEntropy())
    begin(responding, 1, now=0.0)
    late = edhoc_coap.request(b"\x40", b"\x01").payload

    answer = responding.answer(late, device_keyring().config, LIFETIME, None, lambda _c_i: b"\x02")

    assert answer.failure is Problem.UNEXPECTED_MESSAGE


def test_every_short_identifier_is_used_before_one_comes_back():
    """An identifier that comes back late cannot be confused with a channel that was just closed."""
    identifiers = Identifiers()

    given = [identifiers.choose(lambda _identifier: False) for _ in SHORT_IDENTIFIERS]

    assert set(given) == SHORT_IDENTIFIERS


def test_identifiers_never_run_out():
    """More channels than short identifiers."""
    taken: set[bytes] = set()
    identifiers = Identifiers()
    for _ in range(len(SHORT_IDENTIFIERS) + 3):
        taken.add(identifiers.choose(taken.__contains__))

    assert sorted(taken - SHORT_IDENTIFIERS) == [b"\x00\x00", b"\x00\x01", b"\x00\x02"]
