"""Options that are understood, and what the others do to a message."""

import pytest

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.messaging.options import DEFINITIONS, Definition, understood
from picosec.registry import Problem

_UNKNOWN_CRITICAL, _UNKNOWN_ELECTIVE = 65001, 65000


def _message(*options: tuple[int, bytes]) -> Message:
    return Message(Type.CON, Code.GET, 1, b"t", options, b"payload")


def test_a_message_that_is_understood_comes_back_as_it_is() -> None:
    """The common case copies nothing."""
    message = _message(
        (Option.URI_HOST, b"h"), (Option.URI_PATH, b"a"), (Option.URI_PATH, b"b"), (Option.ACCEPT, b"\x3c")
    )
    assert understood(message) is message


@pytest.mark.parametrize(
    "option",
    [
        (_UNKNOWN_CRITICAL, b""),
        (Option.IF_MATCH, bytes(9)),
        (Option.IF_NONE_MATCH, b"x"),
        (Option.BLOCK2, bytes(4)),
        (Option.URI_HOST, b""),
        (Option.URI_PORT, b"\0\0\0"),
        (Option.URI_PATH, bytes(256)),
        (Option.URI_PATH, b".."),
        (Option.URI_QUERY, b"\xff"),
        (Option.ACCEPT, b"\0\0\0"),
    ],
    ids=repr,
)
def test_a_critical_option_that_is_not_understood_spoils_the_message(option: tuple[int, bytes]) -> None:
    """A condition that cannot be checked must not count as met; a bad length is no better (MSG-500, MSG-540)."""
    with pytest.raises(ProtocolError) as refusal:
        understood(_message(option))
    assert refusal.value.problem is Problem.BAD_OPTION


@pytest.mark.parametrize("number", [Option.URI_HOST, Option.URI_PORT, Option.ACCEPT, Option.OSCORE])
def test_a_critical_option_stands_once(number: int) -> None:
    """Two values for one question: one reader takes the first, another the last."""
    with pytest.raises(ProtocolError) as refusal:
        understood(_message((number, b"a"), (number, b"b")))
    assert (refusal.value.problem, refusal.value.requirement) == (Problem.BAD_OPTION, "MSG-540")


def test_elective_options_that_are_not_understood_are_left_out() -> None:
    """Unknown, too long, or repeated: the message reads as if they were absent; the first of the repeated counts."""
    message = _message(
        (64998, b""),
        (Option.URI_PATH, b"a"),
        (Option.CONTENT_FORMAT, b"\x3c"),
        (Option.CONTENT_FORMAT, b"\x28"),
        (Option.MAX_AGE, bytes(5)),
        (_UNKNOWN_ELECTIVE, b"x"),
    )
    result = understood(message)
    assert result.options == ((Option.URI_PATH, b"a"), (Option.CONTENT_FORMAT, b"\x3c"))
    assert result.payload == b"payload"


@pytest.mark.parametrize("number", [Option.PROXY_URI, Option.PROXY_SCHEME])
def test_forwarding_is_declined_by_its_own_name(number: int) -> None:
    """A client must learn that there is no proxy here, not that its option is odd (MSG-550)."""
    with pytest.raises(ProtocolError) as refusal:
        understood(_message((number, b"coap")))
    assert refusal.value.problem is Problem.NO_PROXY


def test_a_layer_can_understand_more() -> None:
    """What one endpoint refuses another may serve: the table is an argument."""
    table = {**DEFINITIONS, 65000: Definition(1, 40)}
    assert understood(_message((65000, b"e")), table).option(65000) == b"e"
    assert understood(_message((65000, b"e"))).option(65000) is None


@pytest.mark.parametrize("number", [2049, 65001])
def test_critical_option_outside_of_a_protected_message_is_left_out(number: int) -> None:
    """A proxy adds a condition to what it cannot read: the request inside is served as it was sent (CHN-760)."""
    protected = ((int(Option.OSCORE), b"\x09\x00\x01"),)
    message = Message(Type.CON, Code.POST, 1, b"", tuple(sorted([*protected, (number, b"x")])), b"ciphertext")

    assert understood(message).options == protected
