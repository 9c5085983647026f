"""The EDHOC cipher suites 0 to 6 (RFC 9528 section 3.6). Their hash is SHA-256 throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve


class Signature(Enum):
    """A signature algorithm. The value is its COSE algorithm number."""

    ES256 = -7
    EDDSA = -8

    @property
    def curve(self) -> Curve:
        """The curve of the keys that make such signatures."""
        return Curve.P256 if self is Signature.ES256 else Curve.ED25519


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite. ``mac_length`` is that of a static Diffie-Hellman MAC, in bytes."""

    number: int
    aead: Aead
    mac_length: int
    curve: Curve
    signature: Signature
    application_aead: Aead


#: Length of the MAC inside a signature, and of the hash, in bytes.
HASH_LENGTH: Final = 32

_CCM8, _CCM16 = Aead.AES_CCM_16_64_128, Aead.AES_CCM_16_128_128
_CHACHA, _GCM = Aead.CHACHA20_POLY1305, Aead.A128GCM

#: Suite by number.
SUITES: Final[Mapping[int, Suite]] = MappingProxyType(
    {
        0: Suite(0, _CCM8, 8, Curve.X25519, Signature.EDDSA, _CCM8),
        1: Suite(1, _CCM16, 16, Curve.X25519, Signature.EDDSA, _CCM8),
        2: Suite(2, _CCM8, 8, Curve.P256, Signature.ES256, _CCM8),
        3: Suite(3, _CCM16, 16, Curve.P256, Signature.ES256, _CCM8),
        4: Suite(4, _CHACHA, 16, Curve.X25519, Signature.EDDSA, _CHACHA),
        5: Suite(5, _CHACHA, 16, Curve.P256, Signature.ES256, _CHACHA),
        6: Suite(6, _GCM, 16, Curve.X25519, Signature.ES256, _GCM),
    }
)
