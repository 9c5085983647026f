"""Vectors of messages 3 and 4 and of error messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from picosec.channel.credentials import Kind
from picosec.channel.ead import EadItem, encode_ead, padding
from picosec.messaging.cbor import dumps, loads
from picosec_conformance.edhoc_run import Run
from picosec_conformance.identity import claims, make_identity
from picosec_conformance.vectors.edhoc_message_2 import FLAGS as FLAGS_2
from picosec_conformance.vectors.edhoc_plaintexts import broken_3
from picosec_conformance.vectors.edhoc_scene import KID_I, Party, Row, Scene, entropy_of, make_scene, other_usage
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.operations import accepted, rejected

PROCESS_3 = "edhoc.message_3.process"
PROCESS_4 = "edhoc.message_4.process"
DECODE_ERROR = "edhoc.error.decode"

FLAGS = {
    **FLAGS_2,
    "ForgedCiphertext": "Every bit of an authenticated ciphertext counts, and so does its length.",
    "ErrorForm": "An error message that is misread makes the other side try again, or give up, for no reason.",
}


def files() -> Iterator[VectorFile]:
    """Yield the files."""
    for name, operation, title, cases in (
        (
            "edhoc_message_3_process",
            PROCESS_3,
            "A Responder verifies message_3",
            (*_valid(), *_outside(), *_inside(), *_proof()),
        ),
        ("edhoc_message_4_process", PROCESS_4, "An Initiator verifies message_4", tuple(_message_4())),
        ("edhoc_error_decode", DECODE_ERROR, "An endpoint reads an error message", tuple(_errors())),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {name: text for name, text in FLAGS.items() if name in used}
        yield VectorFile("channel", name, operation, title, flags, cases)


def _run(scene: Scene) -> Run:
    """Return the Initiator after an honest message_2."""
    run, peer = scene.initiator_run(), scene.responder_run()
    peer.read_message_1(run.compose_message_1())
    run.read_message_2(peer.compose_message_2())
    return run


def _ask(scene: Scene, message_3: bytes, **extra: object) -> Row:
    message_1 = scene.initiator_run().compose_message_1()
    return scene.responder_holds(message_1=message_1, message_3=message_3, **extra)


def _encrypted(scene: Scene, plaintext: bytes) -> bytes:
    run = _run(scene)
    run.compose_plaintext_3()
    return run.encrypt_3(plaintext)


def _valid() -> Iterator[Case]:
    for method, requirement in enumerate(("CHN-060", "CHN-070", "CHN-080", "CHN-090")):
        scene = make_scene(method)
        inputs = _ask(scene, _run(scene).compose_message_3())
        comment = f"An honest message_3 of method {method}."
        yield accepted(PROCESS_3, f"method-{method}", comment, (requirement, "CHN-500"), inputs)
    scene = make_scene()
    for length in (1, 30, 1000):
        inputs = _ask(scene, _run(scene).compose_message_3(encode_ead(padding(length))))
        comment = f"{length} bytes of padding."
        yield accepted(PROCESS_3, f"padding-{length}", comment, ("CHN-320",), inputs, ("Padding",))
    inputs = _ask(scene, _run(scene).compose_message_3(encode_ead([EadItem(32000, b"opaque")])))
    yield accepted(PROCESS_3, "unknown-item", "An item that nobody knows.", ("CHN-320",), inputs, ("Padding",))
    for method in (2, 0):
        scene = make_scene(method)
        identity = scene.initiator.identity
        stranger = make_identity(Kind.KID, identity.usage, 2, entropy_of(f"other {method}"), kid=KID_I, name="stranger")
        trusted = [Party(stranger, b"", b"").trusted_as(), scene.initiator.trusted_as()]
        for order, rows in (("first", trusted), ("last", trusted[::-1])):
            inputs = _ask(scene, _run(scene).compose_message_3(), trusted=rows)
            comment = f"Two trusted credentials have one kid; method {method}; the stranger stands {order}."
            id = f"shared-kid-method-{method}-{order}"
            yield accepted(PROCESS_3, id, comment, ("CHN-370",), inputs, ("SharedIdentifier",))


def _outside() -> Iterator[Case]:
    scene = make_scene()
    content = loads(_run(scene).compose_message_3())
    broken = {
        "empty": (b"", "Nothing at all."),
        "integer": (b"\x01", "An integer alone."),
        "text": (b"\x72" + b"a" * 18, "A text."),
        "two-strings": (dumps(content[:9]) + dumps(content[9:]), "The ciphertext as two byte strings."),
        "surplus": (dumps(content) + b"\x00", "An item behind the message."),
        "cut": (dumps(content)[:-1], "The message ends inside the byte string."),
        "array": (b"\x81" + dumps(content), "The byte string is wrapped into an array."),
    }
    for id, (message, comment) in broken.items():
        yield rejected(PROCESS_3, id, comment, ("CHN-010",), _ask(scene, message), "malformed", ("Grammar",))
    inputs = _ask(scene, b"\x58" + bytes((len(content),)) + content)
    yield rejected(
        PROCESS_3,
        "length-8-bit",
        "The length in 8 bits.",
        ("CHN-030",),
        inputs,
        "not_deterministic",
        ("Deterministic",),
    )
    for suite in (2, 3, 5, 6):
        scene = make_scene(3, suite)
        content = loads(_run(scene).compose_message_3())
        for where, position in (("first", 0), ("last", len(content) - 1)):
            forged = content[:position] + bytes((content[position] ^ 0x80,)) + content[position + 1 :]
            comment = f"One bit of the {where} byte of the ciphertext is wrong; suite {suite}."
            id = f"ciphertext-{where}-byte-suite-{suite}"
            inputs = _ask(scene, dumps(forged))
            yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", ("ForgedCiphertext",))
        for length in (0, 1, 8, len(content) - 1):
            comment = f"{length} bytes of a ciphertext of {len(content)}; suite {suite}."
            id = f"ciphertext-{length}-bytes-suite-{suite}"
            inputs = _ask(scene, dumps(content[:length]))
            yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", ("ForgedCiphertext",))


def _inside() -> Iterator[Case]:
    scene = make_scene()
    honest = _run(scene)
    plaintext = honest.compose_plaintext_3()
    mac = dumps(honest["signature_or_mac_3"])
    assert plaintext == b"\x2b" + mac
    for each in broken_3(mac):
        inputs = _ask(scene, _encrypted(scene, each.content))
        yield rejected(
            PROCESS_3, f"inside-{each.id}", each.comment, (each.requirement,), inputs, each.error, (each.flag,)
        )

    for id, id_cred, problem, requirement, flag, comment in (
        ("unknown-kid", b"\xa1\x04\x41\x99", "unknown_credential", "CHN-450", "UnknownReference",
         "A kid that is not known."),
        ("unknown-x5t", dumps({34: [-15, bytes(8)]}), "unknown_credential", "CHN-450", "UnknownReference",
         "The hash of a certificate that is not known."),
        ("kind-x5u", dumps({35: "https://example.org/"}), "bad_credential", "CHN-470", "CredentialKind",
         "A certificate by its address (x5u)."),
        ("kind-two-parameters", dumps({4: b"\x2b", 10: b""}), "bad_credential", "CHN-470", "CredentialKind",
         "A kid with a context beside it."),
    ):  # fmt: skip
        run = _run(scene)
        inputs = _ask(scene, run.encrypt_3(run.compose_plaintext_3(id_cred=id_cred)))
        yield rejected(PROCESS_3, id, comment, (requirement,), inputs, problem, (flag,))

    reflected = replace(
        scene, initiator=replace(scene.responder, c=scene.initiator.c, ephemeral=scene.initiator.ephemeral)
    )
    inputs = _ask(reflected, _run(reflected).compose_message_3())
    comment = "The peer shows the Responder's own credential, which the Responder even trusts."
    yield rejected(PROCESS_3, "own-credential", comment, ("CHN-480",), inputs, "bad_credential", ("Reflection",))
    for method in (3, 0):
        scene = make_scene(method)
        usage = other_usage(scene.initiator.identity.usage)
        wrong = make_identity(Kind.KID, usage, 0, entropy_of("wrong key"), kid=KID_I, name="initiator")
        inputs = _ask(scene, _run(scene).compose_message_3(), trusted=[Party(wrong, b"", b"").trusted_as()])
        comment = f"The kid leads to a key that cannot serve method {method} in suite 2."
        id = f"wrong-key-method-{method}"
        yield rejected(PROCESS_3, id, comment, ("CHN-470",), inputs, "bad_credential", ("WrongKey",))
    for kind, requirement in ((Kind.KCCS, "CHN-420"), (Kind.KCWT, "CHN-440"), (Kind.X5CHAIN, "CHN-400")):
        scene = make_scene(3, 2, kind, Kind.KID)
        stranger = make_identity(kind, scene.initiator.identity.usage, 2, entropy_of("stranger"), name="stranger")
        inputs = _ask(scene, _run(scene).compose_message_3(), trusted=[Party(stranger, b"", b"").trusted_as()])
        comment = f"A {kind.value} that nothing trusted stands behind."
        id = f"untrusted-{kind.value}"
        yield rejected(PROCESS_3, id, comment, (requirement,), inputs, "bad_credential", ("UntrustedCredential",))


def _proof() -> Iterator[Case]:
    for method, flag in ((3, "ForgedMac"), (2, "ForgedMac"), (0, "ForgedSignature"), (1, "ForgedSignature")):
        scene = make_scene(method)
        honest = _run(scene)
        honest.compose_plaintext_3()
        proof = honest["signature_or_mac_3"]
        for where, position in (("first", 0), ("last", len(proof) - 1)):
            forged = proof[:position] + bytes((proof[position] ^ 1,)) + proof[position + 1 :]
            inputs = _ask(scene, _encrypted(scene, b"\x2b" + dumps(forged)))
            comment = f"One bit of the {where} byte of the proof is wrong; method {method}."
            id = f"forged-{where}-byte-method-{method}"
            yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", (flag,))
        for length in (0, 1, len(proof) - 1, len(proof) + 1):
            inputs = _ask(scene, _encrypted(scene, b"\x2b" + dumps((proof + b"\x00")[:length])))
            comment = f"The proof has {length} bytes instead of {len(proof)}; method {method}."
            id = f"proof-{length}-bytes-method-{method}"
            yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", ("ProofLength",))
        run = _run(scene)
        renamed = dumps(claims("somebody else", scene.initiator.prover().key, KID_I))
        inputs = _ask(scene, run.encrypt_3(run.compose_plaintext_3(cred=renamed)))
        comment = f"The proof is made for a credential with the same key and another name; method {method}."
        id = f"misbinding-method-{method}"
        yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", ("Misbinding",))
        run = _run(scene)
        run.initiator = replace(scene.initiator.prover(), private_key=bytes([7]) * 32)
        inputs = _ask(scene, run.compose_message_3())
        comment = f"The credential is the Initiator's, the private key is not; method {method}."
        id = f"other-private-key-method-{method}"
        yield rejected(PROCESS_3, id, comment, ("CHN-500",), inputs, "authentication_failed", (flag,))
        item = encode_ead([EadItem(32000, b"opaque", critical=True)])
        inputs = _ask(scene, _run(scene).compose_message_3(item))
        comment = f"A critical item that nobody knows, in an authenticated message of method {method}."
        id = f"critical-item-method-{method}"
        yield rejected(PROCESS_3, id, comment, ("CHN-340",), inputs, "critical_ead", ("CriticalItem",))


def _message_4() -> Iterator[Case]:
    def ask(scene: Scene, message_4: bytes | None, ead: bytes = b"", **extra: object) -> Row:
        first, second = scene.initiator_run(), scene.responder_run()
        second.read_message_1(first.compose_message_1())
        message_2 = second.compose_message_2()
        first.read_message_2(message_2)
        second.read_message_3(first.compose_message_3())
        fourth = second.compose_message_4(ead) if message_4 is None else message_4
        return scene.initiator_holds(message_2=message_2, message_4=fourth, **extra)

    scene = make_scene()
    yield accepted(PROCESS_4, "empty-inside", "Nothing inside.", ("CHN-590",), ask(scene, None))
    inputs = ask(scene, None, encode_ead(padding(10)))
    yield accepted(PROCESS_4, "padding", "Ten bytes of padding.", ("CHN-330",), inputs, ("Padding",))
    inputs = ask(scene, None, encode_ead([EadItem(32000, b"opaque")]))
    yield accepted(PROCESS_4, "unknown-item", "An item that nobody knows.", ("CHN-330",), inputs, ("Padding",))
    inputs = ask(scene, None, encode_ead([EadItem(32000, None, critical=True)]))
    comment = "A critical item that nobody knows."
    yield rejected(PROCESS_4, "critical-item", comment, ("CHN-350",), inputs, "critical_ead", ("CriticalItem",))
    inputs = ask(scene, None, b"\x40")
    yield rejected(
        PROCESS_4, "inside-value", "A value without a label before it.", ("CHN-020",), inputs, "malformed", ("Grammar",)
    )
    inputs = ask(scene, None, b"\x18\x00")
    yield rejected(
        PROCESS_4, "inside-8-bit", "A label in 8 bits.", ("CHN-040",), inputs, "not_deterministic", ("Deterministic",)
    )
    honest = bytes.fromhex("48") + loads(ask(scene, None)["message_4"])
    for id, message, comment in (
        ("first-byte", honest[:1] + bytes((honest[1] ^ 1,)) + honest[2:], "One bit of the first byte is wrong."),
        ("last-byte", honest[:-1] + bytes((honest[-1] ^ 1,)), "One bit of the last byte is wrong."),
        ("short", b"\x47" + honest[1:-1], "The last byte is missing."),
        ("empty-string", b"\x40", "An empty byte string."),
    ):
        inputs = ask(scene, message)
        yield rejected(PROCESS_4, id, comment, ("CHN-990",), inputs, "authentication_failed", ("ForgedCiphertext",))
    for id, message, comment in (
        ("nothing", b"", "Nothing at all."),
        ("text", b"\x68" + honest[1:].hex()[:8].encode(), "A text."),
        ("surplus", honest + b"\x00", "An item behind the message."),
    ):
        yield rejected(PROCESS_4, id, comment, ("CHN-020",), ask(scene, message), "malformed", ("Grammar",))


def _errors() -> Iterator[Case]:
    for id, message, comment in (
        ("text", dumps(1) + dumps("Method not supported"), "The example of the standard."),
        ("text-empty", b"\x01\x60", "A text without characters."),
        ("one-suite", b"\x02\x02", "One suite."),
        ("suites", b"\x02\x82\x02\x03", "Two suites."),
        ("private-suite", b"\x02\x35", "A suite for private use."),
        ("unknown-credential", b"\x03\xf5", "The credential is unknown."),
        ("later-code", b"\x18\x2a\xa0", "A code that a later standard may define, with any information."),
        ("negative-code", b"\x20\xf6", "A negative code."),
    ):
        yield accepted(DECODE_ERROR, id, comment, ("CHN-530",), {"message": message})
    for id, message, comment in (
        ("empty", b"", "Nothing at all."),
        ("code-alone", b"\x01", "The information is missing."),
        ("surplus", b"\x03\xf5\xf5", "An item behind the message."),
        ("code-zero", b"\x00\xf5", "Code 0 means success and is never sent."),
        ("code-text", b"\x61\x31\x60", "The code is a text."),
        ("text-bytes", b"\x01\x41\x61", "The information of code 1 is a byte string."),
        ("suites-text", b"\x02\x61\x32", "The information of code 2 is a text."),
        ("suites-empty", b"\x02\x80", "No suite at all."),
        ("suites-array-of-one", b"\x02\x81\x02", "One suite in an array."),
        ("credential-false", b"\x03\xf4", "The information of code 3 is false."),
        ("credential-one", b"\x03\x01", "The information of code 3 is 1, which some languages take for true."),
    ):
        yield rejected(DECODE_ERROR, id, comment, ("CHN-020",), {"message": message}, "malformed", ("ErrorForm",))
    message = b"\x18\x01\x60"
    yield rejected(
        DECODE_ERROR, "code-8-bit", "The code in 8 bits.", ("CHN-040",), {"message": message}, "not_deterministic",
        ("Deterministic",),
    )  # fmt: skip
