"""Answers that anyone on the path can make to a request that passed by: no key goes into them."""

from __future__ import annotations

from collections.abc import Callable

from picosec.channel.edhoc_error import ErrorMessage
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, uint_bytes
from picosec.registry import CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.network.network import forged_answer

_EDHOC = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),)


def _refusal(request: bytes) -> bytes:
    response = problem.response(Problem.UNKNOWN_CONTEXT)
    return forged_answer(request, response.code, response.options, response.payload)


def _wrong_suite(suites: tuple[int, ...]) -> Callable[[bytes], bytes]:
    text = ErrorMessage(2, suites).encode()
    return lambda request: forged_answer(request, Code.BAD_REQUEST, _EDHOC, text)


def _separate(request: bytes) -> bytes:
    message = Message.decode(request)
    return Message(Type.CON, Code.CONTENT, message.message_id ^ 0x5555, message.token, (), b"separate").encode()


#: By name: the forged answer to a request. Raise ``ProtocolError`` for what is no CoAP message.
FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "content": lambda request: forged_answer(request, Code.CONTENT, (), b"forged content"),
    "empty-success": lambda request: forged_answer(request, Code.CHANGED),
    "empty-oscore": lambda request: forged_answer(request, Code.CHANGED, ((int(Option.OSCORE), b""),), bytes(12)),
    "refusal": _refusal,
    "separate-content": _separate,
    "acknowledgement": lambda request: forged_answer(request, Code.EMPTY),
    "reset": lambda request: Message(Type.RST, Code.EMPTY, int.from_bytes(request[2:4], "big")).encode(),
    "message-2": lambda request: forged_answer(request, Code.CHANGED, _EDHOC, b"\x58\x2d" + bytes(range(1, 46))),
    "message-4": lambda request: forged_answer(request, Code.CHANGED, _EDHOC, b"\x48" + bytes(8)),
    **{
        f"wrong-suite-{''.join(map(str, suites))}": _wrong_suite(suites)
        for suites in [(0,), (1,), (2,), (3,), (4,), (5,), (6,), (3, 2), (0, 1, 2, 3, 4, 5, 6)]
    },
    "unknown-credential": lambda request: forged_answer(request, Code.BAD_REQUEST, _EDHOC, b"\x03\xf5"),
}
