"""Status list tokens: a list with its name and its time, signed by a status issuer (spec/v1/identity-status.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.curves import PublicKey
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.keys import ALGORITHMS
from picosec.identity.signer import signer_of
from picosec.identity.status import WIDTHS, StatusList, is_uri
from picosec.messaging import cbor
from picosec.objects.headers import Label, headers
from picosec.objects.signed import Signed, sign
from picosec.registry import CLAIM_STATUS_LIST, CLAIM_TIME_TO_LIVE, Problem

#: Bytes of the largest token (IDN-100).
MAX_SIZE: Final = 16_384
#: What the header ``typ`` of a token says.
TYPE: Final = "application/statuslist+cwt"
#: Seconds of the longest time to live.
MAX_TTL: Final = 2**32 - 1

_SUBJECT, _EXPIRES, _ISSUED = 2, 4, 6
_NEEDED: Final = {_SUBJECT, _ISSUED, CLAIM_STATUS_LIST}


@dataclass(frozen=True, slots=True)
class StatusToken:
    """What a token says. Times are in seconds since 1970; ``packed`` are the entries as a zlib stream.

    ``expires`` and ``ttl``, seconds from ``issued`` on, are None where the issuer does not say.
    """

    kid: bytes
    uri: str
    issued: int
    bits: int
    packed: bytes
    expires: int | None = None
    ttl: int | None = None

    @property
    def fresh_until(self) -> int:
        """The last second in which the issuer means the list to be gone by."""
        ends = [self.issued + self.ttl] if self.ttl is not None else []
        if self.expires is not None:
            ends.append(self.expires)
        return min(ends, default=self.issued)

    def entries(self) -> StatusList:
        """Return the list itself. Raises ``too_large`` (IDN-190) or ``malformed`` (IDN-180)."""
        return StatusList.unpack(self.bits, self.packed)


def issue_token(token: StatusToken, vault: Vault, handle: Handle) -> bytes:
    """Return a token, signed with the key behind ``handle``, which ``token.kid`` names.

    Raises ``bad_key`` for a key that does not sign (IDN-140).
    """
    algorithm = ALGORITHMS.get(vault.public(handle).curve)
    if algorithm is None:
        raise ProtocolError(Problem.BAD_KEY, "IDN-140", "the key does not sign")
    listed = {"bits": token.bits, "lst": token.packed}
    claims = {
        _SUBJECT: token.uri,
        _EXPIRES: token.expires,
        _ISSUED: token.issued,
        CLAIM_TIME_TO_LIVE: token.ttl,
        CLAIM_STATUS_LIST: listed,
    }
    said = {label: value for label, value in claims.items() if value is not None}
    head = headers({int(Label.ALG): algorithm.value, int(Label.KID): token.kid, int(Label.TYP): TYPE})
    return sign(head, cbor.dumps(said), vault, handle).encode()


def decode_token(data: bytes) -> tuple[Signed, StatusToken]:
    """Return a token, unverified, and what it says.

    Raises ``too_large`` (IDN-100), ``malformed`` or ``not_deterministic`` (IDN-110), ``unsupported_algorithm``
    (IDN-120): the first that applies.
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-100", f"{len(data)} bytes")
    with citing("IDN-110"):
        signed = Signed.decode(data)
        token = _read(signer_of(signed.headers, TYPE, "IDN-110"), cbor.loads(signed.payload))
    with citing("IDN-120"):
        signed.check_algorithm()
    return signed, token


def verify_token(signed: Signed, key: PublicKey) -> None:
    """Check the signature of a token. Raises ``authentication_failed`` (IDN-140)."""
    with citing("IDN-140"):
        signed.verify(key)


@contextmanager
def citing(requirement: str) -> Iterator[None]:
    """Let errors of what this chapter stands on cite the requirement of this chapter that they enforce here."""
    try:
        yield
    except ProtocolError as error:
        raise ProtocolError(error.problem, requirement, error.detail) from error


def _read(kid: bytes, claims: Any) -> StatusToken:
    if type(claims) is not dict or not _NEEDED <= claims.keys() <= {*_NEEDED, _EXPIRES, CLAIM_TIME_TO_LIVE}:
        raise _malformed("the claims are not those of a token")
    uri, listed, ttl = claims[_SUBJECT], claims[CLAIM_STATUS_LIST], claims.get(CLAIM_TIME_TO_LIVE)
    if type(listed) is not dict or listed.keys() != {"bits", "lst"} or type(listed["lst"]) is not bytes:
        raise _malformed("no status list")
    bits = listed["bits"]
    if type(bits) is not int or bits not in WIDTHS or not is_uri(uri):
        raise _malformed("entries of another size, or no name of a list")
    if CLAIM_TIME_TO_LIVE in claims and not 0 < _unsigned(ttl) <= MAX_TTL:
        raise _malformed("no time to live")
    expires = _unsigned(claims[_EXPIRES]) if _EXPIRES in claims else None
    return StatusToken(kid, uri, _unsigned(claims[_ISSUED]), bits, listed["lst"], expires, ttl)


def _unsigned(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise _malformed(f"{value!r} is no time")
    return value


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, "IDN-110", f"status list token: {detail}")
