"""Vectors of observations over a channel: a registration, its notifications, and which of them a client hands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from picosec.channel.observation import Observation
from picosec.channel.oscore import protect_request, protect_response, unprotect_request
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation
from picosec_conformance.vectors.oscore_forms import context, file
from picosec_conformance.vectors.oscore_operations import build

_REGISTRATION: Final = Message(
    Type.CON, Code.GET, 0x7A10, b"\x83", ((int(Option.OBSERVE), b""), *path_options("/glucose"))
)


def _told(text: bytes, number: int, kind: Type = Type.CON) -> Message:
    options = ((int(Option.OBSERVE), bytes((number,))), (int(Option.CONTENT_FORMAT), b""))
    return Message(kind, Code.CONTENT, 0x5100 + number, b"\x83", options, text)


_FIRST: Final = replace(_told(b"220", 7, Type.ACK), message_id=0x7A10)
_SECOND, _THIRD = _told(b"180", 8), _told(b"140", 9)
_GONE: Final = Message(Type.CON, Code.NOT_FOUND, 0x51FF, b"\x83")


@operation("oscore.observe")
def _observe(inputs: dict[str, Any]) -> Result:
    """Register, protect the responses in turn, and let them arrive in the order of ``delivered``."""
    given = inputs["context"]
    client = build(given, first_number=inputs["sequence_number"])
    server = build(
        {**given, "sender_id": given["recipient_id"], "recipient_id": given["sender_id"]},
        first_number=inputs["server_sequence_number"],
    )
    registration, binding = protect_request(client, Message.decode(octets(inputs, "registration")))
    aad = binding.aad
    _, answering = unprotect_request(server, registration)
    sent = [
        protect_response(server, answering, Message.decode(bytes.fromhex(each))).encode()
        for each in inputs["responses"]
    ]
    observation = Observation(binding)
    taken: list[bytes | str] = []
    for which in inputs["delivered"]:
        try:
            taken.append(observation.unprotect(client, Message.decode(sent[which])).encode())
        except ProtocolError as error:
            taken.append(error.problem.name.lower())
    return Result({"registration": registration.encode(), "responses": sent, "taken": taken}, {"aad": aad})


def files() -> Iterator[VectorFile]:
    """Yield the file about observations."""
    title = "A registration and its notifications, protected, and what the client makes of them in the order they come"
    yield file("oscore_observe", "oscore.observe", title, _cases())


def _cases() -> Iterator[Case]:
    def case(id: str, text: str, delivered: list[int], *requirements: str, responses: tuple[Message, ...]) -> Case:
        inputs = {
            "context": context(),
            "sequence_number": 21,
            "server_sequence_number": 50,
            "registration": _REGISTRATION.encode(),
            "responses": [each.encode() for each in responses],
            "delivered": delivered,
        }
        return accepted("oscore.observe", id, text, requirements, inputs)

    three = (_FIRST, _SECOND, _THIRD)
    yield case("in-order", "Each is newer than the one before.", [0, 1, 2], "CHN-1130", "CHN-1150", responses=three)
    yield case("overtaken", "The last overtakes the second.", [0, 2, 1], "CHN-1150", responses=three)
    yield case("repeated", "An attacker sends the second again.", [0, 1, 1, 2], "CHN-1150", responses=three)
    yield case("first-comes-last", "The answer has no number: it is the oldest.", [1, 0], "CHN-1160", responses=three)
    yield case("first-comes-twice", "What has no number comes once.", [0, 0], "CHN-1160", responses=three)
    yield case("ends", "An error has a number too, and no Observe.", [0, 1], "CHN-1140", responses=(_FIRST, _GONE))
