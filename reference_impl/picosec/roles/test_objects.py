"""Objects in the Test Interface: keys that it gives to a test build, and the act that makes an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.crypto.vault import Vault
from picosec.objects.keys import GroupKey, OwnKey, Purpose, SenderKey
from picosec.objects.statement import MAX_KID
from picosec.roles.keyring import Keyring
from picosec.roles.objects import Draft
from picosec.roles.test_fields import each, fields, mismatch, unsigned

#: Algorithms of group keys: those with a tag of 16 bytes.
_ALGORITHMS: Final = {aead.value: aead for aead in Aead if aead.tag_length == 16}
#: Of a COSE_Key on each curve, the kty and how many members it has.
_FORMS: Final = {Curve.P256: (2, 4), Curve.X25519: (1, 3), Curve.ED25519: (1, 3)}
#: Curves whose keys agree on secrets, so that something can be sealed to them.
_READING: Final = (Curve.P256, Curve.X25519)


@dataclass(frozen=True, slots=True)
class ObjectKeys:
    """What a provisioning says of objects. ``epoch`` is the date at time 0, None when it says nothing of it."""

    own: list[OwnKey]
    senders: list[SenderKey]
    groups: list[GroupKey]
    epoch: int | None

    def give_to(self, keyring: Keyring) -> None:
        """Put it into a keyring, whose date stays what it was if nothing is said of it."""
        keyring.inbox.admit(self.own, self.senders, self.groups)
        if self.epoch is not None:
            keyring.epoch = self.epoch


def read_objects(value: Any, vault: Vault) -> ObjectKeys:
    """Return what is provisioned; private keys go into the vault. Raises ``bad_request``, ``bad_key``."""
    entries = fields(value, {}, {1: list, 2: list, 3: list, 4: int})

    def own(row: Any) -> OwnKey:
        return _own(row, vault)

    senders, groups = each(entries.get(2, []), _sender), each(entries.get(3, []), _group)
    return ObjectKeys(each(entries.get(1, []), own), senders, groups, entries.get(4))


def read_draft(parameters: Any) -> Draft:
    """Return the object that the act asks for. Raises ``bad_request``, and ``bad_key`` for no key of a reader's."""
    entries = fields(parameters, {1: bytes, 2: bytes, 3: int, 4: bytes, 5: int}, {6: int, 7: dict, 8: bytes})
    if entries[3] > 0xFFFF or (7 in entries and 8 in entries):
        raise mismatch("an object has contents of a Content-Format, and is for one reader or for a group")
    return Draft(
        read_kid(entries[1]),
        read_kid(entries[2]),
        _purpose(entries[5]),
        entries[3],
        entries[4],
        entries.get(6),
        read_cose_key(entries[7], _READING) if 7 in entries else None,
        read_kid(entries[8]) if 8 in entries else None,
    )


def _own(value: Any, vault: Vault) -> OwnKey:
    entries = fields(value, {1: bytes, 2: int, 3: bytes, 4: int}, {})
    try:
        curve = Curve(entries[2])
    except ValueError as error:
        raise mismatch(f"no curve {entries[2]}") from error
    return OwnKey(read_kid(entries[1]), vault.import_key(curve, entries[3]), _purpose(entries[4]))


def _sender(value: Any) -> SenderKey:
    entries = fields(value, {1: bytes, 2: dict, 4: int}, {})
    return SenderKey(read_kid(entries[1]), read_cose_key(entries[2], tuple(Curve)), _purpose(entries[4]))


def _group(value: Any) -> GroupKey:
    entries = fields(value, {1: bytes, 2: bytes, 3: int, 4: int}, {})
    aead = _ALGORITHMS.get(entries[3])
    if aead is None or len(entries[2]) != aead.key_length:
        raise mismatch("no algorithm of the profile, or no key for it")
    return GroupKey(read_kid(entries[1]), entries[2], aead, _purpose(entries[4]))


def read_cose_key(value: Any, curves: Sequence[Curve]) -> PublicKey:
    """Return a COSE_Key on one of these curves. Raises ``bad_request``, and ``bad_key`` for no point of its curve."""
    members = fields(value, {1: int, -1: int, -2: bytes}, {-3: bytes})
    for curve in curves:
        if (members[1], len(members)) == _FORMS[curve] and members[-1] == curve.value:
            return decode_public(curve, members[-2], members.get(-3))
    raise mismatch("no COSE_Key on a curve that serves here")


def _purpose(value: Any) -> Purpose:
    if unsigned(value) not in set(Purpose):
        raise mismatch(f"no purpose {value}")
    return Purpose(value)


def read_kid(value: bytes) -> bytes:
    """Return a key identifier. Raises ``bad_request`` for one of a length that none has."""
    if not 0 < len(value) <= MAX_KID:
        raise mismatch(f"a key identifier has 1 to {MAX_KID} bytes")
    return value
