"""The operations of the oblivious function (RFC 9497), step by step: keys, blinding, evaluation, proof and outputs."""

from __future__ import annotations

from typing import Any

from picosec.crypto.p256 import (
    decode_point,
    decode_scalar,
    encode_point,
    encode_scalar,
    hash_to_field,
    hash_to_point,
    inverse,
    map_to_curve,
)
from picosec.crypto.voprf import (
    Evaluation,
    Mode,
    SecretKey,
    blind,
    composites,
    derive_key,
    finalize,
    hash_input,
    verify,
)
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.operations import Result, operation


@operation("p256.hash")
def _hash(inputs: dict[str, Any]) -> Result:
    """Hash ``message`` to a point, in the domain that ``tag`` names (P256_XMD:SHA-256_SSWU_RO_).

    The steps are the two elements of the field that it hashes to, and the points that these are mapped to.
    """
    message, tag = octets(inputs, "message"), octets(inputs, "tag")
    fields = hash_to_field(message, tag)
    steps = {"u": list(map(encode_scalar, fields)), "q": [encode_point(map_to_curve(u)) for u in fields]}
    return Result({"point": encode_point(hash_to_point(message, tag))}, steps)


@operation("voprf.key.derive")
def _derive(inputs: dict[str, Any]) -> Result:
    """Derive a private scalar from ``seed`` and ``info``; the step is its public key.

    ``mode`` is 0 without proofs, 1 with proofs.
    """
    private = derive_key(octets(inputs, "seed"), octets(inputs, "info"), Mode(inputs["mode"]))
    public = encode_point(SecretKey(private, "IDN-1370").public)
    return Result({"private_key": private}, {"public_key": public})


@operation("voprf.blind")
def _blind(inputs: dict[str, Any]) -> Result:
    """Hide each of ``messages`` behind its scalar of ``blinds``; the steps are the points that messages hash to."""
    mode, messages = Mode(inputs["mode"]), _each(inputs, "messages")
    blinds = [decode_scalar(each) for each in _each(inputs, "blinds")]
    blinded = [blind(message, scalar, mode) for message, scalar in zip(messages, blinds, strict=True)]
    hashed = [encode_point(hash_input(message, mode)) for message in messages]
    return Result({"blinded": list(map(encode_point, blinded))}, {"hashed": hashed})


@operation("voprf.evaluate")
def _evaluate(inputs: dict[str, Any]) -> Result:
    """Evaluate ``blinded`` elements; in mode 1, prove it with the scalar ``r``.

    The steps are the factors that make one pair of all, and that pair.
    """
    key = SecretKey(octets(inputs, "private_key"), "IDN-1370")
    points = [decode_point(each, "IDN-1350") for each in _each(inputs, "blinded")]
    if Mode(inputs["mode"]) is Mode.OPRF:
        return Result({"evaluated": [encode_point(key.evaluate(point)) for point in points]})
    evaluation = key.evaluate_all(points, decode_scalar(octets(inputs, "r")))
    factors, m, z = composites(key.public, points, evaluation.elements)
    evaluated = list(map(encode_point, evaluation.elements))
    steps = {
        "public_key": encode_point(key.public),
        "factors": list(map(encode_scalar, factors)),
        "m": encode_point(m),
        "z": encode_point(z),
    }
    return Result({"evaluated": evaluated, "proof": evaluation.proof}, steps)


@operation("voprf.finalize")
def _finalize(inputs: dict[str, Any]) -> Result:
    """Return the outputs for ``messages``; in mode 1, verify the proof with ``public_key`` first.

    The steps are the evaluated points, no longer hidden.
    """
    mode, messages = Mode(inputs["mode"]), _each(inputs, "messages")
    blinds = [decode_scalar(each) for each in _each(inputs, "blinds")]
    elements = tuple(decode_point(each, "IDN-1820") for each in _each(inputs, "evaluated"))
    if mode is Mode.VOPRF:
        blinded = [blind(message, scalar) for message, scalar in zip(messages, blinds, strict=True)]
        public = decode_point(octets(inputs, "public_key"), "IDN-1800")
        verify(public, blinded, Evaluation(elements, octets(inputs, "proof")), "IDN-1800")
    parts = list(zip(messages, blinds, elements, strict=True))
    outputs = [finalize(*part) for part in parts]
    return Result(
        {"outputs": outputs},
        {"unblinded": [encode_point(element * inverse(scalar)) for _message, scalar, element in parts]},
    )


@operation("voprf.output")
def _output(inputs: dict[str, Any]) -> Result:
    """Return the outputs for ``messages`` as the holder of the private key finds them."""
    key, mode = SecretKey(octets(inputs, "private_key"), "IDN-1440"), Mode(inputs["mode"])
    return Result({"outputs": [key.output(message, mode) for message in _each(inputs, "messages")]})


def _each(inputs: dict[str, Any], name: str) -> list[bytes]:
    return [bytes.fromhex(each) for each in inputs[name]]
