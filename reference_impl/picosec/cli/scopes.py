"""Scopes and attributes as a person writes and reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from picosec.cli.mistakes import Mistake
from picosec.errors import ProtocolError
from picosec.identity.forms import Attribute, is_attributes
from picosec.identity.scope import ALL_METHODS, Scope, method_bit, scope_of
from picosec.messaging.coap import Code

METHODS: Final = {
    name: method_bit(code)
    for name, code in (
        ("GET", Code.GET),
        ("POST", Code.POST),
        ("PUT", Code.PUT),
        ("DELETE", Code.DELETE),
        ("FETCH", Code.FETCH),
        ("PATCH", Code.PATCH),
        ("IPATCH", Code.IPATCH),
    )
}


def read_scope(allowed: Sequence[str], where: str = "--allow") -> Scope | None:
    """Return the scope of what ``--allow`` gives, each such as ``GET,PUT /actuators/lamp``, or ``* /ps/info``.

    None for nothing given. Raises :class:`Mistake`.
    """
    methods: dict[str, int] = {}
    for text in allowed:
        names, _, path = text.partition(" ")
        path = path.strip()
        unknown = [name for name in names.upper().split(",") if name not in METHODS and name != "*"]
        if unknown or not path.startswith("/"):
            raise Mistake(f"{where} takes methods and a path, such as 'GET,PUT /actuators/lamp', not {text!r}")
        for name in names.upper().split(","):
            methods[path] = methods.get(path, 0) | METHODS.get(name, ALL_METHODS)
    try:
        return scope_of(methods.items()) if methods else None
    except ProtocolError as error:
        raise Mistake(f"{where}: {error.detail}") from error


def scope_lines(scope: Scope | None, unlimited: str) -> list[str]:
    """Return a scope as lines for people, ``unlimited`` for none."""
    if scope is None:
        return [unlimited]
    return [f"{_names(bits)} {path}" for path, bits in sorted(scope.methods.items())]


def _names(bits: int) -> str:
    return "*" if bits == ALL_METHODS else ",".join(name for name, bit in METHODS.items() if bits & bit)


def read_attributes(given: Sequence[str]) -> dict[str, Attribute]:
    """Return attributes such as ``floor=2``: whole numbers, true, false, and texts. Raises :class:`Mistake`."""
    attributes: dict[str, Attribute] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or name in attributes:
            raise Mistake(f"--attribute takes NAME=VALUE, each name once, not {text!r}")
        attributes[name] = _value(value)
    if attributes and not is_attributes(attributes):
        raise Mistake("--attribute: at most 16, with names of 1 to 32 bytes and texts of at most 64")
    return attributes


def _value(text: str) -> Attribute:
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
