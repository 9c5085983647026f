"""aiocoap as a client under test: ``python -m picosec_conformance.peers.aiocoap_client URI [--oscore | --edhoc]``.

It asks once, and waits for the answer. The context is A of the OSCORE interoperability tests, kept by aiocoap in its
own files from call to call, so that sequence numbers go on; ``--edhoc`` begins as the Initiator of RFC 9529 section 3.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiocoap

from picosec_conformance.peers.aiocoap_server import edhoc_entry
from picosec_conformance.peers.known import INITIATOR, RESPONDER

#: Longer than CoAP goes on trying.
DEADLINE = 120.0

#: The client's side of the first context, as aiocoap's ``secret.json`` has it.
CONTEXT = {
    "secret_hex": "0102030405060708090a0b0c0d0e0f10",
    "salt_hex": "9e7ca92223786340",
    "sender-id_hex": "",
    "recipient-id_hex": "01",
}


def context_folder() -> Path:
    """Return the folder in which aiocoap keeps the context, made with the first call."""
    folder = Path(tempfile.gettempdir()) / f"aiocoap-client-of-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not (folder / "secret.json").is_file():
        (folder / "secret.json").write_text(json.dumps(CONTEXT))
    return folder


async def ask(options: argparse.Namespace) -> None:
    """Ask once."""
    client = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    where = urlsplit(options.uri)
    entries: dict[str, Any] = {}
    if options.oscore:
        entries[f"coap://{where.netloc}/*"] = {"oscore": {"basedir": str(context_folder())}}
    if options.edhoc:
        entries[f"coap://{where.netloc}/*"] = {
            "edhoc-oscore": {**edhoc_entry(INITIATOR, RESPONDER), "use_combined_edhoc": False}
        }
    client.client_credentials.load_from_dict(entries)
    request = aiocoap.Message(code=aiocoap.GET, uri=options.uri)
    response = await asyncio.wait_for(client.request(request).response, DEADLINE)
    print(response.code, response.payload.hex(), flush=True)
    await client.shutdown()


def main(arguments: list[str]) -> int:
    """Ask once and say what came."""
    parser = argparse.ArgumentParser(prog="aiocoap_client")
    parser.add_argument("uri")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--oscore", action="store_true")
    how.add_argument("--edhoc", action="store_true")
    asyncio.run(ask(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
