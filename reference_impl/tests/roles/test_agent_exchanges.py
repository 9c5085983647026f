"""An app and a device over a link that loses nothing."""

from copy import deepcopy

import pytest
from parties import (
    APP_CRED,
    DEVICE,
    DEVICE_CRED,
    OFF,
    ON,
    app_keyring,
    claims_set,
    connected,
    contexts,
    converse,
    device_keyring,
    get,
    new_app,
    new_device,
    outcome,
    put,
)

from picosec.channel.channels import Channel
from picosec.channel.credentials import Kind
from picosec.channel.edhoc_config import Policy
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging import cbor, link_format, problem
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_SENML_CBOR, Problem
from picosec.roles.channel_table import MAX_PER_PEER
from picosec.roles.device import Device
from picosec.roles.events import ChannelFailed, ChannelOpened, Failed, Pong, Reset, Response
from picosec.roles.keyring import Keyring
from picosec.roles.simulated import ScriptedEntropy
from picosec.roles.storage import MemoryStorage


def ask(app, device, message, now=0.0):
    """Return the response to a request in the open."""
    handle = app.request(message, DEVICE, now)
    converse(app, device, now)
    return outcome(app, handle)


def ask_protected(app, device, message, now=0.0):
    """Return the outcome of a request over the first channel of the app."""
    handle = app.request(message, DEVICE, now, next(iter(app.channels)))
    converse(app, device, now)
    return outcome(app, handle)


def problem_of(event):
    return problem.decode(event.message.payload)


def test_anyone_may_ask_what_a_device_is():
    """A person with an app and no keys finds out what stands in the hall."""
    answer = ask(new_app(), new_device(), get("/ps/info"))

    info = cbor.loads(answer.message.payload)
    assert set(info) == {"name", "version", "role", "features"}
    assert not answer.protected


@pytest.mark.parametrize("message", [get("/sensors/temperature"), get("/actuators/lamp"), put("/actuators/lamp", ON)])
def test_what_matters_is_not_served_in_the_open(message):
    """A stranger on the network tries the lamp."""
    device = new_device()

    answer = ask(new_app(), device, message)

    assert answer.message.code == Code.UNAUTHORIZED
    assert problem_of(answer) is Problem.UNPROTECTED
    assert not device.lamp.on


def test_one_call_opens_a_channel_and_asks_over_it():
    """A person types one command."""
    app, device = new_app(), new_device()

    handle = app.ask(get("/sensors/temperature"), DEVICE, 0.0)
    converse(app, device)

    opened, answer = app.events()
    assert isinstance(opened, ChannelOpened)
    assert (opened.handle, opened.session.method, opened.session.suite) == (handle, 3, 2)
    assert opened.session.peer.cred == DEVICE_CRED
    assert answer.protected
    assert answer.message.content_format == CONTENT_FORMAT_SENML_CBOR
    assert cbor.loads(answer.message.payload) == [{0: "temperature", 1: "Cel", 2: 21.5}]


def test_the_device_knows_who_opened_a_channel():
    """Later chapters decide by it."""
    app, device = new_app(), new_device()
    app.open(DEVICE, 0.0)
    converse(app, device)

    (opened,) = device.events()

    assert opened.handle is None
    assert opened.session.peer.cred == APP_CRED


def test_a_device_opens_channels_too():
    """Whoever has something to say begins; the roles of EDHOC are not those of the parties."""
    device = new_device()
    device_as_server = new_device(app_keyring(), seed=b"another")

    device.open("peer", 0.0)
    for _ in range(3):
        for _peer, datagram in device.transmit():
            device_as_server.receive(datagram, "device", 0.0)
        for _peer, datagram in device_as_server.transmit():
            device.receive(datagram, "peer", 0.0)

    assert [type(event) for event in device.events()] == [ChannelOpened]
    assert len(device_as_server.channels) == 1


def test_a_lamp_is_switched_and_read_over_a_channel():
    """The everyday case."""
    app, device = connected()

    assert ask_protected(app, device, put("/actuators/lamp", ON)).message.code == Code.CHANGED
    assert ask_protected(app, device, get("/actuators/lamp")).message.payload == ON
    assert ask_protected(app, device, put("/actuators/lamp", OFF)).message.code == Code.CHANGED
    assert device.changes() == {"/actuators/lamp": 2}


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\xf6", b"\xf5\xf5", b"\xff", cbor.dumps("on")])
def test_a_lamp_refuses_what_is_neither_true_nor_false(payload):
    """A confused app must not leave the lamp in between."""
    app, device = connected()

    answer = ask_protected(app, device, put("/actuators/lamp", payload))

    assert answer.message.code == Code.BAD_REQUEST
    assert device.changes() == {}


def test_a_friend_is_told_what_was_wrong_and_a_stranger_only_which_rule():
    """Details help those who hold the keys, and attackers."""
    app, device = connected()

    assert -2 in cbor.loads(ask_protected(app, device, put("/actuators/lamp", b"\x01")).message.payload)
    assert -2 not in cbor.loads(ask(app, device, put("/actuators/lamp", ON)).message.payload)


def test_a_wrong_content_format_is_refused():
    """JSON sent to a device that speaks CBOR."""
    app, device = connected()
    message = put("/actuators/lamp", ON)
    options = (*message.options[:-1], (12, b"\x32"))

    answer = ask_protected(app, device, Message(0, Code.PUT, 0, b"", options, ON))

    assert problem_of(answer) is Problem.UNSUPPORTED_FORMAT


def test_a_representation_that_does_not_exist_is_refused():
    """A client that takes JSON only."""
    message = get("/ps/info")
    wanting_json = Message(0, Code.GET, 0, b"", (*message.options, (17, b"\x32")))

    assert problem_of(ask(new_app(), new_device(), wanting_json)) is Problem.NOT_ACCEPTABLE


def test_what_is_offered_is_listed():
    """A client without prior knowledge finds the thermometer."""
    answer = ask(new_app(), new_device(), get("/.well-known/core"))

    links = answer.message.payload.decode().split(",")
    assert '</sensors/temperature>;rt="temperature sensor";if="core.s";ct=112' in links


def test_an_inner_critical_option_that_is_unknown_is_refused_over_the_channel():
    """The refusal of a protected request must not tell a listener why."""
    app, device = connected()
    message = get("/sensors/temperature")

    answer = ask_protected(app, device, Message(0, Code.GET, 0, b"", (*message.options, (2049, b""))))

    assert answer.protected
    assert problem_of(answer) is Problem.BAD_OPTION


def test_a_context_needs_no_handshake():
    """A link on which every byte counts."""
    for_app, for_device = contexts()
    app_keys, device_keys = app_keyring(), device_keyring()
    app_keys.add(contexts=[for_app])
    device_keys.add(contexts=[for_device])
    app, device = new_app(app_keys), new_device(device_keys)

    assert ask_protected(app, device, put("/actuators/lamp", ON)).message.code == Code.CHANGED


def test_a_device_that_lost_power_acts_on_fresh_requests_only():
    """An attacker recorded `on`, cuts the power and plays the record: the lamp stays off; the owner's request works."""
    for_app, for_device = contexts()
    app_keys, device_keys = app_keyring(), device_keyring()
    app_keys.add(contexts=[for_app])
    device_keys.add(contexts=[for_device])
    app, device = new_app(app_keys), new_device(device_keys)
    app.request(put("/actuators/lamp", ON), DEVICE, 0.0, next(iter(app.channels)))
    ((_peer, record),) = app.transmit()
    device.receive(record, "app", 0.0)
    ((_peer, answer),) = device.transmit()
    app.receive(answer, DEVICE, 0.0)
    assert device.lamp.on

    device = new_device(device_keys, seed=b"second life")
    device.receive(record, "app", 0.0)

    assert not device.lamp.on
    device.transmit()
    assert ask_protected(app, device, put("/actuators/lamp", ON)).message.code == Code.CHANGED
    assert device.lamp.changes == 1


def test_an_unprotected_answer_is_not_taken_for_the_devices():
    """Somebody in between answers instead of the device: nothing of it reaches the person."""
    app, _device = connected()
    handle = app.request(get("/sensors/temperature"), DEVICE, 0.0, next(iter(app.channels)))
    ((_peer, datagram),) = app.transmit()
    request = Message.decode(datagram)
    forged = Message(2, Code.CONTENT, request.message_id, request.token, (), b"99")
    app.receive(forged.encode(), DEVICE, 0.0)

    event = outcome(app, handle)

    assert isinstance(event, Failed)
    assert event.reason is Problem.UNPROTECTED


def test_a_device_without_an_identity_refuses_handshakes():
    """A device fresh from the box belongs to nobody yet."""
    entropy = ScriptedEntropy(b"bare")
    device = Device(entropy, Keyring(software_vault(entropy)))
    app = new_app()

    handle = app.ask(get("/sensors/temperature"), DEVICE, 0.0)
    converse(app, device)

    assert outcome(app, handle) == ChannelFailed(handle, Problem.UNSUPPORTED_METHOD)


def test_a_stranger_gets_no_channel():
    """Mallory has a key, but the device was never told of it."""
    key = bytes([7]) * 32
    mallory = new_app(app_keyring(private=key, credential=claims_set("mallory", key, b"\x03")))
    device = new_device()

    handle = mallory.ask(put("/actuators/lamp", ON), DEVICE, 0.0)
    converse(mallory, device)

    assert outcome(mallory, handle) == ChannelFailed(handle, Problem.UNKNOWN_CREDENTIAL)
    assert device.events() == [ChannelFailed(None, Problem.UNKNOWN_CREDENTIAL)]
    assert len(device.channels) == 0


def test_a_false_device_gets_no_request():
    """An impostor under the device's address: the app tells nothing, and says goodbye with an error message."""
    key = bytes([9]) * 32
    impostor = new_device(device_keyring(private=key, credential=claims_set("device", key, b"\x02")))
    app = new_app()

    handle = app.ask(put("/actuators/lamp", ON), DEVICE, 0.0)
    converse(app, impostor)

    assert outcome(app, handle) == ChannelFailed(handle, Problem.AUTHENTICATION_FAILED)
    assert impostor.handshakes == 0
    assert impostor.events() == [ChannelFailed(None, Problem.AUTHENTICATION_FAILED)]


def test_suites_are_negotiated():
    """An app that prefers suite 3 meets a device that has suite 2 alone."""
    app = new_app(app_keyring(policy=Policy(suites=(3, 2))))
    device = new_device(device_keyring(policy=Policy(suites=(2,))))

    handle = app.ask(get("/sensors/temperature"), DEVICE, 0.0)
    converse(app, device)

    opened, answer = app.events()
    assert opened.session.suite == 2
    assert (answer.handle, answer.message.code) == (handle, Code.CONTENT)


def test_without_a_common_suite_there_is_no_channel():
    """Two devices of different worlds find out quickly, and do not try for ever."""
    app = new_app(app_keyring(policy=Policy(suites=(3,))))
    device = new_device(device_keyring(policy=Policy(suites=(2,))))

    handle = app.open(DEVICE, 0.0)
    converse(app, device)

    assert outcome(app, handle) == ChannelFailed(handle, Problem.UNSUPPORTED_SUITE)


@pytest.mark.parametrize(
    ("app_wants", "device_sends", "works"), [(True, True, True), (True, False, False), (False, True, True)]
)
def test_message_4_confirms_when_the_app_asks_for_it(app_wants, device_sends, works):
    """An app that wants confirmation takes no channel without it; one that does not, takes it as well."""
    app = new_app(app_keyring(policy=Policy(message_4=app_wants)))
    device = new_device(device_keyring(policy=Policy(message_4=device_sends)))

    handle = app.open(DEVICE, 0.0)
    converse(app, device)

    assert isinstance(outcome(app, handle), ChannelOpened if works else ChannelFailed)


def test_credentials_by_value_work_as_well():
    """Peers that were told of a whole credential instead of a short name."""
    app = new_app(app_keyring(kind=Kind.KCCS))
    device = new_device(device_keyring(kind=Kind.KCCS))

    handle = app.ask(get("/sensors/temperature"), DEVICE, 0.0)
    converse(app, device)

    assert isinstance(outcome(app, handle), Response)


def test_new_keys_at_both_ends_serve_and_old_ones_do_not():
    """A message protected with the keys before an update is worthless after it."""
    app, device = connected()
    channel = next(iter(app.channels))
    stolen = Channel(deepcopy(channel.context))
    app.update_keys(channel, b"context", 0.0)
    device.update_keys(next(iter(device.channels)), b"context", 0.0)

    assert ask_protected(app, device, get("/actuators/lamp")).message.payload == OFF
    handle = app.request(get("/actuators/lamp"), DEVICE, 0.0, stolen)
    converse(app, device)

    assert outcome(app, handle).reason is Problem.UNPROTECTED
    with pytest.raises(ProtocolError, match="unknown_context"):
        app.request(get("/actuators/lamp"), DEVICE, 0.0, channel)


def test_a_ping_is_answered():
    """The cheapest question: are you there?"""
    app, device = new_app(), new_device()
    handle = app.ping(DEVICE, 0.0)
    converse(app, device)

    assert outcome(app, handle) == Pong(handle)


def test_silence_has_an_end():
    """A device that is off: the app gives up by itself and says so, for requests and handshakes alike."""
    app = new_app()
    first, second = app.ping(DEVICE, 0.0), app.open(DEVICE, 0.0)
    while (due := app.next_timeout()) is not None:
        app.tick(due)
        app.transmit()

    assert app.events() == [Failed(first, Problem.TIMEOUT), ChannelFailed(second, Problem.TIMEOUT)]


def test_a_reset_ends_a_request():
    """The peer does not speak CoAP as we do."""
    app = new_app()
    handles = [app.request(get("/ps/info"), DEVICE, 0.0), app.open(DEVICE, 0.0)]
    for _ in handles:
        ((_peer, datagram),) = app.transmit()
        app.receive(Message(3, 0, Message.decode(datagram).message_id).encode(), DEVICE, 0.0)

    assert app.events() == [Reset(handles[0]), ChannelFailed(handles[1], Problem.REFUSED)]


def test_the_channel_unused_for_longest_makes_room():
    """A phone that was set up anew must not be blocked by its own past; the channel in use stays."""
    device = new_device()
    apps = [new_app(seed=bytes([number])) for number in range(MAX_PER_PEER + 1)]
    for app in apps[:-1]:
        app.open(DEVICE, 0.0)
        converse(app, device)
    first, second, last = apps[0], apps[1], apps[-1]
    assert ask_protected(first, device, get("/actuators/lamp")).message.code == Code.CONTENT

    last.open(DEVICE, 0.0)
    converse(last, device)

    assert len(device.channels) == MAX_PER_PEER
    assert ask_protected(first, device, get("/actuators/lamp")).message.code == Code.CONTENT
    assert ask_protected(last, device, get("/actuators/lamp")).message.code == Code.CONTENT
    assert ask_protected(second, device, get("/actuators/lamp")).reason is Problem.UNPROTECTED


def test_a_provisioned_channel_never_makes_room():
    """Handshakes of strangers-to-be must not push out the one key that was set at the factory."""
    for_app, for_device = contexts(MemoryStorage())
    app_keys, device_keys = app_keyring(), device_keyring()
    app_keys.add(contexts=[for_app])
    device_keys.add(contexts=[for_device])
    app, device = new_app(app_keys), new_device(device_keys)
    for number in range(MAX_PER_PEER + 1):
        other = new_app(seed=bytes([number]))
        other.open(DEVICE, 0.0)
        converse(other, device)

    assert ask_protected(app, device, put("/actuators/lamp", ON)).message.code == Code.CHANGED


def test_a_handshake_that_is_not_completed_is_forgotten():
    """An attacker who begins handshakes and walks away leaves nothing behind."""
    device = new_device()
    app = new_app()
    app.open(DEVICE, 0.0)
    ((_peer, message_1),) = app.transmit()
    device.receive(message_1, "app", 0.0)
    assert device.handshakes == 1

    while (due := device.next_timeout()) is not None and due <= 300:
        device.tick(due)

    assert device.handshakes == 0


def listed(path, *queries):
    """Return the targets that a list names."""
    message = get(path)
    options = (*message.options, *((15, query.encode()) for query in queries))
    answer = ask(new_app(), new_device(), Message(0, Code.GET, 0, b"", options))
    return [link.target for link in link_format.decode(answer.message.payload)]


def test_a_list_shows_what_was_asked_for():
    """A client with room for one link asks for that one."""
    assert listed("/.well-known/core", "rt=lamp") == ["/actuators/lamp"]
    assert listed("/.well-known/core", "rt=siren") == []


def test_a_lower_list_names_what_lies_below_it():
    """From the entry point to the list of sensors, and from there to the thermometer."""
    assert listed("/.well-known/core", "ct=40") == ["/sensors", "/actuators"]
    assert listed("/sensors") == ["/sensors/temperature"]
    assert listed("/actuators", "obs=*") == ["/actuators/lamp"]


def test_the_test_interface_is_not_listed():
    """A list is for strangers, and the way into a test build is not."""
    assert not [path for path in listed("/.well-known/core") if path.startswith("/ps/test")]
