"""``picosec token``: anonymous tokens (spec/v1/identity-tokens.md)."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from picosec.cli.client import add_conversation_arguments, converse, show
from picosec.cli.mistakes import DONE, REFUSED, Mistake, complain, explained
from picosec.cli.private import Keeper, keeper
from picosec.cli.request import add_value_arguments, destination, value_of
from picosec.cli.scopes import read_scope
from picosec.cli.tables import must_be_new, replace_file
from picosec.cli.token_files import Terms, make_token_key, read_purse, read_source, write_purse
from picosec.crypto.p256 import encode_point
from picosec.errors import ProtocolError
from picosec.identity.token import MAX_COUNT, Token
from picosec.identity.token_issuer import ROOM
from picosec.identity.token_purse import Purse, fetching
from picosec.messaging.coap import Code, Type
from picosec.objects.request import CarriedRequest
from picosec.registry import CONTENT_FORMAT_TOKEN_REDEMPTION, CONTENT_FORMAT_TOKEN_RESPONSE
from picosec.roles import events
from picosec.roles.fetching import token_request

METHODS: Final = {"PUT": Code.PUT, "POST": Code.POST, "DELETE": Code.DELETE}
_DAY: Final = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, options and examples of the command."""
    parser.description = """Tokens that a device gives to those whom it knows, and takes, once each, from somebody
whom it cannot tell from all others who got some."""
    parser.epilog = """examples:
  picosec token new laundry.toml --allow "PUT /actuators/lamp" --each 4 --vault vault/lamp.toml
      on the device: laundry.toml issues tokens and takes them, laundry.public.toml is for those who get some
  picosec device --identity lamp.toml --trust me.public.toml --tokens laundry.toml \\
      --vault vault/lamp.toml --memory card/lamp.memory
  picosec token fetch my.purse --of laundry.public.toml --at coap://localhost --count 4 \\
      --identity me.toml --peer lamp.public.toml
      over a channel, so that the device knows who asks; it proves that the tokens are like all others
  picosec token spend on.token true --path /actuators/lamp --purse my.purse
  picosec post coap://localhost/ps/tokens/redeem --file on.token --format 65010
      days later, from anybody's hand, and without a channel

exit codes: 0 done · 1 the device refused · 2 a mistake in the command or its files · 3 no answer
"""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument(
        "made", type=Path, metavar="FILE", help="new: the keys; fetch: the purse; spend: the redemption"
    )
    new = parser.add_argument_group("new")
    new.add_argument("--allow", action="append", default=[], metavar="'PUT /PATH'", help="what a token is good for")
    new.add_argument("--each", type=int, metavar="N", help="how many tokens one peer gets")
    new.add_argument("--room", type=int, default=ROOM, metavar="N", help="how many there are in all (%(default)s)")
    new.add_argument("--days", type=float, metavar="N", help="how long they are good (default: for ever)")
    new.add_argument(
        "--unsealed", action="store_true", help="write private keys as they are: whoever copies FILE has them"
    )
    fetch = parser.add_argument_group("fetch")
    fetch.add_argument("--of", type=Path, metavar="FILE", help="the public half of the keys: whose tokens to take")
    fetch.add_argument("--at", metavar="URL", help="the device, coap://HOST[:PORT], or with --serial /")
    fetch.add_argument("--count", type=int, default=1, metavar="N", help=f"how many, up to {MAX_COUNT} (%(default)s)")
    spend = parser.add_argument_group("spend")
    spend.add_argument("--purse", type=Path, metavar="FILE", help="where the tokens lie")
    spend.add_argument("--path", help="of the resource that is asked for")
    spend.add_argument("--method", choices=METHODS, default="PUT", help="default: PUT")
    add_value_arguments(parser)
    add_conversation_arguments(parser, handshakes=True)


@explained
def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    if options.unsealed and options.action != "new":
        raise Mistake("--unsealed is for new: whoever copies a purse has the tokens, so it is always sealed")
    with ExitStack() as opened:
        return ACTIONS[options.action](options, keeper(options.vault, opened, unsealed=options.unsealed))


def _new(options: argparse.Namespace, keys: Keeper) -> int:
    scope = read_scope(options.allow)
    if scope is None or options.each is None:
        raise Mistake("new takes --allow, what a token is good for, and --each, how many tokens one peer gets")
    if not 0 < options.each <= options.room:
        raise Mistake(f"--each takes 1 to {options.room}, which --room allows in all, not {options.each}")
    if options.days is not None and not 0 < options.days <= 36_500:
        raise Mistake(f"--days takes more than 0 and at most 36500, not {options.days:g}")
    path: Path = options.made
    _check_folder(path)  # no key in a token without a file that names it
    expires = None if options.days is None else int(time.time() + options.days * _DAY)
    public = make_token_key(path, keys, Terms(scope, options.each, options.room, expires))
    print(f"{path}  the keys: `picosec device --tokens {path}`")
    print(f"{public}  the same file for all who get tokens: `picosec token fetch PURSE --of {public}`")
    return DONE


def _fetch(options: argparse.Namespace, keys: Keeper) -> int:
    path: Path = options.made
    if options.of is None or options.at is None:
        raise Mistake("fetch takes --of, the public half of `picosec token new`, and --at, the device")
    if options.identity is None and options.peer is None:
        raise Mistake("fetch takes --identity and --peer: tokens are given over a channel only")
    if not 0 < options.count <= MAX_COUNT:
        raise Mistake(f"--count takes 1 to {MAX_COUNT}, not {options.count}")
    _check_folder(path)  # tokens that came are counted, wherever they go
    source = read_source(options.of)
    tokens: list[Token] = []
    if path.exists():
        before, tokens = read_purse(path, keys)
        if (before.kid, encode_point(before.public)) != (source.kid, encode_point(source.public)):
            raise Mistake(f"{path} has tokens of another key than {options.of}: give each a purse of its own")
    place = destination(options.at, serial=options.serial is not None)
    if place.options:
        raise Mistake(f"{options.at!r}: give the device alone, coap://HOST[:PORT]")
    asked = fetching(source, options.count, os.urandom)
    message = replace(token_request(asked), type=Type.NON if options.non else Type.CON)
    outcome = converse(message, place, options).outcome
    match outcome:
        case events.Response(message=answer) if (answer.code, answer.content_format) == (
            Code.CONTENT,
            CONTENT_FORMAT_TOKEN_RESPONSE,
        ):
            pass
        case events.Response(message=answer) if answer.code == Code.CONTENT:
            complain(f"the answer is of Content-Format {answer.content_format}, which has no tokens")
            return REFUSED
        case _:
            return show(outcome, options)
    try:
        tokens += asked.finish(answer.payload)
    except ProtocolError as error:
        complain(f"the tokens are not taken, {error}: do not spend others of this device, it may tell people apart")
        return REFUSED
    write_purse(path, source, tokens, keys)
    print(f"{path}  {len(tokens)} tokens, sealed")
    return DONE


def _spend(options: argparse.Namespace, keys: Keeper) -> int:
    if options.purse is None or options.path is None:
        raise Mistake("spend takes --purse, where the tokens lie, and --path, of the resource that is asked for")
    if not options.path.startswith("/"):
        raise Mistake(f"--path takes a path such as /actuators/lamp, not {options.path!r}")
    must_be_new(options.made)
    _check_folder(options.made)
    source, tokens = read_purse(options.purse, keys)
    payload, content_format = value_of(options)
    purse = Purse(keys.vault)
    purse.admit([source])
    purse.put(tokens)
    if not tokens:
        raise Mistake(f"{options.purse} is empty: `picosec token fetch {options.purse}`")
    request = CarriedRequest(METHODS[options.method], options.path, content_format if payload else None, payload)
    made = purse.redeem(source.kid, request, os.urandom)
    write_purse(options.purse, source, tokens[1:], keys)  # a token in two redemptions would tie them together
    replace_file(options.made, made)
    print(f"{options.made}  {len(made)} bytes, {len(tokens) - 1} tokens left in {options.purse}")
    print(
        f"for the device: `picosec post URL/ps/tokens/redeem --file {options.made} "
        f"--format {CONTENT_FORMAT_TOKEN_REDEMPTION}`"
    )
    return DONE


def _check_folder(path: Path) -> None:
    if not path.resolve().parent.is_dir():
        raise Mistake(f"{path.resolve().parent}: there is no such folder")


ACTIONS: Final = {"new": _new, "fetch": _fetch, "spend": _spend}
