"""What a server keeps of transfers, and for whom."""

import pytest

from picosec.errors import ProtocolError
from picosec.messaging.blocks import Block
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.held import Held, Limits, Operation, Party
from picosec.registry import Problem

BODY = bytes(range(100))


class Server:
    """A block-wise server that keeps what is put."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.blockwise = Blockwise(limits)
        self.bodies: list[bytes] = []

    def send(
        self, number: int, party: Party, tag: bytes = b"", now: float = 0, *, code: Code = Code.PUT, more: bool = True
    ) -> Message:
        block = Block(number, more, 1)
        options = (*path_options("/x"), block.option(Option.BLOCK1), (int(Option.REQUEST_TAG), tag))
        message = Message(Type.CON, code, 0, b"", options, BODY[block.offset :][: block.size])
        return self.blockwise.serve(party, message, now, lambda part: None, self._act).response

    def _act(self, request: Message) -> Answer:
        self.bodies.append(request.payload)
        answer = request.payload if request.code == Code.POST else b""
        return Answer(Message(Type.ACK, Code.CHANGED, 0, payload=answer))

    def refuses(self, number: int, party: Party, tag: bytes = b"", now: float = 0) -> Problem:
        with pytest.raises(ProtocolError) as refused:
            self.send(number, party, tag, now)
        return refused.value.problem


def stranger(number: int) -> Party:
    return Party(("192.0.2.1", number), protected=False)


def friend(number: int) -> Party:
    return Party(number, protected=True)


def test_blocks_of_two_addresses_are_not_joined() -> None:
    """Two clients write the same resource at the same time."""
    server = Server()
    server.send(0, stranger(1))
    assert server.refuses(1, stranger(2)) is Problem.INCOMPLETE


def test_a_refused_block_leaves_the_transfer_as_it_is() -> None:
    """Whoever can throw in a block from nowhere must not be able to end what others do."""
    server = Server()
    server.send(0, stranger(1))
    before = server.blockwise.state()
    assert server.refuses(2, stranger(1)) is Problem.INCOMPLETE
    assert server.blockwise.state() == before
    assert server.send(1, stranger(1)).code == Code.CONTINUE


def test_many_addresses_hold_a_bounded_number_of_transfers() -> None:
    """A forged address costs nothing, so it buys nothing."""
    limits = Limits(max_transfers=8)
    server = Server(limits)
    for number in range(100):
        server.send(0, stranger(number))
    assert len(server.blockwise) == 8
    assert server.send(1, stranger(99)).code == Code.CONTINUE


def test_many_addresses_hold_a_bounded_number_of_bytes() -> None:
    """Few transfers of great length are as bad as many short ones."""
    server = Server(Limits(max_bytes=256))
    for number in range(10):
        server.send(0, stranger(number))
        server.send(1, stranger(number))
    assert len(server.blockwise) == 4


def test_strangers_take_no_place_from_channels() -> None:
    """Whoever has no key must not keep those who have one from anything."""
    server = Server(Limits(max_transfers=8))
    server.send(0, friend(1))
    for number in range(100):
        server.send(0, stranger(number))
    assert server.send(1, friend(1)).code == Code.CONTINUE


def test_one_party_takes_no_place_from_another() -> None:
    """The one who begins a hundred transfers loses his own."""
    server = Server()
    server.send(0, stranger(1))
    for number in range(100):
        server.send(0, stranger(2), bytes((number,)))
    assert server.send(1, stranger(1)).code == Code.CONTINUE


def test_time_counts_from_the_last_block() -> None:
    """A duty cycle makes a transfer long."""
    server = Server()
    for number in range(3):
        server.send(number, stranger(1), now=number * 200)
    assert server.blockwise.next_timeout() == 400 + 247
    assert server.send(3, stranger(1), now=600, more=False).code == Code.CHANGED
    assert server.bodies == [BODY]
    assert server.blockwise.next_timeout() is None


def test_what_is_abandoned_is_forgotten() -> None:
    """Also when nothing else comes that could remind anybody of it."""
    server = Server()
    server.send(0, stranger(1))
    server.send(0, friend(1))
    server.blockwise.expire(247)
    assert len(server.blockwise) == 0
    assert server.blockwise.state() == []


def test_an_answer_is_kept_until_it_is_not_fetched_any_more() -> None:
    """Each block that is fetched gives it more time; the end gives the memory back."""
    server = Server()
    wanted = Block(0, False, 0).option(Option.BLOCK2)
    request = Message(Type.CON, Code.POST, 0, options=(wanted,), payload=BODY)

    def ask(number: int, now: float) -> Message:
        further = Block(number, False, 0).option(Option.BLOCK2)
        message = Message(Type.CON, Code.POST, 0, options=(further,))
        return server.blockwise.serve(stranger(1), message, now, lambda part: None, server._act).response

    for last, later in ((6, 0), (4, 247)):
        server.blockwise.serve(stranger(1), request, 0, lambda part: None, server._act)
        for number in range(1, last + 1):
            assert ask(number, number * 200).payload == BODY[number * 16 :][:16]
        with pytest.raises(ProtocolError) as forgotten:
            ask(1, last * 200 + later)
        assert forgotten.value.problem is Problem.INCOMPLETE
        assert len(server.blockwise) == 0
    assert server.bodies == [BODY, BODY]


def test_options_that_are_no_cache_key_do_not_matter() -> None:
    """An Echo value proves freshness once, and stands in one block of the transfer only."""
    plain = Message(Type.CON, Code.PUT, 0, options=path_options("/x"))
    with_echo = Message(Type.CON, Code.PUT, 0, options=(*path_options("/x"), (int(Option.ECHO), b"e")))
    assert Operation.of(stranger(1), plain) == Operation.of(stranger(1), with_echo)


def test_what_was_dropped_is_gone() -> None:
    held = Held(Limits())
    operation = Operation(stranger(1), Code.PUT, ())
    held.keep(operation, Message(Type.CON, Code.PUT, 0), 0)
    held.drop(operation)
    held.drop(operation)
    assert held.find(operation) is None


@pytest.mark.parametrize(("room", "size"), [(15, 16), (16, 16), (100, 64), (1000, 512), (2000, 1024)])
def test_blocks_are_as_small_as_the_client(room: int, size: int) -> None:
    """Down to the smallest there is; that even this is too large is for the message layer to say."""

    def act(whole: Message) -> Answer:
        return Answer(Message(Type.ACK, Code.CONTENT, 0, payload=bytes(3000)))

    answer = Blockwise().serve(
        stranger(1),
        Message(Type.CON, Code.GET, 0),
        0.0,
        lambda part: None,
        act,
        lambda part: len(part.payload) <= room,
    )

    assert len(answer.response.payload) == size
