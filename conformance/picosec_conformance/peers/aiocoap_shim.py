"""The shim of aiocoap: ``picosec vectors run --shim 'python -m picosec_conformance.peers.aiocoap_shim'``.

It answers what aiocoap does with CoAP messages and with OSCORE; everything else is unsupported. Its errors are mapped
by the response code that aiocoap itself would send for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from picosec_conformance.peers.aiocoap import OscoreContext, security_context
from picosec_conformance.peers.missing import PeerMissing, require
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.shim import UNSUPPORTED, serve

_PACKAGE = "aiocoap[oscore]"
_KID = 4  # the COSE header parameter by which contexts are found

#: Options that stay outside (RFC 8613 figure 5): Uri-Host, Uri-Port, Proxy-Scheme.
_OUTER = (3, 7, 39)

Inputs = dict[str, Any]


def answer(name: str, inputs: Inputs) -> dict[str, Any]:
    """Answer one request from aiocoap."""
    oscore = require("aiocoap.oscore", _PACKAGE)
    error = require("aiocoap.error", _PACKAGE)
    if name not in _OPERATIONS or "failures" in inputs:
        return UNSUPPORTED
    try:
        return {"output": _OPERATIONS[name](inputs)}
    except error.UnparsableMessage:
        return {"error": "malformed"}
    except oscore.NotAProtectedMessage:
        return {"error": "unprotected"}
    except UnknownContext:
        return {"error": "unknown_context"}
    except oscore.ReplayError:
        return {"error": "replayed"}
    except oscore.DecodeError:
        return {"error": "bad_option"}
    except oscore.ProtectionInvalid:
        return {"error": "decryption_failed"}
    except oscore.ContextUnavailable:
        return {"error": "exhausted"}


class UnknownContext(Exception):
    """No context has the identifier that a request names."""


def _coap_decode(inputs: Inputs) -> dict[str, Any]:
    message = _decoded(octets(inputs, "datagram"))
    return {
        "type": int(message.mtype),
        "code": int(message.code),
        "message_id": message.mid,
        "token": message.token.hex(),
        "options": [[int(option.number), option.encode().hex()] for option in message.opt.option_list()],
        "payload": message.payload.hex(),
    }


def _derive(inputs: Inputs) -> dict[str, Any]:
    context = _context(inputs)
    return {
        "sender_key": context.sender_key.hex(),
        "recipient_key": context.recipient_key.hex(),
        "common_iv": context.common_iv.hex(),
    }


def _request_protect(inputs: Inputs) -> dict[str, Any]:
    context = _context(inputs["context"])
    context.sender_sequence_number = inputs["sequence_number"]
    request = _outgoing(octets(inputs, "request"))
    protected, _ = context.protect(request)
    return {"protected": _encoded(protected, request).hex()}


def _request_unprotect(inputs: Inputs) -> dict[str, Any]:
    context = _context(inputs["context"])
    for number in inputs["accepted"]:
        context.recipient_replay_window.strike_out(number)
    message = _decoded(octets(inputs, "protected"))
    named = require("aiocoap.oscore", _PACKAGE).verify_start(message)
    if _KID in named and context.get_oscore_context_for(named) is None:
        raise UnknownContext
    request, _ = context.unprotect(message)
    for option in message.opt.option_list():  # aiocoap leaves these to whoever has both messages
        if int(option.number) in _OUTER:
            request.opt.add_option(option)
    return {"request": _encoded(request, message).hex()}


def _response_protect(inputs: Inputs) -> dict[str, Any]:
    context = _context(inputs["context"])
    context.sender_sequence_number = inputs.get("sequence_number", 0)
    response = _outgoing(octets(inputs, "response"))
    request = _request_identifiers(inputs, context.recipient_id, "sequence_number" not in inputs)
    protected, _ = context.protect(response, request)
    return {"protected": _encoded(protected, response).hex()}


def _response_unprotect(inputs: Inputs) -> dict[str, Any]:
    context = _context(inputs["context"])
    message = _decoded(octets(inputs, "protected"))
    response, _ = context.unprotect(message, _request_identifiers(inputs, context.sender_id, None))
    return {"response": _encoded(response, message).hex()}


_OPERATIONS: dict[str, Callable[[Inputs], dict[str, Any]]] = {
    "coap.decode": _coap_decode,
    "oscore.derive": _derive,
    "oscore.request.protect": _request_protect,
    "oscore.request.unprotect": _request_unprotect,
    "oscore.response.protect": _response_protect,
    "oscore.response.unprotect": _response_unprotect,
}


def _context(members: Inputs) -> Any:
    parameters = OscoreContext(
        octets(members, "master_secret"),
        octets(members, "master_salt", b""),
        octets(members, "sender_id"),
        octets(members, "recipient_id"),
        octets(members, "id_context") if "id_context" in members else None,
    )
    return security_context(parameters, members["aead"])


def _request_identifiers(inputs: Inputs, kid: bytes, reusable: bool | None) -> Any:
    post = require("aiocoap", _PACKAGE).POST
    identifiers = require("aiocoap.oscore", _PACKAGE).RequestIdentifiers
    return identifiers(kid, octets(inputs, "request_partial_iv"), reusable, post)


def _decoded(datagram: bytes) -> Any:
    return require("aiocoap", _PACKAGE).Message.decode(datagram)


def _outgoing(datagram: bytes) -> Any:
    """Read a message that is to be protected: aiocoap keeps what comes in and what goes out apart."""
    message = _decoded(datagram)
    message.direction = require("aiocoap.message", _PACKAGE).Direction.OUTGOING
    return message


def _encoded(message: Any, outer: Any) -> bytes:
    """Return a message with the header fields of ``outer``, which protection leaves alone."""
    message.mtype, message.mid, message.token = outer.mtype, outer.mid, outer.token
    message.direction = require("aiocoap.message", _PACKAGE).Direction.OUTGOING
    return bytes(message.encode())


def main() -> int:
    """Serve until standard input closes."""
    try:
        require("aiocoap.oscore", _PACKAGE)
    except PeerMissing as error:
        print(f"aiocoap_shim: {error}", file=sys.stderr)
        return 2
    serve(answer, sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
