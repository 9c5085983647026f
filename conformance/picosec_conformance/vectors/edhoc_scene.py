"""Two parties for the EDHOC vectors: seeded credentials and ephemeral keys, as JSON rows and as honest or hostile
runs.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from picosec.channel.credentials import Kind, Usage, initiator_usage, responder_usage
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec_conformance.edhoc_run import Prover, Run
from picosec_conformance.identity import Identity, make_identity

Row = dict[str, Any]

KID_I, KID_R = b"\x2b", b"\x32"
C_I, C_R = b"\x37", b"\x27"


@dataclass(frozen=True, slots=True)
class Party:
    """One side: its credential, its ephemeral private key and its connection identifier."""

    identity: Identity
    ephemeral: bytes
    c: bytes

    def own(self) -> Row:
        """Return the credential with its private key, as an input."""
        row = {"kind": self.identity.kind.value, "credential": self.identity.credential}
        row["private_key"] = self.identity.private_key
        return row if self.identity.kid is None else {**row, "kid": self.identity.kid}

    def trusted_as(self) -> Row:
        """Return what the other side must trust, as an input."""
        row = {"kind": self.identity.kind.value, "credential": self.identity.trusted}
        return row if self.identity.kid is None else {**row, "kid": self.identity.kid}

    def prover(self) -> Prover:
        """Return the party for a :class:`Run` of its own side."""
        own = self.identity.unlock(software_vault(bytes))
        return Prover(own.id_cred, own.cred, own.credential.key, self.identity.private_key)


@dataclass(frozen=True, slots=True)
class Scene:
    """A method, a suite and two parties."""

    method: int
    suites_i: tuple[int, ...]
    initiator: Party
    responder: Party

    @property
    def suite(self) -> int:
        """The selected suite."""
        return self.suites_i[-1]

    def initiator_run(self) -> Run:
        """Return the Initiator's side."""
        other = replace(self.responder.prover(), private_key=None)
        return Run(
            self.method, self.suites_i, self.initiator.ephemeral, self.initiator.c, b"", self.initiator.prover(), other
        )

    def responder_run(self) -> Run:
        """Return the Responder's side."""
        other = replace(self.initiator.prover(), private_key=None)
        return Run(
            self.method, self.suites_i, self.responder.ephemeral, b"", self.responder.c, other, self.responder.prover()
        )

    def handshake(self, **extra: Any) -> Row:
        """Return the inputs of ``edhoc.handshake``."""
        sides = {"initiator": self.initiator, "responder": self.responder}
        rows = {
            name: {"ephemeral": side.ephemeral, "c": side.c, "own": side.own(), "trusted_as": [side.trusted_as()]}
            for name, side in sides.items()
        }
        return {"method": self.method, "suites_i": list(self.suites_i), **rows, **extra}

    def initiator_holds(self, **extra: Any) -> Row:
        """Return what the Initiator brings to ``edhoc.message_2.process`` and ``edhoc.message_4.process``."""
        return {
            "method": self.method,
            "suites_i": list(self.suites_i),
            "ephemeral": self.initiator.ephemeral,
            "c_i": self.initiator.c,
            "own": self.initiator.own(),
            "trusted": [self.responder.trusted_as()],
            **extra,
        }

    def responder_holds(self, **extra: Any) -> Row:
        """Return what the Responder brings to ``edhoc.message_3.process``."""
        return {
            "method": self.method,
            "suite": self.suite,
            "ephemeral": self.responder.ephemeral,
            "c_r": self.responder.c,
            "own": self.responder.own(),
            "trusted": [self.initiator.trusted_as()],
            **extra,
        }


def entropy_of(label: str) -> Callable[[int], bytes]:
    """Return bytes that depend on ``label`` alone."""
    return random.Random(label).randbytes


def make_scene(
    method: int = 3,
    suite: int = 2,
    kind_i: Kind = Kind.KID,
    kind_r: Kind = Kind.KID,
    *,
    preferred: tuple[int, ...] = (),
    c_i: bytes = C_I,
    c_r: bytes = C_R,
) -> Scene:
    """Make both parties; the same arguments give the same scene. ``preferred`` are suites ahead of the selected one."""
    entropy = entropy_of(f"edhoc {method} {suite} {kind_i.value} {kind_r.value}")
    identity_i = make_identity(kind_i, initiator_usage(method), suite, entropy, kid=KID_I, name="initiator")
    identity_r = make_identity(kind_r, responder_usage(method), suite, entropy, kid=KID_R, name="responder")
    return Scene(
        method,
        (*preferred, suite),
        Party(identity_i, entropy(32), c_i),
        Party(identity_r, entropy(32), c_r),
    )


def other_usage(usage: Usage) -> Usage:
    """Return what the key of a proof is not for."""
    return Usage.SIGNATURE if usage is Usage.STATIC_DH else Usage.STATIC_DH


def uses_x25519(suite: int) -> bool:
    """Whether the ephemeral keys of a suite lie on X25519."""
    return SUITES[suite].curve is Curve.X25519
