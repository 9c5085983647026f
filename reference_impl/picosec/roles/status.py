"""Status lists as a role takes them: ``/ps/status`` (spec/v1/identity-status.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_STATUS_LIST
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/status"


class Status:
    """What takes status lists from anybody's hand.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock. ``revoke`` ends the
    channels of the credentials of which it is told that they were taken back, ``dismiss`` those of peers that need what
    was taken back.
    """

    def __init__(
        self,
        keyring: Keyring,
        date: Callable[[float], float | None],
        revoke: Callable[[Callable[[bytes], bool]], None],
        dismiss: Callable[[Callable[[bytes], bool]], None],
    ) -> None:
        self._keyring = keyring
        self._date = date
        self._revoke = revoke
        self._dismiss = dismiss

    def resource(self) -> Resource:
        """Return what everybody hands status list tokens to (IDN-210)."""
        attributes = {"rt": "ps.status"}
        return Resource({Code.PUT: self._put}, Access.OPEN, takes=(CONTENT_FORMAT_STATUS_LIST,), attributes=attributes)

    def _put(self, request: Request) -> Reply:
        keyring = self._keyring
        judged = keyring.status.judge(request.payload, self._date(request.now))
        keyring.status.take(judged)
        self._revoke(judged.revokes)
        self._dismiss(lambda cred: keyring.endorsements.withdrawn(keyring.identity_of(cred), judged))
        return Reply(Code.CHANGED)
