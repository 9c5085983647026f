"""`picosec get`, `put` and `post` against a device that runs as another process."""

import os
import pty
import subprocess
import sys
import threading

import pytest
from key_sorts import IMPOSSIBLE, SORTS

from picosec.crypto.vault import software_vault
from picosec.messaging import slipmux
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.net.clock import SystemClock
from picosec.net.loop import run
from picosec.net.stream import StreamTransport
from picosec.roles.device import Device
from picosec.roles.keyring import Keyring


def test_a_reading_over_a_channel_is_a_line_of_a_table(home, picosec):
    """A person wants degrees, not CBOR."""
    assert picosec("get", f"{home.url}/sensors/temperature", *home.identity()) == (0, "temperature  21.5  Cel\n", "")


@pytest.mark.parametrize("peer", SORTS)
@pytest.mark.parametrize("own", SORTS)
def test_keys_of_every_sort_open_channels(own, peer, home, picosec):
    """Method and suite follow from the two keys; a person does not have to know them."""
    code, out, err = picosec("get", f"{home.url}/sensors/temperature", *home.identity(own, peer))

    if {own, peer} in IMPOSSIBLE:
        assert code == 2
        assert "no cipher suite has both keys" in err
    else:
        assert (code, out, err) == (0, "temperature  21.5  Cel\n", "")


@pytest.mark.parametrize("place", ["file", "token"])
def test_a_key_in_a_vault_opens_channels(place, home, picosec, tmp_path, request):
    """A person's key is as much worth as a device's: `--vault` names what has it."""
    vault = str(tmp_path / "vault.toml") if place == "file" else request.getfixturevalue("new_uri")()
    assert picosec("identity", str(tmp_path / "you.toml"), "--vault", vault)[0] == 0
    given = ["--identity", str(tmp_path / "you.toml"), *home.identity()[2:]]
    url = f"{home.url}/sensors/temperature"

    code, _out, err = picosec("get", url, *given, "--vault", vault)
    assert (code, "unknown_credential" in err) == (1, True)  # opened, used, and not known to the device
    code, _out, err = picosec("get", url, *given)
    assert (code, "the key of 'you'" in err) == (2, True)


@pytest.mark.parametrize("protection", ["identity", "context"])
@pytest.mark.parametrize("link", ["tcp", "websocket"])
def test_a_channel_runs_over_connections_too(link, protection, home, picosec):
    """A network that lets nothing but TCP through changes the URL and nothing else."""
    url = f"{getattr(home, link)}/sensors/temperature"

    assert picosec("get", url, *getattr(home, protection)()) == (0, "temperature  21.5  Cel\n", "")


@pytest.mark.parametrize("link", ["tcp", "websocket"])
def test_a_refusal_over_a_connection_is_a_sentence(link, home, picosec):
    """The same words on every transport."""
    code, _out, err = picosec("get", f"{getattr(home, link)}/sensors/temperature")

    assert code == 1
    assert "4.01 Unauthorized" in err


def test_a_server_that_speaks_no_websocket_is_told_from_a_silent_one(home, picosec):
    """A person took the wrong port."""
    code, _out, err = picosec("get", home.tcp.replace("tcp", "ws") + "/ps/info")

    assert code == 2
    assert "no WebSocket for CoAP can be opened there" in err
    assert err.count("\n") == 1


def test_a_connection_that_ends_is_told_from_silence(picosec):
    """A person took the port of something else, which hangs up."""
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as other:
        hanging_up = threading.Thread(target=lambda: other.accept()[0].close())
        hanging_up.start()
        code, _out, err = picosec("get", f"coap+tcp://127.0.0.1:{other.getsockname()[1]}/ps/info")
        hanging_up.join()

    assert (code, err) == (3, "picosec: the device ended the connection: does it speak CoAP there?\n")


@pytest.mark.parametrize("scheme", ["coap+tcp", "coap+ws"])
def test_a_closed_tcp_port_is_said_at_once(scheme, picosec):
    """The device is not running."""
    code, _out, err = picosec("get", f"{scheme}://127.0.0.1:9/ps/info")

    assert code == 2
    assert f"nobody listens at {scheme}://127.0.0.1:9" in err


def test_a_lamp_is_set_and_read(home, picosec):
    """Two commands, two channels, one lamp."""
    assert picosec("put", f"{home.url}/actuators/lamp", "true", *home.identity()) == (0, "2.04 Changed\n", "")
    assert picosec("get", f"{home.url}/actuators/lamp", *home.identity()) == (0, "true\n", "")


def test_a_context_serves_many_commands(home, picosec):
    """Each command is a process of its own; the numbers in the file beside the context go on."""
    for value in ("true", "false", "true"):
        assert picosec("put", f"{home.url}/actuators/lamp", value, *home.context())[0] == 0
    assert picosec("get", f"{home.url}/actuators/lamp", *home.context()) == (0, "true\n", "")


def test_what_a_device_offers_is_one_link_on_each_line(home, picosec):
    """The first thing that a newcomer asks."""
    code, out, _err = picosec("get", f"{home.url}/.well-known/core")

    assert code == 0
    assert '</sensors/temperature>;rt="temperature sensor";if="core.s";ct=112' in out.splitlines()


def test_a_refusal_is_a_sentence(home, picosec):
    """4.01 tells a person nothing."""
    code, out, err = picosec("get", f"{home.url}/sensors/temperature")

    assert (code, out) == (1, "")
    assert err == (
        "picosec: the device refused with 4.01 Unauthorized: the resource is only served over a channel (unprotected)\n"
    )


def test_a_friend_is_told_the_detail(home, picosec):
    """Over the channel the device says what it wanted."""
    code, _out, err = picosec("put", f"{home.url}/actuators/lamp", "1", *home.context())

    assert code == 1
    assert "a lamp is set to true or false" in err


def test_a_stranger_is_told_what_to_do(home, picosec):
    """The device was never told of this key."""
    stranger = ["--identity", str(home.folder / "stranger.toml"), *home.identity()[2:]]

    code, _out, err = picosec("get", f"{home.url}/sensors/temperature", *stranger)

    assert code == 1
    assert err.count("\n") == 1
    assert "--trust" in err or "--peer" in err


def test_the_wrong_device_gets_no_request(home, picosec):
    """The name in the command says lamp, the credential says somebody else."""
    wrong = [*home.identity()[:2], "--peer", str(home.folder / "stranger.public.toml")]

    code, _out, err = picosec("put", f"{home.url}/actuators/lamp", "true", *wrong)

    assert code == 1
    assert "no channel could be opened" in err


def test_every_datagram_can_be_seen(home, picosec):
    """Somebody who debugs pastes them into `picosec decode`."""
    code, _out, err = picosec("get", f"{home.url}/sensors/temperature", "--verbose", *home.identity())

    assert code == 0
    assert "channel with 'lamp': EDHOC method 3, suite 2\n" in err
    assert err.count("sent ") == err.count("received ") == 3


def test_other_values_than_json_are_sent_as_they_are(home, picosec):
    """Text, bytes and files have their own formats, which the lamp does not take."""
    file = home.folder / "value.bin"
    file.write_bytes(b"\xf5")
    for given in (["--text", "on"], ["--hex", "f5"], ["--file", str(file)]):
        code, _out, err = picosec("put", f"{home.url}/actuators/lamp", *given, *home.context())
        assert code == 1
        assert "unsupported_format" in err
    given = ["--file", str(file), "--format", "60"]
    assert picosec("put", f"{home.url}/actuators/lamp", *given, *home.context())[0] == 0


def test_nobody_there_is_said_at_once(picosec):
    """The port is closed: no need to wait."""
    code, _out, err = picosec("get", "coap://127.0.0.1:9/ps/info")

    assert code == 2
    assert "nobody listens at coap://127.0.0.1:9" in err


def test_silence_is_said_after_a_while(picosec):
    """A device that is off behind a network that drops: patience has an end, and a code of its own."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"coap://127.0.0.1:{silent.getsockname()[1]}/ps/info"
        code, out, err = picosec("get", url, "--timeout", "0.05")

    assert (code, out) == (3, "")
    assert err == "picosec: no answer within 0.05 s: is the device on, and the address right?\n"


@pytest.fixture
def line():
    """A serial line with a device at its far end."""
    far, near = pty.openpty()
    name = os.ttyname(near)
    device = Device(os.urandom, Keyring(software_vault(os.urandom)))
    transport = StreamTransport("far end", far, far)
    served = threading.Thread(target=run, args=(device, [transport], SystemClock()))
    served.start()
    yield name
    os.close(near)
    served.join(5)
    os.close(far)


def test_a_serial_line_serves_as_well(line, picosec):
    """A device without a network."""
    code, out, _err = picosec("get", "/ps/info", "--serial", line)

    assert code == 0
    assert '"role": "device"' in out


def test_a_device_serves_a_serial_line():
    """The device's own end of the line: a process that opens the tty by its name."""
    far, near = pty.openpty()
    command = [sys.executable, "-m", "picosec", "device", "--serial", os.ttyname(near)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as device:
        assert device.stderr is not None
        assert os.ttyname(near) in device.stderr.readline()
        os.close(near)
        request = Message(Type.CON, Code.GET, 1, b"t", path_options("/ps/info"))
        os.write(far, slipmux.encode(request.encode()))
        decoder, frames = slipmux.Decoder(), []
        while not frames:
            frames = decoder.feed(os.read(far, 4096))
        assert Message.decode(frames[0]).code == Code.CONTENT
        os.close(far)
        assert device.wait(5) == 0


@pytest.mark.parametrize("protection", [False, True], ids=["open", "channel"])
@pytest.mark.parametrize("size", [16, 64, 1024])
def test_what_comes_in_blocks_is_shown_whole(size, protection, home, picosec):
    """A person asks for the description of a device, not for its first sixteen bytes."""
    identity = home.identity() if protection else []
    _code, whole, _err = picosec("get", f"{home.url}/ps/info", *identity)

    assert picosec("get", f"{home.url}/ps/info", *identity, "--block-size", str(size)) == (0, whole, "")


def test_a_block_size_that_does_not_exist_is_named(home, picosec, capsys):
    """Nobody has to know the powers of two by heart."""
    with pytest.raises(SystemExit, match="2"):
        picosec("get", f"{home.url}/ps/info", "--block-size", "100")

    assert "16, 32, 64, 128, 256, 512, 1024" in capsys.readouterr().err
