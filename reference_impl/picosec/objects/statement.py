"""What a signed object says besides its contents: from whom, to whom, for what, when, and the how manieth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from picosec.crypto.curves import PublicKey
from picosec.crypto.suites import Signature
from picosec.crypto.vault import Vault
from picosec.errors import ProtocolError
from picosec.objects.headers import Headers, Label, check_algorithm, check_only, headers, malformed
from picosec.objects.keys import OwnKey, Purpose
from picosec.objects.signed import Signed, sign
from picosec.registry import CLAIM_RECIPIENT, CLAIM_SEQUENCE, Problem

#: Bytes of the largest object taken (OBJ-010).
MAX_SIZE: Final = 16384
#: Bytes of the longest key identifier (OBJ-110).
MAX_KID: Final = 32
_EXPIRES, _ISSUED = 4, 6
_HEADER: Final = {Label.ALG, Label.CONTENT_TYPE, Label.KID, Label.CLAIMS, Label.TYP}
_CLAIMS: Final = {_EXPIRES, _ISSUED, CLAIM_RECIPIENT, CLAIM_SEQUENCE}
_ALGORITHMS: Final = {algorithm.curve: algorithm for algorithm in Signature}


@dataclass(frozen=True, slots=True)
class Statement:
    """The protected header of a signed object, and its contents.

    Identifiers have 1 to 32 bytes. ``issued`` and ``expires`` are whole seconds since 1970; ``expires`` is ``None``
    for an object that does not end. ``sequence`` counts the objects that the sender's key has signed.
    """

    sender: bytes
    recipient: bytes
    purpose: Purpose
    sequence: int
    issued: int
    content_format: int
    content: bytes
    expires: int | None = None
    #: Of one that was verified: the key that did so, and the credentials by which that is believed, if it is by any.
    signer: PublicKey | None = field(default=None, compare=False, repr=False)
    credentials: tuple[bytes, ...] = field(default=(), compare=False)

    def sign(self, vault: Vault, key: OwnKey) -> Signed:
        """Return the signed object. Raises as :func:`check_signer` does."""
        check_signer(vault, key, self.purpose)
        return sign(self._headers(vault.public(key.handle)), self.content, vault, key.handle)

    def _headers(self, key: PublicKey) -> Headers:
        claims = {_ISSUED: self.issued, CLAIM_RECIPIENT: self.recipient, CLAIM_SEQUENCE: self.sequence}
        if self.expires is not None:
            claims[_EXPIRES] = self.expires
        return headers(
            {
                int(Label.ALG): _ALGORITHMS[key.curve].value,
                int(Label.CONTENT_TYPE): self.content_format,
                int(Label.KID): self.sender,
                int(Label.CLAIMS): claims,
                int(Label.TYP): int(self.purpose),
            }
        )


def check_signer(vault: Vault, key: OwnKey, purpose: Purpose) -> None:
    """Raise ``wrong_purpose`` for a key that is for something else (OBJ-210), ``bad_key`` for one that cannot sign."""
    if key.purpose is not purpose:
        raise ProtocolError(Problem.WRONG_PURPOSE, "OBJ-210", f"a key for {key.purpose.name.lower()} objects")
    curve = vault.public(key.handle).curve
    if curve not in _ALGORITHMS:
        raise ProtocolError(Problem.BAD_KEY, "OBJ-110", f"a key on {curve.name} does not sign")


def read_statement(signed: Signed) -> Statement:
    """Return what an object says; whether it is true is not judged here.

    Raises ``malformed`` for a header that lacks something, or has anything else (OBJ-110).
    """
    head = signed.headers
    if head.unprotected:
        raise malformed("OBJ-110", "a signed object has nothing in its unprotected header")
    check_only(head.entries, set(map(int, _HEADER)), "OBJ-110")
    check_algorithm(head.entries, "OBJ-110")
    claims = head.entries.get(Label.CLAIMS)
    if type(claims) is not dict:
        raise malformed("OBJ-110", "the protected header has no claims")
    check_only(claims, _CLAIMS, "OBJ-110")
    return Statement(
        sender=_identifier(head.entries.get(Label.KID)),
        recipient=_identifier(claims.get(CLAIM_RECIPIENT)),
        purpose=read_purpose(head),
        sequence=_unsigned(claims.get(CLAIM_SEQUENCE)),
        issued=_unsigned(claims.get(_ISSUED)),
        content_format=_unsigned(head.entries.get(Label.CONTENT_TYPE), 0xFFFF),
        content=signed.payload,
        expires=_unsigned(claims[_EXPIRES]) if _EXPIRES in claims else None,
    )


def read_purpose(head: Headers) -> Purpose:
    """Return what an object is for. Raises ``malformed`` without a ``typ`` of the profile (OBJ-110)."""
    value: Any = head.entries.get(Label.TYP)
    if type(value) is not int or value not in set(Purpose):
        raise malformed("OBJ-110", f"typ {value!r} is no object of the profile")
    return Purpose(value)


def _identifier(value: Any) -> bytes:
    if type(value) is not bytes or not 0 < len(value) <= MAX_KID:
        raise malformed("OBJ-110", f"an identifier is 1 to {MAX_KID} bytes")
    return value


def _unsigned(value: Any, most: int = 2**64 - 1) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise malformed("OBJ-110", f"{value!r} is no number in range")
    return value
