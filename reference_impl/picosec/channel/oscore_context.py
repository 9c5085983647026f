"""The security context of an OSCORE channel: keys from one secret, numbers, replay window (RFC 8613 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from picosec.channel.limits import KEY_LIMITS
from picosec.channel.sequence import Counter, Reservations
from picosec.crypto.aead import Aead, Cipher, cipher
from picosec.crypto.kdf import hkdf_expand, hkdf_extract
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.messaging.replay import WINDOW_SIZE, ReplayWindow
from picosec.registry import Problem

#: Bytes of a nonce that are not the identifier's: one for its length, five for the Partial IV.
NONCE_OVERHEAD: Final = 6
#: Bytes of an ID Context that an option of 255 bytes has room for, beside five of Partial IV and seven of kid.
MAX_ID_CONTEXT: Final = 241

_AAD_START: Final = b"\x83\x68Encrypt0\x40"  # ["Encrypt0", h'', external_aad: what follows]
_AAD_ARRAY: Final = b"\x85\x01\x81"  # [version 1, [algorithm: what follows], kid, Partial IV, options]
_BYTES_HEAD: Final = tuple(bytes((0x40 | length,)) for length in range(24))


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """What CHN-600 derives, with the ``info`` of each step as it goes into HKDF."""

    sender_info: bytes
    recipient_info: bytes
    iv_info: bytes
    sender_key: bytes
    recipient_key: bytes
    common_iv: bytes


def derive_keys(
    master_secret: bytes,
    master_salt: bytes,
    sender_id: bytes,
    recipient_id: bytes,
    id_context: bytes | None,
    aead: Aead,
) -> DerivedKeys:
    """Derive the keys of both directions and the Common IV (CHN-600)."""
    number, key_length, iv_length = aead.value, aead.key_length, aead.nonce_length
    prk = hkdf_extract(master_salt, master_secret)
    sender_info = dumps([sender_id, id_context, number, "Key", key_length])
    recipient_info = dumps([recipient_id, id_context, number, "Key", key_length])
    iv_info = dumps([b"", id_context, number, "IV", iv_length])
    return DerivedKeys(
        sender_info,
        recipient_info,
        iv_info,
        hkdf_expand(prk, sender_info, key_length),
        hkdf_expand(prk, recipient_info, key_length),
        hkdf_expand(prk, iv_info, iv_length),
    )


def check_identifiers(sender_id: bytes, recipient_id: bytes, id_context: bytes | None, aead: Aead) -> None:
    """Raise ``ProtocolError`` with ``BAD_IDENTIFIER`` for identifiers that could repeat a nonce (CHN-610), or that the
    option has no room for (CHN-1090).
    """
    longest = aead.nonce_length - NONCE_OVERHEAD
    if max(len(sender_id), len(recipient_id)) > longest:
        raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-610", f"{aead.name} takes identifiers of {longest} bytes")
    if sender_id == recipient_id:
        raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-610", "both sides have the same identifier")
    if id_context is not None and len(id_context) > MAX_ID_CONTEXT:
        raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-1090", "an ID Context that no option can carry")


class Direction:
    """What one side's identifier fixes: the key, and the constant parts of nonce, AAD and option."""

    __slots__ = ("aad_array", "aead", "identifier", "iv", "key", "nonce_length")

    def __init__(self, identifier: bytes, key: bytes, common_iv: bytes, aead: Aead) -> None:
        self.identifier = identifier
        self.aead = aead
        self.key = key
        self.nonce_length = aead.nonce_length
        padded = bytes((len(identifier),)) + identifier.rjust(aead.nonce_length - NONCE_OVERHEAD, b"\0") + bytes(5)
        self.iv = int.from_bytes(padded, "big") ^ int.from_bytes(common_iv, "big")
        self.aad_array = _AAD_ARRAY + dumps(aead.value) + dumps(identifier)

    @property
    def cipher(self) -> Cipher:
        """The key, ready to use. Made for each use: kept, it takes 0.5 to 4 KiB, and a hub has many channels."""
        return cipher(self.aead, self.key)

    def nonce(self, number: int) -> bytes:
        """Return the nonce for a Partial IV that this side chose (CHN-650)."""
        return (self.iv ^ number).to_bytes(self.nonce_length, "big")

    def aad(self, partial_iv: bytes) -> bytes:
        """Return the additional data of a request by this side, and of its response (CHN-660)."""
        array, length = self.aad_array, len(partial_iv)
        parts = (_AAD_START, _BYTES_HEAD[len(array) + length + 2], array, _BYTES_HEAD[length], partial_iv, b"\x40")
        return b"".join(parts)


def _counter_names(sender_key: bytes) -> tuple[str, str, str]:
    """Return the names under which storage keeps the counters: a key always finds its own numbers."""
    name = hkdf_expand(sender_key, b"picosec counters", 8).hex()
    return f"{name}/numbers", f"{name}/answers", f"{name}/failures"


class SecurityContext:
    """One endpoint's view of a channel.

    Without ``storage`` the context must not outlive the memory it lives in. With it, the same context may be built
    again after a restart: no number is used twice (CHN-850), and no request is acted on before one is proven fresh
    (CHN-860). ``first_number`` and ``failures`` are above 0 for a context that was used elsewhere before.

    Raises ``ProtocolError`` with ``BAD_IDENTIFIER`` (CHN-610).
    """

    __slots__ = (
        "aead",
        "answers",
        "failures",
        "id_context",
        "numbers",
        "recipient",
        "sender",
        "synchronised",
        "window",
    )

    def __init__(
        self,
        master_secret: bytes,
        sender_id: bytes,
        recipient_id: bytes,
        *,
        master_salt: bytes = b"",
        id_context: bytes | None = None,
        aead: Aead = Aead.AES_CCM_16_64_128,
        window_size: int = WINDOW_SIZE,
        storage: Reservations | None = None,
        first_number: int = 0,
        failures: int = 0,
    ) -> None:
        check_identifiers(sender_id, recipient_id, id_context, aead)
        keys = derive_keys(master_secret, master_salt, sender_id, recipient_id, id_context, aead)
        limits = KEY_LIMITS[aead]
        names = _counter_names(keys.sender_key) if storage else ("", "", "")
        self.aead = aead
        self.id_context = id_context
        self.sender = Direction(sender_id, keys.sender_key, keys.common_iv, aead)
        self.recipient = Direction(recipient_id, keys.recipient_key, keys.common_iv, aead)
        #: Sender sequence numbers: one per message that carries a Partial IV of ours.
        self.numbers = Counter(limits.encryptions, "CHN-880", storage, names[0], first_number)
        #: Messages that used the nonce of the request they answer.
        self.answers = Counter(limits.encryptions, "CHN-880", storage, names[1])
        #: Decryptions that failed.
        self.failures = Counter(limits.forgeries, "CHN-890", storage, names[2], failures)
        self.window = ReplayWindow(window_size)
        #: Whether the window knows all that was accepted; not so in a context that an earlier life may have used.
        self.synchronised = not self.numbers.restarted

    @property
    def counter_names(self) -> tuple[str, str, str]:
        """Under which names durable storage keeps the counters of this context."""
        return _counter_names(self.sender.key)

    def persist(self, storage: Reservations) -> None:
        """Keep the counters in ``storage`` from now on; of a context that an earlier life may have used, nothing is
        believed before it is proven fresh (CHN-860).
        """
        if self.numbers.durable:
            return
        for counter, name in zip((self.numbers, self.answers, self.failures), self.counter_names, strict=True):
            counter.persist(storage, name)
        self.synchronised = not self.numbers.restarted

    def erase(self) -> None:
        """Forget the keys (CHN-1220); the context protects and verifies nothing after that."""
        self.sender.key = self.recipient.key = b""

    @property
    def sender_id(self) -> bytes:
        """The identifier of this side, which its requests carry as ``kid``."""
        return self.sender.identifier

    @property
    def recipient_id(self) -> bytes:
        """The identifier of the peer, by which its requests find this context."""
        return self.recipient.identifier

    @property
    def sender_exhausted(self) -> bool:
        """Whether the Sender Key reached its limit (CHN-880)."""
        return self.numbers.value + self.answers.value >= KEY_LIMITS[self.aead].encryptions

    def worn(self, uses: int | None = None) -> bool:
        """Whether the keys should be replaced: after ``uses`` messages, or at three quarters of a limit (CHN-1410)."""
        limits = KEY_LIMITS[self.aead]
        most = limits.encryptions * 3 // 4 if uses is None else uses
        return self.numbers.value + self.answers.value >= most or self.failures.value >= limits.forgeries * 3 // 4

    @property
    def state(self) -> tuple[bytes, tuple[int, int], bool]:
        """What an accepted request changes; a digest of an endpoint's state covers it."""
        return self.recipient_id, self.window.state, self.synchronised
