"""The tables of threats: what a cell may be, and what the gate finds missing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from picosec_conformance.resources import spec_folder
from picosec_conformance.specification.gates import gaps
from picosec_conformance.specification.stride import (
    THREATS,
    StrideError,
    count_verifier_steps,
    load_stride,
    read_stride,
    stride_gaps,
)

TABLES = """\
[unsent]
info = "input of the key derivation"
[tables]
channel = { title = "Channel", chapter = "channel" }
[[message]]
name = "request"
title = "request"
table = "channel"
grammar = ["request", "plaintext"]
spoofing = "needs the key (CHN-750), which nobody else has (CHN-610, CHN-750)"
tampering.text = "is noticed (CHN-760)"
tampering.remains = "Its length can be changed."
repudiation.never = "it names nobody"
information-disclosure = "hidden (CHN-670)"
denial-of-service.verifier = "bounded (steps 1 and 3)"
elevation-of-privilege = "none (CHN-760)"
"""
GRAMMAR = """\
request = (
  kid: bstr,                  ; names nothing
)
plaintext = { 1 => part }
part = "info" / bstr
info = [ kid: bstr ]
"""
IDS = frozenset({"CHN-610", "CHN-670", "CHN-750", "CHN-760"})


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "stride.toml"
    path.write_text(text)
    return path


def found(tmp_path: Path, text: str, grammar: str = GRAMMAR, ids: Collection[str] = IDS, steps: int = 3) -> list[str]:
    return list(stride_gaps(read_stride(write(tmp_path, text)), grammar, ids, steps))


def test_cells_are_read(tmp_path: Path) -> None:
    """An answer, a reason, a verifier's step and what remains are told apart."""
    (message,) = read_stride(write(tmp_path, TABLES)).messages

    assert tuple(message.cells) == THREATS
    assert message.cells["spoofing"].requirements == ("CHN-750", "CHN-610")
    assert message.cells["tampering"].remains == "Its length can be changed."
    assert not message.cells["repudiation"].arises
    assert message.cells["denial of service"].steps == (1, 3)
    assert found(tmp_path, TABLES) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('repudiation.never = "it names nobody"\n', "", "says nothing about repudiation"),
        ('never = "it names nobody"', 'text = "it names nobody"', "names no requirement"),
        ("steps 1 and 3", "always", "names no step"),
        ("tampering.text", "tampering.maybe", "write one of"),
        ('title = "request"\n', "", "lacks title"),
        ("grammar =", 'mood = "good"\ngrammar =', "unknown members: mood"),
        ('table = "channel"', 'table = "objects"', "which there is not"),
        (TABLES[TABLES.index("[[message]]") :], TABLES[TABLES.index("[[message]]") :] * 2, "stands twice"),
    ],
)
def test_cell_that_says_nothing_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    """An empty cell reads like safety."""
    with pytest.raises(StrideError, match=words):
        read_stride(write(tmp_path, TABLES.replace(old, new)))


def test_answer_names_a_requirement_in_force(tmp_path: Path) -> None:
    """A requirement that was withdrawn protects nobody any more."""
    assert "CHN-670, which does not exist" in found(tmp_path, TABLES, ids=IDS - {"CHN-670"})[0]


def test_verifier_has_the_step(tmp_path: Path) -> None:
    """Steps that are numbered anew leave no cell behind that names the wrong one."""
    assert "names step 3 of 2" in found(tmp_path, TABLES, steps=2)[0]


def test_new_message_needs_its_row(tmp_path: Path) -> None:
    """Whoever adds a message to the grammar has to say what protects it."""
    assert "rule ticket of the grammar belongs to no message" in found(tmp_path, TABLES, GRAMMAR + "ticket = bstr\n")[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"plaintext"]', '"plaintext", "part"]', "no rule of the grammar that stands for itself"),
        ('"plaintext"]', '"plaintext", "info"]', "listed twice"),
    ],
)
def test_rule_belongs_to_one_message(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A part of a message is covered by the message."""
    assert words in found(tmp_path, TABLES.replace(old, new))[0]


def test_steps_of_the_verification_are_counted() -> None:
    """The page numbers them; the tables name them by number."""
    assert count_verifier_steps((spec_folder() / "conformance.md").read_text(encoding="utf-8")) == 8


def test_committed_tables_have_no_gap() -> None:
    """The whole gate, as CI runs it."""
    assert len(load_stride().messages) >= 24
    assert [sentence for sentence in gaps() if sentence.startswith("stride")] == []
