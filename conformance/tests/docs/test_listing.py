"""How a vector's values are written on the site: whoever copies a number from it must get the vector's number."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picosec_docs.listing import case_html, members_html, value_html

from picosec_conformance.vectors.model import Case


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


@given(st.binary(min_size=1, max_size=80))
def test_bytes_come_back_from_what_is_shown(data):
    """An implementer copies hexadecimal from the page into a test."""
    pattern = r'<code class="hex">([0-9a-f ]+)</code> <span class="size">(\d+) bytes?</span>'
    shown = re.fullmatch(pattern, value_html(data.hex()))

    assert shown is not None
    assert bytes.fromhex(shown[1]) == data
    assert int(shown[2]) == len(data)


@given(st.text(min_size=1))
def test_text_cannot_become_markup(text):
    """A vector may hold any text, also text that a browser would take for a script."""
    assert "<script" not in value_html(f"{text}<script>")
    assert text_of(members_html({text: True})) == f"{text}true"


VALUES = [(True, "true"), (7, "7"), (None, "None"), ("", "empty"), ([], "[]"), ({}, "{}"), ([1, "0a0b"], "[1, 0a 0b]")]


@pytest.mark.parametrize(("value", "shown"), [*VALUES, ("x1", "x1"), ([[1], [2]], "[1][2]")])
def test_other_values_are_shown_as_they_are(value, shown):
    """Nothing is left out, not even what is empty."""
    assert text_of(value_html(value)) == shown


def test_a_value_inside_a_structure_is_named_by_its_path():
    """Two keys of two sides have the same name; a reader must not take one for the other."""
    html = members_html({"initiator": {"key": "01"}, "responder": {"key": "02"}})

    assert re.findall("<dt>(.*?)</dt>", html) == ["initiator.key", "responder.key"]


def test_a_refusal_names_its_error_where_it_is_explained():
    """An invalid case has one right answer; the reader wants to know what it means."""
    case = Case("bad", "A bad one.", ("MSG-010",), ("Bad",), {"data": "00"}, {}, None, "malformed")

    html = case_html(case, lambda name: f"errors.html#{name}")

    assert '<a href="errors.html#malformed">' in html
    assert "Refused with malformed" in text_of(html)
    assert "Output" not in html
