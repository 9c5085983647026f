"""Judging chains of credentials without a network, and taking credentials back."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from picosec.cli.cred_endorse import check_author, read_endorsement
from picosec.cli.cred_files import read_chain_file
from picosec.cli.key_files import CURVES
from picosec.cli.mistakes import DONE, REFUSED, Mistake, complain
from picosec.cli.present import printable
from picosec.cli.private import Keeper
from picosec.cli.scopes import scope_lines
from picosec.cli.status_files import read_status_issuer
from picosec.cli.zone_files import list_path, read_anchor, read_endorser, read_zone, sign_list
from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.identity.chains import Chains
from picosec.identity.credential import Credential
from picosec.identity.endorsement import Endorsement
from picosec.identity.endorsements import Endorsements
from picosec.identity.status import StatusReference
from picosec.identity.status_lists import StatusLists
from picosec.objects.keys import Purpose


class _Unjudged(StatusLists):
    """Nothing was revoked as far as anybody here knows: there is no list."""

    def check(self, cred: bytes, now: float | None) -> None:
        """Take it as it is."""


def verify(options: argparse.Namespace) -> int:
    """Show a chain, and whether it holds."""
    if options.anchor is None:
        raise Mistake(
            "verify takes --anchor, the public half of a zone: a chain alone says nothing about whom you trust"
        )
    anchor, now = read_anchor(options.anchor), time.time()
    lists = _Unjudged() if options.status is None else _lists(options, now)
    endorsement = read_endorsement(options.file)
    if endorsement is not None:
        return _verify_endorsement(options, endorsement, lists, now)
    chain = read_chain_file(options.file)
    chains = Chains(lists)
    chains.admit([anchor])
    print(described(chain, None if options.status is None else lists, now))
    try:
        chains.check(chain, now)
    except ProtocolError as error:
        complain(f"{options.file}: {error}")
        return REFUSED
    if options.status is None and any(each.claims.status for each in chain.credentials):
        print("it holds, unless it was revoked: --status takes the list")
    else:
        print("it holds")
    return DONE


def _verify_endorsement(options: argparse.Namespace, said: Endorsement, lists: StatusLists, now: float) -> int:
    """Show what a third party says, and whether devices that believe it would take that."""
    data: bytes = options.file.read_bytes()
    lines = [f"{said.subject or '(no name)'}, until {_date(said.expires)}", f"    of      {said.identity.hex()}"]
    lines += [f"    has     {name} = {value}" for name, value in sorted(said.attributes.items())]
    print(_fit([*lines, f"    status  {_place_of(said.status)}"]))
    endorsements = Endorsements(lists)
    endorsements.admit([read_endorser(options.anchor)])
    try:
        endorsements.judge(data, now)
    except ProtocolError as error:
        complain(f"{options.file}: {error}")
        return REFUSED
    told = options.status is not None or said.status is None
    print("it holds" if told else "it holds, unless it was withdrawn: --status takes the list")
    return DONE


def revoke(options: argparse.Namespace, keys: Keeper) -> int:
    """Take back the first credential of a chain, and with it all that followed; or an endorsement."""
    if options.zone is None:
        raise Mistake("revoke takes --zone, who issued it")
    zone = read_zone(options.zone, keys)
    endorsement = read_endorsement(options.file)
    if endorsement is not None:
        check_author(options.file, zone)
        name, status, expires = endorsement.subject or "endorsement", endorsement.status, endorsement.expires
    else:
        first = read_chain_file(options.file).credentials[0].claims
        if first.zone != zone.anchor.zone:
            raise Mistake(f"{options.file} is of another zone than {options.zone}")
        name, status, expires = first.subject or "somebody", first.status, first.expires
    if status is None or status.uri != zone.issuer.uri:
        raise Mistake(f"{options.file} has no place in the list of {options.zone}: it ends by itself, {_date(expires)}")
    news = sign_list(zone, int(time.time()), revoked=status.index)
    path = list_path(options.zone)
    print(f"{_fit([name])}: place {status.index} is revoked{'' if news else ' already'}")
    print(f"{path}  for the devices of the zone: `picosec put URL/ps/status --file {path} --format 279`")
    return DONE


def renew_list(options: argparse.Namespace, keys: Keeper) -> int:
    """Sign the list of a zone anew, before devices believe it no longer."""
    sign_list(read_zone(options.file, keys), int(time.time()))
    path = list_path(options.file)
    print(f"{path}  for the devices of the zone: `picosec put URL/ps/status --file {path} --format 279`")
    return DONE


def described(chain: Chain, lists: StatusLists | None, now: float) -> str:
    """Return a chain as a table for people; of status it says what ``lists`` do."""
    lines = [f"zone    {chain.last.claims.zone.hex()}"]
    for number, each in enumerate(chain.credentials, 1):
        claims = each.claims
        began = f"from {_date(claims.not_before)} " if claims.not_before else ""
        lines.append(
            f"{number:>2}  {claims.subject or '(no name)'}, {_what(each)}, {began}until {_date(claims.expires)}"
        )
        allowed = scope_lines(claims.scope, "everything" if number == 1 else "whatever the one before may")
        lines.append(f"    may     {allowed[0]}")
        lines += [f"            {line}" for line in allowed[1:]]
        for name, value in sorted(claims.attributes.items()):
            lines.append(f"    has     {name} = {value}")
        if claims.identity:
            lines.append(f"    is      {claims.identity.hex()}")
        if claims.code:
            lines.append(f"    code    {claims.code.hex()}")
        curve = next(name for name, curve in CURVES.items() if curve is claims.holder.key.curve)
        lines.append(f"    key     {claims.holder.kid.hex()}, {curve}")
        lines.append(f"    status  {_status(each, lists, now)}")
    return _fit(lines)


def _what(credential: Credential) -> str:
    claims = credential.claims
    words = [claims.kind.name.lower(), *([claims.role] if claims.role else [])]
    if claims.purpose is not None:
        words.append(f"for {Purpose(claims.purpose).name.lower()} objects")
    if claims.depth:
        words.append(f"{claims.depth} may follow")
    return ", ".join(words)


def _status(credential: Credential, lists: StatusLists | None, now: float) -> str:
    status = credential.claims.status
    if status is None:
        return "cannot be revoked by itself"
    place = _place_of(status)
    if lists is None:
        return place
    try:
        lists.check(credential.cwt, now)
    except ProtocolError as error:
        revoked = lists.revokes(credential.cwt)
        return f"{place}: {'revoked' if revoked else error.detail.removeprefix('status of the credential: ')}"
    return f"{place}: not revoked"


def _fit(lines: Iterable[str]) -> str:
    """Return lines fit for a terminal: what somebody was called must not add to them, or move a person's cursor."""
    return "\n".join(printable(line.replace("\n", " ")) for line in lines)


def _place_of(status: StatusReference | None) -> str:
    return "cannot be taken back by itself" if status is None else f"place {status.index} of {status.uri}"


def _lists(options: argparse.Namespace, now: float) -> StatusLists:
    """Return the list that was given, judged by whom the zone says signs it. Raises :class:`Mistake`."""
    lists = StatusLists()
    lists.admit([read_status_issuer(options.anchor)])
    path: Path = options.status
    try:
        lists.take(lists.judge(path.read_bytes(), now))
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from error
    except ProtocolError as error:
        raise Mistake(f"{path} is no list of this zone: {error.detail}") from error
    return lists


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return str(seconds)
