"""Identities as a role shows and follows them: ``/ps/identity`` (spec/v1/identity-history.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.crypto.curves import Entropy
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.identity.history import Forked, read_history
from picosec.identity.own import OwnIdentity
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_IDENTITY_HISTORY, Problem
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Handler, Reply, Request, Resource

PATH: Final = "/ps/identity"


class Identities:
    """What shows the history of one's own identity, continues it, and follows those of others.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock. ``revoke`` ends the
    channels that credentials opened of which what it is given says so.
    """

    def __init__(
        self,
        keyring: Keyring,
        entropy: Entropy,
        date: Callable[[float], float | None],
        revoke: Callable[[Callable[[bytes], bool]], None],
    ) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._date = date
        self._revoke = revoke

    def resource(self) -> Resource:
        """Return what everybody reads, and hands histories to."""
        handlers: dict[int, Handler] = {Code.GET: self._get, Code.POST: self._post}
        formats = (CONTENT_FORMAT_IDENTITY_HISTORY,)
        return Resource(handlers, Access.OPEN, formats, formats, attributes={"rt": "ps.identity"})

    def rotate(self, now: float) -> bytes:
        """Replace the key of one's own identity by a new one of the same curve, and return the history (IDN-500).

        Raises ``method_not_allowed`` without an identity, ``exhausted`` (IDN-540).
        """
        own, vault = self._own(), self._keyring.vault
        handle = vault.generate(vault.public(own.handle).curve, self._entropy)
        return self._assume(own.rotate(vault, handle, self._issued(now)))

    def recover(self, handle: Handle, committed: bytes, now: float) -> bytes:
        """Take the key for emergencies in place of the one there is, and return the history (IDN-510).

        Raises ``method_not_allowed``, and as :meth:`OwnIdentity.recover` does.
        """
        return self._assume(self._own().recover(self._keyring.vault, handle, committed, self._issued(now)))

    def _own(self) -> OwnIdentity:
        if self._keyring.identity is None:
            raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "IDN-600", "there is no identity here")
        return self._keyring.identity

    def _assume(self, identity: OwnIdentity) -> bytes:
        self._keyring.assume(identity)
        return identity.history.encode()

    def _issued(self, now: float) -> int:
        return int(self._date(now) or 0)

    def _get(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, self._own().history.encode(), CONTENT_FORMAT_IDENTITY_HISTORY)

    def _post(self, request: Request) -> Reply:
        history = read_history(request.payload)
        known = self._keyring.peers.get(history.identifier)
        if known is None:
            raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-340", "the identity is not trusted")
        try:
            after = known.follow(history)
        except Forked as fork:
            self._end_channels(self._keyring.follow(known.freeze(fork.place)))
            raise
        self._end_channels(self._keyring.follow(after))
        return Reply(Code.CHANGED)

    def _end_channels(self, former: bytes | None) -> None:
        """End those that a credential opened which is believed no longer (IDN-630)."""
        if former is not None:
            self._revoke(lambda credential: credential == former)
