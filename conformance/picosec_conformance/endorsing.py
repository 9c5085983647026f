"""The suite as third parties who endorse identities, and as whose identity they endorse.

Nothing is judged while making: what is asked for is made and signed, also when no grammar knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CLAIM_ATTRIBUTES, CLAIM_IDENTITY, CONTENT_FORMAT_ENDORSEMENT, RESPONSE_CODE, Problem
from picosec_conformance.acquaintance import Acquaintance
from picosec_conformance.blockwise import Ask
from picosec_conformance.courier import upload
from picosec_conformance.keeper import Keeper
from picosec_conformance.objects import ALG, KID, NOW, SIGN1, TYP, Key, protect, tagged
from picosec_conformance.status import DAY
from picosec_conformance.target import Nonconformity

PATH: Final = "/ps/endorsements"
#: Claims of an endorsement.
SUBJECT, ENDS, ISSUED, IDENTITY, ATTRIBUTES = 2, 4, 6, CLAIM_IDENTITY, CLAIM_ATTRIBUTES
#: Bytes of the largest endorsement, and how many have to be kept.
LARGEST, MOST = 2048, 16


class Word:
    """An endorsement before it is closed: every part can be changed, and the signature covers what it says."""

    def __init__(self, endorser: Key, identity: bytes) -> None:
        self.endorser = endorser
        self.claims: dict[Any, Any] = {ENDS: NOW + DAY, ISSUED: NOW, IDENTITY: identity}
        self.header: dict[Any, Any] = {
            ALG: -8 if endorser.curve is Curve.ED25519 else -7,
            KID: endorser.kid,
            TYP: CONTENT_FORMAT_ENDORSEMENT,
        }
        self.unprotected: Any = {}
        self.tag = SIGN1
        self.context = "Signature1"
        #: What is sent and signed in place of what ``claims`` say.
        self.payload: Any = None

    def close(self, signature: Any = None) -> bytes:
        """Return the endorsement; ``signature`` is in place of the endorser's."""
        protected = protect(self.header)
        payload = dumps(self.claims) if self.payload is None else self.payload
        if signature is None:
            signature = self.endorser.sign(dumps([self.context, protected, b"", payload]))
        return tagged(self.tag, protected, self.unprotected, payload, signature)


class Endorsers:
    """Two endorsers whose word the target believes, lists in which they withdraw it, and somebody whom they endorse.

    The target, which knows the date, trusts the identity ``somebody``, and needs the word of ``house`` about it.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper, self.target, self.control, self.rng = keeper, keeper.target, keeper.control, keeper.rng
        self.house = Key(b"\x51", Curve.P256, self.rng.randbytes(32))
        self.guild = Key(b"guild", Curve.ED25519, self.rng.randbytes(32))
        self.somebody = Acquaintance(self.target, self.control, self.rng)
        self.somebody.takes(self.somebody.history.encode())
        self.introduce(self.house, self.guild)
        self.need(self.house)

    @property
    def identity(self) -> bytes:
        """The identifier of whom they endorse."""
        return self.somebody.history.identifier

    def introduce(self, *endorsers: Key) -> None:
        """Let the target believe endorsers."""
        self.control.provision_endorsements(endorsers=[{1: key.kid, 2: key.cose_key} for key in endorsers])

    def need(self, *endorsers: Key) -> None:
        """Let peers of the target need the word of these, and of nobody else."""
        self.control.provision_endorsements(required=[key.kid for key in endorsers])

    def word(
        self,
        endorser: Key | None = None,
        identity: bytes | None = None,
        *,
        issued: int = NOW,
        ends: int = NOW + DAY,
        status: Mapping[int, Any] | None = None,
    ) -> Word:
        """Return an endorsement that the target has to take, unless something about it is changed.

        ``status`` is a claim as :func:`status_claim` makes it.
        """
        word = Word(endorser or self.house, self.identity if identity is None else identity)
        word.claims |= {ISSUED: issued, ENDS: ends, **(status or {})}
        return word

    def hand(self, data: bytes, *, ask: Ask | None = None, content_format: int = CONTENT_FORMAT_ENDORSEMENT) -> Message:
        """Hand an endorsement over, in blocks if it is large, and return the response."""
        return upload(self.target, PATH, data, content_format, ask)

    def takes(self, *words: bytes, ask: Ask | None = None) -> None:
        """Hand endorsements over that have to be taken. Raises ``Nonconformity`` when one is not."""
        for data in words:
            reply = self.hand(data, ask=ask)
            if reply.code != Code.CHANGED or reply.payload:
                raise Nonconformity(f"an endorsement that has to be taken was answered {code_text(reply.code)}")

    def refuses(self, data: bytes, problem: Problem) -> None:
        """Hand an endorsement over that has to be refused: with this error, without any effect."""
        with self.target.expect_unchanged():
            self.target.expect_refusal(self.hand(data), RESPONSE_CODE[problem], problem)

    def strangers(self, count: int) -> Iterable[bytes]:
        """Yield good endorsements of others by the house."""
        return (self.word(identity=self.rng.randbytes(32)).close() for _ in range(count))

    @property
    def accepted(self) -> bool:
        """Whether the target lets the identity pass, which authenticates with its last key."""
        passed = self.somebody.authenticates() is not None
        self.control.events()
        return passed
