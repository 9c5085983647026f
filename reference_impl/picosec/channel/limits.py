"""How often one key may be used (CHN-880, CHN-890): the limits q and v per algorithm.

The numbers bound an attacker's advantage as the CFRG's work on AEAD limits computes it, and are those that the CoRE
working group's "Key Usage Limits for OSCORE" recommends: at most 2^-64 for tags of 16 bytes, 2^-50 for tags of 8. They
hold for messages of up to 2^8 cipher blocks (4,096 bytes), more than any datagram here carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from picosec.crypto.aead import Aead


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """``encryptions`` with one Sender Key (q) and failed decryptions with one Recipient Key (v)."""

    encryptions: int
    forgeries: int


_LONG_TAG: Final = KeyLimits(2**20, 2**20)

#: The limits of each algorithm.
KEY_LIMITS: Final[Mapping[Aead, KeyLimits]] = MappingProxyType(
    {
        Aead.AES_CCM_16_64_128: KeyLimits(2**20, 2**14),
        Aead.AES_CCM_16_128_128: _LONG_TAG,
        Aead.A128GCM: _LONG_TAG,
        Aead.CHACHA20_POLY1305: _LONG_TAG,
    }
)
