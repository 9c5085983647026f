"""Making credentials: a zone that issues them, and holders who delegate."""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from picosec.cli import id_files
from picosec.cli.cred_files import must_narrow, read_chain_file, write_chain
from picosec.cli.files import read_identity
from picosec.cli.mistakes import DONE, Mistake
from picosec.cli.private import Keeper
from picosec.cli.scopes import read_attributes, read_scope
from picosec.cli.subjects import Subject, read_subject
from picosec.cli.tables import explain, must_be_new
from picosec.cli.zone_files import is_revoked, list_path, make_zone, next_index, read_zone, sign_list
from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.identity.credential import MAX_DEPTH, MAX_ROLE, MAX_SUBJECT, Claims, issue
from picosec.identity.forms import is_text
from picosec.identity.statement import Kind
from picosec.identity.status import StatusReference

_DAY: Final = 86_400


def new(options: argparse.Namespace, keys: Keeper) -> int:
    """Begin a zone."""
    public = make_zone(options.file, keys, id_files.CURVES[options.curve], options.uri)
    zone = read_zone(options.file, keys)
    sign_list(zone, int(time.time()))
    print(f"{options.file}  the zone: whoever has it and the vault decides who belongs to it")
    print(f"{public}  for its devices: `picosec device --anchor {public}`")
    print(f"{list_path(options.file)}  the list of what was revoked, so far nothing: for its devices too")
    print(f"zone {zone.anchor.zone.hex()}")
    return DONE


def issue_one(options: argparse.Namespace, keys: Keeper) -> int:
    """Issue the first credential of a chain."""
    if options.zone is None or options.to is None:
        raise Mistake("issue takes --zone, who issues, and --to, to whom: a history or a public half")
    must_be_new(options.file)
    zone, subject = read_zone(options.zone, keys), read_subject(options.to)
    claims = _claims(options, subject, zone.anchor.zone, int(time.time()))
    if not options.irrevocable:
        claims = replace(claims, status=StatusReference(next_index(zone), zone.issuer.uri))
    chain = Chain((issue(claims, keys.vault, zone.handle, zone.anchor.kid),))
    must_narrow(chain, zone.anchor)
    return _written(options.file, chain)


def renew(options: argparse.Namespace, keys: Keeper) -> int:
    """Issue a credential again: for the same key and as much, from now on."""
    if options.zone is None:
        raise Mistake("renew takes --zone, who issues")
    zone, chain = read_zone(options.zone, keys), read_chain_file(options.file)
    if len(chain.credentials) > 1:
        raise Mistake(f"{options.file} was delegated: whoever did delegates again")
    before = chain.last.claims
    if chain.signer != zone.anchor.kid or before.zone != zone.anchor.zone:
        raise Mistake(f"{options.file} is not of this zone, or of an earlier key of it")
    if before.status is not None and is_revoked(zone, before.status.index):
        raise Mistake(f"{options.file} was revoked: issue another one")
    now = max(int(time.time()), before.issued + 1)
    claims = replace(before, issued=now, expires=end_of(options, now), not_before=0)
    return _written(options.file, Chain((issue(claims, keys.vault, zone.handle, zone.anchor.kid),)))


def delegate(options: argparse.Namespace, keys: Keeper) -> int:
    """Let somebody else do a part of what a holder may."""
    if options.of is None or options.key is None or options.to is None:
        raise Mistake("delegate takes --of, a chain, --key, the identity of its holder, and --to, to whom")
    must_be_new(options.file)
    chain, subject = read_chain_file(options.of), read_subject(options.to)
    before, identity = chain.last.claims, read_identity(options.key, private=True)
    if identity.parsed.key.x != before.holder.key.x:
        raise Mistake(f"{options.key} is not the identity of whom {options.of} is")
    if not before.holder.signs:
        raise Mistake(f"{options.key} does not sign: who delegates has a key of `picosec id`, or `--usage signature`")
    if before.depth == 0:
        raise Mistake(f"nothing may follow {options.of}: it was issued without --depth")
    now = int(time.time())
    claims = _claims(options, subject, before.zone, now)
    scope = claims.scope if options.allow else before.scope
    claims = replace(claims, expires=min(claims.expires, before.expires), not_before=before.not_before, scope=scope)
    if claims.identity != before.identity:  # whose it is, only an anchor says
        claims = replace(claims, identity=b"")
    assert identity.private is not None
    try:
        handle = keys.open(identity.private, identity.parsed.key.curve, identity.label, identity.name)
        following = chain.followed_by(issue(claims, keys.vault, handle, before.holder.kid))
    except ProtocolError as error:
        raise explain(options.key, error) from error
    must_narrow(following, None)
    return _written(options.file, following)


def _claims(options: argparse.Namespace, subject: Subject, zone: bytes, now: int) -> Claims:
    """Return what the command line says of somebody. Raises :class:`Mistake`."""
    kind = subject.kind if options.kind is None else Kind[options.kind.upper()]
    kind = Kind.DEVICE if kind is None else kind
    if (kind is Kind.APPLICATION) != (options.code is not None):
        raise Mistake("--code is for an application, which is bound to its code: --kind application --code FILE")
    if not 0 <= options.depth <= MAX_DEPTH:
        raise Mistake(f"--depth takes 0 to {MAX_DEPTH}")
    if options.depth and (subject.purpose is not None or not subject.holder.signs):
        raise Mistake(f"{options.to}: only who has a key that signs delegates (`picosec id`, or `--usage signature`)")
    if not is_text(options.role, MAX_ROLE, 0):
        raise Mistake(f"--role takes {MAX_ROLE} bytes at most")
    name = options.name or subject.name.encode()[:MAX_SUBJECT].decode(errors="ignore")
    if not is_text(name, MAX_SUBJECT, 0):
        raise Mistake(f"--name takes {MAX_SUBJECT} bytes at most")
    return Claims(
        zone=zone,
        holder=subject.holder,
        kind=kind,
        issued=now,
        expires=end_of(options, now),
        subject=name,
        scope=read_scope(options.allow),
        role=options.role,
        attributes=read_attributes(options.attribute),
        code=b"" if options.code is None else _digest(options.code),
        depth=options.depth,
        identity=subject.identity,
        purpose=subject.purpose,
    )


def end_of(options: argparse.Namespace, now: int) -> int:
    """Return when what is issued now ends, as ``--days`` says. Raises :class:`Mistake`."""
    if not 0 < options.days <= 36_500:
        raise Mistake(f"--days takes more than 0 and at most 36500, not {options.days:g}")
    return now + int(options.days * _DAY)


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error


def _written(path: Path, chain: Chain) -> int:
    data = write_chain(path, chain)
    claims = chain.last.claims
    until = time.strftime("%Y-%m-%d", time.gmtime(claims.expires))
    print(f"{path}  {len(data)} bytes: {claims.subject or 'somebody'} until {until}")
    if len(chain.credentials) > 1:
        print(f"hand it to a device first: `picosec post URL/ps/credentials --file {path} --format 65006`")
    return DONE
