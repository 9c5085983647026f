"""An identity of one's own: begun once, and given new keys (spec/v1/identity-history.md, "Making a statement")."""

from __future__ import annotations

from dataclasses import dataclass

from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.history import History, check_links, check_signatures
from picosec.identity.statement import MAX_STATEMENTS, Kind, Statement, sign
from picosec.registry import Problem


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """A history, and the current key of it behind a handle. The key for emergencies is kept elsewhere."""

    history: History
    handle: Handle

    @property
    def identifier(self) -> bytes:
        """The identifier."""
        return self.history.identifier

    def rotate(self, vault: Vault, handle: Handle, issued: int) -> OwnIdentity:
        """Return the identity with a new key, signed by the one there was and by the new one.

        Raises ``exhausted`` when the history is full (IDN-540), ``bad_key`` for a key that does not sign.
        """
        return self._continued(vault, (self.handle, handle), self.history.statements[-1].statement.committed, issued)

    def recover(self, vault: Vault, handle: Handle, committed: bytes, issued: int) -> OwnIdentity:
        """Return the identity with its key for emergencies, which alone signs; ``committed`` is the thumbprint of the
        next such key.

        Raises as :meth:`rotate` does, ``authentication_failed`` for another key than the one committed to (IDN-370),
        ``malformed`` when it commits to a key that shows (IDN-380).
        """
        return self._continued(vault, (handle,), committed, issued)

    def _continued(self, vault: Vault, signers: tuple[Handle, ...], committed: bytes, issued: int) -> OwnIdentity:
        statements = self.history.statements
        if len(statements) == MAX_STATEMENTS:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-540", f"a history of {MAX_STATEMENTS} statements is full")
        last, handle = statements[-1].statement, signers[-1]
        number = len(statements)
        statement = Statement(number, vault.public(handle), committed, max(issued, last.issued), last.name)
        history = History((*statements, sign(statement, vault, *signers)))
        check_links(history)
        check_signatures(history, number)
        return OwnIdentity(history, handle)


def new_identity(vault: Vault, handle: Handle, committed: bytes, kind: Kind, issued: int) -> OwnIdentity:
    """Return a new identity whose first key is behind ``handle``; ``committed`` is the thumbprint of the key for
    emergencies.

    Raises ``bad_key`` for a key that does not sign, ``malformed`` when it commits to a key that shows (IDN-380).
    """
    statement = Statement(0, vault.public(handle), committed, issued, kind=kind)
    history = History((sign(statement, vault, handle),))
    check_links(history)
    return OwnIdentity(history, handle)
