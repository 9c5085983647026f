"""Answers that anyone on the path can make to a request that passed by: no key goes into them."""

from __future__ import annotations

from collections.abc import Callable

from picosec.channel.edhoc_error import ErrorMessage
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.handshake import TRUE
from picosec_conformance.network.network import forged_answer

_EDHOC = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),)


def _refusal(request: bytes) -> bytes:
    response = problem.response(Problem.UNKNOWN_CONTEXT)
    return forged_answer(request, response.code, response.options, response.payload)


def _separate(request: bytes) -> bytes:
    message = Message.decode(request)
    return Message(Type.CON, Code.CONTENT, message.message_id ^ 0x5555, message.token, (), b"separate").encode()


Forgery = Callable[[bytes], bytes]

#: By name: the forged answer to a request of any kind. They raise ``ProtocolError`` for what is no CoAP message.
ANYWHERE: dict[str, Forgery] = {
    "content": lambda request: forged_answer(request, Code.CONTENT, (), b"forged content"),
    "separate-content": _separate,
    "empty-success": lambda request: forged_answer(request, Code.CHANGED),
    "acknowledgement": lambda request: forged_answer(request, Code.EMPTY),
    "reset": lambda request: Message(Type.RST, Code.EMPTY, int.from_bytes(request[2:4], "big")).encode(),
}
#: To a request over a channel.
TO_PROTECTED: dict[str, Forgery] = {
    "refusal": _refusal,
    "empty-oscore": lambda request: forged_answer(request, Code.CHANGED, ((int(Option.OSCORE), b""),), bytes(12)),
}
#: To a message of a handshake.
TO_HANDSHAKE: dict[str, Forgery] = {
    "message-2": lambda request: forged_answer(request, Code.CHANGED, _EDHOC, b"\x58\x2d" + bytes(range(1, 46))),
    "message-4": lambda request: forged_answer(request, Code.CHANGED, _EDHOC, b"\x48" + bytes(8)),
    "unknown-credential": lambda request: forged_answer(request, Code.BAD_REQUEST, _EDHOC, b"\x03\xf5"),
}
#: To message_1, from the suites in play.
SUITES: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "last-suite": lambda suites: suites[-1:],
    "every-suite": lambda suites: tuple(range(7)),
}


def fitting(request: bytes) -> list[str]:
    """Return the names of the answers that can be forged to a datagram; none where it is no request."""
    try:
        message = Message.decode(request)
    except ProtocolError:
        return []
    if not message.is_request:
        return []
    if message.option(Option.OSCORE) is not None:
        return [*ANYWHERE, *TO_PROTECTED]
    if message.content_format == CONTENT_FORMAT_CID_EDHOC:
        return [*(SUITES if message.payload.startswith(TRUE) else ()), *TO_HANDSHAKE, *ANYWHERE]
    return list(ANYWHERE)


def forge(request: bytes, what: str, suites: tuple[int, ...]) -> bytes:
    """Return a forged answer; ``suites`` are those of who asks.

    Raises ``KeyError`` for a name that is not known, ``ProtocolError`` for what is no CoAP message.
    """
    if what in SUITES:
        text = ErrorMessage(2, SUITES[what](suites)).encode()
        return forged_answer(request, Code.BAD_REQUEST, _EDHOC, text)
    return {**ANYWHERE, **TO_PROTECTED, **TO_HANDSHAKE}[what](request)
