"""What a completed handshake gives: keys for applications and for the channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from picosec.channel import key_schedule
from picosec.channel.credentials import Credential
from picosec.channel.ead import EadItem
from picosec.crypto.aead import Aead
from picosec.crypto.suites import SUITES


class Role(Enum):
    """Who sent message_1."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


@dataclass(frozen=True, slots=True)
class OscoreParameters:
    """What an OSCORE context is made of (CHN-910), as this endpoint sees it."""

    master_secret: bytes
    master_salt: bytes
    sender_id: bytes
    recipient_id: bytes
    aead: Aead


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """A completed session. ``peer`` is the credential that the other side proved; ``ead`` holds the items from it
    that this endpoint understands, in the order of the messages. ``prk_out`` has 32 bytes and stays secret;
    ``updates`` counts how often it was replaced since the handshake, ``renewals`` how often by a renewal.
    """

    role: Role
    method: int
    suite: int
    c_i: bytes
    c_r: bytes
    peer: Credential
    prk_out: bytes
    ead: tuple[EadItem, ...] = ()
    renewals: int = 0
    updates: int = 0

    def __repr__(self) -> str:
        return f"Session({self.role.value}, method {self.method}, suite {self.suite})"

    @property
    def sender_id(self) -> bytes:
        """The identifier that the peer chose: the OSCORE Sender ID."""
        return self.c_r if self.role is Role.INITIATOR else self.c_i

    @property
    def recipient_id(self) -> bytes:
        """The identifier that this endpoint chose: the OSCORE Recipient ID."""
        return self.c_i if self.role is Role.INITIATOR else self.c_r

    def export(self, label: int, context: bytes, length: int) -> bytes:
        """Return EDHOC_Exporter(label, context, length) (CHN-900). Raises ``ValueError`` beyond 8160 bytes."""
        return key_schedule.kdf(key_schedule.prk_exporter(self.prk_out), label, context, length)

    def oscore(self) -> OscoreParameters:
        """Return the parameters of the channel (CHN-910)."""
        aead = SUITES[self.suite].application_aead
        prk = key_schedule.prk_exporter(self.prk_out)
        return OscoreParameters(
            key_schedule.kdf(prk, 0, b"", aead.key_length),
            key_schedule.kdf(prk, 1, b"", 8),
            self.sender_id,
            self.recipient_id,
            aead,
        )

    def updated(self, context: bytes) -> Session:
        """Return the session after EDHOC_KeyUpdate(context) (CHN-920); the caller forgets this one."""
        return replace(self, prk_out=key_schedule.updated(self.prk_out, context), updates=self.updates + 1)
