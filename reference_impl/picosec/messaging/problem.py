"""Problem details (RFC 9290): why a request was refused, in a form that a program can read (spec/v1/messaging.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_PROBLEM_DETAILS, PROBLEM_DETAIL_KEY, RESPONSE_CODE, Problem

#: Standard entries (RFC 9290 section 2).
TITLE: Final = -1
DETAIL: Final = -2
#: The entry within PicoSec's own map.
NUMBER: Final = 0

_FORMAT: Final = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_PROBLEM_DETAILS)),)


def encode(problem: Problem, detail: str = "") -> bytes:
    """Return the payload that explains an error. ``detail`` is for authenticated peers only (MSG-720)."""
    entries = {PROBLEM_DETAIL_KEY: {NUMBER: int(problem)}, TITLE: problem.name.lower()}
    return cbor.dumps({**entries, DETAIL: detail} if detail else entries)


def decode(payload: bytes) -> Problem | None:
    """Return the error that a payload names, ``None`` when it names none that this version knows.

    Raises ``ProtocolError`` with ``MALFORMED`` or ``NOT_DETERMINISTIC`` when it is no problem details at all.
    """
    entries = cbor.loads(payload)
    if not isinstance(entries, dict):
        raise ProtocolError(Problem.MALFORMED, "MSG-700", "problem details are a map")
    own = entries.get(PROBLEM_DETAIL_KEY, {})
    number = own.get(NUMBER) if isinstance(own, dict) else None
    return Problem(number) if type(number) is int and number in RESPONSE_CODE else None


def named(refusal: Message) -> Problem:
    """Return the error that a response names, ``refused`` when it names none.

    Raises ``malformed`` or ``not_deterministic`` for problem details that are none.
    """
    explained = refusal.content_format == CONTENT_FORMAT_PROBLEM_DETAILS
    return (decode(refusal.payload) if explained else None) or Problem.REFUSED


def response(problem: Problem, detail: str = "") -> Message:
    """Return the response that refuses a request; type, message id and token are the message layer's."""
    return Message(Type.ACK, RESPONSE_CODE[problem], 0, b"", _FORMAT, encode(problem, detail))


def error_response(error: ProtocolError) -> Message:
    """Return the response for an error as it may be told to anyone: without its detail."""
    return response(error.problem)


def too_large(largest: int, detail: str = "") -> Message:
    """Return the response that refuses a body, and says how many bytes one may have (MSG-1460)."""
    refusal = response(Problem.TOO_LARGE, detail)
    return replace(refusal, options=(*refusal.options, (int(Option.SIZE1), uint_bytes(largest))))
