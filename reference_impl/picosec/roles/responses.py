"""From what a resource answers to the message that says so."""

from __future__ import annotations

from typing import Final

from picosec.messaging.coap import Message, Option, Options, Type, uint_bytes
from picosec.roles.resources import Reply

#: Bytes that protection adds to a response at most.
OSCORE_OVERHEAD: Final = 32


def as_message(reply: Reply) -> Message:
    """Return a reply as a message whose type, message id and token are the message layer's to fill in."""
    options: Options = ((int(Option.ETAG), reply.etag),) if reply.etag else ()
    if reply.content_format is not None:
        options = (*options, (int(Option.CONTENT_FORMAT), uint_bytes(reply.content_format)))
    return Message(Type.ACK, reply.code, 0, b"", options, reply.payload)
