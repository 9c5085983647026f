"""Attestation evidence: what a device says of its own state, as an EAT (spec/v1/identity-attestation.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from picosec.crypto.curves import PublicKey
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.keys import ALGORITHMS, HASH_SIZE
from picosec.identity.signer import signer_of
from picosec.identity.status_token import citing
from picosec.messaging import cbor
from picosec.objects.headers import Label, headers
from picosec.objects.signed import Signed, sign
from picosec.registry import CLAIM_TAMPER, CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EAT, Problem

#: Bytes of the largest evidence (IDN-1180).
MAX_SIZE: Final = 1024
#: What the claim ``eat_profile`` says: that the claims are those of this grammar.
PROFILE: Final = "urn:picosec:evidence:1"
#: Bytes of a nonce, and of the challenge that it answers.
NONCE_SIZE: Final = 32
#: Bytes of a UEID (RFC 9711 section 4.2.1).
UEID_SIZES: Final = range(7, 34)
#: Bytes of a name of a maker, drawn at random or given by the IEEE (RFC 9711 section 4.2.3).
MAKER_SIZES: Final = (16, 3)
#: Most pieces of software that evidence lists, and bytes of the longest name of one.
MAX_SOFTWARE: Final = 8
MAX_NAME: Final = 32

#: Claims (RFC 8392, RFC 9711).
_ISSUED, _NONCE, _UEID, _MAKER, _DEBUG, _PROFILE, _MEASURED = 6, 10, 256, 258, 263, 265, 273
_NEEDED: Final = {_NONCE, _UEID, _DEBUG, _PROFILE, _MEASURED}
_KNOWN: Final = {*_NEEDED, _ISSUED, _MAKER, CLAIM_TAMPER}


class Debug(IntEnum):
    """The state of the debug ports (RFC 9711 section 4.2.9); a greater one is a safer one."""

    ENABLED = 0
    DISABLED = 1
    DISABLED_SINCE_BOOT = 2
    DISABLED_PERMANENTLY = 3
    DISABLED_FULLY_AND_PERMANENTLY = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a device says of itself. ``software`` are SHA-256 hashes by the name of what runs.

    ``issued`` is in seconds since 1970, None where the date is not known; ``tampered`` counts, None without a sensor.
    ``maker`` has to be there when only the maker can open debug ports (IDN-1910).
    """

    kid: bytes
    nonce: bytes
    ueid: bytes
    debug: Debug
    software: Mapping[str, bytes]
    issued: int | None = None
    tampered: int | None = None
    maker: bytes | int | None = None

    def sign(self, vault: Vault, handle: Handle) -> Signed:
        """Return it signed. Raises ``bad_key`` for a key that does not sign."""
        algorithm = ALGORITHMS.get(vault.public(handle).curve)
        if algorithm is None:
            raise ProtocolError(Problem.BAD_KEY, "IDN-1100", "a key for evidence signs")
        head = headers({Label.ALG: algorithm.value, Label.KID: self.kid, Label.TYP: CONTENT_FORMAT_EAT})
        return sign(head, cbor.dumps(self._claims()), vault, handle)

    def _claims(self) -> dict[int, Any]:
        claims: dict[int, Any] = {
            _NONCE: self.nonce,
            _UEID: self.ueid,
            _DEBUG: int(self.debug),
            _PROFILE: PROFILE,
            _MEASURED: [[CONTENT_FORMAT_CBOR, cbor.dumps(dict(self.software))]],
        }
        optional = {_ISSUED: self.issued, _MAKER: self.maker, CLAIM_TAMPER: self.tampered}
        return claims | {label: value for label, value in optional.items() if value is not None}


def decode_evidence(data: bytes) -> tuple[Signed, Evidence]:
    """Return evidence, unverified, and what it says.

    Raises ``too_large`` (IDN-1180), ``malformed`` or ``not_deterministic`` (IDN-1190), ``unsupported_algorithm``
    (IDN-1200): the first that applies.
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-1180", f"{len(data)} bytes")
    with citing("IDN-1190"):
        signed = Signed.decode(data)
        evidence = _read(signer_of(signed.headers, CONTENT_FORMAT_EAT, "IDN-1190"), cbor.loads(signed.payload))
    with citing("IDN-1200"):
        signed.check_algorithm()
    return signed, evidence


def verify_evidence(signed: Signed, key: PublicKey) -> None:
    """Check the signature of evidence. Raises ``authentication_failed`` (IDN-1220)."""
    with citing("IDN-1220"):
        signed.verify(key)


def is_ueid(value: Any) -> bool:
    """Whether a value can be a UEID: a byte string of 7 to 33 bytes."""
    return type(value) is bytes and len(value) in UEID_SIZES


def is_maker(value: Any) -> bool:
    """Whether a value can name a maker: 16 random bytes, 3 of the IEEE, or a private enterprise number."""
    return (type(value) is bytes and len(value) in MAKER_SIZES) or (type(value) is int and value >= 0)


def is_name(value: Any) -> bool:
    """Whether a value can be the name of a piece of software: a text of 1 to 32 bytes."""
    return type(value) is str and 0 < len(value.encode()) <= MAX_NAME


def _read(kid: bytes, claims: Any) -> Evidence:
    if type(claims) is not dict or not _NEEDED <= claims.keys() <= _KNOWN:
        raise _malformed("the claims are not those of evidence")
    nonce, ueid, debug = claims[_NONCE], claims[_UEID], claims[_DEBUG]
    if type(nonce) is not bytes or len(nonce) != NONCE_SIZE or not is_ueid(ueid):
        raise _malformed("no nonce, or no name of a device")
    if type(debug) is not int or debug not in set(Debug) or claims[_PROFILE] != PROFILE:
        raise _malformed("no state of debug ports, or another profile")
    maker = claims.get(_MAKER)
    if not is_maker(maker) if _MAKER in claims else debug == Debug.DISABLED_PERMANENTLY:
        raise _malformed("no name of a maker")
    issued, tampered = (_unsigned(claims[label]) if label in claims else None for label in (_ISSUED, CLAIM_TAMPER))
    return Evidence(kid, nonce, ueid, Debug(debug), _software(claims[_MEASURED]), issued, tampered, maker)


def _software(measured: Any) -> dict[str, bytes]:
    """Return the hashes in the claim ``measurements``, which has one entry, in our form."""
    entry = measured[0] if type(measured) is list and len(measured) == 1 else None
    if type(entry) is not list or [type(part) for part in entry] != [int, bytes] or entry[0] != CONTENT_FORMAT_CBOR:
        raise _malformed("no measurements of software")
    software = cbor.loads(entry[1])
    if type(software) is not dict or not 0 < len(software) <= MAX_SOFTWARE or not all(map(is_name, software)):
        raise _malformed(f"1 to {MAX_SOFTWARE} pieces of software have names")
    if any(type(each) is not bytes or len(each) != HASH_SIZE for each in software.values()):
        raise _malformed(f"a piece of software has a hash of {HASH_SIZE} bytes")
    return software


def _unsigned(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _malformed(f"{value!r} is neither a time nor a count")
    return value


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, "IDN-1190", f"evidence: {detail}")
