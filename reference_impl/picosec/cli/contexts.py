"""The files of OSCORE contexts that two sides share beforehand.

Each has one table, from the point of view of whoever holds it::

    [oscore]
    sender_id = "01"                # hexadecimal, like all that follow
    recipient_id = "02"
    master_secret = "0102…"
    master_salt = "9e7c…"           # optional
    id_context = "37cb…"            # optional
    aead = 10                       # optional, COSE number of the algorithm
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from picosec.cli.mistakes import Mistake
from picosec.cli.tables import Table, must_be_new, write_table
from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.net.storage import FileStorage, StorageError
from picosec.roles.keyring import ContextParameters


def read_context(path: Path, opened: ExitStack) -> ContextParameters:
    """Read a context file. Its counters are kept in ``FILE.state`` beside it, until ``opened`` closes.

    Raises :class:`Mistake`.
    """
    table = Table(path, "oscore", secret=True)
    number = table.values.get("aead", Aead.AES_CCM_16_64_128.value)
    algorithms = {each.value: each for each in Aead}
    if number not in algorithms:
        raise Mistake(f"{path}: aead = {number!r} is not supported: use one of {', '.join(map(str, algorithms))}")
    sender_id, recipient_id = table.binary("sender_id"), table.binary("recipient_id")
    secret = table.binary("master_secret")
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
        write_table(
            path, "oscore", lines, 0o600, "Keep this file to yourself: whoever reads it can read and forge all."
        )
