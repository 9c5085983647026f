"""Who plays: honest peers that the target was introduced to, and impostors that know everything but a key."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from picosec.channel.credentials import OwnCredential, Usage, initiator_usage, responder_usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.party import Party
from picosec_conformance.adversary.setting import Abilities, Setting
from picosec_conformance.channel import joined, provision
from picosec_conformance.control import Control
from picosec_conformance.identity import Identity, curve_for, make_identity
from picosec_conformance.manifest import GivenContext
from picosec_conformance.network import Link

#: Begin handshakes with the target; each has a credential that the target trusts.
INITIATORS = ("alice", "bob")
#: Is who the target means to reach when it opens a channel itself.
RESPONDER = "dora"
#: Has a channel that was provisioned.
PROVISIONED = "carol"
#: Show alice's credential, and dora's, without the key.
IMPOSTORS = {"mallory": "alice", "trudy": "dora"}
#: Show credentials of their own making, by the names of alice and dora.
STRANGERS = {"eve": "alice", "ivan": "dora"}

_SHORTEST_SECRET = 8


@dataclass(slots=True)
class Cast:
    """The endpoints by name, what the target was given, and every byte string that must not be seen in the clear."""

    parties: dict[str, Party] = field(default_factory=dict)
    credentials: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[bytes, str] = field(default_factory=dict)

    def hide(self, secret: bytes, name: str) -> None:
        """Note what no datagram may show; what is too short to be told from chance is left out."""
        if len(secret) >= _SHORTEST_SECRET:
            self.secrets[secret] = name

    def dialogues(self) -> list[Dialogue]:
        """Return all conversations, in the order of parties."""
        return [dialogue for party in self.parties.values() for dialogue in party.dialogues]

    def dialogue(self, label: str) -> Dialogue | None:
        """Return a conversation by its label."""
        return next((dialogue for dialogue in self.dialogues() if dialogue.label == label), None)


def introduce(link: Link, able: Abilities, setting: Setting, standing: SecurityContext | None) -> Cast:
    """Make the cast and, through the Test Interface, make it known to the target.

    ``standing`` is the suite's end of the context that a black box was set up with, which outlives examples.
    """
    rng = setting.rng()
    rng.randbytes(32)  # what the target's own entropy is seeded with
    identifiers = _identifiers()
    cast = Cast()
    if able.handshakes:
        _introduce_to_handshakes(link, able, setting, cast, rng, identifiers)
    if able.server or able.client:
        party = cast.parties[PROVISIONED] = Party(PROVISIONED, link, rng.randbytes, identifiers)
        context = standing or _provisioned(link, cast, rng)
        known = Dialogue(f"{PROVISIONED}-1", PROVISIONED, True, chosen=context.recipient_id, context=context)
        party.dialogues.append(known)
    if not cast.parties:
        cast.parties["alice"] = Party("alice", link, rng.randbytes, identifiers)
    return cast


def _identifiers() -> Iterator[bytes]:
    """Give out connection identifiers that are not in use on the suite's side."""
    yield from sorted(SHORT_IDENTIFIERS)
    yield from (number.to_bytes(2, "big") for number in itertools.count(0x6000))


def _introduce_to_handshakes(
    link: Link, able: Abilities, setting: Setting, cast: Cast, rng: random.Random, identifiers: Iterator[bytes]
) -> None:
    asks, serves = initiator_usage(setting.method), responder_usage(setting.method)
    targets = {usage: _identity(setting, usage, "target", rng) for usage in dict.fromkeys((serves, asks))}
    usages = {**dict.fromkeys(INITIATORS, asks), RESPONDER: serves}
    identities = {name: _identity(setting, usage, name, rng) for name, usage in usages.items()}
    Control(link).provision(
        own=[identity.own() for identity in targets.values()],
        trusted=[identity.trust() for identity in identities.values()],
        methods=[setting.method],
        suites=setting.target_suites,
        message_4=setting.message_4 if able.message_4 else None,
    )
    trusted = TrustStore()
    for identity in targets.values():
        trusted.add(identity.kind, identity.trusted, identity.kid)
    vault = software_vault(rng.randbytes)
    policy = Policy((setting.method,), setting.suites, setting.message_4)
    for name, identity in identities.items():
        config = EdhocConfig(vault, [identity.unlock(vault)], trusted, policy)
        cast.parties[name] = Party(name, link, rng.randbytes, identifiers, config, setting.method)
        cast.credentials[name] = identity.credential
    for name, victim in IMPOSTORS.items():
        own = _stolen(identities[victim], usages[victim], setting, vault, rng)
        config = EdhocConfig(vault, [own], trusted, policy)
        cast.parties[name] = Party(name, link, rng.randbytes, identifiers, config, setting.method, honest=False)
    for name, victim in STRANGERS.items():
        made = _identity(setting, usages[victim], victim, rng, identities[victim].kid or b"")
        config = EdhocConfig(vault, [made.unlock(vault)], trusted, policy)
        cast.parties[name] = Party(name, link, rng.randbytes, identifiers, config, setting.method, honest=False)
    everybody: Sequence[tuple[str, Identity]] = [*identities.items(), *(("target", each) for each in targets.values())]
    for name, identity in everybody:
        cast.hide(identity.private_key, f"the private key of {name}")
        cast.hide(identity.credential, f"the credential of {name}")
        cast.hide(identity.kid or b"", f"the key identifier of {name}")


def _identity(setting: Setting, usage: Usage, name: str, rng: random.Random, kid: bytes = b"") -> Identity:
    kid = kid or rng.randbytes(_SHORTEST_SECRET)
    return make_identity(setting.kind, usage, setting.suites[0], rng.randbytes, kid=kid, name=name)


def _stolen(
    victim: Identity, usage: Usage, setting: Setting, vault: SoftwareVault, rng: random.Random
) -> OwnCredential:
    """Return the credential of somebody else with a private key that does not belong to it."""
    key = vault.generate(curve_for(usage, setting.suites[0]), rng.randbytes)
    return replace(victim.unlock(vault), handle=key)


def _provisioned(link: Link, cast: Cast, rng: random.Random) -> SecurityContext:
    given = GivenContext(b"\x55\x01", b"\x55\x02", rng.randbytes(16), rng.randbytes(8))
    provision(Control(link), given)
    cast.hide(given.master_secret, "a master secret")
    return joined(link, given).context
