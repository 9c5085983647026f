"""Vectors of proof of address (spec/v1/messaging-echo.md): a challenge, and the request that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from picosec.channel.oscore import echo_request
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.reachability import Reachability
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation

_CORE: Final = Message(Type.CON, Code.GET, 0x7D34, b"\x51", path_options("/.well-known/core"))
_KEY: Final = bytes(range(32))


@operation("echo.challenge")
def _challenge(inputs: dict[str, Any]) -> Result:
    """Challenge a request as the reference does, and repeat it as a client must."""
    request = Message.decode(octets(inputs, "request"))
    key = octets(inputs, "key")
    server = Reachability(lambda size: key)
    challenge = server.challenge(inputs["address"], inputs["time"])
    challenge = replace(challenge, message_id=request.message_id, token=request.token)
    again = echo_request(request, challenge)
    assert again is not None
    again = replace(again, message_id=inputs["message_id"], token=octets(inputs, "token"))
    return Result(
        {"challenge": challenge.encode(), "repeated": again.encode()}, {"echo": challenge.option(Option.ECHO)}
    )


def files() -> Iterator[VectorFile]:
    """Yield the file about challenges."""
    title = "A challenge to an address, and the request that proves it"
    yield VectorFile("messaging", "echo_challenge", "echo.challenge", title, {}, tuple(_cases()))


def _cases() -> Iterator[Case]:
    def case(id: str, text: str, request: Message, time: int = 1000) -> Case:
        inputs = {
            "request": request.encode(),
            "address": "192.0.2.7:61616",
            "time": time,
            "key": _KEY,
            "message_id": 0x7D35,
            "token": b"\x52",
        }
        return accepted("echo.challenge", id, text, ["MSG-1910", "MSG-1970"], inputs)

    yield case("stranger", "A stranger asks for the list of resources.", _CORE)
    yield case("start", "The first second of a life.", _CORE, 0)
    query = replace(_CORE, options=(*_CORE.options, (int(Option.URI_QUERY), b"rt=lamp")))
    yield case("query", "Every option of the request is repeated.", query)
    stale = replace(_CORE, options=(*_CORE.options, (int(Option.ECHO), b"stale")))
    yield case("stale", "A new value takes the place of an old one.", stale)
    post = Message(Type.CON, Code.POST, 0x7D34, b"\x51", path_options("/.well-known/edhoc"), b"\xf5payload")
    yield case("payload", "The payload is repeated.", post)
