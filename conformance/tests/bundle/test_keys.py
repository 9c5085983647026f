"""Lab keys: made once, kept by their owner, read by every tool, named by a thumbprint."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from picosec_conformance.bundle.keys import KeyFileError, make_key, read_private, read_public, thumbprint
from picosec_conformance.cli import main


def test_both_halves_belong_together(tmp_path: Path) -> None:
    """The lab keeps one file and hands out the other."""
    public, identifier = make_key(tmp_path / "lab.pem")

    assert public == tmp_path / "lab.public.pem"
    assert read_private(tmp_path / "lab.pem").public_key() == read_public(public)
    assert thumbprint(read_public(public)) == identifier


def test_private_key_is_for_its_owner_only(tmp_path: Path) -> None:
    """Whoever else on the machine can read it signs certificates in the lab's name."""
    old = os.umask(0)
    try:
        public, _ = make_key(tmp_path / "lab.pem")
    finally:
        os.umask(old)

    assert stat.S_IMODE((tmp_path / "lab.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_private_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A copied key arrives with the rights of a picture."""
    make_key(tmp_path / "lab.pem")
    (tmp_path / "lab.pem").chmod(mode)

    with pytest.raises(KeyFileError, match="chmod 600"):
        read_private(tmp_path / "lab.pem")


@pytest.mark.parametrize("there", ["lab.pem", "lab.public.pem"])
def test_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    """The key under last year's certificates is gone with one arrow-up and Enter."""
    (tmp_path / there).write_text("precious")

    with pytest.raises(KeyFileError, match="there already"):
        make_key(tmp_path / "lab.pem")

    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_link_that_waits_under_the_name_is_not_followed(tmp_path: Path) -> None:
    """In a shared folder somebody puts a link where the key will be written, to where they can read it."""
    (tmp_path / "lab.pem").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeyFileError):
        make_key(tmp_path / "lab.pem")

    assert not (tmp_path / "elsewhere").exists()


def test_identifier_is_the_thumbprint_of_rfc_9679() -> None:
    """SHA-256 over the COSE_Key of kty, crv and x, in that order: computed here by hand from its bytes."""
    from hashlib import sha256

    x = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")  # RFC 8032, test 1
    by_hand = bytes.fromhex("a301012006215820") + x

    assert thumbprint(Ed25519PublicKey.from_public_bytes(x)) == sha256(by_hand).digest()


def test_files_that_hold_something_else_are_told(tmp_path: Path) -> None:
    """The wrong file after --lab-key or --key is the commonest mistake."""
    public, _ = make_key(tmp_path / "lab.pem")
    other = generate_private_key(SECP256R1())
    (tmp_path / "p256.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "p256.pem").chmod(0o600)
    spki = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "p256.public.pem").write_bytes(spki)
    public.chmod(0o600)

    for read, name, words in (
        (read_private, "none.pem", "cannot be read"),
        (read_private, "lab.public.pem", "no private key"),
        (read_private, "p256.pem", "another kind of key"),
        (read_public, "lab.pem", "no public key"),
        (read_public, "p256.public.pem", "another kind of key"),
    ):
        with pytest.raises(KeyFileError, match=words):
            read(tmp_path / name)


def test_command_prints_where_and_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The identifier goes onto the lab's web page."""
    assert main(["lab-key", str(tmp_path / "lab.pem")]) == 0
    said = capsys.readouterr().out
    assert f"key identifier {thumbprint(read_public(tmp_path / 'lab.public.pem')).hex()}" in said

    assert main(["lab-key", str(tmp_path / "lab.pem")]) == 2
    assert "there already" in capsys.readouterr().err


def test_command_in_a_folder_that_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error in a path."""
    assert main(["lab-key", str(tmp_path / "nowhere" / "lab.pem")]) == 2
    assert "No such file" in capsys.readouterr().err
