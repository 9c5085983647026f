"""Vectors of discovery (spec/v1/messaging-discovery.md): lists of links, read and written, and their filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.messaging import link_format
from picosec.messaging.link_format import Link
from picosec_conformance.vectors.model import VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

_GRAMMAR: Final = {"LinkGrammar": "A list that is no list: whoever guesses what it means follows a link of nobody's."}
_QUOTED: Final = {
    "QuotedSeparator": "A separator inside quotes separates nothing: whoever splits there finds other links."
}
_NOTHING: Final = {"NothingFound": "A filter that lets nothing through: an empty list, and no error."}


@operation("link_format.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    return Result({"links": _as_data(link_format.decode(octets(inputs, "list")))})


@operation("link_format.encode")
def _encode(inputs: dict[str, Any]) -> Result:
    return Result({"list": link_format.encode(_from_data(inputs["links"]))})


@operation("link_format.filter")
def _filter(inputs: dict[str, Any]) -> Result:
    links = link_format.decode(inputs["list"].encode())
    found = link_format.matching(links, inputs["queries"])
    return Result({"list": link_format.encode(found).decode()})


def _as_data(links: tuple[Link, ...]) -> list[dict[str, Any]]:
    return [{"target": link.target, "attributes": [list(each) for each in link.attributes]} for link in links]


def _from_data(data: list[dict[str, Any]]) -> list[Link]:
    return [Link(link["target"], tuple((name, value) for name, value in link["attributes"])) for link in data]


#: By id: comment, flags, list.
_LISTS: Final[tuple[tuple[str, str, list[str], str], ...]] = (
    ("empty", "No links at all.", [], ""),
    ("bare", "A target and nothing else.", [], "</lamp>"),
    ("empty-target", "The list itself.", [], "<>"),
    ("absolute", "A target elsewhere.", [], '<coap://[2001:db8::1]/t>;rel="describedby"'),
    ("flag", "An attribute without a value.", [], "</lamp>;obs"),
    ("number", "A bare number.", [], "</lamp>;ct=60"),
    ("bare-text", "A bare text.", [], "</lamp>;rt=lamp"),
    ("quoted-text", "The same in quotes.", [], '</lamp>;rt="lamp"'),
    ("several", "A value of several texts.", [], '</lamp>;rt="lamp actuator"'),
    ("empty-value", "Quotes around nothing.", [], '</lamp>;rt=""'),
    ("two-links", "A comma between two links.", [], "</a>,</b>"),
    ("repeated", "An attribute that stands twice.", [], "</e>;ed-method=0;ed-method=3"),
    ("star-name", "A name that ends in an asterisk.", [], "</a>;title*=UTF-8''caf%C3%A9"),
    ("utf-8", "Text beyond ASCII.", [], '</a>;title="café"'),
    ("comma-in-quotes", "A comma that separates nothing.", ["QuotedSeparator"], '</a>;title="b,</c>"'),
    ("semicolon-in-quotes", "A semicolon that separates nothing.", ["QuotedSeparator"], '</a>;title="b;ct=0"'),
    ("escaped-quote", "A double quote inside.", ["QuotedSeparator"], '</a>;title="b\\"c"'),
    ("escaped-backslash", "A backslash at the end of a value.", ["QuotedSeparator"], '</a>;title="b\\\\"'),
    ("escaped-letter", "A backslash before a letter stands for the letter.", ["QuotedSeparator"], '</a>;title="\\b"'),
    ("comma-in-target", "A target may have a comma.", ["QuotedSeparator"], "</a,b;c>"),
)

#: By id: comment, list.
_BROKEN: Final[tuple[tuple[str, str, bytes], ...]] = (
    ("text", "No target.", b"lamp"),
    ("open-target", "A target that does not end.", b"</lamp"),
    ("blank-in-target", "A blank in a target.", b"</the lamp>"),
    ("trailing-comma", "A comma behind the last link.", b"</a>,"),
    ("leading-comma", "A comma before the first.", b",</a>"),
    ("two-commas", "A link that is not there.", b"</a>,,</b>"),
    ("blank-behind-comma", "White space between links, as in HTTP.", b"</a>, </b>"),
    ("line-break", "A line for each link.", b"</a>,\n</b>"),
    ("blank-behind-semicolon", "White space before an attribute.", b"</a>; obs"),
    ("trailing-semicolon", "An attribute without a name.", b"</a>;"),
    ("no-name", "A value without a name.", b"</a>;=1"),
    ("no-value", "An equals sign without a value.", b"</a>;ct="),
    ("open-quote", "Quotes that do not end.", b'</a>;rt="lamp'),
    ("behind-quote", "Something behind the quotes.", b'</a>;rt="lamp"s'),
    ("blank-in-value", "A blank in a bare value.", b"</a>;rt=a b"),
    ("control", "A line break in quotes.", b'</a>;title="a\nb"'),
    ("escaped-end", "A backslash before the end.", b'</a>;title="a\\'),
    ("not-utf-8", "Bytes that are no text.", b'</a>;title="\xe9"'),
)

_HOUSE: Final = (
    '</ps/info>;rt="ps.info";sz=1200;ct=60,</sensors>;ct=40,'
    '</sensors/temperature>;rt="temperature sensor";if="core.s";ct=112,'
    '</actuators>;ct=40,</actuators/lamp>;rt="lamp actuator";if="core.a";ct=60;obs,</notes>;rt="";ct="0 60"'
)

#: By id: comment, requirement, flags, queries.
_QUERIES: Final[tuple[tuple[str, str, str, list[str], list[str]], ...]] = (
    ("none", "No filter.", "MSG-2200", [], []),
    ("lamp", "All lamps.", "MSG-2260", [], ["rt=lamp"]),
    ("second-type", "A type that stands second.", "MSG-2260", [], ["rt=actuator"]),
    ("whole-value", "Two types are not one.", "MSG-2260", ["NothingFound"], ["rt=lamp actuator"]),
    ("second-format", "A Content-Format among others.", "MSG-2260", [], ["ct=60"]),
    ("size", "A size.", "MSG-2250", [], ["sz=1200"]),
    ("part", "Part of a value.", "MSG-2250", ["NothingFound"], ["rt=lam"]),
    ("capital", "Other capitals.", "MSG-2250", ["NothingFound"], ["rt=Lamp"]),
    ("unknown", "An attribute that no link has.", "MSG-2250", ["NothingFound"], ["ins=1"]),
    ("no-value", "A filter for an empty value.", "MSG-2250", [], ["rt="]),
    ("beginning", "Values that begin alike.", "MSG-2270", [], ["if=core.*"]),
    ("beginning-of-second", "The second type begins like this.", "MSG-2270", [], ["rt=act*"]),
    ("anything", "Whatever has a type, an empty one included.", "MSG-2270", [], ["rt=*"]),
    ("sized", "Whatever has a size.", "MSG-2270", [], ["sz=*"]),
    ("observable", "A flag counts as an empty value.", "MSG-2270", [], ["obs=*"]),
    ("asterisk-within", "An asterisk that is not at the end.", "MSG-2270", ["NothingFound"], ["rt=*mp"]),
    ("two-asterisks", "The first of two asterisks is a character.", "MSG-2270", ["NothingFound"], ["rt=la**"]),
    ("target", "A target.", "MSG-2280", [], ["href=/sensors"]),
    ("below", "All that lies below.", "MSG-2280", [], ["href=/sensors/*"]),
    ("no-target", "A target without its slash.", "MSG-2280", ["NothingFound"], ["href=sensors"]),
    ("both", "Two filters.", "MSG-2290", [], ["ct=60", "rt=*"]),
    ("neither", "Two filters that no link passes.", "MSG-2290", ["NothingFound"], ["rt=lamp", "rt=sensor"]),
    ("same", "Two types of one link.", "MSG-2290", [], ["rt=lamp", "rt=actuator"]),
    ("no-filter", "A query that is none.", "MSG-2240", [], ["lamp", "rt=lamp"]),
)


def files() -> Iterator[VectorFile]:
    """Yield the files about lists and filters."""
    form = ["MSG-2210"]
    read = [
        accepted("link_format.decode", id, text, form, {"list": it.encode()}, flags) for id, text, flags, it in _LISTS
    ]
    for id, text, broken in _BROKEN:
        read.append(rejected("link_format.decode", id, text, form, {"list": broken}, "malformed", ["LinkGrammar"]))
    flags = {**_GRAMMAR, **_QUOTED}
    yield VectorFile("messaging", "link_format_decode", "link_format.decode", "A list is read", flags, tuple(read))
    written = [
        accepted("link_format.encode", id, text, form, {"links": _as_data(link_format.decode(it.encode()))}, flags)
        for id, text, flags, it in _LISTS
        if id != "bare-text"  # it is written in quotes
    ]
    yield VectorFile(
        "messaging", "link_format_encode", "link_format.encode", "A list is written", _QUOTED, tuple(written)
    )
    found = [
        accepted("link_format.filter", id, text, [name], {"list": _HOUSE, "queries": queries}, flags)
        for id, text, name, flags, queries in _QUERIES
    ]
    yield VectorFile(
        "messaging", "link_format_filter", "link_format.filter", "What filters leave", _NOTHING, tuple(found)
    )
