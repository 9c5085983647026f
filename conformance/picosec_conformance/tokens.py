"""Anonymous tokens made by hand, so that a test can have any part wrong (spec/v1/identity-tokens.md).

Nothing here judges: what is asked for is made and sealed, also when no grammar knows it.
"""

from __future__ import annotations

import random
from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.crypto.p256 import encode_point
from picosec.crypto.voprf import SecretKey
from picosec.identity.scope import scope_of
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_TOKEN_REDEMPTION
from picosec_conformance.objects import CONTENT_TYPE, Key, Sealed

LAMP: Final = "/actuators/lamp"
THERMOMETER: Final = "/sensors/temperature"
#: Setting the lamp, as a token is spent on it.
SWITCHING: Final = [int(Code.PUT), LAMP, CONTENT_FORMAT_CBOR, b"\xf5"]
#: Bytes of the largest request for tokens and of the largest redemption, and most tokens of a request.
LARGEST_REQUEST, LARGEST_REDEMPTION, MOST = 1024, 4096, 16
#: Spent tokens of a key that are remembered, unless something else is said.
ROOM: Final = 1024
#: No point of P-256 has this x; and infinity, of which some libraries say that it is one.
NO_POINTS: Final = {
    "no-point": b"\x02" + (7).to_bytes(32, "big"),
    "beyond-the-field": b"\x03" + b"\xff" * 32,
    "infinity": bytes(33),
    "another-first-byte": b"\x04" + bytes(32),
}


def scope(lamp: str = LAMP, thermometer: str = THERMOMETER) -> bytes:
    """Return what tokens of the suite allow: to set one thing, and to read another."""
    return scope_of([(lamp, 4), (thermometer, 1)]).encode()


SCOPE: Final = scope()


class TokenKey:
    """A key of tokens with its identifier."""

    def __init__(self, kid: bytes, scalar: bytes) -> None:
        self.kid, self.scalar = kid, scalar
        self.secret = SecretKey(scalar, "CNF-030")

    @property
    def public(self) -> bytes:
        """The public key, as an element."""
        return encode_point(self.secret.public)

    def entry(
        self, *, scope: bytes = SCOPE, allowance: int = 4, ends: int | None = None, room: int | None = None
    ) -> dict[int, Any]:
        """Return the entry that makes this a key of the target (Test Interface, ``test-token-key``)."""
        optional = {4: ends, 6: room}
        given = {key: value for key, value in optional.items() if value is not None}
        return {1: self.kid, 2: self.scalar, 3: scope, 5: allowance, **given}

    def source(self, reader: Key) -> dict[int, Any]:
        """Return the entry that tells the target of this key, and whom redemptions are for (``test-token-source``)."""
        return {1: self.kid, 2: self.public, 3: reader.kid, 4: reader.cose_key}

    def contents(self, nonce: bytes, request: Any = None) -> list[Any]:
        """Return what is sealed to spend a good token on a request, on setting the lamp if none is given."""
        return [self.kid, nonce, self.secret.output(nonce), SWITCHING if request is None else request]


def reading(kid: bytes, curve: Curve, private: bytes) -> Key:
    """Return a key that redemptions are sealed for."""
    return Key(kid, curve, private, CONTENT_FORMAT_TOKEN_REDEMPTION)


def reader_entry(reader: Key) -> dict[int, Any]:
    """Return the entry that makes this a reader's key of the target (``test-token-reader``)."""
    return {1: reader.kid, 2: reader.curve.value, 3: reader.private}


def envelope(reader: Key, rng: random.Random, algorithm: int = 30) -> Sealed:
    """Return a redemption before it is closed, sealed for a reader."""
    sealed = Sealed(reader, rng, algorithm=algorithm)
    sealed.header[CONTENT_TYPE] = CONTENT_FORMAT_CBOR
    return sealed


def sealed(reader: Key, rng: random.Random, contents: Any) -> bytes:
    """Return a redemption, sealed for a reader."""
    return envelope(reader, rng).close(contents if isinstance(contents, bytes) else dumps(contents))
