"""What an agent was given beforehand: credentials, trust, OSCORE contexts, a policy. It outlives a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from picosec.channel.channels import Channel
from picosec.channel.credentials import Credential, Kind, OwnCredential, Usage, own_credential, parse_ccs
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.oscore_context import SecurityContext, check_identifiers
from picosec.channel.sequence import Reservations
from picosec.channel.trust import TrustStore, parse_credential
from picosec.crypto.aead import Aead
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.attester import Attester
from picosec.identity.chain import Chain
from picosec.identity.chains import Chains
from picosec.identity.credential import is_credential, read_credential
from picosec.identity.endorsements import Endorsements
from picosec.identity.history import Forked, History, Known, known_of
from picosec.identity.keys import credential, identifier_in, key_identifier
from picosec.identity.own import OwnIdentity
from picosec.identity.scope import Scope
from picosec.identity.status_lists import StatusLists
from picosec.identity.tamper import TamperLog
from picosec.identity.token_issuer import TokenIssuer
from picosec.identity.token_purse import Purse
from picosec.identity.verifier import Verifier
from picosec.objects.inbox import Inbox
from picosec.registry import Problem
from picosec.roles.channel_table import ChannelPolicy
from picosec.roles.vouching import Vouching, granted

#: Every method and suite there is, the mandatory suites first.
DEFAULT_POLICY: Final = Policy(suites=(2, 3, 6, 0, 1, 5, 4))


@dataclass(frozen=True, slots=True)
class Trusted:
    """A credential that peers may show: a CCS, a certificate in DER, or for ``KCWT`` the CCS of the issuer."""

    kind: Kind
    credential: bytes
    kid: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ContextParameters:
    """What an OSCORE context is made of, as this end sees it, and where its counters are kept."""

    sender_id: bytes
    recipient_id: bytes
    master_secret: bytes
    storage: Reservations
    master_salt: bytes = b""
    id_context: bytes | None = None
    aead: Aead = Aead.AES_CCM_16_64_128
    first_number: int = 0
    failures: int = 0

    def check(self) -> None:
        """Raise ``ProtocolError`` with ``bad_identifier`` for what no context can be made of."""
        check_identifiers(self.sender_id, self.recipient_id, self.id_context, self.aead)

    def channel(self) -> Channel:
        """Return the channel; its numbers go on where an earlier life ended. Raises as :meth:`check`."""
        context = SecurityContext(
            self.master_secret,
            self.sender_id,
            self.recipient_id,
            master_salt=self.master_salt,
            id_context=self.id_context,
            aead=self.aead,
            storage=self.storage,
            first_number=self.first_number,
            failures=self.failures,
        )
        return Channel(context)


@dataclass(frozen=True, slots=True)
class OwnChain:
    """Credentials of one's own, and the private key of the last one. ``kind`` is how messages name that."""

    chain: Chain
    handle: Handle
    usage: Usage
    kind: Kind


class Keyring:
    """Everything provisioned. It only grows; a change makes all of its parts anew or, when one is wrong, none.

    Identities alone change by themselves: they get other keys.
    """

    def __init__(self, vault: Vault, policy: Policy = DEFAULT_POLICY) -> None:
        self.vault = vault
        self.own: tuple[OwnCredential, ...] = ()
        self.trusted: tuple[Trusted, ...] = ()
        self.contexts: tuple[ContextParameters, ...] = ()
        self._policy = policy
        self.channel_policy = ChannelPolicy()
        #: Which credentials were taken back.
        self.status = StatusLists()
        #: What third parties said of whom, and whose word peers need.
        self.endorsements = Endorsements(self.status)
        #: Credentials of zones: whose are believed, which are held, and those of this party.
        self.chains = Chains(self.status)
        self.own_chain: OwnChain | None = None
        self.vouching = Vouching(self.chains)
        self.config = EdhocConfig(vault, (), TrustStore(self.vouching), policy, self.standing)
        #: Keys for objects, and which objects were taken.
        self.inbox = Inbox(vault)
        self.inbox.voucher = self.vouching
        #: The date when this party's clock showed 0, in seconds since 1970; None if nobody said.
        self.epoch: int | None = None
        #: The identity of this party, and by identifier what it knows of those of others.
        self.identity: OwnIdentity | None = None
        self.peers: dict[bytes, Known] = {}
        #: By what this party gives evidence, whose evidence it believes, and what its sensor noticed.
        self.attester: Attester | None = None
        self.verifier = Verifier()
        self.tamper = TamperLog()
        #: What makes and takes anonymous tokens, and those that this party has.
        self.issuer = TokenIssuer(vault)
        self.purse = Purse(vault)
        #: What was known of identities in an earlier life, and what stores it when it changes.
        self._recalled: dict[bytes, Known] = {}
        self._keep: Callable[[], None] = lambda: None

    def add(
        self,
        own: Iterable[OwnCredential] = (),
        trusted: Iterable[Trusted] = (),
        contexts: Iterable[ContextParameters] = (),
        policy: Policy | None = None,
        channel_policy: ChannelPolicy | None = None,
    ) -> None:
        """Take in more. Raises ``ProtocolError`` with ``bad_credential`` or ``bad_identifier``, and then nothing is."""
        contexts = tuple(contexts)
        for parameters in contexts:
            parameters.check()
        all_own, all_trusted = (*self.own, *own), (*self.trusted, *trusted)
        store = TrustStore(self.vouching)
        for each in all_trusted:
            store.add(each.kind, each.credential, each.kid)
        for known in self.peers.values():
            _trust(store, known)
        policy = policy or self._policy
        self.config = self._config(all_own, store, policy)
        self.own, self.trusted, self._policy = all_own, all_trusted, policy
        self.contexts = (*self.contexts, *contexts)
        self.channel_policy = channel_policy or self.channel_policy

    def assume(self, identity: OwnIdentity) -> None:
        """Have an identity, or another key of it: from now on it authenticates by that, and by none before (IDN-650).

        Credentials that were given otherwise go first.
        """
        self.identity = identity
        self.config = self._config(self.own, self.config.trusted, self._policy)

    def follow(self, known: Known) -> bytes | None:
        """Believe what is known of an identity now, and return the credential that is believed no longer, if any."""
        before = self.peers.get(known.identifier)
        former, current = _credential(before), _credential(known)
        self.peers[known.identifier] = known
        try:
            self._keep()
        except ProtocolError:  # such as a full disk: the key from before is believed until this can be stored
            del self.peers[known.identifier]
            if before is not None:
                self.peers[known.identifier] = before
            raise
        if former is None or former == current:
            _trust(self.config.trusted, known)
            return None
        self.config.trusted.forget(former)
        _trust(self.config.trusted, known)
        return former

    def standing(self, cred: bytes, now: float | None) -> None:
        """Judge a peer whose credential is trusted; ``now`` is in seconds since 1970, None without a trusted clock.

        Raises ``bad_credential`` when the credential was taken back (IDN-230), or when the peer lacks the word of a
        third party that it needs (IDN-2110, IDN-2120).
        """
        self.status.check(cred, now)
        identity = self.identity_of(cred)
        if identity is not None:
            self.endorsements.check(identity, now)

    def identity_of(self, cred: bytes) -> bytes | None:
        """Return the identity of a peer, empty for a member of a zone whose credential names none.

        It is None for a peer that was introduced by itself.
        """
        if is_credential(cred):
            return read_credential(cred).claims.identity
        return next((each.identifier for each in self.peers.values() if _credential(each) == cred), None)

    def granted(self, cred: bytes) -> Scope | None:
        """Return what a peer, or the sender of an object, may do whose credential was accepted; None for everything."""
        return granted(cred)

    def present(self, chain: OwnChain) -> None:
        """Have credentials of a zone, and authenticate by them from now on (IDN-970).

        Raises ``bad_credential`` when the key is not that of the last one, and then nothing changes.
        """
        own = self._presented(chain)
        before, self.own_chain = self.own_chain, chain
        if own is None and before is None:
            return
        self.config = self._config(self.own, self.config.trusted, self._policy)

    def _presented(self, own: OwnChain) -> OwnCredential | None:
        """Return what a party authenticates with by its chain, None for a key that opens no channel."""
        claims, parsed = own.chain.last.claims, parse_credential(Kind.KCWT, own.chain.last.cwt)
        restricted = replace(parsed, usages=parsed.usages & {own.usage})
        presented = own_credential(own.kind, restricted, own.handle, self.vault)
        return presented if claims.purpose is None else None

    def holder(self, peer: Credential) -> bytes:
        """Return what names the holder of a credential, whatever further ones it has: its identifier, which stays when
        its key changes, where that is followed, and else its key, or that of whom the zone let in who let it in.
        """
        holders = (identifier for identifier, known in self.peers.items() if _credential(known) == peer.cred)
        own = bytes([peer.key.curve.value]) + peer.key.x
        return next(holders, peer.party[: len(own)] or own)  # IDN-2270

    def believe(self, history: History) -> None:
        """Trust the identity of a history, and go on from what was known of it in an earlier life.

        Raises ``malformed`` or ``authentication_failed`` for a history that does not hold.
        """
        known = self._recalled.get(history.identifier, Known(history.identifier))
        try:
            known = known.follow(history)
        except Forked as fork:
            known = known.freeze(fork.place)
        except ProtocolError as error:
            if error.problem not in (Problem.STALE, Problem.FORKED):  # what is known outranks the history at hand
                raise
        self.follow(known)

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have what is known of identities stored by this, before anybody acts on it (IDN-640)."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return what is known of identities, as CBOR values for :meth:`recall`."""
        return [known.row() for _identifier, known in sorted({**self._recalled, **self.peers}.items())]

    def recall(self, rows: Iterable[Any]) -> None:
        """Know again what was known in an earlier life, for :meth:`believe`."""
        self._recalled = {known.identifier: known for known in map(known_of, rows)}

    def took_back(self, cred: bytes) -> bool:
        """Whether a credential was taken back, or its key replaced: what it opened has ended (IDN-290, IDN-630)."""
        if self.status.revokes(cred):
            return True
        kid = identifier_in(cred)
        return any(
            kid == key_identifier(known.identifier) and cred != _credential(known) for known in self.peers.values()
        )

    def _config(self, own: tuple[OwnCredential, ...], trusted: TrustStore, policy: Policy) -> EdhocConfig:
        presented = None if self.own_chain is None else self._presented(self.own_chain)
        if presented is not None:
            own = (*own, presented)
        if self.identity is not None:
            ccs = parse_ccs(credential(self.identity.identifier, self.identity.history.key))
            own = (*own, own_credential(Kind.KID, ccs, self.identity.handle, self.vault))
        return EdhocConfig(self.vault, own, trusted, policy, self.standing)

    def own_credential(
        self,
        kind: Kind,
        credential: bytes,
        private: bytes | bytearray | Handle,
        usage: Usage,
        kid: bytes | None = None,
    ) -> OwnCredential:
        """Put a private key into the vault, unless it is there, and return its credential, for :meth:`add`.

        Raises ``ProtocolError`` with ``bad_credential`` or ``bad_key``.
        """
        parsed = parse_credential(kind, credential)
        restricted = replace(parsed, usages=parsed.usages & {usage})
        handle = private if isinstance(private, Handle) else self.vault.import_key(parsed.key.curve, private)
        return own_credential(kind, restricted, handle, self.vault, kid)

    def state(self) -> list[Any]:
        """Return what was provisioned, without secrets, as a CBOR value for a digest."""
        policy = self._policy
        return [
            [[own.id_cred, own.cred] for own in self.own],
            [[each.kind.value, each.credential, each.kid] for each in self.trusted],
            [[each.sender_id, each.recipient_id, each.id_context, each.aead.value] for each in self.contexts],
            [list(policy.methods), list(policy.suites), policy.message_4, policy.by_value],
            [
                self.channel_policy.most,
                self.channel_policy.per_peer,
                self.channel_policy.renew_after,
                self.channel_policy.store,
            ],
            [self.inbox.state(), self.status.state(), self.chains.state(), self.endorsements.state(), self.epoch],
            [
                None if self.identity is None else self.identity.history.encode(),
                [known.state() for _identifier, known in sorted(self.peers.items())],
            ],
            None if self.own_chain is None else [self.own_chain.kind.value, self.own_chain.chain.encode()],
            [
                None if self.attester is None else self.attester.state(self.vault),
                self.verifier.state(),
                self.tamper.record.value(),
            ],
            [self.issuer.state(), self.purse.state()],
        ]


def _credential(known: Known | None) -> bytes | None:
    """Return the credential by which the holder of an identity authenticates, None for nobody."""
    key = None if known is None else known.believed
    return None if known is None or key is None else credential(known.identifier, key)


def _trust(store: TrustStore, known: Known) -> None:
    ccs = _credential(known)
    if ccs is not None:
        store.add(Kind.KID, ccs)
