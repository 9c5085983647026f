"""Keys for objects: each has one purpose, and nothing made for another purpose is taken from it (OBJ-200)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from picosec.crypto.aead import Aead
from picosec.crypto.curves import PublicKey
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.registry import CONTENT_FORMAT_APPLICATION_OBJECT, CONTENT_FORMAT_PLATFORM_OBJECT, Problem


class Purpose(IntEnum):
    """What a key is for. The value is the ``typ`` of the objects that it makes (RFC 9596)."""

    PLATFORM = CONTENT_FORMAT_PLATFORM_OBJECT
    APPLICATION = CONTENT_FORMAT_APPLICATION_OBJECT


@dataclass(frozen=True, slots=True)
class SenderKey:
    """A key whose signatures are believed, for one purpose."""

    kid: bytes
    key: PublicKey
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of one's own: behind ``handle`` it signs, or it agrees on keys and so opens what is sealed to it."""

    kid: bytes
    handle: Handle
    purpose: Purpose


@dataclass(frozen=True, slots=True, repr=False)
class GroupKey:
    """A symmetric key of ``aead.key_length`` bytes that all members of a group hold."""

    kid: bytes
    key: bytes
    aead: Aead
    purpose: Purpose

    def __repr__(self) -> str:
        return f"GroupKey({self.kid.hex()})"


class Voucher(Protocol):
    """Who vouches for senders that were not introduced one by one."""

    def senders(self, kid: bytes, purpose: Purpose) -> Sequence[SenderKey]:
        """Return the keys that an identifier may stand for, none if none is held.

        Raises ``wrong_purpose`` when all of them are for something else.
        """

    def credentials(self, sender: SenderKey, now: float | None) -> tuple[bytes, ...]:
        """Return the credentials, at least one, by which such a key is believed now. Raises ``bad_credential``."""


K = TypeVar("K", SenderKey, OwnKey, GroupKey)


class Keys(Generic[K]):
    """Keys by identifier."""

    def __init__(self, keys: Iterable[K] = ()) -> None:
        self._keys: Mapping[bytes, K] = {key.kid: key for key in keys}

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys.values())

    def __contains__(self, kid: bytes) -> bool:
        """Whether there is a key of this identifier, for whatever purpose."""
        return kid in self._keys

    def named(self, kid: bytes) -> K:
        """Return the key, for whatever purpose. Raises ``unknown_credential`` (OBJ-190)."""
        key = self._keys.get(kid)
        if key is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "OBJ-190", "no key of this identifier")
        return key

    def find(self, kid: bytes, purpose: Purpose) -> K:
        """Return the key. Raises ``unknown_credential`` (OBJ-190) or ``wrong_purpose`` (OBJ-200)."""
        key = self.named(kid)
        if key.purpose is not purpose:
            raise ProtocolError(Problem.WRONG_PURPOSE, "OBJ-200", f"a key for {key.purpose.name.lower()} objects")
        return key
