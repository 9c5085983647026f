"""The history of an identity: read, verified from what is known of it, and followed (spec/v1/identity-history.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from picosec.crypto.curves import PublicKey
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


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody knows of an identity: its identifier, the names of the statements seen, and the last key.

    With the identifier alone nothing was seen yet, and no key is believed. ``frozen`` is an identity whose history was
    seen to fork: a person decides.
    """

    identifier: bytes
    seen: tuple[bytes, ...] = ()
    key: PublicKey | None = None
    frozen: bool = False

    @property
    def believed(self) -> PublicKey | None:
        """The key that the identity has now, None if none is believed."""
        return None if self.frozen else self.key

    def follow(self, history: History) -> Known:
        """Return what is known after a history of this identity.

        Raises ``malformed`` (IDN-350, IDN-380), ``authentication_failed`` (IDN-360, IDN-370, IDN-390), ``stale``
        (IDN-410), and ``forked`` (IDN-400, IDN-430) for what shows, or has shown, that two histories are going around.
        """
        if self.frozen:
            raise ProtocolError(Problem.FORKED, "IDN-430", "two histories of this identity were seen")
        names = history.names
        common = _common(self.seen, names)
        check_links(history)
        check_signatures(history, common)
        if common == len(self.seen):
            return Known(self.identifier, names, history.key)
        if common == len(names):
            raise ProtocolError(Problem.STALE, "IDN-410", f"{len(self.seen)} statements are known, not {common}")
        raise ProtocolError(Problem.FORKED, "IDN-400", f"another statement {common} is known")

    def freeze(self) -> Known:
        """Return what is believed after a fork: nothing."""
        return replace(self, frozen=True)

    def state(self) -> list[Any]:
        """Return it as a CBOR value for a digest."""
        return [self.identifier, list(self.seen), self.frozen]


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
            elif thumbprint(statement.key) != before.committed:
                raise _unauthenticated("IDN-370", number, "not the key for emergencies")
        pairs = zip(signed.signatures, signers, strict=True)
        if not all(part.verifies(key, statement.encoded) for part, key in pairs):
            raise _unauthenticated("IDN-360", number, "a signature does not verify")


def _unauthenticated(requirement: str, number: int, detail: str) -> ProtocolError:
    return ProtocolError(Problem.AUTHENTICATION_FAILED, requirement, f"statement {number}: {detail}")
