"""A vault in a token: keys that do not come out, counters that do not go back, and what a person is told."""

import gc
import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.crypto.vault import InvalidTag, KeptKeys, SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.net.pkcs11_uri import parse
from picosec.net.storage import StorageError
from picosec.registry import Problem

pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")

from pkcs11 import KeyType, Mechanism  # noqa: E402
from pkcs11.constants import Attribute, ObjectClass  # noqa: E402
from pkcs11.exceptions import PKCS11Error  # noqa: E402

from picosec.net import pkcs11_counters, pkcs11_vault  # noqa: E402
from picosec.net.pkcs11_vault import Pkcs11Vault  # noqa: E402


@pytest.fixture
def uri(new_uri: Callable[[], str]) -> str:
    return new_uri()


@pytest.fixture
def vault(uri: str) -> Iterator[Pkcs11Vault]:
    opened = Pkcs11Vault(parse(uri))
    yield opened
    opened.close()


def session(vault: Pkcs11Vault) -> Any:
    """Return what whoever has broken into the process holds: the session, logged in."""
    return vault._Pkcs11Vault__session  # type: ignore[attr-defined]


def private_objects(vault: Pkcs11Vault) -> list[Any]:
    kinds = (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)
    return [each for kind in kinds for each in session(vault).get_objects({Attribute.CLASS: kind})]


def all_objects(vault: Pkcs11Vault) -> list[Any]:
    return list(session(vault).get_objects())


def filled(vault: Pkcs11Vault) -> list[object]:
    """Have keys of every origin in the vault, and return their handles."""
    vault.seal(b"data", b"label")
    handles: list[object] = [vault.make(Curve.P256, signs=signs)[1] for signs in (True, False)]
    for curve in vault.curves():
        handles += [vault.generate(curve, bytes), vault.import_key(curve, bytes(range(1, 33)))]
    return handles


# -- the private key never leaves ----------------------------------------------------------------------------------


def test_no_key_can_be_read_out_of_the_token(vault: Pkcs11Vault) -> None:
    """Whoever takes over the process asks the token for each private key, and for the key that seals."""
    _handles = filled(vault)
    found = private_objects(vault)

    assert len(found) >= 9
    for each in found:
        with pytest.raises(PKCS11Error):
            each[Attribute.VALUE]


@pytest.mark.parametrize("mechanism", [Mechanism.AES_KEY_WRAP, Mechanism.AES_KEY_WRAP_PAD])
def test_no_key_can_be_wrapped_out_of_the_token(vault: Pkcs11Vault, mechanism: Mechanism) -> None:
    """The usual way out of an HSM: a wrapping key that the thief knows."""
    _handles = filled(vault)
    targets = private_objects(vault)
    known = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE: bytes(32),
        Attribute.WRAP: True,
        Attribute.TOKEN: False,
    }
    thief = session(vault).create_object(known)
    for each in targets:
        with pytest.raises(PKCS11Error):
            thief.wrap_key(each, mechanism=mechanism)


@pytest.mark.parametrize("change", [{Attribute.EXTRACTABLE: True}, {Attribute.SENSITIVE: False}])
def test_a_key_cannot_be_made_extractable_afterwards(vault: Pkcs11Vault, change: dict[Attribute, bool]) -> None:
    """Neither by changing the key nor in a copy of it."""
    _handles = filled(vault)
    ((attribute, value),) = change.items()
    for each in private_objects(vault):
        with pytest.raises(PKCS11Error):
            each[attribute] = value
        with pytest.raises(PKCS11Error):
            each.copy(change)
        assert each[Attribute.SENSITIVE] is True
        assert each[Attribute.EXTRACTABLE] is False


def test_the_key_that_seals_does_nothing_else(vault: Pkcs11Vault) -> None:
    """With a second use, one function of the token is an oracle for the other."""
    vault.seal(b"data", b"label")
    (key,) = session(vault).get_objects({Attribute.LABEL: f"{name_of(vault)} sealing key"})

    uses = (Attribute.WRAP, Attribute.UNWRAP, Attribute.SIGN, Attribute.DERIVE)
    assert [use for use in uses if key[use]] == []


@pytest.mark.parametrize("attempt", [pickle.dumps, vars])
def test_a_vault_gives_nothing_of_itself(vault: Pkcs11Vault, attempt: Callable[[object], object]) -> None:
    """A crash report that copies every object it finds."""
    with pytest.raises(TypeError):
        attempt(vault)
    shared = {name for name in dir(SoftwareVault) if not name.startswith("_")}
    own = {"bound_to", "close", "curves", "find", "make"}
    assert {name for name in dir(vault) if not name.startswith("_")} == shared | own


def test_an_ephemeral_key_dies_with_its_handle(vault: Pkcs11Vault) -> None:
    """Forward secrecy: the key must not outlive the handshake that made it, nor fill the token."""
    before = len(all_objects(vault))
    handles = [vault.generate(Curve.P256, bytes), vault.import_key(Curve.P256, bytes(range(1, 33)))]
    assert len(all_objects(vault)) == before + 2

    handles.clear()
    gc.collect()

    assert len(all_objects(vault)) == before


def test_a_secret_that_was_agreed_on_does_not_stay_in_the_token(vault: Pkcs11Vault) -> None:
    """It is given out once; whoever comes later to the same session must not find it."""
    ours, theirs = (vault.generate(Curve.P256, bytes) for _ in range(2))
    before = len(all_objects(vault))
    vault.agree(ours, vault.public(theirs))

    assert len(all_objects(vault)) == before


def test_handles_mean_nothing_when_the_vault_is_closed(vault: Pkcs11Vault) -> None:
    """A handle that is left over must not name, or remove, what a later session keeps in its place."""
    handle = vault.generate(Curve.P256, bytes)
    vault.close()

    with pytest.raises(KeyError):
        vault.public(handle)


# -- keys that the token keeps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("curve", "signs"), [(Curve.P256, True), (Curve.P256, False), (Curve.ED25519, True)])
def test_a_kept_key_is_found_in_a_later_life(uri: str, vault: Pkcs11Vault, curve: Curve, signs: bool) -> None:
    """The device was switched off, and is still who it was."""
    assert isinstance(vault, KeptKeys)
    key_id, handle = vault.make(curve, signs=signs)
    public = vault.public(handle)
    del handle
    vault.close()
    later = Pkcs11Vault(parse(uri))
    try:
        found = later.find(key_id)
        assert later.public(found) == public
        if signs:
            public.verify(later.sign(found, b"message"), b"message")
        else:
            elsewhere = software_vault(bytes)
            peer = elsewhere.generate(curve, lambda size: bytes([7]) * size)
            assert later.agree(found, elsewhere.public(peer)) == elsewhere.agree(peer, public)
    finally:
        later.close()


@pytest.mark.parametrize("signs", [True, False])
def test_a_kept_key_serves_one_purpose(vault: Pkcs11Vault, signs: bool) -> None:
    """A key that both signs and agrees lets one protocol be played against the other."""
    _key_id, handle = vault.make(Curve.P256, signs=signs)
    peer = vault.public(vault.generate(Curve.P256, bytes))

    with pytest.raises(ProtocolError) as caught:
        vault.agree(handle, peer) if signs else vault.sign(handle, b"message")
    assert caught.value.problem is Problem.BAD_KEY


@pytest.mark.parametrize(("curve", "signs"), [(Curve.X25519, True), (Curve.ED25519, False)])
def test_a_key_is_not_made_for_what_its_curve_cannot_do(vault: Pkcs11Vault, curve: Curve, signs: bool) -> None:
    """The token might make it all the same, and refuse each use."""
    with pytest.raises(ProtocolError) as caught:
        vault.make(curve, signs=signs)
    assert caught.value.problem is Problem.BAD_KEY


def test_a_key_that_the_token_does_not_hold_is_one_line(vault: Pkcs11Vault) -> None:
    """The token was changed, or the identity belongs to another device."""
    with pytest.raises(StorageError, match=r"the token does not hold the key 00ff: was it"):
        vault.find(b"\x00\xff")


def test_two_vaults_of_one_token_do_not_open_what_the_other_sealed(
    vault: Pkcs11Vault, new_uri: Callable[[], str]
) -> None:
    """A lab has one token for many devices."""
    sealed, count = vault.seal(b"data", b"label"), vault.counter("a")
    vault.close()
    other = Pkcs11Vault(parse(new_uri()))
    try:
        with pytest.raises(InvalidTag):
            other.unseal(sealed, b"label")
        assert other.counter("a") == count == 0
    finally:
        other.close()


def test_what_is_sealed_is_bound_to_the_parties_too(uri: str, vault: Pkcs11Vault) -> None:
    """Label and binding must not run into each other: "ab" and "c" are not "a" and "bc"."""
    vault.close()
    vault = Pkcs11Vault(parse(uri), b"ab")
    sealed = vault.seal(b"data", b"c")
    assert vault.unseal(sealed, b"c") == b"data"
    vault.close()
    vault = Pkcs11Vault(parse(uri), b"a")
    with pytest.raises(InvalidTag):
        vault.unseal(sealed, b"bc")
    vault.close()


@pytest.mark.parametrize("flaw", [{Attribute.SENSITIVE: False}, {Attribute.EXTRACTABLE: True}])
def test_a_key_that_was_planted_in_the_token_is_not_used(vault: Pkcs11Vault, flaw: dict[Attribute, bool]) -> None:
    """Whoever had the PIN once has left keys that can be read, under the names that the device looks for."""
    hidden = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.TOKEN: True, **flaw}
    aes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: bytes(32)}
    session(vault).create_object({**aes, **hidden, Attribute.LABEL: f"{name_of(vault)} sealing key"})
    parameters = session(vault).create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: pkcs11_vault._PARAMETERS[Curve.P256]}, local=True
    )
    parameters.generate_keypair(id=name_of(vault).encode(), store=True, private_template=hidden)

    with pytest.raises(StorageError, match="can be read, so it was put there"):
        vault.seal(b"data", b"label")
    with pytest.raises(StorageError, match="can be read, so it was put there"):
        vault.find(name_of(vault).encode())


def test_two_keys_to_seal_with_are_one_line(uri: str, vault: Pkcs11Vault) -> None:
    """Somebody has copied objects into the token: which of them opens what there is, nobody but a person knows."""
    vault.seal(b"data", b"label")
    twin = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: bytes(32)}
    session(vault).create_object({**twin, Attribute.LABEL: f"{name_of(vault)} sealing key", Attribute.TOKEN: True})
    vault.close()
    later = Pkcs11Vault(parse(uri))
    try:
        with pytest.raises(StorageError, match=r"2 objects .* sealing key': remove all but the right one"):
            later.seal(b"data", b"label")
    finally:
        later.close()


def test_equal_data_are_sealed_to_different_bytes(vault: Pkcs11Vault) -> None:
    """A nonce of GCM that comes twice gives away the data and the authentication key."""
    sealed = {vault.seal(b"data", b"label")[:12] for _ in range(100)}

    assert len(sealed) == 100


@pytest.mark.parametrize("curve", Curve)
def test_what_the_token_cannot_do_is_one_line(
    uri: str, vault: Pkcs11Vault, curve: Curve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few secure elements have every curve."""
    vault.close()
    kind, _needed = pkcs11_vault._MECHANISMS[curve]
    monkeypatch.setitem(pkcs11_vault._MECHANISMS, curve, (kind, {Mechanism.SHA3_512}))
    vault = Pkcs11Vault(parse(uri))
    try:
        assert vault.curves() == set(Curve) - {curve}
        for attempt in (vault.generate, lambda curve, _: vault.import_key(curve, bytes(range(1, 33)))):
            with pytest.raises(StorageError, match=rf"the token has no keys on {curve.name}: use another"):
                attempt(curve, bytes)
    finally:
        vault.close()


@pytest.mark.parametrize("other", ["06032b656f", "06052b8104000a"], ids=["X448", "secp256k1"])
def test_a_curve_that_the_token_lists_and_refuses_is_not_offered(
    uri: str, vault: Pkcs11Vault, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """One mechanism stands for Edwards and Montgomery curves, and tokens have the former alone: only trying tells."""
    vault.close()
    monkeypatch.setitem(pkcs11_vault._PARAMETERS, Curve.X25519, bytes.fromhex(other))
    vault = Pkcs11Vault(parse(uri))
    try:
        assert vault.curves() == {Curve.P256, Curve.ED25519}
    finally:
        vault.close()


# -- counters ------------------------------------------------------------------------------------------------------


def counter_objects(vault: Pkcs11Vault) -> list[Any]:
    return [
        each
        for each in session(vault).get_objects({Attribute.CLASS: ObjectClass.DATA})
        if each[Attribute.LABEL].startswith(name_of(vault))
    ]


def name_of(vault: Pkcs11Vault) -> str:
    return str(vault._Pkcs11Vault__name)  # type: ignore[attr-defined]


def put(vault: Pkcs11Vault, value: bytes) -> Any:
    """Leave an object of the counter "a" in the token."""
    return session(vault).create_object(
        {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.APPLICATION: "picosec",
            Attribute.LABEL: f"{name_of(vault)} counter a",
            Attribute.VALUE: value,
        }
    )


def test_counting_leaves_one_object(vault: Pkcs11Vault) -> None:
    """A secure element has room for a few objects only."""
    for _ in range(5):
        vault.counter("a")

    assert len(counter_objects(vault)) == 1


@pytest.mark.parametrize("torn", [b"", b"\x00\x00\x00", (1).to_bytes(8, "big")], ids=["empty", "half", "old"])
def test_a_loss_of_power_while_counting_repeats_nothing(vault: Pkcs11Vault, torn: bytes) -> None:
    """It strikes while the new object is written, or before the old one is removed."""
    assert [vault.counter("a") for _ in range(3)] == [0, 1, 2]
    put(vault, torn)

    assert vault.counter("a") == 3
    assert len(counter_objects(vault)) == 1


def test_a_counter_of_which_nothing_is_whole_does_not_start_again(vault: Pkcs11Vault) -> None:
    """Starting from 0 would repeat nonces."""
    put(vault, b"\x00")

    for _ in range(2):
        with pytest.raises(StorageError, match=r"damaged: make new keys$"):
            vault.counter("a")


def test_two_processes_that_count_at_once_get_no_number_twice(
    vault: Pkcs11Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PKCS#11 has no lock: the other one reads the counter before this one has written it."""
    vault.counter("a")
    objects, looks = pkcs11_counters.TokenCounters._objects, iter(range(9))

    def interrupted(counters: Any, label: str) -> list[Any]:
        if next(looks) == 1:
            put(vault, (2).to_bytes(8, "big"))
        return list(objects(counters, label))

    with monkeypatch.context() as patch:
        patch.setattr(pkcs11_counters.TokenCounters, "_objects", interrupted)
        with pytest.raises(StorageError, match="in use by another picosec"):
            vault.counter("a")

    assert len(counter_objects(vault)) == 2, "what this one wrote is gone"
    assert vault.counter("a") == 2, "the other one has number 1"


COUNT = """
import sys
from picosec.net.pkcs11_uri import parse
from picosec.net.pkcs11_vault import Pkcs11Vault
vault = Pkcs11Vault(parse(sys.argv[1]))
while True:
    print(vault.counter("a"), flush=True)
"""


def test_a_process_that_is_killed_while_it_counts_repeats_nothing(uri: str, softhsm: SimpleNamespace) -> None:
    """The real thing: no number that was given out comes again, wherever the process was."""
    given: list[int] = []
    for _ in range(3):
        line = [sys.executable, "-c", COUNT, uri]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            given += [int(process.stdout.readline()) for _ in range(20)]
            os.kill(process.pid, signal.SIGKILL)
            given += [int(each) for each in process.stdout.read().split("\n")[:-1]]

    assert len(given) >= 60
    assert given == sorted(set(given))


# -- what a person is told -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("token=lamp", "token=lantern"), "there is no token 'lantern': is it plugged in, and its name right?"),
        (("token=lamp", "token=lamp;serial=1"), "there is no token 'lamp': is it plugged in, and its name right?"),
        (("token=lamp", "token=lamp;model=x"), "there is no token 'lamp': is it plugged in, and its name right?"),
        (("module-path=", "module-path=/none"), "there is no such PKCS#11 library"),
        (("module-path=[^&]*", "module-path=/usr/bin/env"), "is not a PKCS#11 library that works here"),
        (("[?]module-path=[^&]*&", "?"), "no PKCS#11 library is named: add ?module-path="),
        (("&pin-source=.*", ""), "no PIN: add &pin-source="),
        (("pin-source=.*", "pin-source=/none"), "/none: there is no such file"),
        (("pin-source=.*", "pin-source=/dev/null"), "/dev/null is not a file"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    uri: str, change: tuple[str, str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody sets up a device, and something is not there yet."""
    for name in ("PICOSEC_PIN", "PICOSEC_PKCS11_MODULE"):
        monkeypatch.delenv(name, raising=False)
    changed = re.sub(*change, uri, count=1)
    assert changed != uri
    with pytest.raises(StorageError) as caught:
        Pkcs11Vault(parse(changed))

    assert line in caught.value.detail
    assert "\n" not in caught.value.detail


@pytest.mark.parametrize("pin", ["9999", "1", "9" * 300])
def test_a_wrong_pin_is_one_line_that_does_not_tell_it(uri: str, pin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PIN in a log is a PIN for everybody."""
    monkeypatch.setenv("PICOSEC_PIN", pin)
    with pytest.raises(StorageError) as caught:
        Pkcs11Vault(parse(uri.partition("&")[0]))

    assert caught.value.detail == "token 'lamp' refuses this PIN: a few more tries may lock it"


def test_module_and_pin_come_from_the_environment_too(
    uri: str, softhsm: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager hands them over."""
    monkeypatch.setenv("PICOSEC_PIN", softhsm.pin)
    monkeypatch.setenv("PICOSEC_PKCS11_MODULE", str(softhsm.module))
    vault = Pkcs11Vault(parse(uri.partition("?")[0]))

    assert vault.counter("a") == 0
    vault.close()


@pytest.mark.parametrize(("content", "line"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is not text")])
def test_a_pin_file_holds_the_pin_and_nothing_else(uri: str, tmp_path: Any, content: bytes, line: str) -> None:
    """An empty file is a mistake and not an empty PIN."""
    file = tmp_path / "pin"
    file.touch(mode=0o600)
    file.write_bytes(content)
    with pytest.raises(StorageError, match=line):
        Pkcs11Vault(parse(re.sub("pin-source=.*", f"pin-source={file}", uri)))


def test_a_token_that_is_open_is_not_opened_twice(uri: str, vault: Pkcs11Vault) -> None:
    """Two vaults in one process would log each other out."""
    with pytest.raises(StorageError, match="already open in this process"):
        Pkcs11Vault(parse(uri))


# The binding itself complains about the search that it cannot end, on standard error.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_token_that_is_taken_away_is_one_line(vault: Pkcs11Vault) -> None:
    """The smart card is pulled in the middle of a handshake: the peer is told of an internal error."""
    handle = vault.generate(Curve.P256, bytes)
    peer = vault.public(vault.generate(Curve.P256, bytes))
    session(vault).close()

    for attempt in (
        lambda: vault.sign(handle, b"message"),
        lambda: vault.agree(handle, peer),
        lambda: vault.seal(b"data", b"label"),
        lambda: vault.counter("a"),
        lambda: vault.generate(Curve.P256, bytes),
        lambda: vault.make(Curve.P256, signs=True),
    ):
        with pytest.raises(StorageError, match=r"the token cannot \w+") as caught:
            attempt()
        assert caught.value.problem is Problem.INTERNAL


def test_a_library_that_is_not_loaded_does_not_matter_to_others() -> None:
    """Whoever has no token needs no binding: nothing of it is loaded."""
    code = "import sys, picosec.cli.device, picosec.cli.rest; sys.exit('pkcs11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
