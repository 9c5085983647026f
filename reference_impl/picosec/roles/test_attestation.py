"""Attestation in the Test Interface: a key for evidence, what holds of the device, and whose evidence it believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec.crypto.curves import Curve
from picosec.crypto.vault import Vault
from picosec.identity.attester import Attester
from picosec.identity.evidence import MAX_SOFTWARE, Debug, is_maker, is_name, is_ueid
from picosec.identity.keys import ALGORITHMS, HASH_SIZE
from picosec.identity.tamper import TamperKind
from picosec.identity.verifier import Appraisal, KnownAttester
from picosec.roles.keyring import Keyring
from picosec.roles.test_fields import each, fields, mismatch, some, typed, unsigned
from picosec.roles.test_objects import read_cose_key, read_kid


@dataclass(frozen=True, slots=True)
class AttestationGift:
    """What a provisioning says of attestation: a key of its own, None to keep what there is, and whom to believe."""

    own: Attester | None
    known: list[KnownAttester]

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring."""
        if self.own is not None:
            keyring.attester = self.own
        keyring.verifier.admit(self.known)


def read_attestation(value: Any, vault: Vault) -> AttestationGift:
    """Return what is provisioned; a private key goes into the vault. Raises ``bad_request``, ``bad_key``."""
    entries = fields(value, {}, {1: dict, 2: list})
    known = each(entries.get(2, []), _known)
    return AttestationGift(_own(entries[1], vault) if 1 in entries else None, known)


def read_tamper(parameters: Any) -> TamperKind:
    """Return what the sensor is to notice. Raises ``bad_request``."""
    kind = fields(parameters, {1: int}, {})[1]
    if kind not in set(TamperKind):
        raise mismatch(f"no kind of tampering {kind}")
    return TamperKind(kind)


def _own(value: Any, vault: Vault) -> Attester:
    said = dict(typed(value, dict))
    named, maker = 7 in said, said.pop(7, None)
    entries = fields(said, {1: bytes, 2: int, 3: bytes, 4: bytes, 5: int, 6: dict}, {})
    curves = {curve.value: curve for curve in ALGORITHMS}
    if entries[2] not in curves:
        raise mismatch(f"a key for evidence is not on curve {entries[2]}")
    kid, ueid, debug = read_kid(entries[1]), _ueid(entries[4]), _debug(entries[5])
    software = {name: _hash(each) for name, each in _named(entries[6]).items()}
    if not is_maker(maker) if named else debug is Debug.DISABLED_PERMANENTLY:
        raise mismatch("no name of the maker")
    return Attester(kid, vault.import_key(curves[entries[2]], entries[3]), ueid, debug, software, maker)


def _known(value: Any) -> KnownAttester:
    entries = fields(value, {1: bytes, 2: dict, 3: bytes}, {4: dict})
    key = read_cose_key(entries[2], (Curve.P256, Curve.ED25519))
    return KnownAttester(read_kid(entries[1]), key, _ueid(entries[3]), _appraisal(entries.get(4, {})))


def _appraisal(value: Any) -> Appraisal:
    entries = fields(value, {}, {1: int, 2: dict, 3: int})
    software = None
    if 2 in entries:
        software = {name: frozenset(some(hashes, _hash)) for name, hashes in _named(entries[2]).items()}
    return Appraisal(_debug(entries.get(1, Debug.DISABLED)), software, entries.get(3))


def _named(value: dict[Any, Any]) -> dict[str, Any]:
    """Return what has names of software for its keys."""
    if not 0 < len(value) <= MAX_SOFTWARE or not all(map(is_name, value)):
        raise mismatch(f"1 to {MAX_SOFTWARE} pieces of software have names")
    return value


def _ueid(value: bytes) -> bytes:
    if not is_ueid(value):
        raise mismatch("no UEID")
    return value


def _debug(value: int) -> Debug:
    if unsigned(int(value)) not in set(Debug):
        raise mismatch(f"no state of debug ports {value}")
    return Debug(value)


def _hash(value: Any) -> bytes:
    if len(typed(value, bytes)) != HASH_SIZE:
        raise mismatch(f"a hash of {HASH_SIZE} bytes")
    return typed(value, bytes)
