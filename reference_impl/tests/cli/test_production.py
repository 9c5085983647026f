"""A device for use with keys for objects, identities that outlive their keys, and a memory that outlives it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from picosec.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The files of a lamp and of its owner, in the folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    for line in (["identity", "lamp.toml"], ["identity", "me.toml"]):
        assert main(line) == 0
    for line in (["object", "key", "lamp.key.toml"], ["object", "key", "me.key.toml", "--curve", "Ed25519"]):
        assert main(line) == 0
    rest = ["--vault", "vault/lamp.toml", "--memory", "card/lamp.memory"]
    return SimpleNamespace(
        folder=tmp_path,
        channel=["--identity", "me.toml", "--peer", "lamp.public.toml"],
        rest=rest,
        objects=["--objects", "lamp.key.toml", "--objects", "me.key.public.toml", *rest],
    )


@contextmanager
def serving(*options: str, end: int = signal.SIGTERM, program: Sequence[str] = ("-m", "picosec")) -> Iterator[str]:
    """Run a device as a process of its own; yield its URL."""
    line = [sys.executable, *program, "device", "--udp", "127.0.0.1:0", *options]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            announced = process.stderr.readline()
            found = re.search(r"coap://127\.0\.0\.1:\d+", announced)
            assert found is not None, announced
            yield found[0]
            process.send_signal(end)
            process.wait(5)
        finally:
            process.kill()


def make(picosec: Run, name: str, value: str, *options: str) -> list[str]:
    """Make an object that sets the lamp; return how it is handed over."""
    code, out, err = picosec(
        "object", "make", name, value, "--path", "/actuators/lamp", "--as", "me.key.toml", *options
    )
    assert (code, err) == (0, "")
    hand_over = re.search(r"`picosec post URL/ps/objects (.*)`", out)
    assert hand_over is not None
    return hand_over[1].split()


@pytest.mark.parametrize("sort", [["--for", "lamp.key.public.toml"], ["--for", "lamp.key.public.toml", "--open"]])
def test_an_object_is_taken_once_whatever_becomes_of_the_device(
    picosec: Run, home: SimpleNamespace, sort: list[str]
) -> None:
    """Killed without a word, the device still knows what it took; the sender counts on in its own file."""
    trust = ["--identity", "lamp.toml", "--trust", "me.public.toml"]
    on = make(picosec, "on.cose", "true", *sort)
    with serving(*trust, *home.objects, end=signal.SIGKILL) as url:
        assert picosec("post", f"{url}/ps/objects", *on) == (0, "2.04 Changed\n", "")
        assert picosec("get", f"{url}/actuators/lamp", *home.channel)[1] == "true\n"
    with serving(*trust, *home.objects) as url:
        code, _out, err = picosec("post", f"{url}/ps/objects", *on)
        assert (code, "replayed" in err) == (1, True)
        assert picosec("get", f"{url}/actuators/lamp", *home.channel)[1] == "false\n"
        assert picosec("post", f"{url}/ps/objects", *make(picosec, "again.cose", "true", *sort))[0] == 0


def test_a_context_is_sealed_where_it_stays(picosec: Run, home: SimpleNamespace) -> None:
    """Both halves are made in one place; each is of no use to who copies it once it is sealed in its own."""
    assert picosec("context", "hall")[0] == 0
    assert picosec("seal", "hall.app.toml")[0] == 0
    assert picosec("seal", "hall.device.toml", "--vault", "vault/lamp.toml")[0] == 0
    for name in ("hall.app.toml", "hall.device.toml"):
        assert "master_secret" not in Path(name).read_text()
    code, _out, err = picosec("device", "--context", "hall.device.toml")
    assert (code, "the key of 'hall.device' does not open" in err) == (2, True)
    with serving("--context", "hall.device.toml", "--vault", "vault/lamp.toml") as url:
        given = ["--context", "hall.app.toml"]
        assert picosec("get", f"{url}/actuators/lamp", *given) == (0, "false\n", "")


#: A device whose power fails at its first call of a function.
DYING = """
import os, signal, sys
from {module} import {name}
{name}.{function} = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
from picosec.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("module", "name", "function", "taken"),
    [
        ("picosec.net.storage", "FileShelf", "write", False),
        ("pathlib", "Path", "replace", False),
        ("picosec.crypto.vault", "SoftwareVault", "counter", True),
        ("picosec.net.storage", "FileCounters", "__setitem__", True),
        ("picosec.roles.server", "Server", "_serve_carried", True),
    ],
)
def test_power_may_fail_at_any_moment(
    picosec: Run, home: SimpleNamespace, module: str, name: str, function: str, taken: bool
) -> None:
    """Killed before it was written, the object was never taken; afterwards it was, whether or not it was counted or
    acted on. Either way the next life begins without anybody's help.
    """
    on = make(picosec, "on.cose", "true", "--for", "lamp.key.public.toml")
    dying = DYING.format(module=module, name=name, function=function)
    with serving(*home.objects, program=["-c", dying]) as url:
        assert picosec("post", f"{url}/ps/objects", *on, "--timeout", "0.5")[0] != 0
    with serving(*home.objects) as url:
        code, _out, err = picosec("post", f"{url}/ps/objects", *on)
        assert (code, "replayed" in err) == ((1, True) if taken else (0, False))
    with serving(*home.objects) as url:
        assert picosec("post", f"{url}/ps/objects", *on)[0] == 1


def test_a_group_shares_a_key(picosec: Run, home: SimpleNamespace) -> None:
    """Made on one machine, carried to the other, sealed there: one object for all lamps."""
    assert picosec("object", "group", "home.group.toml", "--unsealed")[0] == 0
    on = make(picosec, "on.cose", "true", "--group", "home.group.toml")
    assert picosec("seal", "home.group.toml", "--vault", "vault/lamp.toml")[0] == 0
    assert "private_key" not in Path("home.group.toml").read_text()
    with serving("--objects", "home.group.toml", "--objects", "me.key.public.toml", *home.rest) as url:
        assert picosec("post", f"{url}/ps/objects", *on) == (0, "2.04 Changed\n", "")


def test_identities_that_outlive_their_keys_open_channels(picosec: Run, home: SimpleNamespace) -> None:
    """The owner's key is replaced, the device follows, and in its next life the old key is nobody's."""
    for name, kind in (("you", "user"), ("lamp-id", "device")):
        assert picosec("id", "new", f"{name}.toml", "--kind", kind)[0] == 0
    Path("old.toml").write_bytes(Path("you.toml").read_bytes())
    Path("old.toml").chmod(0o600)
    Path("first.history").write_bytes(Path("you.history").read_bytes())
    device = ["--id", "lamp-id.toml", "--trust-id", "first.history", *home.rest]
    peer = ["--peer", "lamp-id.history"]
    with serving(*device) as url:
        reading = f"{url}/sensors/temperature"
        assert picosec("get", reading, "--identity", "you.toml", *peer)[0] == 0
        assert picosec("id", "rotate", "you.toml")[0] == 0
        assert picosec("post", f"{url}/ps/identity", "--file", "you.history", "--format", "65005")[0] == 0
        assert picosec("get", reading, "--identity", "you.toml", *peer)[0] == 0
    with serving(*device) as url:
        reading = f"{url}/sensors/temperature"
        assert picosec("get", reading, "--identity", "old.toml", *peer)[0] == 1
        assert picosec("get", reading, "--identity", "you.toml", *peer)[0] == 0


def test_keys_for_objects_lie_in_a_token(picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str]) -> None:
    """The device's own opens what is sealed for it, and its memory is sealed and counted in there as well."""
    uri = str(new_uri())
    assert picosec("object", "key", "safe.key.toml", "--reads", "--vault", uri)[0] == 0
    assert "vault_key" in Path("safe.key.toml").read_text()
    given = ["--objects", "safe.key.toml", "--objects", "me.key.public.toml", "--vault", uri, "--memory", "card/safe"]
    on = make(picosec, "on.cose", "true", "--for", "safe.key.public.toml")
    for code in (0, 1):
        with serving(*given) as url:
            assert picosec("post", f"{url}/ps/objects", *on)[0] == code


def test_an_older_memory_is_one_line(picosec: Run, home: SimpleNamespace) -> None:
    """Whoever put back the card of yesterday, or a backup: nothing is served."""
    on = make(picosec, "on.cose", "true", "--for", "lamp.key.public.toml")
    with serving(*home.objects) as url:
        picosec("post", f"{url}/ps/objects", *on)
    Path("card/lamp.memory").unlink()

    code, out, err = picosec("device", *home.objects)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "card/lamp.memory is not what this device stored last, it is gone" in err


def test_a_key_that_lies_there_for_everybody_is_said(picosec: Run, home: SimpleNamespace) -> None:
    """The device serves, and its owner learns what to do about it; `picosec seal` does it."""
    assert picosec("identity", "plain.toml", "--unsealed")[0] == 0
    line = ["device", "--identity", "plain.toml", "--trust", "me.public.toml", "--serial", "/dev/null"]
    advice = "picosec: plain.toml holds its private key as it is: `picosec seal plain.toml`\n"

    assert picosec(*line)[2].startswith(advice)
    assert picosec("seal", "plain.toml") == (0, "plain.toml  the private key, sealed\n", "")
    assert not picosec(*line)[2].startswith(advice)


@pytest.mark.parametrize("made", ["identity", "id new", "object key", "object group", "cred new"])
def test_what_was_sealed_later_is_as_good(picosec: Run, home: SimpleNamespace, made: str) -> None:
    """A key that was brought from elsewhere opens for the same commands as one that was sealed from the beginning."""
    assert picosec(*made.split(), "x.toml", "--unsealed")[0] == 0
    assert picosec("seal", "x.toml")[0] == 0

    assert "sealed_key" in Path("x.toml").read_text()
    assert "private_key" not in Path("x.toml").read_text()
    assert os.stat("x.toml").st_mode & 0o077 == 0
    if made == "cred new":
        assert picosec("cred", "list", "x.toml")[0] == 0
        return
    option = {"identity": "--identity", "id": "--id", "object": "--objects"}[made.split()[0]]
    _code, _out, err = picosec("device", option, "x.toml", *home.rest, "--serial", "/dev/null")
    assert "this is not a serial line" in err  # which comes after the keys


MISTAKES = {
    "objects-without-memory": (["device", "--objects", "lamp.key.toml"], "add --memory"),
    "status-without-memory": (["device", "--status-issuer", "x.toml"], "--status-issuer takes"),
    "histories-without-memory": (["device", "--trust-id", "x.history"], "--trust-id takes"),
    "memory-without-vault": (["device", "--memory", "card/m"], "by --vault and --memory"),
    "memory-beside-vault": (["device", "--memory", "vault/m", "--vault", "vault/lamp.toml"], "folders of their own"),
    "no-such-key": (["device", "--objects", "none.toml", "--memory", "card/m", "--vault", "vault/v"], "no such file"),
    "no-object-key": (
        ["device", "--objects", "me.public.toml", "--memory", "card/m", "--vault", "vault/v"],
        "me.public.toml has no table [object-key]: is it the right file?",
    ),
    "no-status-issuer": (
        ["device", "--status-issuer", "me.public.toml", "--memory", "card/m", "--vault", "vault/v"],
        "me.public.toml has no table [status-issuer]: is it the right file?",
    ),
    "test-build": (["device", "--test-interface", "--objects", "lamp.key.toml"], "leave out --objects"),
    "there-already": (["object", "key", "lamp.key.toml"], "is there already"),
    "nothing-to-make": (["object", "make", "on.cose"], "make takes --as"),
    "public-signs": (
        [*["object", "make", "on.cose", "--path", "/x", "--as", "me.key.public.toml", "--for", "lamp.key.public.toml"]],
        "not its public half",
    ),
    "unsealable": (
        [*["object", "make", "on.cose", "--path", "/x", "--as", "lamp.key.toml", "--for", "me.key.public.toml"]],
        "nothing can be sealed to a key on ED25519",
    ),
    "nothing-to-seal": (["seal", "lamp.toml"], "it is sealed already"),
    "not-ours": (["seal", "vault.toml"], "vault.toml holds no key of picosec"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_changes_nothing(picosec: Run, home: SimpleNamespace, mistake: str) -> None:
    """What is wrong, where, and how to mend it."""
    Path("vault.toml").write_text("[vault]\n")
    line, text = MISTAKES[mistake]
    before = {path: path.read_bytes() for path in home.folder.iterdir() if path.is_file()}

    code, out, err = picosec(*line)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err
    assert {path: path.read_bytes() for path in home.folder.iterdir() if path.is_file()} == before


def test_a_key_that_was_swapped_does_not_open(picosec: Run, home: SimpleNamespace) -> None:
    """Somebody makes the platform key of a device one for applications, so that its applications sign with it."""
    path = Path("lamp.key.toml")
    path.write_text(path.read_text().replace("platform", "application"))

    code, _out, err = picosec("device", *home.objects)

    assert (code, err.count("\n")) == (2, 1)
    assert "the key of 'lamp.key' does not open" in err
