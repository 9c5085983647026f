"""``picosec attest`` as a person uses it, and the devices that answer."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from served import Run, served

from picosec.cli import attest_check, main
from picosec.cli.attester_files import read_attester, read_known
from picosec.cli.private import keeper
from picosec.identity.evidence import Debug
from picosec.roles.attestation import Question

NONCE = bytes(32)
NOW = 1_800_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a lamp that gives evidence, and its owner."""
    monkeypatch.chdir(tmp_path)
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    Path("lamp.bin").write_bytes(b"firmware")
    for line in (
        "identity lamp.toml",
        "identity me.toml",
        "attest new lamp.attest.toml --code firmware=lamp.bin --debug disabled",
    ):
        assert main(line.split()) == 0
    return tmp_path


DEVICE = ["--identity", "lamp.toml", "--trust", "me.public.toml"]
CHECK = ["--attester", "lamp.attest.public.toml", "--identity", "me.toml", "--peer", "lamp.public.toml"]


def test_a_device_says_what_it_runs(home: Path, picosec: Run) -> None:
    """Asked twice over loopback: each time the nonce is another one; and with more demands than it meets."""
    with served(*DEVICE, "--attester", "lamp.attest.toml", "--vault", "vault/lamp.toml") as url:
        for more in ([], ["--debug-disabled", "--tampered", "0"]):
            code, out, err = picosec("attest", "check", url, *CHECK, *more)
            assert (code, err) == (0, "")
            assert out.splitlines()[-1] == "acceptable"
            assert out.count(" ok\n") == 3
        Path("other.bin").write_bytes(b"other")
        code, out, err = picosec("attest", "check", f"{url}/ps/attestation", *CHECK, "--code", "boot=other.bin")
        assert (code, err.count("\n")) == (1, 1)
        assert "missing" in out
        assert "(bad_evidence, IDN-1270)" in err
        assert picosec("attest", "check", f"{url}/ps/info", *CHECK)[0] == 2


def test_what_runs_is_measured_at_the_start(home: Path, picosec: Run) -> None:
    """An update is seen after it; whoever rolled it out says that both may run."""
    Path("lamp.bin").write_bytes(b"firmware 2")
    with served(*DEVICE, "--attester", "lamp.attest.toml") as url:
        code, out, err = picosec("attest", "check", url, *CHECK)
        assert (code, "unknown: another one than may run" in out, "firmware is another one" in err) == (1, True, True)
        assert picosec("attest", "check", url, *CHECK, "--code", "firmware=lamp.bin")[0] == 0


def test_a_device_without_a_key_for_evidence_says_so(home: Path, picosec: Run) -> None:
    """One line says what it lacks."""
    with served(*DEVICE) as url:
        code, out, err = picosec("attest", "check", url, *CHECK)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "picosec device --attester" in err


def test_evidence_of_another_device_is_none(home: Path, picosec: Run) -> None:
    """It is shown to nobody who did not ask for that device."""
    line = "attest new other.toml --code firmware=lamp.bin --debug disabled"
    assert main(line.split()) == 0
    given = ["--attester", "other.public.toml", *CHECK[2:]]
    with served(*DEVICE, "--attester", "lamp.attest.toml") as url:
        code, out, err = picosec("attest", "check", url, *given)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "unknown_credential (IDN-1210)" in err
    assert "is it the file of this device?" in err


def judged(change: dict[str, Any], nonce: bytes = NONCE, now: int = NOW, count: int | None = 0) -> int:
    """Judge evidence of the lamp at home, of which something was changed."""
    with ExitStack() as opened:
        keys = keeper(None, opened)
        attester = replace(read_attester(Path("lamp.attest.toml"), keys), **change)
        data = attester.attest(nonce, keys.vault, NOW, count)
    return attest_check.judge(data, Question(NONCE, None), read_known(Path("lamp.attest.public.toml")), now)


@pytest.mark.parametrize(
    ("change", "shown", "said"),
    [
        ({"debug": Debug.ENABLED}, "enabled", "IDN-1260"),
        ({"software": {"firmware": bytes(32), "shell": bytes(32)}}, "nobody said that it may run", "IDN-1270"),
        ({"software": {"shell": bytes(32)}}, "missing", "IDN-1270"),
    ],
)
def test_a_state_that_is_not_acceptable_is_shown(
    change: dict[str, Any], shown: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a verdict for each line, and the last word says which requirement is broken."""
    capsys.readouterr()
    assert judged(change) == 1
    out, err = capsys.readouterr()
    assert shown in out
    assert (said in err, err.count("\n")) == (True, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"change": {}, "nonce": bytes(31) + b"\1"}, "replayed (IDN-1230)"),
        ({"change": {}, "now": NOW + 301}, "the clocks of the device and of this machine differ"),
        ({"change": {"ueid": bytes(17)}}, "IDN-1240"),
    ],
)
def test_what_the_device_did_not_say_now_is_not_shown(
    given: dict[str, Any], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From another channel, from another day, of another device."""
    capsys.readouterr()
    assert judged(**given) == 1
    out, err = capsys.readouterr()
    assert (out, said in err, err.count("\n")) == ("", True, 1)


@pytest.mark.parametrize(("count", "code"), [(0, 0), (2, 0), (3, 1), (None, 1)])
def test_the_file_says_what_is_acceptable(
    count: int | None, code: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed by hand: so often at most, two pieces of software that may run, debug ports open."""
    path = Path("lamp.attest.public.toml")
    text = path.read_text().replace('debug = "disabled"', 'debug = "enabled"\ntampered = 2')
    path.write_text(text.replace('firmware = "', f'firmware = "{bytes(32).hex()} '))
    assert judged({"debug": Debug.ENABLED}, count=count) == code
    assert judged({"software": {"firmware": bytes(32)}}, count=count) == code


def test_the_key_for_evidence_may_lie_in_a_token(home: Path, picosec: Run, new_uri: Callable[[], str]) -> None:
    """It is made there and never leaves; the other keys are made there too, as a device has one vault."""
    uri = new_uri()
    Path("lamp.toml").unlink()
    Path("lamp.public.toml").unlink()
    assert picosec("identity", "lamp.toml", "--vault", uri)[0] == 0
    line = ["attest", "new", "kept.toml", "--code", "firmware=lamp.bin", "--debug", "disabled", "--vault", uri]
    assert picosec(*line)[0] == 0
    assert "vault_key" in tomllib.loads(Path("kept.toml").read_text())["attester"]
    with served(*DEVICE, "--attester", "kept.toml", "--vault", uri) as url:
        code, _out, err = picosec("attest", "check", url, "--attester", "kept.public.toml", *CHECK[2:])
    assert (code, err) == (0, "")


def test_the_key_is_sealed_for_its_device(home: Path, picosec: Run) -> None:
    """What was made unsealed is sealed on arrival; under another name of the device it does not open."""
    line = "attest new plain.toml --unsealed --debug enabled --code firmware=lamp.bin --ueid 02000102030405"
    assert main(line.split()) == 0
    assert picosec("seal", "plain.toml", "--vault", "vault/lamp.toml")[0] == 0
    text = Path("plain.toml").read_text()
    assert "private_key" not in text
    Path("plain.toml").write_text(text.replace("02000102030405", "02000102030406"))
    code, _out, err = picosec("device", "--attester", "plain.toml", "--vault", "vault/lamp.toml")
    assert (code, "does not open" in err, err.count("\n")) == (2, True, 1)


NEW = ["attest", "new", "new.toml"]
ASK = ["attest", "check", "coap://127.0.0.1:9"]
CODE = ["--code", "firmware=lamp.bin"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ([*NEW, *CODE], "new takes --debug"),
        ([*NEW, "--debug", "disabled"], "--code takes 1 to 8 pieces of software"),
        ([*NEW, "--debug", "disabled", "--code", "firmware"], "--code takes NAME=FILE, each name once, not 'firmware'"),
        ([*NEW, "--debug", "disabled", *CODE, *CODE], "each name once"),
        ([*NEW, "--debug", "disabled", "--code", f"{33 * 'x'}=lamp.bin"], "names of 1 to 32 bytes"),
        ([*NEW, "--debug", "disabled", "--code", "firmware=none.bin"], "none.bin cannot be measured: No such file"),
        ([*NEW, "--debug", "disabled", *CODE, "--ueid", "xy"], "--ueid takes hexadecimal digits, not 'xy'"),
        ([*NEW, "--debug", "disabled", *CODE, "--ueid", "01"], "--ueid takes 7 to 33 bytes"),
        ([*NEW, "--debug", "disabled-permanently", *CODE], "--maker is missing"),
        ([*NEW, "--debug", "disabled", *CODE, "--maker", "0102"], "--maker takes 16 bytes by chance, or the 3"),
        ([*NEW, "--debug", "disabled", *CODE, "--maker", "xy"], "--maker takes hexadecimal digits"),
        (["attest", "new", "no/new.toml", "--debug", "disabled", *CODE], "no: there is no such folder"),
        (["attest", "new", "lamp.attest.toml", "--debug", "disabled", *CODE], "lamp.attest.toml is there already"),
        (ASK, "check takes --attester"),
        ([*ASK, *CHECK[:2]], "check takes --identity and --peer"),
        ([*ASK, *CHECK[:4]], "--peer is missing"),
        ([*ASK, "--attester", "lamp.attest.toml", *CHECK[2:]], "lamp.attest.toml says nothing of what is acceptable"),
        ([*ASK, "--attester", "me.public.toml", *CHECK[2:]], "me.public.toml says nothing of what is acceptable"),
        ([*ASK, *CHECK, "--tampered", "-1"], "--tampered takes how often at most, not -1"),
        ([*ASK, *CHECK, "--code", "firmware=none"], "none cannot be measured"),
        (["attest", "check", "lamp", *CHECK], "'lamp' is no URL"),
        (["device", "--attester", "lamp.attest.public.toml"], "has no private_key: give the file that `picosec attest"),
        (["device", "--attester", "me.toml"], "me.toml has no table [attester]"),
        (["device", "--test-interface", "--attester", "x"], "leave out --attester"),
    ],
)
def test_a_mistake_is_one_line(line: list[str], text: str, home: Path, picosec: Run) -> None:
    """No traceback, nothing made."""
    before = sorted(os.listdir())
    code, out, err = picosec(*line)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        ("lamp.attest.toml", 'debug = "disabled"', 'debug = "off"', "debug must be one of enabled, disabled, "),
        ("lamp.attest.toml", 'debug = "disabled"', 'debug = "disabled-permanently"', "maker is missing"),
        ("lamp.attest.toml", "lamp.bin", "none.bin", "none.bin cannot be measured"),
        ("lamp.attest.toml", 'ueid = "', 'ueid = "xy', "ueid takes hexadecimal digits"),
        ("lamp.attest.toml", "firmware =", '"" =', "[software] takes 1 to 8 pieces"),
        ("lamp.attest.public.toml", 'firmware = "', 'firmware = "00 ', "firmware must have SHA-256 hashes"),
        ("lamp.attest.public.toml", "[acceptable]", "[acceptable]\ntampered = -1", "tampered must be a number"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(file: str, old: str, new: str, text: str, home: Path, picosec: Run) -> None:
    """What was changed by hand is said by file and key."""
    path = Path(file)
    path.write_text(path.read_text().replace(old, new))
    line = ["device", "--attester", file] if file == "lamp.attest.toml" else [*ASK, *CHECK]
    code, out, err = picosec(*line)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert (text in err, file in err or "none.bin" in err) == (True, True)
