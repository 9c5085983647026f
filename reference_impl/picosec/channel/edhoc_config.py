"""What one endpoint brings into its handshakes: own and trusted credentials, and a policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from picosec.channel.credentials import Kind, OwnCredential, Usage, initiator_usage, responder_usage
from picosec.channel.session import Role
from picosec.channel.trust import TrustStore
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import Vault

METHODS: Final = (0, 1, 2, 3)

#: Takes CRED_x of a trusted credential and the date, if that is known. Raises ``bad_credential`` for one that was
#: taken back.
Standing = Callable[[bytes, float | None], None]


def lasting(cred: bytes, time: float | None) -> None:
    """Take no credential back."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an endpoint takes part in.

    ``suites`` stand in order of preference. ``message_4`` says whether it is part of the handshake, ``by_value``
    whether own credentials sent by value come before those sent by reference, ``ead_labels`` which EAD items are
    understood.
    """

    methods: tuple[int, ...] = METHODS
    suites: tuple[int, ...] = (2, 3)
    message_4: bool = False
    by_value: bool = False
    ead_labels: frozenset[int] = frozenset()


class EdhocConfig:
    """Policy, credentials and vault of an endpoint. It does not change; make a new one instead.

    ``standing`` judges the credentials of peers that are trusted otherwise.
    """

    __slots__ = ("_by_role", "credentials", "own_keys", "policy", "standing", "trusted", "vault")

    def __init__(
        self,
        vault: Vault,
        own: Sequence[OwnCredential],
        trusted: TrustStore,
        policy: Policy,
        standing: Standing = lasting,
    ) -> None:
        self.vault = vault
        self.trusted = trusted
        self.policy = policy
        self.standing = standing
        #: All own credentials, as they were given.
        self.credentials = tuple(own)
        #: The public keys of all own credentials: a peer that shows one of them is a reflection (CHN-480).
        self.own_keys = frozenset(each.credential.key.x for each in own)
        preferred = sorted(own, key=lambda credential: credential.kind.by_value is not policy.by_value)
        self._by_role: dict[tuple[Role, int], dict[int, tuple[OwnCredential, ...]]] = {
            (role, method): _by_suite(preferred, usage_of(method), policy.suites)
            for role, usage_of in ((Role.INITIATOR, initiator_usage), (Role.RESPONDER, responder_usage))
            for method in policy.methods
            if method in METHODS
        }

    def with_policy(self, policy: Policy) -> EdhocConfig:
        """Return the same credentials under another policy."""
        return EdhocConfig(self.vault, self.credentials, self.trusted, policy, self.standing)

    def suites(self, role: Role, method: int, kind: Kind | None = None) -> tuple[int, ...]:
        """Return the suites for ``method`` in order of preference: those that an own credential, of ``kind``, can
        serve.
        """
        by_suite = self._by_role.get((role, method), {})
        if kind is None:
            return tuple(by_suite)
        return tuple(suite for suite in by_suite if self.own(role, method, suite, kind))

    def own(self, role: Role, method: int, suite: int, kind: Kind | None = None) -> OwnCredential | None:
        """Return the own credential to use, of ``kind`` if one is given; ``None`` when there is none."""
        for credential in self._by_role.get((role, method), {}).get(suite, ()):
            if kind is None or credential.kind is kind:
                return credential
        return None


def _by_suite(
    own: Sequence[OwnCredential], usage: Usage, suites: tuple[int, ...]
) -> dict[int, tuple[OwnCredential, ...]]:
    serving = {
        number: tuple(each for each in own if each.credential.serves(usage, SUITES[number]))
        for number in suites
        if number in SUITES
    }
    return {number: credentials for number, credentials in serving.items() if credentials}
