"""Entity-tags, and what requests make depend on them (RFC 7252 section 5.10.8, spec/v1/messaging-conditions.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option
from picosec.registry import Problem

#: The entity-tag of something that is there and has none.
UNTAGGED: Final = b""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request says of the state in which it is to be served."""

    #: Entity-tags of the representations that the client has.
    known: tuple[bytes, ...] = ()
    #: Entity-tags of which one has to be the current one; an empty one is that of whatever is there.
    match: tuple[bytes, ...] = ()
    #: Whether nothing may be there.
    absent: bool = False

    @classmethod
    def of(cls, message: Message) -> Conditions:
        """Read them from the options of a request."""
        return cls(
            tuple(message.option_values(Option.ETAG)),
            tuple(message.option_values(Option.IF_MATCH)),
            message.option(Option.IF_NONE_MATCH) is not None,
        )

    def __bool__(self) -> bool:
        """Whether anything but success or failure hangs on the state."""
        return bool(self.match) or self.absent

    def check(self, tag: bytes | None) -> None:
        """Raise ``ProtocolError`` with ``PRECONDITION_FAILED`` unless they hold for what has this entity-tag.

        ``tag`` is None for what is not there, and ``UNTAGGED`` for what is there without one.
        """
        if self.absent and tag is not None:
            raise ProtocolError(Problem.PRECONDITION_FAILED, "MSG-2170", "there is something")
        if self.match and (tag is None or not {tag, UNTAGGED}.intersection(self.match)):
            raise ProtocolError(Problem.PRECONDITION_FAILED, "MSG-2150", "there is something else")

    def knows(self, tag: bytes) -> bool:
        """Whether the client has the representation with this entity-tag already."""
        return tag in self.known
