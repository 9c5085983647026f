"""OSCORE: one protected request with its response, as the reference does it and as aiocoap does it.

Both make the two messages, protect, encode, decode and verify them, with AES-CCM-16-64-128, a path of one segment in
the request, 12 bytes of payload in the response, and a replay window. Contexts are those of RFC 8613 appendix C.1.
"""

from __future__ import annotations

from collections.abc import Callable

from picosec.channel.oscore import protect_request, protect_response, unprotect_request, unprotect_response
from picosec.channel.oscore_context import SecurityContext
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec_conformance.peers.aiocoap import OscoreContext, security_context
from picosec_conformance.peers.missing import require

PARAMETERS = OscoreContext(
    master_secret=bytes.fromhex("0102030405060708090a0b0c0d0e0f10"),
    master_salt=bytes.fromhex("9e7ca92223786340"),
    sender_id=b"",
    recipient_id=b"\x01",
)
TOKEN = b"\x00\x00\x39\x74"
PAYLOAD = b"Hello World!"

#: Makes one exchange and returns the two datagrams.
Exchange = Callable[[], tuple[bytes, bytes]]


def reference() -> Exchange:
    """Return the exchange between two fresh contexts of the reference."""
    client, server = context_of(PARAMETERS), context_of(PARAMETERS.mirrored)
    path = path_options("/tv1")

    def exchange() -> tuple[bytes, bytes]:
        request = Message(Type.CON, Code.GET, 1, TOKEN, path)
        protected, at_client = protect_request(client, request)
        sent = protected.encode()
        received, at_server = unprotect_request(server, Message.decode(sent))
        response = Message(Type.ACK, Code.CONTENT, received.message_id, received.token, (), PAYLOAD)
        answered = protect_response(server, at_server, response).encode()
        unprotect_response(client, at_client, Message.decode(answered))
        return sent, answered

    return exchange


def aiocoap() -> Exchange:
    """Return the exchange between two fresh contexts of aiocoap."""
    library = require("aiocoap", "aiocoap[oscore]")
    types = require("aiocoap.numbers.types", "aiocoap[oscore]").Type
    message, get, content = library.Message, library.GET, library.CONTENT
    client, server = security_context(PARAMETERS), security_context(PARAMETERS.mirrored)

    def exchange() -> tuple[bytes, bytes]:
        request = message(code=get, uri_path=("tv1",))
        protected, at_client = client.protect(request)
        protected.mtype, protected.mid, protected.token = types.CON, 1, TOKEN
        sent: bytes = protected.encode()
        received = message.decode(sent)
        _, at_server = server.unprotect(received)
        protected, _ = server.protect(message(code=content, payload=PAYLOAD), at_server)
        protected.mtype, protected.mid, protected.token = types.ACK, received.mid, received.token
        answered: bytes = protected.encode()
        client.unprotect(message.decode(answered), at_client)
        return sent, answered

    return exchange


def overheads() -> tuple[int, int]:
    """Return how many bytes protection adds to the first request and to its response."""
    sent, answered = reference()()
    request = Message(Type.CON, Code.GET, 1, TOKEN, path_options("/tv1"))
    response = Message(Type.ACK, Code.CONTENT, 1, TOKEN, (), PAYLOAD)
    return len(sent) - len(request.encode()), len(answered) - len(response.encode())


def context_of(parameters: OscoreContext) -> SecurityContext:
    """Return a fresh context of the reference."""
    return SecurityContext(
        parameters.master_secret,
        parameters.sender_id,
        parameters.recipient_id,
        master_salt=parameters.master_salt,
        id_context=parameters.id_context,
    )
