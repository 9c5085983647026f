"""The files of OSCORE contexts that two sides share beforehand.

Each has one table, from the point of view of whoever holds it::

    [oscore]
    sender_id = "01"                # hexadecimal, like all that follow
    recipient_id = "02"
    master_secret = "0102…"         # or sealed_key, by `picosec seal`
    master_salt = "9e7c…"           # optional
    id_context = "37cb…"            # optional
    aead = 10                       # optional, COSE number of the algorithm
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private
from picosec.cli.tables import Table, document, must_be_new, write_table
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.net.secret_file import wipe
from picosec.net.storage import FileStorage, StorageError
from picosec.roles.keyring import ContextParameters

TABLE, SECRET = "oscore", "master_secret"


def is_context(path: Path) -> bool:
    """Whether a file has a context. Raises :class:`Mistake` for one that is no TOML."""
    return TABLE in document(path)


def sealing_label(path: Path) -> bytes:
    """Return what the secret of a context file is sealed under: it opens for this end only. Raises :class:`Mistake`."""
    table = Table(path, TABLE)
    ends = [table.binary("sender_id"), table.binary("recipient_id"), table.optional_binary("master_salt") or b""]
    return b"picosec context " + cbor.dumps(ends)


def read_context(path: Path, opened: ExitStack, keeper: Keeper) -> ContextParameters:
    """Read a context file, whose secret ``keeper`` opens if it is sealed.

    Its counters are kept in ``FILE.state`` beside it, until ``opened`` closes. Raises :class:`Mistake`.
    """
    table = Table(path, TABLE, secret=SECRET in document(path).get(TABLE, ()))
    number = table.values.get("aead", Aead.AES_CCM_16_64_128.value)
    algorithms = {each.value: each for each in Aead}
    if number not in algorithms:
        raise Mistake(f"{path}: aead = {number!r} is not supported: use one of {', '.join(map(str, algorithms))}")
    sender_id, recipient_id = table.binary("sender_id"), table.binary("recipient_id")
    secret = _secret(path, table, keeper)
    try:
        storage = FileStorage(path.with_name(path.name + ".state"))
    except StorageError as error:
        raise Mistake(error.detail) from error
    opened.callback(storage.close)
    parameters = ContextParameters(
        sender_id,
        recipient_id,
        secret,
        storage,
        table.optional_binary("master_salt") or b"",
        table.optional_binary("id_context"),
        algorithms[number],
    )
    try:
        parameters.check()
    except ProtocolError as error:
        raise Mistake(f"{path}: {error.detail}") from error
    return parameters


def _secret(path: Path, table: Table, keeper: Keeper) -> bytes:
    sealed = table.optional_binary("sealed_key")
    if sealed is None:
        return table.binary(SECRET)
    plain = keeper.unsealed(Private(sealed=sealed), sealing_label(path), path.stem)
    try:
        return bytes(plain)
    finally:
        wipe(plain)


def write_contexts(device: Path, app: Path, secret: bytes, salt: bytes) -> None:
    """Write both ends of one context, each for its owner only. Raises :class:`Mistake` when either file is there."""
    must_be_new(device, app)
    for path, sender_id, recipient_id in ((device, "01", "02"), (app, "02", "01")):
        lines = {
            "sender_id": sender_id,
            "recipient_id": recipient_id,
            "master_secret": secret.hex(),
            "master_salt": salt.hex(),
        }
        write_table(path, TABLE, lines, 0o600, "Keep this file to yourself: whoever reads it can read and forge all.")
