"""The suite as who issues status lists, who carries them, and whose credentials stand in them.

Tokens are made part by part, so that a test can have any part wrong; nothing here judges them.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from typing import Any, Final

from picosec.channel.credentials import Kind
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import (
    CLAIM_STATUS,
    CLAIM_STATUS_LIST,
    CLAIM_TIME_TO_LIVE,
    CONTENT_FORMAT_STATUS_LIST,
    RESPONSE_CODE,
    Problem,
)
from picosec_conformance.blockwise import Ask, Upload, parts_of
from picosec_conformance.control import Control
from picosec_conformance.meeting import Meeting
from picosec_conformance.objects import ALG, KID, NOW, SIGN1, TYP, Key, protect, tagged
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/status"
TYPE: Final = "application/statuslist+cwt"
URI: Final = "https://example.com/statuslists/1"
#: Claims of a token.
SUBJECT, ENDS, ISSUED, LISTED, TTL = 2, 4, 6, CLAIM_STATUS_LIST, CLAIM_TIME_TO_LIVE
#: Seconds for which the target believes a list that is fresh no longer, when nobody said otherwise.
GRACE: Final = 604_800
#: Bytes of a token, and of its entries, at most.
LARGEST, LARGEST_LIST = 16_384, 131_072
DAY: Final = 86_400
#: The place of the suite's credential, among sixteen.
PLACE: Final = 3
_WHOLE: Final = 1024


def packed(bits: int, size: int, entries: Mapping[int, int]) -> bytes:
    """Return ``size`` entries, 0 but for those given, packed from the least significant bit on."""
    content = bytearray((size * bits + 7) // 8)
    for place, value in entries.items():
        content[place * bits // 8] |= value << place * bits % 8
    return bytes(content)


def stored(content: bytes) -> bytes:
    """Return a zlib stream of up to 65,535 bytes as they are: every library of every platform writes the same."""
    length = len(content).to_bytes(2, "little")
    return b"\x78\x01\x01" + length + bytes(byte ^ 0xFF for byte in length) + content + _checksum(content)


def zeros(count: int) -> bytes:
    """Return a zlib stream of so many zeros, at least one: a literal, and copies of what is behind it."""
    literal, copy = "00110000", "11000101" + "00000"  # 258 bytes, from one byte back
    copies, rest = divmod(count - 1, 258)
    bits = "1" + "10" + literal * (1 + rest) + copy * copies + "0000000"
    block = int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")
    return b"\x78\x01" + block + _checksum(bytes(count))


def compressed(content: bytes) -> bytes:
    """Return a zlib stream."""
    return stored(content) if any(content) or not content else zeros(len(content))


def _checksum(content: bytes) -> bytes:
    return zlib.adler32(content).to_bytes(4, "big")


def status_claim(place: int = PLACE, uri: str = URI) -> dict[int, Any]:
    """Return the claim by which a credential names its place in a list."""
    return {CLAIM_STATUS: {"status_list": {"idx": place, "uri": uri}}}


class Token:
    """A status list token before it is closed: every part can be changed, and the signature covers what it says."""

    def __init__(self, issuer: Key, bits: int, entries: bytes) -> None:
        self.issuer = issuer
        self.listed: Any = {"bits": bits, "lst": compressed(entries)}
        self.claims: dict[Any, Any] = {SUBJECT: URI, ENDS: NOW + DAY, ISSUED: NOW, LISTED: self.listed}
        self.header: dict[Any, Any] = {
            ALG: -8 if issuer.curve is Curve.ED25519 else -7,
            KID: issuer.kid,
            TYP: TYPE,
        }
        self.unprotected: Any = {}
        self.tag = SIGN1
        self.context = "Signature1"
        #: What is sent and signed in place of what ``header`` and ``claims`` say.
        self.protected: bytes | None = None
        self.payload: Any = None

    def close(self, signature: Any = None) -> bytes:
        """Return the token; ``signature`` is in place of the issuer's."""
        protected = protect(self.header) if self.protected is None else self.protected
        payload = dumps(self.claims) if self.payload is None else self.payload
        if signature is None:
            signature = self.issuer.sign(dumps([self.context, protected, b"", payload]))
        return tagged(self.tag, protected, self.unprotected, payload, signature)


class Keeper:
    """Two keys that the target believes for one list, a third that it believes for another, and the way to the target.

    The target knows the date, :data:`picosec_conformance.objects.NOW`, unless ``date`` is None.
    """

    def __init__(self, target: Target, control: Control, rng: random.Random, date: int | None = NOW) -> None:
        self.target, self.control, self.rng = target, control, rng
        self.issuer = Key(b"\x31", Curve.P256, rng.randbytes(32))
        self.second = Key(b"keeper", Curve.ED25519, rng.randbytes(32))
        self.other = Key(b"\x33", Curve.ED25519, rng.randbytes(32))
        self.other_uri = "urn:another-list"
        self.date = date
        self.introduce()

    def introduce(self, grace: int | None = None) -> None:
        """Give the target all issuers, and the date if it is to know it."""
        self.believe(self.issuer, self.second, grace=grace)
        self.believe(self.other, uri=self.other_uri)
        if self.date is not None:
            self.control.provision_objects(date=self.date)

    def believe(self, *issuers: Key, uri: str = URI, grace: int | None = None) -> None:
        """Let the target believe keys for a list."""
        self.control.provision_status(issuers=[{1: key.kid, 2: key.cose_key, 3: uri} for key in issuers], grace=grace)

    def token(
        self,
        entries: Mapping[int, int] | None = None,
        *,
        bits: int = 1,
        size: int = 16,
        issued: int = NOW,
        issuer: Key | None = None,
    ) -> Token:
        """Return a token that the target has to take, unless something about it is changed."""
        token = Token(issuer or self.issuer, bits, packed(bits, size, entries or {}))
        token.claims[ISSUED] = issued
        return token

    def revoking(self, issued: int = NOW + 1, place: int = PLACE) -> Token:
        """Return a token that takes the suite's credential back."""
        return self.token({place: 1}, issued=issued)

    def hand(self, data: bytes, *, ask: Ask | None = None, content_format: int = CONTENT_FORMAT_STATUS_LIST) -> Message:
        """Hand a token over, in blocks if it is large, and return the response."""
        send = ask or self.target.exchange
        if len(data) <= _WHOLE:
            return send(self.target.build(Code.PUT, PATH, data, content_format=content_format))
        upload = Upload(self.target, send, PATH, code=Code.PUT, content_format=content_format)
        for block, payload in parts_of(data, _WHOLE):
            reply = upload.part(block, payload)
            if reply.code != Code.CONTINUE:
                break
        return reply

    def takes(self, data: bytes, *, ask: Ask | None = None) -> None:
        """Hand a token over that has to be taken. Raises ``Nonconformity`` when it is not."""
        reply = self.hand(data, ask=ask)
        if reply.code != Code.CHANGED or reply.payload:
            raise Nonconformity(f"a status list that has to be taken was answered {code_text(reply.code)}")

    def refuses(self, data: bytes, problem: Problem) -> None:
        """Hand a token over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            self.target.expect_refusal(self.hand(data), RESPONSE_CODE[problem], problem)


class Bearer:
    """The suite with a credential whose status stands in a list, and the target on one side of a handshake."""

    def __init__(
        self,
        keeper: Keeper,
        side: str = "responder",
        *,
        claims: Mapping[int, Any] | None = None,
        kind: Kind = Kind.KID,
    ) -> None:
        self._control = keeper.control
        further = status_claim() if claims is None else claims
        self.meeting = Meeting(keeper.target, keeper.control, keeper.rng, side, kind, own_claims=further)

    @property
    def accepted(self) -> bool:
        """Whether the target lets the credential pass, which is shown to it; when not, it says ``bad_credential``.

        A power cut then ends the channel, or what is left of the handshake, so that it can be shown again.
        """
        honest = self.meeting.honest
        passed = self.meeting.shown(honest.id_cred, honest.cred)
        self._control.reboot()
        return passed
