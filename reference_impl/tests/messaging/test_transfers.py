"""Both sides of block-wise transfer against each other, and every cell of the client's table."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging.blocks import MAX_BODY, Block
from picosec.messaging.blockwise import Answer, Blockwise
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.held import Limits, Party
from picosec.messaging.transfers import TRANSITIONS, Input, State, Transfer
from picosec.registry import Problem

ETAG = (int(Option.ETAG), b"e")


def request(code: Code = Code.GET, payload: bytes = b"") -> Message:
    return Message(Type.CON, code, 0, b"", path_options("/x"), payload)


def response(payload: bytes = b"", *options: tuple[int, bytes], code: Code = Code.CONTENT) -> Message:
    return Message(Type.ACK, code, 0, b"", tuple(sorted(options)), payload)


def block2(number: int, exponent: int, *, more: bool = True) -> tuple[int, bytes]:
    return Block(number, more, exponent).option(Option.BLOCK2)


def block1(number: int, exponent: int, *, more: bool = True) -> tuple[int, bytes]:
    return Block(number, more, exponent).option(Option.BLOCK1)


@given(
    st.binary(max_size=3000),
    st.sampled_from([Code.GET, Code.PUT, Code.POST]),
    st.integers(0, 6),
    st.one_of(st.none(), st.integers(0, 6)),
    st.booleans(),
)
def test_client_and_server_carry_any_body(
    body: bytes, code: Code, largest: int, exponent: int | None, tagged: bool
) -> None:
    """Whatever either side prefers: one act, and both bodies whole."""
    acted: list[bytes] = []

    def act(whole: Message) -> Answer:
        acted.append(whole.payload)
        return Answer(response(body[::-1]))

    server = Blockwise(Limits(largest=largest))
    transfer = Transfer(request(code, b"" if code is Code.GET else body), exponent, b"tag" if tagged else None)
    message = transfer.begin()
    while message.is_request:
        answer = server.serve(Party("client", protected=False), message, 0, lambda part: None, act)
        message = transfer.answered(answer.response)
    assert message.payload == body[::-1]
    assert transfer.state is State.DONE
    assert code is Code.GET or acted == [body]
    assert len(server) == 0


def reached(state: State) -> Transfer:
    """Return a transfer in a state, with more of both bodies to come."""
    transfer = Transfer(request(Code.POST, bytes(40)), 1)
    transfer.begin()
    if state is State.FETCHING:
        transfer.answered(response(b"", block1(0, 1), code=Code.CONTINUE))
        transfer.answered(response(bytes(32), block1(1, 1, more=False), block2(0, 1), ETAG, code=Code.CHANGED))
    assert transfer.state is state
    return transfer


RESPONSES = {
    Input.BLOCK_TAKEN: response(b"", block1(0, 1), code=Code.CONTINUE),
    Input.SMALLER_BLOCKS_WANTED: response(b"", block1(0, 0), code=Code.REQUEST_ENTITY_TOO_LARGE),
    Input.FIRST_BLOCK: response(bytes(32), block2(0, 1), ETAG, code=Code.CHANGED),
    Input.NEXT_BLOCK: response(bytes(32), block2(1, 1), ETAG, code=Code.CHANGED),
    Input.OTHER_REPRESENTATION: response(bytes(32), block2(1, 1), (int(Option.ETAG), b"f"), code=Code.CHANGED),
    Input.LAST: response(b"no", code=Code.FORBIDDEN),
}
#: What another request brings about: a block of the response belongs to the last block of the request, and only what
#: is read begins anew.
ELSEWHERE = {(State.SENDING, Input.FIRST_BLOCK), (State.FETCHING, Input.OTHER_REPRESENTATION)}


@pytest.mark.parametrize(("state", "happening"), list(itertools.product([State.SENDING, State.FETCHING], Input)))
def test_every_cell_of_the_table(state: State, happening: Input) -> None:
    """What has a cell moves on; what has none is refused, or is an outcome like any other error."""
    transfer = reached(state)
    expected = TRANSITIONS.get((state, happening))
    if happening is Input.SMALLER_BLOCKS_WANTED and state is State.FETCHING:
        expected = State.DONE  # an error is an outcome
    if expected is None or (state, happening) in ELSEWHERE:
        with pytest.raises(ProtocolError) as refused:
            transfer.answered(RESPONSES[happening])
        assert refused.value.problem is Problem.INCONSISTENT
    else:
        transfer.answered(RESPONSES[happening])
        assert transfer.state is expected


def test_cells_that_need_another_request() -> None:
    reading = Transfer(request())
    reading.begin()
    reading.answered(response(bytes(32), block2(0, 1), ETAG))
    assert reading.state is State.FETCHING
    again = reading.answered(response(bytes(32), block2(1, 1), (int(Option.ETAG), b"f")))
    assert reading.state is State.SENDING
    assert again.option(Option.BLOCK2) == Block(0, False, 1).encode()


def test_done_is_the_end() -> None:
    assert not any(state is State.DONE for state, _ in TRANSITIONS)


def test_a_server_that_enacts_each_block_gets_them_all() -> None:
    """M unset in the answer says that the block was acted on by itself; the client goes on (RFC 7959 section 2.3)."""
    transfer = Transfer(request(Code.PUT, bytes(40)), 1)
    transfer.begin()
    following = transfer.answered(response(b"", block1(0, 1, more=False), code=Code.CHANGED))
    assert (following.payload, following.option(Option.BLOCK1)) == (bytes(8), Block(1, False, 1).encode())


def test_larger_blocks_than_asked_for_are_refused() -> None:
    """The client asked for 32 bytes because it has room for 32."""
    transfer = Transfer(request(), 1)
    transfer.begin()
    with pytest.raises(ProtocolError) as refused:
        transfer.answered(response(bytes(64), block2(0, 2), ETAG))
    assert refused.value.problem is Problem.INCONSISTENT


def test_reserved_size_of_a_response_is_refused() -> None:
    transfer = Transfer(request())
    transfer.begin()
    with pytest.raises(ProtocolError) as refused:
        transfer.answered(response(bytes(2048), (int(Option.BLOCK2), b"\x0f")))
    assert refused.value.problem is Problem.BAD_REQUEST


def test_a_body_without_end_is_given_up() -> None:
    """A server that always has one more block must not fill the client."""
    transfer = Transfer(request())
    transfer.begin()
    for number in range(MAX_BODY // 1024):
        transfer.answered(response(bytes(1024), block2(number, 6), ETAG))
    with pytest.raises(ProtocolError) as refused:
        transfer.answered(response(bytes(1024), block2(MAX_BODY // 1024, 6), ETAG))
    assert refused.value.problem is Problem.TOO_LARGE


def test_what_is_observed_is_not_registered_again_for_each_block() -> None:
    """A request for block 1 with Observe would be a registration of its own (RFC 7959 section 2.6)."""
    transfer = Transfer(replace(request(), options=((int(Option.OBSERVE), b""), *path_options("/x"))))
    assert transfer.begin().option(Option.OBSERVE) is not None
    assert transfer.answered(response(bytes(32), block2(0, 1), ETAG)).option(Option.OBSERVE) is None


@pytest.mark.parametrize("code", [Code.FETCH, Code.POST])
def test_further_blocks_are_asked_for_without_payload(code: Code) -> None:
    """The server keeps the response; what was asked need not be said again (MSG-1550)."""
    transfer = Transfer(request(code, b"which"))
    transfer.begin()
    assert transfer.answered(response(bytes(32), block2(0, 1), ETAG)).payload == b""
