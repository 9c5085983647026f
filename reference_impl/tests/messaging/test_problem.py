"""Problem details: a refusal that programs can read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, Option
from picosec.registry import RESPONSE_CODE, Problem


@pytest.mark.parametrize("error", Problem, ids=lambda error: error.name.lower())
def test_every_error_explains_itself(error: Problem) -> None:
    """Number and name, and nothing else, reach a stranger; the code is the registry's."""
    response = problem.error_response(ProtocolError(error, "MSG-010", "a secret"))

    assert response.code == RESPONSE_CODE[error]
    assert response.content_format == 257
    assert cbor.loads(response.payload) == {65000: {0: int(error)}, -1: error.name.lower()}
    assert problem.decode(response.payload) is error


def test_a_detail_is_for_those_who_may_know() -> None:
    """Over a channel, a sentence for people may be added."""
    response = problem.response(Problem.BAD_REQUEST, "the lamp is a boolean")
    assert cbor.loads(response.payload)[-2] == "the lamp is a boolean"
    assert problem.decode(response.payload) is Problem.BAD_REQUEST


@pytest.mark.parametrize(
    "value", [{}, {-1: "x"}, {65000: {}}, {65000: {0: 9999}}, {65000: {0: "5"}}, {65000: {0: True}}, {65000: 5}]
)
def test_an_error_that_is_not_known_is_none(value: object) -> None:
    """A later version, or another specification, refuses for reasons of its own."""
    assert problem.decode(cbor.dumps(value)) is None


@given(st.binary(max_size=40))
def test_random_bytes_name_an_error_or_are_refused(payload: bytes) -> None:
    """A client reads refusals from anyone."""
    with contextlib.suppress(ProtocolError):
        assert problem.decode(payload) in {None, *Problem}


def test_the_response_leaves_the_message_layer_its_fields() -> None:
    """Type, message id and token are filled in by whoever sends it."""
    response = problem.response(Problem.NOT_FOUND)
    assert (response.code, response.message_id, response.token) == (Code.NOT_FOUND, 0, b"")
    assert response.option(Option.CONTENT_FORMAT) == b"\x01\x01"
