"""The suite as everybody whom a target has to do with by objects: senders, readers, members, and who carries them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, Type, code_text
from picosec.registry import CONTENT_FORMAT_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.blockwise import Ask, Upload, parts_of
from picosec_conformance.control import Control
from picosec_conformance.objects import (
    A128GCM,
    APPLICATION,
    CCM_16,
    CHACHA20,
    ENCRYPT,
    ENCRYPT0,
    NOW,
    PLATFORM,
    SIGN1,
    Group,
    Grouped,
    Key,
    Sealed,
    Signed,
)
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/objects"
#: Bytes of the largest object, and the forms that an object can have.
LARGEST: Final = 16_384
FORMS: Final = ("signed", "sealed", "group")
#: What fits into one message of every link; a larger object goes in blocks.
_WHOLE: Final = 1024
ON, OFF = b"\xf5", b"\xf4"


def asking(code: int, path: str, payload: bytes = b"", content_format: int | None = None) -> bytes:
    """Return the contents of an object: a request."""
    return dumps([int(code), path, content_format, payload])


class Courier:
    """Keys for both purposes at both ends, and the way to the target.

    The target believes ``sender`` and ``other_sender`` as platform, ``app`` and ``other_app`` as applications. It reads
    with ``reader``, ``other_reader`` (both platform) and ``app_reader``, and signs with ``signer`` and ``app_signer``.
    """

    def __init__(self, target: Target, control: Control, rng: random.Random, date: int | None = NOW) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.sender = self.key(b"\x01", Curve.P256)
        self.other_sender = self.key(b"\x02", Curve.ED25519)
        self.app = self.key(b"\x03", Curve.ED25519, APPLICATION)
        self.other_app = self.key(b"app-p256", Curve.P256, APPLICATION)
        self.reader = self.key(b"reader", Curve.P256)
        self.other_reader = self.key(rng.randbytes(32), Curve.X25519)
        self.app_reader = self.key(b"\x12", Curve.X25519, APPLICATION)
        self.signer = self.key(b"\x13", Curve.P256)
        self.app_signer = self.key(b"\x14", Curve.ED25519, APPLICATION)
        self.group = Group(b"\x21", rng.randbytes(16), CCM_16)
        self.gcm_group = Group(b"\x22", rng.randbytes(16), A128GCM)
        self.chacha_group = Group(b"group", rng.randbytes(32), CHACHA20)
        self.app_group = Group(b"\x24", rng.randbytes(16), A128GCM, APPLICATION)
        self.date = date
        self._numbers: Counter[bytes] = Counter()
        self.introduce()

    def key(self, kid: bytes, curve: Curve, purpose: int = PLATFORM) -> Key:
        """Return a new key."""
        return Key(kid, curve, self.rng.randbytes(32), purpose)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that manage things, one for each algorithm."""
        return self.group, self.gcm_group, self.chacha_group

    def introduce(self) -> None:
        """Give the target all keys, and the date if it is to know it."""
        own = (self.reader, self.other_reader, self.app_reader, self.signer, self.app_signer)
        senders = (self.sender, self.other_sender, self.app, self.other_app)
        self.control.provision_objects(
            own=[key.own() for key in own],
            senders=[key.sender() for key in senders],
            groups=[group.entry() for group in (*self.groups, self.app_group)],
            date=self.date,
        )

    def number(self, sender: Key) -> int:
        """Return the next sequence number of a sender."""
        self._numbers[sender.kid] += 1
        return self._numbers[sender.kid]

    # -- making --------------------------------------------------------------------------------------------------

    @property
    def lamp(self) -> str:
        """Where a platform object changes something."""
        return self.target.manifest.resources.protected_put

    @property
    def store(self) -> str:
        """Where anybody changes something."""
        return self.target.manifest.resources.put

    def switch(self, payload: bytes = ON) -> bytes:
        """Return contents that change something that is not open to everybody."""
        return asking(Code.PUT, self.lamp, payload, CONTENT_FORMAT_CBOR)

    def keep(self, payload: bytes = b"kept") -> bytes:
        """Return contents that change something that is open to everybody."""
        return asking(Code.PUT, self.store, payload)

    def signed(
        self,
        contents: bytes | None = None,
        *,
        sender: Key | None = None,
        recipient: bytes | None = None,
        number: int | None = None,
        purpose: int | None = None,
    ) -> Signed:
        """Return an object for the target that it has to take, unless something about it is changed."""
        sender = sender or self.sender
        managing = sender.purpose == PLATFORM
        contents = (self.switch() if managing else self.keep()) if contents is None else contents
        default = self.reader.kid if managing else self.app_reader.kid
        number = self.number(sender) if number is None else number
        return Signed(sender, default if recipient is None else recipient, number, contents, purpose=purpose)

    def sealed(self, reader: Key | None = None, *, algorithm: int = A128GCM, purpose: int | None = None) -> Sealed:
        """Return an envelope for one reader."""
        return Sealed(reader or self.reader, self.rng, algorithm=algorithm, purpose=purpose)

    def grouped(
        self, group: Group | None = None, *, algorithm: int | None = None, purpose: int | None = None
    ) -> Grouped:
        """Return an envelope for a group."""
        return Grouped(group or self.group, self.rng, algorithm=algorithm, purpose=purpose)

    def wrapped(self, signed: Signed | bytes, form: str) -> bytes:
        """Return a signed object as it is (``signed``), or in an envelope (``sealed``, ``group``)."""
        data = signed if isinstance(signed, bytes) else signed.close()
        return data if form == "signed" else (self.sealed() if form == "sealed" else self.grouped()).close(data)

    # -- carrying ------------------------------------------------------------------------------------------------

    def hand(
        self, data: bytes, content_format: int | None = None, *, ask: Ask | None = None, kind: Type = Type.CON
    ) -> Message:
        """Hand an object over, in blocks if it is large, and return the response."""
        content_format = form_of(data) if content_format is None else content_format
        return upload(self.target, PATH, data, content_format, ask, kind)

    def takes(self, data: bytes, *, ask: Ask | None = None) -> None:
        """Hand an object over that has to be taken. Raises ``Nonconformity`` when it is not."""
        reply = self.hand(data, ask=ask)
        if reply.code != Code.CHANGED:
            raise Nonconformity(f"an object that has to be taken was answered {code_text(reply.code)}")
        if reply.payload:
            raise Nonconformity("the answer says more than that the object was taken")

    def refuses(self, data: bytes, problem: Problem, content_format: int | None = None) -> None:
        """Hand an object over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            self.target.expect_refusal(self.hand(data, content_format), RESPONSE_CODE[problem], problem)

    def refuses_in(self, envelope: Sealed, problem: Problem, contents: bytes | None = None) -> None:
        """Hand an envelope over that has to be refused, though its contents alone would be taken."""
        self.refuses(envelope.close(self.signed().close() if contents is None else contents), problem)

    def switched(self) -> int:
        """Return how often objects changed what is not open to everybody."""
        return self.control.changes(self.lamp)

    def make(self, contents: bytes, signer: Key, recipient: bytes, **fields: Any) -> bytes:
        """Return an object that the target makes."""
        return self.control.make_object(signer.kid, recipient, contents, signer.purpose, **fields)


def form_of(data: bytes) -> int:
    """Return the Content-Format of an object's form; that of a signed one for what is none."""
    return ENCRYPT0 if data[:1] == b"\xd0" else ENCRYPT if data[:2] == b"\xd8\x60" else SIGN1


def upload(
    target: Target, path: str, data: bytes, content_format: int, ask: Ask | None = None, kind: Type = Type.CON
) -> Message:
    """Post something, in blocks if it is large until the target answers other than by asking for more."""
    send = ask or target.exchange
    if len(data) <= _WHOLE:
        return send(target.build(Code.POST, path, data, kind=kind, content_format=content_format))
    blocks = Upload(target, send, path, code=Code.POST, content_format=content_format)
    for block, payload in parts_of(data, _WHOLE):
        reply = blocks.part(block, payload)
        if reply.code != Code.CONTINUE:
            break
    return reply
