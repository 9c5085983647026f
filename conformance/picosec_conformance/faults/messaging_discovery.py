"""Faults of discovery: lists that nobody can read, and filters that find too much or too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import link_format
from picosec.messaging.coap import Code
from picosec.messaging.link_format import HREF, Link
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec.roles import resources
from picosec.roles.resources import WELL_KNOWN_CORE, Access, Reply, Request, Site
from picosec_conformance.faults import fault


@fault("MSG-2200")
def sends_its_list_as_text() -> None:
    """text/plain, because that is what it looks like: the client does not know that it is a list."""
    resources.CONTENT_FORMAT_LINK_FORMAT = 0


@fault("MSG-2200")
def keeps_its_list_behind_a_channel() -> None:
    """Nobody learns what is there without a key: and nobody gets one who does not know where to ask."""
    init = Site.__init__

    def closed(self: Site, offered: Any) -> None:
        init(self, offered)
        core = self._resources[WELL_KNOWN_CORE]
        self._resources[WELL_KNOWN_CORE] = replace(core, access=Access.CHANNEL)

    Site.__init__ = closed


@fault("MSG-2210")
def writes_lists_as_http_does() -> None:
    """A header field has a blank behind each comma; this is no header field."""
    encode = link_format.encode
    link_format.encode = lambda links: b", ".join(encode([link]) for link in links)


@fault("MSG-2210")
def saves_the_quotes() -> None:
    """Two bytes less for each value, and a value with a blank in it ends early."""
    link_format._attribute = lambda name, value: name if value is None else f"{name}={value}"


@fault("MSG-2210")
def gives_sizes_with_their_unit() -> None:
    """1 kB is easier to read than 1024, for a person."""
    attribute = link_format._attribute
    link_format._attribute = lambda name, value: attribute(name, f"{value} bytes" if name == "sz" else value)


@fault("MSG-2210")
def says_that_obs_is_true() -> None:
    """Every attribute is a pair in the data model, so a flag gets a value."""
    attribute = link_format._attribute
    link_format._attribute = lambda name, value: attribute(name, "true" if name == "obs" else value)


@fault("MSG-2220")
def lists_what_is_not_built_in() -> None:
    """The list was written for the larger model, and goes into the smaller one as it is."""
    encode = link_format.encode
    link_format.encode = lambda links: encode([*links, Link("/actuators/siren", (("rt", "siren"),))])


@fault("MSG-2230")
def sends_lower_lists_in_cbor() -> None:
    """The list at the top is in the standard's form; those below are made by whoever writes resources."""
    answer = Site._list

    def lower(self: Site, below: str, request: Request) -> Reply:
        reply = answer(self, below, request)
        return reply if below == "/" else replace(reply, content_format=CONTENT_FORMAT_CBOR)

    Site._list = lower


@fault("MSG-2230")
def makes_lower_lists_from_names() -> None:
    """A directory is a list of names, one on each line."""
    answer = Site._list

    def names(self: Site, below: str, request: Request) -> Reply:
        reply = answer(self, below, request)
        if below == "/":
            return reply
        return replace(reply, payload="\n".join(link.target for link in link_format.decode(reply.payload)).encode())

    Site._list = names


@fault("MSG-2240")
def does_not_find_what_nothing_matches() -> None:
    """A search without a result is 404 on the web."""
    answer = Site._list

    def strict(self: Site, below: str, request: Request) -> Reply:
        reply = answer(self, below, request)
        if not reply.payload:
            raise ProtocolError(Problem.NOT_FOUND, "MSG-2240", "no link")
        return reply

    Site._list = strict


@fault("MSG-2240")
def refuses_queries_without_a_value() -> None:
    """What cannot be taken apart is a bad request."""
    matching = link_format.matching

    def strict(links: Any, queries: tuple[str, ...]) -> tuple[Link, ...]:
        if not all("=" in query for query in queries):
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-2240", "no filter")
        return matching(links, queries)

    link_format.matching = strict


@fault("MSG-2240")
def says_nothing_of_nothing() -> None:
    """An empty list has no representation, and so no Content-Format."""
    answer = Site._list

    def brief(self: Site, below: str, request: Request) -> Reply:
        reply = answer(self, below, request)
        return reply if reply.payload else Reply(Code.CONTENT)

    Site._list = brief


@fault("MSG-2250")
def sends_everything_anyhow() -> None:
    """The query is for those who have time for it; the client may look itself."""
    link_format.matching = lambda links, queries: tuple(links)


@fault("MSG-2250")
def finds_parts_of_values() -> None:
    """A search that finds a word in the middle of another: people like it, machines act on it."""
    link_format._matches = lambda link, name, pattern: any(
        value.startswith(pattern[:-1]) if pattern.endswith("*") else pattern in value for value in link.values(name)
    )


@fault("MSG-2250")
def compares_values_without_case() -> None:
    """Lamp is lamp."""
    matches = link_format._matches

    def folded(link: Link, name: str, pattern: str) -> bool:
        attributes = tuple((key, value and value.lower()) for key, value in link.attributes)
        return matches(replace(link, attributes=attributes), name, pattern.lower() if name != HREF else pattern)

    link_format._matches = folded


@fault("MSG-2250")
def lets_unknown_filters_pass() -> None:
    """What it does not know it ignores: every link has passed a filter that was not applied."""
    matches = link_format._matches
    known = {HREF, "rt", "if", "ct", "sz"}
    link_format._matches = lambda link, name, pattern: name not in known or matches(link, name, pattern)


@fault("MSG-2260")
def compares_lists_as_a_whole() -> None:
    """The value is a text, and the text is not equal."""
    link_format.LISTS = frozenset()


@fault("MSG-2260")
def looks_at_the_first_type() -> None:
    """A thing is what it is called first."""
    values = Link.values
    Link.values = lambda self, name: values(self, name)[: 1 if name == "rt" else None]


@fault("MSG-2270")
def takes_an_asterisk_for_a_character() -> None:
    """No type ends in an asterisk, so nothing is found."""
    link_format._matches = lambda link, name, pattern: pattern in link.values(name)


@fault("MSG-2270")
def wants_something_in_place_of_the_asterisk() -> None:
    """One character or more, as a question mark and an asterisk would have it."""
    matches = link_format._matches

    def more(link: Link, name: str, pattern: str) -> bool:
        if not pattern.endswith("*"):
            return matches(link, name, pattern)
        return any(value.startswith(pattern[:-1]) and value != pattern[:-1] for value in link.values(name))

    link_format._matches = more


@fault("MSG-2270")
def finds_patterns_anywhere() -> None:
    """An asterisk at the end, and one that nobody wrote at the beginning."""
    matches = link_format._matches

    def anywhere(link: Link, name: str, pattern: str) -> bool:
        if not pattern.endswith("*") or name == HREF:
            return matches(link, name, pattern)
        return any(pattern[:-1] in value for value in link.values(name))

    link_format._matches = anywhere


@fault("MSG-2280")
def looks_for_an_attribute_of_this_name() -> None:
    """No link has an attribute `href`, and so none is found."""
    link_format.HREF = ""


@fault("MSG-2280")
def finds_all_that_lies_below() -> None:
    """Whoever asks for a path surely wants what is below it too."""
    matches = link_format._matches
    link_format._matches = lambda link, name, pattern: matches(link, name, pattern + "*" if name == HREF else pattern)


@fault("MSG-2280")
def compares_targets_without_their_slash() -> None:
    """Paths are kept as segments, and the filter is compared with what they make when joined."""
    values = Link.values

    def joined(self: Link, name: str) -> list[str]:
        return [self.target.strip("/")] if name == HREF else values(self, name)

    Link.values = joined


@fault("MSG-2290")
def applies_the_first_filter() -> None:
    """The standard has one filter, so the others are not read."""
    matching = link_format.matching
    link_format.matching = lambda links, queries: matching(links, tuple(queries)[:1])


@fault("MSG-2290")
def lets_any_filter_do() -> None:
    """More filters find more."""
    link_format.matching = lambda links, queries: tuple(
        link
        for link in links
        if not queries or any(link_format._matches(link, *query.partition("=")[::2]) for query in queries)
    )
