"""Scopes: what they grant, when one is within another, and that each has one form."""

from __future__ import annotations

import pytest

from picosec.errors import ProtocolError
from picosec.identity.scope import Scope, decode_scope, scope_of
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import Problem

LAMP, GATE = "/actuators/lamp", "/actuators/gate"
READ, WRITE = 1, 4


def test_example_of_rfc_9237_reads_as_it_says() -> None:
    """RFC 9237 section 2 grants GET on /s/temp, GET and PUT on /a/led, and POST on /dtls; its CBOR is ours in order of
    paths.
    """
    scope = decode_scope(cbor.dumps([["/a/led", 5], ["/dtls", 2], ["/s/temp", 1]]), "IDN-700")

    assert scope.allows("/s/temp", Code.GET)
    assert scope.allows("/a/led", Code.PUT)
    assert scope.allows("/dtls", Code.POST)
    assert not scope.allows("/s/temp", Code.PUT)
    assert not scope.allows("/a/led", Code.POST)


def test_what_is_not_named_is_not_granted() -> None:
    """Deny by default: neither a longer path, nor a shorter one, nor another method."""
    scope = Scope({LAMP: READ})

    assert scope.allows(LAMP, Code.GET)
    assert not scope.allows(LAMP, Code.PUT)
    assert not scope.allows(f"{LAMP}/x", Code.GET)
    assert not scope.allows("/actuators", Code.GET)


def test_scope_covers_what_is_narrower_and_itself() -> None:
    """A delegate may get as much as there is, and never more."""
    wide = Scope({LAMP: READ | WRITE, GATE: READ})

    assert wide.covers(wide)
    assert wide.covers(Scope({LAMP: READ}))
    assert not wide.covers(Scope({LAMP: READ, GATE: READ | WRITE}))
    assert not wide.covers(Scope({"/other": READ}))


def test_scope_is_read_as_it_was_written() -> None:
    """One form: what is encoded decodes to the same, whatever the order in which a person names things."""
    scope = scope_of([(LAMP, READ), (GATE, WRITE)])

    assert decode_scope(scope.encode(), "IDN-700") == scope
    assert scope.encode() == cbor.dumps([[GATE, WRITE], [LAMP, READ]])


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        [[LAMP]],
        [[LAMP, READ, 1]],
        [[b"/a", READ]],
        [["actuators", READ]],
        [["/" + "a" * 64, READ]],
        [[LAMP, 0]],
        [[LAMP, 128]],
        [[LAMP, -1]],
        [[LAMP, True]],
        [[LAMP, READ], [GATE, READ]],
        [[LAMP, READ], [LAMP, WRITE]],
        [[f"/{number:03}", READ] for number in range(33)],
    ],
)
def test_other_forms_are_refused(value: object) -> None:
    """Two forms of one scope would be two opinions of what was granted."""
    with pytest.raises(ProtocolError) as raised:
        decode_scope(cbor.dumps(value), "IDN-700")

    assert raised.value.problem is Problem.MALFORMED


def test_bytes_that_are_not_deterministic_are_refused() -> None:
    """An indefinite array has the same entries, and another hash."""
    with pytest.raises(ProtocolError) as raised:
        decode_scope(bytes.fromhex("9f82622f6101ff"), "IDN-700")

    assert raised.value.problem is Problem.NOT_DETERMINISTIC
