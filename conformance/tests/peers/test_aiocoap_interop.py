"""The reference's commands against aiocoap, which others wrote: separate processes that talk UDP on the loopback."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiocoap.oscore", reason="the extra 'bench' is not installed")
pytest.importorskip("lakers", reason="the extra 'bench' is not installed")

from picosec.messaging import cbor
from picosec_conformance.bench import oscore
from picosec_conformance.peers.aiocoap import OscoreContext
from picosec_conformance.peers.aiocoap_process import EdhocParameters, edhoc_json, oscore_json

from .parties import INITIATOR, RESPONDER, Party

AIOCOAP = [sys.executable, "-m", "picosec_conformance.peers.aiocoap_process"]
PICOSEC = [sys.executable, "-c", "import sys; from picosec_conformance.cli import main; sys.exit(main())"]
DEADLINE = 30.0
SENSOR = "/sensors/temperature"

#: One context as the client sees it; the server has it mirrored.
CONTEXT = OscoreContext(bytes(range(16)), b"saltsalt", b"\x0c", b"\x05")
WITH_ID_CONTEXT = OscoreContext(bytes(range(16)), b"", b"", b"\x01", b"\x37\xcb\xf3\x21")
OTHER_KEYS = OscoreContext(bytes(16), b"saltsalt", b"\x0c", b"\x05")
CONTEXTS = pytest.mark.parametrize("context", [CONTEXT, WITH_ID_CONTEXT], ids=["plain", "with an ID context"])


@contextmanager
def started(command: list[str], *arguments: str) -> Iterator[str]:
    """Start a server and give its URL, which ends the first line that says one; what it has to remark comes before."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, *arguments], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        try:
            ports = (re.search(r"(\d+)$", line) for line in server.stdout)
            port = next((found for found in ports if found is not None), None)
            assert port is not None
            yield f"coap://127.0.0.1:{port[1]}"
        finally:
            server.kill()


def device(*arguments: str) -> Any:
    """Start our device."""
    return started(PICOSEC, "device", "--udp", "127.0.0.1:0", *arguments)


def run(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=DEADLINE)


def aiocoap_get(url: str, *arguments: str) -> dict[str, Any]:
    """Have aiocoap ask, and give what it says of the answer."""
    done = run(AIOCOAP, "ask", "GET", url, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def context_file(folder: Path, context: OscoreContext) -> str:
    """Write a context as our commands read it."""
    members = {name: getattr(context, name) for name in OscoreContext.__slots__}
    lines = [f'{name} = "{value.hex()}"' for name, value in members.items() if value is not None]
    path = folder / "context.toml"
    path.write_text("\n".join(["[oscore]", *lines, ""]))
    path.chmod(0o600)
    return str(path)


def identity_files(folder: Path, name: str, party: Party, kid: bytes) -> tuple[str, str]:
    """Write an identity and its public half as our commands read them."""
    public = {"name": name, "kind": "kid", "usage": "static-dh", "kid": kid.hex(), "credential": party.credential.hex()}
    paths = folder / f"{name}.toml", folder / f"{name}.public.toml"
    for path, members in zip(paths, ({**public, "private_key": party.private_key.hex()}, public), strict=True):
        path.write_text("\n".join(["[identity]", *(f'{key} = "{value}"' for key, value in members.items()), ""]))
        path.chmod(0o600)
    return str(paths[0]), str(paths[1])


def edhoc(me: Party, peer: Party, *, combined: bool = False) -> tuple[str, str]:
    """Have aiocoap be ``me`` in a handshake."""
    return "--edhoc", edhoc_json(EdhocParameters(me.credential, me.private_key, peer.credential, combined))


# -- plain CoAP ------------------------------------------------------------------------------------------------------


def test_aiocoap_reads_what_our_device_is() -> None:
    with device() as url:
        answer = aiocoap_get(url + "/ps/info")
    assert (answer["code"], answer["content_format"]) == ("2.05", 60)
    assert cbor.loads(bytes.fromhex(answer["payload"]))["role"] == "device"


@pytest.mark.parametrize("exponent", [0, 1])
def test_aiocoap_reads_in_small_blocks_what_is_large(exponent: int) -> None:
    """In the open, from an address that nobody has proven: each block is within the limit."""
    with device() as url:
        answer = aiocoap_get(url + "/.well-known/core", "--block", str(exponent))
        whole = aiocoap_get(url + "/.well-known/core")
    assert (answer["code"], answer["payload"]) == ("2.05", whole["payload"])
    assert len(bytes.fromhex(answer["payload"])) > 64


def test_our_client_reads_aiocoap() -> None:
    with started(AIOCOAP, "serve") as url:
        open_resource, lamp = run(PICOSEC, "get", url + "/open"), run(PICOSEC, "get", url + "/lamp")
    assert (open_resource.returncode, open_resource.stdout) == (0, b"open".hex() + "\n")
    assert lamp.returncode == 1


def test_aiocoap_without_a_channel_is_turned_away(tmp_path: Path) -> None:
    """Somebody asks our device for what only a channel may carry: 4.01, with problem details, and no reading."""
    with device("--context", context_file(tmp_path, CONTEXT.mirrored)) as url:
        refusal = aiocoap_get(url + SENSOR)
    assert (refusal["code"], refusal["content_format"]) == ("4.01", 257)


# -- OSCORE with a given context -------------------------------------------------------------------------------------


def test_both_protect_to_the_same_bytes() -> None:
    """Same context, same sequence number, same message: the two libraries send the same datagrams."""
    assert oscore.reference()() == oscore.aiocoap()()


@CONTEXTS
def test_aiocoap_reads_our_sensor_over_oscore(tmp_path: Path, context: OscoreContext) -> None:
    with device("--context", context_file(tmp_path, context.mirrored)) as url:
        reading = aiocoap_get(url + SENSOR, "--oscore", oscore_json(context))
    assert (reading["code"], reading["content_format"]) == ("2.05", 112)


@CONTEXTS
def test_our_client_drives_aiocoap_over_oscore(tmp_path: Path, context: OscoreContext) -> None:
    ours = ("--context", context_file(tmp_path, context))
    with started(AIOCOAP, "serve", "--oscore", oscore_json(context.mirrored)) as url:
        before = run(PICOSEC, "get", url + "/lamp", *ours)
        change = run(PICOSEC, "put", url + "/lamp", "true", *ours)
        after = run(PICOSEC, "get", url + "/lamp", *ours)
    assert (before.stdout, change.returncode, after.stdout) == ("false\n", 0, "true\n")


def test_sequence_number_of_aiocoap_serves_once(tmp_path: Path) -> None:
    """A client that forgot its sequence number starts from 0 again, as a replay would: our device refuses."""
    with device("--context", context_file(tmp_path, CONTEXT.mirrored)) as url:
        assert aiocoap_get(url + SENSOR, "--oscore", oscore_json(CONTEXT))["code"] == "2.05"
        again = run(AIOCOAP, "ask", "GET", url + SENSOR, "--oscore", oscore_json(CONTEXT))
    assert again.returncode != 0
    assert not again.stdout


@pytest.mark.parametrize("side", ["device", "client"])
def test_other_keys_under_the_same_identifiers_are_refused(tmp_path: Path, side: str) -> None:
    """An intruder knows the identifiers but not the keys: it gets no answer that verifies."""
    if side == "device":
        with device("--context", context_file(tmp_path, CONTEXT.mirrored)) as url:
            refused = run(AIOCOAP, "ask", "GET", url + SENSOR, "--oscore", oscore_json(OTHER_KEYS))
    else:
        with started(AIOCOAP, "serve", "--oscore", oscore_json(CONTEXT.mirrored)) as url:
            refused = run(PICOSEC, "get", url + "/lamp", "--context", context_file(tmp_path, OTHER_KEYS))
    assert refused.returncode != 0
    assert not refused.stdout


# -- Observe, in the clear and over OSCORE ---------------------------------------------------------------------------


def heed_interrupts() -> None:
    """What is started in the background by a shell inherits that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("protected", [False, True], ids=["clear", "oscore"])
def test_our_client_observes_aiocoap(tmp_path: Path, protected: bool) -> None:
    """What they notify, we take for news, in the order in which it was sent."""
    theirs = ("--oscore", oscore_json(CONTEXT.mirrored)) if protected else ()
    ours = ("--context", context_file(tmp_path, CONTEXT)) if protected else ()
    with started(AIOCOAP, "serve", *theirs) as url:
        command = [*PICOSEC, "get", url + "/count", "--observe", *ours]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, preexec_fn=heed_interrupts, **pipes) as watching:
            assert watching.stdout is not None
            seen = [int(watching.stdout.readline()) for _ in range(5)]
            watching.send_signal(signal.SIGINT)
            _out, err = watching.communicate(timeout=DEADLINE)
    assert seen == sorted(set(seen))
    assert (watching.returncode, err) == (0, "")


def test_aiocoap_observes_our_lamp_over_oscore(tmp_path: Path) -> None:
    """What we notify, they verify; another client switches the lamp meanwhile."""
    folders = [tmp_path / name for name in ("theirs", "ours", "client")]
    for folder in folders:
        folder.mkdir()
    theirs, ours = context_file(folders[0], CONTEXT.mirrored), context_file(folders[1], WITH_ID_CONTEXT.mirrored)
    setter = ("--context", context_file(folders[2], WITH_ID_CONTEXT))
    with device("--context", theirs, "--context", ours) as url:
        lamp = url + "/actuators/lamp"
        command = [*AIOCOAP, "observe", lamp, "--count", "2", "--oscore", oscore_json(CONTEXT)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            seen = [json.loads(watching.stdout.readline())]
            for value in ("true", "false"):
                assert run(PICOSEC, "put", lamp, value, *setter).returncode == 0
                seen.append(json.loads(watching.stdout.readline()))
            watching.communicate(timeout=DEADLINE)
    assert [(told["code"], told["payload"]) for told in seen] == [("2.05", "f4"), ("2.05", "f5"), ("2.05", "f4")]


# -- EDHOC over CoAP, then OSCORE ------------------------------------------------------------------------------------


def test_our_client_opens_a_channel_with_aiocoap(tmp_path: Path) -> None:
    """aiocoap runs lakers beneath: two implementations that others wrote, at once."""
    mine, _ = identity_files(tmp_path, "me", INITIATOR, b"\x2b")
    _, peer = identity_files(tmp_path, "lamp", RESPONDER, b"\x32")
    with started(AIOCOAP, "serve", *edhoc(RESPONDER, INITIATOR)) as url:
        done = run(PICOSEC, "get", url + "/lamp", "--identity", mine, "--peer", peer)
    assert (done.returncode, done.stdout) == (0, "false\n"), done.stderr


def test_aiocoap_opens_a_channel_with_our_device(tmp_path: Path) -> None:
    mine, _ = identity_files(tmp_path, "lamp", RESPONDER, b"\x32")
    _, trusted = identity_files(tmp_path, "me", INITIATOR, b"\x2b")
    with device("--identity", mine, "--trust", trusted, "--message-4") as url:
        reading = aiocoap_get(url + SENSOR, *edhoc(INITIATOR, RESPONDER))
    assert (reading["code"], reading["content_format"]) == ("2.05", 112)


def test_aiocoap_that_nobody_trusts_opens_no_channel(tmp_path: Path) -> None:
    """A stranger has a key of his own and our device's credential: message_3 names a credential we do not know."""
    mine, trusted = identity_files(tmp_path, "lamp", RESPONDER, b"\x32")
    with device("--identity", mine, "--trust", trusted, "--message-4") as url:
        done = run(AIOCOAP, "ask", "GET", url + SENSOR, *edhoc(INITIATOR, RESPONDER))
    assert done.returncode != 0
    assert not done.stdout


@pytest.mark.parametrize("size", [[], ["--block-size", "64"]], ids=["1024", "64"])
def test_aiocoap_takes_and_serves_our_blocks(tmp_path: Path, size: list[str]) -> None:
    """Inside OSCORE, both ways: what we cut they join, and what they cut we join."""
    body = bytes(range(250)) * 12
    file = tmp_path / "body"
    file.write_bytes(body)
    mirrored = OscoreContext(CONTEXT.master_secret, CONTEXT.master_salt, CONTEXT.recipient_id, CONTEXT.sender_id)
    with started(AIOCOAP, "serve", "--oscore", oscore_json(mirrored)) as url:
        context = ["--context", context_file(tmp_path, CONTEXT), *size]
        put = run(PICOSEC, "put", f"{url}/lamp", "--file", str(file), *context)
        assert (put.returncode, put.stderr) == (0, "")
        got = run(PICOSEC, "get", f"{url}/lamp", *context)
    assert body.hex() in got.stdout


def test_we_take_and_serve_blocks_of_aiocoap() -> None:
    """A body goes in blocks, and a body goes and comes in blocks. (GET alone would first ask who is there, by an Echo
    option in the open, which this client does not know.)
    """
    body = bytes(range(250)) * 12
    with device("--test-interface") as url:
        for method, answer in (("PUT", b""), ("POST", body[::-1])):
            done = run(AIOCOAP, "ask", method, f"{url}/ps/test/large", "--payload", body.hex())
            assert done.returncode == 0, done.stderr
            assert bytes.fromhex(json.loads(done.stdout)["payload"]) == answer
