"""Feature truth: for each feature one probe that sees on the wire whether the target has it (CNF-500)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from picosec.channel.credentials import Kind
from picosec.channel.delivery import Place
from picosec.channel.oscore import unprotect_request
from picosec.channel.session import Role
from picosec.crypto.curves import Curve
from picosec.errors import ProtocolError
from picosec.messaging import cbor, problem
from picosec.messaging.blocks import Block, block_of, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import (
    CONTENT_FORMAT_CBOR,
    CONTENT_FORMAT_COSE_SIGN1,
    CONTENT_FORMAT_CREDENTIAL_CHAIN,
    CONTENT_FORMAT_ENDORSEMENT,
    CONTENT_FORMAT_IDENTITY_HISTORY,
    CONTENT_FORMAT_LINK_FORMAT,
    CONTENT_FORMAT_PLATFORM_OBJECT,
    CONTENT_FORMAT_PROBLEM_DETAILS,
    CONTENT_FORMAT_STATUS_LIST,
    CONTENT_FORMAT_TOKEN_REDEMPTION,
    Problem,
)
from picosec_conformance.attestation import Answering, Asking, new_key, own_attester
from picosec_conformance.blockwise import read_block
from picosec_conformance.channel import joined, provision
from picosec_conformance.combined import asked_together, edhoc_link, served_together
from picosec_conformance.control import Blind, Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import initiate, introduce, open_channel, respond
from picosec_conformance.lives import Renewing
from picosec_conformance.manifest import GivenContext, GivenHandshake, NotGiven
from picosec_conformance.observing import REGISTER, Observer
from picosec_conformance.reverse import began, invited
from picosec_conformance.target import Nonconformity, Target

Look = Callable[[Target, random.Random], bool]


@dataclass(frozen=True, slots=True)
class Probe:
    """How to see a feature. ``look`` returns whether it was seen; ``needs_control`` tells that it drives the target,
    ``stranger`` that it comes from an address that nobody has proven.
    """

    look: Look
    needs_control: bool = True
    stranger: bool = False


def _ping(target: Target, rng: random.Random) -> bool:
    return target.until_probe_answered() == []


def _answers(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, target.manifest.resources.get).code >> 5 == 2


def _asks(target: Target, rng: random.Random) -> bool:
    control = Control(target)
    control.act("request", {1: int(Code.GET), 2: "/probe", 4: False})
    request = target.receive("a request")
    return request.code == Code.GET and request.path == "/probe"


def _frames(target: Target, rng: random.Random) -> bool:
    return target.framing == "slipmux"


def _cbor_payload(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.GET, target.manifest.resources.get)
    try:
        cbor.loads(reply.payload)
    except ProtocolError:
        return False
    return reply.code == Code.CONTENT


def _explains(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, "/no/such/path").content_format == CONTENT_FORMAT_PROBLEM_DETAILS


def _serves_blocks(target: Target, rng: random.Random) -> bool:
    for number in (0, 1):
        reply = target.exchange(read_block(target, target.manifest.resources.large, number, size=64))
    return block_of(reply, Option.BLOCK2) == Block(1, True, exponent_of(64))


def _sends_blocks(target: Target, rng: random.Random) -> bool:
    Control(target).act("request", {1: int(Code.PUT), 2: "/probe", 3: bytes(1025)})
    return block_of(target.receive("a request"), Option.BLOCK1) == Block(0, True, exponent_of(1024))


def _notifies(target: Target, rng: random.Random) -> bool:
    observer = Observer(target)
    if target.manifest.declares("conformance.test-interface"):
        target.request(Code.PUT, observer.path, b"probe")
    registered = target.exchange(observer.request(REGISTER)).option(Option.OBSERVE) is not None
    observer.deregister()
    return registered


def _observes(target: Target, rng: random.Random) -> bool:
    try:
        Control(target).act("observe", {2: "/probe"})
    except Nonconformity:
        return False
    return target.receive("a registration").option(Option.OBSERVE) == b""


def _stays_silent(target: Target, rng: random.Random) -> bool:
    unwanted = ((int(Option.NO_RESPONSE), b"\x1a"),)
    request = target.build(Code.GET, target.manifest.resources.get, kind=Type.NON, options=unwanted)
    return target.replies_to(request) == []


def _counts_hops(target: Target, rng: random.Random) -> bool:
    request = target.build(Code.GET, target.manifest.resources.get, options=((int(Option.HOP_LIMIT), b"\0"),))
    return target.exchange(request).code == Code.BAD_REQUEST


def _validates(target: Target, rng: random.Random) -> bool:
    path = target.manifest.resources.put
    if target.manifest.declares("conformance.test-interface"):
        target.request(Code.PUT, path, b"probe")
    tag = target.request(Code.GET, path).option(Option.ETAG)
    return tag is not None and target.request(Code.GET, path, options=((int(Option.ETAG), tag),)).code == Code.VALID


def _links(target: Target, *queries: str) -> bytes | None:
    options = tuple((int(Option.URI_QUERY), query.encode()) for query in queries)
    reply = target.request(Code.GET, "/.well-known/core", options=options)
    listed = (reply.code, reply.content_format) == (Code.CONTENT, CONTENT_FORMAT_LINK_FORMAT)
    return reply.payload if listed else None


def _lists(target: Target, rng: random.Random) -> bool:
    return _links(target) is not None


def _filters(target: Target, rng: random.Random) -> bool:
    return bool(_links(target)) and _links(target, "rt=no-such-type") == b""


def _test_interface(target: Target, rng: random.Random) -> bool:
    return target.request(Code.GET, "/ps/test/state").code == Code.CONTENT


def _over_a_channel(target: Target, rng: random.Random) -> bool:
    given = GivenContext(b"\x01", b"\x02", rng.randbytes(16))
    provision(Control(target), given)
    reply = joined(target, given).request(Code.GET, target.manifest.resources.protected_get)
    return reply.code == Code.CONTENT


def _asks_over_a_channel(target: Target, rng: random.Random) -> bool:
    given = GivenContext(b"\x01", b"\x02", rng.randbytes(16))
    control = Control(target)
    provision(control, given)
    control.act("request", {1: int(Code.GET), 2: "/probe", 5: given.recipient_id})
    request = target.receive("a protected request")
    plain, _ = unprotect_request(joined(target, given).context, request)
    return plain.path == "/probe"


def _delivers(target: Target, rng: random.Random) -> bool:
    given = GivenContext(b"\x01", b"\x02", rng.randbytes(16))
    provision(Control(target), given)
    place = Place(0, 0)
    option = ((int(Option.DELIVERY), place.encode()),)
    request = target.build(Code.GET, target.manifest.resources.protected_get, options=option)
    return joined(target, given).ask(request).option(Option.DELIVERY) == place.encode()


def _responds(method: int = 3, suite: int = 2, kind: Kind = Kind.KID, *, message_4: bool = False) -> Look:
    def look(target: Target, rng: random.Random) -> bool:
        parties = introduce(
            target, rng, method=method, suite=suite, target_kind=kind, own_kind=kind, message_4=message_4
        )
        try:
            session = initiate(target, parties)
        except (Nonconformity, ProtocolError):
            return False
        return (session.method, session.suite) == (method, suite)

    return look


def _initiates(target: Target, rng: random.Random) -> bool:
    parties = introduce(target, rng, target_role=Role.INITIATOR)
    Control(target).act("open", {1: parties.method, 2: [parties.suite]})
    try:
        respond(target, parties)
    except (Nonconformity, ProtocolError):
        return False
    return True


def _renews_keys(target: Target, rng: random.Random) -> bool:
    session = initiate(target, introduce(target, rng))
    control = Control(target)
    control.act("key-update", {1: session.sender_id, 2: b"probe"})
    updated = session.updated(b"probe")
    return control.export(session.sender_id, 40000, b"", 16) == updated.export(40000, b"", 16)


def _closes(target: Target, rng: random.Random) -> bool:
    channel = open_channel(target, initiate(target, introduce(target, rng)))
    return channel.request(Code.DELETE, "/ps/channel").code == Code.DELETED


def _agrees_on_new_keys(target: Target, rng: random.Random) -> bool:
    ends = Renewing(target, introduce(target, rng), rng)
    try:
        ends.renew()
    except Nonconformity:
        return False
    return True


def _given(what: Callable[[GivenHandshake], bool]) -> Look:
    """See by the handshake that a black box was set up for. Raises ``NotGiven`` when that says nothing about it."""

    def look(target: Target, rng: random.Random) -> bool:
        given = target.manifest.edhoc
        if given is None or not what(given):
            raise NotGiven("the manifest gives no handshake that would show it ([edhoc])")
        try:
            session = initiate(target, meet(target, rng))
        except (Nonconformity, ProtocolError):
            return False
        return (session.method, session.suite) == (given.method, given.suite)

    return look


def _calls(target: Target, rng: random.Random) -> bool:
    Blind(target).act("request", {1: int(Code.GET), 2: "/probe"})
    return target.receive("a request").is_request


def open_look(feature: str) -> Look | None:
    """Return how to see a feature of a black box, if there is a way besides its channel."""
    if feature == "messaging.client":
        return _calls
    if not feature.startswith("channel.edhoc.") or feature in ("channel.edhoc.initiator", "channel.edhoc.key-update"):
        return None
    part, _, value = feature.removeprefix("channel.edhoc.").partition(".")
    shown: dict[str, Callable[[GivenHandshake], bool]] = {
        "responder": lambda given: True,
        "method": lambda given: str(given.method) == value,
        "suite": lambda given: str(given.suite) == value,
        "credential": lambda given: value in (given.peer.kind, given.target.kind),
        "message4": lambda given: given.message_4,
    }
    return _given(shown[part]) if part in shown else None


def _combines(target: Target, rng: random.Random) -> bool:
    return served_together(target, rng) or asked_together(target, rng)


def _reverses(target: Target, rng: random.Random) -> bool:
    return began(target, rng) or invited(target, rng)


def _describes_itself(target: Target, rng: random.Random) -> bool:
    return "ed-" in (edhoc_link(target) or "")


def _proves_its_address(target: Target, rng: random.Random) -> bool:
    Control(target).act("request", {1: int(Code.GET), 2: "/probe"})
    request = target.receive("a request")
    options = ((int(Option.ECHO), b"probe"),)
    target.send(Message(Type.ACK, Code.UNAUTHORIZED, request.message_id, request.token, options))
    answers = [target.parse(frame) for frame in target.until_probe_answered()]
    return [answer.option(Option.ECHO) for answer in answers] == [b"probe"]


def _asks_for_proof(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.GET, target.manifest.resources.large)
    return reply.code == Code.UNAUTHORIZED and reply.option(Option.ECHO) is not None


def _outlives_a_reboot(target: Target, rng: random.Random) -> bool:
    parties = introduce(target, rng)
    control = Control(target)
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, store_channels=True)
    initiate(target, parties)
    control.reboot()
    return bool(control.state()[2])


def _takes_objects(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.POST, "/ps/objects", b"\xd2\x80", content_format=CONTENT_FORMAT_COSE_SIGN1)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _makes_objects(target: Target, rng: random.Random) -> bool:
    purpose = CONTENT_FORMAT_PLATFORM_OBJECT
    key = {1: b"signer", 2: Curve.ED25519.value, 3: rng.randbytes(32), 4: purpose}
    provisioning = cbor.dumps({5: {1: [key], 4: 1_800_000_000}})
    target.request(Code.POST, "/ps/test/provision", provisioning, content_format=CONTENT_FORMAT_CBOR)
    try:
        Control(target).act("object", {1: b"signer", 2: b"reader", 3: 42, 4: b"", 5: purpose})
        return isinstance(Control(target).event("object").fields.get(1), bytes)
    except Nonconformity:
        return False


def _takes_status_lists(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.PUT, "/ps/status", b"\xd2\x80", content_format=CONTENT_FORMAT_STATUS_LIST)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _follows_histories(target: Target, rng: random.Random) -> bool:
    content_format = CONTENT_FORMAT_IDENTITY_HISTORY
    reply = target.request(Code.POST, "/ps/identity", b"\x80", content_format=content_format)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _takes_endorsements(target: Target, rng: random.Random) -> bool:
    reply = target.request(Code.POST, "/ps/endorsements", b"\x80", content_format=CONTENT_FORMAT_ENDORSEMENT)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _judges_credentials(target: Target, rng: random.Random) -> bool:
    content_format = CONTENT_FORMAT_CREDENTIAL_CHAIN
    reply = target.request(Code.POST, "/ps/credentials", b"\x80", content_format=content_format)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _gives_evidence(target: Target, rng: random.Random) -> bool:
    key = new_key(rng)
    control = Control(target)
    control.provision_attestation(own=own_attester(key))
    return bool(Asking(target, control, rng, key).ask())


def _appraises(target: Target, rng: random.Random) -> bool:
    return Answering(target, Control(target), rng).outcome() is None


def _counts_tampering(target: Target, rng: random.Random) -> bool:
    given = GivenContext(b"\x01", b"\x02", rng.randbytes(16))
    provision(Control(target), given)
    return joined(target, given).request(Code.GET, "/ps/tamper").code == Code.CONTENT


def _issues_tokens(target: Target, rng: random.Random) -> bool:
    content_format = CONTENT_FORMAT_TOKEN_REDEMPTION
    reply = target.request(Code.POST, "/ps/tokens/redeem", b"\xd8\x60\x80", content_format=content_format)
    return reply.code == Code.BAD_REQUEST  # and not that there is no such resource


def _spends_tokens(target: Target, rng: random.Random) -> bool:
    act = cbor.dumps(["redeem", {1: b"none", 2: 1, 3: "/", 5: b""}])
    reply = target.request(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
    return problem.named(reply) is Problem.UNKNOWN_CREDENTIAL  # and not that there is no such act


#: A handshake in each suite and method, with each kind of credential, shows that it is there.
PROBES: dict[str, Probe] = {
    "messaging.datagram": Probe(_ping, needs_control=False),
    "messaging.stream": Probe(_ping, needs_control=False),
    "messaging.websocket": Probe(_ping, needs_control=False),
    "messaging.server": Probe(_answers, needs_control=False),
    "messaging.client": Probe(_asks),
    "messaging.slipmux": Probe(_frames, needs_control=False),
    "messaging.cbor": Probe(_cbor_payload, needs_control=False),
    "messaging.block.server": Probe(_serves_blocks, needs_control=False),
    "messaging.block.client": Probe(_sends_blocks),
    "messaging.observe.server": Probe(_notifies, needs_control=False),
    "messaging.observe.client": Probe(_observes),
    "messaging.no-response": Probe(_stays_silent, needs_control=False),
    "messaging.discovery": Probe(_lists, needs_control=False),
    "messaging.discovery.filter": Probe(_filters, needs_control=False),
    "messaging.hop-limit": Probe(_counts_hops, needs_control=False),
    "messaging.etag": Probe(_validates, needs_control=False),
    "messaging.problem-details": Probe(_explains, needs_control=False),
    "channel.edhoc.responder": Probe(_responds()),
    "channel.edhoc.initiator": Probe(_initiates),
    **{f"channel.edhoc.method.{method}": Probe(_responds(method=method)) for method in range(4)},
    **{f"channel.edhoc.suite.{suite}": Probe(_responds(suite=suite)) for suite in range(7)},
    **{f"channel.edhoc.credential.{kind.value}": Probe(_responds(kind=kind)) for kind in Kind},
    "channel.edhoc.message4": Probe(_responds(message_4=True)),
    "channel.edhoc.key-update": Probe(_renews_keys),
    "messaging.echo.server": Probe(_asks_for_proof, needs_control=False, stranger=True),
    "messaging.echo.client": Probe(_proves_its_address),
    "channel.life": Probe(_closes),
    "channel.renewal": Probe(_agrees_on_new_keys),
    "channel.resume": Probe(_outlives_a_reboot),
    "channel.edhoc.combined": Probe(_combines),
    "channel.edhoc.reverse": Probe(_reverses),
    "channel.edhoc.discovery": Probe(_describes_itself, needs_control=False),
    "channel.oscore.server": Probe(_over_a_channel),
    "channel.oscore.client": Probe(_asks_over_a_channel),
    "channel.delivery": Probe(_delivers),
    "channel.migration": Probe(_over_a_channel),
    "objects.recipient": Probe(_takes_objects, needs_control=False),
    "objects.sender": Probe(_makes_objects),
    "identity.status": Probe(_takes_status_lists, needs_control=False),
    "identity.history": Probe(_follows_histories, needs_control=False),
    "identity.credentials": Probe(_judges_credentials, needs_control=False),
    "identity.endorsements": Probe(_takes_endorsements, needs_control=False),
    "identity.attester": Probe(_gives_evidence),
    "identity.verifier": Probe(_appraises),
    "identity.tamper": Probe(_counts_tampering),
    "identity.tokens.issuer": Probe(_issues_tokens, needs_control=False),
    "identity.tokens.client": Probe(_spends_tokens),
    "conformance.test-interface": Probe(_test_interface, needs_control=False),
}
