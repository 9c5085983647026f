"""The value of the OSCORE option: the compressed header of the COSE object (RFC 8613 section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Flag bits of the first byte; the three bits above them are reserved, those of LENGTH count the Partial IV's bytes.
KID_CONTEXT_FLAG: Final = 0x10
KID_FLAG: Final = 0x08
LENGTH_MASK: Final = 0x07

MAX_PARTIAL_IV: Final = 5
MAX_KID_CONTEXT: Final = 255

_RESERVED: Final = 0xE0


@dataclass(frozen=True, slots=True)
class OscoreOption:
    """``partial_iv`` is empty when absent; ``kid`` and ``kid_context`` are ``None`` when absent and may be empty."""

    partial_iv: bytes = b""
    kid: bytes | None = None
    kid_context: bytes | None = None

    def encode(self) -> bytes:
        """Return the option's value. Raises ``ValueError`` for a part that is too long (CHN-620)."""
        if len(self.partial_iv) > MAX_PARTIAL_IV:
            raise ValueError(f"a Partial IV has at most {MAX_PARTIAL_IV} bytes")
        flags = len(self.partial_iv)
        tail = b""
        if self.kid_context is not None:
            if len(self.kid_context) > MAX_KID_CONTEXT:
                raise ValueError(f"a kid context has at most {MAX_KID_CONTEXT} bytes")
            flags |= KID_CONTEXT_FLAG
            tail = bytes((len(self.kid_context),)) + self.kid_context
        if self.kid is not None:
            flags |= KID_FLAG
            tail += self.kid
        return bytes((flags,)) + self.partial_iv + tail if flags else b""

    @classmethod
    def decode(cls, value: bytes) -> OscoreOption:
        """Read the option's value. Raises ``ProtocolError`` with ``BAD_OPTION`` (CHN-630, CHN-640)."""
        if not value:
            return cls()
        flags = value[0]
        if flags & _RESERVED:
            _refuse("CHN-630", f"reserved flag bits in 0x{flags:02x}")
        if not flags:
            _refuse("CHN-630", "a flag byte of zero, which the empty value stands for")
        end = 1 + (flags & LENGTH_MASK)
        partial_iv = value[1:end]
        if end > 1:
            if end > 1 + MAX_PARTIAL_IV:
                _refuse("CHN-630", f"a Partial IV of {flags & LENGTH_MASK} bytes")
            if end > len(value):
                _refuse("CHN-630", "the Partial IV is cut short")
            if partial_iv[0] == 0 and end > 2:
                _refuse("CHN-640", "the Partial IV starts with a zero byte")
        kid_context = None
        if flags & KID_CONTEXT_FLAG:
            start = end + 1
            if start > len(value):
                _refuse("CHN-630", "the kid context has no length")
            end = start + value[end]
            if end > len(value):
                _refuse("CHN-630", "the kid context is cut short")
            kid_context = value[start:end]
        if flags & KID_FLAG:
            return cls(partial_iv, value[end:], kid_context)
        if end < len(value):
            _refuse("CHN-630", f"{len(value) - end} bytes that no flag announces")
        return cls(partial_iv, None, kid_context)


def encode_partial_iv(number: int) -> bytes:
    """Return a sequence number in its shortest form, one zero byte for 0 (CHN-620)."""
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")


def _refuse(requirement: str, detail: str) -> NoReturn:
    raise ProtocolError(Problem.BAD_OPTION, requirement, f"OSCORE option: {detail}")
