"""What a person who errs is told: one line that says what and how to mend it, and exit code 2."""

import os
import stat

import pytest

from picosec.cli import COMMANDS, main
from picosec.cli.device import _address

IDENTITY = '[identity]\nname = "x"\nkind = "kid"\nusage = "static-dh"\nkid = "01"\ncredential = "{credential}"\n'


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["get", "http://localhost/x"], "is no URL of the form coap://"),
        (["get", "coaps://localhost/x"], "OSCORE over coap://"),
        (["get", "coap:///x"], "names no host"),
        (["get", "coap://localhost:99999/x"], "port out of range"),
        (["get", "coap://me@localhost/x"], "neither a user nor a fragment"),
        (["get", "coap://localhost/" + 300 * "x"], "more than 255 bytes"),
        (["get", "coap://no such host/x"], "no address is known for 'no such host'"),
        (["get", "coap://localhost/x", "--accept", "70000"], "a number from 0 to 65535"),
        (["get", "coap://localhost/x", "--serial", "/dev/null"], "with --serial give the path alone"),
        (["get", "/x", "--serial", "/dev/null"], "not a serial line"),
        (["get", "/x", "--serial", "/dev/ttyNONE"], "there is no such device"),
        (["get", "coap://localhost/x", "--identity", "me.toml"], "--peer is missing"),
        (["get", "coap://localhost/x", "--peer", "lamp.toml"], "--identity is missing"),
        (["get", "coap://localhost/x", "--context", "a", "--peer", "b"], "--context needs no handshake"),
        (["get", "coap://localhost/x", "--context", "none.toml"], "none.toml: there is no such file"),
        (["put", "coap://localhost/x", "on"], "'on' is not JSON"),
        (["put", "coap://localhost/x", "NaN"], "'NaN' is not JSON"),
        (["put", "coap://localhost/x", "99999999999999999999"], "too large"),
        (["put", "coap://localhost/x", "--hex", "xy"], "--hex takes hexadecimal digits"),
        (["put", "coap://localhost/x", "--file", "none.bin"], "none.bin: No such file"),
        (["put", "coap://localhost/x", "true", "--text", "on"], "give one value"),
        (["device", "--udp", "a:b:c"], "--udp takes HOST, HOST:PORT, :PORT or [IPV6]:PORT, not 'a:b:c'"),
        (["device", "--udp", "localhost:70000"], "--udp takes"),
        (["device", "--udp", "203.0.113.7"], "is not an address of this machine"),
        (["device", "--serial", "/dev/null"], "not a serial line"),
        (["device", "--context", "none.toml"], "there is no such file"),
        (["device", "--test-interface", "--context", "c.toml"], "through the Test Interface"),
        (["identity", "no/such/folder/x.toml"], "no/such/folder: there is no such folder"),
        (["identity", "x.toml", "--vault", "v.toml", "--unsealed"], "give one of them"),
        (["identity", "x.toml", "--kid", "xy"], "--kid takes hexadecimal digits"),
        (["identity", "x.toml", "--curve", "X25519", "--usage", "signature"], "add `--usage static-dh`"),
        (["identity", "x.toml", "--curve", "Ed25519"], "add `--usage signature`"),
    ],
)
def test_a_mistake_on_the_line_is_one_line(line, text, picosec, tmp_path, monkeypatch):
    """No traceback, no page of usage, nothing done."""
    monkeypatch.chdir(tmp_path)

    code, out, err = picosec(*line)

    assert (code, out) == (2, "")
    assert text in err
    assert err.startswith("picosec: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("not toml", "is not TOML"),
        ("[other]\n", "has no table [identity]"),
        (IDENTITY.format(credential="xy"), "credential must be hexadecimal digits"),
        (IDENTITY.format(credential="a0"), "the credential cannot be used"),
        (IDENTITY.format(credential="a0").replace('"kid"\nu', '"psk"\nu'), "kind must be one of kid, x5t"),
        (IDENTITY.format(credential="a0").replace("static-dh", "both"), "usage must be one of static-dh, signature"),
        (IDENTITY.format(credential="a0").replace('name = "x"', "name = 1"), "name must be a text"),
        ("\xff", "is not TOML"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(content, text, picosec, home):
    """A file that somebody edited."""
    path = home.folder / "broken.toml"
    path.write_text(content)

    given = [*home.identity()[:2], "--peer", str(path)]
    code, _out, err = picosec("get", f"{home.url}/x", *given)

    assert code == 2
    assert err.startswith(f"picosec: {path}")
    assert text in err
    assert err.count("\n") == 1


def test_the_public_half_is_no_identity(picosec, home):
    """The two files are easily confused."""
    given = ["--identity", home.file("lamp-P-256-static-dh.public.toml"), *home.identity()[2:]]

    code, _out, err = picosec("get", f"{home.url}/x", *given)

    assert code == 2
    assert "has no private_key" in err


def test_ones_own_identity_is_no_peer(picosec, home):
    """Nobody talks to oneself."""
    given = [*home.identity()[:2], "--peer", home.file("me-P-256-static-dh.public.toml")]

    assert "are the same credential" in picosec("get", f"{home.url}/x", *given)[2]


def test_keys_on_different_curves_are_found_before_anything_is_sent(picosec, home, tmp_path):
    """The device could only say that it has no such suite."""
    other = tmp_path / "other.toml"
    picosec("identity", str(other), "--curve", "X25519")
    given = ["--identity", str(other), *home.identity()[2:]]

    assert (
        "no cipher suite has both keys, of --identity and --peer (X25519 and P256)"
        in picosec("get", f"{home.url}/x", *given)[2]
    )


def test_a_secret_that_others_can_read_is_not_used(picosec, tmp_path):
    """A key that was copied with the wrong rights is nobody's secret."""
    picosec("context", str(tmp_path / "hall"))
    path = tmp_path / "hall.app.toml"
    os.chmod(path, 0o644)

    code, _out, err = picosec("get", "coap://localhost/x", "--context", str(path))

    assert code == 2
    assert f"`chmod 600 {path}`" in err


def test_secrets_are_written_for_their_owner_only(picosec, tmp_path):
    """Whatever the umask."""
    old = os.umask(0)
    try:
        picosec("context", str(tmp_path / "hall"))
        picosec("identity", str(tmp_path / "me.toml"))
    finally:
        os.umask(old)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"hall.app.toml": 0o600, "hall.device.toml": 0o600, "me.toml": 0o600, "me.public.toml": 0o644}


def test_a_key_is_never_overwritten(picosec, tmp_path):
    """A key that is gone takes its channels with it."""
    path = tmp_path / "me.toml"
    picosec("identity", str(path))
    before = path.read_bytes()

    for line in (["identity", str(path)], ["identity", str(tmp_path / "me.public.toml")]):
        code, _out, err = picosec(*line)
        assert code == 2
        assert "is there already" in err
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ['lamp "hall"', "Lämpchen", "back\\slash", "tab\tand\nline"])
def test_any_name_survives_its_file(name, picosec, tmp_path, home):
    """Names are for people."""
    path = tmp_path / "other.toml"
    picosec("identity", str(path), "--name", name)

    given = ["--identity", str(path), *home.identity()[2:]]

    assert picosec("get", f"{home.url}/sensors/temperature", *given)[0] == 1  # unknown to the device, but well-formed


def test_a_context_belongs_to_one_process(picosec, home):
    """The device holds its end; a second process with the same end would use the same nonces."""
    code, _out, err = picosec("get", f"{home.url}/x", "--context", str(home.folder / "hall.device.toml"))

    assert code == 2
    assert "in use by another picosec" in err


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost", ("localhost", None)),
        ("10.0.0.1:7", ("10.0.0.1", 7)),
        (":7", (None, 7)),
        (":0", (None, 0)),
        ("[::1]:7", ("::1", 7)),
        ("[::]", ("::", None)),
    ],
)
def test_addresses_are_written_as_in_urls(text, address):
    """IPv6 addresses have colons of their own."""
    assert _address(text, "--udp") == address


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(command, capsys):
    """--help is the manual."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"picosec {command}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_without_a_command_all_are_listed(picosec):
    """The first thing a newcomer types."""
    code, out, _err = picosec()

    assert code == 0
    assert all(command in out for command in COMMANDS)


def test_an_unknown_command_is_named(picosec):
    """A typing error."""
    code, out, err = picosec("gett")

    assert (code, out) == (2, "")
    assert "there is no command 'gett'" in err
