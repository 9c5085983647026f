"""aiocoap as a process of its own, to be talked to over a socket: ``python -m …peers.aiocoap_process``.

    … serve                          prints its port on 127.0.0.1, then serves until its standard input closes
    … ask METHOD URI [--payload HEX] prints the response as one JSON object, bytes in hexadecimal
    … observe URI --count N          prints the first response and N notifications, each as one JSON object

``ask`` takes ``--block N`` for blocks of 2^(N+4) bytes, and then proves no address. All take ``--oscore JSON`` for an
OSCORE context, with the members of ``OscoreContext``, or ``--edhoc JSON`` for a handshake before the first request,
with the members of ``EdhocParameters``; bytes are in hexadecimal. The server has ``/lamp`` (GET, PUT), over OSCORE
only, ``/open`` (GET), and ``/count`` (GET, observable), which counts by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from dataclasses import asdict, dataclass
from typing import Any, cast

import aiocoap
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.resource import ObservableResource, Resource, Site
from aiocoap.transports.oscore import OSCOREAddress

from picosec.messaging import cbor
from picosec_conformance.peers.aiocoap import OscoreContext, edhoc_credentials, security_context
from picosec_conformance.peers.lakers import Party

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


class Count(ObservableResource):  # type: ignore[misc]
    """Counts, and tells whoever observes it."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def step(self) -> None:
        """Count on, and again in a moment."""
        self._count += 1
        self.updated_state()
        asyncio.get_running_loop().call_later(0.1, self.step)

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return the count as CBOR."""
        return aiocoap.Message(code=aiocoap.CONTENT, payload=cbor.dumps(self._count), content_format=60)


class Open(Resource):  # type: ignore[misc]
    """Answers anybody."""

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        """Return a greeting."""
        return aiocoap.Message(code=aiocoap.CONTENT, payload=b"open", content_format=42)


@dataclass(frozen=True, slots=True)
class EdhocParameters:
    """One side's credential and private key, the other side's credential, and how to send message_3 (RFC 9668)."""

    credential: bytes
    private_key: bytes
    peer: bytes
    combined: bool = False


def oscore_json(context: OscoreContext) -> str:
    """Return a context in the form that ``--oscore`` takes."""
    return _to_json(asdict(context))


def edhoc_json(parameters: EdhocParameters) -> str:
    """Return parameters in the form that ``--edhoc`` takes."""
    return _to_json(asdict(parameters))


def _to_json(members: dict[str, Any]) -> str:
    return json.dumps({name: value.hex() if isinstance(value, bytes) else value for name, value in members.items()})


def main(arguments: list[str]) -> int:
    """Run one of the two roles."""
    parser = argparse.ArgumentParser(prog="aiocoap_process")
    roles = parser.add_subparsers(dest="role", required=True)
    serve = roles.add_parser("serve")
    ask = roles.add_parser("ask")
    ask.add_argument("method")
    ask.add_argument("uri")
    ask.add_argument("--payload", type=bytes.fromhex, default=b"")
    ask.add_argument("--block", type=int)
    observe = roles.add_parser("observe")
    observe.add_argument("uri")
    observe.add_argument("--count", type=int, default=1)
    for role in (serve, ask, observe):
        role.add_argument("--oscore", dest="credentials", type=_context)
        role.add_argument("--edhoc", dest="credentials", type=_handshake)
    options = parser.parse_args(arguments)
    match options.role:
        case "serve":
            asyncio.run(_serve(options.credentials))
        case "ask":
            asyncio.run(_ask(options))
        case _:
            asyncio.run(_observe(options))
    return 0


async def _ask(options: argparse.Namespace) -> None:
    client = await aiocoap.Context.create_client_context(transports=["oscore", "simple6"])
    if options.credentials is not None:
        client.client_credentials["*"] = options.credentials
    request = aiocoap.Message(code=getattr(aiocoap, options.method), uri=options.uri, payload=options.payload)
    if options.block is not None:
        request.opt.block2 = (0, False, options.block)
    response = await asyncio.wait_for(client.request(request).response, ANSWER_DEADLINE)
    if (
        options.block is None and response.code == aiocoap.UNAUTHORIZED and response.opt.echo is not None
    ):  # left to applications in the open
        again = request.copy(uri=options.uri)
        again.opt.echo = response.opt.echo
        response = await asyncio.wait_for(client.request(again).response, ANSWER_DEADLINE)
    _show(response)
    await client.shutdown()


async def _observe(options: argparse.Namespace) -> None:
    client = await aiocoap.Context.create_client_context(transports=["oscore", "simple6"])
    if options.credentials is not None:
        client.client_credentials["*"] = options.credentials
    asked = client.request(aiocoap.Message(code=aiocoap.GET, uri=options.uri, observe=0))
    _show(await asyncio.wait_for(asked.response, ANSWER_DEADLINE))
    news = aiter(asked.observation)
    for _ in range(options.count):
        _show(await asyncio.wait_for(anext(news), ANSWER_DEADLINE))
    asked.observation.cancel()
    await client.shutdown()


def _show(response: aiocoap.Message) -> None:
    payload, content_format = response.payload.hex(), response.opt.content_format
    print(json.dumps({"code": response.code.dotted, "payload": payload, "content_format": content_format}), flush=True)


async def _serve(held: Any | None) -> None:
    root = Site()
    root.add_resource(["lamp"], Lamp())
    root.add_resource(["open"], Open())
    count = Count()
    root.add_resource(["count"], count)
    count.step()
    address = ("127.0.0.1", _free_port())
    credentials = CredentialsMap()
    if held is not None:
        credentials[f"coap://{address[0]}:{address[1]}/*"] = held
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
    members: dict[str, Any] = json.loads(text)
    parameters = {name: None if value is None else bytes.fromhex(value) for name, value in members.items()}
    return security_context(OscoreContext(**cast("dict[str, Any]", parameters)))


def _handshake(text: str) -> Any:
    members = json.loads(text)
    me = Party(bytes.fromhex(members["credential"]), bytes.fromhex(members["private_key"]))
    return edhoc_credentials(me, bytes.fromhex(members["peer"]), combined=members["combined"])


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
