"""Faults of EDHOC over CoAP: what stands around a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from picosec.channel import edhoc_coap
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, Problem
from picosec.roles import resources
from picosec.roles.resources import Reply, Request
from picosec_conformance.faults import fault


def _altered(change: Callable[[Message], Message]) -> None:
    """Alter the responses that carry a message, or none."""
    original = edhoc_coap.response
    edhoc_coap.response = lambda code, message=b"": change(original(code, message))


@fault("CHN-940")
def answers_with_content() -> None:
    """2.05 for a POST, because there is content: a client that waits for 2.04 gives up."""
    _altered(lambda sent: replace(sent, code=Code.CONTENT) if sent.code == Code.CHANGED and sent.payload else sent)


@fault("CHN-940")
def leaves_the_format_of_message_2_out() -> None:
    """Who else would ask here: a proxy or a client that looks at the Content-Format does not know what this is."""
    _altered(lambda sent: replace(sent, options=()) if sent.code == Code.CHANGED else sent)


@fault("CHN-940")
def insists_on_a_content_format() -> None:
    """A request without the option is refused, though what it carries is clear: half of the clients leave it out."""
    original = resources.Site.answer

    def answer(self: resources.Site, request: Request) -> Reply:
        if request.path == edhoc_coap.PATH and request.content_format is None:
            raise ProtocolError(Problem.UNSUPPORTED_FORMAT, "CHN-960")
        return original(self, request)

    resources.Site.answer = answer


@fault("CHN-940")
def takes_everything_else_for_message_1() -> None:
    """What is not a known identifier is a new session: an attacker's noise in front of a message goes unnoticed."""
    original = edhoc_coap.split_prefix

    def split(payload: bytes) -> tuple[bytes | None, bytes]:
        try:
            return original(payload)
        except ProtocolError:
            return None, payload[1:]

    edhoc_coap.split_prefix = split


def _requested(change: Callable[[Message, bytes | None], Message]) -> None:
    """Alter the requests that carry a message."""
    original = edhoc_coap.request
    edhoc_coap.request = lambda message, c_r: change(original(message, c_r), c_r)


@fault("CHN-950")
def leaves_c_r_out() -> None:
    """The address says who is asking, so the identifier is left out: a proxy, or a second session, and nobody knows
    whose message this is.
    """
    _requested(
        lambda sent, c_r: (
            sent if c_r is None else replace(sent, payload=sent.payload[len(edhoc_coap.encode_identifier(c_r)) :])
        )
    )


@fault("CHN-950")
def puts_c_r_in_front_as_bytes() -> None:
    """In front of the message the identifier is written as what it is, a byte string, also where it is one byte."""
    _requested(
        lambda sent, c_r: (
            sent
            if c_r is None
            else replace(
                sent,
                payload=bytes((0x40 + len(c_r),)) + c_r + sent.payload[len(edhoc_coap.encode_identifier(c_r)) :],
            )
        )
    )


@fault("CHN-950")
def states_the_format_of_a_bare_message() -> None:
    """Content-Format 64 for messages with an identifier in front: a strict server refuses them all."""

    def bare(sent: Message, c_r: bytes | None) -> Message:
        options = ((number, b"\x40" if number == Option.CONTENT_FORMAT else value) for number, value in sent.options)
        return replace(sent, options=tuple(options))

    _requested(bare)


@fault("CHN-960")
def takes_any_content_format() -> None:
    """The option is not looked at: what was sent as JSON is read as EDHOC."""
    original = resources.Site.answer

    def answer(self: resources.Site, request: Request) -> Reply:
        if request.path == edhoc_coap.PATH:
            request = replace(request, content_format=CONTENT_FORMAT_CID_EDHOC)
        return original(self, request)

    resources.Site.answer = answer
