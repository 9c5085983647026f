"""Link format (RFC 6690, spec/v1/messaging-discovery.md): lists of resources, written and read, and their filters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

from picosec.errors import ProtocolError
from picosec.registry import Problem

#: What a filter calls the target of a link.
HREF: Final = "href"
#: Attributes whose value holds several, with a space between two; a filter matches one of them.
LISTS: Final = frozenset({"rel", "rev", "rt", "if", "ct"})

_TARGET: Final = re.compile(r'[^<>"\\^`{|}\x00-\x20\x7f]*')
_NAME: Final = r"[!#$&+\-.^_`|~0-9A-Za-z]+\*?"
_QUOTED: Final = r'"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"'
_TOKEN: Final = r"([!#$%&'()*+\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]+)"
_ATTRIBUTE: Final = re.compile(f";({_NAME})(?:=(?:{_QUOTED}|{_TOKEN}))?")
_NUMBER: Final = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Link:
    """A link: its target as it is written, and its attributes in their order; a flag has no value."""

    target: str
    attributes: tuple[tuple[str, str | None], ...] = ()

    def values(self, name: str) -> list[str]:
        """Return what a filter by this name is compared with; a flag counts as an empty text."""
        if name == HREF:
            return [self.target]
        texts = [value or "" for candidate, value in self.attributes if candidate == name]
        return [each for text in texts for each in text.split(" ")] if name in LISTS else texts


def encode(links: Iterable[Link]) -> bytes:
    """Return links in link format: numbers as they are, other values in quotes."""
    return ",".join(_link(link) for link in links).encode()


def decode(data: bytes) -> tuple[Link, ...]:
    """Return the links of a list. Raises ``ProtocolError`` with ``MALFORMED``."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        _malformed("the list is not UTF-8")
    links: list[Link] = []
    position = 0
    while position < len(text):
        if links:
            position = _behind(",", text, position)
        link, position = _read(text, position)
        links.append(link)
    return tuple(links)


def matching(links: Iterable[Link], queries: Iterable[str]) -> tuple[Link, ...]:
    """Return the links that all filters among the queries let through; a query without ``=`` is no filter."""
    filters = [query.partition("=")[::2] for query in queries if "=" in query]
    return tuple(link for link in links if all(_matches(link, name, pattern) for name, pattern in filters))


def _matches(link: Link, name: str, pattern: str) -> bool:
    values = link.values(name)
    if pattern.endswith("*"):
        return any(value.startswith(pattern[:-1]) for value in values)
    return pattern in values


def _link(link: Link) -> str:
    return "".join((f"<{link.target}>", *(f";{_attribute(name, value)}" for name, value in link.attributes)))


def _attribute(name: str, value: str | None) -> str:
    if value is None:
        return name
    if _NUMBER.fullmatch(value):
        return f"{name}={value}"
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'{name}="{escaped}"'


def _read(text: str, position: int) -> tuple[Link, int]:
    target = _TARGET.match(text, _behind("<", text, position))
    assert target is not None  # it may be empty: this very list
    position = _behind(">", text, target.end())
    attributes: list[tuple[str, str | None]] = []
    while text.startswith(";", position):
        found = _ATTRIBUTE.match(text, position)
        if found is None:
            _malformed(f"no attribute at character {position + 1}")
        name, quoted, token = found.groups()
        attributes.append((name, token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)))
        position = found.end()
    return Link(target.group(), tuple(attributes)), position


def _behind(character: str, text: str, position: int) -> int:
    if not text.startswith(character, position):
        _malformed(f"expected {character!r} as character {position + 1}")
    return position + 1


def _malformed(detail: str) -> NoReturn:
    raise ProtocolError(Problem.MALFORMED, "MSG-2210", f"link format: {detail}")
