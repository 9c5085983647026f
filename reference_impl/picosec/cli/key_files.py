"""What files of keys share: a key identifier, a public key, and beside it perhaps the private one.

kid = "2b"                      # hexadecimal, 1 to 32 bytes
curve = "P-256"                 # or Ed25519, or X25519
public_key = "ac75…"            # hexadecimal: x and y on P-256, else the key
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from picosec.cli.mistakes import Mistake
from picosec.cli.tables import Table, explain
from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.objects.statement import MAX_KID

CURVES: Final = {"P-256": Curve.P256, "Ed25519": Curve.ED25519, "X25519": Curve.X25519}
#: Long enough for no two keys of a household to share one by chance.
_KID_LENGTH: Final = 4
_COORDINATE: Final = 32


def new_kid(text: str | None) -> bytes:
    """Return the key identifier that ``--kid`` gives, or one by chance. Raises :class:`Mistake`."""
    try:
        kid = os.urandom(_KID_LENGTH) if text is None else bytes.fromhex(text)
    except ValueError as error:
        raise Mistake(f"--kid takes hexadecimal digits, not {text!r}") from error
    if not 0 < len(kid) <= MAX_KID:
        raise Mistake(f"--kid takes 1 to {MAX_KID} bytes, two digits each")
    return kid


def public_lines(key: PublicKey) -> dict[str, str]:
    """Return the lines of a public key."""
    name = next(name for name, curve in CURVES.items() if curve is key.curve)
    return {"curve": name, "public_key": (key.x + key.y).hex()}


def read_kid(path: Path, table: Table) -> bytes:
    """Return the key identifier in a table. Raises :class:`Mistake`."""
    kid = table.binary("kid")
    if not 0 < len(kid) <= MAX_KID:
        raise Mistake(f"{path}: kid must have 1 to {MAX_KID} bytes")
    return kid


def read_public(path: Path, table: Table) -> PublicKey:
    """Return the public key in a table. Raises :class:`Mistake`."""
    curve: Curve = table.choice("curve", CURVES)
    data = table.binary("public_key", 2 * _COORDINATE if curve is Curve.P256 else _COORDINATE)
    try:
        return decode_public(curve, data[:_COORDINATE], data[_COORDINATE:] or None)
    except ProtocolError as error:
        raise explain(path, error) from error
