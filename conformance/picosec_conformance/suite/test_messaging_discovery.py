"""What the target says that it offers, and what it leaves of that when somebody asks for a part (RFC 6690).

Filters are made of the target's own list: whatever stands in it, something of it can be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from picosec.errors import ProtocolError
from picosec.messaging import link_format
from picosec.messaging.coap import Code, Message, Option
from picosec.messaging.link_format import Link
from picosec.registry import CONTENT_FORMAT_LINK_FORMAT
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Nonconformity, Target

CORE = "/.well-known/core"
#: Attributes whose value holds several texts.
LISTS = ("rt", "if", "rel")
#: Of these the standard does not say whether a filter looks at the whole value.
UNSAID = ("rev", "ct")
#: Bytes of the longest Uri-Query.
LONGEST = 255


def asked(target: Target, *queries: str, path: str = CORE) -> Message:
    """Return the answer to a request for a list."""
    options = tuple((int(Option.URI_QUERY), query.encode()) for query in queries)
    return target.request(Code.GET, path, options=options)


def links_in(reply: Message) -> tuple[Link, ...]:
    """Return the links of an answer. Raises ``Nonconformity`` when it is no list."""
    if (reply.code, reply.content_format) != (Code.CONTENT, CONTENT_FORMAT_LINK_FORMAT):
        raise Nonconformity("expected 2.05 and a list in Content-Format 40")
    try:
        return link_format.decode(reply.payload)
    except ProtocolError as error:
        raise Nonconformity(f"the list is not in link format: {error}") from error


def listed(target: Target, *queries: str) -> list[Link]:
    """Return what the target lists."""
    return list(links_in(asked(target, *queries)))


def texts(link: Link, name: str) -> list[str]:
    """Return the values of an attribute that a filter is compared with."""
    values = [value for candidate, value in link.attributes if candidate == name and value is not None]
    return [text for value in values for text in value.split(" ")] if name in LISTS else values


def askable(links: Iterable[Link], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of what can be asked for: each once, if it fits and ends in no asterisk."""
    found = {(name, text) for link in links for name in names for text in texts(link, name)}
    for name, text in sorted(found):
        if len(f"{name}={text}*".encode()) <= LONGEST and not text.endswith("*"):
            yield name, text


def names_of(links: Iterable[Link]) -> list[str]:
    """Return the attributes with values that a filter can be tried on."""
    named = {name for link in links for name, value in link.attributes if value is not None}
    return sorted(named.difference(UNSAID))


def given(cases: Iterable[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    """Return the cases. Raises ``NotGiven`` when the target's list has none of them."""
    found = list(cases)
    if not found:
        raise NotGiven(f"the target's list has {what}")
    return found


def with_text(links: Iterable[Link], name: str, text: str) -> list[Link]:
    """Return the links that a filter without an asterisk finds."""
    return [link for link in links if text in texts(link, name)]


def with_beginning(links: Iterable[Link], name: str, beginning: str) -> list[Link]:
    """Return the links that a filter with an asterisk finds."""
    return [link for link in links if any(text.startswith(beginning) for text in texts(link, name))]


@pytest.mark.requirement("MSG-2200")
def test_a_server_says_what_it_offers(target: Target) -> None:
    """A client that knows an address and nothing else finds out what is there."""
    assert listed(target)


@pytest.mark.requirement("MSG-2200")
def test_a_client_that_accepts_links_gets_links(target: Target) -> None:
    """The one format that a list has is asked for by name."""
    options = ((int(Option.ACCEPT), bytes([CONTENT_FORMAT_LINK_FORMAT])),)

    assert links_in(target.request(Code.GET, CORE, options=options))


@pytest.mark.requirement("MSG-2210")
def test_the_list_can_be_read(target: Target) -> None:
    """A comma in the wrong place, and the rest of the list belongs to another link."""
    for link in listed(target):
        sizes = [value for name, value in link.attributes if name == "sz"]
        flags = [value for name, value in link.attributes if name == "obs"]
        formats = [value for name, value in link.attributes if name == "ct"]
        assert len(sizes) <= 1
        assert all(size is not None and size.isdecimal() for size in sizes)
        assert flags in ([], [None])
        assert all(value is not None for value in formats)
        assert all(each.isdecimal() and int(each) < 1 << 16 for value in formats for each in (value or "").split(" "))


@pytest.mark.requirement("MSG-2220")
def test_what_is_listed_is_there(target: Target) -> None:
    """A client follows a link for which the firmware has forgotten the resource."""
    for link in listed(target):
        if link.target.startswith("/") and not link.target.startswith("//") and "?" not in link.target:
            assert target.request(Code.GET, link.target).code != Code.NOT_FOUND, link.target


@pytest.mark.requirement("MSG-2230")
def test_lists_lead_to_lists(target: Target) -> None:
    """A client reads its way down from the entry point; a path that promises links and has none ends it."""
    leading = [
        link.target
        for link in listed(target)
        if ("ct", str(CONTENT_FORMAT_LINK_FORMAT)) in link.attributes and link.target.startswith("/")
    ]
    replies = [(path, asked(target, path=path)) for path in leading if path != CORE]
    lists = [(path, reply) for path, reply in replies if reply.code == Code.CONTENT]
    if not lists:
        raise NotGiven("the target's list leads to no further one")
    for path, reply in lists:
        for link in links_in(reply):
            if link.target.startswith(f"{path}/"):
                assert target.request(Code.GET, link.target).code != Code.NOT_FOUND, link.target


@pytest.mark.requirement("MSG-2240")
@pytest.mark.parametrize(
    "queries",
    [
        ["rt=no-such-type"],
        ["no-such-attribute=1"],
        ["href=/no/such/path"],
        ["rt=*"],
        ["rt="],
        ["rt"],
        [""],
        ["="],
        ["=*"],
        ["*"],
        ["rt=**"],
        ["rt=\\"],
        ['rt="'],
        ["rt=%"],
        ["rt=é"],
        ["rt=" + "a" * 252],
        ["a" * 255],
        ["rt=a", "rt=b", "if=c", "sz=*"],
    ],
    ids=lambda queries: "&".join(query[:20] for query in queries),
)
def test_no_query_is_an_error(target: Target, queries: list[str]) -> None:
    """Clients ask for types that come next year, and some ask for nothing that makes sense: they get a list."""
    links_in(asked(target, *queries))


@pytest.mark.requirement("MSG-2250")
def test_a_filter_finds_a_value(target: Target) -> None:
    """A client with room for one link asks for the one that it needs."""
    links = listed(target)
    single = [name for name in names_of(links) if name not in LISTS]

    for name, text in given(askable(links, single), "no attribute of one value"):
        assert listed(target, f"{name}={text}") == with_text(links, name, text)


@pytest.mark.requirement("MSG-2250")
def test_a_filter_finds_nothing_else(target: Target) -> None:
    """Part of a value, a longer one, other capitals: a client that gets them takes a siren for a lamp."""
    links = listed(target)
    for name, text in given(askable(links, names_of(links)), "no attribute with a value"):
        for other in sorted({text[:-1], text[1:], f"{text}x", text.swapcase()} - {""}):
            if not other.endswith("*"):
                assert listed(target, f"{name}={other}") == with_text(links, name, other)


@pytest.mark.requirement("MSG-2250")
def test_a_filter_by_what_no_link_has_finds_nothing(target: Target) -> None:
    """An attribute from a standard of next year: nothing has it yet."""
    assert listed(target, "no-such-attribute=1") == []
    assert listed(target, "no-such-attribute=*") == []


@pytest.mark.requirement("MSG-2260")
def test_a_filter_finds_one_of_several_values(target: Target) -> None:
    """A lamp that is also an actuator is found by those who look for either."""
    links = listed(target)
    for name, text in given(askable(links, LISTS), "no rt, if or rel"):
        assert listed(target, f"{name}={text}") == with_text(links, name, text)


@pytest.mark.requirement("MSG-2270")
def test_a_filter_finds_what_begins_alike(target: Target) -> None:
    """One family of types, and a client that takes any of them."""
    links = listed(target)
    for name, text in given(askable(links, names_of(links)), "no attribute with a value"):
        for beginning in sorted({text, text[:1], text[: len(text) // 2 + 1], text[1:]} - {""}):
            assert listed(target, f"{name}={beginning}*") == with_beginning(links, name, beginning)


@pytest.mark.requirement("MSG-2270")
def test_an_asterisk_alone_finds_whatever_has_the_attribute(target: Target) -> None:
    """All that has a type, or a size: whatever it is."""
    links = listed(target)
    for name in sorted({name for name, _text in given(askable(links, names_of(links)), "no attribute with a value")}):
        assert listed(target, f"{name}=*") == with_beginning(links, name, "")


@pytest.mark.requirement("MSG-2280")
def test_a_filter_finds_a_target(target: Target) -> None:
    """A client knows the path and wants to know what is there."""
    links = listed(target)
    for path in sorted({link.target for link in links if len(link.target) < LONGEST - len("href=") and link.target}):
        assert listed(target, f"href={path}") == [link for link in links if link.target == path]
        assert listed(target, f"href={path[:-1]}") == [link for link in links if link.target == path[:-1]]


@pytest.mark.requirement("MSG-2280")
def test_a_filter_finds_targets_that_begin_alike(target: Target) -> None:
    """All that lies below one path."""
    links = listed(target)
    for path in sorted({link.target for link in links if len(link.target) < LONGEST - len("href=*")}):
        for beginning in sorted({path, path[: len(path) // 2], path[1:], ""}):
            found = [link for link in links if link.target.startswith(beginning)]
            assert listed(target, f"href={beginning}*") == found


@pytest.mark.requirement("MSG-2290")
def test_all_filters_hold(target: Target) -> None:
    """A lamp, and in this room: a client that gets the lamps of the house switches the wrong one."""
    links = listed(target)
    values = given(askable(links, LISTS), "no rt, if or rel")
    for one in values:
        for other in values:
            found = with_text(with_text(links, *one), *other)
            assert listed(target, "=".join(one), "=".join(other)) == found
