"""``picosec attest``: evidence of what a device runs (spec/v1/identity-attestation.md)."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from picosec.cli.attest_check import check
from picosec.cli.attester_files import (
    DEBUG,
    attester_label,
    check_maker,
    measured,
    read_code,
    read_ueid,
    write_attester,
)
from picosec.cli.client import add_conversation_arguments
from picosec.cli.files import public_half
from picosec.cli.key_files import CURVES, new_kid
from picosec.cli.mistakes import DONE, Mistake, explained
from picosec.cli.private import keeper
from picosec.cli.tables import must_be_new
from picosec.identity.attester import Attester

#: A UEID drawn at random (RFC 9711 section 4.2.1.1): its type, and the bytes after it.
_RANDOM_UEID, _UEID_LENGTH = b"\x01", 16
_SIGNING: Final = [name for name in CURVES if name != "X25519"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, options and examples of the command."""
    parser.description = """Let a device say what it runs and whether its debug ports are closed, signed and for
this channel and this question only; and judge what it says."""
    parser.epilog = """examples:
  picosec attest new lamp.attest.toml --code firmware=lamp.bin --debug disabled --vault vault/lamp.toml
      on the device: writes lamp.attest.toml, and lamp.attest.public.toml for those who ask
  picosec device --identity lamp.toml --trust me.public.toml --attester lamp.attest.toml --vault vault/lamp.toml
      measures lamp.bin at its start
  picosec attest check coap://localhost --attester lamp.attest.public.toml --identity me.toml --peer lamp.public.toml
      asks now, and says whether that is acceptable
  picosec attest check coap://localhost --attester lamp.attest.public.toml --code firmware=lamp-2.bin \\
      --identity me.toml --peer lamp.public.toml
      after an update: this file or the one from before

exit codes: 0 acceptable · 1 not so, or the device refused · 2 a mistake in the command or its files · 3 no answer
"""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument(
        "what", metavar="FILE|URL", help="new: the file that is made; check: coap://HOST[:PORT], or with --serial /"
    )
    parser.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="new: what runs; check: what may run, beside what the attester's file says",
    )
    new = parser.add_argument_group("new")
    new.add_argument(
        "--debug",
        choices=DEBUG,
        metavar="STATE",
        help=f"the state of the debug ports, which nobody can measure: {', '.join(DEBUG)}",
    )
    new.add_argument("--maker", metavar="HEX", help="names who made it: 16 bytes by chance, or the 3 of the IEEE")
    new.add_argument("--ueid", metavar="HEX", help="names the device for as long as it exists (default: by chance)")
    new.add_argument("--kid", metavar="HEX", help="key identifier (default: four random bytes)")
    new.add_argument("--curve", choices=_SIGNING, default="P-256", help="default: P-256")
    new.add_argument(
        "--unsealed", action="store_true", help="write the private key as it is: whoever copies FILE has it"
    )
    judging = parser.add_argument_group("check")
    judging.add_argument("--attester", type=Path, metavar="FILE", help="the public half: whom to believe, and how far")
    judging.add_argument(
        "--debug-disabled", action="store_true", help="debug ports have to be closed, whatever that file says"
    )
    judging.add_argument("--tampered", type=int, metavar="N", help="at most so often, and there has to be a sensor")
    add_conversation_arguments(parser, handshakes=True)


@explained
def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    return ACTIONS[options.action](options)


def _new(options: argparse.Namespace) -> int:
    path, code = Path(options.what), read_code(options.code)
    if options.debug is None:
        raise Mistake("new takes --debug, the state of the debug ports: say what is true, because evidence says it too")
    debug, kid = DEBUG[options.debug], new_kid(options.kid)
    ueid = _RANDOM_UEID + os.urandom(_UEID_LENGTH) if options.ueid is None else read_ueid(options.ueid, "--ueid")
    maker = _maker(options.maker)
    check_maker(debug, maker, "--maker")
    software = {name: measured(file) for name, file in code.items()}
    must_be_new(path, public_half(path))
    if not path.resolve().parent.is_dir():  # no key in a token without a file that names it
        raise Mistake(f"{path.resolve().parent}: there is no such folder")
    with ExitStack() as opened:
        keys = keeper(options.vault, opened, unsealed=options.unsealed)
        handle, private = keys.make(CURVES[options.curve], lambda key: attester_label(kid, key, ueid), signs=True)
        made = Attester(kid, handle, ueid, debug, software, maker)
        public_path = write_attester(path, made, keys.vault.public(handle), private, code)
    print(f"{path}  {private.described}: `picosec device --attester {path}`")
    print(f"{public_path}  for those who ask: `picosec attest check URL --attester {public_path}`")
    print(f"device {ueid.hex()}")
    return DONE


def _maker(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError as error:
        raise Mistake(f"--maker takes hexadecimal digits, not {text!r}") from error


ACTIONS: Final = {"new": _new, "check": check}
