"""What somebody may do: resources, each with the methods that are granted on it (AIF-REST, RFC 9237)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import Problem

#: Most resources that one scope names, and bytes of the longest path.
MAX_ENTRIES: Final = 32
MAX_PATH: Final = 64
#: Every method of CoAP: GET is bit 0, POST bit 1, PUT bit 2, DELETE bit 3, FETCH bit 4, PATCH bit 5, iPATCH bit 6.
ALL_METHODS: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Scope:
    """Sets of methods, as bits, by path. What is not named is not granted."""

    methods: Mapping[str, int]

    def allows(self, path: str, code: int) -> bool:
        """Whether a request with this method code may act on the resource."""
        return bool(self.methods.get(path, 0) & method_bit(code))

    def covers(self, other: Scope) -> bool:
        """Whether all that ``other`` grants is granted here."""
        return all(methods & ~self.methods.get(path, 0) == 0 for path, methods in other.methods.items())

    def encode(self) -> bytes:
        """Return it as AIF; paths stand in the order of their bytes."""
        return cbor.dumps([[path, bits] for path, bits in sorted(self.methods.items(), key=_by_path)])


def together(scopes: Iterable[Scope | None]) -> Scope | None:
    """Return what any of these grants, None if one of them, or nobody, limits it."""
    every = list(scopes)
    methods: dict[str, int] = {}
    for scope in every:
        for path, bits in () if scope is None else scope.methods.items():
            methods[path] = methods.get(path, 0) | bits
    return None if not every or None in every else Scope(methods)


def method_bit(code: int) -> int:
    """Return the bit of a method (RFC 9237 section 3): 1 shifted by its code less one."""
    return 1 << (code - Code.GET)


def scope_of(entries: Iterable[tuple[str, int]]) -> Scope:
    """Return a scope of paths and bits, as a person gives them. Raises as :func:`decode_scope` does."""
    return decode_scope(cbor.dumps([list(entry) for entry in sorted(entries, key=_by_path)]), "MSG-180")


def decode_scope(data: Any, requirement: str) -> Scope:
    """Return the scope in a bstr. Raises ``malformed`` or ``not_deterministic``, citing ``requirement``.

    There are 1 to 32 entries, in ascending order of the bytes of their paths, so that a scope has one form; each has
    at least one method.
    """
    if type(data) is not bytes:
        raise _malformed(requirement, "a scope stands in a byte string")
    try:
        value = cbor.loads(data)
    except ProtocolError as error:
        raise ProtocolError(error.problem, requirement, f"scope: {error.detail}") from error
    if type(value) is not list or not 0 < len(value) <= MAX_ENTRIES:
        raise _malformed(requirement, f"a scope has 1 to {MAX_ENTRIES} entries")
    entries = [_entry(each, requirement) for each in value]
    paths = [path.encode() for path, _bits in entries]
    if any(one >= following for one, following in pairwise(paths)):
        raise _malformed(requirement, "paths ascend, and none stands twice")
    return Scope(dict(entries))


def _entry(value: Any, requirement: str) -> tuple[str, int]:
    if type(value) is not list or [type(part) for part in value] != [str, int]:
        raise _malformed(requirement, "an entry is a path and a set of methods")
    path, bits = value
    if not path.startswith("/") or len(path.encode()) > MAX_PATH:
        raise _malformed(requirement, f"a path begins with / and has {MAX_PATH} bytes at most")
    if not 0 < bits <= ALL_METHODS:
        raise _malformed(requirement, f"{bits} is no set of methods")
    return path, bits


def _by_path(entry: tuple[str, int]) -> bytes:
    return entry[0].encode()


def _malformed(requirement: str, detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, requirement, f"scope: {detail}")
