"""Observe: one protected notification end to end, as the reference does it and as aiocoap does it.

Both make the message, protect it under a number of its own, encode, decode and verify it, its order included, with the
contexts and the payload of the exchanges beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from picosec.channel.observation import Observation
from picosec.channel.oscore import protect_request, protect_response, unprotect_request
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec_conformance.bench.oscore import PARAMETERS, PAYLOAD, TOKEN, context_of
from picosec_conformance.peers.aiocoap import security_context
from picosec_conformance.peers.missing import require

#: Sends one notification and takes it.
Notify = Callable[[], bytes]

_OBSERVE = int(Option.OBSERVE)


def reference() -> Notify:
    """Return the notification of an observation between two fresh contexts of the reference."""
    client, server = context_of(PARAMETERS), context_of(PARAMETERS.mirrored)
    registration = Message(Type.CON, Code.GET, 1, TOKEN, ((_OBSERVE, b""), *path_options("/tv1")))
    protected, binding = protect_request(client, registration)
    _, answering = unprotect_request(server, protected)
    observation = Observation(binding)
    numbers = count(1)

    def notify() -> bytes:
        number = next(numbers)
        options = ((_OBSERVE, (number % (1 << 24)).to_bytes(3, "big")),)
        message = Message(Type.NON, Code.CONTENT, number & 0xFFFF, TOKEN, options, PAYLOAD)
        sent = protect_response(server, answering, message).encode()
        observation.unprotect(client, Message.decode(sent))
        return sent

    return notify


def aiocoap() -> Notify:
    """Return the notification of an observation between two fresh contexts of aiocoap."""
    library = require("aiocoap", "aiocoap[oscore]")
    types = require("aiocoap.numbers.types", "aiocoap[oscore]").Type
    message = library.Message
    client, server = security_context(PARAMETERS), security_context(PARAMETERS.mirrored)
    request = message(code=library.GET, uri_path=("tv1",), observe=0)
    protected, at_client = client.protect(request)
    protected.mtype, protected.mid, protected.token = types.CON, 1, TOKEN
    _, at_server = server.unprotect(message.decode(protected.encode()))
    numbers = count(1)

    def notify() -> bytes:
        number = next(numbers)
        content = message(code=library.CONTENT, payload=PAYLOAD, observe=number % (1 << 24))
        told, _ = server.protect(content, at_server)
        told.mtype, told.mid, told.token = types.NON, number & 0xFFFF, TOKEN
        sent: bytes = told.encode()
        client.unprotect(message.decode(sent), at_client)
        return sent

    return notify
