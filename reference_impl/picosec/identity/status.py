"""Status lists, and the claim by which a credential names its place in one (spec/v1/identity-status.md)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

from picosec.errors import ProtocolError
from picosec.identity.claims import claims_of
from picosec.registry import CLAIM_STATUS, Problem

#: The entry of a credential that was not taken back.
VALID: Final = 0
#: Bits that an entry can have.
WIDTHS: Final = (1, 2, 4, 8)
#: Bytes of the entries of the largest list (IDN-190).
MAX_UNPACKED: Final = 131_072
#: Bytes of the longest name of a list.
MAX_URI: Final = 255


@dataclass(frozen=True, slots=True)
class StatusList:
    """Entries of ``bits`` bits each, packed from the least significant bit of each byte on."""

    bits: int
    entries: bytes

    def entry(self, index: int) -> int | None:
        """Return an entry by its place, counted from 0; None behind the end."""
        position = index * self.bits
        if position >> 3 >= len(self.entries):
            return None
        return self.entries[position >> 3] >> (position & 7) & ((1 << self.bits) - 1)

    @classmethod
    def unpack(cls, bits: int, packed: bytes, limit: int = MAX_UNPACKED) -> StatusList:
        """Return the list in a zlib stream of at most ``limit`` bytes of entries.

        Raises ``too_large`` (IDN-190) before it has more than that in memory, and ``malformed`` for a stream that is
        broken, cut or followed by something (IDN-180).
        """
        stream = zlib.decompressobj()
        try:
            entries = stream.decompress(packed, limit + 1)
        except zlib.error as error:
            raise ProtocolError(Problem.MALFORMED, "IDN-180", f"entries: {error}") from error
        if len(entries) > limit:
            raise ProtocolError(Problem.TOO_LARGE, "IDN-190", f"more than {limit} bytes of entries")
        if not stream.eof or stream.unused_data:
            raise ProtocolError(Problem.MALFORMED, "IDN-180", "the stream of entries is cut, or something follows it")
        return cls(bits, entries)


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where the status of a credential stands: place ``index`` of the list that is named ``uri``."""

    index: int
    uri: str

    def claim(self) -> dict[str, Any]:
        """Return it as the claim ``status``."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}


def reference_in(cred: bytes) -> StatusReference | None:
    """Return where the status of a credential stands, None for one that cannot be taken back.

    ``cred`` is CRED_x, as :func:`claims_of` takes it. Raises ``bad_credential`` for a claim that is not as the grammar
    has it (IDN-270).
    """
    claims = claims_of(cred)
    if CLAIM_STATUS not in claims:
        return None
    status = claims[CLAIM_STATUS]
    reference = status.get("status_list") if type(status) is dict and len(status) == 1 else None
    if type(reference) is not dict or reference.keys() != {"idx", "uri"}:
        raise _bad_claim("no reference to a place in a list")
    index, uri = reference["idx"], reference["uri"]
    if type(index) is not int or index < 0 or not is_uri(uri):
        raise _bad_claim("no place, or no name of a list")
    return StatusReference(index, uri)


def is_uri(value: Any) -> bool:
    """Whether a value can be the name of a list: a text of 1 to 255 bytes."""
    return type(value) is str and 0 < len(value.encode()) <= MAX_URI


def _bad_claim(detail: str) -> ProtocolError:
    return ProtocolError(Problem.BAD_CREDENTIAL, "IDN-270", f"claim status: {detail}")
