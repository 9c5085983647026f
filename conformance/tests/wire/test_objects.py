"""Objects explained: what the vectors hold, what is wrong with the broken ones, and no bytes that break the report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec_conformance import wire
from picosec_conformance.resources import vectors_folder
from picosec_conformance.vectors.model import Case, load

VECTORS = vectors_folder() / "objects"
MADE = {case.id: case for case in load(VECTORS / "object_compose.json").cases if case.output}


def made(name: str) -> bytes:
    """Return an object of the vectors."""
    output = MADE[name].output
    assert output is not None
    return bytes.fromhex(output["object"])


def opened() -> Iterator[tuple[str, Case]]:
    """Yield what recipients are asked to open."""
    for path in sorted(VECTORS.glob("object_open_*.json")):
        for case in load(path).cases:
            yield f"{path.stem}-{case.id}", case


def faults(data: bytes) -> list[str]:
    """Return what is wrong with an object."""
    return [line.text for line in wire.lines(data, "object") if line.wrong]


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("es256", "signed object 7 from 01 for 11, platform, 128 bytes"),
        ("application", "signed object 7 from 01 for 11, application, 128 bytes"),
        ("sealed-x25519", "sealed object for 11, platform, 229 bytes"),
        ("group-a128gcm", "group object for 21, platform, 176 bytes"),
    ],
)
def test_object_is_recognised_and_summed_up(name: str, summary: str) -> None:
    """What a hop sees of it, and for a signed one what everybody sees."""
    assert wire.detect(made(name)) == "object"
    assert wire.summary(made(name), "object") == summary


@pytest.mark.parametrize("name", list(MADE))
def test_object_that_the_reference_makes_has_no_fault(name: str) -> None:
    """The decoder shares no code with what makes objects; they agree on the grammar."""
    assert faults(made(name)) == []


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in opened()])
def test_fault_of_form_is_shown(case: Case) -> None:
    """What breaks the grammar is marked; what is wrong with keys, times and numbers does not show in the bytes."""
    data = bytes.fromhex(case.inputs["object"])
    found = faults(data)
    if case.error is None:
        assert found == []
    elif {"Form", "Headers"} & set(case.flags) and case.id not in ("sealed-twice", "encrypted-twice"):
        assert found


def test_parts_are_told_in_words() -> None:
    """A request, what it is for, and until when."""
    told = [line.strip() for line in wire.explain(made("with-end"), "object")]

    assert "alg ES256" in told
    assert "ends 2027-01-15T09:00:00Z" in told
    assert "number 7" in told
    assert "request PUT /actuators/lamp, application/cbor, 1 bytes" in told


@pytest.mark.parametrize(
    ("form", "frame"), [(18, made("es256")), (96, made("sealed-p256")), (16, made("group-a128gcm"))]
)
def test_object_in_a_request_is_explained_with_it(form: int, frame: bytes) -> None:
    """POST to /ps/objects, as a capture has it."""
    head = bytes.fromhex("44020012a1b2c3d4") + b"\xb2ps\x07objects" + b"\x11" + bytes([form]) + b"\xff"
    told = wire.explain(head + frame)

    assert any("alg" in line for line in told)
    assert "object" in wire.summary(head + frame)
    assert not any(line.lstrip().startswith("!") for line in told)


@given(st.sampled_from(sorted(MADE)), st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_no_change_of_a_byte_breaks_the_decoder(name: str, place: int, value: int) -> None:
    """Broken objects are the ones that people ask about."""
    data = bytearray(made(name))
    data[place % len(data)] = value

    assert wire.lines(bytes(data), "object")
    assert wire.summary(bytes(data), "object")
