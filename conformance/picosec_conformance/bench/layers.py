"""OSCORE exchanges through whole message layers, on datagrams and on a connection, and through aiocoap's TCP codec.

Each side is one endpoint of the reference without sockets: tokens, timers, matching and limits included. What aiocoap
has for TCP cannot be taken apart from its sockets, but its codec can: it is compared with the reference's codec.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from picosec.channel.oscore import protect_request, protect_response, unprotect_request, unprotect_response
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import RequestReceived, ResponseReceived
from picosec.messaging.parameters import Parameters
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import Decoder, StreamMessage
from picosec_conformance.bench.oscore import PARAMETERS, PAYLOAD, TOKEN, Exchange, context_of
from picosec_conformance.peers.aiocoap import security_context
from picosec_conformance.peers.missing import require

_PATH = path_options("/tv1")


def datagrams() -> Exchange:
    """Return the exchange between two endpoints for datagrams. Time passes, so that message ids come back."""
    client, server = Endpoint(os.urandom), Endpoint(os.urandom)
    step = 2 * Parameters().exchange_lifetime / 4096  # a message id is free again when its turn comes
    return _exchange(client, server, step)


def connection() -> Exchange:
    """Return the exchange between two endpoints on one connection."""
    client, server = StreamEndpoint(os.urandom), StreamEndpoint(os.urandom)
    client.connected("server", 0)
    server.connected("client", 0)
    ((_, of_client),), ((_, of_server),) = client.transmit(), server.transmit()
    server.receive(of_client, "client", 0)
    client.receive(of_server, "server", 0)
    return _exchange(client, server, 0.0)


def _exchange(client: Endpoint | StreamEndpoint, server: Endpoint | StreamEndpoint, step: float) -> Exchange:
    at_client, at_server = context_of(PARAMETERS), context_of(PARAMETERS.mirrored)
    now = 0.0

    def exchange() -> tuple[bytes, bytes]:
        nonlocal now
        now += step
        protected, asking = protect_request(at_client, Message(Type.CON, Code.GET, 0, b"", _PATH))
        client.request(protected, "server", now)
        ((_, sent),) = client.transmit()
        (event,) = server.receive(sent, "client", now)
        assert isinstance(event, RequestReceived)
        _, answering = unprotect_request(at_server, event.message)
        response = protect_response(at_server, answering, Message(Type.ACK, Code.CONTENT, 0, b"", (), PAYLOAD))
        server.respond(event.exchange, response, now)
        ((_, answered),) = server.transmit()
        (outcome,) = client.receive(answered, "server", now)
        assert isinstance(outcome, ResponseReceived)
        unprotect_response(at_client, asking, outcome.message)
        return sent, answered

    return exchange


def codec() -> Exchange:
    """Return the exchange of two contexts through the reference's codec for TCP, without a message layer."""
    client, server = context_of(PARAMETERS), context_of(PARAMETERS.mirrored)
    to_server, to_client = Decoder(), Decoder()

    def exchange() -> tuple[bytes, bytes]:
        protected, asking = protect_request(client, Message(Type.CON, Code.GET, 0, TOKEN, _PATH))
        sent = StreamMessage.of(protected).encode()
        received, answering = unprotect_request(server, _decoded(to_server, sent))
        response = Message(Type.ACK, Code.CONTENT, 0, received.token, (), PAYLOAD)
        answered = StreamMessage.of(protect_response(server, answering, response)).encode()
        unprotect_response(client, asking, _decoded(to_client, answered))
        return sent, answered

    return exchange


def _decoded(decoder: Decoder, data: bytes) -> Message:
    decoder.feed(data)
    message = decoder.next()
    assert message is not None
    return message.as_message()


def aiocoap_codec() -> Exchange:
    """Return the same through aiocoap's codec for TCP."""
    library = require("aiocoap", "aiocoap[oscore]")
    tcp = require("aiocoap.transports.tcp", "aiocoap[oscore]")
    message, get, content = library.Message, library.GET, library.CONTENT
    encode: Callable[[object], bytes] = tcp._serialize
    client, server = security_context(PARAMETERS), security_context(PARAMETERS.mirrored)

    def exchange() -> tuple[bytes, bytes]:
        protected, asking = client.protect(message(code=get, uri_path=("tv1",)))
        protected.token = TOKEN
        sent = encode(protected)
        received = tcp._decode_message(sent)
        _, answering = server.unprotect(received)
        protected, _ = server.protect(message(code=content, payload=PAYLOAD), answering)
        protected.token = received.token
        answered = encode(protected)
        client.unprotect(tcp._decode_message(answered), asking)
        return sent, answered

    return exchange
