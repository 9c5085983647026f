"""What aiocoap serves as a target: the resources of the OSCORE interoperability tests, and one for each other role.

Those under ``/oscore`` are served over OSCORE only, apart from ``/oscore/hello/coap``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiocoap
from aiocoap.resource import ObservableResource, Resource, Site, WKCResource, hashing_etag
from aiocoap.transports.oscore import OSCOREAddress

_HELLO = b"Hello World!"
_SLOWNESS = 0.5


class Protected(Resource):  # type: ignore[misc]
    """Answers 4.01 to whoever does not come over OSCORE."""

    async def render(self, request: aiocoap.Message) -> aiocoap.Message:
        """Answer, or refuse."""
        if not isinstance(request.remote, OSCOREAddress):
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED)
        return await super().render(request)


class Hello(Resource):  # type: ignore[misc]
    """Says the greeting of the interoperability tests, with the options that it is given."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the greeting."""
        return aiocoap.Message(payload=_HELLO, content_format=0, **self._options)


class ProtectedHello(Protected, Hello):
    """The same, over OSCORE."""


class Posted(Protected):
    """Returns what was posted (``/oscore/hello/6``)."""

    async def render_post(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the value."""
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload, content_format=0)


class Conditional(Protected):
    """Is there, with the ETag 0x7b (``/oscore/hello/7``)."""

    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        """Change nothing: what counts is whether the conditions hold."""
        if request.opt.if_none_match or (request.opt.if_match and b"\x7b" not in request.opt.if_match):
            return aiocoap.Message(code=aiocoap.PRECONDITION_FAILED)
        return aiocoap.Message(code=aiocoap.CHANGED)


class Deletable(Protected):
    """Can be deleted again and again (``/oscore/test``)."""

    async def render_delete(self, request: aiocoap.Message) -> aiocoap.Message:
        """Say that it is gone."""
        return aiocoap.Message(code=aiocoap.DELETED)


class Store(ObservableResource):  # type: ignore[misc]
    """Keeps what was last put there, and tells those who observe it."""

    def __init__(self) -> None:
        super().__init__()
        self._value = b"nothing yet"

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the value, under an ETag of its own."""
        response = aiocoap.Message(payload=self._value, content_format=0)
        hashing_etag(request, response)
        return response

    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        """Change the value."""
        self._value = request.payload
        self.updated_state()
        return aiocoap.Message(code=aiocoap.CHANGED)


class ProtectedStore(Protected, Store):
    """The same, over OSCORE."""


class Slow(Resource):  # type: ignore[misc]
    """Takes longer than aiocoap waits before it acknowledges a request."""

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the greeting, late."""
        await asyncio.sleep(_SLOWNESS)
        return aiocoap.Message(payload=_HELLO, content_format=0)


class Large(Store):
    """Does not fit into one message, and turns round what is posted."""

    def __init__(self) -> None:
        super().__init__()
        self._value = b"0123456789abcdef" * 200

    async def render_post(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return what was posted, the last byte first."""
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload[::-1])


def site() -> Site:
    """Return all resources."""
    root = Site()
    root.add_resource([".well-known", "core"], WKCResource(root.get_resources_as_linkheader))
    resources: dict[str, Resource] = {
        "oscore/hello/coap": Hello(),
        "oscore/hello/1": ProtectedHello(),
        "oscore/hello/2": ProtectedHello(etag=b"\x2b"),
        "oscore/hello/3": ProtectedHello(max_age=5),
        "oscore/hello/6": Posted(),
        "oscore/hello/7": Conditional(),
        "oscore/test": Deletable(),
        "oscore/store": ProtectedStore(),
        "store": Store(),
        "slow": Slow(),
        "large": Large(),
    }
    for path, resource in resources.items():
        root.add_resource(path.split("/"), resource)
    return root
