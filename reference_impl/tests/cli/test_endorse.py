"""``picosec cred endorse``, and devices that take the word of a third party, or let nobody in without it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from served import Run, served

from picosec.cli import main
from picosec.identity.endorsement import decode_endorsement

ENDORSE = ["cred", "endorse", "tested.endorsement", "--by", "works.toml", "--about", "you.history"]
SAID = ["--name", "an electrician", "--attribute", "level=2", "--days", "30"]
REST = ["--vault", "vault/lamp.toml", "--memory", "card/lamp.memory"]
DEVICE = ["--identity", "lamp.toml", "--anchor", "home.public.toml", "--need-endorser", "works.public.toml", *REST]
SHOWN = ["--identity", "you.toml", "--credential", "you.cred", "--peer", "lamp.public.toml"]
HANDED = ["--file", "tested.endorsement", "--format", "65007"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a zone, a third party, somebody who belongs to the zone, and a lamp."""
    monkeypatch.chdir(tmp_path)
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    for line in (
        "identity lamp.toml",
        "id new you.toml --kind user",
        "cred new home.toml",
        "cred new works.toml --curve Ed25519",
        "cred issue you.cred --zone home.toml --to you.history",
    ):
        assert main(line.split()) == 0
    return tmp_path


def test_an_endorsement_says_what_it_was_asked_to(home: Path, picosec: Run) -> None:
    """Of the identity in the history, whatever its key is by then, for so long, with a place to withdraw it."""
    code, out, err = picosec(*ENDORSE, *SAID)
    assert (code, err) == (0, "")
    assert "picosec post URL/ps/endorsements --file tested.endorsement --format 65007" in out
    said = decode_endorsement(Path("tested.endorsement").read_bytes())[1]
    assert (said.subject, said.attributes, said.expires - said.issued) == ("an electrician", {"level": 2}, 30 * 86400)
    assert said.status is not None
    given = ["--anchor", "works.public.toml", "--status", "works.status"]
    code, out, err = picosec("cred", "verify", "tested.endorsement", *given)
    assert (code, err, out.splitlines()[-1]) == (0, "", "it holds")
    assert "level = 2" in out
    code, out, _err = picosec("cred", "verify", "tested.endorsement", "--anchor", "works.public.toml")
    assert (code, "unless it was withdrawn" in out) == (0, True)


def test_what_is_said_does_not_move_the_cursor(home: Path, picosec: Run) -> None:
    """A name comes from somebody else: it makes no line of its own, and no verdict that is not ours."""
    assert picosec(*ENDORSE, "--irrevocable", "--name", "x\nit holds\x1b[2A")[0] == 0
    out = picosec("cred", "verify", "tested.endorsement", "--anchor", "home.public.toml")[1]
    assert out.startswith("x it holds\\x1b[2A, until ")


def test_another_party_did_not_say_it(home: Path, picosec: Run) -> None:
    """Whoever believes the zone alone believes no endorser."""
    assert picosec(*ENDORSE, "--irrevocable")[0] == 0
    code, _out, err = picosec("cred", "verify", "tested.endorsement", "--anchor", "home.public.toml")
    assert (code, "unknown_credential (IDN-2030)" in err, err.count("\n")) == (1, True, 1)


def test_only_its_author_takes_it_back(home: Path, picosec: Run) -> None:
    """Whoever hands over an endorsement by somebody else does not get a place of this list revoked."""
    assert picosec(*ENDORSE)[0] == 0
    code, out, err = picosec("cred", "revoke", "tested.endorsement", "--zone", "home.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "name its author with --zone" in err


def test_an_endorsement_without_a_place_ends_by_itself(home: Path, picosec: Run) -> None:
    """It cannot be taken back, and the command says until when it holds."""
    assert picosec(*ENDORSE, "--irrevocable")[0] == 0
    code, _out, err = picosec("cred", "revoke", "tested.endorsement", "--zone", "works.toml")
    assert (code, "it ends by itself, 20" in err) == (2, True)


def test_nobody_gets_in_without_the_word(home: Path, picosec: Run) -> None:
    """It is taken from anybody, outlives the device that is killed, and is withdrawn by the list of its author."""
    assert picosec(*ENDORSE, *SAID)[0] == 0
    with served(*DEVICE, end=signal.SIGKILL) as url:
        for name in ("home", "works"):
            assert picosec("put", f"{url}/ps/status", "--file", f"{name}.status", "--format", "279")[0] == 0
        code, _out, err = picosec("get", f"{url}/actuators/lamp", *SHOWN)
        assert (code, "no channel could be opened" in err) == (1, True)
        assert picosec("post", f"{url}/ps/endorsements", *HANDED) == (0, "2.04 Changed\n", "")
        assert picosec("get", f"{url}/actuators/lamp", *SHOWN) == (0, "false\n", "")
    with served(*DEVICE) as url:
        assert picosec("get", f"{url}/actuators/lamp", *SHOWN) == (0, "false\n", "")
        code, out, err = picosec("cred", "revoke", "tested.endorsement", "--zone", "works.toml")
        assert (code, err, "place 0 is revoked" in out) == (0, "", True)
        assert picosec("put", f"{url}/ps/status", "--file", "works.status", "--format", "279")[0] == 0
        assert picosec("get", f"{url}/actuators/lamp", *SHOWN)[0] == 1
        assert picosec("post", f"{url}/ps/endorsements", *HANDED)[0] == 1
    given = ["--anchor", "works.public.toml", "--status", "works.status"]
    code, _out, err = picosec("cred", "verify", "tested.endorsement", *given)
    assert (code, "IDN-2070" in err) == (1, True)


def test_a_word_may_be_taken_and_not_needed(home: Path, picosec: Run) -> None:
    """With --endorser, whoever belongs to the zone gets in as before."""
    assert picosec(*ENDORSE, "--irrevocable")[0] == 0
    with served(*DEVICE[:4], "--endorser", "works.public.toml", *REST) as url:
        assert picosec("put", f"{url}/ps/status", "--file", "home.status", "--format", "279")[0] == 0
        assert picosec("get", f"{url}/actuators/lamp", *SHOWN)[0] == 0
        assert picosec("post", f"{url}/ps/endorsements", *HANDED)[0] == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (ENDORSE[:3], "endorse takes --by, who says it, and --about"),
        ([*ENDORSE[:6], "you.cred"], "you.cred"),
        ([*ENDORSE[:4], "works.public.toml", *ENDORSE[5:]], "give the file that `picosec cred new` wrote"),
        ([*ENDORSE, "--days", "0"], "--days takes more than 0"),
        ([*ENDORSE, "--attribute", "level"], "--attribute takes NAME=VALUE"),
        ([*ENDORSE, "--name", 65 * "x"], "--name takes 64 bytes at most"),
        (["cred", "endorse", "you.cred", *ENDORSE[3:]], "you.cred is there already"),
        (["device", "--endorser", "works.public.toml"], "--endorser takes what must never be forgotten: add --memory"),
        (["device", "--need-endorser", "works.public.toml"], "--need-endorser takes what must never be forgotten"),
        (["device", "--endorser", "lamp.public.toml", *REST], "lamp.public.toml has no table [anchor]"),
        (["device", "--test-interface", "--need-endorser", "x"], "leave out --need-endorser"),
    ],
)
def test_a_mistake_is_one_line(line: list[str], text: str, home: Path, picosec: Run) -> None:
    """No traceback, nothing made, no place in the list taken."""
    before = sorted(os.listdir())
    code, out, err = picosec(*line)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err
    assert sorted(os.listdir()) == before
