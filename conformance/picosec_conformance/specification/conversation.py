"""Instances of the grammar's rules for conformance: what the suite and the reference device say to each other.

No vectors hold them, because they belong to no operation. A real device is taken through everything that the Test
Interface offers; the frames are read, each payload is an instance of the rule of its resource, and the record of the
run, with a signature, is an instance of a bundle's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picosec.channel.credentials import Usage
from picosec.channel.session import Role
from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import SoftwareVault
from picosec.messaging import cbor
from picosec.messaging.blocks import block_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.objects.keys import Purpose
from picosec.objects.sealed import encode_ephemeral
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_PROBLEM_DETAILS
from picosec_conformance.attestation import Answering, own_attester
from picosec_conformance.blockwise import read_whole
from picosec_conformance.bundle.contents import PARTS
from picosec_conformance.bundle.listing import Listing, Part, Run, sign
from picosec_conformance.control import Control, oscore_context
from picosec_conformance.credentials import DEPTH, scope
from picosec_conformance.evidence import Evidence
from picosec_conformance.handshake import initiate, introduce, respond
from picosec_conformance.histories import thumbprint
from picosec_conformance.issuing import Issuing
from picosec_conformance.links import LiveLinks
from picosec_conformance.manifest import REFERENCE, load_manifest
from picosec_conformance.objects import Key
from picosec_conformance.report.model import Frame
from picosec_conformance.specification.instances import Instance
from picosec_conformance.target import Target
from picosec_conformance.ticketing import Ticketing
from picosec_conformance.transcript import Operation, Outcome, Step, encode_test
from picosec_conformance.zone import Zone

#: The rule of a request's payload, by the path.
REQUESTS: Mapping[str, str] = {
    "/ps/test/reset": "test-reset",
    "/ps/test/provision": "test-provision",
    "/ps/test/time": "test-time",
    "/ps/test/entropy": "test-entropy",
    "/ps/test/act": "test-act",
    "/ps/test/export": "test-export",
    "/.well-known/edhoc": "edhoc-request",
}
#: The rule of the payload of a successful response, by the path of its request.
RESPONSES: Mapping[str, str] = {
    "/ps/info": "info",
    "/ps/test/act": "test-handle",
    "/ps/test/events": "test-events",
    "/ps/test/state": "test-state",
    "/ps/test/export": "test-exported",
}
#: Seconds. Nobody judges how fast the device starts and answers.
_PATIENCE = 60.0


def instances_of_conversation() -> Iterator[Instance]:
    """Start the reference device, talk with it, and yield what was said.

    Raises ``AdapterError``, and ``Nonconformity`` when the device does otherwise than it must.
    """
    manifest = replace(load_manifest(REFERENCE), answer_timeout=_PATIENCE)
    with closing(LiveLinks()) as links:
        links.begin("conversation")
        target = Target(links.open("target", manifest.adapter), manifest)
        target.begin(random.Random(1))
        _converse(target, Control(target))
        _make_objects(target, Control(target))
        _change_identities(Control(target))
        _name_endorsers(Control(target))
        _ask_for_evidence(target, Control(target))
        _join_a_zone(target, Control(target))
        _trade_tokens(target, Control(target))
        frames = tuple(target.frames)
        record, _ = links.end()
    yield from _said(frames)
    yield Instance("transcript", "transcript of the conversation", record, True)
    yield Instance("transcript", "transcript of several tests", record + _failures(), True)
    yield from _bundles(record)


def _converse(target: Target, control: Control) -> None:
    """Use everything that the Test Interface offers, at least once."""
    rng = random.Random(1)
    control.reset(bytes(32))
    control.reset()
    control.provision(
        oscore=[oscore_context(b"\x01", b"\x02", bytes(16), bytes(8), b"\x37", first_number=7, failures=1)],
        by_value=False,
        most_channels=2,
        renew_after=1000,
        store_channels=True,
    )
    read_whole(target, "/ps/info")
    control.state()
    session = initiate(target, introduce(target, rng))
    control.export(session.sender_id, 32768, b"context", 16)
    control.act("key-update", {1: session.sender_id, 2: b"context"})
    control.act("ping")
    ping = target.receive("a ping")
    target.send(Message(Type.RST, Code.EMPTY, ping.message_id))
    for code in (Code.CONTENT, None):
        control.act("request", {1: Code.PUT, 2: "/lamp", 3: b"\xf5", 4: True, 6: 60})
        request = target.receive("a request")
        if code is None:
            target.send(Message(Type.RST, Code.EMPTY, request.message_id))
        else:
            target.send(Message(Type.ACK, code, request.message_id, request.token, (), b"\xf5"))
    handle = control.act("observe", {2: "/lamp", 4: True})
    registration = target.receive("a registration")
    observe = ((int(Option.OBSERVE), b"\1"),)
    target.send(Message(Type.ACK, Code.CONTENT, registration.message_id, registration.token, observe, b"\xf5"))
    control.act("cancel", {1: handle, 2: True})
    control.act("request", {1: Code.GET, 2: "/lamp", 5: session.sender_id, 7: 64, 8: [[int(Option.ACCEPT), b"\x3c"]]})
    target.receive("a protected request")
    control.act("request", {1: Code.PUT, 2: "/lamp", 3: b"\xf5", 5: session.sender_id, 10: 3})
    control.act("close", {1: session.sender_id})
    control.advance(300)
    control.events()
    control.reset(bytes(32))
    control.inject(bytes(32))
    parties = introduce(target, rng, target_role=Role.INITIATOR)
    control.act("open", {1: 3, 2: [2], 3: "kid"})
    opened = respond(target, parties)
    first = {1: Code.PUT, 2: "/lamp", 3: b"\xf5", 6: 60}
    for parameters in ({}, {4: first}, {5: True}):
        control.act("open", parameters)
        request = target.receive("the beginning of a handshake")
        target.send(Message(Type.RST, Code.EMPTY, request.message_id))
    control.act("renew", {1: opened.sender_id})
    target.receive("an offer of new keys")
    control.events()
    control.events()
    release = cbor.dumps(["release", {1: ["lamp.example:5683"], 2: 60}])  # refused: this link is no connection
    target.request(Code.POST, "/ps/test/act", release, content_format=CONTENT_FORMAT_CBOR)
    control.state()
    control.reboot()
    control.put_back()


def _make_objects(target: Target, control: Control) -> None:
    """Give the target keys for objects, and have it make one of each form; and issuers of status lists."""
    vault = SoftwareVault(bytes(64), {})
    curves = (Curve.P256, Curve.ED25519, Curve.X25519)
    keys = [(curve, bytes([curve.value]) * 32) for curve in curves]
    agreeing, signing, _ = (vault.public(vault.import_key(curve, private)) for curve, private in keys)
    reader = encode_ephemeral(agreeing)
    control.reset(bytes(32))
    own = [{1: bytes([curve.value]), 2: curve.value, 3: private, 4: Purpose.PLATFORM} for curve, private in keys]
    senders = [
        {1: b"\x07", 2: reader, 4: Purpose.PLATFORM},
        {1: b"\x08", 2: {1: 1, -1: Curve.ED25519.value, -2: signing.x}, 4: Purpose.APPLICATION},
    ]
    groups = [{1: b"\x09", 2: bytes(16), 3: Aead.A128GCM.value, 4: Purpose.PLATFORM}]
    objects = cbor.dumps({5: {1: own, 2: senders, 3: groups, 4: 1_800_000_000}})
    target.request(Code.POST, "/ps/test/provision", objects, content_format=CONTENT_FORMAT_CBOR)
    issuers = [{1: b"\x07", 2: reader, 3: "urn:locks"}, {1: b"\x08", 2: senders[1][2], 3: "urn:lamps"}]
    status = cbor.dumps({6: {1: issuers, 2: 3600}})
    target.request(Code.POST, "/ps/test/provision", status, content_format=CONTENT_FORMAT_CBOR)
    draft = {1: b"\x01", 2: b"\x07", 3: CONTENT_FORMAT_CBOR, 4: b"\xf5", 5: Purpose.PLATFORM}
    for further in ({}, {6: 1_800_000_300, 7: reader}, {8: b"\x09"}):
        control.act("object", {**draft, **further})
    control.events()


def _change_identities(control: Control) -> None:
    """Give the target an identity, and others to trust, and have it change its key in both ways."""
    control.reset(bytes(32))
    safe = Key(b"", Curve.ED25519, bytes(32))
    own = {1: Curve.P256.value, 2: bytes([1]) * 32, 3: thumbprint(safe)}
    control.provision_identity(own=own, trusted=[bytes(32)])
    control.change_identity("rotate")
    control.change_identity("recover", {1: Curve.ED25519.value, 2: safe.private, 3: bytes(32)})


def _name_endorsers(control: Control) -> None:
    """Give the target endorsers, and peers the need of one of them."""
    control.reset(bytes(32))
    keys = [Key(bytes([curve.value]), curve, bytes([curve.value]) * 32) for curve in (Curve.P256, Curve.ED25519)]
    control.provision_endorsements(endorsers=[{1: key.kid, 2: key.cose_key} for key in keys], required=[keys[0].kid])


def _join_a_zone(target: Target, control: Control) -> None:
    """Give the target anchors and credentials of its own, and have it hand these over."""
    control.reset(bytes(32))
    zone = Zone(target, control, random.Random(1))
    zone.believe(zone.new_key(b"second", Curve.ED25519), scope=scope(("/actuators/lamp", 5)))
    lamp = zone.new_key(b"lamp", Curve.ED25519)
    zone.give(lamp, zone.link(claims={DEPTH: 1}), zone.link(lamp, "ann"), usage=Usage.SIGNATURE, kind="kid")
    control.act("present")
    request = target.receive("a chain")
    target.send(Message(Type.ACK, Code.CHANGED, request.message_id, request.token))


def _trade_tokens(target: Target, control: Control) -> None:
    """Give the target token keys, and have it fetch tokens and spend one."""
    control.reset(bytes(32))
    ticketing = Ticketing(target, control, random.Random(1))
    ticketing.introduce(ends=1_900_000_000, room=16)
    for curve in (Curve.P256, Curve.X25519):
        control.reset(bytes(32))
        issuing = Issuing(target, control, random.Random(1), curve)
        issuing.gives()
        issuing.spends()


def _ask_for_evidence(target: Target, control: Control) -> None:
    """Have the target ask for evidence, be able to give some, and notice that somebody tampers with it."""
    control.reset(bytes(32))
    rng = random.Random(1)
    answering = Answering(target, control, rng, debug=2, software={"firmware": [bytes(32)]}, tampered=1)
    control.provision_attestation(own=own_attester(answering.key))
    answering.outcome()
    answering.accepts(_acceptable)
    for kind in (1, 4):
        control.act("tamper", {1: kind})


def _acceptable(made: Evidence) -> None:
    made.software = {"firmware": bytes(32)}


def _said(frames: tuple[Frame, ...]) -> Iterator[Instance]:
    """Yield the payloads of frames, by direction and number."""
    paths: dict[bytes, str] = {}
    bodies: dict[str, bytes] = {}
    for number, frame in enumerate(frames, 1):
        message = Message.decode(frame.data)
        name = f"frame {number} of the conversation, {frame.direction}"
        if message.code and message.code >> 5 == 0:
            paths[message.token] = message.path
            rule = REQUESTS.get(message.path)
        elif message.content_format == CONTENT_FORMAT_PROBLEM_DETAILS:
            rule = "problem-details"
        else:
            rule = RESPONSES.get(paths.get(message.token, "")) if message.code >> 5 == 2 else None
        if rule is None or not message.payload:
            continue
        block = block_of(message, Option.BLOCK2)
        body = message.payload
        if block is not None and rule != "problem-details":
            path = paths[message.token]
            body = bodies[path] = bodies.pop(path, b"") + body
            if block.more:
                continue
            del bodies[path]
        yield Instance(rule, name, body, True)


def _failures() -> bytes:
    """Return the record of a test in which a target died, a link broke, and connections ended."""
    steps = (
        Step(0, "target", Operation.RECALL, 7),
        Step(1, "target", Operation.RECEIVE, None, Outcome.DIED, "it ended with status 1"),
        Step(2, "target", Operation.POWER_CYCLE, None, Outcome.BROKE, "no such device"),
        Step(3, "tcp", Operation.CONNECT, 0),
        Step(4, "tcp", Operation.RECEIVE, None, Outcome.CLOSED, "the target closed the connection"),
        Step(5, "tcp", Operation.CONNECT, 1),
        Step(6, "tcp", Operation.DISCONNECT, 2),
        Step(7, "tcp", Operation.RECEIVE, None, Outcome.RESET, "the connection was reset"),
    )
    return encode_test("another test", steps)


def _bundles(record: bytes) -> Iterator[Instance]:
    """Yield signed listings: of a full run, and of one that was limited and of a broken reference."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    parts = tuple(Part.of(name, record) for name in PARTS)
    for name, selection, fault in (("full run", (), None), ("limited run", ("chapter channel",), "dies-of-noise")):
        run = Run(
            1, "2020-02-29T12:00:00+00:00", "device", selection, "draft", bytes(32), "1", bytes(32), "lamp.toml", fault
        )
        yield Instance(
            "bundle-signed", f"listing of a {name}", sign(Listing(run, parts, key.public_key(), True), key), True
        )
