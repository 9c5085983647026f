"""Who and what the vectors of objects speak of: keys, one recipient, and the reasons for which objects are refused."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

import cbor2

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec.messaging.cbor import dumps
from picosec.objects.headers import headers
from picosec.objects.keys import OwnKey, Purpose
from picosec.objects.sealed import seal0, seal_to
from picosec.objects.signed import sign
from picosec.objects.statement import Statement
from picosec_conformance.vectors.model import Case
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import accepted, rejected

FLAGS: Final = {
    "Form": "A second way to write an object is a way around whoever knows the first only.",
    "Headers": "A parameter that one reader honours and another skips makes one object say two things.",
    "Algorithm": "An attacker who may choose the algorithm chooses the weakest.",
    "Purpose": "A key that an application lost must not manage the device.",
    "Forgery": "Somebody speaks with another's name.",
    "Forwarding": "A reader passes on what was meant for it alone.",
    "Time": "An object lies in wait until it does harm.",
    "Repetition": "The same object again, and the door opens again.",
    "Size": "A stranger's object decides how much memory it takes.",
}

NOW: Final = 1_800_000_000
SENDER, APPLICATION, READER, GROUP, OTHER = b"\x01", b"\x02", b"\x11", b"\x21", b"\x99"


class Cast:
    """The keys of the vectors, all made from their names."""

    def __init__(self) -> None:
        self.vault: SoftwareVault = software_vault(bytes)
        self.sender = self._key("sender", SENDER, Curve.P256, Purpose.PLATFORM)
        self.application = self._key("application", APPLICATION, Curve.ED25519, Purpose.APPLICATION)
        self.reader = self._key("reader", READER, Curve.P256, Purpose.PLATFORM)
        self.app_reader = self._key("application reader", b"\x12", Curve.X25519, Purpose.APPLICATION)
        self.group = secret("group")[:16]
        self.groups = {
            Aead.AES_CCM_16_128_128: (GROUP, self.group),
            Aead.A128GCM: (b"\x22", secret("second group")[:16]),
            Aead.CHACHA20_POLY1305: (b"\x23", secret("third group")),
        }

    def _key(self, name: str, kid: bytes, curve: Curve, purpose: Purpose) -> OwnKey:
        return OwnKey(kid, self.vault.import_key(curve, secret(name)), purpose)

    def inbox(self) -> dict[str, Any]:
        """Describe the recipient of the vectors."""
        names = {curve: name for name, curve in CURVES.items()}
        senders = []
        for key in (self.sender, self.application):
            public = self.vault.public(key.handle)
            row = {"kid": key.kid, "curve": names[public.curve], "x": public.x, "purpose": key.purpose.name.lower()}
            senders.append({**row, "y": public.y} if public.y else row)
        own = [
            {"kid": READER, "curve": "P-256", "private_key": secret("reader"), "purpose": "platform"},
            {"kid": b"\x12", "curve": "X25519", "private_key": secret("application reader"), "purpose": "application"},
        ]
        groups = [
            {"kid": kid, "key": key, "algorithm": aead.value, "purpose": "platform"}
            for aead, (kid, key) in self.groups.items()
        ]
        return {"own": own, "senders": senders, "groups": groups}

    def signed(self, **changes: Any) -> bytes:
        """Return a signed object, with other claims where given."""
        statement = replace(STATEMENT, **changes)
        return statement.sign(self.vault, replace(self._signer(statement), purpose=statement.purpose)).encode()

    def signed_as(self, entries: dict[Any, Any]) -> bytes:
        """Return the usual contents, signed by the sender under any protected header."""
        return sign(headers(entries), STATEMENT.content, self.vault, self.sender.handle).encode()

    def _signer(self, statement: Statement) -> OwnKey:
        return self.application if statement.sender == APPLICATION else self.sender

    def sealed(self, contents: bytes, aead: Aead = Aead.A128GCM, **changes: Any) -> bytes:
        """Return contents sealed for the reader, with other header parameters where given."""
        head = headers(
            {1: aead.value, 3: 18, 16: changes.get("purpose", int(Purpose.PLATFORM))},
            {5: secret("nonce")[: changes.get("nonce", aead.nonce_length)]},
        )
        reader = self.app_reader if changes.get("purpose") == int(Purpose.APPLICATION) else self.reader
        public = self.vault.public(changes.get("public", reader.handle))
        return seal_to(
            head, contents, public, changes.get("kid", reader.kid), self.vault, secret_bytes, party_v=reader.kid
        ).encode()

    def to_group(self, contents: bytes, aead: Aead = Aead.AES_CCM_16_128_128, **changes: Any) -> bytes:
        """Return contents encrypted for the group."""
        head = headers(
            {1: aead.value, 3: 18, 4: changes.get("kid", GROUP), 16: changes.get("purpose", int(Purpose.PLATFORM))},
            {5: secret("nonce")[: aead.nonce_length]},
        )
        return seal0(head, contents, changes.get("key", self.group)).encode()


STATEMENT: Final = Statement(
    SENDER, READER, Purpose.PLATFORM, 7, NOW - 60, 60, dumps([3, "/actuators/lamp", 60, b"\xf5"])
)


def secret(name: str) -> bytes:
    """Return the 32 bytes that a name stands for."""
    return sha256(b"PicoSec object vectors: " + name.encode()).digest()


def secret_bytes(size: int) -> bytes:
    """Return the entropy of an ephemeral key."""
    return secret("ephemeral")[:size]


class Judge:
    """Makes cases about one recipient at one time."""

    def __init__(self, cast: Cast) -> None:
        self._inputs = {"inbox": cast.inbox(), "now": NOW}

    def taken(self, id: str, text: str, requirements: list[str], data: bytes, **more: Any) -> Case:
        """Return a case in which an object is opened."""
        return accepted("object.open", id, text, requirements, {**self._inputs, **more, "object": data})

    def refused(self, id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
        """Return a case in which an object is refused."""
        inputs = {**self._inputs, **more, "object": data}
        return rejected("object.open", id, text, (requirement,), inputs, error, (flag,))


def with_part(data: bytes, index: int, value: Any) -> bytes:
    """Return an object with one part replaced, or one more."""

    def change(parts: list[Any]) -> None:
        parts[index : index + 1] = [value]

    return changed(data, change)


def changed(data: bytes, change: Any) -> bytes:
    """Return an object whose parts were changed."""
    item = cbor2.loads(data)
    parts = _thawed(item.value)
    change(parts)
    return dumps(cbor2.CBORTag(item.tag, parts))


def _thawed(value: Any) -> Any:
    """Return decoded CBOR with lists and dicts that can be changed."""
    if isinstance(value, list | tuple):
        return [_thawed(item) for item in value]
    return {key: _thawed(item) for key, item in value.items()} if hasattr(value, "items") else value
