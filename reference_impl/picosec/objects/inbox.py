"""Opening objects: everything is judged, in order, before anything is delivered or remembered (spec/v1/objects.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from picosec.crypto.curves import PublicKey
from picosec.crypto.vault import Vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.replay import ReplayWindow
from picosec.objects.headers import Headers, Label, check_algorithm, check_only, malformed
from picosec.objects.keys import GroupKey, Keys, OwnKey, Purpose, SenderKey, Voucher
from picosec.objects.sealed import TAG_ENCRYPT, TAG_ENCRYPT0, Sealed, Sealed0, strong_algorithm
from picosec.objects.signed import TAG, Signed
from picosec.objects.statement import MAX_KID, MAX_SIZE, Statement, read_purpose, read_statement
from picosec.registry import CONTENT_FORMAT_COSE_SIGN1, Problem

#: Seconds by which a sender's clock may be ahead (OBJ-240).
MAX_AHEAD: Final = 300
#: Seconds after which an object without an end is refused, unless a policy says otherwise: 30 days (OBJ-250).
MAX_AGE: Final = 30 * 86400
#: How far behind a sender's highest number an object may come (OBJ-260).
WINDOW: Final = 64
#: Senders whom somebody vouched for, of whom it is remembered which objects were taken (IDN-960).
MAX_STRANGERS: Final = 64

_SEALED_HEADER: Final = {int(Label.ALG), int(Label.CONTENT_TYPE), int(Label.TYP)}
_GROUP_HEADER: Final = {*_SEALED_HEADER, int(Label.KID)}


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Inbox:
    """One recipient: its own keys, whom it believes, which groups it is in, and what it took already.

    What was taken is remembered by the key that signed it, so memory is bounded by the keys that were believed. It has
    to outlive a loss of power (OBJ-280): see :meth:`keep_by`.
    """

    vault: Vault
    own: Keys[OwnKey] = field(default_factory=Keys)
    senders: Keys[SenderKey] = field(default_factory=Keys)
    groups: Keys[GroupKey] = field(default_factory=Keys)
    max_age: int = MAX_AGE
    voucher: Voucher | None = None
    _taken: dict[bytes, ReplayWindow] = field(default_factory=dict)
    _keep: Callable[[], None] = _nothing

    def admit(
        self, own: Iterable[OwnKey] = (), senders: Iterable[SenderKey] = (), groups: Iterable[GroupKey] = ()
    ) -> None:
        """Take in more keys; one of a known identifier takes the place of the one there was."""
        self.own = Keys([*self.own, *own])
        self.senders = Keys([*self.senders, *senders])
        self.groups = Keys([*self.groups, *groups])

    def open(self, data: bytes, now: float | None) -> Statement:
        """Judge an object and take it at once; raises as :meth:`judge` does, and then nothing has changed."""
        statement = self.judge(data, now)
        self.take(statement)
        return statement

    def judge(self, data: bytes, now: float | None) -> Statement:
        """Return what an object says; ``now`` is in seconds since 1970, ``None`` without a trusted clock.

        Nothing changes: whoever acts on it calls :meth:`take` first. Raises ``too_large``, ``malformed``,
        ``not_deterministic``, ``unsupported_algorithm``, ``unknown_credential``, ``wrong_purpose``, ``bad_key``,
        ``authentication_failed``, ``misdirected``, ``bad_credential`` (IDN-950), ``stale``, ``replayed`` or
        ``exhausted`` (IDN-960).
        """
        statement = self._vouched(self._verified(data), now)
        self._check_time(statement, now)
        window = self._taken.get(self._signer(statement))
        if window is not None and window.seen(statement.sequence):
            raise ProtocolError(Problem.REPLAYED, "OBJ-260", f"object {statement.sequence} of this sender")
        if window is None and statement.credentials and self._strangers() >= MAX_STRANGERS:
            raise ProtocolError(Problem.EXHAUSTED, "IDN-960", "no memory for the objects of another sender")
        return statement

    def take(self, statement: Statement) -> None:
        """Remember that an object, just judged, was taken, so that it is never taken again (OBJ-260)."""
        self._taken.setdefault(self._signer(statement), ReplayWindow(WINDOW)).mark(statement.sequence)
        self._keep()

    def keep_by(self, keep: Callable[[], None]) -> None:
        """Have what was taken stored by this, before anybody acts on it."""
        self._keep = keep

    def remembered(self) -> list[Any]:
        """Return what was taken, as CBOR values for :meth:`recall`."""
        return sorted([signer, *window.state] for signer, window in self._taken.items())

    def recall(self, rows: Iterable[Any]) -> None:
        """Know again what was taken in an earlier life."""
        for signer, highest, marks in rows:
            self._taken.setdefault(signer, ReplayWindow(WINDOW)).recall(highest, marks)

    def state(self) -> list[Any]:
        """Return, as a CBOR value for a digest, which keys there are, without secrets, and what was taken."""
        keys = [
            [[key.kid, int(key.purpose), _name(self.vault.public(key.handle))] for key in self.own],
            [[key.kid, int(key.purpose), _name(key.key)] for key in self.senders],
            [[key.kid, int(key.purpose), key.aead.value, sha256(key.key).digest()] for key in self.groups],
        ]
        return [keys, self.remembered()]

    def _signer(self, statement: Statement) -> bytes:
        """Return what names the key that signed, whatever identifier it goes by."""
        return _name(statement.signer or self.senders.find(statement.sender, statement.purpose).key)

    def _senders(self, statement: Statement) -> Sequence[SenderKey]:
        """Return the keys that may have signed, at least one: the one that was provisioned goes before all others.

        Raises ``unknown_credential`` (OBJ-190) or ``wrong_purpose`` (OBJ-200, IDN-940).
        """
        if self.voucher is not None and statement.sender not in self.senders:
            vouched = self.voucher.senders(statement.sender, statement.purpose)
            if vouched:
                return vouched
        return [self.senders.find(statement.sender, statement.purpose)]

    def _vouched(self, statement: Statement, now: float | None) -> Statement:
        """Return a verified object with the credentials of its sender, if he has any. Raises ``bad_credential``."""
        if self.voucher is None or statement.signer is None or statement.sender in self.senders:
            return statement
        sender = SenderKey(statement.sender, statement.signer, statement.purpose)
        return replace(statement, credentials=self.voucher.credentials(sender, now))

    def _strangers(self) -> int:
        """Return of how many keys something was taken that were not provisioned."""
        return len(self._taken.keys() - {_name(sender.key) for sender in self.senders})

    def _verified(self, data: bytes) -> Statement:
        tag = form_of(data)
        if tag == TAG:
            return self._believed(Signed.decode(data), None)
        purpose, signed = self._unsealed(data) if tag == TAG_ENCRYPT else self._unsealed0(data)
        return self._believed(Signed.decode(signed), purpose)

    def _believed(self, signed: Signed, purpose: Purpose | None) -> Statement:
        statement = read_statement(signed)
        signed.check_algorithm()
        senders = self._senders(statement)
        if purpose not in (None, statement.purpose):
            raise ProtocolError(Problem.WRONG_PURPOSE, "OBJ-220", "sealed for another purpose than it was signed for")
        sender = _verifying(signed, senders)
        self._check_recipient(statement)
        return replace(statement, signer=sender.key)

    def _check_recipient(self, statement: Statement) -> None:
        if statement.recipient not in self.own and statement.recipient not in self.groups:
            raise ProtocolError(Problem.MISDIRECTED, "OBJ-230", "the object is signed for somebody else")

    def _unsealed(self, data: bytes) -> tuple[Purpose, bytes]:
        sealed = Sealed.decode(data)
        purpose = _read_outer(sealed.headers, _SEALED_HEADER)
        check_only(sealed.recipient.entries, {Label.ALG}, "OBJ-170")
        check_only(sealed.recipient.unprotected, {Label.KID, Label.EPHEMERAL_KEY}, "OBJ-170")
        check_algorithm(sealed.recipient.entries, "OBJ-170")
        kid = _kid(sealed.recipient.unprotected.get(Label.KID))
        if Label.EPHEMERAL_KEY not in sealed.recipient.unprotected:
            raise malformed("OBJ-170", "no ephemeral key")
        strong_algorithm(sealed.headers)
        sealed.check_agreement()
        key = self.own.find(kid, purpose)
        return purpose, sealed.open(self.vault, key.handle, party_v=key.kid)

    def _unsealed0(self, data: bytes) -> tuple[Purpose, bytes]:
        sealed = Sealed0.decode(data)
        purpose = _read_outer(sealed.headers, _GROUP_HEADER)
        kid = _kid(sealed.headers.entries.get(Label.KID))
        aead = strong_algorithm(sealed.headers)
        key = self.groups.find(kid, purpose)
        if aead is not key.aead:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-180", "not the algorithm of the group's key")
        return purpose, sealed.open(key.key)

    def _check_time(self, statement: Statement, now: float | None) -> None:
        if now is None:
            return
        if statement.issued > now + MAX_AHEAD:
            raise ProtocolError(Problem.STALE, "OBJ-240", f"issued {statement.issued - now:.0f} s from now")
        ends = statement.issued + self.max_age if statement.expires is None else statement.expires
        if now > ends:
            raise ProtocolError(Problem.STALE, "OBJ-250", f"ended {now - ends:.0f} s ago")


def _verifying(signed: Signed, senders: Sequence[SenderKey]) -> SenderKey:
    """Return whose key made a signature. Raises ``authentication_failed`` (OBJ-130) for none of them."""
    for sender in senders[:-1]:
        with suppress(ProtocolError):
            signed.verify(sender.key)
            return sender
    signed.verify(senders[-1].key)
    return senders[-1]


def _name(key: PublicKey) -> bytes:
    return bytes([key.curve.value]) + key.x + key.y


def _read_outer(head: Headers, known: set[int]) -> Purpose:
    """Hold the outer header of an encrypted object against the grammar, and return what it is for."""
    check_only(head.entries, known, "OBJ-170")
    check_only(head.unprotected, {Label.IV}, "OBJ-170")
    check_algorithm(head.entries, "OBJ-170")
    if type(head.unprotected.get(Label.IV)) is not bytes:
        raise malformed("OBJ-140", "no nonce")
    if head.integer(Label.CONTENT_TYPE) != CONTENT_FORMAT_COSE_SIGN1:
        raise malformed("OBJ-170", "what is sealed is a signed object")
    return read_purpose(head)


def _kid(value: object) -> bytes:
    if type(value) is not bytes or not 0 < len(value) <= MAX_KID:
        raise malformed("OBJ-170", f"a key identifier is 1 to {MAX_KID} bytes")
    return value


def form_of(data: bytes) -> int:
    """Return the tag that an object begins with: 18 signed, 96 sealed, 16 for a group.

    Raises ``too_large`` (OBJ-010), and for any other beginning ``malformed`` (OBJ-020) or ``not_deterministic``.
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "OBJ-010", f"{len(data)} bytes")
    for tag, head in ((TAG, b"\xd2"), (TAG_ENCRYPT0, b"\xd0"), (TAG_ENCRYPT, b"\xd8\x60")):
        if data.startswith(head):
            return tag
    cbor.loads(data)  # says what is wrong with it, if it is not only that it is something else
    raise malformed("OBJ-020", "not one of the three tagged forms of an object")
