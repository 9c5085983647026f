"""On which side a peer shows a credential, and what it takes to make one: certificates as no authority would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

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
