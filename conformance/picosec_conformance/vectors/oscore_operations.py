"""What the reference can be asked about OSCORE: keys, the option, and protecting and verifying one message."""

from __future__ import annotations

from typing import Any

from picosec.channel.oscore import Binding, protect_request, protect_response, unprotect_request, unprotect_response
from picosec.channel.oscore_context import Direction, SecurityContext, check_identifiers, derive_keys
from picosec.channel.oscore_option import OscoreOption
from picosec.crypto.aead import Aead
from picosec.crypto.kdf import hkdf_extract
from picosec.messaging.coap import Message, Option
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.operations import Result, operation


def parameters(context: dict[str, Any]) -> tuple[bytes, bytes, bytes, bytes, bytes | None, Aead]:
    """Return what a context is derived from, in the order of ``derive_keys``."""
    return (
        octets(context, "master_secret"),
        octets(context, "master_salt", b""),
        octets(context, "sender_id"),
        octets(context, "recipient_id"),
        octets(context, "id_context") if "id_context" in context else None,
        Aead(context["aead"]),
    )


def build(context: dict[str, Any], first_number: int = 0, failures: int = 0) -> SecurityContext:
    """Return the security context that an input describes."""
    secret, salt, sender_id, recipient_id, id_context, aead = parameters(context)
    return SecurityContext(
        secret,
        sender_id,
        recipient_id,
        master_salt=salt,
        id_context=id_context,
        aead=aead,
        first_number=first_number,
        failures=failures,
    )


@operation("oscore.derive")
def _derive(inputs: dict[str, Any]) -> Result:
    secret, salt, sender_id, recipient_id, id_context, aead = parameters(inputs)
    check_identifiers(sender_id, recipient_id, id_context, aead)
    keys = derive_keys(secret, salt, sender_id, recipient_id, id_context, aead)
    sender = Direction(sender_id, keys.sender_key, keys.common_iv, aead)
    recipient = Direction(recipient_id, keys.recipient_key, keys.common_iv, aead)
    return Result(
        {"sender_key": keys.sender_key, "recipient_key": keys.recipient_key, "common_iv": keys.common_iv},
        {
            "prk": hkdf_extract(salt, secret),
            "sender_info": keys.sender_info,
            "recipient_info": keys.recipient_info,
            "iv_info": keys.iv_info,
            "sender_nonce_of_number_0": sender.nonce(0),
            "recipient_nonce_of_number_0": recipient.nonce(0),
        },
    )


@operation("oscore.option.decode")
def _decode_option(inputs: dict[str, Any]) -> Result:
    option = OscoreOption.decode(octets(inputs, "value"))
    output = {"partial_iv": option.partial_iv} if option.partial_iv else {}
    if option.kid is not None:
        output["kid"] = option.kid
    if option.kid_context is not None:
        output["kid_context"] = option.kid_context
    return Result(output)


@operation("oscore.request.protect")
def _protect_request(inputs: dict[str, Any]) -> Result:
    context = build(inputs["context"], first_number=inputs["sequence_number"])
    protected, binding = protect_request(context, Message.decode(octets(inputs, "request")))
    return Result({"protected": protected.encode()}, _steps(context.sender, protected, binding.aad, binding.nonce))


@operation("oscore.request.unprotect")
def _unprotect_request(inputs: dict[str, Any]) -> Result:
    context = build(inputs["context"], failures=inputs.get("failures", 0))
    for number in inputs["accepted"]:
        context.window.mark(number)
    protected = Message.decode(octets(inputs, "protected"))
    request, binding = unprotect_request(context, protected)
    return Result({"request": request.encode()}, _steps(context.recipient, protected, binding.aad, binding.nonce))


@operation("oscore.response.protect")
def _protect_response(inputs: dict[str, Any]) -> Result:
    context = build(inputs["context"], first_number=inputs.get("sequence_number", 0))
    binding, nonce = _binding(context.recipient, inputs), None
    if "sequence_number" in inputs:
        nonce, binding.nonce = context.sender.nonce(inputs["sequence_number"]), None
    nonce = nonce or binding.nonce
    protected = protect_response(context, binding, Message.decode(octets(inputs, "response")))
    return Result({"protected": protected.encode()}, _steps(context.sender, protected, binding.aad, nonce))


@operation("oscore.response.unprotect")
def _unprotect_response(inputs: dict[str, Any]) -> Result:
    context = build(inputs["context"], failures=inputs.get("failures", 0))
    binding = _binding(context.sender, inputs)
    protected = Message.decode(octets(inputs, "protected"))
    nonce = binding.nonce
    response = unprotect_response(context, binding, protected)
    partial_iv = OscoreOption.decode(protected.option(Option.OSCORE) or b"").partial_iv
    if partial_iv:
        nonce = context.recipient.nonce(int.from_bytes(partial_iv, "big"))
    return Result({"response": response.encode()}, _steps(context.recipient, protected, binding.aad, nonce))


@operation("oscore.exchange")
def _exchange(inputs: dict[str, Any]) -> Result:
    given = inputs["context"]
    client = build(given, first_number=inputs["sequence_number"])
    server = build({**given, "sender_id": given["recipient_id"], "recipient_id": given["sender_id"]})
    request, response = (Message.decode(octets(inputs, name)) for name in ("request", "response"))
    protected_request, binding = protect_request(client, request)
    aad, nonce = binding.aad, binding.nonce
    _, mirrored = unprotect_request(server, protected_request)
    protected_response = protect_response(server, mirrored, response)
    unprotect_response(client, binding, protected_response)
    steps = _steps(client.sender, protected_request, aad, nonce)
    answer = _steps(server.sender, protected_response, aad, nonce)
    return Result(
        {"protected_request": protected_request.encode(), "protected_response": protected_response.encode()},
        {
            "nonce": nonce,
            "aad": aad,
            "request_plaintext": steps["plaintext"],
            "request_option": steps["option"],
            "response_plaintext": answer["plaintext"],
            "response_option": answer["option"],
        },
    )


def _binding(requester: Direction, inputs: dict[str, Any]) -> Binding:
    """Return the binding to the request with the given Partial IV."""
    partial_iv = octets(inputs, "request_partial_iv")
    return Binding(requester.aad(partial_iv), requester.nonce(int.from_bytes(partial_iv, "big")))


def _steps(direction: Direction, protected: Message, aad: bytes, nonce: bytes | None) -> dict[str, Any]:
    """Return what lies between an original message and its protected form."""
    if nonce is None:
        raise ValueError("a message without a nonce")
    return {
        "nonce": nonce,
        "aad": aad,
        "plaintext": direction.cipher.decrypt(nonce, protected.payload, aad),
        "option": protected.option(Option.OSCORE),
        "ciphertext": protected.payload,
    }
