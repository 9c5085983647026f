"""Keys of a lab: Ed25519, in the PEM files that every tool reads and writes.

The private key is PKCS #8, for its owner's eyes only; the public one beside it is a SubjectPublicKeyInfo for everybody.
A key is named by its COSE key thumbprint (RFC 9679).
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from picosec.messaging import cbor

#: Labels and values of a COSE_Key (RFC 9052 section 7, RFC 9053 section 7.2).
_KTY, _CRV, _X, _OKP, _ED25519 = 1, -1, -2, 1, 6
_LARGEST = 1 << 16


class KeyFileError(Exception):
    """A key file cannot be used or made. The text names the file and the mend."""


def make_key(path: Path) -> tuple[Path, bytes]:
    """Write a new private key for its owner only, and the public one beside it; return the latter's path and the id.

    Raises ``KeyFileError`` when either is there already: a key that is overwritten is gone.
    """
    public_path = path.with_name(f"{path.stem}.public{path.suffix}")
    for each in (path, public_path):
        if os.path.lexists(each):
            raise KeyFileError(f"{each} is there already, and a key that is overwritten is gone: choose another name")
    key = Ed25519PrivateKey.generate()
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    try:
        _write(public_path, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    except KeyFileError:
        path.unlink()
        raise
    return public_path, thumbprint(key.public_key())


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask says
        file.write(content)


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read a lab key. Raises ``KeyFileError``, also for a file that others can read."""
    data = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path} holds a private key that others on this machine can read: `chmod 600 {path}`")
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"{path} holds no private key in PEM without a passphrase: `picosec lab-key` makes one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds another kind of key than Ed25519: `picosec lab-key` makes one")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """Read the public part of a lab key. Raises ``KeyFileError``."""
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"{path} holds no public key in PEM: give the FILE.public file of `picosec lab-key`"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds another kind of key than Ed25519")
    return key


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error


def cose_key(public: Ed25519PublicKey) -> dict[int, int | bytes]:
    """Return a public key as a COSE_Key with nothing but what it has to have."""
    return {_KTY: _OKP, _CRV: _ED25519, _X: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}


def public_of(value: object) -> Ed25519PublicKey:
    """Undo :func:`cose_key`. Raises ``ValueError``."""
    match value:
        case {-2: bytes(x)} if len(x) == 32:
            public = Ed25519PublicKey.from_public_bytes(x)
            if value == cose_key(public):
                return public
    raise ValueError("not an Ed25519 key")


def thumbprint(public: Ed25519PublicKey) -> bytes:
    """Return the COSE key thumbprint: SHA-256 over the deterministic encoding of the COSE_Key."""
    return sha256(cbor.dumps(cose_key(public))).digest()
