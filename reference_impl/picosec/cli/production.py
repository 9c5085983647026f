"""A device for use, out of files that a command line names: what test builds are given over the wire, it has here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from picosec.cli.mistakes import Mistake, complain
from picosec.cli.vaults import own_token
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import KeptKeys, Vault, software_vault
from picosec.errors import ProtocolError
from picosec.net.clock import SystemClock
from picosec.net.storage import FileShelf, StorageError
from picosec.roles.device import Device
from picosec.roles.keyring import DEFAULT_POLICY, Keyring


def production(options: argparse.Namespace, opened: ExitStack) -> tuple[Device, SystemClock]:
    """Return the device and its clock; what stays open is closed with ``opened``. Raises :class:`Mistake`."""
    _check(options)
    policy = replace(DEFAULT_POLICY, message_4=options.message_4)
    vault: Vault = software_vault(os.urandom)
    keys, channels = None, None
    named = options.vault or (own_token() if _own(options) else None)
    if named or options.channels or options.memory:
        from picosec.cli import rest

        own, trusted = _own(options), [*(options.trust or ()), *(options.trust_id or ())]
        kept = rest.keep(named, options.channels, options.memory, own, trusted, opened)
        vault, keys, channels = kept.vault, kept.keeper, kept.channels
    if isinstance(vault, KeptKeys):
        policy = replace(policy, suites=tuple(each for each in policy.suites if SUITES[each].curve in vault.curves()))
    keyring = Keyring(vault, policy)
    if channels is not None:
        keyring.add(channel_policy=replace(keyring.channel_policy, store=True))
    if _own(options) or options.trust:
        from picosec.cli.files import fill
        from picosec.cli.private import Keeper

        keys = keys or Keeper(vault)
        fill(keyring, opened, options.identity or (), options.trust or (), options.context or (), keys)
        if options.objects or options.id or options.attester or options.tokens:
            _fill_further(keyring, options, keys)
    _believe(keyring, options)
    if options.memory is not None:
        assert kept.memory is not None
        _remember(keyring, kept.sealing, kept.memory, options)
    if (options.identity or options.id) and not (options.trust or options.trust_id or options.anchor):
        complain("nobody is trusted, so nobody can open a channel: name who may with --trust")
    return Device(os.urandom, keyring, name=options.name, shelf=channels), SystemClock()


def _own(options: argparse.Namespace) -> list[Path]:
    """Return the files that may have secrets."""
    single = [path for path in (options.id, options.attester) if path]
    named = single, options.identity, options.objects, options.context, options.tokens
    return [path for files in named for path in files or ()]


def _check(options: argparse.Namespace) -> None:
    """Hold the options against one another, and say so when a key lies there for everybody who copies the file."""
    takes = "objects", "anchor", "status_issuer", "trust_id", "endorser", "need_endorser", "tokens"
    needy = [name for name in takes if getattr(options, name)]
    if needy and options.memory is None:
        name = f"--{needy[0].replace('_', '-')}"
        raise Mistake(f"{name} takes what must never be forgotten: add --memory, where it lies sealed, and --vault")
    for path in _plain(_own(options)):
        complain(f"{path} holds its private key as it is: `picosec seal {path}`")


def _plain(files: Sequence[Path]) -> Iterator[Path]:
    if files:
        from picosec.cli.tables import document

        for path in files:
            if any("private_key" in table for table in document(path).values() if isinstance(table, dict)):
                yield path


def _fill_further(keyring: Keyring, options: argparse.Namespace, keys: object) -> None:
    from picosec.cli.id_files import read_own
    from picosec.cli.object_files import add_object_keys
    from picosec.cli.private import Keeper

    assert isinstance(keys, Keeper)
    for path in options.objects or ():
        add_object_keys(keyring, path, keys)
    if options.id is not None:
        keyring.assume(read_own(options.id, keys))
    if options.attester is not None:
        from picosec.cli.attester_files import read_attester

        keyring.attester = read_attester(options.attester, keys)
    for path in options.tokens or ():
        from picosec.cli.token_files import add_token_keys

        add_token_keys(keyring, path, keys)


def _believe(keyring: Keyring, options: argparse.Namespace) -> None:
    """Believe zones, third parties, and whoever says what was revoked: the files of the former tell that too."""
    if options.anchor:
        from picosec.cli.zone_files import read_anchor

        keyring.chains.admit(read_anchor(path) for path in options.anchor)
    endorsers = [*(options.endorser or ()), *(options.need_endorser or ())]
    if endorsers:
        from picosec.cli.zone_files import read_endorser

        needed = [read_endorser(path).kid for path in options.need_endorser or ()]
        keyring.endorsements.admit(map(read_endorser, endorsers), needed)
    if options.anchor or options.status_issuer or endorsers:
        from picosec.cli.status_files import read_status_issuer

        paths = [*(options.anchor or ()), *(options.status_issuer or ()), *endorsers]
        keyring.status.admit(read_status_issuer(path) for path in paths)


def _remember(keyring: Keyring, sealing: Vault, shelf: FileShelf, options: argparse.Namespace) -> None:
    """Go on from what was taken in earlier lives, and store what will be."""
    from picosec.roles.memory import memory_of

    memory = memory_of(keyring, sealing, shelf)
    try:
        memory.recall()
    except StorageError:
        raise
    except ProtocolError as error:
        raise Mistake(
            f"{options.memory} is not what this device stored last, {error.detail}: put that back, or begin anew with "
            "another vault and other keys for objects"
        ) from error
    for path in options.trust_id or ():
        from picosec.cli.id_files import read_verified

        keyring.believe(read_verified(path))
    memory.begin()
