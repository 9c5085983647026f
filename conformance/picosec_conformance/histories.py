"""Histories of identities made by hand, part by part, so that a test can have any part wrong, and made ones judged.

Nothing is judged while making: what is asked for is made and signed (spec/v1/identity-history.md).
"""

from __future__ import annotations

import random
from copy import copy
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from picosec.crypto.curves import Curve, decode_public
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads
from picosec.registry import CONTENT_FORMAT_IDENTITY_STATEMENT
from picosec_conformance.objects import Key
from picosec_conformance.target import Nonconformity

ALG, TYP = 1, 16
NUMBER, BEFORE, KEY, COMMITTED, ISSUED, KIND = 1, 2, 3, 4, 5, 6
DEVICE, USER, APPLICATION = 0, 1, 2
HEADER: Final = {TYP: CONTENT_FORMAT_IDENTITY_STATEMENT}
#: Statements and bytes of the longest history.
MOST, LARGEST = 48, 16_384


def new_key(rng: random.Random, curve: Curve = Curve.P256) -> Key:
    """Return a new key that signs."""
    return Key(b"", curve, rng.randbytes(32))


def thumbprint(key: Key) -> bytes:
    """Return the RFC 9679 thumbprint of a key."""
    return sha256(dumps(key.cose_key)).digest()


class Statement:
    """A statement before it is closed: every part can be changed, and the signatures cover what it then says."""

    def __init__(self, entries: dict[Any, Any], *signers: Key) -> None:
        self.entries: Any = entries
        self.signers = list(signers)
        self.header: Any = dict(HEADER)
        self.unprotected: Any = {}
        #: What stands in place of the headers of the signatures.
        self.heads: list[Any] = [{ALG: -8 if key.curve is Curve.ED25519 else -7} for key in signers]
        self.context = "Signature"
        self.external = b""

    def copy(self) -> Statement:
        """Return a statement that says the same, and can be changed by itself."""
        other = copy(self)
        other.entries, other.header, other.unprotected = dict(self.entries), dict(self.header), dict(self.unprotected)
        other.signers, other.heads = list(self.signers), [dict(head) for head in self.heads]
        return other

    @property
    def payload(self) -> bytes:
        """What is signed and named."""
        return self.entries if isinstance(self.entries, bytes) else dumps(self.entries)

    @property
    def name(self) -> bytes:
        """The hash of the payload."""
        return sha256(self.payload).digest()

    def to_be_signed(self, head: bytes) -> bytes:
        """Return the Sig_structure for a signature with this protected header."""
        return dumps([self.context, dumps(self.header), head, self.external, self.payload])

    def signatures(self) -> list[Any]:
        """Return the signatures, to be changed."""
        made = []
        for signer, entries in zip(self.signers, self.heads, strict=True):
            head = entries if isinstance(entries, bytes) else dumps(entries)
            made.append([head, {}, signer.sign(self.to_be_signed(head))])
        return made

    def item(self) -> list[Any]:
        """Return the statement."""
        return [dumps(self.header), self.unprotected, self.payload, self.signatures()]


class History:
    """An identity of somebody, whose history can be continued honestly or not. Branches are copies.

    ``safe`` is the key for emergencies that the last statement committed to.
    """

    def __init__(self, rng: random.Random, curve: Curve = Curve.P256, kind: int = DEVICE) -> None:
        self.rng, self.curve = rng, curve
        self.key, self.safe = new_key(rng, curve), new_key(rng, curve)
        entries = {NUMBER: 0, KEY: self.key.cose_key, COMMITTED: thumbprint(self.safe), ISSUED: 0, KIND: kind}
        self.statements = [Statement(entries, self.key)]

    @property
    def identifier(self) -> bytes:
        """The name of the first statement."""
        return self.statements[0].name

    @property
    def last(self) -> Statement:
        """The last statement."""
        return self.statements[-1]

    def branch(self) -> History:
        """Return a copy that goes its own way."""
        other = copy(self)
        other.statements = [statement.copy() for statement in self.statements]
        return other

    def rotate(self, curve: Curve | None = None) -> Statement:
        """Continue with a new key, and return the statement, which can still be changed."""
        old, self.key = self.key, new_key(self.rng, curve or self.curve)
        return self.append(self.last.entries[COMMITTED], old, self.key)

    def recover(self, curve: Curve | None = None) -> Statement:
        """Continue with the key for emergencies, and return the statement, which can still be changed."""
        self.key, self.safe = self.safe, new_key(self.rng, curve or self.curve)
        return self.append(thumbprint(self.safe), self.key)

    def append(self, committed: bytes, *signers: Key) -> Statement:
        """Continue with the current key, whoever signs, and return the statement."""
        entries = {
            NUMBER: len(self.statements),
            BEFORE: self.last.name,
            KEY: self.key.cose_key,
            COMMITTED: committed,
            ISSUED: self.last.entries[ISSUED],
        }
        self.statements.append(Statement(entries, *signers))
        return self.last

    def items(self) -> list[Any]:
        """Return the statements as CBOR items, to be changed."""
        return [statement.item() for statement in self.statements]

    def encode(self) -> bytes:
        """Return the history as it is sent."""
        return dumps(self.items())

    def credential(self, key: Key | None = None) -> bytes:
        """Return the claims set by which the holder authenticates with a key, the last one if none is given."""
        key = key or self.key
        algorithm = -8 if key.curve is Curve.ED25519 else -7
        return dumps({8: {1: {**key.cose_key, 2: self.identifier[:8], 3: algorithm}}})


# -- what a target made --------------------------------------------------------------------------------------------


def expect(holds: bool, what: str) -> None:
    """Raise ``Nonconformity`` with what the grammar says, unless it holds."""
    if not holds:
        raise Nonconformity(f"the target's history is not as the grammar has it: {what}")


def judge(data: bytes) -> list[dict[Any, Any]]:
    """Verify a history that a target made, and return what its statements say. Raises ``Nonconformity``."""
    items = _decoded(data)
    expect(type(items) is list and 0 < len(items) <= MOST, f"an array of 1 to {MOST} statements")
    said: list[dict[Any, Any]] = []
    for number, item in enumerate(items):
        expect(type(item) is list and len(item) == 4, "a statement has four parts")
        protected, unprotected, payload, signatures = item
        expect(protected == dumps(HEADER) and unprotected == {}, "its type is protected, and nothing else is there")
        entries = _decoded(payload)
        labels = {NUMBER, KEY, COMMITTED, ISSUED, BEFORE if number else KIND}
        expect(type(entries) is dict and set(entries) == labels, "a statement has its members and no other")
        expect(type(entries[NUMBER]) is int and entries[NUMBER] == number, "statements are counted from 0")
        signers = [entries[KEY]]
        if number:
            before, name = said[-1], sha256(items[number - 1][2]).digest()
            expect(entries[BEFORE] == name, "a statement names the one before")
            if len(signatures) == 2:
                signers = [before[KEY], entries[KEY]]
                expect(entries[COMMITTED] == before[COMMITTED], "a rotation keeps the key for emergencies")
            else:
                expect(_thumbprint(entries[KEY]) == before[COMMITTED], "an emergency takes the committed key")
        shown = {_thumbprint(entries[KEY]), *(_thumbprint(each[KEY]) for each in said)}
        expect(entries[COMMITTED] not in shown, "a statement does not commit to a key that shows")
        expect(len(signatures) == len(signers), f"statement {number} is signed by whom it has to be")
        for signature, signer in zip(signatures, signers, strict=True):
            _judge_signature(signature, signer, payload)
        said.append(entries)
    return said


def _judge_signature(item: Any, signer: dict[int, Any], payload: bytes) -> None:
    head, unprotected, signature = item
    curve = Curve.P256 if signer[1] == 2 else Curve.ED25519
    expect(head == dumps({ALG: -7 if curve is Curve.P256 else -8}) and unprotected == {}, "alg is that of the key")
    key = decode_public(curve, signer[-2], signer.get(-3))
    try:
        key.verify(signature, dumps(["Signature", dumps(HEADER), head, b"", payload]))
    except InvalidSignature:
        raise Nonconformity("a signature in the target's history does not verify") from None


def _thumbprint(cose_key: dict[int, Any]) -> bytes:
    return sha256(dumps(cose_key)).digest()


def _decoded(data: Any) -> Any:
    expect(type(data) is bytes, "a byte string")
    try:
        return loads(data)
    except ProtocolError as error:
        raise Nonconformity(f"the target's history is not deterministic CBOR: {error}") from error
