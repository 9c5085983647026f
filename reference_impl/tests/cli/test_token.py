"""``picosec token`` as a person uses it, and the device that issues tokens and takes them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Run, served

from picosec.cli import main

REST = ["--vault", "vault/lamp.toml", "--memory", "card/lamp.memory"]
DEVICE = ["--identity", "lamp.toml", "--trust", "me.public.toml", "--tokens", "laundry.toml", *REST]
CHANNEL = ["--identity", "me.toml", "--peer", "lamp.public.toml"]
SPEND = ["token", "spend", "on.token", "true", "--path", "/actuators/lamp", "--purse", "my.purse"]
HANDED = ["--file", "on.token", "--format", "65010"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a lamp that issues tokens, and somebody who may have some."""
    monkeypatch.chdir(tmp_path)
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    for line in ("identity lamp.toml", "identity me.toml"):
        assert main(line.split()) == 0
    assert main(["token", "new", "laundry.toml", "--allow", "PUT /actuators/lamp", "--each", "2"]) == 0
    return tmp_path


def fetch(picosec: Run, url: str, *more: str) -> tuple[int, str, str]:
    return picosec("token", "fetch", "my.purse", "--of", "laundry.public.toml", "--at", url, *CHANNEL, *more)


def test_a_token_is_spent_once_by_nobody_knows_whom(home: Path, picosec: Run) -> None:
    """Neither the allowance nor what was spent is forgotten when the device is killed."""
    with served(*DEVICE, end=signal.SIGKILL) as url:
        assert fetch(picosec, url, "--count", "2") == (0, "my.purse  2 tokens, sealed\n", "")
        code, out, err = picosec(*SPEND)
        assert (code, err, "1 tokens left in my.purse" in out) == (0, "", True)
        assert picosec("post", f"{url}/ps/tokens/redeem", *HANDED) == (0, "2.04 Changed\n", "")
        assert picosec("get", f"{url}/actuators/lamp", *CHANNEL)[1] == "true\n"
    with served(*DEVICE) as url:
        code, _out, err = picosec("post", f"{url}/ps/tokens/redeem", *HANDED)
        assert (code, "(spent)" in err) == (1, True)
        code, _out, err = fetch(picosec, url)
        assert (code, "(exhausted)" in err, err.count("\n")) == (1, True, 1)
    Path("on.token").unlink()
    assert picosec(*SPEND)[0] == 0
    Path("on.token").unlink()
    code, _out, err = picosec(*SPEND)
    assert (code, "my.purse is empty" in err) == (2, True)


def test_a_token_is_good_for_what_its_key_says(home: Path, picosec: Run) -> None:
    """A refused redemption spends nothing at the device."""
    with served(*DEVICE) as url:
        assert fetch(picosec, url)[0] == 0
        assert picosec(*SPEND[:4], "--path", "/actuators/other", *SPEND[6:])[0] == 0
        code, _out, err = picosec("post", f"{url}/ps/tokens/redeem", *HANDED)
        assert (code, "(forbidden)" in err) == (1, True)


def test_tokens_of_a_key_that_is_mine_alone_are_not_taken(home: Path, picosec: Run) -> None:
    """A device that has another key for each person could tell them apart: the proof gives it away."""
    public = Path("laundry.public.toml").read_text()
    assert main(["token", "new", "other.toml", "--allow", "PUT /actuators/lamp", "--each", "2"]) == 0
    pattern = r'kid = "(\w+)"\npublic_key = "(\w{66})"'
    other, mine = (re.search(pattern, Path(name).read_text()) for name in ("other.public.toml", "laundry.public.toml"))
    assert other is not None
    assert mine is not None
    Path("laundry.public.toml").write_text(public.replace(mine[2], other[2]))
    with served(*DEVICE) as url:
        code, _out, err = fetch(picosec, url)
    assert (code, "IDN-1800" in err, err.count("\n"), Path("my.purse").exists()) == (1, True, 1, False)


def test_no_token_is_lost_for_want_of_a_folder(home: Path, picosec: Run) -> None:
    """Where the redemption, or the purse, cannot be written, nothing is fetched or taken out."""
    with served(*DEVICE) as url:
        given = ["--of", "laundry.public.toml", "--at", url, *CHANNEL, "--count", "2"]
        assert picosec("token", "fetch", "none/my.purse", *given)[0] == 2
        assert picosec("token", "fetch", "my.purse", *given)[0] == 0
    before = Path("my.purse").read_bytes()
    code, _out, err = picosec(*SPEND[:2], "none/on.token", *SPEND[3:])
    assert (code, "there is no such folder" in err, Path("my.purse").read_bytes() == before) == (2, True, True)


def test_the_keys_are_sealed_where_they_stay(home: Path, picosec: Run) -> None:
    """Made elsewhere, carried as they are, sealed on arrival: both of them."""
    line = ["token", "new", "plain.toml", "--unsealed", "--allow", "* /actuators/lamp", "--each", "1", "--days", "1"]
    assert main(line) == 0
    assert Path("plain.toml").read_text().count("private_key") == 2
    assert picosec("seal", "plain.toml", "--vault", "vault/lamp.toml")[0] == 0
    assert "private_key" not in Path("plain.toml").read_text()
    with served(*DEVICE[:4], "--tokens", "plain.toml", *REST) as url:
        given = ["--of", "plain.public.toml", "--at", url, *CHANNEL]
        assert picosec("token", "fetch", "my.purse", *given)[0] == 0
        assert picosec(*SPEND)[0] == 0
        assert picosec("post", f"{url}/ps/tokens/redeem", *HANDED)[0] == 0


def test_the_device_may_have_its_vault_in_a_token(home: Path, picosec: Run, new_uri: Callable[[], str]) -> None:
    """The key that reads lies in it; the scalar, which no such token works with, is sealed by it."""
    uri = new_uri()
    for name in ("lamp.toml", "lamp.public.toml"):
        Path(name).unlink()
    assert picosec("identity", "lamp.toml", "--vault", uri)[0] == 0
    line = ["token", "new", "kept.toml", "--allow", "PUT /actuators/lamp", "--each", "1", "--vault", uri]
    assert picosec(*line)[0] == 0
    with served(*DEVICE[:4], "--tokens", "kept.toml", "--vault", uri, *REST[2:]) as url:
        assert picosec("token", "fetch", "my.purse", "--of", "kept.public.toml", "--at", url, *CHANNEL)[0] == 0
        assert picosec(*SPEND)[0] == 0
        assert picosec("post", f"{url}/ps/tokens/redeem", *HANDED)[0] == 0


NEW = ["token", "new", "new.toml", "--allow", "PUT /x"]
FETCH = ["token", "fetch", "my.purse"]
OF = ["--of", "laundry.public.toml"]
AT = ["--at", "coap://127.0.0.1:9"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["token", "new", "new.toml"], "new takes --allow"),
        (NEW, "and --each"),
        ([*NEW, "--each", "0"], "--each takes 1 to 1024"),
        ([*NEW, "--each", "5", "--room", "4"], "--each takes 1 to 4"),
        ([*NEW, "--each", "1", "--days", "0"], "--days takes more than 0"),
        (["token", "new", "no/x.toml", "--allow", "PUT /x", "--each", "1"], "no: there is no such folder"),
        (["token", "new", "laundry.toml", "--allow", "PUT /x", "--each", "1"], "laundry.toml is there already"),
        (["token", "new", "new.toml", "--allow", "RUN /x", "--each", "1"], "--allow takes methods and a path"),
        (FETCH, "fetch takes --of"),
        ([*FETCH, *OF, *AT], "fetch takes --identity and --peer"),
        ([*FETCH, *OF, *AT, *CHANNEL, "--count", "17"], "--count takes 1 to 16"),
        ([*FETCH, *OF, *AT, *CHANNEL, "--unsealed"], "--unsealed is for new"),
        ([*FETCH, *OF, "--at", "coap://127.0.0.1/x", *CHANNEL], "give the device alone"),
        ([*FETCH, "--of", "me.public.toml", *AT, *CHANNEL], "me.public.toml has no table [token-key]"),
        (SPEND[:4], "spend takes --purse"),
        (SPEND, "my.purse: there is no such file"),
        ([*SPEND[:-1], "laundry.public.toml"], "laundry.public.toml has no table [purse]"),
        ([*SPEND[:5], "lamp", *SPEND[6:]], "--path takes a path"),
        (["device", "--tokens", "laundry.toml"], "--tokens takes what must never be forgotten: add --memory"),
        (["device", "--tokens", "laundry.public.toml", *REST], "give the file that `picosec token new` wrote"),
        (["device", "--test-interface", "--tokens", "x"], "leave out --tokens"),
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
    ("old", "new", "text"),
    [
        ('each = "2"', 'each = "two"', "each must be a number"),
        ('each = "2"', 'each = "2"\nexpires = "soon"', "expires must be a number"),
        ('= "PUT"', '= "RUN"', "[allowed] takes methods and a path"),
        ('"/actuators/lamp" = "PUT"', "", "[allowed] names nothing"),
        ('public_key = "0', 'public_key = "1', "does not open"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(old: str, new: str, text: str, home: Path, picosec: Run) -> None:
    """What was changed by hand is said by file and key; another public key opens nothing."""
    path = Path("laundry.toml")
    path.write_text(path.read_text().replace(old, new))
    code, out, err = picosec("device", "--tokens", "laundry.toml", *REST)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err
