"""How much goes to addresses that nobody has proven, and what proves one."""

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.reachability import FRESH, MEMORY, MOST_ADDRESSES, Reachability

PEER, OTHER = (0, ("192.0.2.1", 5683)), (0, ("192.0.2.2", 5683))
ANSWER = Message(Type.ACK, Code.CONTENT, 1, b"t", (), bytes(20)).encode()


@pytest.fixture
def reachability() -> Reachability:
    reachability = Reachability(lambda size: b"k" * size)
    reachability.forgeable = lambda peer: True
    return reachability


def value(reachability, peer=PEER, now=0.0):
    return reachability.challenge(peer, now).option(Option.ECHO)


def test_three_times_what_came_may_go(reachability):
    """The limit is for the sum, to the byte."""
    reachability.received(PEER, 2 * len(ANSWER), 0.0)

    assert reachability.admit([(PEER, ANSWER)] * 7) == [(PEER, ANSWER)] * 6


def test_nothing_goes_to_an_address_that_never_sent(reachability):
    """What is not counted is not sent."""
    assert reachability.admit([(PEER, ANSWER)]) == []


@pytest.mark.parametrize("kind", [Type.CON, Type.NON])
def test_requests_of_our_own_are_not_in_question(reachability, kind):
    """Nobody forged them: a client may speak first."""
    request = Message(kind, Code.GET, 1, b"t", (), bytes(500)).encode()
    ping = Message(Type.CON, Code.EMPTY, 2).encode()

    assert len(reachability.admit([(PEER, request), (PEER, ping)])) == 2


def test_other_links_have_no_limit():
    """On a serial line there is one other end, and no address to forge."""
    reachability = Reachability(bytes)

    assert reachability.proven(PEER)
    assert reachability.admit([(PEER, ANSWER)] * 100) == [(PEER, ANSWER)] * 100


def test_a_value_proves_the_address_that_it_went_to(reachability):
    """And no other."""
    for peer in (PEER, OTHER):
        reachability.received(peer, 4, 0.0)
    reachability.verify(OTHER, value(reachability), 1.0)
    assert not reachability.proven(OTHER)

    reachability.verify(PEER, value(reachability), 1.0)

    assert reachability.proven(PEER)


@pytest.mark.parametrize(("after", "good"), [(0.0, True), (FRESH, True), (FRESH + 1, False), (-1.0, False)])
def test_a_value_ages(reachability, after, good):
    """Neither from long ago, nor from a time that has not come."""
    reachability.received(PEER, 4, 1000.0)
    reachability.verify(PEER, value(reachability, now=1000.0), 1000.0 + after)

    assert reachability.proven(PEER) is good


@pytest.mark.parametrize("wrong", [None, b"", b"x", bytes(12), bytes(40)])
def test_anything_else_proves_nothing(reachability, wrong):
    """What cannot be computed cannot be guessed."""
    reachability.received(PEER, 4, 0.0)
    reachability.verify(PEER, wrong, 0.0)

    assert not reachability.proven(PEER)


def test_a_proof_is_forgotten_in_the_end(reachability):
    """Tomorrow the address may belong to somebody else."""
    reachability.received(PEER, 4, 0.0)
    reachability.prove(PEER)
    reachability.received(PEER, 4, MEMORY - 1)
    assert reachability.proven(PEER)

    reachability.received(PEER, 4, 2 * MEMORY)

    assert not reachability.proven(PEER)


def test_memory_is_bounded(reachability):
    """An attacker has as many addresses as there are."""
    for number in range(MOST_ADDRESSES + 100):
        reachability.received((0, number), 4, 0.0)
    first, last = (0, 0), (0, MOST_ADDRESSES + 99)

    assert not reachability.allows(first, 1)
    assert reachability.allows(last, 12)


def test_entropy_is_drawn_with_the_first_challenge():
    """A device that is never asked on such a link draws none."""
    drawn = []

    def entropy(size):
        drawn.append(size)
        return bytes(size)

    reachability = Reachability(entropy)
    assert drawn == []
    reachability.challenge(PEER, 0.0)
    reachability.challenge(PEER, 0.0)
    assert drawn == [32]
