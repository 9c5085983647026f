"""Refusals that explain themselves: code, number and name agree, and strangers learn no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_PROBLEM_DETAILS,
    PROBLEM_DETAIL_KEY,
    RESPONSE_CODE,
    Problem,
)
from picosec_conformance.target import Nonconformity, Target

TITLE, DETAIL, NUMBER = -1, -2, 0


def _test_interface(resource: str, payload: str) -> Callable[[Target], Message]:
    return lambda target: target.build(
        Code.POST, f"/ps/test/{resource}", bytes.fromhex(payload), content_format=CONTENT_FORMAT_CBOR
    )


#: For each error that a stranger can cause, how.
PROVOCATIONS: dict[Problem, Callable[[Target], Message]] = {
    Problem.NOT_FOUND: lambda target: target.build(Code.GET, "/no-such-resource"),
    Problem.METHOD_NOT_ALLOWED: lambda target: target.build(Code.DELETE, target.manifest.resources.get),
    Problem.BAD_OPTION: lambda target: target.build(Code.GET, target.manifest.resources.get, options=((65001, b""),)),
    Problem.NO_PROXY: lambda target: target.build(
        Code.GET, target.manifest.resources.get, options=((Option.PROXY_SCHEME, b"coap"),)
    ),
}
CONTROLLED: dict[Problem, Callable[[Target], Message]] = {
    Problem.NOT_ACCEPTABLE: lambda target: target.build(Code.GET, "/ps/info", options=((Option.ACCEPT, b""),)),
    Problem.UNSUPPORTED_FORMAT: lambda target: target.build(
        Code.POST, "/ps/test/time", b"\0", content_format=CONTENT_FORMAT_PROBLEM_DETAILS
    ),
    Problem.MALFORMED: _test_interface("time", "18"),
    Problem.NOT_DETERMINISTIC: _test_interface("time", "1800"),
    Problem.TOO_LARGE: _test_interface("time", "81" * 17 + "00"),
    Problem.BAD_REQUEST: _test_interface("time", "20"),
}
PROTECTED: dict[Problem, Callable[[Target], Message]] = {
    Problem.UNPROTECTED: lambda target: target.build(Code.GET, target.manifest.resources.protected_get),
    Problem.UNKNOWN_CONTEXT: lambda target: target.build(
        Code.POST, "", bytes(16), options=((Option.OSCORE, b"\x09\x00nobody"),)
    ),
}

EVERY = [
    *(pytest.param(problem, make, id=problem.name.lower()) for problem, make in PROVOCATIONS.items()),
    *(
        pytest.param(problem, make, id=problem.name.lower(), marks=pytest.mark.needs("conformance.test-interface"))
        for problem, make in CONTROLLED.items()
    ),
    *(
        pytest.param(problem, make, id=problem.name.lower(), marks=pytest.mark.needs("channel.oscore.server"))
        for problem, make in PROTECTED.items()
    ),
]
provoked = pytest.mark.parametrize(("problem", "make"), EVERY)


def explanation(reply: Message) -> dict[Any, Any]:
    """Return the problem details of a refusal. Raises ``Nonconformity`` when it has none."""
    if reply.content_format != CONTENT_FORMAT_PROBLEM_DETAILS:
        raise Nonconformity(f"the refusal has content format {reply.content_format}, not 257")
    try:
        entries = cbor.loads(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"the problem details are not deterministic CBOR: {error}") from error
    if not isinstance(entries, dict):
        raise Nonconformity("problem details are a map")
    return entries


@pytest.mark.requirement("MSG-700")
@provoked
def test_a_refusal_holds_the_number_of_its_error(
    target: Target, problem: Problem, make: Callable[[Target], Message]
) -> None:
    """A program at the other end has to decide whether to try again, differently, or never."""
    entries = explanation(target.exchange(make(target)))
    assert entries.get(PROBLEM_DETAIL_KEY, {}).get(NUMBER) == problem


@pytest.mark.requirement("MSG-710")
@provoked
def test_the_title_is_the_name_of_the_error(
    target: Target, problem: Problem, make: Callable[[Target], Message]
) -> None:
    """A person with any CBOR tool can look the error up."""
    assert explanation(target.exchange(make(target))).get(TITLE) == problem.name.lower()


@pytest.mark.requirement("MSG-720")
@provoked
def test_a_stranger_gets_no_detail(target: Target, problem: Problem, make: Callable[[Target], Message]) -> None:
    """What is missing, which byte is wrong: each detail is a step for whoever is looking for a way in."""
    assert DETAIL not in explanation(target.exchange(make(target)))


@pytest.mark.requirement("MSG-720")
def test_the_same_refusal_is_given_to_every_path(target: Target) -> None:
    """A refusal that repeats the path, or differs with it, draws a map of what is there."""
    payloads = {target.request(Code.GET, path).payload for path in ("/a", "/b/c", "/x?y", "/actuators/no-lamp")}
    assert len(payloads) == 1


@pytest.mark.requirement("MSG-750")
@provoked
def test_response_code_and_error_agree(target: Target, problem: Problem, make: Callable[[Target], Message]) -> None:
    """Two implementations that refuse for one reason refuse in one way."""
    reply = target.exchange(make(target))
    assert reply.code == RESPONSE_CODE[problem]
