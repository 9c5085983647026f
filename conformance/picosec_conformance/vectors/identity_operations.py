"""The operations of identities: histories begun, continued and followed from whatever is known of them."""

from __future__ import annotations

from typing import Any, Final

from picosec.crypto.curves import Curve
from picosec.crypto.vault import Handle, SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.identity.history import Forked, Known, read_history
from picosec.identity.keys import credential, key_identifier, thumbprint
from picosec.identity.own import OwnIdentity, new_identity
from picosec.identity.statement import Kind, Signed, to_be_signed
from picosec.registry import Problem
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.operations import Result, operation

#: Curves and kinds of identity as vectors name them.
CURVES: Final = {"P-256": Curve.P256, "Ed25519": Curve.ED25519, "X25519": Curve.X25519}
KINDS: Final = {kind.name.lower(): kind for kind in Kind}


@operation("identity.follow")
def _follow(inputs: dict[str, Any]) -> Result:
    """Follow a history; ``identifier`` is trusted, and of it ``seen`` was taken before, in this order."""
    known = Known(octets(inputs, "identifier"))
    for earlier in inputs.get("seen", []):
        known = _after(known, bytes.fromhex(earlier))
    data = octets(inputs, "history")
    known = _taken(known, data)
    key = known.key
    assert key is not None
    history = read_history(data)
    steps = {
        "names": list(known.seen),
        "to_be_signed": [_to_be_signed(each) for each in history.statements],
        "thumbprints": [thumbprint(each.statement.key) for each in history.statements],
    }
    output: dict[str, Any] = {"statements": len(known.seen), "last": known.seen[-1], "key": {"x": key.x}}
    if key.y:
        output["key"]["y"] = key.y
    return Result({**output, **_named(known.identifier, credential(known.identifier, key))}, steps)


def _after(known: Known, data: bytes) -> Known:
    """Return what is known after a history, which may show a fork."""
    try:
        return _taken(known, data)
    except Forked as fork:
        return known.freeze(fork.place)


def _taken(known: Known, data: bytes) -> Known:
    history = read_history(data)
    if history.identifier != known.identifier:
        raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-340", "the identity is not trusted")
    return known.follow(history)


def _to_be_signed(signed: Signed) -> list[bytes]:
    return [to_be_signed(part.protected, signed.statement.encoded) for part in signed.signatures]


def _named(identifier: bytes, claims: bytes) -> dict[str, Any]:
    return {"kid": key_identifier(identifier), "credential": claims}


@operation("identity.compose")
def _compose(inputs: dict[str, Any]) -> Result:
    """Begin an identity, and continue it by the ``changes``: each a rotation or the recovery in an emergency.

    Keys are private keys by curve. ES256 signs with the nonce of RFC 6979.
    """
    vault = software_vault(bytes)
    own = new_identity(
        vault, _key(vault, inputs["key"]), octets(inputs, "committed"), KINDS[inputs["kind"]], inputs["issued"]
    )
    for change in inputs.get("changes", []):
        own = _changed(own, vault, change)
    last = own.history.statements[-1]
    steps = {
        "names": list(own.history.names),
        "payload": last.statement.encoded,
        "to_be_signed": _to_be_signed(last),
    }
    named = _named(own.identifier, credential(own.identifier, own.history.key))
    return Result({"identifier": own.identifier, "history": own.history.encode(), **named}, steps)


def _changed(own: OwnIdentity, vault: SoftwareVault, change: dict[str, Any]) -> OwnIdentity:
    handle = _key(vault, change["key"])
    if "committed" in change:
        return own.recover(vault, handle, octets(change, "committed"), change["issued"])
    return own.rotate(vault, handle, change["issued"])


def _key(vault: SoftwareVault, row: dict[str, Any]) -> Handle:
    return vault.import_key(CURVES[row["curve"]], octets(row, "private_key"))
