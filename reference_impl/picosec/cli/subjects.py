"""Of whom a credential speaks: what the files that somebody hands over say of him and his key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from picosec.channel.credentials import Usage
from picosec.cli import id_files
from picosec.cli.files import read_identity
from picosec.cli.mistakes import Mistake
from picosec.cli.object_files import KEY, read_object_key
from picosec.cli.tables import document
from picosec.crypto.curves import Curve
from picosec.identity.holder import AGREES, HolderKey
from picosec.identity.keys import ALGORITHMS, key_identifier
from picosec.identity.statement import Kind
from picosec.objects.keys import Purpose


@dataclass(frozen=True, slots=True)
class Subject:
    """Who it is, by which key; ``kind`` is None where the file does not say what. ``purpose`` is that of a key for
    objects.
    """

    name: str
    holder: HolderKey
    kind: Kind | None = None
    identity: bytes = b""
    purpose: Purpose | None = None


def read_subject(path: Path) -> Subject:
    """Read a history, the public half of an identity, or that of a key for objects. Raises :class:`Mistake`.

    A history proves by its own signature that its holder has the key. The other two do not: whoever issues takes them
    from the holder's own hand.
    """
    if path.suffix == id_files.HISTORY_SUFFIX or id_files.is_own(path):
        history = id_files.read_verified(path)
        holder = HolderKey(key_identifier(history.identifier), history.key, ALGORITHMS[history.key.curve].value)
        return Subject(path.stem, holder, history.statements[0].statement.kind, history.identifier)
    stem = path.stem.removesuffix(".public")
    if KEY in document(path):
        key = read_object_key(path, private=False).sender
        if key.key.curve is Curve.X25519:
            raise Mistake(f"{path}: a key on X25519 signs no objects, so it needs no credential")
        return Subject(stem, HolderKey(key.kid, key.key, ALGORITHMS[key.key.curve].value), purpose=key.purpose)
    identity = read_identity(path, private=False)
    if not identity.kid:
        raise Mistake(f"{path}: the key has no identifier: give what `picosec identity` wrote")
    public = identity.parsed.key
    algorithm = ALGORITHMS[public.curve].value if identity.usage is Usage.SIGNATURE else AGREES
    return Subject(identity.name, HolderKey(identity.kid, public, algorithm))
