"""What a third party says of an identity, made and taken back by a person (spec/v1/identity-endorsements.md)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from picosec.cli.cred_make import end_of
from picosec.cli.id_files import read_verified
from picosec.cli.mistakes import DONE, Mistake
from picosec.cli.private import Keeper
from picosec.cli.scopes import read_attributes
from picosec.cli.tables import must_be_new, replace_file
from picosec.cli.zone_files import Zone, next_index, read_zone
from picosec.errors import ProtocolError
from picosec.identity.credential import MAX_SUBJECT
from picosec.identity.endorsement import MAX_SIZE, Endorsement, decode_endorsement
from picosec.identity.forms import is_text
from picosec.identity.status import StatusReference
from picosec.registry import CONTENT_FORMAT_ENDORSEMENT


def endorse(options: argparse.Namespace, keys: Keeper) -> int:
    """Say something of an identity, signed."""
    path: Path = options.file
    if options.by is None or options.about is None:
        raise Mistake("endorse takes --by, who says it, and --about, of whom: the history of his identity")
    if not is_text(options.name, MAX_SUBJECT, 0):
        raise Mistake(f"--name takes {MAX_SUBJECT} bytes at most")
    must_be_new(path)
    endorser, identity = read_zone(options.by, keys), read_verified(options.about).identifier
    attributes, now = read_attributes(options.attribute), int(time.time())
    expires = end_of(options, now)
    status = None if options.irrevocable else StatusReference(next_index(endorser), endorser.issuer.uri)
    said = Endorsement(identity, now, expires, options.name, attributes, status)
    data = said.sign(endorser.vault, endorser.handle, endorser.anchor.kid)
    if len(data) > MAX_SIZE:
        raise Mistake(f"an endorsement of {len(data)} bytes is taken by nobody: {MAX_SIZE} are the most")
    replace_file(path, data)
    until = time.strftime("%Y-%m-%d", time.gmtime(expires))
    print(f"{path}  {len(data)} bytes: {options.name or 'endorsed'}, of {identity.hex()[:16]}… until {until}")
    print(f"for a device: `picosec post URL/ps/endorsements --file {path} --format {CONTENT_FORMAT_ENDORSEMENT}`")
    return DONE


def check_author(path: Path, author: Zone) -> None:
    """Raise :class:`Mistake` for an endorsement that somebody else signed: its place is in a list of his."""
    signed, _said = decode_endorsement(path.read_bytes())
    try:
        signed.verify(author.anchor.key)
    except ProtocolError as error:
        raise Mistake(f"{path} is not by {author.path}: name its author with --zone") from error


def read_endorsement(path: Path) -> Endorsement | None:
    """Read an endorsement, unverified; None for a file that is something else. Raises :class:`Mistake`."""
    try:
        return decode_endorsement(path.read_bytes())[1]
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error
    except ProtocolError:
        return None
