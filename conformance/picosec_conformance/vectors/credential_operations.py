"""The operations of credentials: issuing one, and taking a chain of them."""

from __future__ import annotations

from typing import Any, Final

from picosec.crypto.curves import decode_public
from picosec.crypto.vault import software_vault
from picosec.identity.chain import Anchor, Chain, read_chain
from picosec.identity.chains import Chains
from picosec.identity.credential import Claims, Credential, issue
from picosec.identity.holder import HolderKey
from picosec.identity.scope import Scope, decode_scope, scope_of
from picosec.identity.status import StatusReference
from picosec.objects.structures import signature_structure
from picosec_conformance.vectors.identity_operations import CURVES, KINDS
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.objects_operations import PURPOSES
from picosec_conformance.vectors.operations import Result, operation
from picosec_conformance.vectors.status_operations import status_lists

_NAMES: Final = {kind: name for name, kind in KINDS.items()}


@operation("credential.issue")
def _issue(inputs: dict[str, Any]) -> Result:
    """Issue a credential, after those of ``before``; ``issuer`` signs it. ES256 has the nonce of RFC 6979."""
    vault = software_vault(bytes)
    issuer = inputs["issuer"]
    handle = vault.import_key(CURVES[issuer["curve"]], octets(issuer, "private_key"))
    made = issue(_claims(inputs), vault, handle, octets(issuer, "kid"))
    before = read_chain(octets(inputs, "before")).credentials if "before" in inputs else ()
    steps = {"payload": made.signed.payload, "to_be_signed": _to_be_signed(made)}
    return Result({"credential": made.cwt, "chain": Chain((*before, made)).encode()}, steps)


def _claims(inputs: dict[str, Any]) -> Claims:
    holder, status, given = inputs["holder"], inputs.get("status"), inputs["claims"]
    key = decode_public(CURVES[holder["curve"]], octets(holder, "x"), octets(holder, "y", b"") or None)
    return Claims(
        zone=octets(inputs, "zone"),
        holder=HolderKey(octets(holder, "kid"), key, holder.get("alg")),
        kind=KINDS[given["kind"]],
        issued=given["issued"],
        expires=given["expires"],
        not_before=given.get("not_before", 0),
        subject=given.get("subject", ""),
        scope=_scope(given),
        role=given.get("role", ""),
        attributes=given.get("attributes", {}),
        code=octets(given, "code", b""),
        depth=given.get("depth", 0),
        identity=octets(given, "identity", b""),
        purpose=PURPOSES[given["purpose"]] if "purpose" in given else None,
        status=None if status is None else StatusReference(status["idx"], status["uri"]),
    )


def _scope(given: dict[str, Any]) -> Scope | None:
    return scope_of([(path, bits) for path, bits in given["scope"]]) if "scope" in given else None


@operation("credential.chain.take")
def _take(inputs: dict[str, Any]) -> Result:
    """Take a chain as whoever believes ``anchors``, and of ``status`` issuers and the tokens ``taken``."""
    chains = Chains(status_lists({"issuers": [], **inputs.get("status", {})}))
    chains.admit(_anchor(row) for row in inputs["anchors"])
    made = chains.judge(octets(inputs, "chain"), inputs.get("now"))
    claims, key = made.last.claims, made.holder.key
    output: dict[str, Any] = {
        "length": len(made.credentials),
        "credential": made.last.cwt,
        "kid": made.holder.kid,
        "key": {"x": key.x, "y": key.y} if key.y else {"x": key.x},
        "kind": _NAMES[claims.kind],
        "ends": claims.expires,
        "scope": None if claims.scope is None else [[path, bits] for path, bits in claims.scope.methods.items()],
    }
    return Result(output, {"to_be_signed": [_to_be_signed(each) for each in made.credentials]})


def _anchor(row: dict[str, Any]) -> Anchor:
    key = decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None)
    scope = decode_scope(octets(row, "scope"), "IDN-790") if "scope" in row else None
    return Anchor(octets(row, "kid"), key, octets(row, "zone"), scope)


def _to_be_signed(made: Credential) -> bytes:
    return signature_structure(made.signed.headers.protected, b"", made.signed.payload)
