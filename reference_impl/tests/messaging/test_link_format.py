"""Lists of links: what is written can be read, and what cannot be read is refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging import link_format
from picosec.messaging.link_format import Link
from picosec.registry import Problem

#: The list that RFC 6690 shows in section 5, without the line breaks of the page.
PUBLISHED = (
    b'</sensors>;ct=40;title="Sensor Index",'
    b'</sensors/temp>;rt="temperature-c";if="sensor",</sensors/light>;rt="light-lux";if="sensor",'
    b'<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",'
    b'</t>;anchor="/sensors/temp";rel="alternate"'
)

_targets = st.text(string.ascii_letters + string.digits + "/:?&=%,;()é", max_size=20)
_names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=8)
_values = st.none() | st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
_links = st.builds(Link, _targets, st.lists(st.tuples(_names, _values), max_size=4).map(tuple))


@given(st.lists(_links, max_size=5).map(tuple))
def test_what_is_written_can_be_read(links: tuple[Link, ...]) -> None:
    """Quotes, commas and backslashes in a title must not make another link."""
    assert link_format.decode(link_format.encode(links)) == links


@given(st.text('<>;,="\\ */abc\n', max_size=30))
def test_whatever_comes_is_a_list_or_malformed(text: str) -> None:
    """A parser that raises something else is a crash."""
    try:
        links = link_format.decode(text.encode())
    except ProtocolError as error:
        if error.problem is not Problem.MALFORMED:
            raise
    else:
        assert link_format.decode(link_format.encode(links)) == links


def test_the_published_list_is_read_and_written_as_it_was() -> None:
    """What everybody has as an example."""
    links = link_format.decode(PUBLISHED)

    assert [link.target for link in links][:2] == ["/sensors", "/sensors/temp"]
    assert link_format.encode(links) == PUBLISHED


def test_the_published_filter_finds_the_published_link() -> None:
    """Section 5 of RFC 6690 asks for a light sensor."""
    found = link_format.matching(link_format.decode(PUBLISHED), ["rt=light-lux"])

    assert link_format.encode(found) == b'</sensors/light>;rt="light-lux";if="sensor"'


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("obs=*", ["/b"]),
        ("obs=", ["/b"]),
        ("ct=60", ["/a", "/b"]),
        ("rt=", ["/a"]),
        ("rt=*", ["/a", "/b"]),
        ("rev=up", ["/b"]),
        ("title=x y", ["/b"]),
        ("title=x", []),
        ("rt", ["/a", "/b", "/c"]),
    ],
)
def test_a_filter_compares_as_the_attribute_wants(query: str, found: list[str]) -> None:
    """Flags, lists and titles with a blank in them: each has its own idea of a value."""
    links = link_format.decode(b'</a>;rt="";ct="0 60",</b>;rt=b;ct=60;obs;rev="up next";title="x y",</c>')

    assert [link.target for link in link_format.matching(links, [query])] == found


def test_a_long_list_is_read_in_time() -> None:
    """A list that is almost right must not send the parser back to its beginning again and again."""
    attributes = b';title="' + b"\\\\" * 20000
    with pytest.raises(ProtocolError):
        link_format.decode(b"</a>" + b";a" * 20000 + attributes)
