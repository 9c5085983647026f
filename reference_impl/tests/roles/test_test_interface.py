"""The device's side of the Test Interface."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parties import APP_CRED, APP_KEY, DEVICE_CRED, DEVICE_KEY, app_keyring, converse, new_app, new_device, put
from ti_driver import FACTORY, REBOOT, Driver

from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.registry import Problem
from picosec.roles.events import ChannelOpened
from picosec.roles.simulated import ScriptedEntropy

OWN = {1: "kid", 2: DEVICE_CRED, 3: DEVICE_KEY}
TRUSTED = {1: "kid", 2: APP_CRED}
CONTEXT = {1: b"\x0d", 2: b"\x0a", 3: bytes(range(16))}
RESOURCES = ["reset", "provision", "time", "entropy", "act", "events", "state", "export", "store", "slow"]


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.mark.parametrize("name", [*RESOURCES, "", "anything"])
@pytest.mark.parametrize("code", [Code.GET, Code.POST, Code.PUT, Code.DELETE])
def test_a_production_build_has_none_of_it(name, code):
    """A test build left in the field hands its keys to whoever asks: there must be nothing to find."""
    production = Driver(new_device())

    reply = production.ask(code, f"/ps/test/{name}", cbor.dumps({0: 0}), 60)
    elsewhere = production.ask(code, "/no/such/resource", cbor.dumps({0: 0}), 60)

    assert reply.code == Code.NOT_FOUND
    assert (reply.code, reply.options, reply.payload) == (elsewhere.code, elsewhere.options, elsewhere.payload)


def test_a_factory_reset_makes_the_device_repeatable(driver):
    """The suite's failures must be replayable byte for byte."""

    def story() -> list[Message]:
        driver.done("reset", {0: FACTORY, 1: b"seed"})
        driver.done("provision", {1: [OWN], 2: [TRUSTED]})
        driver.done("act", ["open", {}])
        return driver.others

    assert story()[0].payload == story()[0].payload


def test_another_seed_gives_other_keys(driver):
    """A generator that ignores its seed would make every device alike."""

    def ephemeral(seed: bytes) -> bytes:
        driver.done("reset", {0: FACTORY, 1: seed})
        driver.done("provision", {1: [OWN], 2: [TRUSTED]})
        driver.done("act", ["open", {}])
        return driver.others[0].payload

    assert ephemeral(b"one") != ephemeral(b"two")


def test_injected_entropy_becomes_the_ephemeral_key(driver):
    """Published traces name their ephemeral keys: the device must be able to use them."""
    scalar = bytes(31) + b"\x01"
    driver.done("provision", {1: [OWN], 2: [TRUSTED]})
    driver.done("entropy", scalar)

    driver.done("act", ["open", {}])

    base_point = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    assert bytes.fromhex(base_point) in driver.others[0].payload


def test_a_factory_reset_forgets_everything(driver):
    """Each test of the suite starts from the same state."""
    fresh = driver.state()
    driver.done("provision", {1: [OWN], 2: [TRUSTED], 3: [CONTEXT]})
    driver.ask(Code.PUT, "/ps/test/store", b"something")
    driver.done("time", 5000)
    driver.done("act", ["ping", {}])
    assert driver.state()[0] != fresh[0]

    driver.done("reset", {0: FACTORY})

    assert driver.state() == fresh
    assert driver.events() == []


def test_a_reboot_keeps_what_was_provisioned_and_forgets_the_rest(driver):
    """What a device must remember is in flash, what it may forget is not."""
    driver.done("provision", {1: [OWN], 2: [TRUSTED], 3: [CONTEXT]})
    provisioned = driver.state()[2]
    driver.ask(Code.PUT, "/ps/test/store", b"something")

    driver.done("reset", {0: REBOOT})

    assert driver.state()[2] == provisioned == 1
    assert driver.ask(Code.GET, "/ps/test/store").code == Code.NOT_FOUND
    assert driver.state()[1] == {}


def test_a_context_provisioned_again_repeats_no_number(driver):
    """The same keys after the same reset of a forgetful suite: nonces must go on, not start over."""

    def partial_iv() -> bytes:
        driver.done("provision", {3: [CONTEXT]})
        driver.done("act", ["request", {1: 1, 2: "/x", 4: False, 5: b"\x0a"}])
        return driver.others[0].option(9)

    assert partial_iv() != partial_iv()


def test_time_sends_what_is_due_in_order_and_before_the_answer(driver):
    """A retransmission that is due in two seconds is seen at once, and nothing is left for later."""
    driver.done("act", ["ping", {}])
    (ping,) = driver.others

    driver.done("time", 100_000)

    assert [(m.type, m.message_id) for m in driver.others] == [(Type.CON, ping.message_id)] * 4
    assert driver.events() == [["failed", {0: 1, 1: "timeout"}]]


def test_time_does_not_disturb_the_answer_to_itself(driver):
    """An advance beyond the time for a piggybacked answer still gets one: the suite waits for exactly that."""
    reply = driver.post("time", 3_600_000)

    assert reply.type == Type.ACK
    assert driver.others == []


def test_the_slow_resource_answers_late(driver):
    """Separate responses must be testable without waiting."""
    request = Message(Type.CON, Code.GET, 900, b"slow", path_options("/ps/test/slow"))
    assert [(m.type, m.code) for m in driver.send(request)] == [(Type.ACK, Code.EMPTY)]

    driver.done("time", 999)
    assert driver.others == []
    driver.done("time", 1)

    (late,) = driver.others
    assert (late.type, late.code, late.token) == (Type.CON, Code.CONTENT, b"slow")


def test_an_act_asks_as_it_is_told(driver):
    """The suite makes the device a client."""
    handle = driver.done("act", ["request", {1: 2, 2: "/some/path", 3: b"payload", 4: False, 6: 42}])

    (sent,) = driver.others
    assert (sent.type, sent.code, sent.path, sent.payload) == (Type.NON, Code.POST, "/some/path", b"payload")
    assert sent.content_format == 42
    driver.send(Message(Type.NON, Code.CONTENT, 7, sent.token, (), b"answer"))
    assert driver.events() == [["response", {0: handle, 1: 0x45, 2: b"answer", 3: False}]]
    assert driver.events() == []


def test_acts_in_progress_have_handles_of_their_own(driver):
    """Outcomes that cannot be told apart are worth nothing."""
    driver.done("provision", {1: [OWN], 2: [TRUSTED]})
    acts = [["ping", {}], ["request", {1: 1, 2: "/x"}], ["open", {}]]

    assert len({driver.done("act", act) for act in acts}) == 3


def test_a_device_opens_a_channel_and_uses_it(driver):
    """The whole of the initiator's side, driven from outside."""
    driver.done("provision", {1: [OWN], 2: [TRUSTED]})
    peer = new_device(app_keyring())
    handle = driver.done("act", ["open", {}])
    carry(driver, peer, driver.others)

    ((name, channel),) = driver.events()
    assert name == "channel"
    assert (channel[0], channel[2], channel[3], channel[4], channel[5]) == (handle, 3, 2, APP_CRED, "initiator")
    (opened,) = [event for event in peer.events() if isinstance(event, ChannelOpened)]
    assert driver.done("export", {0: channel[1], 1: 32768, 2: b"c", 3: 20}) == opened.session.export(32768, b"c", 20)

    asked = driver.done("act", ["request", {1: 3, 2: "/actuators/lamp", 3: b"\xf5", 5: channel[1], 6: 60}])
    carry(driver, peer, driver.others)
    assert driver.events() == [["response", {0: asked, 1: 0x44, 2: b"", 3: True}]]
    assert peer.lamp.on


def test_new_keys_change_the_digest_and_are_reported(driver):
    """A key update is a change of state, though nothing was sent."""
    app = new_app()
    driver.done("provision", {1: [OWN], 2: [TRUSTED]})
    app.open("device", 0.0)
    converse(app, driver.build)
    channel = driver.events()[0][1][1]
    before = driver.state()

    handle = driver.done("act", ["key-update", {1: channel, 2: b"context"}])

    assert driver.state()[0] != before[0]
    assert driver.events()[0][1][0] == handle
    app.update_keys(next(iter(app.channels)), b"context", 0.0)
    app.request(put("/actuators/lamp", b"\xf5"), "device", 0.0, next(iter(app.channels)))
    converse(app, driver.build)
    assert driver.state()[1] == {"/actuators/lamp": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reset", {}),
        ("reset", {0: 3}),
        ("reset", {0: True}),
        ("reset", {0: -1}),
        ("reset", {0: 0, 2: 0}),
        ("reset", [0]),
        ("time", -1),
        ("time", 1.5),
        ("time", True),
        ("entropy", "text"),
        ("provision", {5: []}),
        ("provision", {1: {}}),
        ("provision", {1: [{}]}),
        ("provision", {1: [{**OWN, 1: "psk"}]}),
        ("provision", {1: [{**OWN, 5: 2}]}),
        ("provision", {2: [TRUSTED, {1: "kid"}]}),
        ("provision", {3: [{**CONTEXT, 6: 11}]}),
        ("provision", {3: [{**CONTEXT, 9: 0}]}),
        ("provision", {4: {1: []}}),
        ("provision", {4: {1: [-1]}}),
        ("provision", {4: {3: 1}}),
        ("act", []),
        ("act", ["ping"]),
        ("act", ["ping", {0: 0}]),
        ("act", ["dance", {}]),
        ("act", [1, {}]),
        ("act", ["request", {}]),
        ("act", ["request", {1: 0, 2: "/x"}]),
        ("act", ["request", {1: 32, 2: "/x"}]),
        ("act", ["request", {1: 1, 2: "x"}]),
        ("act", ["request", {1: 1, 2: "/" + 256 * "x"}]),
        ("act", ["request", {1: 1, 2: "/x", 6: 65536}]),
        ("act", ["request", {1: 1, 2: "/x", 5: b"\x77"}]),
        ("act", ["open", {2: []}]),
        ("act", ["open", {3: "psk"}]),
        ("act", ["key-update", {1: b"\x77", 2: b""}]),
        ("export", {0: b"\x77", 1: 0, 2: b"", 3: 16}),
    ],
)
def test_what_the_grammar_does_not_have_is_refused_and_changes_nothing(driver, name, value):
    """A typing error in a test must not half work."""
    assert driver.refused(name, value) is Problem.BAD_REQUEST


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({2: [TRUSTED], 1: [{**OWN, 2: b"\xa0"}]}, Problem.BAD_CREDENTIAL),
        ({2: [TRUSTED], 1: [{**OWN, 3: APP_KEY}]}, Problem.BAD_CREDENTIAL),
        ({2: [TRUSTED], 1: [{**OWN, 3: bytes(32)}]}, Problem.BAD_KEY),
        ({1: [OWN], 2: [TRUSTED, {1: "x5t", 2: b"\x30"}]}, Problem.BAD_CREDENTIAL),
        ({1: [OWN], 3: [CONTEXT, {**CONTEXT, 1: b"\x0a"}]}, Problem.BAD_IDENTIFIER),
        ({1: [OWN], 3: [{**CONTEXT, 1: bytes(8)}]}, Problem.BAD_IDENTIFIER),
    ],
)
def test_provisioning_happens_as_a_whole_or_not_at_all(driver, value, error):
    """Half a set of keys would make later tests fail for the wrong reason."""
    assert driver.refused("provision", value) is error


def test_a_context_refused_with_others_has_reserved_no_numbers(driver):
    """All or nothing holds for what is written to flash as well."""
    driver.refused("provision", {3: [CONTEXT, {**CONTEXT, 1: b"\x0a"}]})
    driver.done("provision", {3: [CONTEXT]})
    driver.done("act", ["request", {1: 1, 2: "/x", 4: False, 5: b"\x0a"}])

    assert driver.others[0].option(9)[1:2] == b"\x00"


@pytest.mark.parametrize(
    ("payload", "error"),
    [(b"", Problem.MALFORMED), (b"\x18\x00", Problem.NOT_DETERMINISTIC), (b"\x00\x00", Problem.MALFORMED)],
)
def test_payloads_are_deterministic_cbor(driver, payload, error):
    """The Test Interface goes through the parser that ships."""
    for name in ("reset", "provision", "time", "entropy", "act", "export"):
        reply = driver.ask(Code.POST, f"/ps/test/{name}", payload, 60)
        assert (reply.code, problem.decode(reply.payload)) == (Code.BAD_REQUEST, error)


@pytest.mark.parametrize("name", RESOURCES)
def test_other_methods_are_refused(driver, name):
    """PATCH is nobody's method here."""
    reply = driver.ask(Code.PATCH, f"/ps/test/{name}")

    assert (reply.code, problem.decode(reply.payload)) == (Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)


def test_the_store_keeps_bytes_and_counts_changes(driver):
    """What changed, and how often, is the oracle of half the suite."""
    driver.ask(Code.PUT, "/ps/test/store", b"one")
    driver.ask(Code.PUT, "/ps/test/store", b"one")
    assert driver.ask(Code.GET, "/ps/test/store").payload == b"one"
    assert driver.state()[1] == {"/ps/test/store": 2}

    assert driver.ask(Code.DELETE, "/ps/test/store").code == Code.DELETED
    assert driver.ask(Code.GET, "/ps/test/store").code == Code.NOT_FOUND
    assert driver.state()[1] == {"/ps/test/store": 3}


values = st.recursive(
    st.integers(-3, 40) | st.binary(max_size=6) | st.sampled_from(["kid", "ping", "request", "open", "/x", True, None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["provision", "entropy", "act", "export"]), value=values)
def test_no_payload_breaks_it(name, value):
    """Whatever a fuzzer finds between the grammar and the handlers, the answer is a response and the device lives."""
    driver = Driver()
    before = driver.state()

    reply = driver.post(name, value)

    assert reply.code >> 5 in (2, 4)
    if reply.code >> 5 == 4:
        assert driver.state() == before


def test_draws_come_from_the_queue_and_then_from_the_seed():
    """The order decides which key is which."""
    entropy = ScriptedEntropy(b"seed")
    entropy.queue(b"abc")

    assert entropy(2) == b"ab"
    assert entropy(3)[:1] == b"c"
    assert ScriptedEntropy(b"seed")(40) == ScriptedEntropy(b"seed")(40)


def test_nothing_is_released_where_there_is_no_connection():
    """A datagram has no end that could be asked for."""
    assert Driver().refused("act", ["release", {}]) is Problem.BAD_REQUEST


@pytest.mark.parametrize("parameters", [{1: []}, {1: [""]}, {1: ["a" * 256]}, {1: [b"a"]}, {2: 1 << 24}, {3: 0}])
def test_release_outside_its_grammar_is_refused(parameters):
    """What does not fit into an option cannot be sent."""
    assert Driver().refused("act", ["release", parameters]) is Problem.BAD_REQUEST


def carry(driver: Driver, peer, messages: list[Message]) -> None:
    """Carry what the test build sent to a peer, and so on until both are done."""
    while messages:
        for message in messages:
            peer.receive(message.encode(), "test build", 0.0)
        answers = [datagram for _peer, datagram in peer.transmit()]
        messages = [sent for answer in answers for sent in driver.send(Message.decode(answer))]
