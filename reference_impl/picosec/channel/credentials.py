"""Credentials: a public key with what is claimed about it, and how messages name it (RFC 9528 section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Any, Final, cast

from picosec.channel.edhoc_messages import bstr, compact_id_cred
from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.crypto.suites import Suite
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec.registry import Problem


class Kind(Enum):
    """How a message names a credential. The value is the name in manifests and in the Test Interface."""

    KID = "kid"
    X5T = "x5t"
    X5CHAIN = "x5chain"
    KCCS = "kccs"
    KCWT = "kcwt"

    @property
    def header(self) -> int:
        """The COSE header parameter."""
        return _HEADERS[self]

    @property
    def by_value(self) -> bool:
        """Whether the message carries the credential itself."""
        return self in (Kind.X5CHAIN, Kind.KCCS, Kind.KCWT)


_HEADERS: Final = {Kind.KID: 4, Kind.X5T: 34, Kind.X5CHAIN: 33, Kind.KCCS: 14, Kind.KCWT: 13}


class Usage(IntEnum):
    """What an authentication key is for. The value is that of the Test Interface."""

    STATIC_DH = 0
    SIGNATURE = 1


BOTH_USAGES: Final = frozenset(Usage)
INITIATOR_SIGNS: Final = (0, 1)
RESPONDER_SIGNS: Final = (0, 2)


def initiator_usage(method: int) -> Usage:
    """What the Initiator's key is for in ``method`` (0 to 3)."""
    return Usage.SIGNATURE if method in INITIATOR_SIGNS else Usage.STATIC_DH


def responder_usage(method: int) -> Usage:
    """What the Responder's key is for in ``method`` (0 to 3)."""
    return Usage.SIGNATURE if method in RESPONDER_SIGNS else Usage.STATIC_DH


@dataclass(frozen=True, slots=True)
class Credential:
    """A decoded credential, so that its key is decoded once.

    ``cred`` is CRED_x, a CBOR item; ``usages`` is what the credential allows its key to do; ``kid`` and ``subject`` are
    empty when it has none; the times are in seconds since 1970, ``None`` for an open end.
    """

    cred: bytes
    key: PublicKey
    usages: frozenset[Usage] = BOTH_USAGES
    kid: bytes = b""
    subject: str = ""
    not_before: float | None = None
    not_after: float | None = None
    #: CRED_x of those in between who vouch for it, if it was believed on account of others.
    issuers: tuple[bytes, ...] = ()
    #: When the channels that it opened end, None where that is left to others.
    ends: int | None = None
    #: Names those who count as one peer when there is no room, empty where the credential itself does.
    party: bytes = b""

    @property
    def counted_as(self) -> bytes:
        """What peers have in common that take room from nobody but each other (CHN-1260, IDN-2260)."""
        return self.party or self.cred

    def serves(self, usage: Usage, suite: Suite) -> bool:
        """Whether the key can serve ``usage`` in ``suite`` (CHN-470)."""
        curve = suite.curve if usage is Usage.STATIC_DH else suite.signature.curve
        return self.key.curve is curve and usage in self.usages

    def valid_at(self, time: float) -> bool:
        """Whether ``time`` lies within the period of validity, ends included (CHN-490)."""
        return (self.not_before is None or self.not_before <= time) and (
            self.not_after is None or time <= self.not_after
        )


def bad_credential(detail: str, requirement: str = "CHN-470") -> ProtocolError:
    """Return the error for a credential whose form or key is unusable."""
    return ProtocolError(Problem.BAD_CREDENTIAL, requirement, detail)


# Labels of CWT claims (RFC 8392), of cnf (RFC 8747) and of COSE_Key (RFC 9052 section 7, RFC 9053 section 7).
_SUB, _EXP, _NBF, _CNF = 2, 4, 5, 8
_COSE_KEY: Final = 1
_KTY, _KEY_KID, _ALG, _KEY_OPS, _CRV, _X, _Y, _D = 1, 2, 3, 4, -1, -2, -3, -4
_OKP, _EC2 = 1, 2
_OPERATIONS: Final = {1: Usage.SIGNATURE, 2: Usage.SIGNATURE, 7: Usage.STATIC_DH, 8: Usage.STATIC_DH}
_SIGNATURE_ALGORITHMS: Final = (-7, -8)


def parse_ccs(data: bytes) -> Credential:
    """Read a CWT claims set. Raises ``bad_credential``, also for bytes that are not deterministic CBOR."""
    return credential_from_claims(loads_credential(data), data)


def loads_credential(data: bytes) -> Any:
    """Decode a credential's CBOR. Raises ``bad_credential`` for whatever is wrong with it."""
    try:
        return loads(data)
    except ProtocolError as error:
        raise bad_credential(error.detail) from error


def credential_from_claims(claims: Any, cred: bytes) -> Credential:
    """Return the credential ``cred`` that consists of, or was signed over, ``claims``. Raises ``bad_credential``."""
    if type(claims) is not dict:
        raise bad_credential("a claims set is a map")
    confirmation = claims.get(_CNF)
    key = confirmation.get(_COSE_KEY) if type(confirmation) is dict else None
    if type(key) is not dict:
        raise bad_credential("no COSE_Key in the claim cnf")
    subject, kid = claims.get(_SUB, ""), key.get(_KEY_KID, b"")
    times = claims.get(_NBF), claims.get(_EXP)
    if (
        type(subject) is not str
        or type(kid) is not bytes
        or any(type(time) not in (int, float, type(None)) for time in times)
    ):
        raise bad_credential("a claim of the wrong type")
    return Credential(cred, _public_key(key), _usages(key), kid, subject, *times)


def _public_key(key: dict[Any, Any]) -> PublicKey:
    if _D in key:
        raise bad_credential("the COSE_Key has its private part")
    x, y = key.get(_X), key.get(_Y)
    if type(x) is not bytes:
        raise bad_credential("the COSE_Key has no x")
    identified = (_integer(key, _KTY), _integer(key, _CRV))
    if identified == (_EC2, Curve.P256.value):
        if type(y) is not bytes or len(y) != 32:
            raise bad_credential("the COSE_Key has no y")
        curve = Curve.P256
    elif identified in ((_OKP, Curve.X25519.value), (_OKP, Curve.ED25519.value)):
        if y is not None:
            raise bad_credential("an octet key pair has no y")
        curve = Curve(identified[1])
    else:
        raise bad_credential(f"kty and crv {identified}")
    try:
        return decode_public(curve, x, y)
    except ProtocolError as error:
        raise bad_credential(error.detail) from error


def _integer(key: dict[Any, Any], label: int) -> int | None:
    """Return a member of a COSE_Key, ``None`` without it; 1.0 and true, which equal 1 in Python, are no integers."""
    value = key.get(label)
    if type(value) not in (int, type(None)):
        raise bad_credential(f"member {label} of the COSE_Key is no integer")
    return cast(int | None, value)


def _usages(key: dict[Any, Any]) -> frozenset[Usage]:
    usages = BOTH_USAGES
    operations, algorithm = key.get(_KEY_OPS), _integer(key, _ALG)
    if operations is not None:
        if type(operations) is not list or not all(type(operation) in (int, str) for operation in operations):
            raise bad_credential("key_ops is an array of integers and texts")
        usages &= {usage for operation, usage in _OPERATIONS.items() if operation in operations}
    if algorithm is not None:
        usages &= {Usage.SIGNATURE if algorithm in _SIGNATURE_ALGORITHMS else Usage.STATIC_DH}
    return usages


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """A credential to authenticate with: how messages name it, and its private key in the vault.

    ``id_cred`` is the encoded ID_CRED_x map, ``compact`` the same as it stands in a plaintext.
    """

    kind: Kind
    credential: Credential
    handle: Handle
    id_cred: bytes
    compact: bytes

    @property
    def cred(self) -> bytes:
        """CRED_x."""
        return self.credential.cred


def own_credential(
    kind: Kind,
    credential: Credential,
    handle: Handle,
    vault: Vault,
    kid: bytes | None = None,
    chain: tuple[bytes, ...] = (),
) -> OwnCredential:
    """Return ``credential`` as one's own, named by ``kind``.

    ``kid`` replaces the credential's own key identifier; ``chain`` holds the certificates (DER) that follow an end
    entity's in an ``x5chain``. Raises ``bad_credential`` when ``handle`` is not the private key of the credential, or
    when a ``kid`` is needed and there is none.
    """
    if vault.public(handle).x != credential.key.x:
        raise bad_credential("the private key belongs to another credential")
    value = _id_cred_value(kind, credential, credential.kid if kid is None else kid, chain)
    id_cred = b"\xa1" + dumps(kind.header) + value
    return OwnCredential(kind, credential, handle, id_cred, compact_id_cred(id_cred))


def _id_cred_value(kind: Kind, credential: Credential, kid: bytes, chain: tuple[bytes, ...]) -> bytes:
    if kind is Kind.KID:
        return bstr(kid)
    if kind is Kind.X5T:
        return certificate_hash(loads(credential.cred))
    if kind is Kind.X5CHAIN and chain:
        return dumps([loads(credential.cred), *chain])
    return credential.cred  # CCS, CWT, and a lone certificate, stand as they are


def certificate_hash(certificate: bytes, algorithm: int = -15) -> bytes:
    """Return the COSE_CertHash of a certificate in DER: SHA-256 truncated to 8 bytes (−15) or whole (−16)."""
    digest = sha256(certificate).digest()
    return dumps([algorithm, digest[:8] if algorithm == -15 else digest])
