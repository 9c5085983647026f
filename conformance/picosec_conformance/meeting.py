"""A peer that shows the target a credential, and what it takes to make one: certificates as no authority would."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from picosec.channel.credentials import Kind
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control, trusted_credential
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    HostileResponder,
    as_initiator,
    expect_ended,
    expect_error,
    expect_given_up,
    meet,
    prover,
)
from picosec_conformance.edhoc_run import Prover
from picosec_conformance.handshake import Parties
from picosec_conformance.target import Target

BOTH_SIDES = pytest.mark.parametrize(
    "side",
    [
        pytest.param("responder", marks=pytest.mark.needs("channel.edhoc.responder")),
        pytest.param("initiator", marks=pytest.mark.needs("channel.edhoc.initiator")),
    ],
)

#: Whose credential is shown decides which requirement it is.
EITHER_SIDE = pytest.mark.parametrize(
    "side",
    [
        pytest.param("responder", marks=pytest.mark.requirement("CHN-470")),
        pytest.param("initiator", marks=pytest.mark.requirement("CHN-1030")),
    ],
)

#: The method decides what the keys are for.
EITHER_USE = pytest.mark.parametrize(
    ("method", "suite"),
    [
        pytest.param(
            0, 0, id="signs-ed25519", marks=pytest.mark.needs("channel.edhoc.method.0", "channel.edhoc.suite.0")
        ),
        pytest.param(0, 2, id="signs-p256", marks=pytest.mark.needs("channel.edhoc.method.0", "channel.edhoc.suite.2")),
        pytest.param(
            3, 0, id="agrees-x25519", marks=pytest.mark.needs("channel.edhoc.method.3", "channel.edhoc.suite.0")
        ),
        pytest.param(
            3, 2, id="agrees-p256", marks=pytest.mark.needs("channel.edhoc.method.3", "channel.edhoc.suite.2")
        ),
    ],
)


class Meeting:
    """The target on one side, and a peer that shows a credential of one kind."""

    def __init__(
        self, target: Target, control: Control, rng: random.Random, side: str, kind: Kind, **choices: Any
    ) -> None:
        self._target, self._control, self._side = target, control, side
        choices |= {"own_kind": kind}
        self.parties: Parties = meet(target, rng, **(as_initiator(**choices) if side == "initiator" else choices))

    @classmethod
    def of(cls, target: Target, control: Control, side: str, parties: Parties) -> Meeting:
        """Return the meeting of a target and a peer that know each other already."""
        meeting = cls.__new__(cls)
        meeting._target, meeting._control, meeting._side, meeting.parties = target, control, side, parties
        return meeting

    @property
    def honest(self) -> Prover:
        """What the peer would show honestly."""
        return prover(self.parties.own)

    def trust_only(self, kind: str, credential: bytes) -> None:
        """Let the target trust this, and nothing that it trusted before."""
        self._control.reset()
        self._control.provision(
            own=[self.parties.target.own()],
            trusted=[trusted_credential(kind, credential)],
            methods=[self.parties.method],
            suites=[self.parties.suite],
        )

    def shown(self, id_cred: bytes, cred: bytes) -> bool:
        """Show a credential, proven with the honest private key; return whether the target accepted it.

        When it does not, it must say ``bad_credential`` and keep nothing.
        """
        if self._side == "responder":
            peer = HostileInitiator(self._target, self.parties)
            peer.reach_2()
            reply = peer.send_3(peer.run.encrypt_3(peer.run.compose_plaintext_3(id_cred=id_cred, cred=cred)))
            if reply.code == Code.CHANGED:
                return True
            expect_error(self._target, reply, Problem.BAD_CREDENTIAL)
            expect_ended(self._control)
            return False
        other = HostileResponder(self._target, self._control, self.parties)
        other.wait_1()
        other.run.responder = Prover(id_cred, cred, self.honest.key, self.parties.own.private_key)
        other.send_2()
        for frame in self._target.until_probe_answered():
            if self._target.parse(frame).payload[1:2] >= b"\x40":
                return True
        expect_given_up(self._target, self._control, Problem.BAD_CREDENTIAL)
        return False


_FROM, _UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)


def certificate(
    subject: str,
    public: object,
    issuer: str,
    signer: Ed25519PrivateKey,
    authority: bool | None = None,
    path_length: int | None = None,
    signs: bool | None = None,
    further: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """Return a certificate in DER; ``authority`` is what its basic constraints say, if it has them, and ``signs``
    whether its key is for signatures or for key agreement, if it says so; ``further`` extensions come with whether they
    are critical.
    """
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).serial_number(7)
    builder = builder.not_valid_before(_FROM).not_valid_after(_UNTIL).public_key(public)  # type: ignore[arg-type]
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    if signs is not None:
        builder = builder.add_extension(
            x509.KeyUsage(signs, False, False, False, not signs, False, False, False, False), critical=True
        )
    for extension, critical in further:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, None).public_bytes(Encoding.DER)
