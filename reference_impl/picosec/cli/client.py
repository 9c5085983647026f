"""What ``picosec get``, ``put`` and ``post`` share: one request to a device, over a channel if that is wanted."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from picosec.channel.credentials import Usage
from picosec.cli.files import Identity, fill, read_identity
from picosec.cli.mistakes import DONE, EXIT_CODES, NO_ANSWER, REFUSED, Mistake, complain
from picosec.cli.present import content, refusal, status
from picosec.cli.private import Keeper, keeper
from picosec.cli.request import Place, destination, request
from picosec.cli.vaults import add_vault_argument
from picosec.cli.waiting import Waiting, Watching
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import KeptKeys, software_vault
from picosec.messaging.blocks import BLOCK_SIZES
from picosec.messaging.coap import Code, Message
from picosec.net import udp
from picosec.net.clock import SystemClock
from picosec.net.connection import Connection
from picosec.net.loop import Link
from picosec.net.loop import run as run_loop
from picosec.net.serial import DEFAULT_BAUDRATE, open_serial
from picosec.net.transport import TransportError
from picosec.registry import TEXT, Problem
from picosec.roles import events
from picosec.roles.app import App
from picosec.roles.keyring import DEFAULT_POLICY, Keyring

#: The device, as the loop names the peer of the only transport.
PEER: Final = (0, None)
#: Seconds until a person gives up.
PATIENCE: Final = 30.0
#: The EDHOC method for what the keys of initiator and responder are for.
METHODS: Final = {
    (Usage.SIGNATURE, Usage.SIGNATURE): 0,
    (Usage.SIGNATURE, Usage.STATIC_DH): 1,
    (Usage.STATIC_DH, Usage.SIGNATURE): 2,
    (Usage.STATIC_DH, Usage.STATIC_DH): 3,
}
#: What a person may do when a handshake fails.
ADVICE: Final = {
    Problem.UNKNOWN_CREDENTIAL: ": give the device your public half with --trust, and name its own with --peer",
    Problem.BAD_CREDENTIAL: ": are --identity and --peer the files that the device knows?",
    Problem.AUTHENTICATION_FAILED: ": are --identity and --peer the files that the device knows?",
    Problem.UNSUPPORTED_METHOD: ": does the device have an identity (--identity)?",
}

#: The same for who shows the credential of a zone.
ZONE_ADVICE: Final = {
    **ADVICE,
    Problem.UNKNOWN_CREDENTIAL: ": hand the device the chain first, `picosec post URL/ps/credentials --format 65006`",
    Problem.BAD_CREDENTIAL: ": has it ended or been revoked, or does the device lack the zone's list or its --anchor?",
}


def add_common_arguments(parser: argparse.ArgumentParser, examples: str) -> None:
    """Declare what every request has."""
    parser.epilog = f"examples:\n{examples}\n{EXIT_CODES}"
    url = "coap://HOST[:PORT]/PATH, the same with coap+tcp or coap+ws, or with --serial /PATH alone"
    parser.add_argument("url", metavar="URL", help=url)
    add_conversation_arguments(parser)
    parser.add_argument("--accept", type=int, metavar="N", help="the only Content-Format that you take")


def add_conversation_arguments(parser: argparse.ArgumentParser, *, handshakes: bool = False) -> None:
    """Declare what says how to talk to a device; with ``handshakes``, over a channel that EDHOC opens and no other."""
    without = "this takes a channel" if handshakes else "without any, only open resources answer"
    protection = parser.add_argument_group(f"protection ({without})")
    protection.add_argument("--identity", type=Path, metavar="FILE", help="your identity, to open a channel by EDHOC")
    protection.add_argument("--peer", type=Path, metavar="FILE", help="the public half of the device's identity")
    protection.add_argument(
        "--credential", type=Path, metavar="FILE", help="what a zone says of you, beside your identity (`picosec cred`)"
    )
    add_vault_argument(protection, "what seals and opens private keys" if handshakes else "what opens your private key")
    if handshakes:
        parser.set_defaults(context=None)
    else:
        protection.add_argument("--context", type=Path, metavar="FILE", help="an OSCORE context instead of a handshake")
    link = parser.add_argument_group("link")
    link.add_argument("--serial", metavar="TTY", help="talk over a serial line instead of the network")
    link.add_argument("--baudrate", type=int, default=DEFAULT_BAUDRATE, metavar="N", help="default: %(default)s")
    link.add_argument(
        "--block-size",
        type=int,
        choices=BLOCK_SIZES,
        metavar="N",
        help="bytes of the largest blocks for what is large: 16, 32, … 1024 (default: 1024)",
    )
    link.add_argument("--non", action="store_true", help="ask once and non-confirmable: not sent again (UDP, serial)")
    link.add_argument("--timeout", type=float, default=PATIENCE, metavar="S", help="seconds to wait (%(default)g)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the handshake and all that goes and comes")


def run_request(code: Code, options: argparse.Namespace) -> int:
    """Send the request that a command line asks for, show the answer and return the exit code."""
    place = destination(options.url, serial=options.serial is not None)
    message = request(code, place.options, options)
    waiting = converse(message, place, options)
    if waiting.left:
        return DONE
    if isinstance(waiting, Watching) and isinstance(waiting.outcome, events.Response) and not waiting.told:
        complain("the device does not let this be observed; this is what it says now")
    return show(waiting.outcome, options)


def converse(message: Message, place: Place, options: argparse.Namespace) -> Waiting:
    """Send a request, and return what became of it. Raises :class:`Mistake` and ``TransportError``."""
    observing = getattr(options, "observe", False)
    with ExitStack() as opened:
        protected = options.identity is not None or options.context is not None
        keys = keeper(options.vault, opened) if protected else Keeper(software_vault(os.urandom))
        keyring = Keyring(keys.vault)
        handshake = _protection(options, keyring, keys, opened)
        link = _link(place, options)
        opened.callback(link.close)
        clock = SystemClock()
        app = App(os.urandom, keyring)

        def ask(now: float) -> int:
            channel = next(iter(app.channels), None)
            if handshake is not None:
                return app.ask(message, PEER, now, *handshake, block_size=options.block_size, observing=observing)
            if observing:
                return app.observe(message, PEER, now, channel)
            return app.request(message, PEER, now, channel, options.block_size)

        kind = Watching if observing else Waiting
        waiting = kind(app, ask, clock.now(), options.timeout, link.name, verbose=options.verbose)
        if not isinstance(link, Connection):
            waiting.begin(clock.now())
        try:
            run_loop(waiting, [link], clock, lambda: waiting.over)
        except KeyboardInterrupt:
            if not isinstance(waiting, Watching) or not waiting.leave(clock.now()):
                raise
            if not isinstance(link, Connection):  # the end of a connection says it
                with suppress(TransportError):  # who leaves does not care that the other one left before
                    run_loop(waiting, [link], clock, lambda: waiting.over)
    return waiting


def _link(place: Place, options: argparse.Namespace) -> Link:
    """Open what leads to the device. Raises ``TransportError``."""
    if options.serial is not None:
        return open_serial(options.serial, options.baudrate)
    match place.scheme:
        case "coap+tcp":
            from picosec.net import tcp

            return tcp.connect(place.host, place.port, options.timeout)
        case "coap+ws":
            from picosec.net import websocket

            return websocket.connect(place.host, place.port, options.timeout)
        case _:
            return udp.connect(place.host, place.port)


def show(outcome: events.Event | None, options: argparse.Namespace) -> int:
    """Show what became of a request, and return the exit code."""
    timeout = options.timeout
    advice: Mapping[Problem, str] = ADVICE if options.credential is None else ZONE_ADVICE
    match outcome:
        case events.Response(message=message) if message.code >> 5 == Code.CONTENT >> 5:
            print(content(message.content_format, message.payload) or status(message.code), flush=True)
            return DONE
        case None | events.Failed(reason=Problem.TIMEOUT) | events.ChannelFailed(reason=Problem.TIMEOUT):
            complain(f"no answer within {timeout:g} s: is the device on, and the address right?")
            return NO_ANSWER
        case events.Response(message=message):
            complain(refusal(message.code, message.content_format, message.payload))
        case events.Failed(reason=Problem.DISCONNECTED) | events.ChannelFailed(reason=Problem.DISCONNECTED):
            complain("the device ended the connection: does it speak CoAP there?")
            return NO_ANSWER
        case events.Failed(reason=Problem.UNPROTECTED):
            complain("the answer was not protected, so anybody may have sent it: does the device have this context?")
        case events.Failed(reason=reason):
            complain(f"the answer cannot be used: {TEXT[reason]} ({reason.name.lower()})")
        case events.ChannelFailed(reason=reason):
            complain(f"no channel could be opened, {TEXT[reason]} ({reason.name.lower()}){advice.get(reason, '')}")
        case _:
            complain("the device rejected the message: it may not serve CoAP at this address")
    return REFUSED


def _protection(
    options: argparse.Namespace, keyring: Keyring, keys: Keeper, opened: ExitStack
) -> tuple[int, tuple[int, ...]] | None:
    """Fill the keyring; return method and suites of a handshake, None for no handshake. Raises :class:`Mistake`."""
    if options.context is not None:
        if options.identity is not None or options.peer is not None:
            raise Mistake("--context needs no handshake: give it alone, or --identity with --peer")
        fill(keyring, opened, [], [], [options.context], keys)
        return None
    if options.identity is None and options.peer is None:
        return None
    if options.identity is None or options.peer is None:
        missing = "--identity" if options.identity is None else "--peer"
        raise Mistake(f"a handshake needs your --identity and the device as --peer: {missing} is missing")
    fill(keyring, opened, [options.identity] if options.credential is None else [], [options.peer], [], keys)
    own, peer = (read_identity(path, private=False) for path in (options.identity, options.peer))
    if options.credential is not None:
        from picosec.cli.cred_files import present

        present(keyring, options.credential, options.identity, keys)
    suites = _common_suites(own, peer)
    if isinstance(keys.vault, KeptKeys):
        suites = tuple(each for each in suites if SUITES[each].curve in keys.vault.curves())
    return METHODS[own.usage, peer.usage], suites


def _common_suites(own: Identity, peer: Identity) -> tuple[int, ...]:
    """Return the suites that have both keys, so that a device with several identities uses the one that is meant.

    Raises :class:`Mistake` when there are none: the device could only call it an error.
    """
    if own.credential == peer.credential:
        raise Mistake("--identity and --peer are the same credential: nobody opens a channel with oneself")
    suites = tuple(
        number
        for number in DEFAULT_POLICY.suites
        if own.parsed.serves(own.usage, SUITES[number]) and peer.parsed.serves(peer.usage, SUITES[number])
    )
    if not suites:
        curves = f"{own.parsed.key.curve.name} and {peer.parsed.key.curve.name}"
        raise Mistake(f"no cipher suite has both keys, of --identity and --peer ({curves}): make both on one curve")
    return suites
