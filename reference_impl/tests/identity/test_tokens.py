"""Anonymous tokens between an issuer and a purse, without a wire."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.crypto.voprf import SecretKey
from picosec.errors import ProtocolError
from picosec.identity.scope import scope_of
from picosec.identity.token import encode_response
from picosec.identity.token_issuer import TokenIssuer, TokenKey
from picosec.identity.token_purse import Purse, Source, fetching
from picosec.objects.request import CarriedRequest
from picosec.registry import Problem

LAMP = "/actuators/lamp"
SWITCH = CarriedRequest(3, LAMP, 60, b"\xf5")


class Laundry:
    """An issuer and a purse that know each other's public keys."""

    def __init__(self) -> None:
        self.entropy = random.Random(1).randbytes
        vault = software_vault(self.entropy)
        reader = vault.generate(Curve.X25519, self.entropy)
        self.issuer, self.purse = TokenIssuer(vault), Purse(vault)
        self.key = TokenKey(b"key", SecretKey(bytes(31) + b"\x07", "IDN-1370"), scope_of([(LAMP, 4)]), 4)
        self.issuer.admit([self.key], [(b"reader", reader)])
        self.purse.admit([Source(b"key", self.key.secret.public, b"reader", vault.public(reader))])

    def fetch(self, count: int = 1, peer: bytes = b"flat") -> None:
        """Get tokens."""
        begun = fetching(self.purse.source(b"key"), count, self.entropy)
        issued = self.issuer.evaluate(begun.request().encode(), peer, None, self.entropy)
        self.issuer.count(issued)
        self.purse.put(begun.finish(encode_response(issued.evaluation)))

    def spend(self, request: CarriedRequest = SWITCH) -> bytes:
        """Spend one."""
        return self.purse.redeem(b"key", request, self.entropy)


@pytest.fixture
def laundry() -> Laundry:
    """A laundry where nobody has washed yet."""
    return Laundry()


def test_token_is_good_once(laundry: Laundry) -> None:
    """Judging alone changes nothing; spending does."""
    laundry.fetch(2)
    data = laundry.spend()
    before = laundry.issuer.state()
    for _ in range(2):
        redeemed = laundry.issuer.judge(data, None)
    assert laundry.issuer.state() == before
    assert redeemed.redemption.request == SWITCH

    laundry.issuer.spend(redeemed)
    with pytest.raises(ProtocolError) as refused:
        laundry.issuer.judge(data, None)
    assert refused.value.problem is Problem.SPENT


def test_evaluation_alone_counts_nothing(laundry: Laundry) -> None:
    """Verify, then commit: whoever answers counts first."""
    begun = fetching(laundry.purse.source(b"key"), 4, laundry.entropy)
    before = laundry.issuer.state()
    for _ in range(2):
        laundry.issuer.evaluate(begun.request().encode(), b"flat", None, laundry.entropy)
    assert laundry.issuer.state() == before


def test_state_has_no_secrets(laundry: Laundry) -> None:
    """A digest is over what may be seen."""
    laundry.fetch()
    token = laundry.purse._tokens[b"key"][0]
    said = repr([laundry.issuer.state(), laundry.purse.state()]).encode()
    for secret in (token.nonce, token.output):
        assert repr(secret).encode() not in said
    assert token.nonce.hex() not in repr(token)


def test_redemption_that_cannot_be_made_costs_no_token(laundry: Laundry) -> None:
    """It is too large for every device; the token is still there."""
    laundry.fetch()
    with pytest.raises(ProtocolError) as refused:
        laundry.spend(replace(SWITCH, payload=bytes(5000)))
    assert refused.value.problem is Problem.TOO_LARGE

    assert laundry.purse.count(b"key") == 1


def test_empty_purse_spends_nothing(laundry: Laundry) -> None:
    """And a key of which nobody knows where it is from has none either."""
    for kid, problem in ((b"key", Problem.EXHAUSTED), (b"other", Problem.UNKNOWN_CREDENTIAL)):
        with pytest.raises(ProtocolError) as refused:
            laundry.purse.redeem(kid, SWITCH, laundry.entropy)
        assert refused.value.problem is problem


def test_tokens_of_a_key_that_was_replaced_are_thrown_away(laundry: Laundry) -> None:
    """They are worth nothing, and spending one tells that somebody still has it."""
    laundry.fetch(2)
    source = laundry.purse.source(b"key")
    laundry.purse.admit([source])
    assert laundry.purse.count(b"key") == 2
    laundry.purse.admit([replace(source, public=source.public * 2)])

    assert laundry.purse.count(b"key") == 0


def test_memory_is_bounded_by_the_room_of_a_key(laundry: Laundry) -> None:
    """However many peers there are, and whatever they are called."""
    laundry.issuer.admit([replace(laundry.key, room=3)])
    for peer in (b"one", b"two", b"three"):
        laundry.fetch(1, peer)
    with pytest.raises(ProtocolError) as refused:
        laundry.fetch(1, b"four")
    assert refused.value.problem is Problem.EXHAUSTED
