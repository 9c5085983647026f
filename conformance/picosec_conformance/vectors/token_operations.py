"""The operations of anonymous tokens: issued, fetched, spent and redeemed."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import Curve
from picosec.crypto.p256 import decode_point, decode_scalar, encode_point, encode_scalar
from picosec.crypto.vault import software_vault
from picosec.crypto.voprf import Evaluation, SecretKey, blind, composites
from picosec.identity.scope import decode_scope
from picosec.identity.token import Redemption, Token, TokenRequest, encode_response
from picosec.identity.token_issuer import ROOM, Issued, TokenIssuer, TokenKey
from picosec.identity.token_purse import Fetching, Source
from picosec.identity.token_sealing import seal_redemption
from picosec.objects.request import CarriedRequest
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.objects_operations import CURVES
from picosec_conformance.vectors.operations import Result, operation


@operation("token.issue")
def _issue(inputs: dict[str, Any]) -> Result:
    """Issue tokens to a peer that was given ``before`` tokens, and all others ``others``; ``r`` is for the proof.

    The steps are as with ``voprf.evaluate``.
    """
    issuer = _issuer(inputs)
    key = next(iter(issuer.keys.values()))
    for count, peer in ((inputs.get("before", 0), b"peer"), (inputs.get("others", 0), b"other")):
        issuer.count(Issued(key, peer, Evaluation((key.secret.public,) * count, b"")))
    issued = issuer.evaluate(octets(inputs, "request"), b"peer", inputs.get("now"), lambda size: octets(inputs, "r"))
    public, blinded = issued.key.secret.public, TokenRequest.decode(octets(inputs, "request")).points()
    factors, m, z = composites(public, blinded, issued.evaluation.elements)
    steps = {
        "public_key": encode_point(public),
        "factors": list(map(encode_scalar, factors)),
        "m": encode_point(m),
        "z": encode_point(z),
        "proof": issued.evaluation.proof,
    }
    return Result({"response": encode_response(issued.evaluation)}, steps)


@operation("token.fetch")
def _fetch(inputs: dict[str, Any]) -> Result:
    """Make tokens of ``nonces``, hidden behind ``blinds``, of a response of the issuer whose key is ``public_key``."""
    nonces = tuple(bytes.fromhex(each) for each in inputs["nonces"])
    blinds = tuple(decode_scalar(bytes.fromhex(each)) for each in inputs["blinds"])
    blinded = tuple(blind(nonce, scalar) for nonce, scalar in zip(nonces, blinds, strict=True))
    public, vault = decode_point(octets(inputs, "public_key"), "IDN-1800"), software_vault(bytes)
    reader = vault.public(vault.generate(Curve.X25519, bytes))  # nothing is sealed here
    fetching = Fetching(Source(octets(inputs, "kid"), public, b"", reader), nonces, blinds, blinded)
    tokens = fetching.finish(octets(inputs, "response"))
    return Result({"outputs": [token.output for token in tokens]}, {"request": fetching.request().encode()})


@operation("token.spend")
def _spend(inputs: dict[str, Any]) -> Result:
    """Seal a token and a request for ``reader``, with the nonce and the ephemeral key that are given."""
    token, request, reader = inputs["token"], inputs["request"], inputs["reader"]
    redemption = Redemption(
        Token(octets(token, "kid"), octets(token, "nonce"), octets(token, "output")),
        CarriedRequest(request["code"], request["path"], request["content_format"], octets(request, "payload")),
    )
    vault = software_vault(bytes)
    public = vault.public(vault.import_key(CURVES[reader["curve"]], octets(reader, "private_key")))
    drawn = iter((octets(inputs, "iv"), octets(inputs, "ephemeral_key")))
    sealed = seal_redemption(redemption, public, octets(reader, "kid"), vault, lambda size: next(drawn))
    return Result({"redemption": sealed}, {"contents": redemption.encode()})


@operation("token.redeem")
def _redeem(inputs: dict[str, Any]) -> Result:
    """Take a redemption as the holder of ``keys`` and ``readers``, who took the redemptions ``spent`` before."""
    issuer = _issuer(inputs)
    for earlier in inputs.get("spent", []):
        issuer.spend(issuer.judge(bytes.fromhex(earlier), None))
    redeemed = issuer.judge(octets(inputs, "redemption"), inputs.get("now"))
    request = redeemed.redemption.request
    output: dict[str, Any] = {
        "kid": redeemed.key.kid,
        "nonce": redeemed.redemption.token.nonce,
        "code": request.code,
        "path": request.path,
        "content_format": request.content_format,
        "payload": request.payload,
    }
    return Result(output, {"contents": redeemed.redemption.encode()})


def _issuer(inputs: dict[str, Any]) -> TokenIssuer:
    vault = software_vault(bytes)
    issuer = TokenIssuer(vault)
    keys = [
        TokenKey(
            octets(row, "kid"),
            SecretKey(octets(row, "private_key"), "IDN-1370"),
            decode_scope(octets(row, "scope"), "IDN-1470"),
            row["allowance"],
            row.get("expires"),
            row.get("room", ROOM),
        )
        for row in inputs["keys"]
    ]
    readers = [
        (octets(row, "kid"), vault.import_key(CURVES[row["curve"]], octets(row, "private_key")))
        for row in inputs.get("readers", [])
    ]
    issuer.admit(keys, readers)
    return issuer
