"""Instances of the grammar: found in vectors, changed, and said by a device."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.messaging import cbor
from picosec_conformance.specification import instances
from picosec_conformance.specification.conversation import REQUESTS, RESPONSES, instances_of_conversation
from picosec_conformance.specification.instances import (
    Beyond,
    Instance,
    InstanceError,
    changed_instances,
    instances_of_vectors,
)

ERRORS = {"rule": "edhoc-error", "files": "channel/edhoc_error_decode", "value": "inputs.message"}
VALID = Instance("bundle", "a bundle", cbor.dumps([cbor.dumps({1: [7]}), "text"]), True)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    content: dict[str, list[dict[str, Any]]] = {"vectors": [], "changed": []}
    monkeypatch.setattr(instances, "table", lambda: content)
    return content


def test_refused_cases_of_a_flag_are_broken(rows: dict[str, list[dict[str, Any]]]) -> None:
    """A case that is refused for something else than its grammar still matches it."""
    rows["vectors"] = [{**ERRORS, "broken": ["ErrorForm"]}]
    found = {instance.name.partition("#")[2]: instance.valid for instance in instances_of_vectors()}

    assert (found["one-suite"], found["code-zero"], found["code-8-bit"]) == (True, False, True)


def test_same_bytes_are_taken_once(rows: dict[str, list[dict[str, Any]]]) -> None:
    """A handshake is in many files; its first message needs one check."""
    rows["vectors"] = [ERRORS, ERRORS]
    data = [instance.data for instance in instances_of_vectors()]

    assert len(data) == len(set(data))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**ERRORS, "value": "inputs.massage"}, "holds no inputs.massage"),
        ({**ERRORS, "files": "channel/none"}, "channel/none holds no"),
        ({**ERRORS, "broken-cases": ["channel/edhoc_error_decode#nobody"]}, "there is no case"),
    ],
)
def test_row_that_finds_nothing_is_an_error(
    rows: dict[str, list[dict[str, Any]]], row: dict[str, Any], words: str
) -> None:
    """A renamed field would make the check pass for ever."""
    rows["vectors"] = [row]
    with pytest.raises(InstanceError, match=words):
        list(instances_of_vectors())


def test_bytes_are_not_valid_and_broken_at_once(rows: dict[str, list[dict[str, Any]]]) -> None:
    """One of the two rows is wrong."""
    rows["vectors"] = [ERRORS, {**ERRORS, "broken": ["ErrorForm"]}]
    with pytest.raises(InstanceError, match="only one breaks the grammar"):
        list(instances_of_vectors())


@pytest.mark.parametrize(
    ("at", "put", "changed"),
    [
        ([0, 1], "00", [cbor.dumps({1: [7]}), 0]),
        ([0, 1], None, [cbor.dumps({1: [7]})]),
        ([0, 2], "00", [cbor.dumps({1: [7]}), "text", 0]),
        ([0, 0, "<cbor>", 1, 0], "08", [cbor.dumps({1: [8]}), "text"]),
        ([0, 0, "<cbor>", 2], "60", [cbor.dumps({1: [7], 2: ""}), "text"]),
    ],
)
def test_change_reaches_one_value(
    rows: dict[str, list[dict[str, Any]]], at: list[Any], put: str | None, changed: list[Any]
) -> None:
    """Whatever else is in the instance stays, so that it is refused for the change alone."""
    rows["changed"] = [{"rule": "bundle", "name": "x", "at": at, **({} if put is None else {"put": put})}]
    (instance,) = changed_instances([VALID])

    assert cbor.loads(instance.data) == changed
    assert not instance.valid


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"rule": "bundle", "at": [0, 5]}, "nothing lies at"),
        ({"rule": "bundle", "at": [0, 1, 0]}, "nothing lies at"),
        ({"rule": "bundle", "at": [0], "which": 1}, "no valid instance to change"),
        ({"rule": "ticket", "at": [0]}, "no valid instance to change"),
    ],
)
def test_change_of_nothing_is_an_error(rows: dict[str, list[dict[str, Any]]], row: dict[str, Any], words: str) -> None:
    """It would be refused for another reason than the one it is there for, or not at all."""
    rows["changed"] = [{"name": "x", **row}]
    with pytest.raises(InstanceError, match=words):
        list(changed_instances([VALID]))


def test_excuses_are_for_broken_instances_alone() -> None:
    """A valid instance that does not match has no excuse."""
    beyond = Beyond(("a *",), "arithmetic")
    broken = Instance("bundle", "a bundle", b"", False)

    assert beyond.covers(broken)
    assert not beyond.covers(VALID)


def test_conversation_holds_every_message_of_the_test_interface() -> None:
    """What the suite says and what the device says, as it was said."""
    said = list(instances_of_conversation())
    rules = {instance.rule for instance in said if instance.valid}

    assert {*REQUESTS.values(), *RESPONSES.values(), "bundle-signed", "transcript"} <= rules
    events = [name for each in said if each.rule == "test-events" for name, _ in cbor.loads(each.data)]
    ended = {"channel-closed", "channel-failed", "failed", "reset"}
    told = {"appraisal", "channel", "identity", "notification", "object", "pong", "redemption", "response", "tokens"}
    assert set(events) == {*told, *ended}
