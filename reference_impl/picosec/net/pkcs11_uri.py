"""The name of a vault in a PKCS#11 token: a URI (RFC 7512), read strictly. No PIN stands in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from picosec.net.storage import StorageError

SCHEME: Final = "pkcs11:"
#: Where the library and the PIN come from when the URI names no files.
MODULE_VARIABLE: Final = "PICOSEC_PKCS11_MODULE"
PIN_VARIABLE: Final = "PICOSEC_PIN"

_PATH: Final = ("token", "serial", "manufacturer", "model", "object")
_QUERY: Final = ("module-path", "pin-source")
_ATTRIBUTE: Final = {
    True: re.compile(r"([a-z][a-z0-9-]*)=((?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})+)"),
    False: re.compile(r"([a-z][a-z0-9-]*)=((?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})+)"),
}


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which token, which vault in it, and the files that open it.

    ``token``, ``serial``, ``manufacturer`` and ``model`` are what the token says of itself, ``None`` where it does not
    matter. ``name`` tells several vaults of one token apart.
    """

    token: str | None
    serial: str | None
    manufacturer: str | None
    model: str | None
    name: str
    module: Path | None
    pin_source: Path | None


def parse(text: str) -> Pkcs11Uri:
    """Read ``pkcs11:token=…;object=…?module-path=…&pin-source=…``. Raises :class:`StorageError`."""
    if not text.startswith(SCHEME):
        raise StorageError(f"a vault in a token is named {SCHEME}token=…, not {text!r}")
    path, _mark, query = text.removeprefix(SCHEME).partition("?")
    if "pin-value=" in query:
        raise StorageError(f"a PIN on the command line is seen by everybody: use pin-source=FILE, or {PIN_VARIABLE}")
    where, how = _attributes(path, ";", _PATH), _attributes(query, "&", _QUERY)
    if not where.keys() & {"token", "serial"}:
        raise StorageError("the URI must name the token, by token=LABEL or serial=NUMBER")
    return Pkcs11Uri(
        where.get("token"),
        where.get("serial"),
        where.get("manufacturer"),
        where.get("model"),
        where.get("object", "picosec"),
        _file("module-path", how),
        _file("pin-source", how),
    )


def _attributes(part: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in part.split(separator) if part else ():
        match = _ATTRIBUTE[separator == ";"].fullmatch(attribute)
        if match is None:
            raise StorageError(f"{attribute!r} is not NAME=VALUE with all other characters percent-encoded (RFC 7512)")
        name, value = match.groups()
        if name not in known:
            raise StorageError(f"{name!r} names no vault: use {', '.join(known)}")
        if name in found:
            raise StorageError(f"{name!r} stands there twice")
        try:
            found[name] = unquote_to_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise StorageError(f"{name!r} is not UTF-8") from error
        if not found[name].isprintable():
            raise StorageError(f"{name!r} holds a control character")
    return found


def _file(name: str, attributes: dict[str, str]) -> Path | None:
    """Return an absolute path; ``pin-source`` may be a ``file:`` URI, and never a command."""
    value = attributes.get(name)
    if value is None:
        return None
    if name == "pin-source":
        value = re.sub(r"^file:(?://(?:localhost)?(?=/))?(?=/[^/])", "", value)
    if not value.startswith("/"):
        raise StorageError(f"{name} takes the absolute path of a file, not {value!r}")
    return Path(value)
