"""One conversation between the target and an endpoint that the suite plays: a handshake, then a channel."""

from __future__ import annotations

from dataclasses import dataclass, field

from picosec.channel.initiator import Initiator
from picosec.channel.oscore import Binding
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.responder import Responder
from picosec.channel.session import Session
from picosec.messaging.coap import Message


@dataclass(slots=True, eq=False)
class Asked:
    """A request that an endpoint of the suite protected. ``nonce`` is that of its response, unless that has its own.

    ``accepted`` and ``acted`` say what the target made of it.
    """

    label: str
    context: SecurityContext
    what: str
    plain: Message
    protected: Message
    binding: Binding
    nonce: bytes
    accepted: bool = False
    acted: bool = False
    response: Message | None = None


@dataclass(slots=True, eq=False)
class Dialogue:
    """What the suite's side knows. ``machine`` is None for a channel that was provisioned, ``chosen`` our identifier.

    ``foreseen`` is the session that the target ends up with if it accepts what it was sent, ``final`` the payload with
    which it does, and ``waiting`` the Responder as it was before message_3. ``confirmed`` says whether the target
    reported the channel; ``alive`` is False once it cannot hold it any more.
    """

    label: str
    party: str
    honest: bool
    machine: Initiator | Responder | None = None
    chosen: bytes = b""
    waiting: Responder | None = None
    final: bytes | None = None
    session: Session | None = None
    foreseen: Session | None = None
    context: SecurityContext | None = None
    former: list[SecurityContext] = field(default_factory=list)
    confirmed: bool = False
    alive: bool = True
    asked: list[Asked] = field(default_factory=list)
    served: int = 0

    @property
    def contexts(self) -> list[SecurityContext]:
        """Return the context in use and those before."""
        return [*self.former, *([self.context] if self.context is not None else [])]

    @property
    def usable(self) -> bool:
        """Whether both ends should have the channel."""
        return self.context is not None and self.alive and (self.machine is None or self.confirmed)

    def open(self, session: Session) -> None:
        """Take the channel that a session gives in place of the one before."""
        given = session.oscore()
        if self.context is not None:
            self.former.append(self.context)
        self.session = session
        self.context = SecurityContext(
            given.master_secret, given.sender_id, given.recipient_id, master_salt=given.master_salt, aead=given.aead
        )
