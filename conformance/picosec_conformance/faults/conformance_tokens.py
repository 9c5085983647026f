"""Faults of the Test Interface where it is about anonymous tokens."""

from __future__ import annotations

from typing import Any

from picosec.identity.scope import Scope
from picosec.identity.token_issuer import TokenIssuer
from picosec.identity.token_purse import Purse
from picosec.roles import test_tokens
from picosec.roles.keyring import Keyring
from picosec_conformance.faults import fault


@fault("CNF-030")
def takes_scopes_of_token_keys_unread() -> None:
    """It is a byte string; what is in it will show when a token comes."""
    original = test_tokens.decode_scope

    def decode_scope(data: bytes, requirement: str) -> Any:
        try:
            return original(data, requirement)
        except Exception:
            return Scope({})

    test_tokens.decode_scope = decode_scope


@fault("CNF-040")
def takes_good_token_keys_before_bad_ones() -> None:
    """They are taken as they are read, and the third is none."""
    original = test_tokens._key
    admitted: list[Any] = []

    def key(value: Any) -> Any:
        admitted.append(original(value))
        for issuer in issuers:
            issuer.admit([admitted[-1]])
        return admitted[-1]

    issuers: list[TokenIssuer] = []
    init = Keyring.__init__

    def begun(self: Keyring, *rest: Any) -> None:
        init(self, *rest)
        issuers[:] = [self.issuer]

    Keyring.__init__ = begun
    test_tokens._key = key


@fault("CNF-100")
def keeps_spent_tokens_through_a_reset() -> None:
    """They must outlive everything, says the page; that a factory reset is more than everything, it says elsewhere."""
    spent: dict[bytes, set[bytes]] = {}
    init = TokenIssuer.__init__

    def begun(self: TokenIssuer, *rest: Any, **more: Any) -> None:
        init(self, *rest, **more)
        self._spent = spent

    TokenIssuer.__init__ = begun


@fault("CNF-400")
def leaves_spent_tokens_out_of_the_digest() -> None:
    """They are many, and a digest over all of them takes long."""
    original = TokenIssuer.state
    TokenIssuer.state = lambda self: original(self)[:3]


@fault("CNF-400")
def leaves_its_purse_out_of_the_digest() -> None:
    """What is in there is nobody's business."""
    Purse.state = lambda self: []
