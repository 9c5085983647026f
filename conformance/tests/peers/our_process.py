"""The reference as a process of its own on UDP, built from its parts: the counterpart of ``aiocoap_process``.

python -m conformance.tests.peers.our_process serve [--oscore JSON]
python -m conformance.tests.peers.our_process ask METHOD PORT PATH [--oscore JSON] [--payload HEX]
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from picosec.crypto.vault import software_vault
from picosec.messaging.coap import Code, Message, Type, code_text, path_options, uint_bytes
from picosec.net import udp
from picosec.net.clock import SystemClock
from picosec.net.loop import run
from picosec.roles.agent import Agent
from picosec.roles.device import DEFAULT_POLICY, Device
from picosec.roles.events import Event, Response
from picosec.roles.keyring import ContextParameters, Keyring
from picosec.roles.resources import Site
from picosec.roles.storage import MemoryStorage

CONTENT_FORMAT = 12


def serve(context: ContextParameters | None) -> None:
    device = Device(os.urandom, _keyring(context))
    (transport,) = udp.listen("127.0.0.1", 0)
    print(transport.local_name.rpartition(":")[2], flush=True)
    run(device, [transport], SystemClock())


def ask(options: argparse.Namespace) -> None:
    agent = Agent(Site({}), os.urandom, _keyring(options.oscore))
    transport = udp.connect("127.0.0.1", options.port)
    clock = SystemClock()
    path = path_options(options.path)
    if options.payload:
        path = (*path, (CONTENT_FORMAT, uint_bytes(60)))
    message = Message(Type.CON, Code[options.method], 0, b"", path, options.payload)
    channel = next(iter(agent.channels), None)
    agent.request(message, (0, None), clock.now(), channel)
    happened: list[Event] = []
    run(agent, [transport], clock, lambda: bool(happened.extend(agent.events()) or happened))
    (event,) = happened
    assert isinstance(event, Response), event
    found = event.message
    answer = {"code": code_text(found.code), "payload": found.payload.hex(), "content_format": found.content_format}
    print(json.dumps({**answer, "protected": event.protected}))


def _keyring(context: ContextParameters | None) -> Keyring:
    keyring = Keyring(software_vault(os.urandom), DEFAULT_POLICY)
    keyring.add(contexts=[context] if context else [])
    return keyring


def _context(text: str) -> ContextParameters:
    members = {name: bytes.fromhex(value) for name, value in json.loads(text).items() if value is not None}
    return ContextParameters(storage=MemoryStorage(), **members)


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server, client = roles.add_parser("serve"), roles.add_parser("ask")
    client.add_argument("method")
    client.add_argument("port", type=int)
    client.add_argument("path")
    client.add_argument("--payload", type=bytes.fromhex, default=b"")
    for role in (server, client):
        role.add_argument("--oscore", type=_context)
    options = parser.parse_args()
    serve(options.oscore) if options.role == "serve" else ask(options)


if __name__ == "__main__":
    sys.exit(main())
