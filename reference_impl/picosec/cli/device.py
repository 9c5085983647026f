"""``picosec device``: runs the reference device."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Hashable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

from picosec.cli.mistakes import DONE, Mistake, complain, explained
from picosec.net.clock import Clock
from picosec.net.loop import Agent, Link
from picosec.net.loop import run as run_loop
from picosec.net.serial import DEFAULT_BAUDRATE, open_serial
from picosec.net.stream import StreamTransport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and examples of the command."""
    parser.description = """Run the reference device: /ps/info for anyone, and over a channel a
thermometer at /sensors/temperature and a lamp at /actuators/lamp. Without a
link it serves UDP on this machine alone."""
    parser.epilog = """examples:
  picosec identity lamp.toml; picosec identity me.toml
  picosec device --identity lamp.toml --trust me.public.toml
  picosec get coap://localhost/sensors/temperature --identity me.toml --peer lamp.public.toml
      in another window
  picosec device --udp :5683 --context hall.device.toml
      for the whole network, with an OSCORE context
  picosec device --identity lamp.toml --trust me.public.toml --vault vault/lamp.toml --channels lamp.channels
      its channels outlive it
  picosec device --objects lamp.key.toml --objects me.key.public.toml --vault vault/lamp.toml --memory card/lamp.memory
      takes objects, each once (see `picosec object`); what it took outlives it
  picosec device --id lamp.toml --trust-id me.history --vault vault/lamp.toml --memory card/lamp.memory
      identities that outlive their keys, on both sides (see `picosec id`)
  picosec device --identity lamp.toml --anchor home.public.toml --vault vault/lamp.toml --memory card/lamp.memory
      takes whoever belongs to a zone (see `picosec cred`)
  picosec device --identity lamp.toml --trust me.public.toml --attester lamp.attest.toml --vault vault/lamp.toml
      says over a channel what it runs, and that nobody opened it (see `picosec attest`)
  picosec device --identity lamp.toml --anchor home.public.toml --need-endorser works.public.toml \\
      --vault vault/lamp.toml --memory card/lamp.memory
      takes whoever belongs to a zone and has the word of a third party (see `picosec cred endorse`)
  picosec identity lamp.toml --vault "$token"
  picosec device --identity lamp.toml --trust me.public.toml --vault "$token"
      its key lies in a secure element and never leaves; $token is, say,
      'pkcs11:token=lamp?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/lamp.pin'
  picosec device --tcp --ws localhost:8080 --identity lamp.toml --trust me.public.toml
      CoAP over TCP and over WebSocket
  picosec device --serial /dev/ttyUSB0 --baudrate 115200
  picosec device --stdio --test-interface
      a test build, as `picosec certify` runs it

exit codes: 0 the other end closed, or somebody stopped it · 2 a mistake in the command or its files
"""
    link = parser.add_argument_group("links (any number of them)")
    link.add_argument("--udp", action="append", metavar="HOST[:PORT]", help="where to listen; :PORT for all addresses")
    link.add_argument(
        "--tcp", action="append", nargs="?", const="localhost", metavar="HOST[:PORT]", help="likewise, for TCP"
    )
    link.add_argument(
        "--ws", action="append", nargs="?", const="localhost", metavar="HOST[:PORT]", help="likewise, for WebSocket"
    )
    link.add_argument("--serial", action="append", metavar="TTY", help="slipmux frames on a serial line")
    link.add_argument(
        "--baudrate", type=int, default=DEFAULT_BAUDRATE, metavar="N", help="of serial lines (%(default)s)"
    )
    link.add_argument(
        "--stdio", action="store_true", help="slipmux frames on standard input and output, with which the device ends"
    )
    keys = parser.add_argument_group("keys (without any, only open resources answer)")
    keys.add_argument("--identity", type=Path, action="append", metavar="FILE", help="an identity of the device")
    keys.add_argument(
        "--trust", type=Path, action="append", metavar="FILE", help="a public half: who may open a channel"
    )
    keys.add_argument("--context", type=Path, action="append", metavar="FILE", help="an OSCORE context")
    keys.add_argument("--id", type=Path, metavar="FILE", help="the identity that outlives its keys, of `picosec id`")
    keys.add_argument(
        "--trust-id", type=Path, action="append", metavar="FILE", help="a history: who may open a channel, key by key"
    )
    keys.add_argument(
        "--objects",
        type=Path,
        action="append",
        metavar="FILE",
        help="a key of `picosec object`: the device's own, the public half of a sender's, or of a group",
    )
    keys.add_argument(
        "--anchor",
        type=Path,
        action="append",
        metavar="FILE",
        help="the public half of a zone: who has its credentials may do what they say, until they are revoked",
    )
    keys.add_argument(
        "--status-issuer", type=Path, action="append", metavar="FILE", help="whose lists of what was revoked it takes"
    )
    keys.add_argument(
        "--endorser",
        type=Path,
        action="append",
        metavar="FILE",
        help="the public half of a third party (`picosec cred new`): what it says of others is taken",
    )
    keys.add_argument(
        "--need-endorser",
        type=Path,
        action="append",
        metavar="FILE",
        help="the same, and whoever has an identity or belongs to a zone opens a channel with its word only",
    )
    keys.add_argument(
        "--attester", type=Path, metavar="FILE", help="by what it says what it runs: the file of `picosec attest new`"
    )
    keys.add_argument(
        "--tokens",
        type=Path,
        action="append",
        metavar="FILE",
        help="by what it issues anonymous tokens to peers, and takes them: the file of `picosec token new`",
    )
    keys.add_argument("--message-4", action="store_true", help="confirm each handshake with message_4")
    rest = parser.add_argument_group(
        "what outlives the process",
        "A token is named by a PKCS#11 URI (RFC 7512) with token= or serial=, and object=\n"
        "where several vaults share one. Its library: module-path=, or PICOSEC_PKCS11_MODULE.\n"
        "Its PIN: in the file of pin-source=, or PICOSEC_PIN, and never in the URI, because\n"
        "everybody sees command lines.",
    )
    rest.add_argument(
        "--vault",
        metavar="FILE|URI",
        help="key and counters in a file, made if not there, which must never be put back; or a token, pkcs11:…",
    )
    rest.add_argument(
        "--channels", type=Path, metavar="FILE", help="where channels lie sealed, in another folder than the vault"
    )
    rest.add_argument(
        "--memory",
        type=Path,
        metavar="FILE",
        help="where it lies sealed what was taken: objects, lists, histories; in another folder than the vault",
    )
    parser.add_argument("--name", default="PicoSec reference device", help="what /ps/info says (%(default)s)")
    parser.add_argument(
        "--test-interface",
        action="store_true",
        help="a test build: anyone sets its keys and clock, so never deploy it",
    )


@explained
def run(options: argparse.Namespace) -> int:
    """Serve until every link has ended, whoever holds standard input lets go, or somebody stops it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with suppress(KeyboardInterrupt, _Stopped), ExitStack() as opened:
        agent, clock = _test_build(options) if options.test_interface else _production(options, opened)
        transports = _open(options, opened)
        forgeable = {index for index, link in enumerate(transports) if link.forgeable}
        agent.mind(lambda peer: isinstance(peer, tuple) and peer[0] in forgeable)
        if transports[0].name != "stdio":
            what = "TEST BUILD, keys for anyone, " if options.test_interface else ""
            names = ", ".join(each.name for each in transports)
            print(f"picosec device: {what}serving {names}", file=sys.stderr, flush=True)
        # Who started it over standard input has no other way to end it, and further links never end by themselves.
        holder = transports[-1] if options.stdio else None
        run_loop(agent, transports, clock, lambda: isinstance(holder, StreamTransport) and holder.ended)
    return DONE


class _Party(Agent, Protocol):
    """What serves: a device, or the test build of one."""

    def mind(self, forgeable: Callable[[Hashable], bool]) -> None:
        """Take it that of these peers the address may be forged."""


class _Stopped(BaseException):
    """Somebody asked the process to end. State is changed last in every step, so it may end anywhere."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped


def _test_build(options: argparse.Namespace) -> tuple[_Party, Clock]:
    given = "identity", "trust", "context", "id", "trust_id", "objects", "anchor", "status_issuer"
    for name in (*given, "endorser", "need_endorser", "attester", "tokens"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise Mistake(f"a test build gets its keys through the Test Interface: leave out {option}")
    if options.vault or options.channels or options.memory:
        raise Mistake("a test build loses power only by the Test Interface: leave out --vault, --channels and --memory")
    from picosec.roles.test_interface import TestBuild

    build = TestBuild(options.name)
    return build, build.clock


def _production(options: argparse.Namespace, opened: ExitStack) -> tuple[_Party, Clock]:
    from picosec.cli.production import production

    return production(options, opened)


def _open(options: argparse.Namespace, opened: ExitStack) -> list[Link]:
    """Open the links; standard output last, because from then on it is not for people."""
    addresses = options.udp or []
    if not any((addresses, options.tcp, options.ws, options.serial, options.stdio)):
        addresses = ["localhost"]
    transports: list[Link] = []
    for text in addresses:
        from picosec.net import udp

        host, port = _address(text, "--udp")
        transports += udp.listen(host, udp.DEFAULT_PORT if port is None else port)
    for text in options.tcp or []:
        from picosec.net import tcp

        host, port = _address(text, "--tcp")
        transports += tcp.listen(host, tcp.DEFAULT_PORT if port is None else port)
    for text in options.ws or []:
        from picosec.net import websocket

        host, port = _address(text, "--ws")
        transports += websocket.listen(host, websocket.DEFAULT_PORT if port is None else port)
    for path in options.serial or []:
        transports.append(open_serial(path, options.baudrate))
    if options.stdio:
        from picosec.net.stdio import open_stdio

        if sys.stdin is not None and sys.stdin.isatty():
            complain("waiting for slipmux frames; --stdio is for programs, people use --udp (Ctrl-D ends)")
        transports.append(open_stdio())
    for transport in transports:
        opened.callback(transport.close)
    return transports


def _address(text: str, option: str) -> tuple[str | None, int | None]:
    """Split ``HOST``, ``HOST:PORT``, ``:PORT``, ``[IPV6]`` or ``[IPV6]:PORT``. Raises :class:`Mistake`."""
    match = re.fullmatch(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?", text)
    if match is None or int(match["port"] or 0) > 65535:
        raise Mistake(f"{option} takes HOST, HOST:PORT, :PORT or [IPV6]:PORT, not {text!r}")
    return match["ipv6"] or match["host"] or None, None if match["port"] is None else int(match["port"])
