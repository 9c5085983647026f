"""What is signed in a bundle: what the run was, the hash of each part, and who signs (RFC 9052 COSE_Sign1, Ed25519)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.structures import signature_structure
from picosec.registry import CONTENT_FORMAT_BUNDLE_LISTING
from picosec_conformance.bundle.archive import BundleError
from picosec_conformance.bundle.keys import cose_key, public_of, thumbprint

#: The part that holds the listing and its signature.
LISTING = "listing.cose"
FORMAT = 1
_COSE_SIGN1 = 18
_ALG, _CONTENT_TYPE, _KID, _EDDSA = 1, 3, 4, -8


@dataclass(frozen=True, slots=True)
class Run:
    """What decides a run, besides the target: with the same, the suite asks the same and judges the same.

    ``source`` is what reports call the manifest. Hashes are SHA-256.
    """

    seed: int
    began: str
    profile: str
    selection: tuple[str, ...]
    set_version: str
    set_hash: bytes
    suite_version: str
    suite_hash: bytes
    source: str
    fault: str | None = None

    @property
    def moment(self) -> datetime:
        """When the run began, UTC."""
        return datetime.fromisoformat(self.began)


@dataclass(frozen=True, slots=True)
class Part:
    """One part by its name, length and SHA-256."""

    name: str
    size: int
    digest: bytes

    @classmethod
    def of(cls, name: str, content: bytes) -> Part:
        """Describe a part."""
        return cls(name, len(content), sha256(content).digest())


@dataclass(frozen=True, slots=True)
class Listing:
    """The signed content. A ``throw_away`` key was made for this bundle alone, and says nothing of anybody."""

    run: Run
    parts: tuple[Part, ...]
    signer: Ed25519PublicKey
    throw_away: bool

    def encode(self) -> bytes:
        """Return the deterministic encoding."""
        run = self.run
        facts: list[Any] = [run.seed, run.began, run.profile, list(run.selection), run.set_version, run.set_hash]
        facts += [run.suite_version, run.suite_hash, run.source]
        rows = dict(enumerate(facts)) | ({} if run.fault is None else {9: run.fault})
        parts = [[part.name, part.size, part.digest] for part in self.parts]
        return cbor.dumps({0: FORMAT, 1: rows, 2: parts, 3: {0: cose_key(self.signer), 1: self.throw_away}})


def sign(listing: Listing, key: Ed25519PrivateKey) -> bytes:
    """Return the listing inside its signature."""
    payload, protected = listing.encode(), _protected(listing.signer)
    signature = key.sign(signature_structure(protected, b"", payload))
    return cbor.dumps(cbor2.CBORTag(_COSE_SIGN1, [protected, {}, payload, signature]))


def _protected(signer: Ed25519PublicKey) -> bytes:
    return cbor.dumps({_ALG: _EDDSA, _CONTENT_TYPE: CONTENT_FORMAT_BUNDLE_LISTING, _KID: thumbprint(signer)})


def open_listing(data: bytes) -> Listing:
    """Return a listing whose signature is right. Whose it is, is another question.

    Nothing is tolerated that :func:`sign` does not write. Raises ``BundleError``.
    """
    try:
        match cbor.loads(data):
            case cbor2.CBORTag(tag=18, value=[bytes(protected), {**unprotected}, bytes(payload), bytes(signature)]):
                listing = _decode(cbor.loads(payload))
            case _:
                raise BundleError(LISTING, "it is no COSE_Sign1")
    except ProtocolError as error:
        raise BundleError(LISTING, f"it does not decode: {error.detail}") from error
    if listing.encode() != payload or protected != _protected(listing.signer) or unprotected:
        raise BundleError(LISTING, "it holds something else than a listing and the header of its signer's key")
    try:
        listing.signer.verify(signature, signature_structure(protected, b"", payload))
    except InvalidSignature as error:
        raise BundleError(LISTING, "its signature does not verify") from error
    return listing


_RUN: tuple[type, ...] = (int, str, str, list, str, bytes, str, bytes, str, str)


def _decode(value: Any) -> Listing:
    match value:
        case {0: 1, 1: dict(run), 2: [*rows], 3: {0: key, 1: bool(throw_away), **beyond}, **more} if not more | beyond:
            try:
                return Listing(_run(run), tuple(_part(row) for row in rows), public_of(key), throw_away)
            except ValueError as error:
                raise BundleError(LISTING, f"it does not follow the grammar: {error}") from error
    raise BundleError(LISTING, "it does not follow the grammar of format 1")


def _run(run: dict[Any, Any]) -> Run:
    facts = list(run.values())
    if list(run) not in (list(range(9)), list(range(10))) or [type(fact) for fact in facts] != [*_RUN[: len(facts)]]:
        raise ValueError("the facts of the run")
    if any(type(word) is not str for word in run[3]) or {len(run[5]), len(run[7])} != {32}:
        raise ValueError("the selection or the hashes of the run")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run[1]):
        raise ValueError("when the run began")
    datetime.fromisoformat(run[1])
    return Run(run[0], run[1], run[2], tuple(run[3]), run[4], run[5], run[6], run[7], run[8], run.get(9))


def _part(row: Any) -> Part:
    match row:
        case [str(name), int(size), bytes(digest)] if type(size) is int and size >= 0 and len(digest) == 32:
            return Part(name, size, digest)
    raise ValueError("the list of parts")
