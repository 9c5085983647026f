"""Vectors of block-wise transfer (spec/v1/messaging-blocks.md): Block options, and the block of a body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.downloads import cut
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import RequestReceived, ResponseReceived
from picosec.messaging.held import Limits, Party
from picosec.messaging.transfers import Transfer
from picosec_conformance.vectors.messaging_coap import from_json, to_json
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

FLAGS: Final = {
    "BlockSize": "A size that does not exist is one shift away from those that do.",
    "BehindTheEnd": "What lies behind a body is somebody else's memory.",
    "ValueLength": "A number with more bytes than there is room for.",
}

#: By id: comment, number, more, size.
_VALUES: Final[dict[str, tuple[str, int, bool, int]]] = {
    "first-of-16": ("All three fields are zero: an empty value, which is not the same as no option.", 0, False, 16),
    "first-of-many": ("The first of several blocks of 16 bytes.", 0, True, 16),
    "first-of-1024": ("The whole of a body of up to 1024 bytes.", 0, False, 1024),
    "largest-of-one-byte": ("The greatest number that one byte has room for.", 15, True, 64),
    "smallest-of-two-bytes": ("The next number needs a second byte.", 16, True, 64),
    "largest-of-two-bytes": ("The greatest number that two bytes have room for.", 4095, False, 128),
    "smallest-of-three-bytes": ("The next number needs a third byte.", 4096, True, 128),
    "largest": ("The greatest number there is.", (1 << 20) - 1, True, 1024),
    **{f"size-{size}": ("One of the seven sizes.", 2, True, size) for size in (16, 32, 64, 128, 256, 512, 1024)},
}
_BODY: Final = bytes(range(40))


@operation("block.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    return Result({"value": Block(inputs["number"], inputs["more"], exponent_of(inputs["size"])).encode()})


@operation("block.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    block = Block.decode(octets(inputs, "value"))
    return Result({"number": block.number, "more": block.more, "size": block.size, "offset": block.offset})


@operation("block.cut")
def _cut(inputs: dict[str, Any]) -> Result:
    """The block of a body that a request asks for."""
    wanted = ((int(Option.BLOCK2), octets(inputs, "block2")),) if "block2" in inputs else ()
    request = Message(Type.CON, Code.GET, 1, options=wanted)
    response = cut(request, Message(Type.ACK, Code.CONTENT, 1, payload=octets(inputs, "body")))
    output: dict[str, Any] = {"payload": response.payload}
    value = response.option(Option.BLOCK2)
    return Result(output if value is None else {"block2": value, **output})


@operation("block.transfer")
def _transfer(inputs: dict[str, Any]) -> Result:
    """A request and its response, as large as they are, between a client and a server with block sizes of their own."""
    acted: list[bytes] = []

    def act(whole: Message) -> Answer:
        acted.append(whole.payload)
        return Answer(Message(Type.ACK, inputs["response"]["code"], 0, payload=octets(inputs["response"], "payload")))

    blockwise = Blockwise(Limits(largest=exponent_of(inputs["server_size"])))
    client, server = Endpoint(_entropy(inputs)), Endpoint(bytes)
    tag = octets(inputs, "request_tag") if "request_tag" in inputs else None
    transfer = Transfer(from_json(inputs["request"]), exponent_of(inputs["client_size"]), tag)
    message = transfer.begin()
    steps: dict[str, bytes] = {}
    while message.is_request:
        client.request(message, "server", 0)
        request = steps[f"request_{len(steps) // 2 + 1}"] = _sent(client)
        (received,) = server.receive(request, "client", 0)
        assert isinstance(received, RequestReceived)
        answer = blockwise.serve(Party("client", protected=False), received.message, 0, lambda part: None, act)
        server.respond(received.exchange, answer.response, 0)
        response = steps[f"response_{len(steps) // 2 + 1}"] = _sent(server)
        (answered,) = client.receive(response, "server", 0)
        assert isinstance(answered, ResponseReceived)
        message = transfer.answered(answered.message)
    return Result({"acted": acted, "code": message.code, "payload": message.payload}, steps)


def _entropy(inputs: dict[str, Any]) -> Callable[[int], bytes]:
    """Return entropy for a client: tokens count up from the first, and there is no jitter."""
    tokens = count(int.from_bytes(octets(inputs["request"], "token"), "big"))
    first = inputs["request"]["message_id"].to_bytes(2, "big")
    starts = iter([first])
    return lambda size: next(tokens).to_bytes(4, "big") if size == 4 else next(starts, bytes(size))


def _sent(endpoint: Endpoint) -> bytes:
    ((_, data),) = endpoint.transmit()
    return data


def files() -> Iterator[VectorFile]:
    """Yield the files about block-wise transfer."""
    yield _file(
        "block_transfer",
        "block.transfer",
        "A request and its response in as many exchanges as they need",
        list(_transfers()),
    )
    yield _file(
        "block_encode",
        "block.encode",
        "A Block option is written",
        [
            accepted("block.encode", id, text, ["MSG-1310"], {"number": number, "more": more, "size": size})
            for id, (text, number, more, size) in _VALUES.items()
        ],
    )
    yield _file("block_decode", "block.decode", "A Block option is read, or refused", list(_decoded()))
    yield _file("block_cut", "block.cut", "The block of a body that a request asks for", list(_cuts()))


def _decoded() -> Iterator[Case]:
    for id, (text, number, more, size) in _VALUES.items():
        value = Block(number, more, exponent_of(size)).encode()
        yield accepted("block.decode", id, text, ["MSG-1310"], {"value": value})
    for id, text, value in (
        ("leading-zeros", "An unsigned integer may have leading zeros when it is read.", b"\x00\x00\x1a"),
        ("zero-in-one-byte", "The empty value, written long.", b"\x00"),
    ):
        yield accepted("block.decode", id, text, ["MSG-1310"], {"value": value})
    for id, text, value in (
        ("reserved-size", "SZX 7 in the first block.", b"\x07"),
        ("reserved-size-more", "SZX 7 with M.", b"\x0f"),
        ("reserved-size-later", "SZX 7 in a block whose number takes three bytes.", b"\xff\xff\xf7"),
    ):
        yield rejected("block.decode", id, text, ["MSG-1300"], {"value": value}, "bad_request", ["BlockSize"])
    text = "A value of four bytes, the first of them zero."
    inputs = {"value": b"\x00\x00\x00\x1a"}
    yield rejected("block.decode", "four-bytes", text, ["MSG-540"], inputs, "bad_option", ["ValueLength"])


def _cuts() -> Iterator[Case]:
    def asked(number: int, size: int, body: bytes = _BODY, *, more: bool = False) -> dict[str, bytes]:
        return {"body": body, "block2": Block(number, more, exponent_of(size)).encode()}

    def case(id: str, text: str, inputs: dict[str, bytes], *requirements: str) -> Case:
        return accepted("block.cut", id, text, requirements, inputs)

    yield case("first-block", "The first of three blocks.", asked(0, 16), "MSG-1310")
    yield case("last-block", "The last of three blocks is shorter.", asked(2, 16), "MSG-1310", "MSG-1320")
    yield case("exact-end", "A body that fills its last block ends there.", asked(1, 16, bytes(32)), "MSG-1310")
    yield case("whole", "A body that fits into the block.", asked(0, 64), "MSG-1310", "MSG-1330")
    yield case("m-ignored", "M in the request means nothing.", asked(1, 16, more=True), "MSG-1360")
    yield case("unasked-whole", "Without Block2, 1024 bytes come whole.", {"body": bytes(1024)}, "MSG-1340")
    yield case("unasked-block", "Without Block2, 1025 bytes come in blocks.", {"body": bytes(1025)}, "MSG-1340")
    for id, text, inputs in (
        ("at-the-end", "The block begins where the body ends.", asked(2, 16, bytes(32))),
        ("behind-the-end", "The block begins behind the body.", asked(3, 16)),
        ("far-behind-the-end", "The greatest number of the greatest size.", asked((1 << 20) - 1, 1024)),
        ("behind-nothing", "There is no second block of nothing.", asked(1, 16, b"")),
    ):
        yield rejected("block.cut", id, text, ["MSG-1350"], inputs, "bad_request", ["BehindTheEnd"])


def _transfers() -> Iterator[Case]:
    def case(
        id: str, text: str, code: Code, sizes: tuple[int, int], lengths: tuple[int, int], *requirements: str
    ) -> Case:
        body, answer = (bytes(at * 7 % 251 for at in range(length)) for length in lengths)
        request = Message(Type.CON, code, 0x7D34, b"\xc0\xff\xee\x01", path_options("/log"), body)
        response = {"code": int(Code.CONTENT if code == Code.GET else Code.CHANGED), "payload": answer}
        inputs = {"request": to_json(request), "response": response, "client_size": sizes[0], "server_size": sizes[1]}
        inputs |= {"request_tag": b"\x2a"} if lengths[0] > min(sizes) else {}
        return accepted("block.transfer", id, text, requirements, inputs)

    yield case("read", "A representation in three blocks.", Code.GET, (16, 64), (0, 40), "MSG-1310", "MSG-1540")
    yield case(
        "read-smaller",
        "The client would take 64 bytes, the server gives 16.",
        Code.GET,
        (64, 16),
        (0, 40),
        "MSG-1330",
        "MSG-1550",
    )
    yield case("write", "A body in three blocks.", Code.PUT, (16, 64), (40, 0), "MSG-1390", "MSG-1400", "MSG-1520")
    yield case(
        "write-smaller",
        "The server takes the first block of 64 bytes and wants 16 from then on: the next has number 4.",
        Code.PUT,
        (64, 16),
        (100, 0),
        "MSG-1390",
        "MSG-1530",
    )
    yield case(
        "write-and-read",
        "Both bodies need blocks: the last block of the one brings the first of the other.",
        Code.POST,
        (16, 64),
        (40, 20),
        "MSG-1400",
        "MSG-1510",
        "MSG-1540",
    )
    yield case("whole", "Both bodies fit.", Code.POST, (64, 64), (40, 20), "MSG-1340", "MSG-1520")


def _file(name: str, operation: str, title: str, cases: list[Case]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    flags = {flag: text for flag, text in FLAGS.items() if flag in used}
    return VectorFile("messaging", name, operation, title, flags, tuple(cases))
