"""The suite's end of an OSCORE channel with the target: an honest peer, each of whose steps a test can do by hand."""

from __future__ import annotations

from picosec.channel.oscore import Binding, protect_request, unprotect_response
from picosec.channel.oscore_context import SecurityContext
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, code_text
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.manifest import GivenContext
from picosec_conformance.target import Target


class Channel:
    """An OSCORE channel. ``context`` is the suite's side; its sender is the target's recipient."""

    def __init__(self, target: Target, context: SecurityContext) -> None:
        self._target = target
        self.context = context
        self._bindings: dict[bytes, Binding] = {}

    def protect(self, request: Message) -> Message:
        """Return the OSCORE message that carries a request, and remember what its response is bound to."""
        protected, self._bindings[request.token] = protect_request(self.context, request)
        return protected

    def expect(self, token: bytes, binding: Binding) -> None:
        """Remember what the response to a request is bound to that a test protected by hand."""
        self._bindings[token] = binding

    def unprotect(self, reply: Message) -> Message:
        """Return what a protected response carries.

        Raises ``ProtocolError`` when it is not a valid response to a request that this channel protected.
        """
        return unprotect_response(self.context, self._bindings[reply.token], reply)

    def ask(self, request: Message) -> Message:
        """Protect a request, send it, and return what its response carries."""
        reply = self._target.exchange(self.protect(request), f"carries {_words(request)}")
        plain = self.unprotect(reply)
        self._target.annotate(f"carries {_words(plain)}")
        return plain

    def leveled(self) -> bytes:
        """Return what the resource answers that requests over the channel change."""
        return self.request(Code.GET, self._target.manifest.resources.protected_put).payload

    def request(self, code: Code, path: str, payload: bytes = b"", *, content_format: int | None = None) -> Message:
        """Build a request and ask it over the channel."""
        return self.ask(self._target.build(code, path, payload, content_format=content_format))


def _words(message: Message) -> str:
    """Say what a protected message carries, for the record of a test."""
    payload = f" {message.payload[:32].hex()}" if message.payload else ""
    return f"{code_text(message.code)} {message.path if message.is_request else ''}".rstrip() + payload


def joined(target: Target, given: GivenContext) -> Channel:
    """Return the suite's end of a context that the target was set up with."""
    context = SecurityContext(
        given.master_secret,
        given.recipient_id,
        given.sender_id,
        master_salt=given.master_salt,
        id_context=given.id_context,
        aead=Aead(given.aead),
        first_number=given.first_number,
    )
    return Channel(target, context)


def provision(control: Control, given: GivenContext, *, first_number: int = 0, failures: int = 0) -> None:
    """Set the target up with a context through the Test Interface, as if it had used it before."""
    control.provision(
        oscore=[
            oscore_context(
                given.sender_id,
                given.recipient_id,
                given.master_secret,
                given.master_salt,
                given.id_context,
                given.aead,
                first_number,
                failures,
            )
        ]
    )
