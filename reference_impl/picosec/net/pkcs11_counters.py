"""Counters in a PKCS#11 token, as data objects: whoever copies the disk of a device cannot turn them back.

PKCS#11 promises neither that changing an attribute survives a loss of power whole, nor a lock between processes. So no
object is ever changed. A new one takes the place of the old, which goes last: at every moment one of them is whole, and
the greatest counts. Two processes that count at once see each other's objects, and at least one of them gives up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pkcs11 import exceptions
from pkcs11.constants import Attribute, ObjectClass

from picosec.net.pkcs11_token import explained
from picosec.net.storage import StorageError

_APPLICATION: Final = "picosec"
_LENGTH: Final = 8


class TokenCounters:
    """The counters of one vault in a token."""

    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._name = name

    def next(self, name: str) -> int:
        """Return the next number of the counter ``name``; the token has the one after it before this returns.

        Raises :class:`StorageError` when the token fails, its objects are damaged, or another process counts as well.
        """
        label = self._label(name)
        with explained("count"):
            old = list(self._objects(label))
            number = _number(label, old)
            new = self._session.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.APPLICATION: _APPLICATION,
                    Attribute.LABEL: label,
                    Attribute.VALUE: (number + 1).to_bytes(_LENGTH, "big"),
                }
            )
            if sum(value is not None and value > number for _object, value in self._objects(label)) != 1:
                new.destroy()
                raise StorageError("the token is in use by another picosec: stop that one first")
            for each, _value in old:
                each.destroy()
        return number

    def last(self, name: str) -> int:
        """Return the next number of the counter ``name``, and leave it. Raises :class:`StorageError`."""
        label = self._label(name)
        with explained("count"):
            return _number(label, list(self._objects(label)))

    def _label(self, name: str) -> str:
        return f"{self._name} counter {name}"

    def _objects(self, label: str) -> Iterator[tuple[Any, int | None]]:
        """Yield the objects of one counter and what they say, ``None`` for one that was not written whole."""
        wanted = {Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: _APPLICATION, Attribute.LABEL: label}
        for each in list(self._session.get_objects(wanted)):
            try:
                value = each[Attribute.VALUE]
            except exceptions.ObjectHandleInvalid:  # gone since: the process that counts beside this one took it away
                continue
            yield each, int.from_bytes(value, "big") if len(value) == _LENGTH else None


def _number(label: str, found: Sequence[tuple[Any, int | None]]) -> int:
    values = [value for _object, value in found if value is not None]
    if found and not values:
        raise StorageError(f"the counter {label!r} of the token is damaged: make new keys")
    return max(values, default=0)
