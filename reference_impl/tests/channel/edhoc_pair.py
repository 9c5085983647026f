"""Two endpoints that know each other, for every method, suite and kind of credential."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from picosec.channel.credentials import Kind, initiator_usage, responder_usage
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.initiator import Initiator
from picosec.channel.responder import Responder
from picosec.channel.trust import TrustStore
from picosec.crypto.vault import software_vault
from picosec_conformance.identity import Identity, make_identity

C_I, C_R = b"\x37", b"\x27"


def entropy(label: str) -> Callable[[int], bytes]:
    """Return bytes that depend on ``label`` and the number of the draw alone."""
    draws = 0

    def draw(size: int) -> bytes:
        nonlocal draws
        draws += 1
        return b"".join(sha256(f"{label} {draws} {block}".encode()).digest() for block in range(size // 32 + 1))[:size]

    return draw


def trust(*identities: Identity) -> TrustStore:
    store = TrustStore()
    for identity in identities:
        store.add(identity.kind, identity.trusted, identity.kid)
    return store


@dataclass
class Pair:
    """An Initiator and a Responder before their first message."""

    method: int
    initiator_config: EdhocConfig
    responder_config: EdhocConfig
    suite: int | None = None
    initiator_identity: Identity | None = None
    responder_identity: Identity | None = None

    def initiator(self, c_i: bytes = C_I, suite: int | None = None) -> Initiator:
        return Initiator(self.initiator_config, self.method, c_i, entropy("initiator"), suite or self.suite)

    def responder(self) -> Responder:
        return Responder(self.responder_config, entropy("responder"))

    def run(self) -> tuple[Initiator, Responder]:
        """Return both sides after a whole handshake."""
        initiator, responder = self.initiator(), self.responder()
        responder.process_message_1(initiator.prepare_message_1())
        initiator.process_message_2(responder.prepare_message_2(C_R))
        responder.process_message_3(initiator.prepare_message_3())
        if responder.config.policy.message_4:
            initiator.process_message_4(responder.prepare_message_4())
        else:
            initiator.complete()
            responder.complete()
        return initiator, responder

    def to_message_2(self) -> tuple[Initiator, bytes]:
        """Return an Initiator that waits for message_2, and an honest one."""
        initiator, responder = self.initiator(), self.responder()
        responder.process_message_1(initiator.prepare_message_1())
        return initiator, responder.prepare_message_2(C_R)

    def to_message_3(self) -> tuple[Responder, bytes]:
        """Return a Responder that waits for message_3, and an honest one."""
        initiator, responder = self.initiator(), self.responder()
        responder.process_message_1(initiator.prepare_message_1())
        initiator.process_message_2(responder.prepare_message_2(C_R))
        return responder, initiator.prepare_message_3()

    def to_message_4(self) -> tuple[Initiator, bytes]:
        """Return an Initiator that waits for message_4, and an honest one."""
        initiator, responder = self.initiator(), self.responder()
        responder.process_message_1(initiator.prepare_message_1())
        initiator.process_message_2(responder.prepare_message_2(C_R))
        responder.process_message_3(initiator.prepare_message_3())
        return initiator, responder.prepare_message_4()


def pair(
    method: int = 3,
    suite: int = 2,
    kind_i: Kind = Kind.KID,
    kind_r: Kind = Kind.KID,
    initiator_policy: dict[str, Any] | None = None,
    responder_policy: dict[str, Any] | None = None,
    **policy: Any,
) -> Pair:
    """Make two endpoints; ``policy`` holds for both, the others for one of them."""
    draw = entropy(f"pair {method} {suite} {kind_i} {kind_r}")
    first = make_identity(kind_i, initiator_usage(method), suite, draw, kid=b"\x2b", name="initiator")
    second = make_identity(kind_r, responder_usage(method), suite, draw, kid=b"\x32", name="responder")
    common = Policy(methods=(method,), suites=(suite,))
    configs = []
    for own, other, changes in ((first, second, initiator_policy), (second, first, responder_policy)):
        vault = software_vault(bytes)
        changed = replace(common, **{**policy, **(changes or {})})
        configs.append(EdhocConfig(vault, [own.unlock(vault)], trust(other), changed))
    return Pair(method, configs[0], configs[1], suite, first, second)
