"""Endorsements as a role takes them: ``/ps/endorsements`` (spec/v1/identity-endorsements.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from picosec.identity.endorsements import Endorsements
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_ENDORSEMENT
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/endorsements"


class Endorsing:
    """What takes endorsements from anybody's hand.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock.
    """

    def __init__(self, endorsements: Endorsements, date: Callable[[float], float | None]) -> None:
        self._endorsements = endorsements
        self._date = date

    def resource(self) -> Resource:
        """Return what everybody hands endorsements to (IDN-2080)."""
        takes = (CONTENT_FORMAT_ENDORSEMENT,)
        return Resource({Code.POST: self._post}, Access.OPEN, takes, attributes={"rt": "ps.endorsements"})

    def _post(self, request: Request) -> Reply:
        self._endorsements.take(self._endorsements.judge(request.payload, self._date(request.now)))
        return Reply(Code.CHANGED)
