"""Faults of CBOR payloads: encoders that write as they please, and servers that act on what they cannot read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor, problem
from picosec.registry import PROBLEM_DETAIL_KEY, RESPONSE_CODE, Problem
from picosec.roles import device, test_interface
from picosec.roles.device import Lamp
from picosec.roles.resources import Reply, Request
from picosec.roles.test_interface import TestBuild
from picosec_conformance.faults import fault

_strict_dumps = cbor.dumps


@fault("MSG-010")
def writes_maps_in_any_order() -> None:
    """A map is written in the order in which its entries were set: the hash of a report changes with the weather."""

    def unordered(value: dict[Any, Any]) -> bytes:
        rows = [cbor.dumps(key) + cbor.dumps(entry) for key, entry in reversed(value.items())]
        return cbor._head(0xA0, len(rows)) + b"".join(rows)

    cbor._ENCODERS[dict] = unordered


@fault("MSG-010")
def writes_long_heads() -> None:
    """An encoder for tables that leaves room for a length it does not know yet."""
    original = cbor._head

    def roomy(major: int, argument: int) -> bytes:
        return bytes((major | 24, argument)) if 2 < argument < 24 else original(major, argument)

    cbor._head = roomy


def _write(kind: type, encoder: Callable[[Any], bytes]) -> None:
    """Encode values of a type differently, in payloads only: what is signed and derived stays as it is."""
    changed = {**cbor._ENCODERS, kind: encoder}

    def dumps(value: Any) -> bytes:
        before, cbor._ENCODERS = cbor._ENCODERS, changed
        try:
            return _strict_dumps(value)
        finally:
            cbor._ENCODERS = before

    for module in (device, problem, test_interface):
        module.cbor = SimpleNamespace(dumps=dumps, loads=lambda data: cbor.loads(data))


@fault("MSG-010")
def sorts_keys_by_length() -> None:
    """The order of RFC 7049, which libraries still call canonical: short keys first, and hashes differ."""

    def by_length(value: dict[Any, Any]) -> bytes:
        rows = sorted(
            ((cbor.dumps(key), cbor.dumps(entry)) for key, entry in value.items()), key=lambda row: len(row[0])
        )
        return cbor._head(0xA0, len(rows)) + b"".join(key + entry for key, entry in rows)

    _write(dict, by_length)


@fault("MSG-010")
def writes_lists_in_pieces() -> None:
    """An encoder for streams opens the list, writes what comes, and closes it when nothing comes any more."""
    _write(list, lambda value: b"\x9f" + b"".join(map(cbor.dumps, value)) + b"\xff")


@fault("MSG-010")
def writes_every_float_as_a_double() -> None:
    """The language has one type of number with a point, and so has its encoder."""
    _write(float, lambda value: b"\xfb" + struct.pack(">d", value))


@fault("MSG-170")
def acts_while_it_decodes() -> None:
    """The relay is switched by the handler's first line; the payload is looked at in the second."""
    original = Lamp._put

    def eager(self: Lamp, request: Any) -> Any:
        self.on = True
        self.changes += 1
        return original(self, request)

    Lamp._put = eager


@fault("MSG-170")
def provisions_as_it_reads() -> None:
    """A parser that calls back at each entry: the key is in before the payload turns out to be broken."""
    original = TestBuild._provision

    def eager(self: TestBuild, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError:
            if request.payload[:2] == b"\xa2\x03":
                contexts, _ = cbor._item(request.payload, 2, 1)
                self._device.provision(contexts=[self._context(context) for context in contexts])
            raise

    TestBuild._provision = eager


@fault("MSG-180")
def says_bad_request_to_everything() -> None:
    """One catch-all at the top: a sender that could mend its message by making it smaller does not learn so."""
    RESPONSE_CODE[Problem.TOO_LARGE] = 0x80


@fault("MSG-180")
def fails_on_what_it_cannot_read() -> None:
    """The decoder's exception comes out as 5.00, as if something were wrong with the server."""
    RESPONSE_CODE[Problem.MALFORMED] = RESPONSE_CODE[Problem.NOT_DETERMINISTIC] = 0xA0


@fault("MSG-730")
def takes_later_versions_for_noise() -> None:
    """An entry that is not in the table of this version makes the whole explanation worthless, so that errors lose
    their reasons with the first update of the other side."""
    original = problem.decode

    def decode(payload: bytes) -> Problem | None:
        known = {PROBLEM_DETAIL_KEY, problem.TITLE, problem.DETAIL}
        return original(payload) if cbor.loads(payload).keys() <= known else None

    problem.decode = decode
