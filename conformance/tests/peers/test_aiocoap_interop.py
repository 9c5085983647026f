"""The reference against aiocoap, which others wrote: two processes on the loopback, plain and over OSCORE."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiocoap.oscore", reason="the extra 'bench' is not installed")

from picosec.messaging import cbor
from picosec_conformance.bench import oscore
from picosec_conformance.peers.aiocoap import OscoreContext
from picosec_conformance.peers.aiocoap_process import oscore_json

THEIRS = [sys.executable, "-m", "picosec_conformance.peers.aiocoap_process"]
OURS = [sys.executable, str(Path(__file__).with_name("our_process.py"))]
DEADLINE = 30.0

#: One context as the client sees it; the server has it mirrored.
CONTEXT = OscoreContext(bytes(range(16)), b"saltsalt", b"\x0c", b"\x05", None)
WITH_ID_CONTEXT = OscoreContext(bytes(range(16)), b"", b"", b"\x01", b"\x37\xcb\xf3\x21")
OTHER_KEYS = OscoreContext(bytes(16), b"saltsalt", b"\x0c", b"\x05", None)
CONTEXTS = pytest.mark.parametrize("context", [CONTEXT, WITH_ID_CONTEXT], ids=["plain", "with an ID context"])


@contextmanager
def serving(command: list[str], context: OscoreContext | None = None) -> Iterator[str]:
    """Start a server with the client's ``context`` mirrored, and give its port."""
    arguments = ["serve", *(["--oscore", oscore_json(context.mirrored)] if context else [])]
    with subprocess.Popen(command + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def run(command: list[str], *arguments: str, context: OscoreContext | None = None) -> subprocess.CompletedProcess[str]:
    """Have a client ask one question."""
    further = ["--oscore", oscore_json(context)] if context else []
    command = [*command, "ask", *arguments, *further]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


def ask(command: list[str], *arguments: str, context: OscoreContext | None = None) -> dict[str, Any]:
    """Have a client ask one question, and give what it says of the answer."""
    done = run(command, *arguments, context=context)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def url(port: str, path: str) -> str:
    return f"coap://127.0.0.1:{port}{path}"


def test_aiocoap_reads_what_our_device_is() -> None:
    with serving(OURS) as port:
        answer = ask(THEIRS, "GET", url(port, "/ps/info"))
    assert (answer["code"], answer["content_format"]) == ("2.05", 60)
    assert cbor.loads(bytes.fromhex(answer["payload"]))["role"] == "device"


@CONTEXTS
def test_aiocoap_drives_our_device_over_oscore(context: OscoreContext) -> None:
    with serving(OURS, context) as port:
        reading = ask(THEIRS, "GET", url(port, "/sensors/temperature"), context=context)
    assert (reading["code"], reading["content_format"]) == ("2.05", 112)


def test_aiocoap_without_a_channel_is_turned_away() -> None:
    """Somebody asks our device for what only a channel may carry: 4.01, with problem details, and no reading."""
    with serving(OURS, CONTEXT) as port:
        refusal = ask(THEIRS, "GET", url(port, "/sensors/temperature"))
    assert (refusal["code"], refusal["content_format"]) == ("4.01", 257)


@CONTEXTS
def test_our_client_drives_aiocoap_over_oscore(context: OscoreContext) -> None:
    with serving(THEIRS, context) as port:
        answer = ask(OURS, "GET", port, "/lamp", context=context)
    assert answer == {"code": "2.05", "payload": "f4", "content_format": 60, "protected": True}


def test_our_client_changes_what_aiocoap_keeps() -> None:
    with serving(THEIRS, CONTEXT) as port:
        assert ask(OURS, "PUT", port, "/lamp", "--payload", "f5", context=CONTEXT)["code"] == "2.04"


@pytest.mark.parametrize(("server", "client"), [(OURS, THEIRS), (THEIRS, OURS)], ids=["aiocoap asks", "we ask"])
def test_sequence_number_serves_once(server: list[str], client: list[str]) -> None:
    """A client that forgot its sequence number starts from 0 again, as a replay would: no answer that it can trust."""
    path = "/sensors/temperature" if server is OURS else "/lamp"
    with serving(server, CONTEXT) as port:
        target = [url(port, path)] if client is THEIRS else [port, path]
        assert ask(client, "GET", *target, context=CONTEXT)["code"] == "2.05"
        again = run(client, "GET", *target, context=CONTEXT)
    assert again.returncode != 0
    assert not again.stdout


def test_our_client_reads_aiocoap_without_a_channel() -> None:
    with serving(THEIRS) as port:
        assert ask(OURS, "GET", port, "/open")["payload"] == b"open".hex()
        assert ask(OURS, "GET", port, "/lamp")["code"] == "4.01"


@pytest.mark.parametrize(("server", "client"), [(OURS, THEIRS), (THEIRS, OURS)], ids=["aiocoap asks", "we ask"])
def test_other_keys_under_the_same_identifiers_are_refused(server: list[str], client: list[str]) -> None:
    """An intruder knows the identifiers but not the keys: it gets no answer that verifies."""
    path = "/sensors/temperature" if server is OURS else "/lamp"
    with serving(server, CONTEXT) as port:
        target = [url(port, path)] if client is THEIRS else [port, path]
        refused = run(client, "GET", *target, context=OTHER_KEYS)
    assert refused.returncode != 0
    assert not refused.stdout


def test_both_protect_to_the_same_bytes() -> None:
    """Same context, same sequence number, same message: the two libraries send the same datagrams."""
    assert oscore.reference()() == oscore.aiocoap()()
