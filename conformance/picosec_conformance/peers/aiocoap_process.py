"""aiocoap as a process of its own, to be talked to over a socket: ``python -m …peers.aiocoap_process``.

    … serve [--oscore JSON]          prints its port on 127.0.0.1, then serves until its standard input closes
    … ask METHOD URI [--oscore JSON] [--payload HEX]
                                     prints the response as one JSON object, bytes in hexadecimal

``JSON`` has the members of :class:`~picosec_conformance.peers.aiocoap.OscoreContext`, bytes in hexadecimal. The server
has ``/lamp`` (GET, PUT), over OSCORE only, and ``/open`` (GET).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from typing import Any

import aiocoap
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.resource import Resource, Site
from aiocoap.transports.oscore import OSCOREAddress

from picosec_conformance.peers.aiocoap import OscoreContext, security_context

ANSWER_DEADLINE = 10.0


class Lamp(Resource):  # type: ignore[misc]
    """Keeps what was last put there."""

    def __init__(self) -> None:
        super().__init__()
        self._state = b"\xf4"

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the state."""
        if not _authenticated(request):
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED)
        return aiocoap.Message(code=aiocoap.CONTENT, payload=self._state, content_format=60)

    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        """Change the state."""
        if not _authenticated(request):
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED)
        self._state = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


class Open(Resource):  # type: ignore[misc]
    """Answers anybody."""

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return a greeting."""
        return aiocoap.Message(code=aiocoap.CONTENT, payload=b"open", content_format=42)


def oscore_json(context: OscoreContext) -> str:
    """Return a context in the form that ``--oscore`` takes."""
    members = {name: getattr(context, name) for name in OscoreContext.__slots__}
    return json.dumps({name: value.hex() for name, value in members.items() if value is not None})


def main(arguments: list[str]) -> int:
    """Run one of the two roles."""
    parser = argparse.ArgumentParser(prog="aiocoap_process")
    roles = parser.add_subparsers(dest="role", required=True)
    serve = roles.add_parser("serve")
    ask = roles.add_parser("ask")
    ask.add_argument("method")
    ask.add_argument("uri")
    ask.add_argument("--payload", type=bytes.fromhex, default=b"")
    for role in (serve, ask):
        role.add_argument("--oscore", type=_context)
    options = parser.parse_args(arguments)
    asyncio.run(_serve(options.oscore) if options.role == "serve" else _ask(options))
    return 0


async def _ask(options: argparse.Namespace) -> None:
    client = await aiocoap.Context.create_client_context(transports=["oscore", "simple6"])
    if options.oscore is not None:
        client.client_credentials["*"] = options.oscore
    request = aiocoap.Message(code=getattr(aiocoap, options.method), uri=options.uri, payload=options.payload)
    response = await asyncio.wait_for(client.request(request).response, ANSWER_DEADLINE)
    payload, content_format = response.payload.hex(), response.opt.content_format
    print(json.dumps({"code": response.code.dotted, "payload": payload, "content_format": content_format}), flush=True)
    await client.shutdown()


async def _serve(oscore: Any | None) -> None:
    root = Site()
    root.add_resource(["lamp"], Lamp())
    root.add_resource(["open"], Open())
    credentials = CredentialsMap()
    if oscore is not None:
        credentials[":context"] = oscore
    address = ("127.0.0.1", _free_port())
    server = await aiocoap.Context.create_server_context(
        OscoreSiteWrapper(root, credentials),
        bind=address,
        server_credentials=credentials,
        transports=["simplesocketserver"],
    )
    print(address[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.shutdown()


def _context(text: str) -> Any:
    members = json.loads(text)
    return security_context(OscoreContext(**{name: bytes.fromhex(value) for name, value in members.items()}))


def _authenticated(request: aiocoap.Message) -> bool:
    """Whether the request came over OSCORE."""
    return isinstance(request.remote, OSCOREAddress)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
