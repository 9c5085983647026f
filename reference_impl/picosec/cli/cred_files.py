"""The files of chains of credentials: each is a chain as it is sent, in CBOR."""

from __future__ import annotations

from pathlib import Path

from picosec.channel.credentials import Kind
from picosec.cli.files import read_identity
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper
from picosec.cli.tables import explain, replace_file
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain, check_narrowing, read_chain
from picosec.registry import TEXT
from picosec.roles.keyring import Keyring, OwnChain


def read_chain_file(path: Path) -> Chain:
    """Read a chain, unverified. Raises :class:`Mistake`."""
    try:
        return read_chain(path.read_bytes())
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error
    except ProtocolError as error:
        raise Mistake(f"{path} is no chain of credentials: {error.detail or TEXT[error.problem]}") from error


def write_chain(path: Path, chain: Chain) -> bytes:
    """Write a chain, in place of one that is there, and return it. Raises :class:`Mistake`."""
    data = chain.encode()
    try:
        read_chain(data)  # whoever gets it reads it like that
    except ProtocolError as error:
        raise Mistake(f"nobody would take it: {error.detail or TEXT[error.problem]}") from error
    replace_file(path, data)
    return data


def present(keyring: Keyring, path: Path, identity: Path, keeper: Keeper) -> None:
    """Have a keyring authenticate by the credential in a file, and the key of an identity. Raises :class:`Mistake`."""
    chain, own = read_chain_file(path), read_identity(identity, private=True)
    assert own.private is not None
    if chain.holder.key.x != own.parsed.key.x:
        raise Mistake(f"{path} was issued for another key than that of {identity}: was it rotated since?")
    if chain.last.claims.purpose is not None:
        raise Mistake(f"{path} is for a key that signs objects, and opens no channel")
    # A chain of one is short enough to show; of a longer one, the device holds what it was handed before.
    kind = Kind.KCWT if len(chain.credentials) == 1 else Kind.KID
    try:
        handle = keeper.open(own.private, own.parsed.key.curve, own.label, own.name)
        keyring.present(OwnChain(chain, handle, own.usage, kind))
    except ProtocolError as error:
        raise explain(path, error) from error


def must_narrow(chain: Chain, anchor: Anchor | None) -> None:
    """Raise :class:`Mistake` for a credential that says more than the one before it."""
    known = anchor or Anchor(chain.signer, chain.holder.key, chain.last.claims.zone)
    try:
        check_narrowing(chain, known)
    except ProtocolError as error:
        raise Mistake(f"nobody would take it: {error.detail}") from error
