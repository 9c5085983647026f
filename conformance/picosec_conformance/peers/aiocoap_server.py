"""aiocoap as a target: ``python -m picosec_conformance.peers.aiocoap_server PORT [--edhoc]`` serves until SIGTERM.

It is aiocoap as it comes, with its default transports, its own files for OSCORE contexts, and its map of credentials.
The contexts are B and D of the OSCORE interoperability tests; they begin anew with each start. ``--edhoc`` adds the
Responder of RFC 9529 section 3, who knows the Initiator there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiocoap
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper

from picosec.messaging.cbor import loads
from picosec_conformance.peers.aiocoap_resources import site
from picosec_conformance.peers.known import INITIATOR, RESPONDER
from picosec_conformance.peers.lakers import Party

HOST = "127.0.0.1"
#: It waits for the disk before it answers. One that is busy must not be taken for a server that is silent.
_MEMORY = Path("/dev/shm")
_KCCS = 14
_KTY, _EC2, _CURVE, _P256, _D = 1, 2, -1, 1, -4

_COMMON = {
    "secret_hex": "0102030405060708090a0b0c0d0e0f10",
    "salt_hex": "9e7ca92223786340",
    "sender-id_hex": "01",
    "recipient-id_hex": "",
}
#: The server's contexts of the interoperability tests, as aiocoap's ``secret.json`` has them.
CONTEXTS = {"b": _COMMON, "d": {**_COMMON, "id-context_hex": "37cbf3210017a2d3"}}


def edhoc_entry(me: Party, peer: Party) -> dict[str, Any]:
    """Return what aiocoap's map of credentials says of a party of handshakes."""
    return {
        "suite": 2,
        "method": 3,
        "own_cred_style": "by-key-id",
        "own_cred": {_KCCS: loads(me.credential)},
        "peer_cred": {_KCCS: loads(peer.credential)},
        "private_key": {_KTY: _EC2, _CURVE: _P256, _D: me.private_key},
    }


def credentials(port: int, folder: Path, *, edhoc: bool) -> CredentialsMap:
    """Return aiocoap's map of credentials, loaded the way its own programs load it."""
    entries: dict[str, Any] = {}
    for name, content in CONTEXTS.items():
        (folder / name).mkdir()
        (folder / name / "secret.json").write_text(json.dumps(content))
        entries[f":{name}"] = {"oscore": {"basedir": str(folder / name)}}
    if edhoc:
        entries[f"coap://{HOST}:{port}/*"] = {"edhoc-oscore": edhoc_entry(RESPONDER, INITIATOR)}
    held = CredentialsMap()
    held.load_from_dict(entries)
    return held


async def serve(port: int, folder: Path, *, edhoc: bool) -> None:
    """Serve until the process is asked to end."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    held = credentials(port, folder, edhoc=edhoc)
    await aiocoap.Context.create_server_context(
        OscoreSiteWrapper(site(), held), bind=(HOST, port), server_credentials=held
    )
    await ended.wait()


def main(arguments: list[str]) -> int:
    """Serve."""
    parser = argparse.ArgumentParser(prog="aiocoap_server")
    parser.add_argument("port", type=int)
    parser.add_argument("--edhoc", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="aiocoap-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        asyncio.run(serve(options.port, Path(folder), edhoc=options.edhoc))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
