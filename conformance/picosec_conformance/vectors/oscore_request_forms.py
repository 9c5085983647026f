"""Protected requests, whole or with one part replaced, and the server that is asked to verify them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from picosec.channel.oscore import protect_request
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Message, Option, Options, encode_options
from picosec_conformance.vectors.model import jsonable
from picosec_conformance.vectors.oscore_forms import GET, context, mirrored
from picosec_conformance.vectors.oscore_operations import build

#: The plaintext of a read.
PLAIN: Final = bytes((GET.code,)) + encode_options(GET.options)


def valid_request(request: Message = GET, number: int = 7, given: dict[str, Any] | None = None) -> Message:
    """Return a request as the client protects it."""
    return protect_request(build(jsonable(given or context()), first_number=number), request)[0]


def with_option(
    message: Message, *, option: OscoreOption | bytes | None = None, outer: Options = (), **fields: Any
) -> bytes:
    """Return a protected message with parts replaced that are not authenticated."""
    value = message.option(Option.OSCORE) if option is None else option
    value = value.encode() if isinstance(value, OscoreOption) else value or b""
    return replace(message, options=(*outer, (Option.OSCORE, value)), **fields).encode()


def question(protected: bytes, accepted_before: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    """Return the inputs of the server that is asked to verify."""
    return {"context": mirrored(context()), "accepted": list(accepted_before), "protected": protected, **more}
