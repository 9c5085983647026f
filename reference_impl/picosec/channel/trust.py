"""What this endpoint trusts: from the name in a message to the credentials that may stand behind it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from picosec.channel.certificates import check_path, parse_certificate
from picosec.channel.credentials import Credential, Kind, certificate_hash, parse_ccs
from picosec.channel.cwt import check_issued, parse_cwt
from picosec.channel.edhoc_messages import bstr
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec.registry import Problem

_KINDS = {kind.header: kind for kind in Kind}


def parse_credential(kind: Kind, credential: bytes) -> Credential:
    """Read a credential as its kind has it: a CCS, an untagged CWT, or a certificate in DER. Raises
    ``bad_credential``.
    """
    if kind in (Kind.X5T, Kind.X5CHAIN):
        return parse_certificate(credential)
    return parse_cwt(credential) if kind is Kind.KCWT else parse_ccs(credential)


class Voucher(Protocol):
    """Who vouches for peers that were not introduced one by one."""

    def shown(self, cwt: bytes, time: float | None) -> Credential | None:
        """Return the credential that an untagged CWT is, None for one that is not for this voucher to judge.

        Raises ``bad_credential``.
        """

    def named(self, kid: bytes, time: float | None) -> Sequence[Credential]:
        """Return the credentials that a key identifier may stand for, none if none is held.

        Raises ``bad_credential`` when all of them are good no longer.
        """


class TrustStore:
    """Trusted credentials, their keys decoded once.

    A claims set is accepted by value (``kccs``), and by reference where a ``kid`` is known. A certificate is accepted
    by reference (``x5t``), by value (``x5chain``), and as the issuer of others. The issuer of CWTs is not accepted as
    a peer. A ``voucher`` adds others, by value and by reference.
    """

    __slots__ = ("_certificates", "_claims_sets", "_forgotten", "_issuers", "_references", "_voucher")

    def __init__(self, voucher: Voucher | None = None) -> None:
        self._voucher = voucher
        self._references: dict[bytes, tuple[Credential, ...]] = {}
        self._claims_sets: dict[bytes, Credential] = {}
        self._forgotten: set[bytes] = set()
        self._certificates: dict[bytes, Credential] = {}
        self._issuers: list[Credential] = []

    def add(self, kind: Kind, credential: bytes, kid: bytes | None = None) -> Credential:
        """Trust a credential and return it; ``credential`` is a CCS, a certificate in DER, or the CCS of a CWT issuer.

        ``kid`` replaces the key identifier in the claims set. Raises ``bad_credential``.
        """
        if kind in (Kind.X5T, Kind.X5CHAIN):
            parsed = parse_certificate(credential)
            self._certificates[credential] = parsed
            for algorithm in (-15, -16):
                self._refer(b"\xa1\x18\x22" + certificate_hash(credential, algorithm), parsed)
            return parsed
        parsed = parse_ccs(credential)
        if kind is Kind.KCWT:
            self._issuers.append(parsed)
            return parsed
        self._claims_sets[credential] = parsed
        self._forgotten.discard(credential)
        identifier = parsed.kid if kid is None else kid
        if kid is not None or identifier or kind is Kind.KID:
            self._refer(b"\xa1\x04" + bstr(identifier), parsed)
        return parsed

    def forget(self, credential: bytes) -> None:
        """Trust a claims set no longer, also in handshakes that began before."""
        self._forgotten.add(credential)
        self._claims_sets.pop(credential, None)
        for id_cred, known in list(self._references.items()):
            rest = tuple(each for each in known if each.cred != credential)
            if rest:
                self._references[id_cred] = rest
            else:
                del self._references[id_cred]

    def forgot(self, credential: bytes) -> bool:
        """Whether a claims set was trusted and is no longer."""
        return credential in self._forgotten

    def _refer(self, id_cred: bytes, credential: Credential) -> None:
        known = self._references.get(id_cred, ())
        if credential not in known:
            self._references[id_cred] = (*known, credential)

    def candidates(self, id_cred: bytes, time: float | None = None) -> Sequence[Credential]:
        """Return the trusted credentials that an encoded ID_CRED_x map may stand for, at least one.

        With a ``time`` (seconds since 1970), those outside their period of validity are left out.

        Raises ``unknown_credential`` for a reference that is not known (CHN-450, CHN-460), and ``bad_credential`` for
        a kind that is not supported, for a credential by value that is not trusted, and when none is valid (CHN-490).
        """
        known = self._references.get(id_cred, ())
        found = (*known, *self._vouched(id_cred, time, alone=not known)) or self._by_value(id_cred, time)
        if time is not None:
            found = tuple(credential for credential in found if credential.valid_at(time))
            if not found:
                raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-490", "outside its period of validity")
        return found

    def _vouched(self, id_cred: bytes, time: float | None, *, alone: bool) -> Sequence[Credential]:
        """Return the credentials that a key identifier stands for besides those of which it was said beforehand.

        Raises ``bad_credential`` when there are none of those, and these are all good no longer.
        """
        header = loads(id_cred)
        kid = header.get(Kind.KID.header) if len(header) == 1 else None
        if self._voucher is None or type(kid) is not bytes:
            return ()
        if alone:
            return self._voucher.named(kid, time)
        with suppress(ProtocolError):
            return self._voucher.named(kid, time)
        return ()

    def _by_value(self, id_cred: bytes, time: float | None) -> tuple[Credential, ...]:
        header = loads(id_cred)
        label, value = next(iter(header.items()))
        kind = _KINDS.get(label) if len(header) == 1 else None
        if kind is Kind.KCCS and type(value) is dict:
            known = self._claims_sets.get(dumps(value))
            if known is None:
                raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-420", "the claims set is not trusted")
            return (known,)
        if kind is Kind.KCWT and type(value) is list:
            cwt = dumps(value)
            shown = None if self._voucher is None else self._voucher.shown(cwt, time)
            if shown is not None:
                return (shown,)
            check_issued(cwt, self._issuers)
            return (parse_cwt(cwt),)
        if kind is Kind.X5CHAIN:
            chain = [value] if type(value) is bytes else value
            if (
                type(chain) is list
                and all(type(der) is bytes for der in chain)
                and (type(value) is bytes or len(chain) > 1)
            ):
                check_path(chain, self._certificates, time)
                return (self._certificates.get(chain[0]) or parse_certificate(chain[0]),)
        if kind is Kind.KID or (kind is Kind.X5T and _is_certificate_hash(value)):
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "CHN-450", "the reference is not known")
        raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-470", f"ID_CRED with header parameters {list(header)}")


def _is_certificate_hash(value: object) -> bool:
    return type(value) is list and [type(part) for part in value] == [int, bytes] and value[0] in (-15, -16)
