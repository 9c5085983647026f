"""``picosec object``: keys for objects, and objects (spec/v1/objects.md)."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli.key_files import CURVES, new_kid
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.object_files import (
    PURPOSES,
    ObjectKey,
    key_label,
    read_group_key,
    read_object_key,
    write_group_key,
    write_object_key,
)
from picosec.cli.private import Keeper, keeper
from picosec.cli.request import add_value_arguments, value_of
from picosec.cli.tables import must_be_new
from picosec.cli.vaults import add_vault_argument
from picosec.crypto.curves import Curve
from picosec.messaging.coap import Code
from picosec.net.storage import FileStorage
from picosec.objects.compose import group_object, sealed_object
from picosec.objects.inbox import form_of
from picosec.objects.keys import GroupKey, SenderKey
from picosec.objects.request import CarriedRequest
from picosec.objects.statement import MAX_SIZE, Statement
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec.roles.objects import FORMATS

METHODS: Final = {"PUT": Code.PUT, "POST": Code.POST, "DELETE": Code.DELETE}
#: Curves whose keys agree on secrets, so that something can be sealed to them.
_READING: Final = (Curve.P256, Curve.X25519)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, options and examples of the command."""
    parser.description = """Make keys for objects, and objects: requests that a device may get days later and from
anybody's hand, signed by you and sealed for it."""
    parser.epilog = """examples:
  picosec object key lamp.key.toml; picosec object key me.key.toml
      each with its public half, such as lamp.key.public.toml
  picosec device --objects lamp.key.toml --objects me.key.public.toml --vault vault/lamp.toml --memory card/lamp.memory
      takes objects of mine, once each
  picosec object make on.cose true --path /actuators/lamp --as me.key.toml --for lamp.key.public.toml
  picosec post coap://localhost/ps/objects --file on.cose --format 96
  picosec object group home.group.toml --unsealed
      a key for several devices: copy the file to each, and seal it there, with `picosec seal home.group.toml`
  picosec object make on.cose true --path /actuators/lamp --as me.key.toml --group home.group.toml

exit codes: 0 done · 2 a mistake in the command or its files
"""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("made", type=Path, metavar="FILE", help="what is made")
    keys = parser.add_argument_group("key, group")
    keys.add_argument("--purpose", choices=PURPOSES, default="platform", help="what it is for (default: platform)")
    keys.add_argument("--kid", metavar="HEX", help="key identifier (default: four random bytes)")
    keys.add_argument("--curve", choices=CURVES, default="P-256", help="key: Ed25519 signs, X25519 reads, P-256 both")
    keys.add_argument("--reads", action="store_true", help="key: a P-256 key in a token reads instead of signing")
    add_vault_argument(keys, "what seals and opens private keys", making=True)
    make = parser.add_argument_group("make")
    make.add_argument("--path", help="of the resource that it asks for")
    make.add_argument("--method", choices=METHODS, default="PUT", help="default: PUT")
    make.add_argument("--as", dest="signer", type=Path, metavar="FILE", help="your key; it counts in FILE.state")
    make.add_argument("--for", dest="reader", type=Path, metavar="FILE", help="the public half of the device's key")
    make.add_argument("--group", type=Path, metavar="FILE", help="for all members of a group instead")
    make.add_argument("--open", action="store_true", help="sign only: everybody may read it")
    make.add_argument("--lasts", type=int, metavar="S", help="seconds until nobody takes it any more")
    add_value_arguments(parser)


@explained
def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    with ExitStack() as opened:
        return ACTIONS[options.action](options, keeper(options.vault, opened, unsealed=options.unsealed))


def _key(options: argparse.Namespace, keys: Keeper) -> int:
    curve, kid, purpose = CURVES[options.curve], new_kid(options.kid), PURPOSES[options.purpose]
    if options.reads and curve is Curve.ED25519:
        raise Mistake("an Ed25519 key reads nothing: use P-256 or X25519")
    signs = curve is not Curve.X25519 and not options.reads
    handle, private = keys.make(curve, lambda public: key_label(SenderKey(kid, public, purpose)), signs=signs)
    public_path = write_object_key(options.made, SenderKey(kid, keys.vault.public(handle), purpose), private)
    print(f"{options.made}  {private.described}")
    print(f"{public_path}  the public half: for those who shall take its objects, or seal objects to it")
    return DONE


def _group(options: argparse.Namespace, keys: Keeper) -> int:
    private = write_group_key(options.made, new_kid(options.kid), PURPOSES[options.purpose], keys)
    said = "the key, sealed" if private.sealed else "the key: carry it to each member, and `picosec seal` it there"
    print(f"{options.made}  {said}")
    return DONE


def _make(options: argparse.Namespace, keys: Keeper) -> int:
    if options.signer is None or options.path is None or (options.reader is None) == (options.group is None):
        raise Mistake("make takes --as, your key, --path, and either --for or --group")
    must_be_new(options.made)
    signer = read_object_key(options.signer, private=True)
    reader = None if options.reader is None else read_object_key(options.reader, private=False).sender
    group = None if options.group is None else read_group_key(options.group, keys)
    if reader is not None and not options.open and reader.key.curve not in _READING:
        raise Mistake(f"{options.reader}: nothing can be sealed to a key on {reader.key.curve.name}; add --open")
    other = reader or group
    if other is not None and other.purpose is not signer.sender.purpose:
        raise Mistake(f"{options.signer} is for {signer.sender.purpose.name.lower()} objects, the other key is not")
    made = _made(options, keys, signer, reader, group)
    options.made.write_bytes(made)
    format_ = FORMATS[form_of(made)]
    print(f"{options.made}  {len(made)} bytes: `picosec post URL/ps/objects --file {options.made} --format {format_}`")
    return DONE


def _made(
    options: argparse.Namespace, keys: Keeper, signer: ObjectKey, reader: SenderKey | None, group: GroupKey | None
) -> bytes:
    payload, content_format = value_of(options)
    inside = CarriedRequest(METHODS[options.method], options.path, content_format if payload else None, payload)
    recipient, now = (reader or group), int(time.time())
    assert recipient is not None
    own = signer.own(keys, options.signer.stem)
    expires = None if options.lasts is None else now + options.lasts
    storage = FileStorage(options.signer.with_name(options.signer.name + ".state"))
    try:
        number = storage.reserve("object", 1)
    finally:
        storage.close()
    statement = Statement(
        signer.sender.kid,
        recipient.kid,
        signer.sender.purpose,
        number,
        now,
        CONTENT_FORMAT_CBOR,
        inside.encode(),
        expires,
    )
    made = statement.sign(keys.vault, own).encode()
    if group is not None:
        made = group_object(made, group, os.urandom)
    elif reader is not None and not options.open:
        made = sealed_object(made, reader.purpose, reader.key, reader.kid, keys.vault, os.urandom)
    if len(made) > MAX_SIZE:
        raise Mistake(f"an object of {len(made)} bytes is taken by nobody: {MAX_SIZE} are the most")
    return made


ACTIONS: Final = {"key": _key, "group": _group, "make": _make}
