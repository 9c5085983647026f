"""The history of an identity: read, verified from what is known of it, and followed (spec/v1/identity-history.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.errors import ProtocolError
from picosec.identity.keys import thumbprint
from picosec.identity.statement import MAX_STATEMENTS, Signed, malformed, read_form
from picosec.messaging import cbor
from picosec.registry import Problem

#: Bytes of the longest history (IDN-300).
MAX_SIZE: Final = 16384


@dataclass(frozen=True, slots=True)
class History:
    """The statements of an identity from the first on, at least one. :func:`read_history` verifies none of them."""

    statements: tuple[Signed, ...]

    @property
    def identifier(self) -> bytes:
        """The 32 bytes that stay the same whatever key follows."""
        return self.statements[0].statement.name

    @property
    def names(self) -> tuple[bytes, ...]:
        """The name of each statement."""
        return tuple(signed.statement.name for signed in self.statements)

    @property
    def key(self) -> PublicKey:
        """The key that the last statement names."""
        return self.statements[-1].statement.key

    @property
    def recovered(self) -> int:
        """The place of the last emergency, 0 for none. What a statement says tells it from a rotation (IDN-380)."""
        for number in range(len(self.statements) - 1, 0, -1):
            if is_emergency(self, number):
                return number
        return 0

    def encode(self) -> bytes:
        """Return it as it is sent."""
        return cbor.dumps([signed.item() for signed in self.statements])


def read_history(data: bytes) -> History:
    """Return a history, unverified.

    Raises ``too_large`` (IDN-300), ``malformed`` (IDN-310), ``not_deterministic``, ``unsupported_algorithm`` (IDN-320)
    or ``bad_key`` (IDN-330).
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-300", f"a history of {len(data)} bytes")
    items: Any = cbor.loads(data)
    if type(items) is not list or not 0 < len(items) <= MAX_STATEMENTS:
        raise malformed(f"an array of 1 to {MAX_STATEMENTS} statements")
    unread = [read_form(item) for item in items]
    for each in unread:
        each.check_algorithms()
    return History(tuple(each.read() for each in unread))


class Forked(ProtocolError):
    """Another statement than the one that was seen in its place, which nothing outranks (IDN-400)."""

    def __init__(self, place: int) -> None:
        super().__init__(Problem.FORKED, "IDN-400", f"another statement {place} was seen")
        self.place = place


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody knows of an identity: its identifier, the names of the statements seen, and the last key.

    With the identifier alone nothing was seen yet, and no key is believed. ``recovered`` is the place of the last
    emergency that was seen, 0 for none, and ``forked`` the first place from which two histories were seen that nothing
    tells apart: then an emergency decides, or a person.
    """

    identifier: bytes
    seen: tuple[bytes, ...] = ()
    key: PublicKey | None = None
    recovered: int = 0
    forked: int | None = None

    @property
    def believed(self) -> PublicKey | None:
        """The key that the identity has now, None if none is believed."""
        return None if self.forked is not None else self.key

    def follow(self, history: History) -> Known:
        """Return what is known after a history of this identity.

        Raises ``malformed`` (IDN-350, IDN-380), ``authentication_failed`` (IDN-360, IDN-370, IDN-390), ``stale``
        (IDN-410, IDN-450), and ``forked`` for what shows, or has shown, that two histories are going around
        (:class:`Forked`, IDN-400, IDN-430).
        """
        common = _common(self.seen, history.names)
        check_links(history)
        check_signatures(history, common)
        parted = common < min(len(self.seen), len(history.statements))
        if parted or self.forked is not None:
            self._compare(history, common)
        elif common < len(self.seen):
            raise ProtocolError(Problem.STALE, "IDN-410", f"{len(self.seen)} statements are known, not {common}")
        return Known(self.identifier, history.names, history.key, history.recovered)

    def _compare(self, history: History, common: int) -> None:
        """Return if an emergency makes a history outrank what was seen (IDN-440); raise if not."""
        place = common if self.forked is None else min(common, self.forked)
        ours, theirs = (place <= each for each in (self.recovered, history.recovered))
        if theirs and not ours:
            return
        if self.forked is not None:
            raise ProtocolError(Problem.FORKED, "IDN-430", "two histories of this identity were seen")
        if ours and not theirs:
            raise ProtocolError(Problem.STALE, "IDN-450", "an emergency that was seen outranks it")
        raise Forked(common)

    def freeze(self, place: int) -> Known:
        """Return what is believed after a fork in a place: nothing."""
        return replace(self, forked=place)

    def row(self) -> list[Any]:
        """Return all of it as a CBOR value, for :func:`known_of`."""
        key = None if self.key is None else [self.key.curve.value, self.key.x, self.key.y]
        return [self.identifier, list(self.seen), key, self.recovered, self.forked]

    def state(self) -> list[Any]:
        """Return it as a CBOR value for a digest."""
        return [self.identifier, list(self.seen), self.forked]


def known_of(row: list[Any]) -> Known:
    """Return what :meth:`Known.row` said."""
    identifier, seen, key, recovered, forked = row
    last = None if key is None else decode_public(Curve(key[0]), key[1], key[2] or None)
    return Known(identifier, tuple(seen), last, recovered, forked)


def _common(seen: tuple[bytes, ...], names: tuple[bytes, ...]) -> int:
    """Return how many statements at the beginning are those that were seen."""
    for number, (ours, theirs) in enumerate(zip(seen, names, strict=False)):
        if ours != theirs:
            return number
    return min(len(seen), len(names))


def check_links(history: History) -> None:
    """Raise ``malformed`` for statements that do not follow one another (IDN-350), or that commit to a key which
    shows by then (IDN-380).
    """
    last, shown = None, set()
    for number, each in enumerate(signed.statement for signed in history.statements):
        if each.number != number:
            raise malformed(f"statement {each.number} in place {number}", "IDN-350")
        if last is not None and (each.before != last.name or each.issued < last.issued):
            raise malformed(f"statement {number} does not follow the one before", "IDN-350")
        shown.add(thumbprint(each.key))
        if each.committed in shown:
            raise malformed(f"statement {number} commits to a key that shows", "IDN-380")
        last = each


def is_emergency(history: History, number: int) -> bool:
    """Whether a further statement names the key that the one before it committed to."""
    before, statement = (history.statements[each].statement for each in (number - 1, number))
    return thumbprint(statement.key) == before.committed


def check_signatures(history: History, first: int = 0) -> None:
    """Verify the statements from number ``first`` on.

    Raises ``authentication_failed``: not signed by whom it has to be (IDN-360), in an emergency by another key than
    the committed one (IDN-370), or a rotation that commits to another key for emergencies (IDN-390).
    """
    for number in range(first, len(history.statements)):
        signed = history.statements[number]
        statement = signed.statement
        signers = [statement.key]
        if number:
            before = history.statements[number - 1].statement
            if len(signed.signatures) == 2:
                signers = [before.key, statement.key]
                if statement.committed != before.committed:
                    raise _unauthenticated("IDN-390", number, "a rotation keeps the key for emergencies")
            elif not is_emergency(history, number):
                raise _unauthenticated("IDN-370", number, "not the key for emergencies")
        pairs = zip(signed.signatures, signers, strict=True)
        if not all(part.verifies(key, statement.encoded) for part, key in pairs):
            raise _unauthenticated("IDN-360", number, "a signature does not verify")


def _unauthenticated(requirement: str, number: int, detail: str) -> ProtocolError:
    return ProtocolError(Problem.AUTHENTICATION_FAILED, requirement, f"statement {number}: {detail}")
