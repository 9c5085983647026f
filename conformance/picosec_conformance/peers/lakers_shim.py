"""The shim of lakers: ``picosec vectors run --shim 'python -m picosec_conformance.peers.lakers_shim'``.

lakers cannot be given its ephemeral key, so nothing that depends on one can be asked. What remains: whether it takes
or refuses a message_1, and how it reads a credential. It stands for a responder with method 3 and suite 2 and nothing
else; cases for another responder are unsupported. It leaves external authorization data to its application, which
is this shim and understands padding only.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging.cbor import loads
from picosec_conformance.peers.missing import PeerMissing, require
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.shim import UNSUPPORTED, serve

#: Any static key does: its owner's credential is in no answer (RFC 9529 section 3).
_PRIVATE = bytes.fromhex("72cc4761dbd4c78f758931aa589d348d1ef874a7e303ede2f140dcf3e6aa4aac")
_CREDENTIAL = bytes.fromhex(
    "a2026b6578616d706c652e65647508a101a501020241322001215820bbc34960526ea4d32e940cad2a234148"
    "ddc21791a12afbcbac93622046dd44f02258204519e257236b2a0ce2023f0931f1f386ca7afda64fcde0108c224c51eabf6072"
)

#: lakers' errors by the text they carry; what it cannot tell apart is ``malformed`` to it.
_ERRORS = {
    "EDHOCError::UnsupportedMethod": "unsupported_method",
    "EDHOCError::UnsupportedCipherSuite": "unsupported_suite",
    "EDHOCError::ParsingError": "malformed",
    "EDHOCError::EADUnprocessable": "critical_ead",
}
_PADDING = 0


def answer(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Answer one request from lakers."""
    lakers = require("lakers", "lakers-python")
    try:
        if name == "edhoc.message_1.process":
            return _process_message_1(lakers, inputs)
        if name == "edhoc.credential.parse":
            return _parse_credential(lakers, inputs)
    except ValueError as error:
        return {"error": _error(str(error))}
    return UNSUPPORTED


def _process_message_1(lakers: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    if inputs["methods"] != [3] or inputs["suites"] != [2]:
        return UNSUPPORTED
    responder = lakers.EdhocResponder(_PRIVATE, _CREDENTIAL)
    c_i, items = responder.process_message_1(octets(inputs, "message_1"))
    if any(item.is_critical() and item.label() != _PADDING for item in items):
        return {"error": "critical_ead"}
    # It looks at G_X only when it computes the first secret.
    responder.prepare_message_2(lakers.CredentialTransfer.ByReference, b"\x00")
    ead = [[item.label(), item.is_critical(), _hex(item.value())] for item in items]
    return {"output": {"method": 3, "suite": 2, "c_i": bytes(c_i).hex(), "ead_1": ead}}


def _parse_credential(lakers: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    encoded = octets(inputs, "credential")
    if inputs["kind"] not in ("kid", "kccs") or _other_curve(encoded):
        return UNSUPPORTED
    try:
        credential = lakers.Credential(encoded)
    except ValueError:
        return {"error": "bad_credential"}
    return {"output": {"curve": "P-256", "public_key": _hex(credential.public_key()), "kid": _hex(credential.kid())}}


def _other_curve(credential: bytes) -> bool:
    """Whether the key is on X25519 or Ed25519, which suite 2 has no use for."""
    try:
        return loads(credential)[8][1][-1] in (4, 6)
    except (ProtocolError, LookupError, TypeError):
        return False


def _error(text: str) -> str:
    """Return the registry's name for an error of lakers. An error that is not known here is no rejection."""
    if "too long" in text:
        return "too_large"
    if text not in _ERRORS:
        raise RuntimeError(text)
    return _ERRORS[text]


def _hex(value: bytes | None) -> str | None:
    return None if value is None else bytes(value).hex()


def main() -> int:
    """Serve until standard input closes."""
    os.environ.setdefault("RUST_BACKTRACE", "0")
    try:
        require("lakers", "lakers-python")
    except PeerMissing as error:
        print(f"lakers_shim: {error}", file=sys.stderr)
        return 2
    serve(answer, sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
