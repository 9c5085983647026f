"""The operations of objects: the three COSE messages by their parts, and whole objects as a recipient opens them."""

from __future__ import annotations

from typing import Any, Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve, PublicKey, decode_public, public_from_native
from picosec.crypto.kdf import hkdf_expand, hkdf_extract
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec.messaging.cbor import loads
from picosec.objects.compose import group_object, sealed_object
from picosec.objects.headers import Headers, Label, decode_headers
from picosec.objects.inbox import Inbox
from picosec.objects.keys import GroupKey, Keys, OwnKey, Purpose, SenderKey
from picosec.objects.request import read_request
from picosec.objects.sealed import Sealed, Sealed0, encode_ephemeral
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement
from picosec.objects.structures import derivation_context, encryption_structure, signature_structure
from picosec_conformance.vectors.model import octets
from picosec_conformance.vectors.operations import Result, operation

#: Curves and purposes as vectors name them.
CURVES: Final = {"P-256": Curve.P256, "X25519": Curve.X25519, "Ed25519": Curve.ED25519}
PURPOSES: Final = {"platform": Purpose.PLATFORM, "application": Purpose.APPLICATION}


@operation("cose.sign1.verify")
def _verify(inputs: dict[str, Any]) -> Result:
    """Verify a COSE_Sign1 that is given in parts; ``algorithm`` is the unprotected ``alg``, if that has it."""
    head, external = _headers(inputs), octets(inputs, "external_aad", b"")
    signed = Signed(head, octets(inputs, "payload"), octets(inputs, "signature"))
    key = inputs["key"]
    signed.verify(decode_public(CURVES[key["curve"]], octets(key, "x"), octets(key, "y", b"") or None), external)
    return Result({}, {"to_be_signed": signature_structure(head.protected, external, signed.payload)})


@operation("cose.encrypt0.open")
def _open0(inputs: dict[str, Any]) -> Result:
    """Decrypt a COSE_Encrypt0 that is given in parts."""
    head, external = _headers(inputs), octets(inputs, "external_aad", b"")
    contents = Sealed0(head, octets(inputs, "ciphertext")).open(octets(inputs, "key"), external)
    return Result({"contents": contents}, {"aad": encryption_structure("Encrypt0", head.protected, external)})


@operation("cose.encrypt.open")
def _open(inputs: dict[str, Any]) -> Result:
    """Decrypt a COSE_Encrypt for one recipient with ECDH-ES, given in parts; ``party_v`` names the recipient."""
    head, ephemeral, curve = _headers(inputs), inputs["ephemeral_key"], CURVES[inputs["ephemeral_key"]["curve"]]
    point = _point(curve, ephemeral)
    unprotected = {int(Label.EPHEMERAL_KEY): encode_ephemeral(point)}
    recipient = decode_headers(octets(inputs, "recipient_protected"), unprotected)
    vault = software_vault(bytes)
    handle = vault.import_key(curve, octets(inputs, "private_key"))
    party_v = octets(inputs, "party_v") if "party_v" in inputs else None
    sealed = Sealed(head, octets(inputs, "ciphertext"), recipient)
    contents = sealed.open(vault, handle, party_v=party_v)
    aead = Aead(head.integer(Label.ALG))
    secret, context = vault.agree(handle, point), derivation_context(aead, recipient.protected, None, party_v)
    steps = {
        "secret": secret,
        "context": context,
        "key": hkdf_expand(hkdf_extract(b"", secret), context, aead.key_length),
        "aad": encryption_structure("Encrypt", head.protected, b""),
    }
    return Result({"contents": contents}, steps)


def _point(curve: Curve, key: dict[str, Any]) -> PublicKey:
    """Return a public key with both coordinates; on P-256 the inputs may hold the sign of ``y`` in its place."""
    y = key.get("y")
    point = decode_public(curve, octets(key, "x"), y if type(y) is bool else octets(key, "y", b"") or None)
    return public_from_native(curve, point.native)


def _headers(inputs: dict[str, Any]) -> Headers:
    unprotected = {int(Label.ALG): inputs["algorithm"]} if "algorithm" in inputs else {}
    if "nonce" in inputs:
        unprotected[int(Label.IV)] = octets(inputs, "nonce")
    protected = octets(inputs, "protected")
    if protected == b"\xa0":  # the empty map, written out: RFC 9052 section 3 wants it taken for the empty string
        protected = b""
    return Headers(protected, loads(protected) if protected else {}, unprotected)


@operation("object.open")
def _open_object(inputs: dict[str, Any]) -> Result:
    """Open an object as the recipient that ``inbox`` describes; ``taken`` are objects that it opened before."""
    inbox = _inbox(inputs["inbox"])
    now = inputs.get("now")
    for earlier in inputs.get("taken", []):
        inbox.open(bytes.fromhex(earlier), now)
    said = inbox.open(octets(inputs, "object"), now)
    output = {
        "sender": said.sender,
        "recipient": said.recipient,
        "purpose": said.purpose.name.lower(),
        "sequence": said.sequence,
        "issued": said.issued,
        "content_format": said.content_format,
        "content": said.content,
    }
    return Result(output if said.expires is None else {**output, "expires": said.expires})


def _inbox(rows: dict[str, Any]) -> Inbox:
    vault = software_vault(bytes)
    own = [
        OwnKey(
            octets(row, "kid"),
            vault.import_key(CURVES[row["curve"]], octets(row, "private_key")),
            PURPOSES[row["purpose"]],
        )
        for row in rows.get("own", [])
    ]
    senders = [
        SenderKey(
            octets(row, "kid"),
            decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None),
            PURPOSES[row["purpose"]],
        )
        for row in rows.get("senders", [])
    ]
    groups = [_group_key(row) for row in rows.get("groups", [])]
    return Inbox(vault, Keys(own), Keys(senders), Keys(groups))


def _group_key(row: dict[str, Any]) -> GroupKey:
    return GroupKey(octets(row, "kid"), octets(row, "key"), Aead(row["algorithm"]), PURPOSES[row["purpose"]])


@operation("object.compose")
def _compose(inputs: dict[str, Any]) -> Result:
    """Make an object: signed, and encrypted for ``reader`` or for ``group`` if there is one.

    ES256 signs with the nonce of RFC 6979. ``nonce`` and ``ephemeral_key``, a private key, are what a sender draws.
    """
    vault, row = software_vault(bytes), inputs["signer"]
    handle = vault.import_key(CURVES[row["curve"]], octets(row, "private_key"))
    purpose = PURPOSES[inputs["purpose"]]
    statement = Statement(
        octets(row, "kid"),
        octets(inputs, "recipient"),
        purpose,
        inputs["sequence"],
        inputs["issued"],
        inputs["content_format"],
        octets(inputs, "content"),
        inputs.get("expires"),
    )
    signed = statement.sign(vault, OwnKey(statement.sender, handle, PURPOSES[row["purpose"]]))
    made = signed.encode()
    steps: dict[str, Any] = {
        "protected": signed.headers.protected,
        "to_be_signed": signature_structure(signed.headers.protected, b"", signed.payload),
    }
    if "reader" in inputs:
        steps["signed_object"] = made
        made = _seal(made, purpose, inputs, vault)
        steps |= _agreement(Sealed.decode(made), inputs, vault)
    elif "group" in inputs:
        steps["signed_object"] = made
        group = Keys([_group_key(inputs["group"])]).find(octets(inputs["group"], "kid"), purpose)
        made = group_object(made, group, Drawn(octets(inputs, "nonce")))
        steps["aad"] = encryption_structure("Encrypt0", Sealed0.decode(made).headers.protected, b"")
    return Result({"object": made}, steps)


class Drawn:
    """Entropy that was drawn before, in order."""

    def __init__(self, *values: bytes) -> None:
        self._values = list(values)

    def __call__(self, size: int) -> bytes:
        """Return the next value. Raises ``ValueError`` when it has another size."""
        value = self._values.pop(0)
        if len(value) != size:
            raise ValueError(f"{len(value)} bytes are not the {size} that are drawn")
        return value


def _seal(signed: bytes, purpose: Purpose, inputs: dict[str, Any], vault: SoftwareVault) -> bytes:
    row = inputs["reader"]
    reader = decode_public(CURVES[row["curve"]], octets(row, "x"), octets(row, "y", b"") or None)
    entropy = Drawn(octets(inputs, "nonce"), octets(inputs, "ephemeral_key"))
    return sealed_object(signed, purpose, reader, octets(row, "kid"), vault, entropy, Aead(inputs["algorithm"]))


def _agreement(sealed: Sealed, inputs: dict[str, Any], vault: SoftwareVault) -> dict[str, Any]:
    row, aead = inputs["reader"], Aead(inputs["algorithm"])
    curve = CURVES[row["curve"]]
    reader = decode_public(curve, octets(row, "x"), octets(row, "y", b"") or None)
    secret = vault.agree(vault.import_key(curve, octets(inputs, "ephemeral_key")), reader)
    context = derivation_context(aead, sealed.recipient.protected, None, octets(row, "kid"))
    return {
        "secret": secret,
        "context": context,
        "key": hkdf_expand(hkdf_extract(b"", secret), context, aead.key_length),
        "aad": encryption_structure("Encrypt", sealed.headers.protected, b""),
    }


@operation("object.request.decode")
def _decode_request(inputs: dict[str, Any]) -> Result:
    """Read the contents of an object for a device as a request."""
    format, content = inputs["content_format"], octets(inputs, "content")
    request = read_request(Statement(b"\0", b"\0", Purpose.PLATFORM, 0, 0, format, content))
    output: dict[str, Any] = {"code": request.code, "path": request.path, "payload": request.payload}
    return Result(output if request.content_format is None else {**output, "content_format": request.content_format})
