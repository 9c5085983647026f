"""EDHOC error messages (RFC 9528 section 6): what a ProtocolError becomes on the wire, and what it says there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from picosec.channel.edhoc_messages import encode_suites, parse_suites
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads_sequence
from picosec.registry import Problem

UNSPECIFIED: Final = 1
WRONG_SUITE: Final = 2
UNKNOWN_CREDENTIAL: Final = 3


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """ERR_CODE, and ERR_INFO as CBOR value: a text with code 1, with code 2 a tuple of suites, with code 3 ``True``."""

    code: int
    info: Any

    def encode(self) -> bytes:
        """Return the error message."""
        info = encode_suites(self.info) if self.code == WRONG_SUITE else dumps(self.info)
        return dumps(self.code) + info

    @classmethod
    def decode(cls, data: bytes) -> ErrorMessage:
        """Read an error message; codes above 3 and below 0 come with any information.

        Raises ``malformed``, ``not_deterministic`` or ``too_large``.
        """
        items = loads_sequence(data)
        if len(items) != 2 or type(items[0]) is not int:
            raise ProtocolError(Problem.MALFORMED, "CHN-020", "an error message is ERR_CODE, ERR_INFO")
        code, info = items
        if code == WRONG_SUITE:
            info = parse_suites(info, "CHN-020")
        elif (
            code == 0
            or (code == UNSPECIFIED and type(info) is not str)
            or (code == UNKNOWN_CREDENTIAL and info is not True)
        ):
            raise ProtocolError(Problem.MALFORMED, "CHN-020", f"ERR_CODE {code} with information of another type")
        return cls(code, info)

    @property
    def problem(self) -> Problem:
        """What the error means here: the registry's error of that name, or ``refused`` for any other text."""
        if self.code == WRONG_SUITE:
            return Problem.UNSUPPORTED_SUITE
        if self.code == UNKNOWN_CREDENTIAL:
            return Problem.UNKNOWN_CREDENTIAL
        return _BY_NAME.get(self.info, Problem.REFUSED) if self.code == UNSPECIFIED else Problem.REFUSED


_BY_NAME: Final = {problem.name.lower(): problem for problem in Problem}


def error_message(error: ProtocolError, suites: tuple[int, ...]) -> bytes:
    """Return the error message for ``error``; ``suites`` are those this endpoint supports (CHN-210, CHN-530)."""
    if error.problem is Problem.UNSUPPORTED_SUITE and suites:
        return ErrorMessage(WRONG_SUITE, suites).encode()
    if error.problem is Problem.UNKNOWN_CREDENTIAL:
        return ErrorMessage(UNKNOWN_CREDENTIAL, True).encode()
    return ErrorMessage(UNSPECIFIED, error.problem.name.lower()).encode()


def is_error(data: bytes) -> bool:
    """Whether bytes where message_2, 3 or 4 could stand are an error message: these start with an integer."""
    return bool(data) and data[0] < 0x40
