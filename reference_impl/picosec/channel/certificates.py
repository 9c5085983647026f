"""X.509 certificates as credentials: a key, what it may do, and a path to a trusted certificate (RFC 5280)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from warnings import catch_warnings, simplefilter

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    KeyUsage,
    SubjectAlternativeName,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
)

from picosec.channel.credentials import BOTH_USAGES, Credential, Usage, bad_credential
from picosec.channel.edhoc_messages import bstr
from picosec.crypto.curves import Curve, PublicKey, public_from_native
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Certificates in one ``x5chain``.
MAX_CHAIN: Final = 8
#: Extensions that may be critical.
UNDERSTOOD: Final = (BasicConstraints, KeyUsage, SubjectAlternativeName)

_UNREADABLE: Final = (
    ValueError,
    TypeError,
    Warning,
    UnsupportedAlgorithm,
    InvalidVersion,
    DuplicateExtension,
    UnsupportedGeneralNameType,
)


@contextmanager
def _judged() -> Iterator[None]:
    """Turn whatever the X.509 library says of a certificate, deprecation included, into ``bad_credential``."""
    with catch_warnings():
        simplefilter("error")
        try:
            yield
        except _UNREADABLE as error:
            raise bad_credential(f"not a certificate that is understood: {error}") from error


def parse_certificate(der: bytes) -> Credential:
    """Read a certificate in DER. Raises ``bad_credential`` for what is none, or whose key is not on our curves."""
    certificate = _load(der)
    with _judged():
        return Credential(
            bstr(der),
            _public_key(certificate),
            _usages(certificate),
            subject=certificate.subject.rfc4514_string(),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
        )


def _public_key(certificate: Certificate) -> PublicKey:
    native = certificate.public_key()
    if isinstance(native, EllipticCurvePublicKey) and isinstance(native.curve, SECP256R1):
        return public_from_native(Curve.P256, native)
    if isinstance(native, X25519PublicKey):
        return public_from_native(Curve.X25519, native)
    if isinstance(native, Ed25519PublicKey):
        return public_from_native(Curve.ED25519, native)
    raise bad_credential("the key is not on a curve of ours")


def _load(der: bytes) -> Certificate:
    with _judged():
        certificate = load_der_x509_certificate(der)
        extensions = certificate.extensions
    for extension in extensions:
        if extension.critical and not isinstance(extension.value, UNDERSTOOD):
            raise bad_credential(f"critical extension {extension.oid.dotted_string} is not understood", "CHN-1930")
    return certificate


def _usages(certificate: Certificate) -> frozenset[Usage]:
    usage = _key_usage(certificate)
    if usage is None:
        return BOTH_USAGES
    allowed = {Usage.SIGNATURE} if usage.digital_signature else set()
    if usage.key_agreement:
        allowed.add(Usage.STATIC_DH)
    return frozenset(allowed)


def _key_usage(certificate: Certificate) -> KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return None


def check_path(chain: Sequence[bytes], trusted: Iterable[bytes], time: float | None) -> None:
    """Check that ``chain`` (DER, end entity first) leads to one of the ``trusted`` certificates (CHN-390, CHN-400).

    A trusted certificate may stand anywhere in the chain, or be the issuer of the last. With a ``time`` (seconds since
    1970), issuers must be valid then. Raises ``bad_credential``.
    """
    if len(chain) > MAX_CHAIN:
        raise bad_credential(f"a chain of {len(chain)} certificates", "CHN-1940")
    anchors = set(trusted)
    for position, der in enumerate(chain):
        if der in anchors:
            return
        if position + 1 < len(chain):
            _check_issued(_load(der), chain[position + 1], position, time)
    last = _load(chain[-1])
    for anchor in anchors:
        try:
            _check_issued(last, anchor, len(chain) - 1, time)
        except ProtocolError:
            continue
        return
    raise _untrusted("no path to a trusted certificate")


def _check_issued(certificate: Certificate, issuer_der: bytes, authorities_below: int, time: float | None) -> None:
    issuer = _load(issuer_der)
    usage = _key_usage(issuer)
    try:
        constraints = issuer.extensions.get_extension_for_class(BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (ExtensionNotFound, InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _untrusted("not issued by the next certificate") from error
    if not constraints.ca or (usage is not None and not usage.key_cert_sign):
        raise _untrusted("the issuer is no certification authority")
    if constraints.path_length is not None and constraints.path_length < authorities_below:
        raise _untrusted("more authorities than the issuer allows below it")
    if (
        time is not None
        and not issuer.not_valid_before_utc.timestamp() <= time <= issuer.not_valid_after_utc.timestamp()
    ):
        raise _untrusted("an issuer outside its period of validity")


def _untrusted(detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_CREDENTIAL, "CHN-400", detail)
