"""The files of devices that give evidence of what they run (spec/v1/identity-attestation.md).

``NAME.toml`` is the device's alone::

    [attester]
    ueid = "0151…"                  # hexadecimal, 7 to 33 bytes: names the device for as long as it exists
    debug = "disabled"              # the state of its debug ports: one of ``DEBUG``
    maker = "8f21…"                 # hexadecimal, 3 or 16 bytes; only ``disabled-permanently`` needs it
    kid = "2b"                      # these four: the key that signs evidence, and nothing else
    curve = "P-256"
    public_key = "ac75…"
    sealed_key = "d0c5…"
    [software]
    firmware = "/usr/lib/lamp.bin"  # what runs, by name: measured when the device starts

``NAME.public.toml`` is for whoever judges the evidence. It says what of the device is acceptable, which may be changed
by hand::

    [attester]
    ueid = "0151…"                  # these four: as above
    …
    [acceptable]
    debug = "disabled"              # this, or something safer
    tampered = "0"                  # at most so often, and there has to be a sensor; without it, never
    [acceptable-software]
    firmware = "9f86… 60af…"        # SHA-256 of what may run, with a space between several; nothing else may
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from picosec.cli.files import public_half
from picosec.cli.key_files import public_lines, read_kid, read_public
from picosec.cli.mistakes import Mistake
from picosec.cli.private import Keeper, Private, read_private
from picosec.cli.tables import Table, document, explain, must_be_new, write_tables
from picosec.crypto.curves import Curve, PublicKey
from picosec.errors import ProtocolError
from picosec.identity.attester import Attester
from picosec.identity.evidence import MAX_NAME, MAX_SOFTWARE, UEID_SIZES, Debug, is_maker, is_name, is_ueid
from picosec.identity.keys import HASH_SIZE
from picosec.identity.verifier import Appraisal, KnownAttester
from picosec.messaging import cbor

TABLE: Final = "attester"
_SOFTWARE, _ACCEPTABLE, _ACCEPTABLE_SOFTWARE = "software", "acceptable", "acceptable-software"
#: The states of debug ports, as a person writes them.
DEBUG: Final = {state.name.lower().replace("_", "-"): state for state in Debug}


def is_attester(path: Path) -> bool:
    """Whether a file is that of a device that gives evidence. Raises :class:`Mistake` for one that is no TOML."""
    return TABLE in document(path)


def attester_label(kid: bytes, key: PublicKey, ueid: bytes) -> bytes:
    """Return what the key for evidence is sealed under: it opens for its own device only."""
    return b"picosec attester " + cbor.dumps([kid, ueid, key.curve.value, key.x, key.y])


def sealing_label(path: Path) -> bytes:
    """Return the same for the key in a file. Raises :class:`Mistake`."""
    known = _known(path, Appraisal())
    return attester_label(known.kid, known.key, known.ueid)


def read_ueid(text: str, where: str) -> bytes:
    """Return the name of a device. Raises :class:`Mistake`, which says ``where`` it stands."""
    try:
        ueid = bytes.fromhex(text)
    except ValueError as error:
        raise Mistake(f"{where} takes hexadecimal digits, not {text!r}") from error
    if not is_ueid(ueid):
        raise Mistake(f"{where} takes {UEID_SIZES[0]} to {UEID_SIZES[-1]} bytes, two digits each")
    return ueid


def read_code(given: Iterable[str]) -> dict[str, Path]:
    """Return the files of ``--code NAME=FILE`` by name. Raises :class:`Mistake`."""
    files: dict[str, Path] = {}
    for text in given:
        name, separator, path = text.partition("=")
        if not separator or not path or name in files:
            raise Mistake(f"--code takes NAME=FILE, each name once, not {text!r}")
        files[name] = Path(path)
    _check_names(files, "--code")
    return files


def measured(path: Path) -> bytes:
    """Return the SHA-256 of what is in a file. Raises :class:`Mistake`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise Mistake(f"{path} cannot be measured: {error.strerror}") from error


def write_attester(path: Path, attester: Attester, key: PublicKey, private: Private, code: Mapping[str, Path]) -> Path:
    """Write what a device has, and what is for others beside it; return the path of that. Raises :class:`Mistake`.

    Acceptable is at first the state that it is in now.
    """
    public_path = public_half(path)
    must_be_new(path, public_path)
    debug = next(name for name, state in DEBUG.items() if state is attester.debug)
    public = {"ueid": attester.ueid.hex(), "kid": attester.kid.hex(), **public_lines(key)}
    own = {**public, "debug": debug}
    if isinstance(attester.maker, bytes):
        own["maker"] = attester.maker.hex()
    files = {name: str(file.resolve()) for name, file in code.items()}
    hashes = {name: each.hex() for name, each in attester.software.items()}
    write_tables(path, {TABLE: {**own, **private.lines()}, _SOFTWARE: files}, 0o600, private.comment)
    told = {TABLE: public, _ACCEPTABLE: {"debug": debug}, _ACCEPTABLE_SOFTWARE: hashes}
    write_tables(public_path, told, 0o644, "This may be handed to anybody, who may change what he finds acceptable.")
    return public_path


def read_attester(path: Path, keeper: Keeper) -> Attester:
    """Bring the key into the vault, and measure what runs. Raises :class:`Mistake`."""
    table, known = Table(path, TABLE), _known(path, Appraisal())
    private = read_private(path, table, TABLE)
    if private is None:
        raise Mistake(f"{path} has no private_key: give the file that `picosec attest new` wrote, not its public half")
    debug, maker = table.choice("debug", DEBUG), table.optional_binary("maker")
    check_maker(debug, maker, f"{path}: maker")
    software = {name: measured(path.parent / file) for name, file in _texts(path, _SOFTWARE).items()}
    label = attester_label(known.kid, known.key, known.ueid)
    try:
        handle = keeper.open(private, known.key.curve, label, path.stem)
    except ProtocolError as error:
        raise explain(path, error) from error
    if keeper.vault.public(handle).x != known.key.x:
        raise Mistake(f"{path}: the private key does not belong to the public key")
    return Attester(known.kid, handle, known.ueid, debug, software, maker)


def check_maker(debug: Debug, maker: bytes | None, where: str) -> None:
    """Raise :class:`Mistake` unless a maker is named as it has to be (IDN-1910)."""
    if maker is not None and not is_maker(maker):
        raise Mistake(f"{where} takes 16 bytes by chance, or the 3 that the IEEE gave")
    if maker is None and debug is Debug.DISABLED_PERMANENTLY:
        raise Mistake(f"{where} is missing: where the maker alone opens debug ports, evidence has to name him")


def read_known(path: Path) -> KnownAttester:
    """Read whose evidence is believed, and what of him is acceptable. Raises :class:`Mistake`."""
    tables = document(path)
    if _ACCEPTABLE not in tables:
        raise Mistake(f"{path} says nothing of what is acceptable: give NAME.public.toml of `picosec attest new`")
    table = Table(path, _ACCEPTABLE)
    count = table.values.get("tampered")
    if count is not None and not str(count).isdecimal():
        raise Mistake(f"{path}: tampered must be a number")
    software = None
    if _ACCEPTABLE_SOFTWARE in tables:
        texts = _texts(path, _ACCEPTABLE_SOFTWARE)
        software = {name: frozenset(_hashes(path, name, text)) for name, text in texts.items()}
    most = None if count is None else int(count)
    return _known(path, Appraisal(table.choice("debug", DEBUG), software, most))


def _known(path: Path, appraisal: Appraisal) -> KnownAttester:
    table = Table(path, TABLE)
    key, ueid = read_public(path, table), read_ueid(table.text("ueid", ""), f"{path}: ueid")
    if key.curve is Curve.X25519:
        raise Mistake(f"{path}: a key on X25519 signs no evidence")
    return KnownAttester(read_kid(path, table), key, ueid, appraisal)


def _hashes(path: Path, name: str, text: str) -> list[bytes]:
    try:
        hashes = [bytes.fromhex(part) for part in text.split()]
    except ValueError:
        hashes = []
    if not hashes or any(len(each) != HASH_SIZE for each in hashes):
        raise Mistake(f"{path}: {name} must have SHA-256 hashes, {2 * HASH_SIZE} hexadecimal digits each")
    return hashes


def _texts(path: Path, name: str) -> dict[str, str]:
    table = Table(path, name)
    texts = {key: table.text(key, "") for key in table.values}
    _check_names(texts, f"{path}: [{name}]")
    return texts


def _check_names(names: Mapping[str, object], where: str) -> None:
    if not 0 < len(names) <= MAX_SOFTWARE or not all(map(is_name, names)):
        raise Mistake(f"{where} takes 1 to {MAX_SOFTWARE} pieces of software, with names of 1 to {MAX_NAME} bytes")
