"""Resources of a test build that are there to be asked: few bytes and many, and an answer that takes its time."""

from __future__ import annotations

from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_OCTET_STREAM, Problem
from picosec.roles.resources import Access, Handler, Reply, Request, Resource

#: Seconds until the slow resource answers.
SLOW: Final = 1.0
#: Bytes of the large resource after a reset.
LARGE: Final = 3000


class Store:
    """Keeps bytes for anyone and counts how often they were changed."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.changes = 0

    def resource(self) -> Resource:
        """Return it as an unprotected resource."""
        handlers: dict[int, Handler] = {Code.GET: self._get, Code.PUT: self._put, Code.DELETE: self._delete}
        return Resource(handlers, Access.OPEN, attributes=None, observable=True, tagged=True)

    def _get(self, request: Request) -> Reply:
        if self.content is None:
            raise ProtocolError(Problem.NOT_FOUND, "CNF-430", "the store is empty")
        return Reply(Code.CONTENT, self.content, CONTENT_FORMAT_OCTET_STREAM)

    def _put(self, request: Request) -> Reply:
        self.content = request.payload
        self.changes += 1
        return Reply(Code.CHANGED)

    def _delete(self, request: Request) -> Reply:
        self.content = None
        self.changes += 1
        return Reply(Code.DELETED)


class Large:
    """Something larger than a block. It can be read, replaced, and asked to turn a body around."""

    def __init__(self) -> None:
        self.content = bytes(position * 7 % 251 for position in range(LARGE))
        self.changes = 0

    def resource(self) -> Resource:
        """Return it as an unprotected resource."""
        handlers: dict[int, Handler] = {Code.GET: self._get, Code.PUT: self._put, Code.POST: self._post}
        return Resource(handlers, Access.OPEN, attributes=None, observable=True, tagged=True)

    def _get(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, self.content, CONTENT_FORMAT_OCTET_STREAM)

    def _put(self, request: Request) -> Reply:
        self.content = request.payload
        self.changes += 1
        return Reply(Code.CHANGED)

    def _post(self, request: Request) -> Reply:
        self.changes += 1
        return Reply(Code.CHANGED, request.payload[::-1], CONTENT_FORMAT_OCTET_STREAM)


def slow() -> Resource:
    """Return a resource that acknowledges at once and answers later."""
    return Resource({Code.GET: _late}, Access.OPEN, attributes=None)


def _late(request: Request) -> Reply:
    return Reply(Code.CONTENT, b"slow", CONTENT_FORMAT_OCTET_STREAM, delay=SLOW)
