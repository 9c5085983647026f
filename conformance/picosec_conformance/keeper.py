"""The suite as who issues status lists, and who carries them to the target."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from picosec.crypto.curves import Curve
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_STATUS_LIST, RESPONSE_CODE, Problem
from picosec_conformance.blockwise import Ask, Upload, parts_of
from picosec_conformance.control import Control
from picosec_conformance.objects import NOW, Key
from picosec_conformance.status import ISSUED, PLACE, URI, Token, packed
from picosec_conformance.target import Nonconformity, Target

PATH: Final = "/ps/status"
#: What fits into one message of every link; a larger token goes in blocks.
_WHOLE: Final = 1024


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
