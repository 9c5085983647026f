"""Vectors of CoAP messages: their bytes, and what the message layer answers to those it does not serve."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.messaging.endpoint import Endpoint, RequestReceived
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_SENML_CBOR
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "CutShort": "A length promises more than there is: a parser that trusts it reads what lies behind.",
    "EmptyMessage": "Bytes behind an empty message, which one parser skips and another takes.",
    "OptionNumber": "Option numbers that wrap around turn a critical option into another one.",
    "PayloadMarker": "A marker that announces nothing, or a nibble that only looks like one.",
    "ReservedCode": "A code without a meaning, which must not be taken for the nearest one that has one.",
    "TokenLength": "A token length that no token has.",
    "Version": "A message of another version of the protocol.",
}

_LAMP: Final = Message(
    Type.CON,
    Code.PUT,
    0x7D34,
    bytes.fromhex("c0ffee01"),
    (*path_options("/actuators/lamp"), (Option.CONTENT_FORMAT, uint_bytes(CONTENT_FORMAT_CBOR))),
    b"\xf5",
)
_SENSOR: Final = Message(Type.CON, Code.GET, 0x7D35, bytes.fromhex("c0ffee02"), path_options("/sensors/temperature"))


#: [{2: 21.0}]: SenML with a value.
_READING: Final = b"\x81\xa1\x02\xf9\x4d\x40"


def _get(*options: tuple[int, bytes]) -> Message:
    return Message(Type.NON, Code.GET, 1, b"\x01", options)


#: By requirement: id, comment, message.
_MESSAGES: Final[dict[str, tuple[tuple[str, str, Message], ...]]] = {
    "MSG-260": (("get-confirmable", "A confirmable GET.", _SENSOR),),
    "MSG-270": (
        ("put-confirmable", "A confirmable PUT with a content format and a payload.", _LAMP),
        (
            "payload-ff",
            "A payload that begins with the byte of its marker.",
            Message(Type.NON, Code.POST, 3, b"", (), b"\xff\xff"),
        ),
    ),
    "MSG-220": (
        ("get-without-token", "A token may be empty.", dataclasses.replace(_SENSOR, token=b"")),
        ("get-longest-token", "A token of eight bytes.", dataclasses.replace(_SENSOR, token=bytes(range(8)))),
    ),
    "MSG-310": (
        (
            "piggybacked-response",
            "A response on an acknowledgement.",
            Message(Type.ACK, Code.CONTENT, 0x7D35, _SENSOR.token, ((Option.CONTENT_FORMAT, b"\x70"),), _READING),
        ),
    ),
    "MSG-400": (
        ("acknowledgement", "An empty acknowledgement is a header alone.", Message(Type.ACK, Code.EMPTY, 0x7D35)),
    ),
    "MSG-290": (("reset", "So is a reset.", Message(Type.RST, Code.EMPTY, 0xFFFF)),),
    "MSG-370": (("ping", "An empty confirmable message.", Message(Type.CON, Code.EMPTY, 0)),),
    "MSG-240": (
        (
            "response-class-3",
            "Class 3 holds response codes too, though none has a meaning.",
            Message(Type.NON, 0x60, 2, b"\x01"),
        ),
        ("method-31", "The last code of class 0: a method that nobody knows.", Message(Type.NON, 0x1F, 2, b"\x01")),
    ),
    "MSG-250": (
        ("option-length-12", "The longest length in a nibble.", _get((Option.URI_PATH, b"x" * 12))),
        ("option-length-13", "The first length in a byte.", _get((Option.URI_PATH, b"x" * 13))),
        ("option-length-268", "The last length in a byte.", _get((Option.URI_QUERY, b"x" * 268))),
        ("option-length-269", "The first length in two bytes.", _get((Option.URI_QUERY, b"x" * 269))),
        ("option-delta-12", "The largest difference in a nibble.", _get((12, b""))),
        ("option-delta-13", "The first difference in a byte.", _get((13, b""))),
        ("option-delta-268", "The last difference in a byte.", _get((268, b""))),
        ("option-delta-269", "The first difference in two bytes.", _get((269, b""))),
        ("option-delta-and-length-extended", "Two bytes of each.", _get((300, b"x" * 300))),
    ),
    "MSG-280": (("option-65535", "The last option number.", _get((65535, b"\x01"))),),
    "MSG-540": (
        ("options-same-number", "A difference of 0 repeats an option.", _get((11, b"a"), (11, b"b"), (11, b""))),
    ),
}

#: By requirement and flag: id, comment, datagram.
_MALFORMED: Final[dict[tuple[str, str], tuple[tuple[str, str, str], ...]]] = {
    ("MSG-210", "CutShort"): (
        ("empty-datagram", "No byte at all.", ""),
        ("half-header", "Three bytes of a header.", "400100"),
    ),
    ("MSG-200", "Version"): (
        ("version-0", "Version 0.", "00017d35"),
        ("version-2", "Version 2.", "80017d35"),
        ("version-3", "Version 3.", "c0017d35"),
    ),
    ("MSG-220", "TokenLength"): (
        ("token-length-9", "A token of nine bytes, all of which are there.", "49017d35" + "00" * 9),
        ("token-length-15", "A token of fifteen bytes, all of which are there.", "4f017d35" + "00" * 15),
    ),
    ("MSG-260", "CutShort"): (
        ("token-cut-short", "A token of four bytes has three.", "44017d35c0ffee"),
        ("option-value-cut-short", "A value of three bytes has two.", "40017d35b36162"),
        ("option-delta-cut-short", "A delta byte is announced and missing.", "40017d35d0"),
        ("option-delta-16-cut-short", "Two delta bytes are announced, one is there.", "40017d35e000"),
        ("option-length-cut-short", "A length byte is announced and missing.", "40017d350d"),
        ("option-of-65804-bytes", "A value of 65,804 bytes is announced.", "40017d35beffff61"),
    ),
    ("MSG-230", "EmptyMessage"): (
        ("empty-with-token", "An empty message with a token.", "41007d35c0"),
        ("empty-with-option", "An empty message with an option.", "40007d35b161"),
        ("empty-with-payload", "An empty message with a payload.", "60007d35ff00"),
        ("empty-with-token-length", "An empty message that announces a token.", "41007d35"),
    ),
    ("MSG-240", "ReservedCode"): (
        ("class-1", "Code 1.00.", "40207d35"),
        ("class-6", "Code 6.00.", "40c07d35"),
        ("class-7", "Code 7.01, which belongs to reliable transports.", "40e17d35"),
    ),
    ("MSG-250", "PayloadMarker"): (
        ("option-delta-15", "A delta of 15 with a length of 0.", "40017d35f0"),
        ("option-length-15", "A length of 15 with a delta of 11.", "40017d35bf" + "61" * 15),
    ),
    ("MSG-280", "OptionNumber"): (
        ("option-number-65536", "A single delta of 65,536.", "40017d35e0fef3"),
        ("option-number-sum", "Two deltas that add up to 65,536.", "40017d35e0fef210"),
    ),
    ("MSG-270", "PayloadMarker"): (("marker-without-payload", "The datagram ends with the marker.", "40017d35b161ff"),),
}

#: By requirement: id, comment, datagram: what an endpoint without any state answers to a stranger.
_REACTIONS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "MSG-370": (("ping", "An empty confirmable message is answered by a reset.", "40001234"),),
    "MSG-490": (("unmatched-confirmable-response", "A confirmable response to nothing is reset.", "44451234c0ffee01"),),
    "MSG-480": (
        ("unmatched-non-confirmable-response", "A non-confirmable one is ignored.", "54451234c0ffee01"),
        ("unmatched-piggybacked-response", "So is one on an acknowledgement.", "64451234c0ffee01"),
    ),
    "MSG-450": (
        ("unmatched-acknowledgement", "An acknowledgement of nothing is ignored.", "60001234"),
        ("unmatched-reset", "A reset of nothing is ignored.", "70001234"),
    ),
    "MSG-380": (
        ("empty-non-confirmable", "An empty non-confirmable message is ignored.", "50001234"),
        ("request-on-acknowledgement", "A request on an acknowledgement is ignored.", "60011234"),
        ("request-on-reset", "A request on a reset is ignored.", "70011234"),
        ("response-on-reset", "A response on a reset is ignored.", "70451234"),
    ),
    "MSG-290": (("malformed-confirmable", "A malformed confirmable message is reset.", "40011234ff"),),
    "MSG-300": (
        ("malformed-non-confirmable", "A malformed non-confirmable message is ignored.", "50011234ff"),
        ("malformed-acknowledgement", "A malformed acknowledgement is ignored.", "60451234ff"),
        (
            "malformed-reset",
            "A malformed reset is ignored, so that two endpoints never reset each other for ever.",
            "7000123400",
        ),
    ),
    "MSG-200": (("other-version", "A confirmable message of another version is ignored.", "80011234"),),
    "MSG-210": (("half-header", "Three bytes are ignored.", "400112"),),
    "MSG-500": (("unknown-critical-option", "Option 65,001 is critical, and unknown.", "40011234e1fcdc00"),),
    "MSG-510": (
        (
            "unknown-critical-option-non-confirmable",
            "The same in a non-confirmable request is ignored.",
            "50011234e1fcdc00",
        ),
    ),
    "MSG-540": (
        ("uri-port-too-long", "A Uri-Port of three bytes lies outside its definition.", "4001123473001633"),
        ("uri-host-twice", "Uri-Host may stand once.", "40011234316101" + "62"),
    ),
    "MSG-550": (("forward-request", "A request with Proxy-Uri asks to be forwarded.", "40011234d616636f61703a2f"),),
}


def to_json(message: Message) -> dict[str, Any]:
    """Return a message as the members that the vectors give it."""
    return {
        "type": int(message.type),
        "code": int(message.code),
        "message_id": message.message_id,
        "token": message.token,
        "options": [[int(number), value] for number, value in message.options],
        "payload": message.payload,
    }


def from_json(data: dict[str, Any]) -> Message:
    """Undo ``to_json``."""
    options = tuple((number, bytes.fromhex(value)) for number, value in data["options"])
    return Message(
        data["type"], data["code"], data["message_id"], octets(data, "token"), options, octets(data, "payload")
    )


@operation("coap.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    return Result(to_json(Message.decode(octets(inputs, "datagram"))))


@operation("coap.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    return Result({"datagram": from_json(inputs).encode()})


@operation("coap.react")
def _react(inputs: dict[str, Any]) -> Result:
    """What an endpoint that knows nobody, and serves nothing, sends at once."""
    endpoint = Endpoint(bytes)
    endpoint.receive(octets(inputs, "datagram"), "stranger", 0)
    return Result({"replies": [data for _, data in endpoint.transmit()]})


@operation("coap.respond")
def _respond(inputs: dict[str, Any]) -> Result:
    """Serve one request, at once or late, against a client that is another endpoint."""
    request = from_json(inputs["request"])
    reply = from_json({"type": 0, "message_id": 0, "token": "", **inputs["response"]})
    server = Endpoint(_ids(inputs["message_id"]))
    client = Endpoint(_ids(request.message_id, request.token))
    client.request(request, "server", 0)
    steps = {"request": _sent(client)}
    (event,) = server.receive(steps["request"], "client", 0)
    assert isinstance(event, RequestReceived)
    if inputs["late"]:
        server.acknowledge(event.exchange, 0)
        steps["acknowledgement"] = _sent(server)
        client.receive(steps["acknowledgement"], "server", 0)
    server.respond(event.exchange, reply, 0)
    steps["response"] = _sent(server)
    client.receive(steps["response"], "server", 0)
    if inputs["late"]:
        steps["last_acknowledgement"] = _sent(client)
    return Result(steps)


def _sent(endpoint: Endpoint) -> bytes:
    ((_, data),) = endpoint.transmit()
    return data


def _ids(message_id: int, token: bytes = b"") -> Any:
    """Return entropy for an endpoint that draws its first message id, then perhaps a token, then jitter."""
    draws = [message_id.to_bytes(2, "big"), token] if token else [message_id.to_bytes(2, "big")]
    return lambda count: draws.pop(0) if draws else bytes(count)


def files() -> Iterator[VectorFile]:
    """Yield the files about CoAP messages."""
    messages = [(id, text, req, message) for req, rows in _MESSAGES.items() for id, text, message in rows]
    yield _file(
        "coap_decode",
        "coap.decode",
        "A datagram is parsed, or refused by the first rule that it breaks",
        [
            accepted("coap.decode", id, text, [req], {"datagram": message.encode()})
            for id, text, req, message in messages
        ]
        + [
            rejected("coap.decode", id, text, [req], {"datagram": data}, "malformed", [flag])
            for (req, flag), rows in _MALFORMED.items()
            for id, text, data in rows
        ],
    )
    yield _file(
        "coap_encode",
        "coap.encode",
        "A message is written as a datagram",
        [accepted("coap.encode", id, text, [req], to_json(message)) for id, text, req, message in messages],
    )
    yield _file(
        "coap_react",
        "coap.react",
        "What an endpoint without state sends when a stranger's datagram arrives, if anything",
        [
            accepted("coap.react", id, text, [req], {"datagram": data})
            for req, rows in _REACTIONS.items()
            for id, text, data in rows
        ],
    )
    yield _file("coap_respond", "coap.respond", "A request is answered, at once and late", list(_responses()))


def _responses() -> Iterator[Case]:
    request = {**to_json(_SENSOR), "message_id": 0x7D35}
    content = {
        "code": int(Code.CONTENT),
        "options": [[12, uint_bytes(CONTENT_FORMAT_SENML_CBOR)]],
        "payload": b"\x81\xa1\x02\xf9\x4d\x40",
    }
    inputs = {"request": request, "response": content, "message_id": 0x2A01}
    yield accepted(
        "coap.respond",
        "piggybacked-response",
        "The response rides on the acknowledgement: one round trip, two messages.",
        ["MSG-310", "MSG-320"],
        {**inputs, "late": False},
    )
    yield accepted(
        "coap.respond",
        "separate-response",
        "The server acknowledges at once and responds in a confirmable message of its own.",
        ["MSG-320", "MSG-360", "MSG-400", "MSG-410"],
        {**inputs, "late": True},
    )


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    flags = {flag: text for flag, text in FLAGS.items() if flag in used}
    return VectorFile("messaging", name, operation, title, flags, tuple(cases))
