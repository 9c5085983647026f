"""What responses look like to a person."""

import cbor2
import pytest

from picosec.cli.diagnostic import diagnostic
from picosec.cli.present import content, refusal, status
from picosec.messaging import cbor, problem
from picosec.registry import CONTENT_FORMAT_PROBLEM_DETAILS, Problem


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1, "-1"),
        (1.5, "1.5"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (b"\x01\xff", "h'01ff'"),
        ('say "ü"', '"say \\"ü\\""'),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (cbor2.undefined, "undefined"),
        (cbor2.CBORSimpleValue(99), "simple(99)"),
        ([], "[]"),
        ({}, "{}"),
        ({1: [2, b"", {"a": None}]}, "{1: [2, h'', {\"a\": null}]}"),
        (cbor2.CBORTag(61, [1]), "61([1])"),
    ],
)
def test_diagnostic_notation(value, text):
    """As RFC 8949 section 8 writes it."""
    assert diagnostic(value) == text


def test_a_value_too_long_for_a_line_has_an_entry_on_each():
    """A list of features is read from top to bottom."""
    text = diagnostic({"features": ["a" * 40, "b" * 40]})

    assert text.splitlines() == ["{", '  "features": [', f'    "{"a" * 40}",', f'    "{"b" * 40}"', "  ]", "}"]


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ([{0: "t", 1: "Cel", 2: 21.5}], "t  21.5  Cel"),
        ([{-2: "dev/", -4: "Cel", 0: "a", 2: 1}, {0: "bb", 2: 20}], "dev/a   1   Cel\ndev/bb  20  Cel"),
        ([{0: "door", 4: True}, {0: "name", 3: "hall"}], 'door  true\nname  "hall"'),
        ([{-3: 1000, -5: 20, 0: "t", 2: 1.5, 6: -5}], "t  21.5    at 995"),
        ([], ""),
    ],
)
def test_senml_is_a_table(records, text):
    """Base values are added (RFC 8428 section 4.1); columns stand under each other."""
    assert content(112, cbor.dumps(records)) == text


@pytest.mark.parametrize("payload", [b"\x01", b"\x81\x01", b"\xff", cbor.dumps([{-5: "x", 2: 1}])])
def test_what_is_not_senml_is_shown_as_it_is(payload):
    """A broken sensor must not break the command."""
    assert content(112, payload) == f"{payload.hex()} (not what Content-Format 112 promises)"


def test_text_cannot_move_the_cursor():
    """A device in an attacker's hands writes escape sequences to the terminal of whoever asks."""
    assert content(0, b"21\x1b[2Jdegrees\n") == "21\\x1b[2Jdegrees\n"


def test_links_stand_on_lines_of_their_own():
    """A comma inside a quoted attribute separates nothing."""
    assert content(40, b'</a>;title="x, y",</b>') == '</a>;title="x, y"\n</b>'


@pytest.mark.parametrize("content_format", [None, 42, 9999])
def test_unknown_formats_are_hexadecimal(content_format):
    """Nothing is guessed."""
    assert content(content_format, b"\x01\x02") == "0102"


def test_a_code_is_said_in_words():
    """2.05 is for machines."""
    assert status(0x45) == "2.05 Content"
    assert status(0x9F) == "4.31"


def test_problem_details_are_a_sentence():
    """With the detail, when the device gave one."""
    payload = problem.encode(Problem.BAD_REQUEST, "a lamp is set to true or false")

    text = refusal(0x80, CONTENT_FORMAT_PROBLEM_DETAILS, payload)

    assert text == (
        "the device refused with 4.00 Bad request: well-formed, but the values make no sense here "
        "(bad_request): a lamp is set to true or false"
    )


@pytest.mark.parametrize("payload", [b"", b"\xff", cbor.dumps({0: 1}), cbor.dumps([1])])
def test_a_refusal_without_an_error_of_ours_still_tells_the_code(payload):
    """Other people's servers refuse as well."""
    assert refusal(0x84, CONTENT_FORMAT_PROBLEM_DETAILS, payload).startswith("the device refused with 4.04 Not found")
