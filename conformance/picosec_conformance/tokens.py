"""Anonymous tokens made by hand, so that a test can have any part wrong (spec/v1/identity-tokens.md).

Nothing here judges: what is asked for is made and sealed, also when no grammar knows it.
"""

from __future__ import annotations

import random
from typing import Any, Final

from picosec.crypto.voprf import SecretKey
from picosec.identity.scope import scope_of
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_TOKEN_REDEMPTION
from picosec_conformance.objects import CONTENT_TYPE, TYP, Key, Sealed

LAMP: Final = "/actuators/lamp"
#: What tokens of the suite allow: to set the lamp, and to read the thermometer.
SCOPE: Final = scope_of([(LAMP, 4), ("/sensors/temperature", 1)]).encode()
#: Setting the lamp, as a token is spent on it.
SWITCHING: Final = [int(Code.PUT), LAMP, CONTENT_FORMAT_CBOR, b"\xf5"]
#: Bytes of the largest request for tokens and of the largest redemption, and most tokens of a request.
LARGEST_REQUEST, LARGEST_REDEMPTION, MOST = 1024, 4096, 16
#: Spent tokens of a key that are remembered, unless something else is said.
ROOM: Final = 1024


class TokenKey:
    """A key of tokens with its identifier."""

    def __init__(self, kid: bytes, scalar: bytes) -> None:
        self.kid, self.scalar = kid, scalar
        self.secret = SecretKey(scalar, "CNF-030")

    def entry(
        self, *, scope: bytes = SCOPE, allowance: int = 4, ends: int | None = None, room: int | None = None
    ) -> dict[int, Any]:
        """Return the entry that makes this a key of the target (Test Interface, ``test-token-key``)."""
        optional = {4: ends, 6: room}
        given = {key: value for key, value in optional.items() if value is not None}
        return {1: self.kid, 2: self.scalar, 3: scope, 5: allowance, **given}

    def contents(self, nonce: bytes, request: Any = None) -> list[Any]:
        """Return what is sealed to spend a good token on a request, on setting the lamp if none is given."""
        return [self.kid, nonce, self.secret.output(nonce), SWITCHING if request is None else request]


def envelope(reader: Key, rng: random.Random, algorithm: int = 30) -> Sealed:
    """Return a redemption before it is closed, sealed for a reader."""
    sealed = Sealed(reader, rng, algorithm=algorithm)
    sealed.header[CONTENT_TYPE] = CONTENT_FORMAT_CBOR
    sealed.header[TYP] = CONTENT_FORMAT_TOKEN_REDEMPTION
    return sealed


def redemption(reader: Key, rng: random.Random, contents: Any) -> bytes:
    """Return a redemption, sealed for a reader."""
    return envelope(reader, rng).close(dumps(contents))
