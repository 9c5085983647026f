"""From a command line to the request that it asks for."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

from picosec.cli.mistakes import Mistake
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Options, Type, path_options, uint_bytes
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_OCTET_STREAM

_TEXT_PLAIN: Final = 0
#: Bytes of the longest part of a path or query (RFC 7252 section 5.10).
_LONGEST_PART: Final = 255


#: The schemes, and the port that each has by default (RFC 7252 section 6.1, RFC 8323 section 8).
_PORTS: Final = {"coap": 5683, "coap+tcp": 5683, "coap+ws": 80}


def add_value_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a request carries."""
    parser.add_argument("value", metavar="VALUE", nargs="?", help="JSON, sent as CBOR: true, 21.5, '\"text\"'")
    group = parser.add_argument_group("other values").add_mutually_exclusive_group()
    group.add_argument("--text", metavar="TEXT", help="plain text, Content-Format 0")
    group.add_argument("--hex", metavar="HEX", help="bytes, Content-Format 42")
    group.add_argument("--file", type=Path, metavar="FILE", help="bytes of a file or, with -, of standard input; 42")
    parser.add_argument("--format", type=int, metavar="N", help="another Content-Format")


def request(code: Code, path: Options, options: argparse.Namespace) -> Message:
    """Return the request; message id and token are the message layer's. Raises :class:`Mistake`."""
    payload, content_format = (b"", None) if code is Code.GET else value_of(options)
    formats = _format_options(content_format, options.accept)
    return Message(Type.NON if options.non else Type.CON, code, 0, b"", (*path, *formats), payload)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: how, to whom, and the options of path and query."""

    scheme: str
    host: str
    port: int
    options: Options


def destination(url: str, *, serial: bool) -> Place:
    """Return where a URL leads. Raises :class:`Mistake`."""
    if serial and not url.startswith("/"):
        raise Mistake(f"with --serial give the path alone, such as /ps/info, not {url!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise Mistake(f"{url!r}: {str(error).lower()}") from error
    if not serial and parts.scheme not in _PORTS:
        hint = "; PicoSec protects with OSCORE over coap://" if parts.scheme.startswith("coaps") else ""
        raise Mistake(f"{url!r} is no URL of the form coap://HOST[:PORT]/PATH, nor coap+tcp:// or coap+ws://{hint}")
    if not serial and not host:
        raise Mistake(f"{url!r} names no host")
    if parts.fragment or parts.username is not None:
        raise Mistake(f"{url!r}: a CoAP URL has neither a user nor a fragment")
    query: Options = tuple((int(Option.URI_QUERY), unquote_to_bytes(part)) for part in parts.query.split("&") if part)
    options = (*path_options(parts.path), *query)
    if any(len(value) > _LONGEST_PART for _number, value in options):
        raise Mistake(f"{url!r}: a part of the path or query has more than {_LONGEST_PART} bytes")
    return Place(parts.scheme, host, port, options)


def _format_options(content_format: int | None, accept: int | None) -> Options:
    entries = [(Option.CONTENT_FORMAT, content_format), (Option.ACCEPT, accept)]
    for _option, value in entries:
        if value is not None and not 0 <= value <= 0xFFFF:
            raise Mistake(f"a Content-Format is a number from 0 to 65535, not {value}")
    return tuple((int(option), uint_bytes(value)) for option, value in entries if value is not None)


def value_of(options: argparse.Namespace) -> tuple[bytes, int | None]:
    """Return what a command line gives to be sent, and its Content-Format. Raises :class:`Mistake`."""
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
    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)  # NaN and Infinity are Python's, not JSON's

    try:
        value: Any = json.loads(text, parse_constant=refuse)
        return cbor.dumps(value)
    except ValueError as error:
        raise Mistake(f"{text!r} is not JSON: a text stands in double quotes, or use --text") from error
    except OverflowError as error:
        raise Mistake(f"{text!r} holds a number that is too large: integers have 64 bits") from error
