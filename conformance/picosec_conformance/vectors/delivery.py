"""Vectors of delivery (spec/v1/channel-delivery.md): the option, and what a receiver decides about a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.channel.delivery import MAX_NUMBER, MAX_STREAM, Inbox, Place
from picosec.messaging.coap import Code, Message, Option, Type, decode_options, encode_options, path_options
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "Forgotten": "A receiver that lost its memory acts on a request a second time.",
    "NoPlace": "A reader that takes what is no place for one counts what nobody sent.",
    "LongPlace": "One place in two encodings is two places to whoever compares bytes.",
    "OtherRequest": "The response to one request is given to the sender of another, who takes it for his own.",
    "OutOfOrder": "What overtakes, or comes late, is carried out in an order that nobody asked for.",
}

_ON: Final = (Code.PUT, (*path_options("/actuators/lamp"), (int(Option.CONTENT_FORMAT), b"\x3c")), b"\xf5")
_OFF: Final = (Code.PUT, (*path_options("/actuators/lamp"), (int(Option.CONTENT_FORMAT), b"\x3c")), b"\xf4")
_READ: Final = (Code.GET, path_options("/sensors/temperature"), b"")
_DONE: Final = bytes((Code.CHANGED,))


def _plaintext(
    what: tuple[int, tuple[tuple[int, bytes], ...], bytes], place: Place, *others: tuple[int, bytes]
) -> bytes:
    code, options, payload = what
    return bytes((code,)) + encode_options((*options, *others, (int(Option.DELIVERY), place.encode())), payload)


def _message(plaintext: bytes) -> Message:
    options, payload = decode_options(plaintext, 1)
    return Message(Type.CON, plaintext[0], 0, b"", options, payload)


@operation("delivery.option.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    place = Place.decode(octets(inputs, "value"))
    return Result({"stream": place.stream, "number": place.number})


@operation("delivery.judge")
def _judge(inputs: dict[str, Any]) -> Result:
    inbox, horizon = Inbox(), inputs["horizon"]
    for event in inputs["accepted"]:
        message = _message(octets(event, "request"))
        place = Place.of(message)
        assert place is not None
        assert inbox.admit(message, horizon) is None
        if "response" in event:
            inbox.answered(place, _message(octets(event, "response")))
    response = inbox.admit(_message(octets(inputs, "request")), horizon)
    if response is None:
        return Result({"act": True})
    return Result(
        {"act": False, "response": bytes((response.code,)) + encode_options(response.options, response.payload)}
    )


def files() -> Iterator[VectorFile]:
    """Yield the generated files about delivery."""
    yield _file(
        "delivery_option_decode",
        "delivery.option.decode",
        "The value of the Delivery option is decoded, or refused",
        (*_places(), *_no_places()),
    )
    yield _file(
        "delivery_judge",
        "delivery.judge",
        "A receiver that accepted some ordered requests judges one more",
        (*_acted_on(), *_refused()),
    )


def _file(name: str, operation: str, title: str, cases: tuple[Case, ...]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    return VectorFile("channel", name, operation, title, {flag: FLAGS[flag] for flag in used}, cases)


def _places() -> Iterator[Case]:
    for stream, number in ((0, 0), (7, 0), (23, 24), (24, 255), (300, 65_536), (MAX_STREAM, MAX_NUMBER)):
        text = f"Request {number} of stream {stream}."
        value = Place(stream, number).encode()
        yield accepted("delivery.option.decode", f"place-{stream}-{number}", text, ["CHN-1720"], {"value": value})


def _no_places() -> Iterator[Case]:
    for id, text, value, flag in (
        ("empty", "Nothing.", "", "NoPlace"),
        ("one-number", "A stream without a number.", "07", "NoPlace"),
        ("cut", "A number of two bytes, one of which is there.", "071901", "NoPlace"),
        ("three-numbers", "Something behind the place.", "070000", "NoPlace"),
        ("array", "The two numbers in an array.", "820700", "NoPlace"),
        ("long-stream", "Stream 7 in two bytes.", "180700", "LongPlace"),
        ("long-number", "Number 0 in two bytes.", "071800", "LongPlace"),
        ("negative", "A number below zero.", "0720", "NoPlace"),
        ("bytes", "A byte string in place of a number.", "074100", "NoPlace"),
        ("text", "A text in place of a number.", "076130", "NoPlace"),
        ("false", "False is not 0.", "07f4", "NoPlace"),
        ("null", "Null is not 0.", "07f6", "NoPlace"),
        ("float", "Zero as a floating-point number.", "07f90000", "NoPlace"),
        ("tagged", "A number under a tag.", "07c100", "NoPlace"),
        ("high-stream", "A stream that no Partial IV can have.", "1b000001000000000000", "NoPlace"),
        ("high-number", "A number beyond the last of a stream.", "071b0000000100000000", "NoPlace"),
    ):
        inputs = {"value": bytes.fromhex(value)}
        yield rejected("delivery.option.decode", id, text, ["CHN-1850"], inputs, "bad_option", [flag])


def _event(what: Any, place: Place, response: bytes | None = _DONE) -> dict[str, Any]:
    event = {"request": _plaintext(what, place)}
    return event if response is None else {**event, "response": response}


_SWITCHED: Final = _event(_ON, Place(7, 0))
#: The name of the first stream under the second keys, at number 2.
_RENAMED: Final = (1 << 20) + 2


def _inputs(events: list[dict[str, Any]], what: Any, place: Place, horizon: int = 0) -> dict[str, Any]:
    return {"horizon": horizon, "accepted": events, "request": _plaintext(what, place)}


def _acted_on() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, inputs: dict[str, Any]) -> Case:
        return accepted("delivery.judge", id, text, [requirement], inputs)

    two = [_SWITCHED, _event(_READ, Place(7, 1), bytes((Code.CONTENT,)) + b"\xff21.5")]
    yield case("first", "The first ordered request of a channel.", "CHN-1840", _inputs([], _ON, Place(0, 0)))
    yield case("next", "The request behind the last one.", "CHN-1780", _inputs([_SWITCHED], _OFF, Place(7, 1)))
    yield case(
        "repetition",
        "The response was lost; the request comes again under a new Partial IV.",
        "CHN-1790",
        _inputs([_SWITCHED], _ON, Place(7, 0)),
    )
    yield case("repeated-read", "A read is answered as it was then.", "CHN-1790", _inputs(two, _READ, Place(7, 1)))
    refused = [_event(_READ, Place(7, 0), bytes((Code.NOT_FOUND,)))]
    yield case("repeated-refusal", "What was refused stays refused.", "CHN-1790", _inputs(refused, _READ, Place(7, 0)))
    echoed = _inputs([_SWITCHED], _ON, Place(7, 0))
    echoed["request"] = _plaintext(_ON, Place(7, 0), (int(Option.ECHO), b"12345678"))
    yield case("repetition-with-echo", "An Echo option makes no other request.", "CHN-1790", echoed)
    yield case("new-stream", "The sender gave up and begins anew.", "CHN-1840", _inputs(two, _OFF, Place(9, 0)))
    working = [_event(_ON, Place(7, 0), None)]
    yield case(
        "new-stream-meanwhile",
        "The sender gave up while the receiver was still at work.",
        "CHN-1840",
        _inputs(working, _OFF, Place(9, 0)),
    )
    yield case(
        "new-stream-after-loss",
        "The window begins at 20; a stream that was begun since is new.",
        "CHN-1840",
        _inputs([], _ON, Place(21, 0), 20),
    )
    yield case(
        "new-stream-under-new-keys",
        "The keys were changed once; the name of the stream counts that.",
        "CHN-1860",
        _inputs([_SWITCHED], _OFF, Place(_RENAMED, 0)),
    )


def _refused() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, error: str, flag: str, inputs: dict[str, Any]) -> Case:
        return rejected("delivery.judge", id, text, [requirement], inputs, error, [flag])

    three = [_SWITCHED, _event(_OFF, Place(7, 1)), _event(_ON, Place(7, 2))]
    working = [_event(_ON, Place(7, 0), None)]
    order, lost, changed = "out_of_order", "delivery_lost", "delivery_changed"
    yield case("gap", "One request is missing.", "CHN-1800", order, "OutOfOrder", _inputs(three, _OFF, Place(7, 4)))
    yield case(
        "late", "An attempt that was held back.", "CHN-1800", order, "OutOfOrder", _inputs(three, _ON, Place(7, 0))
    )
    yield case(
        "at-work",
        "The response is not there yet.",
        "CHN-1810",
        "busy",
        "OutOfOrder",
        _inputs(working, _ON, Place(7, 0)),
    )
    yield case(
        "other-request",
        "The number of the switch-on, for a switch-off.",
        "CHN-1820",
        changed,
        "OtherRequest",
        _inputs([_SWITCHED], _OFF, Place(7, 0)),
    )
    yield case(
        "other-resource",
        "The number of the switch-on, for a read.",
        "CHN-1820",
        changed,
        "OtherRequest",
        _inputs([_SWITCHED], _READ, Place(7, 0)),
    )
    yield case(
        "other-request-at-work",
        "Another request while the first is being acted on.",
        "CHN-1820",
        changed,
        "OtherRequest",
        _inputs(working, _OFF, Place(7, 0)),
    )
    yield case(
        "lost",
        "The memory of stream 7 is gone: the window began anew at 20.",
        "CHN-1830",
        lost,
        "Forgotten",
        _inputs([], _ON, Place(7, 0), 20),
    )
    yield case(
        "lost-in-the-middle",
        "The same, further on in the stream.",
        "CHN-1830",
        lost,
        "Forgotten",
        _inputs([], _ON, Place(7, 5), 20),
    )
    yield case(
        "begins-in-the-middle",
        "The first request of a channel is not number 0.",
        "CHN-1830",
        lost,
        "Forgotten",
        _inputs([], _ON, Place(7, 1)),
    )
    yield case(
        "given-up",
        "A stream that another one took the place of.",
        "CHN-1830",
        lost,
        "OutOfOrder",
        _inputs([_event(_ON, Place(9, 0))], _OFF, Place(7, 0)),
    )
    yield case(
        "given-up-before-new-keys",
        "A stream of the first keys, after one of the second began.",
        "CHN-1860",
        lost,
        "OutOfOrder",
        _inputs([_SWITCHED, _event(_OFF, Place(_RENAMED, 0))], _ON, Place(7, 0)),
    )
    for name, option in (("observe", Option.OBSERVE), ("block1", Option.BLOCK1), ("block2", Option.BLOCK2)):
        inputs = _inputs([], _ON, Place(7, 0))
        inputs["request"] = _plaintext(_ON, Place(7, 0), (int(option), b""))
        yield case(f"beside-{name}", "A request in parts has no place.", "CHN-1850", "bad_option", "OutOfOrder", inputs)
