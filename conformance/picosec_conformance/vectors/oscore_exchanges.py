"""Vectors of whole OSCORE exchanges: a request, and the response that is bound to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from picosec.crypto.aead import Aead
from picosec.messaging.coap import Message
from picosec.messaging.problem import response
from picosec.registry import Problem
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted
from picosec_conformance.vectors.oscore_forms import CHANGED, CLOSE, CONTENT, DELETED, GET, NAMES, PUT, context, file


def files() -> Iterator[VectorFile]:
    """Yield the file about exchanges."""
    yield file(
        "oscore_exchange", "oscore.exchange", "A request and its response, both protected, both verified", _cases()
    )


def _cases() -> Iterator[Case]:
    def case(id: str, text: str, requirement: str, given: dict[str, Any], number: int, *messages: Message) -> Case:
        request, answer = (message.encode() for message in messages)
        inputs = {"context": given, "sequence_number": number, "request": request, "response": answer}
        return accepted("oscore.exchange", id, text, [requirement], inputs)

    for aead in Aead:
        yield case(f"{NAMES[aead]}-read", f"A read under {aead.name}.", "CHN-660", context(aead=aead), 7, GET, CONTENT)
    yield case(
        "write", "A write: the response has no payload, and its option no bytes.", "CHN-680", context(), 8, PUT, CHANGED
    )
    yield case(
        "ccm-8-close", "The client closes the channel: no payload, and 2.02.", "CHN-1210", context(), 8, CLOSE, DELETED
    )
    refusal = replace(response(Problem.NOT_FOUND), message_id=GET.message_id, token=GET.token)
    yield case("refused", "The server refuses the request, over the channel.", "CHN-810", context(), 9, GET, refusal)
    yield case(
        "first-number",
        "The first exchange of a channel with empty client identifier.",
        "CHN-620",
        context(b""),
        0,
        GET,
        CONTENT,
    )
    yield case(
        "id-context", "A channel that an ID Context names.", "CHN-710", context(id_context=b"zone"), 300, GET, CONTENT
    )
