"""The headers of a COSE message: one map that is protected, one that is not, and no parameter in both (OBJ-100)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.registry import Problem


class Label(IntEnum):
    """Header parameters (RFC 9052 section 3.1; claims: RFC 9597; typ: RFC 9596)."""

    ALG = 1
    CRIT = 2
    CONTENT_TYPE = 3
    KID = 4
    IV = 5
    CLAIMS = 15
    TYP = 16
    EPHEMERAL_KEY = -1


@dataclass(frozen=True, slots=True)
class Headers:
    """``protected`` is as it was signed or authenticated, ``entries`` what it says; ``unprotected`` holds the rest."""

    protected: bytes
    entries: dict[Any, Any]
    unprotected: dict[Any, Any]

    def integer(self, label: Label) -> int:
        """Return a protected parameter that is an integer. Raises ``malformed`` without one."""
        value = self.entries.get(label)
        if type(value) is not int:
            raise malformed("OBJ-110", f"the protected header has no integer {label.name}")
        return value


def headers(entries: dict[Any, Any], unprotected: dict[Any, Any] | None = None) -> Headers:
    """Return headers to send; an empty protected map is the empty string (RFC 9052 section 3)."""
    return Headers(cbor.dumps(entries) if entries else b"", entries, unprotected or {})


def decode_headers(protected: Any, unprotected: Any) -> Headers:
    """Return the headers of a received message. Raises ``malformed`` or ``not_deterministic`` (OBJ-100)."""
    if type(protected) is not bytes or type(unprotected) is not dict:
        raise malformed("OBJ-020", "a COSE message begins with a byte string and a map")
    entries = cbor.loads(protected) if protected else {}
    if type(entries) is not dict or (protected and not entries):
        raise malformed("OBJ-100", "the protected header is no map, or an empty one that is not empty bytes")
    if entries.keys() & unprotected.keys():
        raise malformed("OBJ-100", "a header parameter stands in both headers")
    return Headers(protected, entries, unprotected)


def check_only(found: dict[Any, Any], known: set[int], requirement: str) -> None:
    """Raise ``malformed`` for a parameter that is not understood: it might change what all others mean."""
    strange = [label for label in found if type(label) is not int or label not in known]
    if strange:
        raise malformed(requirement, f"header parameter {strange[0]!r} is not understood")


def check_algorithm(found: dict[Any, Any], requirement: str) -> None:
    """Raise ``malformed`` for a protected header that names no algorithm."""
    if Label.ALG not in found:
        raise malformed(requirement, "the protected header names no algorithm")


def algorithm_of(head: Headers) -> int:
    """Return the algorithm that a header names, wherever it stands.

    Raises ``unsupported_algorithm`` for what is no integer, such as true or 1.0, which Python takes for 1 (OBJ-120).
    """
    value = head.entries.get(Label.ALG, head.unprotected.get(Label.ALG))
    if type(value) is not int:
        raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120", f"the algorithm {value!r}")
    return value


def malformed(requirement: str, detail: str) -> ProtocolError:
    """Return the error for an object of the wrong form."""
    return ProtocolError(Problem.MALFORMED, requirement, f"COSE: {detail}")
