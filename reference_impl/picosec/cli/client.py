"""What ``picosec get``, ``put`` and ``post`` share: one request to a device, over a channel if that is wanted."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Hashable
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from picosec.channel.credentials import Usage
from picosec.cli.files import Identity, fill, read_identity
from picosec.cli.mistakes import DONE, EXIT_CODES, NO_ANSWER, REFUSED, Mistake, complain
from picosec.cli.present import content, refusal, status
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options, uint_bytes
from picosec.net import udp
from picosec.net.clock import SystemClock
from picosec.net.loop import run as run_loop
from picosec.net.serial import DEFAULT_BAUDRATE, open_serial
from picosec.net.transport import Transport
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM, TEXT, Problem
from picosec.roles import events
from picosec.roles.app import DEFAULT_POLICY, App
from picosec.roles.keyring import Keyring

#: The device, as the loop names the peer of the only transport.
PEER: Final = (0, None)
#: Seconds until a person gives up, and between two signs of life meanwhile.
PATIENCE: Final = 30.0
SIGN_OF_LIFE: Final = 2.0
#: The EDHOC method for what the keys of initiator and responder are for.
METHODS: Final = {
    (Usage.SIGNATURE, Usage.SIGNATURE): 0,
    (Usage.SIGNATURE, Usage.STATIC_DH): 1,
    (Usage.STATIC_DH, Usage.SIGNATURE): 2,
    (Usage.STATIC_DH, Usage.STATIC_DH): 3,
}
_TEXT_PLAIN: Final = 0


def add_common_arguments(parser: argparse.ArgumentParser, examples: str) -> None:
    """Declare what every request has."""
    parser.epilog = f"examples:\n{examples}\n{EXIT_CODES}"
    parser.add_argument("url", metavar="URL", help="coap://HOST[:PORT]/PATH, or with --serial /PATH alone")
    protection = parser.add_argument_group("protection (without any, only open resources answer)")
    protection.add_argument("--identity", type=Path, metavar="FILE", help="your identity, to open a channel by EDHOC")
    protection.add_argument("--peer", type=Path, metavar="FILE", help="the public half of the device's identity")
    protection.add_argument("--context", type=Path, metavar="FILE", help="an OSCORE context instead of a handshake")
    link = parser.add_argument_group("link")
    link.add_argument("--serial", metavar="TTY", help="talk over a serial line instead of UDP")
    link.add_argument("--baudrate", type=int, default=DEFAULT_BAUDRATE, metavar="N", help="default: %(default)s")
    link.add_argument("--non", action="store_true", help="ask once and non-confirmable: no retransmission")
    link.add_argument(
        "--timeout", type=float, default=PATIENCE, metavar="S", help=f"seconds to wait (default: {PATIENCE:g})"
    )
    parser.add_argument("--accept", type=int, metavar="N", help="the only Content-Format that you take")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the handshake and every datagram")


def add_value_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is sent."""
    parser.add_argument("value", metavar="VALUE", nargs="?", help="JSON, sent as CBOR: true, 21.5, '\"text\"'")
    group = parser.add_argument_group("other values").add_mutually_exclusive_group()
    group.add_argument("--text", metavar="TEXT", help="plain text, Content-Format 0")
    group.add_argument("--hex", metavar="HEX", help="bytes, Content-Format 42")
    group.add_argument("--file", type=Path, metavar="FILE", help="bytes of a file or, with -, of standard input; 42")
    parser.add_argument("--format", type=int, metavar="N", help="another Content-Format")


def run_request(code: Code, options: argparse.Namespace) -> int:
    """Send the request that a command line asks for, show the answer and return the exit code."""
    host, port, path = _destination(options.url, serial=options.serial is not None)
    payload, content_format = _payload(options) if code is not Code.GET else (b"", None)
    kind = Type.NON if options.non else Type.CON
    message = Message(kind, code, 0, b"", (*path, *_format_options(content_format, options.accept)), payload)
    keyring = Keyring(software_vault(os.urandom), DEFAULT_POLICY)
    method = _protection(options, keyring)
    clock = SystemClock()
    app = App(os.urandom, keyring)
    transport: Transport
    transport = udp.connect(host, port) if options.serial is None else open_serial(options.serial, options.baudrate)
    with closing(transport):
        try:
            if method is not None:
                handle = app.ask(message, PEER, clock.now(), method)
            else:
                handle = app.request(message, PEER, clock.now(), next(iter(app.channels), None))
        except ProtocolError as error:
            raise Mistake(f"this cannot be asked: {error.detail or TEXT[error.problem]}") from error
        waiting = _Waiting(app, handle, clock.now(), options.timeout, transport.name, verbose=options.verbose)
        run_loop(waiting, [transport], clock, lambda: waiting.outcome is not None or waiting.gave_up)
    return _show(waiting.outcome, options)


class _Waiting:
    """An app under the eyes of a person: it shows signs of life, and its patience has an end."""

    def __init__(self, app: App, handle: int, now: float, patience: float, name: str, *, verbose: bool) -> None:
        self.outcome: events.Event | None = None
        self.gave_up = False
        self._app = app
        self._handle = handle
        self._name = name
        self._verbose = verbose
        self._began = now
        self._end = now + patience
        self._next_sign = now + SIGN_OF_LIFE
        self._sign_shown = False

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        if self._verbose:
            self._say(f"received {len(datagram):4} bytes  {datagram.hex()}")
        self._app.receive(datagram, peer, now)
        self._look()

    def tick(self, now: float) -> None:
        self._app.tick(now)
        self._look()
        self.gave_up = now >= self._end
        if now >= self._next_sign and self.outcome is None and not self.gave_up:
            self._next_sign = now + SIGN_OF_LIFE
            self._say(f"waiting for {self._name}, {now - self._began:.0f} of {self._end - self._began:.0f} s …")

    def next_timeout(self) -> float:
        due = self._app.next_timeout()
        own = min(self._next_sign, self._end)
        return own if due is None else min(own, due)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        outgoing = self._app.transmit()
        if self._verbose:
            for _peer, datagram in outgoing:
                self._say(f"sent     {len(datagram):4} bytes  {datagram.hex()}")
        return outgoing

    def _look(self) -> None:
        for event in self._app.events():
            match event:
                case events.ChannelOpened(_handle, _channel, session):
                    if self._verbose:
                        peer = session.peer.subject or session.peer.kid.hex()
                        self._say(f"channel with {peer!r}: EDHOC method {session.method}, suite {session.suite}")
                case _ if event.handle == self._handle:
                    self.outcome = event

    @staticmethod
    def _say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _show(outcome: events.Event | None, options: argparse.Namespace) -> int:
    match outcome:
        case events.Response(_handle, message, _protected) if message.code >> 5 == Code.CONTENT >> 5:
            text = content(message.content_format, message.payload)
            print(text or status(message.code), flush=True)
            return DONE
        case events.Response(_handle, message, _protected):
            complain(refusal(message.code, message.content_format, message.payload))
            return REFUSED
        case None | events.Failed(reason=Problem.TIMEOUT) | events.ChannelFailed(reason=Problem.TIMEOUT):
            complain(f"no answer within {options.timeout:g} s: is the device on, and the address right?")
            return NO_ANSWER
        case events.Failed(_handle, Problem.UNPROTECTED):
            complain("the answer was not protected, so anybody may have sent it: does the device have this context?")
            return REFUSED
        case events.Failed(_handle, reason):
            complain(f"the answer cannot be used: {TEXT[reason]}")
            return REFUSED
        case events.ChannelFailed(_handle, reason):
            complain(f"no channel could be opened: {TEXT[reason]} ({reason.name.lower()}){_ADVICE.get(reason, '')}")
            return REFUSED
        case _:
            complain("the device rejected the message: it may not serve CoAP at this address")
            return REFUSED


_ADVICE: Final = {
    Problem.UNKNOWN_CREDENTIAL: "; give the device your public half with --trust, and name its own with --peer",
    Problem.AUTHENTICATION_FAILED: "; are --identity and --peer the files that the device knows?",
    Problem.NOT_FOUND: "; does the device have an identity (--identity)?",
}


def _destination(url: str, *, serial: bool) -> tuple[str, int, Options]:
    """Return host, port and the options of the path. Raises :class:`Mistake`."""
    if serial and not url.startswith("/"):
        raise Mistake(f"with --serial give the path alone, such as /ps/info, not {url!r}")
    parts = urlsplit(url)
    if not serial and parts.scheme != "coap":
        hint = {"coaps": "; PicoSec protects with OSCORE over coap://"}.get(parts.scheme, "")
        raise Mistake(f"{url!r} is no URL of the form coap://HOST[:PORT]/PATH{hint}")
    try:
        host, port = parts.hostname, parts.port or udp.DEFAULT_PORT
    except ValueError as error:
        raise Mistake(f"{url!r}: {str(error).lower()}") from error
    if not serial and not host:
        raise Mistake(f"{url!r} names no host")
    if parts.fragment or parts.username is not None:
        raise Mistake(f"{url!r}: a CoAP URL has neither a user nor a fragment")
    query: Options = tuple((int(Option.URI_QUERY), unquote_to_bytes(part)) for part in parts.query.split("&") if part)
    options = (*path_options(parts.path), *query)
    if any(len(value) > 255 for _number, value in options):
        raise Mistake(f"{url!r}: a part of the path or query has more than 255 bytes")
    return host or "", port, options


def _format_options(content_format: int | None, accept: int | None) -> Options:
    entries = ((Option.CONTENT_FORMAT, content_format), (Option.ACCEPT, accept))
    for _option, value in entries:
        if value is not None and not 0 <= value <= 0xFFFF:
            raise Mistake(f"a Content-Format is a number from 0 to 65535, not {value}")
    return tuple((int(option), uint_bytes(value)) for option, value in entries if value is not None)


def _payload(options: argparse.Namespace) -> tuple[bytes, int | None]:
    given = [each for each in (options.value, options.text, options.hex, options.file) if each is not None]
    if len(given) > 1:
        raise Mistake("give one value: VALUE, --text, --hex or --file")
    payload, content_format = _value(options)
    return payload, content_format if options.format is None else options.format


def _value(options: argparse.Namespace) -> tuple[bytes, int | None]:
    if options.value is not None:
        return _cbor_of(options.value), CONTENT_FORMAT_CBOR
    if options.text is not None:
        return options.text.encode(), _TEXT_PLAIN
    if options.hex is not None:
        try:
            return bytes.fromhex(options.hex), CONTENT_FORMAT_OCTET_STREAM
        except ValueError as error:
            raise Mistake(f"--hex takes hexadecimal digits, not {options.hex!r}") from error
    if options.file is not None:
        try:
            data = sys.stdin.buffer.read() if str(options.file) == "-" else options.file.read_bytes()
        except OSError as error:
            raise Mistake(f"{options.file}: {error.strerror}") from error
        return data, CONTENT_FORMAT_OCTET_STREAM
    return b"", None


def _cbor_of(text: str) -> bytes:
    def reject(constant: str) -> Any:
        raise ValueError(constant)

    try:
        return cbor.dumps(json.loads(text, parse_constant=reject))
    except ValueError as error:
        raise Mistake(f"{text!r} is not JSON: a text stands in double quotes, or use --text") from error
    except OverflowError as error:
        raise Mistake(f"{text!r} holds a number that is too large: integers have 64 bits") from error


def _protection(options: argparse.Namespace, keyring: Keyring) -> int | None:
    """Fill the keyring; return the EDHOC method for a handshake, None for no handshake. Raises :class:`Mistake`."""
    if options.context is not None:
        if options.identity is not None or options.peer is not None:
            raise Mistake("--context needs no handshake: give it alone, or --identity with --peer")
        fill(keyring, [], [], [options.context])
        return None
    if options.identity is None and options.peer is None:
        return None
    if options.identity is None or options.peer is None:
        missing = "--identity" if options.identity is None else "--peer"
        raise Mistake(f"a handshake needs your --identity and the device as --peer: {missing} is missing")
    own, peer = read_identity(options.identity, private=True), read_identity(options.peer, private=False)
    _check_fit(own, peer)
    fill(keyring, [options.identity], [options.peer], [])
    return METHODS[own.usage, peer.usage]


def _check_fit(own: Identity, peer: Identity) -> None:
    """Raise :class:`Mistake` for two keys that no suite brings together, which the device could only call an error."""
    if own.credential == peer.credential:
        raise Mistake("--identity and --peer are the same credential: nobody opens a channel with oneself")
    if own.usage is peer.usage and own.parsed.key.curve is not peer.parsed.key.curve:
        curves = f"{own.parsed.key.curve.name} and {peer.parsed.key.curve.name}"
        raise Mistake(f"the keys of --identity and --peer are on different curves ({curves}): make both on one")
