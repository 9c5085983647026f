"""Anonymous tokens: sizes, what both ends keep, and how often per second one is issued and redeemed.

Beside the reference stand the bare primitives: as many points hashed to, multiplied, keys agreed on and bytes
encrypted as it takes, without messages, checks, proofs' hashes or memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from picosec.crypto.curves import Curve
from picosec.crypto.p256 import Point, hash_to_point
from picosec.crypto.vault import software_vault
from picosec.crypto.voprf import SecretKey
from picosec.identity.scope import scope_of
from picosec.identity.token import MAX_COUNT, NONCE_SIZE, Token, encode_response
from picosec.identity.token_issuer import TokenIssuer, TokenKey
from picosec.identity.token_purse import Fetching, Purse, Source, fetching
from picosec.messaging.cbor import dumps
from picosec.objects.request import CarriedRequest

_LAMP: Final = "/actuators/lamp"
_REQUEST: Final = CarriedRequest(3, _LAMP, 60, b"\xf5")
_SCALAR: Final = random.Random(1).randrange(1 << 255)
#: So many that none is used up while it is measured.
_MANY: Final = 1 << 40


class _Trade:
    """An issuer, and a purse that gets its tokens."""

    def __init__(self) -> None:
        self.entropy = random.Random(1).randbytes
        vault = software_vault(self.entropy)
        reader = vault.generate(Curve.X25519, self.entropy)
        secret = SecretKey(_SCALAR.to_bytes(32, "big"), "IDN-1370")
        self.issuer, self.purse = TokenIssuer(vault), Purse(vault)
        self.key = TokenKey(b"\x51", secret, scope_of([(_LAMP, 4)]), _MANY, room=_MANY)
        self.issuer.admit([self.key], [(b"\x61", reader)])
        self.purse.admit([Source(b"\x51", secret.public, b"\x61", vault.public(reader))])

    def ask(self, count: int) -> Fetching:
        """Begin to ask for tokens."""
        return fetching(self.purse.source(b"\x51"), count, self.entropy)

    def issue(self, request: bytes) -> bytes:
        """Answer."""
        issued = self.issuer.evaluate(request, b"peer", None, self.entropy)
        self.issuer.count(issued)
        return encode_response(issued.evaluation)

    def fetch(self, count: int) -> list[Token]:
        """Get tokens."""
        begun = self.ask(count)
        return begun.finish(self.issue(begun.request().encode()))

    def spend(self) -> bytes:
        """Spend a token that nobody spent before; it was not fetched, since fetching is another measurement."""
        nonce = self.entropy(NONCE_SIZE)
        self.purse.put([Token(b"\x51", nonce, self.key.secret.output(nonce))])
        return self.purse.redeem(b"\x51", _REQUEST, self.entropy)

    def redeem(self, data: bytes) -> None:
        """Take a redemption."""
        self.issuer.spend(self.issuer.judge(data, None))


def sizes() -> dict[str, int]:
    """Return the bytes of each message: for one token, for sixteen, and to spend one on a lamp."""
    trade = _Trade()
    found = {}
    for name, count in (("one", 1), ("sixteen", MAX_COUNT)):
        request = trade.ask(count).request().encode()
        found[f"request_{name}_bytes"] = len(request)
        found[f"response_{name}_bytes"] = len(trade.issue(request))
    return {**found, "redemption_bytes": len(trade.spend())}


def kept() -> tuple[int, int, int]:
    """Return the bytes that an issuer keeps of a key and of each spent token, and a client of each token."""
    key = _Trade().key
    of_key = dumps([key.kid, _SCALAR.to_bytes(32, "big"), key.scope.encode(), 4, 1_900_000_000, 1024])
    return len(of_key), NONCE_SIZE, len(dumps([bytes(NONCE_SIZE), bytes(32)]))


def contenders() -> dict[str, Callable[[], object]]:
    """Return what is timed: to issue and fetch sixteen tokens, and to take one, by the reference and bare."""
    trade = _Trade()
    taken = _Trade()

    def redeemed() -> None:
        taken.redeem(taken.spend())

    return {"issued": lambda: trade.fetch(MAX_COUNT), "redeemed": redeemed, **_bare()}


def _bare() -> dict[str, Callable[[], object]]:
    rng = random.Random(2)
    nonce, tag, ours, iv = rng.randbytes(32), b"bench", X25519PrivateKey.generate(), rng.randbytes(13)

    def multiplied(point: Point, times: int) -> None:
        for _ in range(times):
            point * _SCALAR

    def issued() -> None:
        for _ in range(MAX_COUNT):
            # hidden, evaluated, put into M by both ends and into Z by one, and no longer hidden
            multiplied(hash_to_point(nonce, tag), 6)
        multiplied(hash_to_point(nonce, tag), 7)  # Z by the key, two commitments, and four to check them

    def redeemed() -> None:
        for _ in range(2):  # an output is computed to be spent here, and to be compared
            multiplied(hash_to_point(nonce, tag), 1)
        ephemeral = X25519PrivateKey.generate()
        sealed = AESCCM(ephemeral.exchange(ours.public_key())[:16]).encrypt(iv, bytes(96), tag)
        AESCCM(ours.exchange(ephemeral.public_key())[:16]).decrypt(iv, sealed, tag)

    return {"issued bare": issued, "redeemed bare": redeemed}
