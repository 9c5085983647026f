"""Who issues anonymous tokens, and takes them: it evaluates what it cannot see, and remembers what was spent.

Whoever takes a token needs the private scalar that made it, so that both are one party, or two that trust each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

from picosec.crypto.curves import Entropy
from picosec.crypto.p256 import encode_point, random_scalar
from picosec.crypto.vault import Handle, Vault
from picosec.crypto.voprf import Evaluation, SecretKey
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.identity.token import Redemption, Token, TokenRequest
from picosec.identity.token_sealing import unseal_redemption
from picosec.registry import Problem

#: How many tokens of one key are issued, and remembered as spent, at most, unless a policy says otherwise.
ROOM: Final = 1024


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key whose tokens allow what ``scope`` says, until ``expires``, seconds since 1970, or for ever.

    ``allowance`` is how many tokens one peer gets, and ``room`` how many there are in all.
    """

    kid: bytes
    secret: SecretKey
    scope: Scope
    allowance: int
    expires: int | None = None
    room: int = ROOM

    @property
    def name(self) -> bytes:
        """What names the key, whatever identifier it goes by: its public key."""
        return encode_point(self.secret.public)

    def check_time(self, now: float | None, requirement: str) -> None:
        """Raise ``stale``, citing ``requirement``, when the key has ended; ``now`` is None without a trusted clock."""
        if now is not None and self.expires is not None and now > self.expires:
            raise ProtocolError(Problem.STALE, requirement, f"the key ended {now - self.expires:.0f} s ago")


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens as good as issued: what to answer once they are counted."""

    key: TokenKey
    peer: bytes
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption that was judged: the key of its token, and what it is spent on."""

    key: TokenKey
    redemption: Redemption


def _nothing() -> None:
    pass


@dataclass(slots=True)
class TokenIssuer:
    """Token keys, keys to read redemptions with, and what was issued and spent.

    What it remembers is bounded by the room of each key, and has to outlive a loss of power (IDN-1460).
    """

    vault: Vault
    keys: dict[bytes, TokenKey] = field(default_factory=dict)
    readers: dict[bytes, Handle] = field(default_factory=dict)
    _issued: dict[bytes, Counter[bytes]] = field(default_factory=dict)
    _spent: dict[bytes, set[bytes]] = field(default_factory=dict)
    _keep: Callable[[], None] = _nothing

    def admit(self, keys: Iterable[TokenKey] = (), readers: Iterable[tuple[bytes, Handle]] = ()) -> None:
        """Take in more keys; one of a known identifier takes the place of the one there was."""
        self.keys.update((key.kid, key) for key in keys)
        self.readers.update(readers)

    def evaluate(self, data: bytes, peer: bytes, now: float | None, entropy: Entropy) -> Issued:
        """Judge a request for tokens by ``peer``, and evaluate it; whoever answers it calls :meth:`count` first.

        Raises ``too_large``, ``malformed``, ``not_deterministic``, ``unknown_credential``, ``stale``, ``bad_key`` or
        ``exhausted``, in this order.
        """
        request = TokenRequest.decode(data)
        key = self._key(request.kid, "IDN-1330")
        key.check_time(now, "IDN-1340")
        points = request.points()
        self._check_allowance(key, peer, len(points))
        return Issued(key, peer, key.secret.evaluate_all(points, random_scalar(entropy)))

    def count(self, issued: Issued) -> None:
        """Remember that tokens, just evaluated, are the peer's (IDN-1360)."""
        self._issued.setdefault(issued.key.name, Counter())[issued.peer] += len(issued.evaluation.elements)
        self._keep()

    def judge(self, data: bytes, now: float | None) -> Redeemed:
        """Return what a redemption asks for. Nothing changes: whoever serves it calls :meth:`spend` first.

        Raises as :func:`unseal_redemption` does, and then ``unknown_credential``, ``authentication_failed``,
        ``stale``, ``spent``, ``forbidden`` or ``exhausted``, in this order.
        """
        redemption = unseal_redemption(data, self.readers, self.vault)
        token, request = redemption.token, redemption.request
        key = self._key(token.kid, "IDN-1420")
        _check_output(key, token)
        key.check_time(now, "IDN-1450")
        spent = self._spent.get(key.name, set())
        if token.nonce in spent:
            raise ProtocolError(Problem.SPENT, "IDN-1460", "the token was taken before")
        if not key.scope.allows(request.path, request.code):
            raise ProtocolError(Problem.FORBIDDEN, "IDN-1470", request.path)
        if len(spent) >= key.room:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-1480", "no more spent tokens can be remembered")
        return Redeemed(key, redemption)

    def spend(self, redeemed: Redeemed) -> None:
        """Remember that a token, just judged, was taken, so that it is never taken again (IDN-1460)."""
        self._spent.setdefault(redeemed.key.name, set()).add(redeemed.redemption.token.nonce)
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have what was issued and spent stored by this, before anybody acts on it (IDN-1460)."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return what was issued, in rows with a count, and what was spent, as CBOR values for :meth:`recall`."""
        issued = [[name, peer, count] for name, counts in self._issued.items() for peer, count in counts.items()]
        spent = [[name, nonce] for name, nonces in self._spent.items() for nonce in nonces]
        return sorted(issued) + sorted(spent)

    def recall(self, rows: Iterable[Any]) -> None:
        """Know again what was issued and spent in an earlier life."""
        for name, what, *count in rows:
            if count:
                self._issued.setdefault(name, Counter())[what] = count[0]
            else:
                self._spent.setdefault(name, set()).add(what)

    def state(self) -> list[Any]:
        """Return which keys there are, without secrets, and what was issued and spent, as a CBOR value for a digest."""
        keys = [
            [key.kid, key.name, key.scope.encode(), key.allowance, key.expires, key.room]
            for _kid, key in sorted(self.keys.items())
        ]
        issued = [[name, sorted(map(list, counts.items()))] for name, counts in sorted(self._issued.items())]
        spent = [[name, sorted(nonces)] for name, nonces in sorted(self._spent.items())]
        return [keys, sorted(self.readers), issued, spent]

    def _check_allowance(self, key: TokenKey, peer: bytes, count: int) -> None:
        issued = self._issued.get(key.name, Counter())
        if issued[peer] + count > key.allowance or issued.total() + count > key.room:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-1360", "no tokens are left for this peer")

    def _key(self, kid: bytes, requirement: str) -> TokenKey:
        key = self.keys.get(kid)
        if key is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, requirement, "no token key of this identifier")
        return key


def _check_output(key: TokenKey, token: Token) -> None:
    if not compare_digest(key.secret.output(token.nonce), token.output):
        raise ProtocolError(Problem.AUTHENTICATION_FAILED, "IDN-1440", "not a token of this key")
