"""An open session with a PKCS#11 token, through python-pkcs11. What goes wrong is one line for a person.

python-pkcs11 and not PyKCS11, because the licence of the former is this project's own, and the reference imports it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import exceptions
from pkcs11.constants import Attribute

from picosec.net.pkcs11_uri import MODULE_VARIABLE, PIN_VARIABLE, Pkcs11Uri
from picosec.net.secret_file import read_secret
from picosec.net.storage import StorageError


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the token says while it does ``what`` into a :class:`StorageError`."""
    try:
        yield
    except exceptions.PKCS11Error as error:
        raise StorageError(f"the token cannot {what}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return what went wrong in the words of the standard, such as ``DeviceRemoved``."""
    return str(error) or type(error).__name__


def refuse_readable(key: Any, name: str) -> None:
    """Raise :class:`StorageError` for a key of the token that could be, or could have been, taken out of it."""
    if not key[Attribute.SENSITIVE] or key[Attribute.EXTRACTABLE]:
        raise StorageError(f"the key {name!r} of the token can be read, so it was put there: make a new one")


def open_token(uri: Pkcs11Uri, environment: Mapping[str, str] = os.environ) -> Any:
    """Log in to the token that ``uri`` names and return the session. Raises :class:`StorageError`."""
    token = _token(_library(uri, environment), uri)
    try:
        return token.open(rw=True, user_pin=_pin(uri, environment))
    except (exceptions.PinIncorrect, exceptions.PinLenRange, exceptions.PinInvalid) as error:
        raise StorageError(f"token {token.label!r} refuses this PIN: a few more tries may lock it") from error
    except exceptions.PinLocked as error:
        raise StorageError(f"token {token.label!r} is locked: its security officer must set a new PIN") from error
    except exceptions.UserAlreadyLoggedIn as error:
        raise StorageError(f"token {token.label!r} is already open in this process") from error
    except exceptions.PKCS11Error as error:
        raise StorageError(f"token {token.label!r} cannot be opened: {reason(error)}") from error


def _library(uri: Pkcs11Uri, environment: Mapping[str, str]) -> Any:
    path = uri.module or environment.get(MODULE_VARIABLE)
    if not path:
        raise StorageError(f"no PKCS#11 library is named: add ?module-path=/…/NAME.so, or set {MODULE_VARIABLE}")
    if not Path(path).is_file():
        raise StorageError(f"{path}: there is no such PKCS#11 library")
    try:
        return pkcs11.lib(str(path))
    except exceptions.PKCS11Error as error:
        raise StorageError(f"{path} is not a PKCS#11 library that works here: {reason(error)}") from error


def _token(library: Any, uri: Pkcs11Uri) -> Any:
    wanted = {"label": uri.token, "manufacturer_id": uri.manufacturer, "model": uri.model}
    with explained("be looked for"):
        found = [
            token
            for token in library.get_tokens()
            if all(value is None or getattr(token, name) == value for name, value in wanted.items())
            and (uri.serial is None or token.serial.decode("utf-8", "replace").strip() == uri.serial)
        ]
    if not found:
        raise StorageError(f"there is no token {uri.token or uri.serial!r}: is it plugged in, and its name right?")
    if len(found) > 1:
        raise StorageError(f"{len(found)} tokens are called {uri.token or uri.serial!r}: name one by serial=")
    return found[0]


def _pin(uri: Pkcs11Uri, environment: Mapping[str, str]) -> str:
    if uri.pin_source is None:
        pin = environment.get(PIN_VARIABLE)
        if not pin:
            raise StorageError(f"no PIN: add &pin-source=/…/FILE to the URI, or set {PIN_VARIABLE}")
        return pin
    try:
        pin = read_secret(uri.pin_source).decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise StorageError(f"{uri.pin_source} is not text") from error
    if not pin:
        raise StorageError(f"{uri.pin_source} is empty: it must hold the PIN and nothing else")
    return pin
