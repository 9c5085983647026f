"""Vectors of messages on connections: their bytes on TCP and WebSocket, and what a new connection answers to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging.coap import Code, Options, path_options
from picosec.messaging.connections import Framing
from picosec.messaging.events import RequestReceived
from picosec.messaging.parameters import StreamParameters
from picosec.messaging.signalling import Capabilities
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import (
    Decoder,
    PingOption,
    ReleaseOption,
    Signal,
    StreamMessage,
)
from picosec.registry import CONTENT_FORMAT_SENML_CBOR
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "CutShort": "A length promises more than there is: a parser that trusts it reads what lies behind.",
    "EmptyMessage": "Bytes behind an empty message, which one parser skips and another takes.",
    "LengthForm": "Where one form of the length ends and the next begins, one byte too few loses the next message.",
    "PayloadMarker": "A marker that announces nothing, or a nibble that only looks like one.",
    "ReservedCode": "A code without a meaning, which must not be taken for the nearest one that has one.",
    "TokenLength": "A token length that no token has.",
    "TooLarge": "A length that nobody means to fill: whoever waits for the rest, or sets memory aside, is filled up.",
    "TwoLengths": "A length inside a frame that has one: two parsers would see different messages.",
    "Connection": "A message that ends its connection, and with it everything that comes behind.",
}

_TEMPERATURE: Final = path_options("/sensors/temperature")
_CUSTODY: Final[Options] = ((int(PingOption.CUSTODY), b""),)
_CSM: Final = StreamMessage(Signal.CSM)
_TOKEN: Final = bytes.fromhex("c0ffee02")


def to_json(message: StreamMessage) -> dict[str, Any]:
    """Return a message as the members that the vectors give it."""
    options = [[int(number), value] for number, value in message.options]
    return {"code": int(message.code), "token": message.token, "options": options, "payload": message.payload}


def from_json(data: dict[str, Any]) -> StreamMessage:
    """Undo ``to_json``."""
    options = tuple((number, bytes.fromhex(value)) for number, value in data["options"])
    return StreamMessage(data["code"], octets(data, "token"), options, octets(data, "payload"))


@operation("stream.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    message = from_json(inputs)
    return Result({"tcp": message.encode(), "websocket": message.encode_frame()})


@operation("stream.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    """Find the messages in the bytes of a TCP connection, by an end that takes so many bytes for one of them."""
    decoder = Decoder(inputs["max_message"])
    found = []
    for chunk in inputs["chunks"]:
        decoder.feed(bytes.fromhex(chunk))
        while (message := decoder.next()) is not None:
            found.append(to_json(message))
    return Result({"messages": found, "pending": len(decoder)})


@operation("stream.frame.decode")
def _decode_frame(inputs: dict[str, Any]) -> Result:
    """Read the message in one binary message of a WebSocket."""
    return Result(to_json(StreamMessage.decode_frame(octets(inputs, "frame"))))


@operation("stream.react")
def _react(inputs: dict[str, Any]) -> Result:
    """What an end that answers no request sends after its CSM, and whether it closes the connection."""
    endpoint = StreamEndpoint(bytes, StreamParameters(max_message=inputs["max_message"]))
    endpoint.connected("peer", 0)
    endpoint.transmit()
    endpoint.receive(b"".join(bytes.fromhex(each) for each in inputs["received"]), "peer", 0)
    return Result({"sent": [data for _, data in endpoint.transmit()], "closes": endpoint.closing() == ["peer"]})


@operation("stream.connection")
def _connection(inputs: dict[str, Any]) -> Result:
    """One request on a connection between two ends, then a Ping with Custody, then a Release by the client."""
    framing = Framing.STREAM if inputs["framing"] == "tcp" else Framing.FRAMES
    token = octets(inputs, "token")
    tokens = [token, octets(inputs, "ping_token")]
    client = StreamEndpoint(lambda _count: tokens.pop(0), StreamParameters(max_message=inputs["client_max_message"]))
    server = StreamEndpoint(bytes, StreamParameters(max_message=inputs["server_max_message"]))
    client.connected("server", 0, framing)
    server.connected("client", 0, framing)
    steps = {"client_csm": _sent(client), "server_csm": _sent(server)}
    server.receive(steps["client_csm"], "client", 0)
    client.receive(steps["server_csm"], "server", 0)
    asked, answer = from_json({"token": "", **inputs["request"]}), from_json({"token": "", **inputs["response"]})
    client.request(asked.as_message(), "server", 0)
    steps["request"] = _sent(client)
    (event,) = server.receive(steps["request"], "client", 0)
    assert isinstance(event, RequestReceived)
    server.respond(event.exchange, answer.as_message(), 0)
    steps["response"] = _sent(server)
    client.receive(steps["response"], "server", 0)
    ping = StreamMessage(Signal.PING, octets(inputs, "ping_token"), _CUSTODY)
    steps["ping"] = ping.encode() if framing is Framing.STREAM else ping.encode_frame()
    server.receive(steps["ping"], "client", 0)
    steps["pong"] = _sent(server)
    client.release("server", 0)
    steps["release"] = _sent(client)
    server.receive(steps["release"], "client", 0)
    assert server.closing() == ["client"]
    return Result(steps)


def _sent(endpoint: StreamEndpoint) -> bytes:
    ((_, data),) = endpoint.transmit()
    return data


def _sized(rest: int) -> StreamMessage:
    """Return a message with so many bytes behind its token."""
    return StreamMessage(Code.CONTENT, b"\x01", (), bytes(rest - 1) if rest else b"")


#: By requirement: id, comment, message.
_MESSAGES: Final[dict[str, tuple[tuple[str, str, StreamMessage], ...]]] = {
    "MSG-1070": (
        ("worked-example", "The request of the worked example.", StreamMessage(Code.GET, _TOKEN, _TEMPERATURE)),
        ("without-token", "A token may be empty.", StreamMessage(Code.GET, b"", _TEMPERATURE)),
        ("longest-token", "A token of eight bytes.", StreamMessage(Code.GET, bytes(range(8)))),
        ("payload", "An option and a payload.", StreamMessage(Code.PUT, b"\x01", path_options("/a"), b"\xf5")),
    ),
    "MSG-1200": (("empty", "An empty message is two bytes.", StreamMessage(Code.EMPTY)),),
    "MSG-1000": (
        ("csm", "A CSM without options: the base values hold.", _CSM),
        ("csm-size", "A CSM that takes 8192 bytes.", Capabilities(8192).csm()),
        ("csm-block-wise", "A CSM that takes blocks, and several in one message.", Capabilities(8192, True).csm()),
    ),
    "MSG-1210": (
        ("ping-custody", "A Ping that asks for custody.", StreamMessage(Signal.PING, b"\x42", _CUSTODY)),
        ("pong-custody", "The Pong that gives it.", StreamMessage(Signal.PONG, b"\x42", _CUSTODY)),
    ),
    "MSG-1230": (
        ("release", "A Release without a reason.", StreamMessage(Signal.RELEASE)),
        (
            "release-elsewhere",
            "A Release that names two other addresses, and asks for a minute of peace.",
            StreamMessage(
                Signal.RELEASE,
                b"",
                (
                    (ReleaseOption.ALTERNATIVE_ADDRESS, b"lamp.example:5683"),
                    (ReleaseOption.ALTERNATIVE_ADDRESS, b"[2001:db8::1]"),
                    (ReleaseOption.HOLD_OFF, b"\x3c"),
                ),
            ),
        ),
    ),
    "MSG-1180": (("abort", "An Abort that names its error.", StreamMessage(Signal.ABORT, b"", (), b"malformed")),),
}

#: Lengths where one form ends and the next begins.
_EDGES: Final = (0, 2, 12, 13, 268, 269)

#: By requirement and flag: id, comment, bytes on TCP.
_MALFORMED: Final[dict[tuple[str, str], tuple[tuple[str, str, str], ...]]] = {
    ("MSG-1080", "TokenLength"): (
        ("token-length-9", "A token of nine bytes, all of which are there.", "0901" + "00" * 9),
        ("token-length-15", "A token of fifteen bytes, of which none is there yet.", "0f"),
    ),
    ("MSG-1090", "ReservedCode"): (
        ("class-1", "Code 1.00.", "0020"),
        ("class-6", "Code 6.31.", "01df01"),
    ),
    ("MSG-1100", "EmptyMessage"): (
        ("empty-with-token", "An empty message with a token.", "0100c0"),
        ("empty-with-option", "An empty message with an option.", "2000b161"),
        ("empty-with-payload", "An empty message with a payload.", "2000ff00"),
    ),
    ("MSG-1110", "CutShort"): (
        ("option-value-cut-short", "A value of three bytes goes beyond the message.", "3001b3616263"),
        ("option-delta-cut-short", "A delta byte is announced, and the message ends.", "1001d0"),
        ("option-length-cut-short", "A length byte is announced, and the message ends.", "10010d"),
    ),
    ("MSG-1110", "PayloadMarker"): (
        ("marker-without-payload", "The message ends with the marker.", "1045ff"),
        ("option-delta-15", "A delta of 15 with a length of 0.", "1001f0"),
    ),
}

#: By flag: id, comment, requirement, limit, bytes on TCP.
_TOO_LARGE: Final = (
    ("one-byte-more", "One byte more than this end takes.", "MSG-1040", 1152, _sized(1148).encode().hex()),
    ("announced-only", "Four billion bytes are announced, and none comes.", "MSG-1040", 1152, "f0ffffffff"),
    ("small-limit", "The limit counts the header too.", "MSG-1040", 8, _sized(6).encode().hex()),
)

#: By requirement: id, comment, what is received.
_REACTIONS: Final[dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]] = {
    "MSG-1010": (
        ("request-first", "A request before the CSM.", ("0001",)),
        ("ping-first", "A Ping before the CSM.", ("00e2",)),
        ("empty-first", "An empty message may come before the CSM.", ("0000", "00e1")),
    ),
    "MSG-1200": (("empty", "An empty message is ignored.", ("00e1", "0000")),),
    "MSG-1210": (
        ("ping", "A Ping without token.", ("00e1", "00e2")),
        ("two-pings", "Two Pings, two Pongs.", ("00e1", "01e201", "02e20203")),
    ),
    "MSG-1220": (("ping-custody", "There is nothing to wait for.", ("00e1", "11e24220")),),
    "MSG-1170": (
        ("csm-elective", "An elective option of a CSM that nobody knows.", ("30e1" + "e0fddb"[:6],)),
        ("ping-elective", "An elective option of a Ping that nobody knows.", ("00e1", "30e2" + "e0fddb")),
        ("release-elective", "An elective option of a Release that nobody knows.", ("00e1", "30e4" + "e0fddb")),
    ),
    "MSG-1150": (
        ("csm-critical", "A critical option of a CSM that nobody knows: its number is in the Abort.", ("10e130",)),
        ("ping-critical", "A critical option of a Ping that nobody knows.", ("00e1", "10e230")),
        ("pong-critical", "A critical option of a Pong that nobody knows.", ("00e1", "10e330")),
        ("release-critical", "A critical option of a Release that nobody knows.", ("00e1", "10e430")),
    ),
    "MSG-1140": (
        ("signal-0", "Code 7.00.", ("00e1", "00e0")),
        ("signal-6", "Code 7.06.", ("00e1", "00e6")),
        ("signal-31", "Code 7.31.", ("00e1", "00ff")),
    ),
    "MSG-1190": (("abort", "An Abort is not answered.", ("00e1", "00e5")),),
    "MSG-1230": (("release", "A Release when nothing is outstanding.", ("00e1", "00e4")),),
    "MSG-1080": (("token-length", "A token length of 9.", ("00e1", "0901")),),
    "MSG-1090": (("reserved-code", "Code 1.00.", ("00e1", "0020")),),
    "MSG-1100": (("empty-with-token", "An empty message with a token.", ("00e1", "010001")),),
    "MSG-1110": (("marker", "A marker without payload.", ("00e1", "1045ff")),),
    "MSG-1040": (("too-large", "More than this end takes.", ("00e1", "f0ffffffff")),),
    "MSG-1130": (("ping-behind-malformed", "The Ping comes too late.", ("00e1", "0020", "00e2")),),
}
_ENDING: Final = {"MSG-1150", "MSG-1140", "MSG-1080", "MSG-1090", "MSG-1100", "MSG-1110", "MSG-1040", "MSG-1130"}


def files() -> Iterator[VectorFile]:
    """Yield the files about connections."""
    messages: list[tuple[str, str, str, tuple[str, ...], StreamMessage]] = [
        (id, text, req, (), message) for req, rows in _MESSAGES.items() for id, text, message in rows
    ]
    messages += [
        (f"length-{rest}", f"{rest} bytes behind the token.", "MSG-1070", ("LengthForm",), _sized(rest))
        for rest in _EDGES
    ]
    yield _file(
        "stream_encode",
        "stream.encode",
        "A message is written for TCP, and for a WebSocket, whose frames have a length",
        [accepted("stream.encode", id, text, [req], to_json(one), flags) for id, text, req, flags, one in messages],
    )
    yield _file("stream_decode", "stream.decode", "Messages are found in the bytes of a TCP connection", _decoded())
    yield _file(
        "stream_frame_decode",
        "stream.frame.decode",
        "A binary message of a WebSocket is parsed, or refused",
        _frames(),
    )
    yield _file(
        "stream_react",
        "stream.react",
        "What a new connection answers to messages, and whether it is closed",
        [
            accepted(
                "stream.react",
                id,
                text,
                [req],
                {"received": received, "max_message": 1152},
                ["Connection"] if req in _ENDING else [],
            )
            for req, rows in _REACTIONS.items()
            for id, text, received in rows
        ],
    )
    yield _file("stream_connection", "stream.connection", "A connection from the first signal to the last", _whole())


def _decoded() -> list[Case]:
    cases = []
    for req, rows in _MESSAGES.items():
        for id, text, message in rows:
            whole: dict[str, Any] = {"chunks": [message.encode()], "max_message": 1152}
            cases.append(accepted("stream.decode", id, text, [req], whole))
    worked = StreamMessage(Code.GET, _TOKEN, _TEMPERATURE).encode()
    long = _sized(300).encode()
    largest = _sized(1147).encode()
    for id, text, req, chunks in (
        ("byte-by-byte", "The bytes come one by one.", "MSG-1110", [bytes([byte]) for byte in worked]),
        ("two-in-one", "Two messages in one piece.", "MSG-1110", [worked + long]),
        ("cut-in-length", "A piece ends inside the extended length.", "MSG-1110", [worked + long[:2], long[2:]]),
        ("pending", "The last message is not complete.", "MSG-1110", [worked + long[:100]]),
        ("largest", "As large as this end takes.", "MSG-1040", [largest]),
    ):
        cases.append(accepted("stream.decode", id, text, [req], {"chunks": chunks, "max_message": 1152}))
    for (req, flag), broken in _MALFORMED.items():
        for id, text, data in broken:
            inputs: dict[str, Any] = {"chunks": [data], "max_message": 1152}
            cases.append(rejected("stream.decode", id, text, [req], inputs, "malformed", [flag]))
    for id, text, req, limit, data in _TOO_LARGE:
        inputs = {"chunks": [data], "max_message": limit}
        cases.append(rejected("stream.decode", id, text, [req], inputs, "too_large", ["TooLarge"]))
    return cases


def _frames() -> list[Case]:
    cases = [
        accepted("stream.frame.decode", id, text, [req], {"frame": message.encode_frame()})
        for req, rows in _MESSAGES.items()
        for id, text, message in rows
    ]
    for id, text, req, data, flag in (
        ("length-1", "A Len of 1, and one byte behind the token.", "MSG-1120", "1045ff", "TwoLengths"),
        ("length-right", "A Len that is right, and has no place here.", "MSG-1120", "2145" + "01ff00", "TwoLengths"),
        ("no-bytes", "A binary message of no bytes.", "MSG-1110", "", "CutShort"),
        ("code-missing", "The code is missing.", "MSG-1110", "00", "CutShort"),
        ("token-cut-short", "A token of four bytes has three.", "MSG-1110", "0401c0ffee", "CutShort"),
        ("option-cut-short", "A value of three bytes has two.", "MSG-1110", "0001b36162", "CutShort"),
        ("marker-without-payload", "The message ends with the marker.", "MSG-1110", "0045ff", "PayloadMarker"),
        ("token-length-9", "A token of nine bytes.", "MSG-1080", "0901" + "00" * 9, "TokenLength"),
        ("class-1", "Code 1.00.", "MSG-1090", "0020", "ReservedCode"),
        ("empty-with-payload", "An empty message with a payload.", "MSG-1100", "0000ff00", "EmptyMessage"),
    ):
        cases.append(rejected("stream.frame.decode", id, text, [req], {"frame": data}, "malformed", [flag]))
    return cases


def _whole() -> list[Case]:
    asked = to_json(StreamMessage(Code.GET, b"", _TEMPERATURE))
    answer = to_json(
        StreamMessage(Code.CONTENT, b"", ((12, bytes([CONTENT_FORMAT_SENML_CBOR])),), b"\x81\xa1\x02\xf9\x4d\x40")
    )
    del asked["token"], answer["token"]
    inputs = {"token": _TOKEN, "ping_token": b"\x01", "client_max_message": 8192, "server_max_message": 8192}
    inputs |= {"request": asked, "response": answer}
    reqs = ["MSG-1000", "MSG-1210", "MSG-1220", "MSG-1230", "MSG-1250"]
    tcp, websocket = {**inputs, "framing": "tcp"}, {**inputs, "framing": "websocket"}
    return [
        accepted("stream.connection", "worked-example", "Over TCP.", [*reqs, "MSG-1070"], tcp),
        accepted("stream.connection", "websocket", "The same on a WebSocket.", [*reqs, "MSG-1280"], websocket),
    ]


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    flags = {flag: text for flag, text in FLAGS.items() if flag in used}
    return VectorFile("messaging", name, operation, title, flags, tuple(cases))
