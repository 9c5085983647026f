"""One statement in the history of an identity: a COSE_Sign with one signature or two (RFC 9052 section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import PublicKey
from picosec.crypto.suites import Signature
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.keys import ALGORITHMS, HASH_SIZE, decode_key, encode_key, is_key
from picosec.messaging import cbor
from picosec.registry import CONTENT_FORMAT_IDENTITY_STATEMENT, Problem

_ALG, _TYP = 1, 16
_NUMBER, _BEFORE, _KEY, _COMMITTED, _ISSUED, _KIND = 1, 2, 3, 4, 5, 6
#: The protected header of every statement.
PROTECTED: Final = cbor.dumps({_TYP: CONTENT_FORMAT_IDENTITY_STATEMENT})
SIGNATURE_SIZE: Final = 64
#: Statements of the longest history (IDN-310).
MAX_STATEMENTS: Final = 48
_FIRST: Final = {_NUMBER, _KEY, _COMMITTED, _ISSUED, _KIND}
_LATER: Final = {_NUMBER, _BEFORE, _KEY, _COMMITTED, _ISSUED}


class Kind(IntEnum):
    """What has an identity. The value is that of the grammar."""

    DEVICE = 0
    USER = 1
    APPLICATION = 2


@dataclass(frozen=True)
class Statement:
    """What a statement says.

    ``before`` is the name of the statement before, empty in the first one, which alone has a ``kind``. ``committed``
    is the thumbprint of the key for an emergency. ``issued`` is in seconds since 1970, 0 by who cannot tell.
    """

    number: int
    key: PublicKey
    committed: bytes
    issued: int
    before: bytes = b""
    kind: Kind | None = None

    @cached_property
    def encoded(self) -> bytes:
        """The payload that is signed."""
        entries: dict[int, Any] = {
            _NUMBER: self.number,
            _KEY: encode_key(self.key),
            _COMMITTED: self.committed,
            _ISSUED: self.issued,
        }
        if self.kind is None:
            entries[_BEFORE] = self.before
        else:
            entries[_KIND] = int(self.kind)
        return cbor.dumps(entries)

    @cached_property
    def name(self) -> bytes:
        """The SHA-256 of what it says; that of the first one is the identifier. Signatures do not count."""
        return sha256(self.encoded).digest()


@dataclass(frozen=True, slots=True)
class Part:
    """One signature of a statement, and its protected header."""

    protected: bytes
    signature: bytes

    def verifies(self, key: PublicKey, payload: bytes) -> bool:
        """Whether this key made the signature, by the algorithm that the header names."""
        if cbor.loads(self.protected) != {_ALG: ALGORITHMS[key.curve].value}:
            return False
        try:
            key.verify(self.signature, to_be_signed(self.protected, payload))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with its signatures: one of its own key, and before that one of the key before, if that rotates."""

    statement: Statement
    signatures: tuple[Part, ...]

    def item(self) -> list[Any]:
        """Return it as a CBOR item of a history."""
        signatures = [[part.protected, {}, part.signature] for part in self.signatures]
        return [PROTECTED, {}, self.statement.encoded, signatures]


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure of one signature (RFC 9052 section 4.4); ``protected`` is the header of that."""
    return cbor.dumps(["Signature", PROTECTED, protected, b"", payload])


def sign(statement: Statement, vault: Vault, *handles: Handle) -> Signed:
    """Return a statement with the signatures of these keys, in this order; the last is its own.

    Raises ``bad_key`` for a key that does not sign.
    """
    payload, parts = statement.encoded, []
    for handle in handles:
        protected = cbor.dumps({_ALG: ALGORITHMS[vault.public(handle).curve].value})
        parts.append(Part(protected, vault.sign(handle, to_be_signed(protected, payload))))
    return Signed(statement, tuple(parts))


# -- reading: first the form of all, then algorithms, then keys ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unread:
    """A statement of which the form alone was judged."""

    entries: dict[int, Any]
    parts: tuple[Part, ...]

    def check_algorithms(self) -> None:
        """Raise ``unsupported_algorithm`` for a signature that is neither ES256 nor EdDSA (IDN-320)."""
        known = {algorithm.value for algorithm in Signature}
        for part in self.parts:
            value = cbor.loads(part.protected)[_ALG]
            if type(value) is not int or value not in known:
                raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-320", f"signature algorithm {value!r}")

    def read(self) -> Signed:
        """Return the statement, unverified. Raises ``bad_key`` (IDN-330)."""
        entries = self.entries
        statement = Statement(
            entries[_NUMBER],
            decode_key(entries[_KEY]),
            entries[_COMMITTED],
            entries[_ISSUED],
            entries.get(_BEFORE, b""),
            Kind(entries[_KIND]) if _KIND in entries else None,
        )
        return Signed(statement, self.parts)


def read_form(item: Any) -> Unread:
    """Hold a decoded item against the grammar. Raises ``malformed`` (IDN-310), or ``not_deterministic``."""
    if type(item) is not list or len(item) != 4 or item[:2] != [PROTECTED, {}]:
        raise malformed("a statement is a COSE_Sign with its type in the protected header, and nothing besides")
    payload, signatures = item[2:]
    if type(payload) is not bytes or type(signatures) is not list:
        raise malformed("a statement has its payload inside, and an array of signatures")
    entries = cbor.loads(payload)
    if type(entries) is not dict or not _is_statement(entries):
        raise malformed("the payload is no statement")
    if len(signatures) not in ((1,) if _KIND in entries else (1, 2)):
        raise malformed(f"{len(signatures)} signatures")
    return Unread(entries, tuple(_part(each) for each in signatures))


def _is_statement(entries: dict[Any, Any]) -> bool:
    if any(type(label) is not int for label in entries) or entries.keys() not in (_FIRST, _LATER):
        return False
    numbers = [entries[label] for label in (_NUMBER, _ISSUED, _KIND) if label in entries]
    hashes = [entries[label] for label in (_BEFORE, _COMMITTED) if label in entries]
    return (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(type(each) is bytes and len(each) == HASH_SIZE for each in hashes)
        and entries.get(_KIND, 0) in set(Kind)
        and entries[_NUMBER] in (range(1) if _KIND in entries else range(1, MAX_STATEMENTS))
        and is_key(entries[_KEY])
    )


def _part(value: Any) -> Part:
    if type(value) is not list or len(value) != 3 or type(value[0]) is not bytes or type(value[2]) is not bytes:
        raise malformed("a signature has a protected header, an unprotected one, and its bytes")
    protected, unprotected, signature = value
    header = cbor.loads(protected)
    if type(header) is not dict or list(header) != [_ALG] or type(next(iter(header))) is not int:
        raise malformed("a signature has its algorithm in the protected header, and nothing else")
    if type(unprotected) is not dict or unprotected or len(signature) != SIGNATURE_SIZE:
        raise malformed(f"a signature has an empty unprotected header, and {SIGNATURE_SIZE} bytes")
    return Part(protected, signature)


def malformed(detail: str, requirement: str = "IDN-310") -> ProtocolError:
    """Return the error for a history of the wrong form."""
    return ProtocolError(Problem.MALFORMED, requirement, f"history: {detail}")
