"""``picosec cred`` as a person uses it, and the devices that judge what comes of it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picosec.cli import main
from picosec.identity.chain import Chain, read_chain
from picosec.identity.status_token import decode_token

Run = Callable[..., tuple[int, str, str]]
VERIFY = ["--anchor", "home.public.toml", "--status", "home.status"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a zone, an owner of an identity, a guest and a lamp."""
    monkeypatch.chdir(tmp_path)
    for line in (
        "identity lamp.toml",
        "identity guest.toml --usage signature",
        "id new you.toml --kind user",
        "cred new home.toml",
        "cred issue you.cred --zone home.toml --to you.history --role owner --depth 2 --attribute floor=2",
    ):
        assert main(line.split()) == 0
    for folder in ("vault", "card"):
        (tmp_path / folder).mkdir()
    return tmp_path


def chain(name: str) -> Chain:
    return read_chain(Path(name).read_bytes())


def delegate(picosec: Run, *more: str, name: str = "guest.cred") -> tuple[int, str, str]:
    given = ["--of", "you.cred", "--key", "you.toml", "--to", "guest.public.toml"]
    return picosec("cred", "delegate", name, *given, *more)


@contextmanager
def serving(end: int = signal.SIGTERM) -> Iterator[str]:
    """Run the lamp of the zone as a process of its own; yield its URL."""
    line = [sys.executable, "-m", "picosec", "device", "--udp", "127.0.0.1:0", "--identity", "lamp.toml"]
    line += ["--anchor", "home.public.toml", "--vault", "vault/lamp.toml", "--memory", "card/lamp.memory"]
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


def shown(who: str) -> list[str]:
    return ["--identity", f"{who}.toml", "--credential", f"{who}.cred", "--peer", "lamp.public.toml"]


def test_a_credential_says_what_it_was_asked_to(home: Path, picosec: Run) -> None:
    """A history proves its key, and brings its kind and identifier along."""
    claims = chain("you.cred").last.claims

    assert (claims.subject, claims.kind.name, claims.role, claims.depth) == ("you", "USER", "owner", 2)
    assert claims.attributes == {"floor": 2}
    assert claims.status is not None
    assert claims.status.index == 0
    assert abs(claims.expires - time.time() - 365 * 86400) < 100
    code, out, err = picosec("cred", "verify", "you.cred", *VERIFY)
    assert (code, err) == (0, "")
    for text in (
        " 1  you, user, owner, 2 may follow, until ",
        "may     everything",
        "floor = 2",
        claims.identity.hex(),
        "place 0 of urn:picosec:",
        ": not revoked",
        "it holds",
    ):
        assert text in out


def test_a_delegated_credential_says_a_part_of_the_one_before(home: Path, picosec: Run) -> None:
    """Who has a year cannot give ten, nor more than he may; what he does not narrow is his own."""
    allowed = ["--allow", "GET,put /actuators/lamp", "--allow", "GET /sensors/temperature"]
    code, out, err = delegate(picosec, *allowed, "--days", "3650")
    assert (code, err) == (0, "")
    assert "picosec post URL/ps/credentials --file guest.cred --format 65006" in out

    first, second = (each.claims for each in chain("guest.cred").credentials)
    assert second.scope is not None
    assert second.scope.methods == {"/actuators/lamp": 0b101, "/sensors/temperature": 0b1}
    assert second.expires == first.expires
    code, out, _err = picosec("cred", "verify", "guest.cred", *VERIFY)
    assert code == 0
    assert "may     GET,PUT /actuators/lamp\n            GET /sensors/temperature\n" in out

    given = ["--of", "guest.cred", "--key", "guest.toml", "--to", "lamp.public.toml"]
    code, _out, err = picosec("cred", "delegate", "third.cred", *given)
    assert (code, "nothing may follow guest.cred" in err) == (2, True)
    assert delegate(picosec, "--allow", "GET /actuators/lamp", "--depth", "1", name="deep.cred")[0] == 0
    given = ["--of", "deep.cred", "--key", "guest.toml", "--to", "lamp.public.toml"]
    code, _out, err = picosec("cred", "delegate", "third.cred", *given, "--allow", "PUT /actuators/lamp")
    assert (code, "a scope beyond that of the one before" in err) == (2, True)
    assert picosec("cred", "delegate", "third.cred", *given)[0] == 0
    assert chain("third.cred").last.claims.scope == chain("deep.cred").last.claims.scope


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_device_lets_in_whom_the_zone_sends(home: Path, picosec: Run, end: int) -> None:
    """The device knows the zone alone: it judges, keeps what it took, and hears of a revocation from anybody."""
    delegate(picosec, "--allow", "GET /actuators/lamp")
    with serving(end) as url:
        lamp = f"{url}/actuators/lamp"
        code, _out, err = picosec("get", lamp, *shown("you"))
        assert (code, "does the device lack the zone's list" in err) == (1, True)
        assert picosec("put", f"{url}/ps/status", "--file", "home.status", "--format", "279")[0] == 0
        assert picosec("get", lamp, *shown("you")) == (0, "false\n", "")
        code, _out, err = picosec("get", lamp, *shown("guest"))
        assert (code, "hand the device the chain first" in err) == (1, True)
        assert picosec("post", f"{url}/ps/credentials", "--file", "guest.cred", "--format", "65006")[0] == 0
    with serving(end) as url:
        lamp = f"{url}/actuators/lamp"
        assert picosec("get", lamp, *shown("guest")) == (0, "false\n", "")
        assert "forbidden" in picosec("put", lamp, "true", *shown("guest"))[2]
        assert picosec("cred", "revoke", "you.cred", "--zone", "home.toml")[0] == 0
        assert picosec("put", f"{url}/ps/status", "--file", "home.status", "--format", "279")[0] == 0
    with serving(end) as url:
        for who in ("you", "guest"):
            assert picosec("get", f"{url}/actuators/lamp", *shown(who))[0] == 1


def test_what_was_revoked_stays_so(home: Path, picosec: Run) -> None:
    """Once, twice, signed anew; and not with the list from before, which somebody put back."""
    before = Path("home.status").read_bytes()
    code, out, _err = picosec("cred", "revoke", "you.cred", "--zone", "home.toml")
    assert (code, out.splitlines()[0]) == (0, "you: place 0 is revoked")
    assert picosec("cred", "revoke", "you.cred", "--zone", "home.toml")[1].startswith("you: place 0 is revoked already")
    first = decode_token(Path("home.status").read_bytes())[1]
    assert picosec("cred", "list", "home.toml")[0] == 0
    second = decode_token(Path("home.status").read_bytes())[1]
    assert (second.issued > first.issued, second.entries()) == (True, first.entries())
    code, out, err = picosec("cred", "verify", "you.cred", *VERIFY)
    assert (code, ": revoked" in out, err.count("\n")) == (1, True, 1)
    code, _out, err = picosec("cred", "renew", "you.cred", "--zone", "home.toml")
    assert (code, "was revoked: issue another one" in err) == (2, True)

    Path("home.status").write_bytes(before)
    assert picosec("cred", "issue", "new.cred", "--zone", "home.toml", "--to", "you.history")[0] == 0
    for line in (["list", "home.toml"], ["revoke", "new.cred", "--zone", "home.toml"]):
        code, _out, err = picosec("cred", *line)
        assert (code, "is not the last list of this zone" in err) == (2, True)
    Path("home.status").unlink()
    assert picosec("cred", "list", "home.toml")[0] == 2


def test_a_renewed_credential_is_newer_and_says_the_same(home: Path, picosec: Run) -> None:
    """A device that holds the old one takes the new one in its place (IDN-990)."""
    before = chain("you.cred").last.claims
    assert picosec("cred", "renew", "you.cred", "--zone", "home.toml", "--days", "30")[0] == 0
    after = chain("you.cred").last.claims

    assert after.issued > before.issued
    assert (after.holder.members(), after.role, after.status) == (before.holder.members(), before.role, before.status)
    assert picosec("cred", "verify", "you.cred", *VERIFY)[0] == 0


def test_each_credential_has_a_place_of_its_own(home: Path, picosec: Run) -> None:
    """Whoever is revoked is revoked alone."""
    for name in ("a", "b"):
        assert picosec("cred", "issue", f"{name}.cred", "--zone", "home.toml", "--to", "guest.public.toml")[0] == 0
    assert picosec("cred", "revoke", "a.cred", "--zone", "home.toml")[0] == 0

    assert [picosec("cred", "verify", f"{name}.cred", *VERIFY)[0] for name in ("a", "b", "you")] == [1, 0, 0]


def test_a_key_for_objects_gets_a_purpose(home: Path, picosec: Run) -> None:
    """It signs objects, and opens no channel; of itself it says so to whoever reads the chain."""
    assert picosec("object", "key", "me.key.toml", "--purpose", "application")[0] == 0
    assert picosec("cred", "issue", "me.cred", "--zone", "home.toml", "--to", "me.key.public.toml")[0] == 0

    assert "device, for application objects" in picosec("cred", "verify", "me.cred", *VERIFY)[1]


@pytest.mark.parametrize("place", ["token", "file"])
def test_the_keys_of_a_zone_lie_in_a_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picosec: Run, place: str, request: pytest.FixtureRequest
) -> None:
    """Whoever copies the file of the zone issues nothing with it."""
    monkeypatch.chdir(tmp_path)
    vault = "vault.toml" if place == "file" else str(request.getfixturevalue("new_uri")())
    picosec("identity", "guest.toml")
    assert picosec("cred", "new", "home.toml", "--vault", vault)[0] == 0
    assert "private_key" not in Path("home.toml").read_text()
    line = ["cred", "issue", "guest.cred", "--zone", "home.toml", "--to", "guest.public.toml"]
    code, _out, err = picosec(*line)
    assert (code, err.count("\n")) == (2, 1)
    assert "the key of 'home'" in err
    assert picosec(*line, "--vault", vault)[0] == 0
    assert picosec("cred", "verify", "guest.cred", "--anchor", "home.public.toml")[0] == 0


def test_a_changed_chain_does_not_hold(home: Path, picosec: Run) -> None:
    """One bit anywhere: one line, and another exit code than for a mistake of one's own."""
    data = Path("you.cred").read_bytes()
    Path("changed.cred").write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))

    code, _out, err = picosec("cred", "verify", "changed.cred", *VERIFY)

    assert (code, err.count("\n")) == (1, 1)
    assert "authentication_failed (IDN-750)" in err


ISSUE = ["cred", "issue", "x.cred", "--zone", "home.toml", "--to", "guest.public.toml"]
DELEGATE = ["cred", "delegate", "x.cred", "--of", "you.cred", "--key", "you.toml", "--to", "guest.public.toml"]
MISTAKES = {
    "new-there": (["cred", "new", "home.toml"], "is there already"),
    "issue-to-nobody": (["cred", "issue", "x.cred", "--zone", "home.toml"], "issue takes --zone, who issues, and --to"),
    "issue-over": (["cred", "issue", "you.cred", *ISSUE[3:]], "you.cred is there already"),
    "issue-by-public": ([*ISSUE[:3], "--zone", "home.public.toml", *ISSUE[5:]], "not its public half"),
    "issue-by-identity": ([*ISSUE[:3], "--zone", "guest.toml", *ISSUE[5:]], "has no table [zone]"),
    "issue-to-none": ([*ISSUE[:-1], "none.toml"], "none.toml: there is no such file"),
    "bad-allow": ([*ISSUE, "--allow", "LOOK /x"], "--allow takes methods and a path"),
    "bad-path": ([*ISSUE, "--allow", "GET x"], "--allow takes methods and a path"),
    "bad-attribute": ([*ISSUE, "--attribute", "floor"], "--attribute takes NAME=VALUE"),
    "bad-days": ([*ISSUE, "--days", "0"], "--days takes more than 0"),
    "bad-depth": ([*ISSUE, "--depth", "4"], "--depth takes 0 to 3"),
    "deep-key": ([*ISSUE[:-1], "lamp.public.toml", "--depth", "1"], "only who has a key that signs delegates"),
    "long-role": ([*ISSUE, "--role", 33 * "x"], "--role takes 32 bytes"),
    "application-without-code": ([*ISSUE, "--kind", "application"], "--code is for an application"),
    "code-without-application": ([*ISSUE, "--code", "lamp.toml"], "--code is for an application"),
    "delegate-alone": (["cred", "delegate", "x.cred", "--of", "you.cred"], "delegate takes --of, a chain, --key"),
    "delegate-another": ([*DELEGATE[:6], "guest.toml", *DELEGATE[7:]], "guest.toml is not the identity of whom"),
    "delegate-role": ([*DELEGATE, "--role", "admin"], "a role or an attribute that the one before does not have"),
    "delegate-depth": ([*DELEGATE, "--depth", "2"], "more credentials than may follow"),
    "verify-whom": (["cred", "verify", "you.cred"], "verify takes --anchor"),
    "verify-none": (["cred", "verify", "none.cred", *VERIFY], "none.cred cannot be read"),
    "verify-toml": (["cred", "verify", "you.toml", *VERIFY], "you.toml is no chain of credentials"),
    "verify-list": (["cred", "verify", "you.cred", *VERIFY[:3], "you.cred"], "you.cred is no list of this zone"),
    "revoke-other": (["cred", "revoke", "you.cred", "--zone", "other.toml"], "you.cred is of another zone"),
    "renew-other": (["cred", "renew", "you.cred", "--zone", "other.toml"], "you.cred is not of this zone"),
    "not-my-credential": (
        [
            "get",
            "coap://localhost/x",
            "--identity",
            "guest.toml",
            "--credential",
            "you.cred",
            "--peer",
            "lamp.public.toml",
        ],
        "you.cred was issued for another key than that of guest.toml",
    ),
    "anchor-without-memory": (
        ["device", "--anchor", "home.public.toml"],
        "--anchor takes what must never be forgotten",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_changes_nothing(home: Path, picosec: Run, mistake: str) -> None:
    """What is wrong, where, and how to mend it."""
    assert main(["cred", "new", "other.toml"]) == 0
    line, text = MISTAKES[mistake]
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file() and "state" not in path.name}

    code, out, err = picosec(*line)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err
    after = {path: path.read_bytes() for path in home.iterdir() if path.is_file() and "state" not in path.name}
    assert after == before


def test_a_credential_that_cannot_be_revoked_says_when_it_ends(home: Path, picosec: Run) -> None:
    """For a device that nobody can reach with a list, or a guest of one afternoon."""
    assert picosec(*ISSUE, "--irrevocable", "--days", "0.25")[0] == 0

    code, _out, err = picosec("cred", "revoke", "x.cred", "--zone", "home.toml")

    assert (code, "it ends by itself, " in err) == (2, True)
    assert picosec("cred", "verify", "x.cred", "--anchor", "home.public.toml")[1].endswith("it holds\n")
