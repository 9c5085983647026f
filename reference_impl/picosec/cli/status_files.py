"""The files of status issuers: whose lists of credentials that were taken back a device believes.

[status-issuer]
uri = "urn:home:status"         # the name of the list
kid = "31"                      # these three: :mod:`picosec.cli.key_files`
curve = "Ed25519"               # or P-256
public_key = "ac75…"
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from picosec.cli.key_files import public_lines, read_kid, read_public
from picosec.cli.mistakes import Mistake
from picosec.cli.tables import Table
from picosec.crypto.curves import Curve
from picosec.identity.status import MAX_URI, is_uri
from picosec.identity.status_lists import StatusIssuer

TABLE: Final = "status-issuer"


def read_status_issuer(path: Path) -> StatusIssuer:
    """Read whose lists are believed. Raises :class:`Mistake`."""
    table = Table(path, TABLE)
    uri, key = table.text("uri", ""), read_public(path, table)
    if not is_uri(uri):
        raise Mistake(f"{path}: uri must be the name of a list, of 1 to {MAX_URI} bytes")
    if key.curve is Curve.X25519:
        raise Mistake(f"{path}: a key on X25519 signs no lists")
    return StatusIssuer(read_kid(path, table), key, uri)


def issuer_lines(issuer: StatusIssuer) -> dict[str, str]:
    """Return the lines of the table."""
    return {"uri": issuer.uri, "kid": issuer.kid.hex(), **public_lines(issuer.key)}
