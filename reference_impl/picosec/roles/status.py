"""Status lists as a role takes them: ``/ps/status`` (spec/v1/identity-status.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.identity.status_lists import StatusLists
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_STATUS_LIST
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/status"


class Status:
    """What takes status lists from anybody's hand.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock. ``revoke`` ends the
    channels of the credentials of which it is told that they were taken back.
    """

    def __init__(
        self,
        lists: StatusLists,
        date: Callable[[float], float | None],
        revoke: Callable[[Callable[[bytes], bool]], None],
    ) -> None:
        self._lists = lists
        self._date = date
        self._revoke = revoke

    def resource(self) -> Resource:
        """Return what everybody hands status list tokens to (IDN-210)."""
        attributes = {"rt": "ps.status"}
        return Resource({Code.PUT: self._put}, Access.OPEN, takes=(CONTENT_FORMAT_STATUS_LIST,), attributes=attributes)

    def _put(self, request: Request) -> Reply:
        judged = self._lists.judge(request.payload, self._date(request.now))
        self._lists.take(judged)
        self._revoke(judged.revokes)
        return Reply(Code.CHANGED)
