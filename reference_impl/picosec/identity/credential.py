"""One credential: what a zone says of somebody and his key, signed (spec/v1/identity-credentials.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.forms import Attribute, is_attributes, is_hash, is_text, is_time
from picosec.identity.holder import HolderKey, is_holder_key, is_kid, read_holder_key
from picosec.identity.keys import ALGORITHMS
from picosec.identity.scope import Scope, decode_scope
from picosec.identity.statement import Kind
from picosec.identity.status import StatusReference, reference_in
from picosec.identity.status_token import citing
from picosec.messaging import cbor
from picosec.objects.headers import Label, headers
from picosec.objects.keys import Purpose
from picosec.objects.signed import Signed, sign
from picosec.registry import (
    CLAIM_ATTRIBUTES,
    CLAIM_CODE,
    CLAIM_DEPTH,
    CLAIM_IDENTITY,
    CLAIM_KIND,
    CLAIM_PURPOSE,
    CLAIM_ROLE,
    CLAIM_STATUS,
    CLAIM_ZONE,
    Problem,
)

#: Further credentials that may follow one at most, and bytes of the longest subject and role (IDN-710).
MAX_DEPTH: Final = 3
MAX_SUBJECT: Final = 64
MAX_ROLE: Final = 32

_SUBJECT, _EXPIRES, _NOT_BEFORE, _ISSUED, _CONFIRMATION, _SCOPE = 2, 4, 5, 6, 8, 9
_COSE_KEY: Final = 1
#: Members of a COSE_Sign1.
_PARTS: Final = 4
_HEADER: Final = {int(Label.ALG), int(Label.KID)}
_NEEDED: Final = {_EXPIRES, _ISSUED, _CONFIRMATION, CLAIM_ZONE, CLAIM_KIND}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a credential says of its holder. Times are in seconds since 1970.

    ``code`` is the SHA-256 of the code of an application, and given for that alone. ``depth`` says how many further
    credentials may follow, ``purpose`` that the key signs objects and opens no channel; then it has no depth.
    ``scope`` is None for whatever its issuer may do.
    """

    zone: bytes
    holder: HolderKey
    kind: Kind
    issued: int
    expires: int
    not_before: int = 0
    subject: str = ""
    scope: Scope | None = None
    role: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    code: bytes = b""
    depth: int = 0
    identity: bytes = b""
    purpose: Purpose | None = None
    status: StatusReference | None = None

    def encode(self) -> bytes:
        """Return the claims set. Raises ``malformed`` for one that the grammar does not have (IDN-710)."""
        claims = {
            _SUBJECT: self.subject or None,
            _EXPIRES: self.expires,
            _NOT_BEFORE: self.not_before or None,
            _ISSUED: self.issued,
            _CONFIRMATION: {_COSE_KEY: self.holder.members()},
            _SCOPE: None if self.scope is None else self.scope.encode(),
            CLAIM_ZONE: self.zone,
            CLAIM_ROLE: self.role or None,
            CLAIM_ATTRIBUTES: dict(self.attributes) or None,
            CLAIM_KIND: int(self.kind),
            CLAIM_CODE: self.code or None,
            CLAIM_DEPTH: self.depth or None,
            CLAIM_IDENTITY: self.identity or None,
            CLAIM_PURPOSE: None if self.purpose is None else int(self.purpose),
            CLAIM_STATUS: None if self.status is None else self.status.claim(),
        }
        claims = {label: value for label, value in claims.items() if value is not None}
        _check_form(claims)
        _scope(claims)
        _reference(claims)
        return cbor.dumps(claims)


@dataclass(frozen=True, slots=True)
class Credential:
    """Claims, and the signature over them with the key that ``signer`` names."""

    claims: Claims
    signer: bytes
    signed: Signed

    @property
    def cwt(self) -> bytes:
        """The untagged CWT: what EDHOC authenticates, and carries as ``kcwt``."""
        return cbor.dumps(self.signed.item())


def issue(claims: Claims, vault: Vault, handle: Handle, kid: bytes) -> Credential:
    """Return a credential, signed with the key behind ``handle`` that ``kid`` names.

    Raises ``malformed`` (IDN-710) for claims that the grammar does not have, ``bad_key`` for a key that does not sign.
    """
    algorithm = ALGORITHMS.get(vault.public(handle).curve)
    if algorithm is None or not is_kid(kid):
        raise ProtocolError(Problem.BAD_KEY, "IDN-750", "the key does not sign, or has no identifier")
    head = headers({int(Label.ALG): algorithm.value, int(Label.KID): kid})
    return Credential(claims, kid, sign(head, claims.encode(), vault, handle))


@dataclass(frozen=True, slots=True)
class Unread:
    """A credential of which the form alone was judged."""

    signed: Signed
    claims: dict[int, Any]
    scope: Scope | None
    status: StatusReference | None

    def check_algorithm(self) -> None:
        """Raise ``unsupported_algorithm`` for a signature that is neither ES256 nor EdDSA (IDN-720)."""
        with citing("IDN-720"):
            self.signed.check_algorithm()

    def read(self) -> Credential:
        """Return the credential, unverified. Raises ``bad_key`` (IDN-730)."""
        said = self.claims
        claims = Claims(
            zone=said[CLAIM_ZONE],
            holder=read_holder_key(said[_CONFIRMATION][_COSE_KEY]),
            kind=Kind(said[CLAIM_KIND]),
            issued=said[_ISSUED],
            expires=said[_EXPIRES],
            not_before=said.get(_NOT_BEFORE, 0),
            subject=said.get(_SUBJECT, ""),
            scope=self.scope,
            role=said.get(CLAIM_ROLE, ""),
            attributes=said.get(CLAIM_ATTRIBUTES, {}),
            code=said.get(CLAIM_CODE, b""),
            depth=said.get(CLAIM_DEPTH, 0),
            identity=said.get(CLAIM_IDENTITY, b""),
            purpose=Purpose(said[CLAIM_PURPOSE]) if CLAIM_PURPOSE in said else None,
            status=self.status,
        )
        return Credential(claims, self.signed.headers.entries[Label.KID], self.signed)


def read_form(item: Any) -> Unread:
    """Hold a decoded CWT against the grammar. Raises ``malformed`` or ``not_deterministic`` (IDN-710)."""
    with citing("IDN-710"):
        signed = Signed.read(item)
        claims = cbor.loads(signed.payload)
    head = signed.headers
    if head.unprotected or head.entries.keys() != _HEADER or not is_kid(head.entries[Label.KID]):
        raise malformed("the headers are not those of a credential")
    _check_form(claims)
    return Unread(signed, claims, _scope(claims), _reference(claims))


def is_credential(cwt: bytes) -> bool:
    """Whether CRED_x is of a zone: a CWT that says so. Everything else that a peer shows is not of this page."""
    item = cbor.loads(cwt)
    if type(item) is not list or len(item) != _PARTS or type(item[2]) is not bytes:
        return False
    claims = cbor.loads(item[2])
    return type(claims) is dict and CLAIM_ZONE in claims


def read_credential(cwt: bytes) -> Credential:
    """Return a lone credential, unverified.

    Raises ``malformed`` or ``not_deterministic`` (IDN-710), ``unsupported_algorithm`` (IDN-720), ``bad_key``
    (IDN-730).
    """
    with citing("IDN-710"):
        item = cbor.loads(cwt)
    unread = read_form(item)
    unread.check_algorithm()
    return unread.read()


# -- the form of claims --------------------------------------------------------------------------------------------


def _check_form(claims: Any) -> None:
    if type(claims) is not dict or not _NEEDED <= claims.keys() <= {*_NEEDED, *_OPTIONAL}:
        raise malformed("the claims are not those of a credential")
    for label, value in claims.items():
        if not _FORMS[label](value):
            raise malformed(f"claim {label} has another form")
    if (CLAIM_CODE in claims) != (claims[CLAIM_KIND] == Kind.APPLICATION):
        raise malformed("an application has a hash of its code, and nobody else has one")
    if CLAIM_PURPOSE in claims and (CLAIM_DEPTH in claims or not _signs(claims)):
        raise malformed("a key for objects signs, but no credentials")


def _signs(claims: dict[int, Any]) -> bool:
    """Whether the key of the holder may sign, of which the form alone was judged: -1 is its curve, 3 its algorithm."""
    members = claims[_CONFIRMATION][_COSE_KEY]
    return members[-1] in {curve.value for curve in ALGORITHMS} and members.get(3, -7) in (-7, -8)


def _is_confirmation(value: Any) -> bool:
    return type(value) is dict and list(value) == [_COSE_KEY] and is_holder_key(value[_COSE_KEY])


_OPTIONAL: Final[dict[int, Callable[[Any], bool]]] = {
    _SUBJECT: lambda value: is_text(value, MAX_SUBJECT),
    _NOT_BEFORE: is_time,
    _SCOPE: lambda value: type(value) is bytes,
    CLAIM_ROLE: lambda value: is_text(value, MAX_ROLE),
    CLAIM_ATTRIBUTES: is_attributes,
    CLAIM_CODE: is_hash,
    CLAIM_DEPTH: lambda value: type(value) is int and 0 < value <= MAX_DEPTH,
    CLAIM_IDENTITY: is_hash,
    CLAIM_PURPOSE: lambda value: type(value) is int and value in set(Purpose),
    CLAIM_STATUS: lambda value: type(value) is dict,
}
#: Each claim with what its value has to be.
_FORMS: Final[dict[int, Callable[[Any], bool]]] = {
    **_OPTIONAL,
    _EXPIRES: is_time,
    _ISSUED: is_time,
    _CONFIRMATION: _is_confirmation,
    CLAIM_ZONE: is_hash,
    CLAIM_KIND: lambda value: type(value) is int and value in set(Kind),
}


def _scope(claims: dict[int, Any]) -> Scope | None:
    """Return the claim scope. Raises ``malformed`` or ``not_deterministic``."""
    return decode_scope(claims[_SCOPE], "IDN-710") if _SCOPE in claims else None


def _reference(claims: dict[int, Any]) -> StatusReference | None:
    """Return the claim status. Raises ``malformed`` for another form: here it is a matter of the whole grammar."""
    try:
        return reference_in(cbor.dumps({CLAIM_STATUS: claims[CLAIM_STATUS]})) if CLAIM_STATUS in claims else None
    except ProtocolError as error:
        raise malformed(error.detail) from error


def malformed(detail: str) -> ProtocolError:
    """Return the error for a credential of the wrong form (IDN-710)."""
    return ProtocolError(Problem.MALFORMED, "IDN-710", f"credential: {detail}")
