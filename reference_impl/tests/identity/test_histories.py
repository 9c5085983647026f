"""Histories of identities: whatever becomes of their bytes, nobody but their holder continues them (IDN-360)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picosec.crypto.curves import Curve
from picosec.crypto.vault import Handle, SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.identity.history import History, Known, check_signatures, read_history
from picosec.identity.keys import thumbprint
from picosec.identity.own import OwnIdentity, new_identity
from picosec.identity.statement import MAX_STATEMENTS, Kind
from picosec.messaging import cbor
from picosec.registry import Problem

CURVES = (Curve.P256, Curve.ED25519)


class Owner:
    """Somebody with an identity and a safe."""

    def __init__(self, seed: int = 1, curve: Curve = Curve.P256) -> None:
        self.vault: SoftwareVault = software_vault(bytes)
        self._rng = random.Random(seed)
        self.curve = curve
        self.safe = self.key()
        self.identity = new_identity(self.vault, self.key(), self.committed(), Kind.USER, 5)

    def key(self) -> Handle:
        """Return a new key."""
        return self.vault.generate(self.curve, self._rng.randbytes)

    def committed(self) -> bytes:
        """Return what the key in the safe is committed to by."""
        return thumbprint(self.vault.public(self.safe))

    def rotate(self, issued: int = 0) -> None:
        """Take a new key."""
        self.identity = self.identity.rotate(self.vault, self.key(), issued)

    def recover(self) -> None:
        """Take the key from the safe, and put another one there."""
        key, self.safe = self.safe, self.key()
        self.identity = self.identity.recover(self.vault, key, self.committed(), 0)

    @property
    def history(self) -> History:
        """The history so far."""
        return self.identity.history


@given(st.lists(st.sampled_from(["rotate", "recover"]), max_size=6), st.sampled_from(CURVES), st.data())
@settings(max_examples=30, deadline=None)
def test_any_history_is_followed_from_any_earlier_state(steps: list[str], curve: Curve, data: st.DataObject) -> None:
    """Need: a peer that slept through any number of changes finds the current key."""
    owner = Owner(curve=curve)
    states = [owner.history]
    for step in steps:
        getattr(owner, step)()
        states.append(owner.history)
    known = Known(owner.identity.identifier)

    for place in sorted(data.draw(st.sets(st.integers(0, len(states) - 1)))):
        known = known.follow(read_history(states[place].encode()))
    known = known.follow(read_history(owner.history.encode()))

    assert known.seen == owner.history.names
    assert known.believed == owner.vault.public(owner.identity.handle)


def test_no_changed_bit_is_believed() -> None:
    """Attack: every bit of a history is turned over; none gives another key, and none freezes the identity."""
    owner = Owner()
    known = Known(owner.identity.identifier).follow(owner.history)
    owner.rotate()
    owner.recover()
    data = bytearray(owner.history.encode())
    expected = owner.history.names

    outcomes = set()
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        outcomes.add(_outcome(known, bytes(data)))
        data[bit // 8] ^= 1 << bit % 8

    assert Problem.FORKED not in outcomes
    # the names that there are: a bit of the first signature, under a statement that was seen
    assert outcomes - set(Problem) == {expected, None}


def _outcome(known: Known, data: bytes) -> Problem | tuple[bytes, ...] | None:
    """Return what is seen after a history, the error that refuses it, or None for another identity."""
    try:
        history = read_history(data)
        return known.follow(history).seen if history.identifier == known.identifier else None
    except ProtocolError as error:
        return error.problem


def test_no_prefix_is_a_history() -> None:
    """Attack: the end is missing, and a length is believed."""
    owner = Owner()
    owner.rotate()
    data = owner.history.encode()

    for length in range(len(data)):
        with pytest.raises(ProtocolError) as refused:
            read_history(data[:length])
        assert refused.value.problem is Problem.MALFORMED


def test_encoding_comes_back() -> None:
    """Need: whoever passes a history on passes on the same bytes."""
    owner = Owner()
    owner.rotate(7)
    owner.recover()

    assert read_history(owner.history.encode()).encode() == owner.history.encode()


def test_clock_that_went_back_makes_no_broken_history() -> None:
    """Need: a device that lost the date goes on with the time of the statement before."""
    owner = Owner()
    owner.rotate(100)
    owner.rotate(50)
    owner.recover()

    issued = [signed.statement.issued for signed in owner.history.statements]

    assert issued == [5, 100, 100, 100]
    assert Known(owner.identity.identifier).follow(owner.history).seen == owner.history.names


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_history_of_another_with_one_name_of_ours_is_not_followed(seed: int) -> None:
    """Attack: statements of two identities are mixed, each of which is good where it stands."""
    owner, other = Owner(seed), Owner(seed + 10)
    for each in (owner, other):
        each.rotate()
        each.rotate()
    ours, theirs = owner.history.statements, other.history.statements

    for place in (1, 2):
        mixed = History((*ours[:place], *theirs[place:]))
        with pytest.raises(ProtocolError) as refused:
            Known(owner.identity.identifier).follow(mixed)
        assert refused.value.requirement == "IDN-350"


def test_full_history_fits_into_its_bytes() -> None:
    """Need: as many statements as there may be, with times of eight bytes, are not too large for anybody."""
    owner = Owner()
    for _ in range(MAX_STATEMENTS - 1):
        owner.rotate(2**63)

    data = owner.history.encode()

    assert len(read_history(data).statements) == MAX_STATEMENTS
    with pytest.raises(ProtocolError) as refused:
        owner.rotate()
    assert refused.value.problem is Problem.EXHAUSTED


def test_key_that_does_not_sign_begins_nothing() -> None:
    """Need: whoever takes a key for agreement by mistake is told so."""
    vault = software_vault(bytes)
    handle = vault.import_key(Curve.X25519, bytes([9]) * 32)

    with pytest.raises(ProtocolError) as refused:
        new_identity(vault, handle, bytes(32), Kind.DEVICE, 0)
    assert refused.value.problem is Problem.BAD_KEY


def test_recovery_that_fails_leaves_the_identity_as_it_is() -> None:
    """Attack: a wrong key is tried; nothing of it stays."""
    owner = Owner()
    before = owner.identity

    with pytest.raises(ProtocolError) as refused:
        before.recover(owner.vault, owner.key(), bytes(32), 0)

    assert refused.value.problem is Problem.AUTHENTICATION_FAILED
    assert owner.identity == before == OwnIdentity(before.history, before.handle)


def test_type_of_a_statement_follows_from_what_it_says() -> None:
    """Attack: a signature is cut off, so that a rotation passes for an emergency, or one is added."""
    owner = Owner()
    owner.rotate()
    rotation = owner.history.statements[1]
    cut = History((owner.history.statements[0], replace(rotation, signatures=rotation.signatures[1:])))
    with pytest.raises(ProtocolError) as refused:
        check_signatures(cut)
    assert refused.value.requirement == "IDN-370"

    owner = Owner()
    owner.recover()
    emergency = owner.history.statements[1]
    doubled = History((owner.history.statements[0], replace(emergency, signatures=emergency.signatures * 2)))
    with pytest.raises(ProtocolError) as refused:
        check_signatures(doubled)
    assert refused.value.problem is Problem.AUTHENTICATION_FAILED


def test_history_is_no_other_cbor() -> None:
    """Attack: an array that looks like one at its beginning."""
    owner = Owner()

    for item in ([owner.history.statements[0].item(), 0], {0: owner.history.statements[0].item()}, [[]], None):
        with pytest.raises(ProtocolError) as refused:
            read_history(cbor.dumps(item))
        assert refused.value.problem is Problem.MALFORMED
