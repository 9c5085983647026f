"""Vectors of message_2: what an Initiator accepts, and every way in which it must not be fooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from picosec.channel.credentials import Kind
from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps, loads
from picosec_conformance.edhoc_run import Run, sign, to_be_signed
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.vectors.edhoc_message_1 import FLAGS as FLAGS_1
from picosec_conformance.vectors.edhoc_message_1 import NO_POINT, P256_PRIME, SMALL_ORDER
from picosec_conformance.vectors.edhoc_plaintexts import broken_2
from picosec_conformance.vectors.edhoc_scene import (
    C_I,
    KID_I,
    KID_R,
    Party,
    Row,
    Scene,
    entropy_of,
    make_scene,
    other_usage,
)
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

PROCESS = "edhoc.message_2.process"

FLAGS = {
    **FLAGS_1,
    "ForgedMac": "Without the private key nobody can make the MAC: this is what authenticates a static key.",
    "ForgedSignature": "Without the private key nobody can make the signature.",
    "ProofLength": "A shortened MAC or signature is cheaper to forge.",
    "Misbinding": "The proof covers the whole credential: the same key under another name must not pass.",
    "UnknownReference": "A reference to a credential that is not known must end the session, and say why.",
    "UntrustedCredential": "A credential that comes with the message proves nothing about whom it names.",
    "CredentialKind": "A kind of reference that is not supported must not be taken for another one.",
    "WrongKey": "A key of another curve or use must not serve as authentication key.",
    "Reflection": "An endpoint must not be talked into a session with itself.",
    "EqualIdentifiers": "Both directions share a key, and their first messages share a nonce.",
    "SharedIdentifier": "Key identifiers are not unique: each credential behind one must be tried.",
    "Expired": "A credential outside its validity must not be used by whom knows the date.",
}


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    cases = (*_valid(), *_outside(), *_inside(), *_identity(), *_proof())
    used = {flag for case in cases for flag in case.flags}
    flags = {name: text for name, text in FLAGS.items() if name in used}
    yield VectorFile("channel", "edhoc_message_2_process", PROCESS, "An Initiator verifies message_2", flags, cases)


def _run(scene: Scene) -> Run:
    """Return the Responder after an honest message_1."""
    run, peer = scene.responder_run(), scene.initiator_run()
    run.read_message_1(peer.compose_message_1())
    return run


def _ask(scene: Scene, message_2: bytes, **extra: object) -> Row:
    return scene.initiator_holds(message_2=message_2, **extra)


def _valid() -> Iterator[Case]:
    for method, requirement in enumerate(("CHN-060", "CHN-070", "CHN-080", "CHN-090")):
        scene = make_scene(method)
        inputs = _ask(scene, _run(scene).compose_message_2())
        yield accepted(
            PROCESS, f"method-{method}", f"An honest message_2 of method {method}.", (requirement, "CHN-510"), inputs
        )
    scene = make_scene()
    for length in (1, 30):
        inputs = _ask(scene, _run(scene).compose_message_2(encode_ead(padding(length))))
        yield accepted(PROCESS, f"padding-{length}", f"{length} bytes of padding.", ("CHN-330",), inputs, ("Padding",))
    inputs = _ask(scene, _run(scene).compose_message_2(encode_ead([EadItem(32000, b"opaque")])))
    yield accepted(PROCESS, "unknown-item", "An item that nobody knows.", ("CHN-330",), inputs, ("Padding",))
    inputs = _ask(
        scene, _run(scene).compose_message_2(encode_ead([EadItem(32000, b"opaque", critical=True)])), ead_labels=[32000]
    )
    comment = "A critical item that the Initiator understands."
    yield accepted(PROCESS, "critical-item-understood", comment, ("CHN-350",), inputs, ("CriticalItem",))
    for method in (1, 0):
        scene = make_scene(method)
        identity = scene.responder.identity
        stranger = make_identity(
            Kind.KID, identity.usage, scene.suite, entropy_of(f"stranger {method}"), kid=KID_R, name="stranger"
        )
        trusted = [Party(stranger, b"", b"").trusted_as(), scene.responder.trusted_as()]
        for order, rows in (("first", trusted), ("last", trusted[::-1])):
            inputs = _ask(scene, _run(scene).compose_message_2(), trusted=rows)
            comment = f"Two trusted credentials have one kid; method {method}; the stranger stands {order}."
            yield accepted(
                PROCESS, f"shared-kid-method-{method}-{order}", comment, ("CHN-370",), inputs, ("SharedIdentifier",)
            )


def _outside() -> Iterator[Case]:
    """What is wrong before anything is decrypted."""
    scene = make_scene()
    content = loads(_run(scene).compose_message_2())
    broken = {
        "empty": (b"", "Nothing at all."),
        "two-strings": (dumps(content[:32]) + dumps(content[32:]), "Key and ciphertext as two byte strings."),
        "text": (b"\x78\x2d" + b"a" * 45, "A text."),
        "array": (b"\x81" + dumps(content), "The byte string is wrapped into an array."),
        "surplus": (dumps(content) + b"\x00", "An item behind the message."),
        "cut": (dumps(content)[:-1], "The message ends inside the byte string."),
        "key-alone": (dumps(content[:32]), "The key without a ciphertext."),
        "key-cut": (dumps(content[:31]), "The byte string ends inside the key."),
    }
    for id, (message, comment) in broken.items():
        yield rejected(PROCESS, id, comment, ("CHN-020",), _ask(scene, message), "malformed", ("Grammar",))
    other = {
        "length-16-bit": (b"\x59\x00" + bytes((len(content),)) + content, "The length in 16 bits."),
        "indefinite": (b"\x5f" + dumps(content) + b"\xff", "The byte string in chunks."),
    }
    for id, (message, comment) in other.items():
        inputs = _ask(scene, message)
        yield rejected(PROCESS, id, comment, ("CHN-040",), inputs, "not_deterministic", ("Deterministic",))
    for id, key in (("key-no-point", NO_POINT), ("key-not-reduced", P256_PRIME)):
        inputs = _ask(scene, dumps(key + content[32:]))
        comment = "The ephemeral key is no x-coordinate of a point of the curve."
        yield rejected(PROCESS, id, comment, ("CHN-250",), inputs, "bad_key", ("InvalidPoint",))
    scene = make_scene(3, 0)
    content = loads(_run(scene).compose_message_2())
    for id, key in SMALL_ORDER.items():
        inputs = _ask(scene, dumps(key + content[32:]))
        comment = "The secret with any key of the Initiator is zero."
        yield rejected(PROCESS, f"small-order-{id}", comment, ("CHN-260",), inputs, "bad_key", ("SmallOrder",))


def _inside() -> Iterator[Case]:
    """What is wrong inside, correctly encrypted."""
    scene = make_scene()
    honest = _run(scene)
    plaintext = honest.compose_plaintext_2()
    mac = dumps(honest["signature_or_mac_2"])
    assert plaintext == b"\x27\x32" + mac
    for each in broken_2(mac):
        inputs = _ask(scene, _encrypted(scene, each.content))
        yield rejected(
            PROCESS, f"inside-{each.id}", each.comment, (each.requirement,), inputs, each.error, (each.flag,)
        )
    for id, c_r, comment in (
        ("equal-identifiers", C_I, "Both sides choose the same identifier."),
        ("long-identifier", bytes(8), "An identifier of eight bytes; the nonce has room for seven."),
    ):
        clash = replace(scene, responder=replace(scene.responder, c=c_r))
        inputs = _ask(scene, _run(clash).compose_message_2())
        flag = "EqualIdentifiers" if c_r == C_I else "LongIdentifier"
        requirement = "CHN-300" if c_r == C_I else "CHN-1020"
        yield rejected(PROCESS, id, comment, (requirement,), inputs, "bad_identifier", (flag,))


def _encrypted(scene: Scene, plaintext: bytes) -> bytes:
    run = _run(scene)
    run.compose_plaintext_2()
    return run.encrypt_2(plaintext)


def _identity() -> Iterator[Case]:
    """What is wrong with the credential, proven correctly."""
    scene = make_scene()
    for id, id_cred, comment in (
        ("unknown-kid", b"\xa1\x04\x41\x99", "A kid that the Initiator does not know."),
        ("unknown-x5t", b"\xa1\x18\x22\x82\x2e\x48" + bytes(8), "The hash of a certificate that it does not know."),
    ):
        inputs = _ask(scene, _named(scene, id_cred))
        yield rejected(PROCESS, id, comment, ("CHN-460",), inputs, "unknown_credential", ("UnknownReference",))
    for id, id_cred, comment in (
        ("kind-x5u", dumps({35: "https://example.org/certificate"}), "A certificate by its address (x5u)."),
        ("kind-two-parameters", dumps({4: b"\x32", 10: b"\x00"}), "A kid with a context beside it."),
        ("kind-unknown", dumps({999: b""}), "A header parameter that does not exist."),
        ("kind-x5t-algorithm", dumps({34: [-44, bytes(64)]}), "A hash algorithm that is not supported."),
        ("kind-x5t-form", dumps({34: bytes(8)}), "A hash without its algorithm."),
    ):
        inputs = _ask(scene, _named(scene, id_cred))
        yield rejected(PROCESS, id, comment, ("CHN-1030",), inputs, "bad_credential", ("CredentialKind",))

    reflected = replace(
        scene, responder=replace(scene.initiator, c=scene.responder.c, ephemeral=scene.responder.ephemeral)
    )
    inputs = _ask(reflected, _run(reflected).compose_message_2())
    comment = "The peer shows the Initiator's own credential, which the Initiator even trusts."
    yield rejected(PROCESS, "own-credential", comment, ("CHN-1040",), inputs, "bad_credential", ("Reflection",))

    for method in (3, 0):
        scene = make_scene(method)
        usage = other_usage(scene.responder.identity.usage)
        wrong = make_identity(Kind.KID, usage, 0, entropy_of("wrong key"), kid=KID_R, name="responder")
        inputs = _ask(scene, _run(scene).compose_message_2(), trusted=[Party(wrong, b"", b"").trusted_as()])
        comment = f"The kid leads to a key that cannot serve method {method} in suite 2."
        yield rejected(
            PROCESS, f"wrong-key-method-{method}", comment, ("CHN-1030",), inputs, "bad_credential", ("WrongKey",)
        )

    untrusted = {Kind.KCCS: "CHN-420", Kind.KCWT: "CHN-440", Kind.X5CHAIN: "CHN-400"}
    for kind, requirement in untrusted.items():
        scene = make_scene(3, 2, Kind.KID, kind)
        stranger = make_identity(kind, scene.responder.identity.usage, 2, entropy_of("stranger"), name="stranger")
        inputs = _ask(scene, _run(scene).compose_message_2(), trusted=[Party(stranger, b"", b"").trusted_as()])
        comment = f"A {kind.value} that nothing trusted stands behind."
        yield rejected(
            PROCESS,
            f"untrusted-{kind.value}",
            comment,
            (requirement,),
            inputs,
            "bad_credential",
            ("UntrustedCredential",),
        )
    for kind in (Kind.X5T, Kind.X5CHAIN):
        scene = make_scene(3, 2, Kind.KID, kind)
        for when, time, fits in (("before", 0, False), ("within", 1750000000, True), ("after", 2400000000, False)):
            inputs = _ask(scene, _run(scene).compose_message_2(), time=time)
            id, comment = f"validity-{kind.value}-{when}", f"The date lies {when} the validity of the certificate."
            if fits:
                yield accepted(PROCESS, id, comment, ("CHN-490",), inputs)
            else:
                yield rejected(PROCESS, id, comment, ("CHN-490",), inputs, "bad_credential", ("Expired",))


def _named(scene: Scene, id_cred: bytes) -> bytes:
    """Return a message_2 that is right but for the name of the credential, over which its proof is made."""
    run = _run(scene)
    return run.encrypt_2(run.compose_plaintext_2(id_cred=id_cred))


def _proof() -> Iterator[Case]:
    """What is wrong with the proof."""
    for method, flag in ((3, "ForgedMac"), (1, "ForgedMac"), (0, "ForgedSignature"), (2, "ForgedSignature")):
        scene = make_scene(method)
        honest = _run(scene)
        honest.compose_plaintext_2()
        proof = honest["signature_or_mac_2"]
        for where, position in (("first", 0), ("last", len(proof) - 1)):
            forged = proof[:position] + bytes((proof[position] ^ 1,)) + proof[position + 1 :]
            inputs = _ask(scene, _encrypted(scene, b"\x27\x32" + dumps(forged)))
            comment = f"One bit of the {where} byte of the proof is wrong; method {method}."
            id = f"forged-{where}-byte-method-{method}"
            yield rejected(PROCESS, id, comment, ("CHN-510",), inputs, "authentication_failed", (flag,))
        for length in (0, 1, len(proof) - 1, len(proof) + 1):
            content = (proof + b"\x00")[:length]
            inputs = _ask(scene, _encrypted(scene, b"\x27\x32" + dumps(content)))
            comment = f"The proof has {length} bytes instead of {len(proof)}; method {method}."
            id = f"proof-{length}-bytes-method-{method}"
            yield rejected(PROCESS, id, comment, ("CHN-510",), inputs, "authentication_failed", ("ProofLength",))
        yield _misbinding(scene)
        yield _without_private_key(scene, flag)
    scene = make_scene(0)
    run = _run(scene)
    run.compose_plaintext_2()
    me = scene.responder.prover()
    assert me.private_key is not None
    for id, message, comment in (
        ("signature-over-mac-alone", run["mac_2"], "The signature covers the MAC, but not the structure around it."),
        (
            "signature-with-other-transcript",
            to_be_signed(me.id_cred, bytes(32), me.cred, b"", run["mac_2"]),
            "The signature covers another transcript.",
        ),
        (
            "signature-with-other-role",
            to_be_signed(b"\xa1\x04" + dumps(KID_I), run["th_2"], me.cred, b"", run["mac_2"]),
            "The signature names another credential.",
        ),
    ):
        content = b"\x27\x32" + dumps(sign(Curve.P256, me.private_key, message))
        inputs = _ask(scene, _encrypted(scene, content))
        yield rejected(PROCESS, id, comment, ("CHN-510",), inputs, "authentication_failed", ("ForgedSignature",))
    for method in (3, 0):
        scene = make_scene(method)
        item = encode_ead([EadItem(32000, b"opaque", critical=True)])
        inputs = _ask(scene, _run(scene).compose_message_2(item))
        comment = f"A critical item that nobody knows, in an authenticated message of method {method}."
        yield rejected(
            PROCESS, f"critical-item-method-{method}", comment, ("CHN-350",), inputs, "critical_ead", ("CriticalItem",)
        )
    scene = make_scene()
    run = _run(scene)
    inside = run.compose_plaintext_2() + encode_ead(padding(1))
    inputs = _ask(scene, run.encrypt_2(inside))
    comment = "Padding that the MAC does not cover was added."
    yield rejected(PROCESS, "uncovered-item", comment, ("CHN-510",), inputs, "authentication_failed", ("ForgedMac",))


def _misbinding(scene: Scene) -> Case:
    """The same key and kid under another name."""
    key = scene.responder.prover().key
    renamed = dumps(claims("somebody else", key, KID_R))
    run = _run(scene)
    message = run.encrypt_2(run.compose_plaintext_2(cred=renamed))
    comment = f"The proof is made for a credential with the same key and another name; method {scene.method}."
    id = f"misbinding-method-{scene.method}"
    return rejected(PROCESS, id, comment, ("CHN-510",), _ask(scene, message), "authentication_failed", ("Misbinding",))


def _without_private_key(scene: Scene, flag: str) -> Case:
    """Somebody who knows the credential, but not its private key."""
    thief = replace(scene.responder, identity=replace(scene.responder.identity, private_key=bytes([7]) * 32))
    run = scene.responder_run()
    run.read_message_1(scene.initiator_run().compose_message_1())
    run.responder = replace(scene.responder.prover(), private_key=thief.identity.private_key)
    comment = f"The credential is the Responder's, the private key is not; method {scene.method}."
    id = f"other-private-key-method-{scene.method}"
    inputs = _ask(scene, run.compose_message_2())
    return rejected(PROCESS, id, comment, ("CHN-510",), inputs, "authentication_failed", (flag,))
