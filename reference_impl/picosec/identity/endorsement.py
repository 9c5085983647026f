"""One endorsement: what a third party says of an identity, signed (spec/v1/identity-endorsements.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.credential import MAX_SUBJECT
from picosec.identity.forms import Attribute, is_attributes, is_hash, is_text, is_time
from picosec.identity.keys import ALGORITHMS
from picosec.identity.signer import signer_of
from picosec.identity.status import StatusReference, reference_in
from picosec.identity.status_token import citing
from picosec.messaging import cbor
from picosec.objects.headers import Label, headers
from picosec.objects.signed import Signed, sign
from picosec.registry import (
    CLAIM_ATTRIBUTES,
    CLAIM_IDENTITY,
    CLAIM_STATUS,
    CONTENT_FORMAT_ENDORSEMENT,
    Problem,
)

#: Bytes of the largest endorsement (IDN-2000).
MAX_SIZE: Final = 2048

_SUBJECT, _EXPIRES, _ISSUED = 2, 4, 6
_FORMS: Final[dict[int, Callable[[Any], bool]]] = {
    _SUBJECT: lambda value: is_text(value, MAX_SUBJECT),
    _EXPIRES: is_time,
    _ISSUED: is_time,
    CLAIM_IDENTITY: is_hash,
    CLAIM_ATTRIBUTES: is_attributes,
    CLAIM_STATUS: lambda value: type(value) is dict,
}
_NEEDED: Final = {_EXPIRES, _ISSUED, CLAIM_IDENTITY}


@dataclass(frozen=True, slots=True)
class Endorsement:
    """What an endorser says of an identity. Times are in seconds since 1970.

    ``subject`` is for people; ``status`` is where the endorser takes it back, None where he cannot.
    """

    identity: bytes
    issued: int
    expires: int
    subject: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    status: StatusReference | None = None

    def encode(self) -> bytes:
        """Return the claims set. Raises ``malformed`` for one that the grammar does not have (IDN-2010)."""
        claims = {_EXPIRES: self.expires, _ISSUED: self.issued, CLAIM_IDENTITY: self.identity}
        further = {
            _SUBJECT: self.subject,
            CLAIM_ATTRIBUTES: dict(self.attributes),
            CLAIM_STATUS: None if self.status is None else self.status.claim(),
        }
        whole = {**claims, **{label: value for label, value in further.items() if value}}
        _read(whole)
        return cbor.dumps(whole)

    def sign(self, vault: Vault, handle: Handle, kid: bytes) -> bytes:
        """Return it, signed with the endorser's key that ``kid`` names. Raises as :meth:`encode` does."""
        algorithm = ALGORITHMS[vault.public(handle).curve]
        entries = {int(Label.ALG): algorithm.value, int(Label.KID): kid, int(Label.TYP): CONTENT_FORMAT_ENDORSEMENT}
        return sign(headers(entries), self.encode(), vault, handle).encode()


def decode_endorsement(data: bytes) -> tuple[Signed, Endorsement]:
    """Return an endorsement, unverified, and what it says.

    Raises ``too_large`` (IDN-2000), ``malformed`` or ``not_deterministic`` (IDN-2010), ``unsupported_algorithm``
    (IDN-2020): the first that applies.
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-2000", f"an endorsement of {len(data)} bytes")
    with citing("IDN-2010"):
        signed = Signed.decode(data)
        signer_of(signed.headers, CONTENT_FORMAT_ENDORSEMENT, "IDN-2010")
        said = _read(cbor.loads(signed.payload))
    with citing("IDN-2020"):
        signed.check_algorithm()
    return signed, said


def read_claims(data: bytes) -> Endorsement:
    """Return what a claims set says. Raises ``malformed`` or ``not_deterministic`` (IDN-2010)."""
    return _read(cbor.loads(data))


def _read(claims: Any) -> Endorsement:
    if type(claims) is not dict or not _NEEDED <= claims.keys() <= _FORMS.keys():
        raise _malformed("the claims are not those of an endorsement")
    for label, value in claims.items():
        if type(label) is not int or not _FORMS[label](value):
            raise _malformed(f"claim {label} has another form")
    try:
        status = reference_in(cbor.dumps(claims))
    except ProtocolError as error:
        raise _malformed(error.detail) from error
    return Endorsement(
        claims[CLAIM_IDENTITY],
        claims[_ISSUED],
        claims[_EXPIRES],
        claims.get(_SUBJECT, ""),
        claims.get(CLAIM_ATTRIBUTES, {}),
        status,
    )


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, "IDN-2010", f"endorsement: {detail}")
