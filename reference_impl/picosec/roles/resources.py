"""What a role offers: a site maps paths to resources, and each resource says who may use it and how.

The one place where a request is judged against what is offered. Path, access, grant, method, content
format, accepted format are checked in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Final

from picosec.channel.channels import Channel
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.messaging import link_format
from picosec.messaging.coap import Code
from picosec.messaging.conditions import UNTAGGED, Conditions
from picosec.messaging.downloads import entity_tag
from picosec.messaging.link_format import Link
from picosec.registry import CONTENT_FORMAT_LINK_FORMAT, Problem

#: Where RFC 6690 puts the list of what a server offers.
WELL_KNOWN_CORE = "/.well-known/core"


class Access(Enum):
    """Who may use a resource."""

    OPEN = "anyone"
    PEER = "whoever asks over a channel, whatever was granted"
    CHANNEL = "whoever asks over a channel, within what was granted"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a handler sees it: unprotected already, and judged against its resource.

    ``channel`` is the one it came over, None without one. ``author`` names the key that signed the platform object it
    came in, None without one. ``grant`` is all that whoever asks may do, None where that was not limited. ``now`` is in
    seconds.
    """

    code: int
    path: str
    payload: bytes
    content_format: int | None
    accept: int | None
    channel: Channel | None
    peer: Hashable
    now: float
    conditions: Conditions = Conditions()  # noqa: RUF009 - frozen
    queries: tuple[str, ...] = ()
    author: bytes | None = None
    grant: Scope | None = None

    @property
    def protected(self) -> bool:
        """Whether it is known who asks, over a channel or by an object that is good for as much (OBJ-320), or what was
        granted to whom.
        """
        return self.channel is not None or self.author is not None or self.grant is not None

    @property
    def granted(self) -> bool:
        """Whether what was granted to whoever asks has the method on the resource (IDN-1600)."""
        return self.grant is None or self.grant.allows(self.path, self.code)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers: a response code, and a representation if there is one."""

    code: int
    payload: bytes = b""
    content_format: int | None = None
    #: Seconds until the reply is sent; the request is acknowledged at once.
    delay: float = 0.0
    #: Entity-tag of the representation, empty without one.
    etag: bytes = b""
    #: A request that came inside of the one that this answers, to be served after that: nobody is told its outcome.
    carried: Request | None = None


Handler = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource. Whoever forgets to say who may use it has said: only over a channel."""

    handlers: Mapping[int, Handler]
    access: Access = Access.CHANNEL
    #: Content formats that a payload may have, None for any; a request without the option has the first of them.
    takes: tuple[int, ...] | None = None
    #: Content formats that a representation can have; empty when it has none.
    gives: tuple[int, ...] = ()
    #: Link attributes (RFC 6690 section 3), such as ``rt``; None keeps the resource out of the list.
    attributes: Mapping[str, str] | None = field(default_factory=dict)
    #: Whether a request, whatever its method, may be served twice without harm.
    repeatable: bool = False
    #: Further attributes, asked for whenever the list is.
    further: Callable[[], Iterable[tuple[str, str | None]]] = tuple
    #: Whether whoever asks for it may be told its changes; a request that succeeds, other than GET, makes one.
    observable: bool = False
    #: Whether its representations have entity-tags: what a GET is answered is then all that it holds.
    tagged: bool = False

    @property
    def listed(self) -> bool:
        """Whether lists of resources name it."""
        return self.attributes is not None


#: A list of what lies below it; a site puts it together.
INDEX: Final = Resource({}, Access.OPEN, gives=(CONTENT_FORMAT_LINK_FORMAT,))


class Site:
    """A set of resources, plus the list of them at ``/.well-known/core``."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = {
            path: replace(INDEX, handlers={Code.GET: partial(self._list, f"{path}/")})
            if resource is INDEX
            else resource
            for path, resource in resources.items()
        }
        self._resources[WELL_KNOWN_CORE] = replace(
            INDEX, handlers={Code.GET: partial(self._list, "/")}, attributes=None
        )

    def answer(self, request: Request) -> Reply:
        """Return what the resource answers, if the conditions of the request hold.

        Raises as :meth:`admit` does, ``precondition_failed``, and whatever the resource itself raises.
        """
        handler = self.admit(request)
        resource = self._resources[request.path]
        if request.conditions:
            request.conditions.check(_current(resource, request))
        reply = handler(request)
        if not resource.tagged or (request.code, reply.code) != (Code.GET, Code.CONTENT):
            return reply
        tag = entity_tag(reply.content_format, reply.payload)
        return Reply(Code.VALID, etag=tag) if request.conditions.knows(tag) else replace(reply, etag=tag)

    def admit(self, request: Request) -> Handler:
        """Return what handles a request, which so far may lack its body.

        Raises ``ProtocolError`` with ``not_found``, ``unprotected``, ``forbidden``, ``method_not_allowed``,
        ``unsupported_format`` or ``not_acceptable``.
        """
        resource = self._resources.get(request.path)
        if resource is None:
            raise ProtocolError(Problem.NOT_FOUND, "MSG-560", request.path)
        if resource.access is not Access.OPEN and not request.protected:
            raise ProtocolError(Problem.UNPROTECTED, "CHN-800", request.path)
        if resource.access is Access.CHANNEL and not request.granted:
            raise ProtocolError(Problem.FORBIDDEN, "IDN-1600", request.path)
        handler = resource.handlers.get(request.code)
        if handler is None:
            raise ProtocolError(Problem.METHOD_NOT_ALLOWED, "MSG-570", request.path)
        if resource.takes is not None and request.content_format not in (None, *resource.takes):
            raise ProtocolError(Problem.UNSUPPORTED_FORMAT, "MSG-590", f"{request.path}: {request.content_format}")
        if request.accept is not None and resource.gives and request.accept not in resource.gives:
            raise ProtocolError(Problem.NOT_ACCEPTABLE, "MSG-580", f"{request.path}: {request.accept}")
        return handler

    def closed(self, path: str) -> bool:
        """Whether there is a resource at a path that is not open to everybody."""
        resource = self._resources.get(path)
        return resource is not None and resource.access is not Access.OPEN

    def repeatable(self, code: int, path: str) -> bool:
        """Whether a request may be served twice without harm."""
        resource = self._resources.get(path)
        return code in (Code.GET, Code.FETCH) or resource is None or resource.repeatable

    def observable(self, path: str) -> bool:
        """Whether the resource at a path may be observed."""
        resource = self._resources.get(path)
        return resource is not None and resource.observable

    def _list(self, below: str, request: Request) -> Reply:
        links = (_link(path, each) for path, each in self._resources.items() if path.startswith(below) and each.listed)
        found = link_format.matching(links, request.queries)
        return Reply(Code.CONTENT, link_format.encode(found), CONTENT_FORMAT_LINK_FORMAT)


def _current(resource: Resource, request: Request) -> bytes | None:
    """Return the entity-tag of what is there before the request is served, None if there is nothing."""
    if not resource.tagged:
        return UNTAGGED
    try:
        reply = resource.handlers[Code.GET](replace(request, code=int(Code.GET), payload=b""))
    except ProtocolError as error:
        if error.problem is not Problem.NOT_FOUND:
            raise
        return None
    return entity_tag(reply.content_format, reply.payload)


def _link(path: str, resource: Resource) -> Link:
    attributes: list[tuple[str, str | None]] = [*(resource.attributes or {}).items()]
    if resource.gives:
        attributes.append(("ct", " ".join(str(number) for number in resource.gives)))
    if resource.observable:
        attributes.append(("obs", None))
    return Link(path, (*attributes, *resource.further()))
