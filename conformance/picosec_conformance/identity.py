"""Makes credentials of every kind for the suite, its targets and the vectors. Seeded, hence repeatable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from picosec.channel.credentials import Kind, OwnCredential, Usage, own_credential
from picosec.channel.trust import parse_credential
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import SoftwareVault
from picosec.messaging.cbor import dumps
from picosec.objects.structures import signature_structure

Entropy = Callable[[int], bytes]

_SUB, _CNF, _COSE_KEY = 2, 8, 1
_ALG, _EDDSA = 1, -8
_FROM, _UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A credential with its private key, and what a peer must be given to accept it.

    ``private_key`` is empty for a party that only the target speaks for. ``credential`` is a CCS, an untagged CWT or a
    certificate in DER; ``trusted`` the same or, for ``kcwt`` and ``x5chain``, that of the issuer.
    """

    kind: Kind
    usage: Usage
    credential: bytes
    private_key: bytes
    kid: bytes | None
    trusted: bytes

    def own(self) -> dict[int, Any]:
        """Return the entry that makes this a target's own credential (Test Interface, ``test-own``)."""
        entry: dict[int, Any] = {1: self.kind.value, 2: self.credential, 3: self.private_key, 5: int(self.usage)}
        return entry if self.kid is None else {**entry, 4: self.kid}

    def trust(self) -> dict[int, Any]:
        """Return the entry that makes a target accept this credential (Test Interface, ``test-trusted``)."""
        entry: dict[int, Any] = {1: self.kind.value, 2: self.trusted}
        return entry if self.kid is None else {**entry, 4: self.kid}

    def unlock(self, vault: SoftwareVault) -> OwnCredential:
        """Return the credential with its private key in ``vault``, for the suite's own side."""
        parsed = parse_credential(self.kind, self.credential)
        return own_credential(self.kind, parsed, vault.import_key(parsed.key.curve, self.private_key), vault, self.kid)


def curve_for(usage: Usage, suite: int) -> Curve:
    """Return the curve that an authentication key needs in a suite (0 to 6)."""
    return SUITES[suite].curve if usage is Usage.STATIC_DH else SUITES[suite].signature.curve


def make_identity(
    kind: Kind,
    usage: Usage,
    suite: int,
    entropy: Entropy,
    *,
    kid: bytes = b"",
    name: str = "peer",
    further: Mapping[int, Any] | None = None,
) -> Identity:
    """Make a credential whose key serves ``usage`` in ``suite``; ``kid`` is used by the kind of that name only.

    ``further`` are claims of a claims set or a CWT besides those of who it is about.
    """
    curve = curve_for(usage, suite)
    private, public = _key(curve, entropy)
    if kind in (Kind.X5T, Kind.X5CHAIN):
        leaf, issuer = _certificates(name, public, entropy)
        return Identity(kind, usage, leaf, private, None, issuer if kind is Kind.X5CHAIN else leaf)
    if kind is Kind.KCWT:
        issuer_private, issuer_public = _key(Curve.ED25519, entropy)
        cwt = _cwt({**claims(name, public), **(further or {})}, issuer_private)
        return Identity(kind, usage, cwt, private, None, dumps(claims("issuer", issuer_public)))
    identifier = kid if kind is Kind.KID else None
    ccs = dumps({**claims(name, public, identifier), **(further or {})})
    return Identity(kind, usage, ccs, private, identifier, ccs)


def claims(subject: str, public: PublicKey, kid: bytes | None = None) -> dict[int, Any]:
    """Return a CWT claims set that binds a subject to a key."""
    key: dict[int, Any] = {1: 2 if public.curve is Curve.P256 else 1, -1: public.curve.value, -2: public.x}
    if public.curve is Curve.P256:
        key[-3] = public.y
    if kid is not None:
        key[2] = kid
    return {_SUB: subject, _CNF: {_COSE_KEY: key}}


def _key(curve: Curve, entropy: Entropy) -> tuple[bytes, PublicKey]:
    """Return a private key and its public key; drawn again while it is no scalar of the group."""
    drawn = b""

    def recorded(size: int) -> bytes:
        nonlocal drawn
        drawn = entropy(size)
        return drawn

    vault = SoftwareVault(bytes(64), {})
    public = vault.public(vault.generate(curve, recorded))
    return drawn, public


def _cwt(content: dict[int, Any], issuer_private: bytes) -> bytes:
    protected, payload = dumps({_ALG: _EDDSA}), dumps(content)
    signature = Ed25519PrivateKey.from_private_bytes(issuer_private).sign(signature_structure(protected, b"", payload))
    return dumps([protected, {}, payload, signature])


def _certificates(name: str, public: PublicKey, entropy: Entropy) -> tuple[bytes, bytes]:
    """Return an end entity's certificate and its issuer's; the issuer signs with Ed25519, which is deterministic."""
    authority = Ed25519PrivateKey.from_private_bytes(entropy(32))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])
    root = _builder(issuer, issuer, entropy).public_key(authority.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = _builder(subject, issuer, entropy).public_key(public.native)
    return tuple(each.sign(authority, None).public_bytes(Encoding.DER) for each in (leaf, root))  # type: ignore[return-value]


def _builder(subject: x509.Name, issuer: x509.Name, entropy: Entropy) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    serial = int.from_bytes(entropy(8), "big") >> 1 or 1
    return builder.serial_number(serial).not_valid_before(_FROM).not_valid_after(_UNTIL)
