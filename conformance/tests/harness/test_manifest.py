"""A manifest with a mistake gets one sentence: file, line, what is wrong, what to write."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from picosec_conformance.manifest import REFERENCE, ManifestError, load_manifest, parse_manifest

GOOD = """\
features = ["messaging.datagram", "messaging.server"]

[target]
name = "lamp"
version = "1.2"
vendor = "somebody"
profile = "coap-server"

[adapter]
kind = "udp"
host = "127.0.0.1"
"""


KNOWN = """[[known_failures]]
test = "test_x.py::test_y"
reason = "mended in release 1.3"
{}

[target]"""


PROGRAM = 'kind = "subprocess"\ncommand = ["lamp"]'

LINK = """[links.{}]
kind = "udp"
host = "127.0.0.1"
port = {}

"""


def test_good_manifest_is_read() -> None:
    """The smallest manifest of a black box on UDP."""
    manifest = parse_manifest(GOOD, "lamp.toml")

    assert manifest.name == "lamp"
    assert manifest.profile.name == "coap-server"
    assert manifest.declares("messaging.server")
    assert not manifest.declares("messaging.server", "messaging.client")


def test_manifest_of_the_reference_is_good() -> None:
    """What `picosec certify` runs without an argument."""
    assert load_manifest(REFERENCE).profile.name == "device"


def test_links_are_read_in_their_order() -> None:
    """Each test takes the first link that carries what it is about."""
    text = GOOD + LINK.format("second", 5684) + LINK.format("first", 5685)

    assert list(parse_manifest(text, "lamp.toml").links) == ["second", "first"]


def test_profile_may_be_chosen_at_the_command_line() -> None:
    """One stack, two certificates."""
    assert parse_manifest(GOOD, "lamp.toml", "oscore-server").profile.name == "oscore-server"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('name = "lamp"\n', "", 3, ["target", "'name' is missing; add it"]),
        ('name = "lamp"', 'nmae = "lamp"', 4, ["nmae", "remove or correct"]),
        ('vendor = "somebody"', 'vendor = "somebody"\ncolour = "red"', 7, ["colour", "remove or correct"]),
        ('kind = "udp"', 'kind = "carrier-pigeon"', 10, ["carrier-pigeon", "subprocess"]),
        ('kind = "udp"', 'kind = "subprocess"', 11, ["host", "remove or correct"]),
        ('host = "127.0.0.1"\n', "", 9, ["adapter", "'host' is missing"]),
        ('profile = "coap-server"', 'profile = "toaster"', 7, ["toaster", "coap-server"]),
        ('"messaging.server"', '"messaging.servre"', 1, ["messaging.servre", "did you mean 'messaging.server'"]),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = 70000', 12, ["70000"]),
        ("[target]", KNOWN.format(""), 3, ["'until' is missing; add it"]),
        ("[target]", KNOWN.format("until = 2026-12-31T00:00:00Z"), 6, ["until", "2026-12-31T00:00:00"]),
        ("[target]", KNOWN.format('until = "2026-02-30"'), 6, ["2026-02-30 is no day of the calendar"]),
        ('host = "127.0.0.1"', 'host = "127.0.0.1"\nport = "{port:udp}"', 12, ["adapter.command", "{port:udp}"]),
        ("[adapter]", LINK.format("udp2", '"{port:second}"') + "[adapter]", 12, ["links.udp2.port", "{port:second}"]),
        ("[adapter]", LINK.format("udp", 70000) + "[adapter]", 12, ["links.udp.port", "70000"]),
        ("[adapter]", LINK.format("UDP", 5683) + "[adapter]", 9, ["'UDP' is no name of a link"]),
        ("[adapter]", LINK.format("target", 5683) + "[adapter]", 9, ["'target' is no name of a link"]),
        ("[adapter]", f"[links.cable]\n{PROGRAM}\n[adapter]", 10, ["links.cable.kind", "udp"]),
    ],
)
def test_mistake_is_told_with_its_line(old: str, new: str, line: int, words: list[str]) -> None:
    """A vendor's first hour with the suite is spent on this file."""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(GOOD.replace(old, new), "lamp.toml")

    message = str(caught.value)
    assert message.startswith(f"lamp.toml:{line}: "), message
    for word in words:
        assert word in message


def test_broken_toml_is_told_with_its_line() -> None:
    """A forgotten quote."""
    with pytest.raises(ManifestError, match=r"lamp\.toml: not valid TOML: .*line 4"):
        parse_manifest(GOOD.replace('"lamp"', '"lamp'), "lamp.toml")


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A wrong path must not end in a traceback."""
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        load_manifest(tmp_path / "none.toml")


@pytest.mark.parametrize("until", ["2026-12-31", '"2026-12-31"'])
def test_known_failure_has_a_last_day(until: str) -> None:
    """TOML has dates; who writes it as text means the same."""
    text = GOOD.replace("[target]", KNOWN.format(f"until = {until}"))

    (known,) = parse_manifest(text, "lamp.toml").known_failures

    assert known.until == date(2026, 12, 31)


def test_context_of_a_black_box_is_decoded() -> None:
    """A black box that was set up with an OSCORE context gives it in hexadecimal."""
    text = GOOD + '\n[oscore]\nsender_id = "01"\nrecipient_id = ""\nmaster_secret = "0102"\n'
    context = parse_manifest(text, "lamp.toml").oscore

    assert context is not None
    assert (context.sender_id, context.recipient_id, context.master_secret) == (b"\x01", b"", b"\x01\x02")


def test_own_manifest_has_the_same_name_wherever_the_suite_is_installed() -> None:
    """A bundle names its manifest; a path would tie the verdict to the machine on which it was reached."""
    reference, other = load_manifest(REFERENCE), load_manifest(REFERENCE.with_name("aiocoap-server.toml"))

    assert (reference.source, reference.argument) == ("reference", ())
    assert (other.source, other.argument) == ("aiocoap-server", ("aiocoap-server",))
