"""Vectors of credentials: how each kind is read, and what a name in a message leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from picosec.channel.credentials import Kind, Usage
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps, loads
from picosec.objects.structures import signature_structure
from picosec_conformance.edhoc_run import sign
from picosec_conformance.identity import Identity, make_identity
from picosec_conformance.vectors.edhoc_message_2 import FLAGS as FLAGS_2
from picosec_conformance.vectors.edhoc_scene import Party, entropy_of
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

PARSE = "edhoc.credential.parse"
FIND = "edhoc.credential.find"

FLAGS = {
    "CredentialForm": "A credential that is read in two ways names two keys.",
    "PrivatePart": "A credential with its private key in it was leaked, or made by somebody who understood nothing.",
    "UnknownParameter": "A parameter that is not understood may change what the signature means.",
    "UnknownReference": FLAGS_2["UnknownReference"],
    "UntrustedCredential": FLAGS_2["UntrustedCredential"],
    "CredentialKind": FLAGS_2["CredentialKind"],
    "NoAuthority": "Whoever has a certificate must not be able to issue others.",
    "Expired": FLAGS_2["Expired"],
}

_KID = b"\x2b"

#: The private key of the end entity that :func:`chain_of` certifies.
LEAF_KEY = entropy_of("leaf of the chain")(32)


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    for name, operation, title, cases in (
        ("edhoc_credential_parse", PARSE, "An endpoint reads a credential", (*_readable(), *_unreadable())),
        (
            "edhoc_credential_find",
            FIND,
            "A name in a message leads to a trusted credential",
            (*_found(), *_not_found()),
        ),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {name: text for name, text in FLAGS.items() if name in used}
        yield VectorFile("channel", name, operation, title, flags, cases)


def _identity(kind: Kind, usage: Usage = Usage.STATIC_DH, suite: int = 2, name: str = "peer") -> Identity:
    return make_identity(
        kind, usage, suite, entropy_of(f"credential {kind.value} {usage} {suite} {name}"), kid=_KID, name=name
    )


def _readable() -> Iterator[Case]:
    requirements = {
        Kind.KID: "CHN-360",
        Kind.KCCS: "CHN-410",
        Kind.KCWT: "CHN-430",
        Kind.X5T: "CHN-380",
        Kind.X5CHAIN: "CHN-390",
    }
    for kind, requirement in requirements.items():
        for usage, suite, curve in (
            (Usage.STATIC_DH, 2, "P-256"),
            (Usage.STATIC_DH, 0, "X25519"),
            (Usage.SIGNATURE, 0, "Ed25519"),
        ):
            inputs = {"kind": kind.value, "credential": _identity(kind, usage, suite).credential}
            id = f"{kind.value}-{curve.lower()}"
            yield accepted(PARSE, id, f"A key on {curve} in a {kind.value} credential.", (requirement,), inputs)
    whole = loads(_identity(Kind.KCCS).credential)
    for id, extra, comment in (
        (
            "claims-beside",
            {1: "issuer", 4: 2000000000, 5: 1700000000, 6: 1700000000},
            "Other claims stand beside the key.",
        ),
        ("claims-unknown", {-70000: [1, 2]}, "A claim that nobody knows."),
        ("claims-minimal", None, "The key alone: the claim cnf and nothing else."),
    ):
        claims = {8: whole[8]} if extra is None else {**whole, **extra}
        inputs = {"kind": "kccs", "credential": dumps(claims)}
        yield accepted(PARSE, id, comment, ("CHN-410",), inputs)
    for_signatures = {**whole[8][1], 3: -7, 4: [2]}
    inputs = {"kind": "kccs", "credential": dumps({8: {1: for_signatures}})}
    comment = "The key says for which algorithm and which operations it is."
    yield accepted(PARSE, "key-operations", comment, ("CHN-410",), inputs)


def _unreadable() -> Iterator[Case]:
    whole = loads(_identity(Kind.KCCS).credential)
    key = whole[8][1]

    def ccs(**changes: Any) -> bytes:
        labels = {"kty": 1, "kid": 2, "crv": -1, "x": -2, "y": -3, "d": -4}
        changed = {**key, **{labels[name]: value for name, value in changes.items()}}
        return dumps({**whole, 8: {1: {label: value for label, value in changed.items() if value is not None}}})

    broken = {
        "empty": (b"", "Nothing at all."),
        "surplus": (_identity(Kind.KCCS).credential + b"\x00", "A byte behind the claims set."),
        "not-a-map": (dumps([1, 2]), "An array instead of a map."),
        "no-cnf": (dumps({2: "peer"}), "No claim cnf."),
        "cnf-array": (dumps({8: [1]}), "The claim cnf is an array."),
        "cnf-kid": (dumps({8: {3: b"\x2b"}}), "The claim cnf only refers to a key."),
        "key-bytes": (dumps({8: {1: b"\x00"}}), "The COSE_Key is a byte string."),
        "subject-bytes": (dumps({**whole, 2: b"peer"}), "The subject is a byte string."),
        "expiry-text": (dumps({**whole, 4: "tomorrow"}), "The expiry is a text."),
        "kid-integer": (ccs(kid=43), "The kid in the key is an integer."),
        "no-x": (ccs(x=None), "The x-coordinate is missing."),
        "x-text": (ccs(x="a" * 32), "The x-coordinate is a text."),
        "x-short": (ccs(x=key[-2][:31]), "The x-coordinate has 31 bytes."),
        "no-y": (ccs(y=None), "The y-coordinate is missing."),
        "y-sign": (ccs(y=True), "The sign of y instead of y."),
        "y-other": (ccs(y=bytes(32)), "x and y are no point of the curve."),
        "p-384": (ccs(crv=2), "The curve is P-384."),
        "kty-okp": (ccs(kty=1), "An octet key pair on P-256."),
        "kty-symmetric": (ccs(kty=4), "A symmetric key."),
        "crv-text": (ccs(crv="P-256"), "The curve by its name."),
        "x25519-ec2": (ccs(crv=4), "X25519 as a curve with two coordinates."),
        "okp-with-y": (ccs(kty=1, crv=4), "X25519 with a y-coordinate."),
        "not-deterministic": (b"\xb8\x02" + _identity(Kind.KCCS).credential[1:], "The size of the map in 8 bits."),
    }
    for id, (credential, comment) in broken.items():
        yield _unusable(f"ccs-{id}", "kccs", credential, comment, "CredentialForm")
    yield _unusable("ccs-private", "kccs", ccs(d=bytes(32)), "The private key stands in the credential.", "PrivatePart")

    certificate = _identity(Kind.X5T).credential
    for id, credential, comment in (
        ("empty", b"", "Nothing at all."),
        ("cut", certificate[:-1], "The last byte is missing."),
        ("surplus", certificate + b"\x00", "A byte behind the certificate."),
        ("no-der", bytes(len(certificate)), "Zeros instead of a certificate."),
        ("p-384", _certificate(derive_private_key(7, SECP384R1()).public_key()), "A key on P-384."),
    ):
        yield _unusable(f"certificate-{id}", "x5t", credential, comment, "CredentialForm")
    constraint = x509.InhibitAnyPolicy(0)
    strict = _certificate(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key(), (constraint, True))
    comment = "A critical extension that is not understood."
    yield _unusable("certificate-critical-extension", "x5t", strict, comment, "UnknownParameter")

    protected, _, payload, signature = loads(_identity(Kind.KCWT).credential)
    for id, value, comment in (
        ("not-an-array", {1: 2}, "A map instead of an array."),
        ("three-parts", [protected, {}, payload], "The signature is missing."),
        ("header-map", [{1: -8}, {}, payload, signature], "The protected header is a map."),
        ("payload-detached", [protected, {}, None, signature], "The claims are missing."),
        ("payload-no-claims", [protected, {}, dumps("claims"), signature], "The payload is a text."),
        ("no-algorithm", [b"", {}, payload, signature], "No algorithm in the protected header."),
        ("algorithm-hmac", [dumps({1: 5}), {}, payload, signature], "HMAC instead of a signature."),
        ("algorithm-none", [dumps({1: 0}), {}, payload, signature], "An algorithm that does not exist."),
    ):
        yield _unusable(f"cwt-{id}", "kcwt", dumps(value), comment, "CredentialForm")
    for id, header, unprotected, comment in (
        ("algorithm-unprotected", {}, {1: -8}, "The algorithm is not protected."),
        ("algorithm-twice", {1: -8}, {1: -7}, "Two algorithms that contradict each other."),
        ("critical", {1: -8, 2: [99], 99: 1}, {}, "A critical parameter."),
        ("parameter", {1: -8, 5: b""}, {}, "A parameter that has no meaning here."),
        ("kid-twice", {1: -8, 4: b"a"}, {4: b"b"}, "A kid in each header."),
    ):
        cwt = dumps([dumps(header), unprotected, payload, signature])
        yield _unusable(f"cwt-{id}", "kcwt", cwt, comment, "UnknownParameter")
    tagged = b"\xd2" + _identity(Kind.KCWT).credential
    yield _unusable("cwt-tagged", "kcwt", tagged, "The tag of COSE_Sign1 stands before it.", "CredentialForm")


def _unusable(id: str, kind: str, credential: bytes, comment: str, flag: str) -> Case:
    inputs = {"kind": kind, "credential": credential}
    return rejected(PARSE, id, comment, ("CHN-470",), inputs, "bad_credential", (flag,))


def _found() -> Iterator[Case]:
    inputs: dict[str, Any]
    peer = _identity(Kind.KID)
    trusted = [Party(peer, b"", b"").trusted_as()]
    kid = b"\xa1\x04\x41\x2b"
    yield accepted(FIND, "kid", "A kid that is known.", ("CHN-360",), {"id_cred": kid, "trusted": trusted})
    other = _identity(Kind.KID, name="other")
    both = [*trusted, Party(other, b"", b"").trusted_as()]
    yield accepted(
        FIND, "kid-shared", "A kid that two credentials have.", ("CHN-370",), {"id_cred": kid, "trusted": both}
    )
    renamed = [{"kind": "kid", "credential": peer.credential, "kid": b"device"}]
    inputs = {"id_cred": b"\xa1\x04\x46device", "trusted": renamed}
    yield accepted(FIND, "kid-given", "A kid that was given beside the credential.", ("CHN-360",), inputs)
    inputs = {"id_cred": b"\xa1\x0e" + peer.credential, "trusted": trusted}
    yield accepted(FIND, "kccs", "A claims set by value that is known.", ("CHN-410",), inputs)
    certified = _identity(Kind.X5T)
    rows = [Party(certified, b"", b"").trusted_as()]
    digest = sha256(certified.credential).digest()
    for id, algorithm, value in (("truncated", -15, digest[:8]), ("whole", -16, digest)):
        inputs = {"id_cred": dumps({34: [algorithm, value]}), "trusted": rows}
        yield accepted(FIND, f"x5t-{id}", f"The hash of a certificate, {id}.", ("CHN-380",), inputs)
    inputs = {"id_cred": dumps({33: certified.credential}), "trusted": rows}
    yield accepted(FIND, "x5chain-trusted-itself", "A certificate by value that is known.", ("CHN-390",), inputs)
    issued = _identity(Kind.X5CHAIN)
    rows = [Party(issued, b"", b"").trusted_as()]
    inputs = {"id_cred": dumps({33: issued.credential}), "trusted": rows}
    yield accepted(FIND, "x5chain-issued", "A certificate of a trusted authority.", ("CHN-390",), inputs)
    inputs = {"id_cred": dumps({33: [issued.credential, issued.trusted]}), "trusted": rows}
    yield accepted(FIND, "x5chain-with-root", "The authority's certificate stands in the chain.", ("CHN-390",), inputs)
    leaf, middle, root = chain_of()
    inputs = {"id_cred": dumps({33: [leaf, middle]}), "trusted": [{"kind": "x5chain", "credential": root}]}
    yield accepted(FIND, "x5chain-two-steps", "An authority in between.", ("CHN-390",), inputs)
    signed = _identity(Kind.KCWT)
    inputs = {"id_cred": b"\xa1\x0d" + signed.credential, "trusted": [Party(signed, b"", b"").trusted_as()]}
    yield accepted(FIND, "kcwt", "A CWT that a trusted issuer signed.", ("CHN-430",), inputs)


def _not_found() -> Iterator[Case]:
    inputs: dict[str, Any]
    peer = _identity(Kind.KID)
    trusted = [Party(peer, b"", b"").trusted_as()]
    for id, id_cred, comment in (
        ("kid-unknown", b"\xa1\x04\x41\x00", "A kid that is not known."),
        ("kid-empty", b"\xa1\x04\x40", "An empty kid."),
        ("kid-longer", b"\xa1\x04\x42\x2b\x00", "A kid that begins as a known one does."),
        ("x5t-unknown", dumps({34: [-16, bytes(32)]}), "The hash of a certificate that is not known."),
    ):
        inputs = {"id_cred": id_cred, "trusted": trusted}
        yield rejected(FIND, id, comment, ("CHN-450",), inputs, "unknown_credential", ("UnknownReference",))

    changed = dumps({**loads(peer.credential), 2: "somebody else"})
    inputs = {"id_cred": b"\xa1\x0e" + changed, "trusted": trusted}
    comment = "A known key under another name."
    yield rejected(FIND, "kccs-renamed", comment, ("CHN-420",), inputs, "bad_credential", ("UntrustedCredential",))

    signed = _identity(Kind.KCWT)
    protected, unprotected, payload, signature = loads(signed.credential)
    rows = [Party(signed, b"", b"").trusted_as()]
    stranger = [Party(_identity(Kind.KCWT, name="stranger"), b"", b"").trusted_as()]
    forged = signature[:-1] + bytes((signature[-1] ^ 1,))
    own = sign(Curve.P256, signed.private_key, signature_structure(dumps({1: -7}), b"", payload))
    renamed = dumps({**loads(payload), 2: "somebody else"})
    for id, cwt, issuers, comment in (
        ("signature", [protected, unprotected, payload, forged], rows, "One bit of the signature is wrong."),
        ("signature-short", [protected, unprotected, payload, signature[:63]], rows, "The signature has 63 bytes."),
        ("claims", [protected, unprotected, renamed, signature], rows, "The claims were changed."),
        ("issuer", [protected, unprotected, payload, signature], stranger, "Another issuer is trusted."),
        ("self-signed", [dumps({1: -7}), {}, payload, own], rows, "The CWT is signed with the key in it."),
        ("no-issuer", [protected, unprotected, payload, signature], trusted, "No issuer is trusted at all."),
    ):
        inputs = {"id_cred": dumps({13: cwt}), "trusted": issuers}
        yield rejected(FIND, f"kcwt-{id}", comment, ("CHN-440",), inputs, "bad_credential", ("UntrustedCredential",))

    issued = _identity(Kind.X5CHAIN)
    rows = [Party(issued, b"", b"").trusted_as()]
    other = [Party(_identity(Kind.X5CHAIN, name="other"), b"", b"").trusted_as()]
    leaf, middle, root = chain_of()
    anchor = [{"kind": "x5chain", "credential": root}]
    for id, chain, anchors, flag, comment in (
        ("other-authority", issued.credential, other, "UntrustedCredential", "Another authority is trusted."),
        ("gap", leaf, anchor, "UntrustedCredential", "The authority in between is missing."),
        ("order", [middle, leaf], anchor, "UntrustedCredential", "The chain stands in the wrong order."),
        ("signature", _flipped(issued.credential), rows, "UntrustedCredential", "One bit of the signature is wrong."),
        ("issued-by-end-entity", [chain_of(authority=False)[0], chain_of(authority=False)[1]],
         [{"kind": "x5chain", "credential": chain_of(authority=False)[2]}], "NoAuthority",
         "The certificate in between is none of an authority."),
        ("path-length", [chain_of(path_length=0)[0], chain_of(path_length=0)[1]],
         [{"kind": "x5chain", "credential": chain_of(path_length=0)[2]}], "NoAuthority",
         "The root allows no authority below it."),
    ):  # fmt: skip
        inputs = {"id_cred": dumps({33: chain}), "trusted": anchors}
        yield rejected(FIND, f"x5chain-{id}", comment, ("CHN-400",), inputs, "bad_credential", (flag,))

    for id, id_cred, comment in (
        ("x5chain-empty", dumps({33: []}), "A chain without certificates."),
        ("x5chain-one-in-array", dumps({33: [issued.credential]}), "One certificate in an array."),
        ("x5chain-text", dumps({33: "certificate"}), "A text instead of a certificate."),
        ("x5t-bytes", dumps({34: bytes(8)}), "A hash without its algorithm."),
        ("x5t-sha-512", dumps({34: [-44, bytes(64)]}), "A hash algorithm that is not supported."),
        ("x5bag", dumps({32: issued.credential}), "Certificates without order (x5bag)."),
        ("c5t", dumps({22: [-15, bytes(8)]}), "The hash of a C509 certificate."),
        ("text-label", dumps({"kid": b"\x2b"}), "A header parameter by its name."),
        ("kccs-bytes", dumps({14: peer.credential}), "A claims set inside a byte string."),
        ("two", dumps({4: b"\x2b", 14: loads(peer.credential)}), "Two header parameters."),
    ):
        inputs = {"id_cred": id_cred, "trusted": rows}
        yield rejected(FIND, id, comment, ("CHN-470",), inputs, "bad_credential", ("CredentialKind",))

    timed = dumps({**loads(peer.credential), 4: 1800000000, 5: 1700000000})
    rows = [{"kind": "kccs", "credential": timed}]
    id_cred = b"\xa1\x0e" + timed
    for when, time in (("first", 1700000000), ("last", 1800000000)):
        inputs = {"id_cred": id_cred, "trusted": rows, "time": time}
        yield accepted(FIND, f"{when}-second", f"The {when} second of the validity.", ("CHN-490",), inputs)
    for when, time in (("before", 1699999999), ("after", 1800000001)):
        inputs = {"id_cred": id_cred, "trusted": rows, "time": time}
        comment = f"One second {when} the validity."
        yield rejected(FIND, f"one-second-{when}", comment, ("CHN-490",), inputs, "bad_credential", ("Expired",))


def _flipped(certificate: bytes) -> bytes:
    return certificate[:-1] + bytes((certificate[-1] ^ 1,))


_FROM, _UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    public: Any,
    *extensions: tuple[x509.ExtensionType, bool],
    subject: str = "peer",
    issuer: str = "authority",
    signer: Ed25519PrivateKey | None = None,
) -> bytes:
    """Return a certificate signed with Ed25519, which is deterministic."""
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(public)
    builder = builder.serial_number(1).not_valid_before(_FROM).not_valid_after(_UNTIL)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    key = signer or Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
    return builder.sign(key, None).public_bytes(Encoding.DER)


def chain_of(authority: bool = True, path_length: int | None = None) -> tuple[bytes, bytes, bytes]:
    """Return an end entity's certificate, that of the authority in between, and the root's."""
    draw: Callable[[int], bytes] = entropy_of("chain")
    leaf, middle, root = (Ed25519PrivateKey.from_private_bytes(each) for each in (LEAF_KEY, draw(32), draw(32)))
    top = (x509.BasicConstraints(ca=True, path_length=path_length), True)
    below = (x509.BasicConstraints(ca=authority, path_length=None), True)
    return (
        _certificate(leaf.public_key(), subject="leaf", issuer="middle", signer=middle),
        _certificate(middle.public_key(), below, subject="middle", issuer="root", signer=root),
        _certificate(root.public_key(), top, subject="root", issuer="root", signer=root),
    )
