"""Private keys in files: sealed by a vault, under a name that a token has for them, or as they are.

In a table one of these lines stands for the key::

    sealed_key = "d0c5…"            # hexadecimal; the vault that sealed it opens it
    vault_key = "1f00…"             # hexadecimal, 16 bytes; CKA_ID of a key that a token keeps
    private_key = "5ca1…"           # hexadecimal, 32 bytes; by `--unsealed` only
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.cli.mistakes import Mistake
from picosec.cli.tables import Table
from picosec.cli.vaults import identity_safe, is_token, open_token, own_vault
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.vault import Handle, InvalidTag, KeptKeys, Vault, software_vault
from picosec.errors import ProtocolError
from picosec.net.secret_file import wipe

KEYS: Final = frozenset({"private_key", "sealed_key", "vault_key"})


@dataclass(frozen=True, slots=True, repr=False)
class Private:
    """A private key as a file has it: one of the three. ``plain`` is wiped when it is written or opened."""

    plain: bytearray | None = None
    sealed: bytes | None = None
    kept: bytes | None = None

    def lines(self) -> dict[str, str]:
        """Return what stands for it in a table, and wipe it."""
        if self.kept is not None:
            return {"vault_key": self.kept.hex()}
        if self.sealed is not None:
            return {"sealed_key": self.sealed.hex()}
        assert self.plain is not None
        line = {"private_key": self.plain.hex()}
        wipe(self.plain)
        return line

    @property
    def described(self) -> str:
        """What a person is told of a file that has it."""
        if self.kept is not None:
            return "names the private key, which stays in the token"
        return "the private key: keep it to yourself" if self.sealed is None else "the private key, sealed"

    @property
    def comment(self) -> str:
        """The first line of a file that has it."""
        if self.kept is not None:
            return "The private key lies in a token, and has this name there."
        if self.sealed is not None:
            return "The private key is sealed: it takes the vault to open it."
        return "Keep this file to yourself: whoever reads it can act as you."


def read_private(path: Path, table: Table, name: str, length: int = 32) -> Private | None:
    """Return the private key in the table ``name`` of a file, None without one. Raises :class:`Mistake`."""
    if not KEYS & table.values.keys():
        return None
    plain = None
    if "private_key" in table.values:
        plain = bytearray(Table(path, name, secret=True).binary("private_key", length))
    return Private(plain, table.optional_binary("sealed_key"), table.optional_binary("vault_key"))


class Keeper:
    """Brings private keys out of files behind handles of ``vault``, and makes new ones.

    ``token`` or ``file`` is the vault that seals and is tried first; the own one of whoever runs the command is tried
    after it.
    """

    def __init__(
        self, vault: Vault, file: Path | None = None, *, token: Vault | None = None, sealing: bool = True
    ) -> None:
        self.vault = vault
        self._file = file
        self._token = token
        self._sealing = sealing

    def open(self, private: Private, curve: Curve, label: bytes, name: str) -> Handle:
        """Return a private key behind a handle, and wipe it.

        Raises :class:`Mistake` for one that lies elsewhere, and ``ProtocolError`` for one that is none or that the
        token does not have.
        """
        if private.kept is not None:
            if not isinstance(self.vault, KeptKeys):
                raise Mistake(f"the key of {name!r} lies in a token: name the token that opens it, --vault pkcs11:…")
            return self.vault.find(private.kept)
        plain = self.unsealed(private, label, name)
        try:
            return self.vault.import_key(curve, plain)
        finally:
            wipe(plain)

    def unsealed(self, private: Private, label: bytes, name: str) -> bytearray:
        """Return a secret, which the caller wipes. Raises :class:`Mistake` when no vault at hand opens it."""
        if private.plain is not None:
            return private.plain
        assert private.sealed is not None
        tried = []
        for place, safe in self._safes():
            try:
                return bytearray(safe.unseal(private.sealed, label))
            except InvalidTag:
                tried.append(place)
        if not tried:
            raise Mistake(f"the key of {name!r} is sealed: name the vault that opens it with --vault")
        raise Mistake(
            f"the key of {name!r} does not open: another vault sealed it, or the file was changed "
            f"(tried {' and '.join(tried)}; --vault names another one)"
        )

    def make(self, curve: Curve, label: Callable[[PublicKey], bytes], *, signs: bool) -> tuple[Handle, Private]:
        """Make a key, in the token where there is one. Raises :class:`Mistake`, and what the token says."""
        if isinstance(self.vault, KeptKeys):
            key_id, handle = self.vault.make(curve, signs=signs)
            return handle, Private(kept=key_id)
        plain, handle = self.drawn(curve)
        return handle, self.seal(plain, label(self.vault.public(handle)))

    def drawn(self, curve: Curve) -> tuple[bytearray, Handle]:
        """Make a key outside of any token; the caller wipes it."""
        while True:
            plain = bytearray(os.urandom(32))
            try:
                return plain, self.vault.import_key(curve, plain)
            except ProtocolError:  # one P-256 key in four thousand million is none
                continue

    def seal(self, plain: bytearray, label: bytes) -> Private:
        """Return a secret as files get it, and wipe it where it was sealed. Raises :class:`Mistake`."""
        if not self._sealing:
            return Private(plain=plain)
        file = Path(own_vault()) if self._file is None else self._file
        safe = identity_safe(file) if self._token is None else self._token
        sealed = safe.seal(bytes(plain), label)
        wipe(plain)
        return Private(sealed=sealed)

    def _safes(self) -> Iterator[tuple[str, Vault]]:
        """Yield what may open a sealed key, and what it is called; a file that is not there is not made."""
        if self._token is not None:
            yield "the token", self._token
        files = [Path(own_vault())] if not is_token(own_vault()) else []
        for path in files if self._file is None else [self._file, *files]:
            if path.exists() or path.is_symlink():
                yield str(path), identity_safe(path)


def keeper(vault: str | None, opened: ExitStack, *, unsealed: bool = False) -> Keeper:
    """Return the keeper that ``--vault`` and ``--unsealed`` ask for; a token is closed with ``opened``.

    Raises :class:`Mistake`, and ``StorageError`` for what the token says.
    """
    if unsealed and vault is not None:
        raise Mistake("--vault seals the private key and --unsealed does not: give one of them")
    named = own_vault() if vault is None else vault
    if is_token(named) and not unsealed:
        token = open_token(named, b"", opened)
        return Keeper(token, token=token)
    return Keeper(software_vault(os.urandom), None if vault is None else Path(vault), sealing=not unsealed)
