"""``picosec id``: an identity that outlives its keys (spec/v1/identity-history.md)."""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from picosec.cli.id_files import (
    CURVES,
    history_path,
    new_emergency_key,
    read_any,
    read_own,
    read_safe,
    sealing_label,
    write_own,
    write_safe,
)
from picosec.cli.mistakes import DONE, REFUSED, Mistake, complain, explained
from picosec.cli.private import Keeper, keeper
from picosec.cli.tables import must_be_new
from picosec.cli.vaults import add_vault_argument
from picosec.errors import ProtocolError
from picosec.identity.history import History, Known, is_emergency
from picosec.identity.keys import HASH_SIZE, thumbprint
from picosec.identity.own import OwnIdentity, new_identity
from picosec.identity.statement import Kind

KINDS = {kind.name.lower(): kind for kind in Kind}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, options and examples of the command."""
    parser.description = """Make an identity that stays the same when its keys change, and follow those of others.
FILE is for its owner, with the key sealed by a vault; the history beside it is for everybody; the key for emergencies
belongs into a safe, and is not sealed, since the vault may be what was lost."""
    parser.epilog = """examples:
  picosec id new lamp.toml
      writes lamp.toml, lamp.history for everybody, and lamp.safe.toml, which you put somewhere else
  picosec id show lamp.history
      who it is, and which keys it has had
  picosec id rotate lamp.toml
      a new key, signed by the old one
  picosec id rotate lamp.toml --vault 'pkcs11:token=lamp?pin-source=/etc/lamp.pin'
      a new key that is made in a token, and stays there
  picosec id recover lamp.toml --safe lamp.safe.toml --next lamp.safe-2.toml
      the key was stolen: the one from the safe takes its place, and another one goes into the safe
  picosec id verify lamp.history --identifier 5f0c…
      whether a history is that of this identity; with --known OLD.history, whether it goes on from there

exit codes: 0 done · 1 the history does not hold · 2 a mistake in the command or its files
"""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("file", type=Path, metavar="FILE", help="an identity, such as lamp.toml, or a history")
    parser.add_argument("--kind", choices=KINDS, default="device", help="new: what has the identity (default: device)")
    parser.add_argument("--curve", choices=CURVES, default="P-256", help="new: of both keys (default: P-256)")
    add_vault_argument(parser, "what seals and opens the private key", making=True)
    parser.add_argument("--safe", type=Path, metavar="FILE", help="recover: the key for emergencies")
    parser.add_argument("--next", type=Path, metavar="FILE", help="recover: where the next such key goes")
    parser.add_argument("--identifier", metavar="HEX", help="verify: whose history it has to be")
    parser.add_argument("--known", type=Path, metavar="FILE", help="verify: a history that is believed already")


@explained
def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    with ExitStack() as opened:
        if options.action in _READING:
            return _READING[options.action](options)
        keys = keeper(options.vault, opened, unsealed=options.unsealed)
        return _CHANGING[options.action](options, keys)


def _new(options: argparse.Namespace, keys: Keeper) -> int:
    curve, safe = CURVES[options.curve], options.file.with_suffix(".safe.toml")
    must_be_new(options.file, history_path(options.file), safe)
    emergency = new_emergency_key(keys, curve)
    handle, private = keys.make(curve, sealing_label, signs=True)
    committed = thumbprint(keys.vault.public(emergency.handle))
    identity = new_identity(keys.vault, handle, committed, KINDS[options.kind], int(time.time()))
    write_safe(safe, emergency)
    public = write_own(options.file, identity, private)
    print(f"{options.file}  the identity: {private.described}")
    print(f"{public}  its history: for everybody")
    print(f"{safe}  the key for emergencies: put it where the identity is not")
    print(f"identifier {identity.identifier.hex()}")
    return DONE


def _show(options: argparse.Namespace) -> int:
    history = read_any(options.file)
    print(_described(history))
    return _told(_judged(options.file, Known(history.identifier), history))


def _rotate(options: argparse.Namespace, keys: Keeper) -> int:
    identity = read_own(options.file, keys)
    handle, private = keys.make(identity.history.key.curve, sealing_label, signs=True)
    after = identity.rotate(keys.vault, handle, int(time.time()))
    public = write_own(options.file, after, private)
    print(f"{public}  has statement {len(after.history.statements) - 1}: hand it to those who trust this identity")
    return DONE


def _recover(options: argparse.Namespace, keys: Keeper) -> int:
    if options.safe is None or options.next is None:
        raise Mistake("recover takes --safe, the key for emergencies, and --next, where the next one goes")
    history, key = read_any(options.file), read_safe(options.safe, keys)
    must_be_new(options.next)
    if _judged(options.file, Known(history.identifier), history) != DONE:
        return REFUSED
    public_key = keys.vault.public(key.handle)
    if thumbprint(public_key) != history.statements[-1].statement.committed:
        raise Mistake(f"{options.safe} does not hold the key that this identity committed to")
    following, kept = new_emergency_key(keys, key.curve), options.file.with_suffix(".toml")
    committed = thumbprint(keys.vault.public(following.handle))
    after = OwnIdentity(history, key.handle).recover(keys.vault, key.handle, committed, int(time.time()))
    write_safe(options.next, following)
    public = write_own(kept, after, keys.seal(key.plain, sealing_label(public_key)))
    print(f"{kept}  has the key from the safe; {options.safe} is used up")
    print(f"{public}  tells it: hand it to those who trust this identity")
    print(f"{options.next}  the next key for emergencies: put it where the identity is not")
    return DONE


def _verify(options: argparse.Namespace) -> int:
    history = read_any(options.file)
    if options.known is None and options.identifier is None:
        raise Mistake("verify takes --identifier, --known, or both: a history alone says nothing about whom you trust")
    known = Known(history.identifier if options.identifier is None else _identifier(options.identifier))
    if options.known is not None:
        earlier = read_any(options.known)
        if options.identifier is None:
            known = Known(earlier.identifier)
        if earlier.identifier != known.identifier:
            raise Mistake(f"{options.known} is the history of another identity")
        known = known.follow(earlier)
    if history.identifier != known.identifier:
        complain(f"{options.file} is the history of another identity: {history.identifier.hex()}")
        return REFUSED
    code = _told(_judged(options.file, known, history))
    if code == DONE:
        print(f"current key {thumbprint(history.key).hex()}")
    return code


_READING = {"show": _show, "verify": _verify}
_CHANGING = {"new": _new, "rotate": _rotate, "recover": _recover}
ACTIONS = ("new", "show", "rotate", "recover", "verify")


def _judged(path: Path, known: Known, history: History) -> int:
    try:
        known.follow(history)
    except ProtocolError as error:
        complain(f"{path}: {error}")
        return REFUSED
    return DONE


def _told(code: int) -> int:
    if code == DONE:
        print("every statement is signed by whom it has to be")
    return code


def _identifier(text: str) -> bytes:
    try:
        identifier = bytes.fromhex(text)
    except ValueError as error:
        raise Mistake(f"--identifier takes hexadecimal digits, not {text!r}") from error
    if len(identifier) != HASH_SIZE:
        raise Mistake(f"an identifier has {HASH_SIZE} bytes, {2 * HASH_SIZE} digits")
    return identifier


def _described(history: History) -> str:
    kind = history.statements[0].statement.kind
    lines = [f"identifier  {history.identifier.hex()}", f"kind        {kind.name.lower() if kind is not None else '?'}"]
    for number, signed in enumerate(history.statements):
        what = "begun" if not number else "emergency" if is_emergency(history, number) else "rotation"
        key = signed.statement.key
        name = next(name for name, curve in CURVES.items() if curve is key.curve)
        lines.append(f"{number:>2}  {_date(signed.statement.issued)}  {what:<9}  {name:<7}  {thumbprint(key).hex()}")
    return "\n".join(lines)


def _date(issued: int) -> str:
    try:
        return f"{datetime.fromtimestamp(issued, UTC):%Y-%m-%d %H:%M}" if issued else "no date         "
    except (OverflowError, ValueError, OSError):
        return f"{issued:<16}"
