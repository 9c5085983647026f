"""Histories of one identity that part ways: what is a fork, who decides, and whom nobody believes meanwhile."""

from __future__ import annotations

import pytest

from picosec.crypto.curves import P256_ORDER
from picosec.messaging.cbor import dumps
from picosec.registry import Problem
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.histories import new_key
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)


FURTHER = pytest.mark.parametrize("further", [0, 1, 2], ids=["shorter", "as-long", "longer"])


@pytest.mark.requirement("IDN-400")
@FURTHER
@pytest.mark.parametrize("recovered", [False, True], ids=["rotations", "emergencies"])
def test_fork_is_found_out(acquaintance: Acquaintance, further: int, recovered: bool) -> None:
    """Two hold one key, or one says different things to different peers, however many statements follow."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    (history.recover if recovered else history.rotate)()
    acquaintance.takes(history.encode())

    (other.recover if recovered else other.rotate)()
    for _ in range(further):
        other.rotate()
    acquaintance.forks(other.encode())


@pytest.mark.requirement("IDN-440")
@FURTHER
def test_emergency_outranks_rotations(acquaintance: Acquaintance, further: int) -> None:
    """The thief told everybody first. The owner, who never saw what he told, comes with the key from the safe."""
    thief = acquaintance.history
    owner = thief.branch()
    thief.rotate()
    thief.rotate()
    acquaintance.takes(thief.encode())

    owner.recover()
    for _ in range(further):
        owner.rotate()
    acquaintance.takes(owner.encode())

    assert acquaintance.authenticates(owner.key)
    assert not acquaintance.authenticates(thief.key)


@pytest.mark.requirement("IDN-440")
def test_emergency_behind_the_parting_outranks_rotations(acquaintance: Acquaintance) -> None:
    """The owner had rotated as well before he knew of the theft."""
    thief = acquaintance.history
    owner = thief.branch()
    thief.rotate()
    acquaintance.takes(thief.encode())
    owner.rotate()
    owner.recover()

    acquaintance.takes(owner.encode())

    assert acquaintance.authenticates(owner.key)
    assert not acquaintance.authenticates(thief.key)


@pytest.mark.requirement("IDN-450")
@FURTHER
def test_rotations_do_not_outrank_an_emergency(acquaintance: Acquaintance, further: int) -> None:
    """The thief still has the old key, and makes of it whatever he can: nothing comes of it, not even a fork."""
    owner = acquaintance.history
    thief = owner.branch()
    owner.rotate()
    owner.recover()
    acquaintance.takes(owner.encode())
    thief.rotate()
    for _ in range(further):
        thief.rotate()

    acquaintance.refuses(thief.encode(), Problem.STALE)
    assert acquaintance.authenticates()


@pytest.mark.requirement("IDN-400")
def test_emergency_before_the_parting_decides_nothing(acquaintance: Acquaintance) -> None:
    """Both branches have it; who holds the key that came after it is the question."""
    history = acquaintance.history
    history.recover()
    other = history.branch()
    history.rotate()
    acquaintance.takes(history.encode())
    other.rotate()

    acquaintance.forks(other.encode())


@pytest.mark.requirement("IDN-400", "IDN-360")
@pytest.mark.parametrize("place", [1, 2], ids=["where-it-parts", "later"])
def test_fork_that_nobody_signed_is_none(acquaintance: Acquaintance, place: int) -> None:
    """A stranger would freeze every identity that he has heard of."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    acquaintance.takes(history.encode())

    other.rotate()
    other.rotate()
    other.statements[place].signers[0] = new_key(other.rng)
    acquaintance.refuses(other.encode(), Problem.AUTHENTICATION_FAILED)
    acquaintance.takes(history.encode())


@pytest.mark.requirement("IDN-400", "IDN-610")
@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 1)], ids=["first", "old", "new"])
def test_second_signature_makes_no_fork(acquaintance: Acquaintance, place: tuple[int, int]) -> None:
    """Of an ES256 signature anybody makes a twin; a name that covered it would let strangers freeze identities."""
    history = acquaintance.history
    history.rotate()
    acquaintance.takes(history.encode())
    items = history.items()
    part = items[place[0]][3][place[1]]
    twin = P256_ORDER - int.from_bytes(part[2][32:], "big")
    part[2] = part[2][:32] + twin.to_bytes(32, "big")

    acquaintance.takes(dumps(items))


@pytest.mark.requirement("IDN-360", "IDN-610")
def test_statement_that_was_seen_is_known_by_its_name(acquaintance: Acquaintance) -> None:
    """What was verified once need not be verified again: whoever repeats a history costs its readers nothing."""
    history = acquaintance.history
    history.rotate()
    acquaintance.takes(history.encode())
    history.rotate()
    items = history.items()
    items[1][3][0][2] = bytes(64)

    acquaintance.takes(dumps(items))


@pytest.mark.requirement("IDN-430")
@pytest.mark.parametrize("which", ["seen", "other", "longer", "short"])
def test_forked_identity_is_believed_in_nothing(acquaintance: Acquaintance, which: str) -> None:
    """Neither branch, nor what goes on from one, nor the key that was believed: a person decides."""
    history = acquaintance.history
    other, first = history.branch(), history.encode()
    history.rotate()
    acquaintance.takes(history.encode())
    other.rotate()
    acquaintance.forks(other.encode())
    seen = history.encode()
    history.rotate()
    data = {"seen": seen, "other": other.encode(), "longer": history.encode(), "short": first}[which]

    acquaintance.refuses(data, Problem.FORKED)


@pytest.mark.requirement("IDN-430", "IDN-440")
@pytest.mark.parametrize("branch", ["seen", "other", "third"])
def test_owner_decides_about_a_forked_identity(acquaintance: Acquaintance, branch: str) -> None:
    """The key from the safe ends the matter, whichever branch the owner goes on from."""
    history = acquaintance.history
    other, third = history.branch(), history.branch()
    history.rotate()
    history.rotate()
    acquaintance.takes(history.encode())
    other.rotate()
    acquaintance.forks(other.encode())

    owner = {"seen": history, "other": other, "third": third}[branch]
    owner.recover()
    acquaintance.takes(owner.encode())

    assert acquaintance.authenticates(owner.key)


@pytest.mark.requirement("IDN-430")
def test_emergency_that_was_seen_does_not_decide_again(acquaintance: Acquaintance) -> None:
    """Two emergencies by one key: whoever stole that one may not decide by writing a third."""
    history = acquaintance.history
    other, third = history.branch(), history.branch()
    history.recover()
    acquaintance.takes(history.encode())
    other.recover()
    acquaintance.forks(other.encode())
    third.rotate()
    third.recover()

    acquaintance.refuses(third.encode(), Problem.FORKED)
    history.recover()
    acquaintance.refuses(history.encode(), Problem.FORKED)


@pytest.mark.requirement("IDN-430")
def test_forked_identity_authenticates_nobody(acquaintance: Acquaintance) -> None:
    """One of the two is a thief, and who it is cannot be told from here."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    acquaintance.takes(history.encode())
    assert acquaintance.authenticates()
    other.rotate()
    acquaintance.forks(other.encode())

    assert not acquaintance.authenticates()
    assert not acquaintance.authenticates(other.key)


@pytest.mark.requirement("IDN-430")
def test_person_decides_about_a_forked_identity(acquaintance: Acquaintance) -> None:
    """Somebody found out which branch it is, and told the device to begin anew."""
    history = acquaintance.history
    other = history.branch()
    history.rotate()
    acquaintance.takes(history.encode())
    other.rotate()
    acquaintance.forks(other.encode())

    acquaintance.control.provision_identity(trusted=[history.identifier])

    assert not acquaintance.authenticates()
    acquaintance.takes(other.encode())
    assert acquaintance.authenticates(other.key)
