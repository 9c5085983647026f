"""A request that outlives the channel: what an object for a device has for contents (OBJ-350)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects.statement import Statement
from picosec.registry import CONTENT_FORMAT_CBOR, Problem


@dataclass(frozen=True, slots=True)
class CarriedRequest:
    """``code`` is that of a method, 1 to 31; ``content_format`` is None for a payload without one."""

    code: int
    path: str
    content_format: int | None
    payload: bytes

    def encode(self) -> bytes:
        """Return it as the contents of an object, in Content-Format 60."""
        return cbor.dumps(self.value)

    @property
    def value(self) -> list[Any]:
        """What is encoded."""
        return [self.code, self.path, self.content_format, self.payload]


def read_request(statement: Statement) -> CarriedRequest:
    """Return the request in an object. Raises ``malformed`` (OBJ-350), ``not_deterministic``."""
    if statement.content_format != CONTENT_FORMAT_CBOR:
        raise _malformed(f"contents in Content-Format {statement.content_format}")
    return request_of(cbor.loads(statement.content))


def request_of(value: Any) -> CarriedRequest:
    """Return the request that a decoded value is. Raises ``malformed`` (OBJ-350)."""
    match value:
        case [int(code), str(path), content_format, bytes(payload)] if (
            type(code) is int and 0 < code < 32 and _is_format(content_format)
        ):
            return CarriedRequest(code, path, content_format, payload)
        case _:
            raise _malformed("contents that are no request")


def _is_format(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value <= 0xFFFF)


def _malformed(detail: str) -> ProtocolError:
    return ProtocolError(Problem.MALFORMED, "OBJ-350", detail)
