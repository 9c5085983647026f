"""The files of whoever issues the credentials of a zone (spec/v1/identity-credentials.md).

``NAME.toml`` is its owner's alone::

    [zone]
    zone = "5f0c…"                  # hexadecimal, 32 bytes: the name of the zone
    kid = "2b"                      # these four: the key that signs credentials
    curve = "P-256"
    public_key = "ac75…"
    sealed_key = "d0c5…"
    [status-issuer]
    uri = "urn:picosec:5f0c…"       # the name of the list of what was revoked
    kid = "31"                      # these four: the key that signs the list
    …

``NAME.public.toml`` is for whoever believes credentials of the zone: the same without private keys, and the first table
is ``[anchor]``. ``NAME.status`` is the list as it is sent; ``NAME.toml.state`` counts what was issued and revoked, so
that a list from before a revocation is not signed again.
"""

from __future__ import annotations

import os
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picosec.cli.files import public_half
from picosec.cli.key_files import public_lines, read_kid, read_public
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, read_private
from picosec.cli.status_files import TABLE as LIST
from picosec.cli.status_files import issuer_lines, read_status_issuer
from picosec.cli.tables import Table, document, explain, must_be_new, replace_file, write_tables
from picosec.crypto.curves import Curve
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor
from picosec.identity.endorsements import Endorser
from picosec.identity.keys import HASH_SIZE
from picosec.identity.status_lists import StatusIssuer
from picosec.identity.status_token import StatusToken, decode_token, issue_token, verify_token
from picosec.messaging import cbor
from picosec.net.storage import FileStorage

ZONE, ANCHOR = "zone", "anchor"
#: Credentials of one zone that can be revoked: a list of zeros is a few bytes whatever its length.
ROOM: Final = 65_536
#: Seconds for which a list is fresh, unless somebody says otherwise.
TTL: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone, and its two keys behind handles of a vault."""

    path: Path
    vault: Vault
    anchor: Anchor
    handle: Handle
    issuer: StatusIssuer
    list_handle: Handle


def zone_label(anchor: Anchor) -> bytes:
    """Return what the key that signs credentials is sealed under."""
    key = anchor.key
    return b"picosec zone " + cbor.dumps([anchor.zone, anchor.kid, key.curve.value, key.x, key.y])


def list_label(issuer: StatusIssuer) -> bytes:
    """Return what the key that signs the list is sealed under."""
    return b"picosec status-issuer " + cbor.dumps([issuer.uri, issuer.kid, issuer.key.x, issuer.key.y])


def make_zone(path: Path, keeper: Keeper, curve: Curve, uri: str | None) -> Path:
    """Make a zone, and write it; return the path of what is for others. Raises :class:`Mistake`."""
    public_path = public_half(path)
    must_be_new(path, public_path, list_path(path))
    zone, kid, list_kid = os.urandom(HASH_SIZE), os.urandom(4), os.urandom(4)
    name = uri or f"urn:picosec:{zone[:8].hex()}"
    handle, private = keeper.make(curve, lambda key: zone_label(Anchor(kid, key, zone)), signs=True)
    list_handle, list_private = keeper.make(
        curve, lambda key: list_label(StatusIssuer(list_kid, key, name)), signs=True
    )
    lines = {"zone": zone.hex(), "kid": kid.hex(), **public_lines(keeper.vault.public(handle))}
    listed = issuer_lines(StatusIssuer(list_kid, keeper.vault.public(list_handle), name))
    own = {ZONE: {**lines, **private.lines()}, LIST: {**listed, **list_private.lines()}}
    write_tables(path, own, 0o600, private.comment)
    write_tables(public_path, {ANCHOR: lines, LIST: listed}, 0o644, "This may be handed to anybody.")
    return public_path


def read_zone(path: Path, keeper: Keeper) -> Zone:
    """Read a zone, and bring its keys into the vault. Raises :class:`Mistake`."""
    if ANCHOR in document(path):
        raise Mistake(f"{path} has no private key: give the file that `picosec cred new` wrote, not its public half")
    anchor, issuer = _anchor(path, ZONE), read_status_issuer(path)
    handles = []
    for name, curve, label in (
        (ZONE, anchor.key.curve, zone_label(anchor)),
        (LIST, issuer.key.curve, list_label(issuer)),
    ):
        private = read_private(path, Table(path, name), name)
        if private is None:
            raise Mistake(f"{path}: the table [{name}] has no private key")
        try:
            handles.append(keeper.open(private, curve, label, path.stem))
        except ProtocolError as error:
            raise explain(path, error) from error
    return Zone(path, keeper.vault, anchor, handles[0], issuer, handles[1])


def read_anchor(path: Path) -> Anchor:
    """Read whose credentials are believed. Raises :class:`Mistake`."""
    return _anchor(path, ZONE if ZONE in document(path) else ANCHOR)


def read_endorser(path: Path) -> Endorser:
    """Read whose word counts: a third party has the same files as a zone, and nobody belongs to it.

    Raises :class:`Mistake`.
    """
    anchor = read_anchor(path)
    return Endorser(anchor.kid, anchor.key)


def _anchor(path: Path, name: str) -> Anchor:
    table = Table(path, name)
    return Anchor(read_kid(path, table), read_public(path, table), table.binary("zone", HASH_SIZE))


def list_path(path: Path) -> Path:
    """Return where the list of a zone lies."""
    return path.with_suffix(".status")


def next_index(zone: Zone) -> int:
    """Return the place in the list for one more credential. Raises :class:`Mistake` when there is none."""
    with ExitStack() as opened:
        storage = _state(zone.path, opened)
        if storage.counters().get("index", 0) >= ROOM:
            raise Mistake(f"{zone.path}: {ROOM} credentials can be revoked, and all places are given: begin a new zone")
        return storage.reserve("index", 1)


def sign_list(zone: Zone, now: int, ttl: int = TTL, revoked: int | None = None) -> bool:
    """Sign the list of a zone anew, with one credential more that was revoked if one is given; whether it is news.

    Raises :class:`Mistake` when the list that is there is not the last one.
    """
    path = list_path(zone.path)
    with ExitStack() as opened:
        storage = _state(zone.path, opened)
        token, entries = _held(zone, path)
        known = sum(byte.bit_count() for byte in entries)
        if known < storage.counters().get("revoked", 0):
            raise Mistake(f"{path} is not the last list of this zone: put that back, or what was revoked is so no more")
        news = revoked is not None and not is_revoked(zone, revoked)
        if revoked is not None:
            entries[revoked >> 3] |= 1 << (revoked & 7)
        issued = now if token is None else max(now, token.issued + 1)
        after = StatusToken(zone.issuer.kid, zone.issuer.uri, issued, 1, zlib.compress(bytes(entries), 9), ttl=ttl)
        replace_file(path, issue_token(after, zone.vault, zone.list_handle))
        if news:
            storage.reserve("revoked", 1)
    return news


def is_revoked(zone: Zone, index: int) -> bool:
    """Whether a credential was revoked. Raises :class:`Mistake` when the list that is there is none of the zone."""
    _token, entries = _held(zone, list_path(zone.path))
    return bool(entries[index >> 3] >> (index & 7) & 1)


def _held(zone: Zone, path: Path) -> tuple[StatusToken | None, bytearray]:
    """Return the list that is there and its entries: none, and zeros, before the first."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None, bytearray(ROOM // 8)
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error
    try:
        signed, token = decode_token(data)
        verify_token(signed, zone.issuer.key)
        return token, bytearray(token.entries().entries.ljust(ROOM // 8, bytes(1)))
    except ProtocolError as error:
        raise Mistake(f"{path} is no list of this zone: {error.detail}") from error


def _state(path: Path, opened: ExitStack) -> FileStorage:
    storage = FileStorage(path.with_name(path.name + ".state"))
    opened.callback(storage.close)
    return storage
