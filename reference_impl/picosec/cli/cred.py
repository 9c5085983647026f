"""``picosec cred``: credentials of a zone, and chains of them (spec/v1/identity-credentials.md)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli import cred_check, cred_endorse, cred_make
from picosec.cli.id_files import CURVES
from picosec.cli.mistakes import explained
from picosec.cli.private import Keeper, keeper
from picosec.cli.vaults import add_vault_argument
from picosec.identity.statement import Kind

KINDS: Final = {kind.name.lower(): kind for kind in Kind}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, options and examples of the command."""
    parser.description = """Say who belongs to a zone and what he may do there, let him pass on a part of it, and
take it back. Devices that know the zone's public half judge all of it without a network."""
    parser.epilog = """examples:
  picosec cred new home.toml
      a zone: home.toml signs, home.public.toml is for its devices, home.status is the list of what was revoked
  picosec cred issue you.cred --zone home.toml --to you.history --role owner --depth 1
  picosec cred delegate guest.cred --of you.cred --key you.toml --to guest.public.toml --days 2 \\
      --allow "GET,PUT /actuators/lamp"
      you let a guest do a part of what you may, without asking the zone
  picosec cred verify guest.cred --anchor home.public.toml --status home.status
  picosec device --identity lamp.toml --anchor home.public.toml --vault vault/lamp.toml --memory card/lamp.memory
  picosec put coap://localhost/ps/status --file home.status --format 279
  picosec post coap://localhost/ps/credentials --file guest.cred --format 65006
  picosec get coap://localhost/actuators/lamp --identity guest.toml --credential guest.cred --peer lamp.public.toml
  picosec cred revoke you.cred --zone home.toml
      and whoever got his from it; then hand home.status to the devices
  picosec cred renew you.cred --zone home.toml
      the same, for as long again
  picosec cred list home.toml
      the list anew: devices believe one for 30 days, and a week more
  picosec cred new works.toml; picosec cred endorse tested.endorsement --by works.toml --about lamp.history \\
      --name "tested for safety" --attribute volts=230 --days 730
      what a third party says of an identity, for devices that take its word (`picosec device --endorser`)
  picosec post coap://localhost/ps/endorsements --file tested.endorsement --format 65007

exit codes: 0 done · 1 the chain does not hold · 2 a mistake in the command or its files
"""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("file", type=Path, metavar="FILE", help="new, list: the zone; else what is made, or judged")
    parser.add_argument("--zone", type=Path, metavar="FILE", help="issue, renew, revoke: the zone")
    parser.add_argument("--anchor", type=Path, metavar="FILE", help="verify: the public half of the zone")
    parser.add_argument("--status", type=Path, metavar="FILE", help="verify: the list of what was revoked")
    parser.add_argument("--by", type=Path, metavar="FILE", help="endorse: the third party, made with new as a zone is")
    parser.add_argument("--about", type=Path, metavar="FILE", help="endorse: the history of whom it speaks")
    add_vault_argument(parser, "what seals and opens private keys", making=True)
    said = parser.add_argument_group(
        "what a credential says (issue, delegate; of these endorse takes name, attribute, days, irrevocable)"
    )
    said.add_argument("--to", type=Path, metavar="FILE", help="of whom: a history, or a public half")
    said.add_argument("--of", type=Path, metavar="FILE", help="delegate: the chain of whoever delegates")
    said.add_argument("--key", type=Path, metavar="FILE", help="delegate: the identity of whoever delegates")
    said.add_argument("--allow", action="append", default=[], metavar="'GET,PUT /PATH'", help="default: everything")
    said.add_argument("--role", default="", help="such as owner, guest")
    said.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE", help="such as floor=2")
    said.add_argument("--name", default="", help="for people (default: that of the file, endorse: none)")
    said.add_argument("--kind", choices=KINDS, help="default: what the history says, else device")
    said.add_argument("--code", type=Path, metavar="FILE", help="the code that an application is bound to")
    said.add_argument("--depth", type=int, default=0, metavar="N", help="how many more may follow, 0 to 3 (default: 0)")
    said.add_argument("--days", type=float, default=365.0, metavar="N", help="how long it holds (default: %(default)g)")
    said.add_argument("--irrevocable", action="store_true", help="issue, endorse: without a place in the list")
    new = parser.add_argument_group("new")
    new.add_argument("--curve", choices=CURVES, default="P-256", help="of both keys (default: P-256)")
    new.add_argument("--uri", help="the name of the list (default: urn:picosec: and the zone)")


@explained
def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    if options.action == "verify":
        return cred_check.verify(options)
    with ExitStack() as opened:
        return _WITH_KEYS[options.action](options, keeper(options.vault, opened, unsealed=options.unsealed))


_WITH_KEYS: Final[dict[str, Callable[[argparse.Namespace, Keeper], int]]] = {
    "new": cred_make.new,
    "issue": cred_make.issue_one,
    "delegate": cred_make.delegate,
    "endorse": cred_endorse.endorse,
    "renew": cred_make.renew,
    "revoke": cred_check.revoke,
    "list": cred_check.renew_list,
}
ACTIONS: Final = ("new", "issue", "delegate", "endorse", "verify", "revoke", "renew", "list")
