"""Says for whom a message of the target is, and what it is called: on one link the target sees one peer only."""

from __future__ import annotations

from picosec.channel import edhoc_coap
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option
from picosec_conformance.adversary.cast import RESPONDER, Cast


class Addresses:
    """Called with a message of the target and the sender of what it came on account of."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast

    def __call__(self, message: Message, sender: str) -> tuple[str, str]:
        """Return receiver and label."""
        if not message.is_request:
            title = self._cast.parties[sender].expects(message.token) if message.is_response else None
            return sender, title or f"{sender}/stray"
        if message.option(Option.OSCORE) is not None:
            return self._known(_kid(message), "request-of-target")
        try:
            identifier, _text = edhoc_coap.split_prefix(message.payload)
        except ProtocolError:
            return self._somebody, "target/request"
        if identifier is None:
            return self._somebody, "target/message_1"
        return self._known(identifier, "message_3")

    @property
    def _somebody(self) -> str:
        """Whom the target reaches without knowing a name."""
        return RESPONDER if RESPONDER in self._cast.parties else next(iter(self._cast.parties))

    def _known(self, identifier: bytes, what: str) -> tuple[str, str]:
        for name, party in self._cast.parties.items():
            dialogue = party.has(identifier)
            if dialogue is not None:
                return name, f"{dialogue.label}/{what}"
        return self._somebody, "target/request"


def _kid(message: Message) -> bytes:
    try:
        return OscoreOption.decode(message.option(Option.OSCORE) or b"").kid or b""
    except ProtocolError:
        return b""
