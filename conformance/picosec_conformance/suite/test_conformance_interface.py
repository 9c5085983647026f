"""The Test Interface: what it refuses, how it resets, and that a production build has none."""

from __future__ import annotations

import random

import pytest

from picosec.channel.credentials import Kind, Usage
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.identity import make_identity
from picosec_conformance.target import Target

TEST_RESOURCES = ("reset", "provision", "time", "entropy", "act", "events", "state", "export", "store", "slow")
POSTED = ("reset", "provision", "time", "entropy", "act", "export")


def post(target: Target, name: str, payload: bytes) -> Message:
    """POST raw bytes to a test resource."""
    return target.request(Code.POST, f"/ps/test/{name}", payload, content_format=CONTENT_FORMAT_CBOR)


@pytest.mark.requirement("CNF-010")
@pytest.mark.parametrize("name", TEST_RESOURCES)
@pytest.mark.parametrize("method", [Code.GET, Code.POST, Code.PUT, Code.DELETE])
def test_production_build_has_no_test_interface(production: Target, name: str, method: Code) -> None:
    """A burglar tries the debug port of a lamp bought in a shop: there is nothing behind it."""
    elsewhere = production.request(method, "/no/such/path", b"\xa0")
    here = production.request(method, f"/ps/test/{name}", b"\xa0")

    production.expect_refusal(here, Code.NOT_FOUND, Problem.NOT_FOUND)
    assert (here.code, here.payload) == (elsewhere.code, elsewhere.payload)


@pytest.mark.requirement("CNF-020")
@pytest.mark.parametrize("name", POSTED)
@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        pytest.param(b"", Problem.MALFORMED, id="empty"),
        pytest.param(b"\xa1\x00", Problem.MALFORMED, id="truncated"),
        pytest.param(b"\xa0\xa0", Problem.MALFORMED, id="two-items"),
        pytest.param(b"\xa1\x18\x00\x00", Problem.NOT_DETERMINISTIC, id="longer-than-needed"),
        pytest.param(b"\xbf\xff", Problem.NOT_DETERMINISTIC, id="indefinite"),
    ],
)
def test_payload_that_is_not_deterministic_cbor_is_refused(
    target: Target, control: Control, name: str, payload: bytes, problem: Problem
) -> None:
    """A sloppy lab script sends half a payload: half a set-up would make every later verdict worthless."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, name, payload), Code.BAD_REQUEST, problem)


@pytest.mark.requirement("CNF-030", "CNF-040")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("reset", {}, id="reset-without-kind"),
        pytest.param("reset", {0: 3}, id="reset-of-unknown-kind"),
        pytest.param("reset", {0: 0, 99: 0}, id="reset-with-unknown-key"),
        pytest.param("reset", 0, id="reset-that-is-no-map"),
        pytest.param("provision", {99: []}, id="provision-with-unknown-key"),
        pytest.param("provision", {1: {}}, id="provision-of-a-map-for-a-list"),
        pytest.param("provision", {1: [{1: "passport", 2: b"", 3: b""}]}, id="provision-of-unknown-kind"),
        pytest.param("provision", {3: [{1: b"\x01", 2: b"\x02"}]}, id="provision-without-secret"),
        pytest.param("provision", {4: {1: "all"}}, id="provision-with-method-as-text"),
        pytest.param("time", -1, id="time-backwards"),
        pytest.param("time", "soon", id="time-as-text"),
        pytest.param("entropy", 7, id="entropy-as-number"),
        pytest.param("act", ["explode", {}], id="act-of-unknown-name"),
        pytest.param("act", ["ping"], id="act-without-parameters"),
        pytest.param("act", ["request", {1: 1}], id="act-without-path"),
        pytest.param("act", ["request", {1: 1, 2: "/", 8: []}], id="act-with-an-empty-list-of-options"),
        pytest.param("act", ["request", {1: 1, 2: "/", 8: [[11, b"x"]]}], id="act-with-an-option-of-its-own"),
        pytest.param("act", ["request", {1: 1, 2: "/", 8: [[17]]}], id="act-with-an-option-without-value"),
        pytest.param("export", {0: b"\x01"}, id="export-without-label"),
    ],
)
def test_payload_outside_the_grammar_is_refused(target: Target, control: Control, name: str, value: object) -> None:
    """A newer suite asks an older device for what it does not know: it says so instead of guessing."""
    with target.expect_unchanged():
        target.expect_refusal(post(target, name, cbor.dumps(value)), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
def test_provisioning_is_all_or_nothing(target: Target, control: Control) -> None:
    """The first entry is good and the second is not: a device that kept the first would be half somebody's."""
    good = {1: b"\x01", 2: b"\x02", 3: bytes(16)}
    with target.expect_unchanged():
        reply = post(target, "provision", cbor.dumps({3: [good, {1: b"\x03"}]}))
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("CNF-040")
@pytest.mark.needs("channel.edhoc.credential.kccs")
def test_private_key_of_another_credential_is_refused(target: Target, control: Control, rng: random.Random) -> None:
    """Two keys mixed up at the factory: a device that takes them proves itself to nobody, and nobody knows why."""
    first, second = (make_identity(Kind.KCCS, Usage.STATIC_DH, 2, rng.randbytes) for _ in range(2))
    with target.expect_unchanged():
        reply = post(target, "provision", cbor.dumps({1: [first.own(), {**first.own(), 3: second.private_key}]}))
        target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("CNF-050")
@pytest.mark.parametrize(
    ("name", "method"),
    [(name, Code.GET) for name in POSTED]
    + [(name, Code.DELETE) for name in POSTED]
    + [("events", Code.GET), ("state", Code.PUT), ("store", Code.POST), ("slow", Code.PUT)],
)
def test_method_outside_the_table_is_refused(target: Target, control: Control, name: str, method: Code) -> None:
    """A GET that resets a device would let any crawler of the lab network do it."""
    with target.expect_unchanged():
        reply = target.request(method, f"/ps/test/{name}")
        target.expect_refusal(reply, Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


@pytest.mark.requirement("CNF-430", "CNF-420")
def test_store_keeps_and_counts(target: Target, control: Control) -> None:
    """Whether a command was carried out twice can only be judged on a resource that counts."""
    empty = target.request(Code.GET, "/ps/test/store")
    target.expect_refusal(empty, Code.NOT_FOUND, Problem.NOT_FOUND)

    for expected in (1, 2):
        assert target.request(Code.PUT, "/ps/test/store", b"same").code == Code.CHANGED
        assert control.changes("/ps/test/store") == expected
    assert target.request(Code.GET, "/ps/test/store").payload == b"same"

    assert target.request(Code.DELETE, "/ps/test/store").code == Code.DELETED
    assert control.changes("/ps/test/store") == 3
    target.expect_refusal(target.request(Code.GET, "/ps/test/store"), Code.NOT_FOUND, Problem.NOT_FOUND)


@pytest.mark.requirement("CNF-440")
def test_slow_resource_answers_separately(target: Target, control: Control) -> None:
    """A sensor that needs a second to measure must not make its client repeat the question."""
    request = target.build(Code.GET, "/ps/test/slow")
    acknowledgement = target.reply_to(request)
    assert acknowledgement == Message(Type.ACK, Code.EMPTY, request.message_id)

    assert control.advance(0.9) == []
    (late,) = map(target.parse, control.advance(0.2))

    assert (late.type, late.code, late.token) == (Type.CON, Code.CONTENT, request.token)
    target.send(Message(Type.ACK, Code.EMPTY, late.message_id))


@pytest.mark.requirement("CNF-100")
def test_factory_reset_forgets_everything(target: Target, control: Control) -> None:
    """What one test leaves behind would decide the verdict of the next."""
    blank = control.state()
    control.provision(oscore=[{1: b"\x01", 2: b"\x02", 3: bytes(16)}])
    assert target.request(Code.PUT, "/ps/test/store", b"kept").code == Code.CHANGED
    assert control.state()[0] != blank[0]

    control.reset()

    assert control.state() == blank
    assert control.events() == []


@pytest.mark.requirement("CNF-130")
def test_reboot_keeps_what_was_provisioned(target: Target, control: Control) -> None:
    """After a power cut a lamp must not have to be enrolled again."""
    blank = control.state()
    control.provision(oscore=[{1: b"\x01", 2: b"\x02", 3: bytes(16)}])

    control.reboot()

    after = control.state()
    assert after[2] == blank[2] + 1
    assert after[0] != blank[0]


@pytest.mark.requirement("CNF-400", "CNF-410")
@pytest.mark.needs("messaging.datagram")
def test_digest_follows_the_state(target: Target, control: Control) -> None:
    """A digest that never moves would pass every test that asks for "unchanged"."""
    digests = [control.state()[0]]
    target.request(Code.PUT, "/ps/test/store", b"one")
    digests.append(control.state()[0])
    target.request(Code.PUT, "/ps/test/store", b"two")
    digests.append(control.state()[0])
    control.provision(oscore=[{1: b"\x01", 2: b"\x02", 3: bytes(16)}])
    digests.append(control.state()[0])
    assert len(set(digests)) == len(digests)

    target.request(Code.GET, "/ps/test/store")
    target.request(Code.GET, "/ps/info")
    target.request(Code.GET, "/no/such/path")
    target.replies_to(b"\x00")
    assert control.state()[0] == digests[-1]


@pytest.mark.requirement("CNF-460")
def test_export_from_an_unknown_channel_is_refused(target: Target, control: Control) -> None:
    """A typing error in a test must not look like a key mismatch."""
    reply = post(target, "export", cbor.dumps({0: b"\x7f", 1: 32768, 2: b"", 3: 16}))

    target.expect_refusal(reply, Code.BAD_REQUEST, Problem.BAD_REQUEST)
