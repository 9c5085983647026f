"""Channels that outlive `picosec device`: the files of its vault and of its channels."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from picosec.channel.store import LABEL
from picosec.cli import device, main, rest
from picosec.cli.files import fill
from picosec.cli.mistakes import Mistake
from picosec.crypto.vault import InvalidTag, Vault, software_vault
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.roles.agent import Agent
from picosec.roles.app import App
from picosec.roles.events import Response
from picosec.roles.keyring import Keyring

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    """A device's identity and two peers', and where it may keep things."""
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    for name in ("lamp", "me", "guest"):
        assert main(["identity", str(tmp_path / f"{name}.toml")]) == 0
    return SimpleNamespace(
        own=[tmp_path / "lamp.toml"],
        app=tmp_path / "me.toml",
        lamp=tmp_path / "lamp.public.toml",
        me=tmp_path / "me.public.toml",
        guest=tmp_path / "guest.public.toml",
        vault=tmp_path / "vault" / "lamp.toml",
        channels=tmp_path / "card" / "lamp.channels",
    )


@pytest.fixture
def life() -> Iterator[Callable[..., Vault]]:
    """Begin a life of the device, with a vault; the one before ends."""
    with ExitStack() as opened:

        def begin(files: SimpleNamespace, *trusted: Path) -> Vault:
            opened.close()
            return rest.lasting_vault(files.vault, files.own, trusted, opened)

        yield begin


def test_a_vault_opens_what_it_sealed_in_an_earlier_life(files: SimpleNamespace, life: Callable[..., Vault]) -> None:
    """The device was switched off; the order of its peers on the command line says nothing."""
    first = life(files, files.me, files.guest)
    sealed = first.seal(b"a channel", LABEL)
    assert first.counter("channels") == 0
    second = life(files, files.guest, files.me)

    assert second.unseal(sealed, LABEL) == b"a channel"
    assert second.counter("channels") == 1


def test_channels_with_who_is_no_longer_trusted_do_not_come_back(
    files: SimpleNamespace, life: Callable[..., Vault]
) -> None:
    """The guest has left, and the owner starts the device without that key."""
    sealed = life(files, files.me, files.guest).seal(b"a channel", LABEL)

    with pytest.raises(InvalidTag):
        life(files, files.me).unseal(sealed, LABEL)


def test_the_vault_is_its_owners_alone(files: SimpleNamespace, life: Callable[..., Vault]) -> None:
    """Whoever reads it opens every channel that ever was on the card."""
    life(files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.vault.parent.iterdir())

    files.vault.chmod(0o640)
    with pytest.raises(Mistake, match="chmod 600"):
        life(files)


def test_two_devices_do_not_share_a_vault(files: SimpleNamespace, life: Callable[..., Vault]) -> None:
    """Each would take the other's channels for old ones."""
    life(files)
    with ExitStack() as opened, pytest.raises(Mistake, match="in use by another"):
        rest.lasting_vault(files.vault, files.own, (), opened)


def test_channels_lie_apart_from_the_vault(files: SimpleNamespace) -> None:
    """A copy of one folder would bring back closed channels and repeat nonces."""
    with pytest.raises(Mistake, match="folders of their own"):
        rest.shelf(files.vault.with_name("lamp.channels"), files.vault)
    with pytest.raises(Mistake, match="no such folder"):
        rest.shelf(files.vault.parent / "missing" / "lamp.channels", files.vault)
    rest.shelf(files.channels, files.vault).write(b"state")

    assert files.channels.read_bytes() == b"state"


def converse(app: Agent, lamp: Agent, now: float) -> None:
    """Carry datagrams both ways until nobody has anything to say."""
    while True:
        sent = [(lamp, data, "app") for _, data in app.transmit()]
        sent += [(app, data, "lamp") for _, data in lamp.transmit()]
        if not sent:
            return
        for party, data, peer in sent:
            party.receive(data, peer, now)


@pytest.mark.parametrize("hours", [1, 100])
def test_a_channel_goes_on_when_the_device_is_started_again(files: SimpleNamespace, hours: int) -> None:
    """A lamp is switched off at the wall for an hour, or four days, and its owner's app need not notice."""
    parser = argparse.ArgumentParser()
    device.add_arguments(parser)
    line = ["--identity", *files.own, "--trust", files.me, "--vault", files.vault, "--channels", files.channels]
    options = parser.parse_args([str(part) for part in line])
    keyring = Keyring(software_vault(os.urandom))
    with ExitStack() as opened:
        fill(keyring, opened, [files.app], [files.lamp], [])
        app = App(os.urandom, keyring)
        lamp, clock = device._production(options, opened)
        app.open("lamp", clock.now())
        converse(app, lamp, clock.now())
        (channel,) = app.channels
    with ExitStack() as opened:
        lamp, clock = device._production(options, opened)
        now = clock.now() + 3600 * hours
        lamp.tick(now)
        question = Message(Type.CON, Code.GET, 0, b"", path_options("/actuators/lamp"))
        handle = app.request(question, "lamp", clock.now(), channel)
        converse(app, lamp, now)

    (answer,) = [event for event in app.events() if event.handle == handle]
    assert isinstance(answer, Response)
    assert answer.message.code == Code.CONTENT


@pytest.mark.parametrize("options", [["--vault", "x"], ["--channels", "x"]])
def test_one_without_the_other_is_a_mistake(picosec: Run, options: list[str]) -> None:
    """Somebody believes that channels are kept."""
    code, _out, err = picosec("device", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert "give both" in err

    code, _out, err = picosec("device", "--test-interface", *options)
    assert code == 2
    assert "leave out --vault" in err
