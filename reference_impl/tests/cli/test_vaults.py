"""Identities whose private key is sealed, or lies in a token, and the device that has them."""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from picosec.cli import device, main, private, rest, tables, vaults
from picosec.cli.files import add_own, fill, read_identity
from picosec.crypto.curves import Curve
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import InvalidTag, software_vault
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.roles.agent import Agent
from picosec.roles.app import App
from picosec.roles.events import Response
from picosec.roles.keyring import Keyring

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> SimpleNamespace:
    """Where a device and its peer keep things; nothing is made yet but the peer."""
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    assert main(["identity", str(tmp_path / "me.toml")]) == 0
    return SimpleNamespace(
        folder=tmp_path,
        lamp=tmp_path / "lamp.toml",
        me=tmp_path / "me.toml",
        vault=tmp_path / "vault" / "lamp.toml",
        channels=tmp_path / "card" / "lamp.channels",
    )


@pytest.fixture(params=["file", "token"])
def place(request: pytest.FixtureRequest, home: SimpleNamespace) -> str:
    """What --vault names."""
    return str(home.vault) if request.param == "file" else str(request.getfixturevalue("new_uri")())


def options(home: SimpleNamespace, *more: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    device.add_arguments(parser)
    line = ["--identity", home.lamp, "--trust", home.folder / "me.public.toml", *more]
    return parser.parse_args([str(part) for part in line])


def converse(app: Agent, lamp: Agent, now: float) -> None:
    """Carry datagrams both ways until nobody has anything to say."""
    while True:
        sent = [(lamp, data, "app") for _, data in app.transmit()]
        sent += [(app, data, "lamp") for _, data in lamp.transmit()]
        if not sent:
            return
        for party, data, peer in sent:
            party.receive(data, peer, now)


def ask(app: App, lamp: Agent, now: float) -> int:
    """Ask the lamp for its state over the channel there is; return the code of the answer."""
    (channel,) = app.channels
    handle = app.request(Message(Type.CON, Code.GET, 0, b"", path_options("/actuators/lamp")), "lamp", now, channel)
    converse(app, lamp, now)
    (answer,) = [event for event in app.events() if event.handle == handle]
    assert isinstance(answer, Response)
    return answer.message.code


def new_app(home: SimpleNamespace, opened: ExitStack) -> App:
    keyring = Keyring(software_vault(os.urandom))
    fill(keyring, opened, [home.me], [home.folder / "lamp.public.toml"], [])
    return App(os.urandom, keyring)


def values(path: Path) -> dict[str, str]:
    return dict(tomllib.loads(path.read_text())["identity"])


@pytest.mark.parametrize(
    "sort", [[], ["--usage", "signature"], ["--curve", "X25519"], ["--curve", "Ed25519", "--usage", "signature"]]
)
def test_a_private_key_does_not_lie_in_the_file(
    picosec: Run, home: SimpleNamespace, place: str, sort: Iterable[str]
) -> None:
    """A backup of the identity, or the card of a device that was thrown away, is of no use to its finder."""
    code, out, err = picosec("identity", str(home.lamp), "--vault", place, *sort)

    assert (code, err) == (0, "")
    assert out.count("\n") == 2
    held = values(home.lamp)
    assert "private_key" not in held
    assert ("vault_key" in held) == place.startswith("pkcs11:")
    assert ("sealed_key" in held) == (not place.startswith("pkcs11:"))
    assert values(home.folder / "lamp.public.toml").keys() == {"name", "kind", "usage", "kid", "credential"}
    with ExitStack() as opened:
        device._production(options(home, "--vault", place), opened)


@pytest.mark.parametrize("usage", ["static-dh", "signature"])
def test_a_device_is_who_it_was_after_every_start(picosec: Run, home: SimpleNamespace, place: str, usage: str) -> None:
    """Its key is in the vault: peers open channels with it in its first life, and in its second."""
    picosec("identity", str(home.lamp), "--vault", place, "--usage", usage)
    for _life in range(2):
        with ExitStack() as opened:
            lamp, clock = device._production(options(home, "--vault", place), opened)
            app = new_app(home, opened)
            app.open("lamp", clock.now(), 3 if usage == "static-dh" else 2)
            converse(app, lamp, clock.now())
            assert ask(app, lamp, clock.now()) == Code.CONTENT


def test_key_bytes_are_overwritten_after_use(
    picosec: Run, home: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A memory dump of the running device shows as little as Python lets us."""
    seen: list[bytearray] = []

    def recorded(module: object, name: str) -> None:
        function = getattr(module, name)

        def call(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            seen.append(result)
            return result

        monkeypatch.setattr(module, name, call)

    picosec("identity", str(home.lamp), "--vault", str(home.vault))
    recorded(tables, "read_secret")
    recorded(private.Keeper, "unsealed")
    recorded(vaults, "read_sealing_key")
    with ExitStack() as opened:
        device._production(options(home, "--vault", home.vault), opened)
        picosec("identity", str(home.folder / "plain.toml"), "--unsealed")
        own = read_identity(home.folder / "plain.toml", private=True)
        keyring = Keyring(software_vault(os.urandom))
        add_own(keyring, own, private.Keeper(keyring.vault))

    assert len(seen) >= 7
    assert [each for each in seen if any(each)] == []
    assert own.private == private.Private(bytearray(32))


def test_a_device_offers_only_suites_that_its_token_can_do(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that is told of a suite, and then of an internal error, never gets a channel."""
    from picosec.net import pkcs11_vault

    uri = new_uri()
    picosec("identity", str(home.lamp), "--vault", uri)
    kind, _needed = pkcs11_vault._MECHANISMS[Curve.X25519]
    monkeypatch.setitem(pkcs11_vault._MECHANISMS, Curve.X25519, (kind, {object()}))
    with ExitStack() as opened:
        lamp, _clock = device._production(options(home, "--vault", uri), opened)
        suites = lamp._keyring.config.policy.suites

    assert {SUITES[each].curve for each in suites} == {Curve.P256}


def test_a_channel_goes_on_when_the_device_is_started_again(picosec: Run, home: SimpleNamespace, place: str) -> None:
    """Key, seal and counters come from one vault; the handshake is not made again."""
    picosec("identity", str(home.lamp), "--vault", place)
    given = options(home, "--vault", place, "--channels", home.channels)
    with ExitStack() as stays:
        with ExitStack() as opened:
            lamp, clock = device._production(given, opened)
            app = new_app(home, stays)
            app.open("lamp", clock.now())
            converse(app, lamp, clock.now())
        with ExitStack() as opened:
            lamp, clock = device._production(given, opened)
            assert ask(app, lamp, clock.now() + 3600) == Code.CONTENT


def test_channels_with_who_is_no_longer_trusted_do_not_come_back(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str]
) -> None:
    """The guest has left, and the owner starts the device without that key; the token is still the same."""
    uri, sealed = new_uri(), b""
    for trusted, opens in (([home.me], True), ([], False), ([home.me], True)):
        with ExitStack() as opened:
            vault = rest.token_vault(uri, [], trusted, opened)
            sealed = sealed or vault.seal(b"a channel", b"label")
            with nullcontext() if opens else pytest.raises(InvalidTag):
                assert vault.unseal(sealed, b"label") == b"a channel"


def test_channels_that_do_not_open_are_one_line(
    picosec: Run, home: SimpleNamespace, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The card of another device, or a changed one: the device serves, and says why its channels are gone."""
    picosec("identity", str(home.lamp), "--vault", place)
    home.channels.write_bytes(bytes(100))
    capsys.readouterr()
    with ExitStack() as opened:
        device._production(options(home, "--vault", place, "--channels", home.channels), opened)

    said = capsys.readouterr().err
    assert said.startswith(f"picosec: {home.channels} does not open: ")
    assert said.count("\n") == 1


def test_a_sealed_key_opens_in_its_own_vault_and_for_its_own_credential(picosec: Run, home: SimpleNamespace) -> None:
    """Whoever swaps the sealed keys of two identities, or changes a bit, is found at the start."""
    other = home.folder / "other.toml"
    for path in (home.lamp, other):
        picosec("identity", str(path), "--vault", str(home.vault))
    sealed, foreign = values(home.lamp)["sealed_key"], values(other)["sealed_key"]
    text = home.lamp.read_text()
    line = ["device", "--identity", str(home.lamp), "--vault"]
    for changed in (foreign, f"{int(sealed[0], 16) ^ 1:x}{sealed[1:]}", sealed[:-2], ""):
        home.lamp.write_text(text.replace(sealed, changed))
        code, _out, err = picosec(*line, str(home.vault), "--channels", str(home.channels))
        assert (code, err.count("\n")) == (2, 1)
        assert "the key of 'lamp' does not open: another vault sealed it, or the file was changed" in err
    home.lamp.write_text(text)
    code, _out, err = picosec(*line, str(home.vault.with_name("other.toml")))
    assert (code, err.count("\n")) == (2, 1)
    assert "another vault sealed it" in err


def test_who_has_no_vault_is_told_that_it_takes_one(picosec: Run, home: SimpleNamespace, place: str) -> None:
    """The identity of the device is given to a command that has no vault."""
    picosec("identity", str(home.lamp), "--vault", place)
    peer = ["--peer", str(home.folder / "me.public.toml")]
    for line in (["get", "coap://localhost/x", *peer], ["device"]):
        code, _out, err = picosec(*line, "--identity", str(home.lamp))
        assert (code, err.count("\n")) == (2, 1)
        assert "the key of 'lamp'" in err
        assert "--vault" in err


def test_who_says_nothing_of_vaults_has_one_of_his_own(
    picosec: Run, home: SimpleNamespace, own_vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to ask for it: the key is sealed, and the device finds what opens it."""
    code, out, err = picosec("identity", str(home.lamp))
    assert (code, err, out.splitlines()[0]) == (0, "", f"{home.lamp}  the private key, sealed")
    assert "private_key" not in values(home.lamp)
    with ExitStack() as opened:
        device._production(options(home), opened)
        device._production(options(home, "--vault", home.vault, "--channels", home.channels), opened)
    monkeypatch.setenv("PICOSEC_VAULT", str(home.folder / "none.toml"))
    code, _out, err = picosec("device", "--identity", str(home.lamp))
    assert (code, err) == (2, "picosec: the key of 'lamp' is sealed: name the vault that opens it with --vault\n")
    assert not (home.folder / "none.toml").exists()


def test_the_vault_of_ones_own_is_made_where_programs_keep_things(
    picosec: Run, home: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command on a new machine; nobody else looks into the folder."""
    monkeypatch.delenv("PICOSEC_VAULT")
    monkeypatch.setenv("XDG_DATA_HOME", str(home.folder / "data"))
    assert picosec("identity", str(home.lamp))[0] == 0

    made = home.folder / "data" / "picosec" / "vault.toml"
    assert made.stat().st_mode & 0o077 == made.parent.stat().st_mode & 0o077 == 0


def test_whoever_asks_for_it_gets_the_key_as_it_is(picosec: Run, home: SimpleNamespace) -> None:
    """To be taken to another machine."""
    assert picosec("identity", str(home.lamp), "--unsealed")[0] == 0
    assert len(values(home.lamp)["private_key"]) == 64


def test_a_vault_that_somebody_else_could_have_put_there_is_refused(
    picosec: Run, home: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights, owner and kind of the file are judged for what seals as for what is sealed."""
    picosec("identity", str(home.lamp), "--vault", str(home.vault))
    line = ["device", "--identity", str(home.lamp), "--vault"]
    link = home.vault.with_name("link.toml")
    link.symlink_to(home.vault)
    dangling = home.vault.with_name("dangling.toml")
    dangling.symlink_to(home.vault.with_name("none.toml"))
    for path in (link, dangling):
        assert "is a symbolic link" in picosec(*line, str(path))[2]
    assert not home.vault.with_name("none.toml").exists()
    home.vault.chmod(0o604)
    assert "chmod 600" in picosec(*line, str(home.vault))[2]
    home.vault.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "belongs to another user" in picosec(*line, str(home.vault))[2]


def test_nothing_is_made_in_the_token_when_the_file_cannot_be_written(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str]
) -> None:
    """A key that no file names fills the token for good."""
    from pkcs11.constants import Attribute

    from picosec.net.pkcs11_uri import parse
    from picosec.net.pkcs11_vault import Pkcs11Vault

    uri = new_uri()
    for file in (home.me, home.folder / "none" / "lamp.toml"):
        assert picosec("identity", str(file), "--vault", uri)[0] == 2
    vault = Pkcs11Vault(parse(uri))
    try:
        wanted = {Attribute.LABEL: f"{parse(uri).name} key"}
        assert list(vault._Pkcs11Vault__session.get_objects(wanted)) == []  # type: ignore[attr-defined]
    finally:
        vault.close()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("token=lamp", "token=lantern"), "there is no token 'lantern'"),
        (("module-path=", "module-path=/none"), "there is no such PKCS#11 library"),
        (("pin-source=.*", "pin-value=1234"), "a PIN on the command line is seen by everybody"),
        (("token=lamp;", "token=lamp;colour=red;"), "'colour' names no vault"),
        (("pkcs11:token=lamp", "PKCS11:token=lamp"), "a vault in a token is named pkcs11:token="),
    ],
)
@pytest.mark.parametrize("command", ["device", "identity"])
def test_a_token_that_cannot_be_had_is_one_line(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str], command: str, change: tuple[str, str], text: str
) -> None:
    """No traceback of the binding, and no PIN."""
    line = [command] if command == "device" else [command, str(home.lamp)]
    code, out, err = picosec(*line, "--vault", re.sub(*change, new_uri()))

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err
    assert "1234" not in err
    assert not home.lamp.exists()


def test_a_wrong_pin_is_one_line(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment, where it is found when the URI names no file."""
    monkeypatch.setenv("PICOSEC_PIN", "9999")
    code, _out, err = picosec("device", "--vault", new_uri().partition("&")[0])

    assert (code, err.count("\n")) == (2, 1)
    assert "refuses this PIN" in err
    assert "9999" not in err


def test_a_missing_binding_is_one_line(picosec: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra was not installed."""
    for name in [each for each in sys.modules if each == "pkcs11" or each.startswith("picosec.net.pkcs11_")]:
        if name != "picosec.net.pkcs11_uri":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    code, _out, err = picosec("device", "--vault", "pkcs11:token=lamp")

    assert (code, err) == (2, "picosec: keys in a token need one more package: pip install 'picosec[pkcs11]'\n")


def test_a_device_process_serves_with_a_key_in_a_token(
    picosec: Run, home: SimpleNamespace, new_uri: Callable[[], str]
) -> None:
    """As a person does it: make the identity, start the device, ask it."""
    uri = new_uri()
    picosec("identity", str(home.lamp), "--vault", uri)
    line = [sys.executable, "-m", "picosec", "device", "--udp", "127.0.0.1:0", "--identity", str(home.lamp)]
    line += ["--trust", str(home.folder / "me.public.toml"), "--vault", uri]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        announced = re.search(r"coap://127\.0\.0\.1:\d+", process.stderr.readline())
        assert announced is not None
        given = ["--identity", str(home.me), "--peer", str(home.folder / "lamp.public.toml")]
        code, out, _err = picosec("get", f"{announced[0]}/sensors/temperature", *given)
        process.terminate()
        assert process.stderr.read() == ""

    assert code == 0
    assert "temperature" in out
