"""Objects that a device takes from anybody's hand, through the Test Interface."""

from dataclasses import replace

import pytest
from object_peer import (
    DEVICE,
    GROUP,
    KEEP,
    LAMP,
    NOW,
    OWNER,
    STORE,
    TURN_ON,
    Peer,
    changes,
    hand_over,
    provision,
    refusal,
)
from parties import new_device
from ti_driver import FACTORY, REBOOT, Driver

from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.objects.inbox import MAX_AGE, MAX_AHEAD
from picosec.objects.keys import Purpose, SenderKey
from picosec.objects.request import CarriedRequest
from picosec.registry import Problem
from picosec.roles.keyring import Keyring

APP = Purpose.APPLICATION


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def driver(peer) -> Driver:
    driver = Driver()
    provision(driver, peer)
    return driver


def test_a_platform_object_is_served_like_a_request_over_a_channel(driver, peer):
    """The command waited somewhere until the device woke up; whoever hands it over needs no rights of its own."""
    assert driver.ask(Code.PUT, LAMP, cbor.dumps(True), 60).code == Code.UNAUTHORIZED

    reply = hand_over(driver, peer.signed())

    assert (reply.code, reply.payload) == (Code.CHANGED, b"")
    assert changes(driver) == 1


def test_an_object_is_taken_once(driver, peer):
    """Whoever recorded the command that opened the door plays it again."""
    assert hand_over(driver, peer.signed()).code == Code.CHANGED

    assert refusal(driver, peer.signed()) is Problem.REPLAYED
    assert refusal(driver, peer.sealed(peer.signed()), 96) is Problem.REPLAYED


def test_what_was_taken_stays_taken_after_a_reboot(driver, peer):
    """The attacker pulls the plug, and plays the command again."""
    hand_over(driver, peer.signed())
    driver.done("reset", {0: REBOOT})

    assert refusal(driver, peer.signed()) is Problem.REPLAYED
    assert hand_over(driver, peer.signed(1)).code == Code.CHANGED


def test_a_factory_reset_forgets_keys_and_what_was_taken(driver, peer):
    """The next owner of the device must not be obeyed by it less than the first, nor the first any longer."""
    fresh = Driver().state()
    hand_over(driver, peer.signed())

    driver.done("reset", {0: FACTORY})

    assert driver.state() == fresh
    assert refusal(driver, peer.signed(1)) is Problem.UNKNOWN_CREDENTIAL
    provision(driver, peer)
    assert hand_over(driver, peer.signed()).code == Code.CHANGED


def test_a_refused_object_takes_no_number(driver, peer):
    """Else a forger with a number of the owner's blocks the owner's next command."""
    forged = bytearray(peer.signed())
    forged[-1] ^= 1

    assert refusal(driver, bytes(forged)) is Problem.AUTHENTICATION_FAILED
    assert hand_over(driver, peer.signed()).code == Code.CHANGED


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        cbor.dumps([Code.PUT, LAMP, 60]),
        cbor.dumps([0, LAMP, 60, b"\xf5"]),
        cbor.dumps([32, LAMP, 60, b"\xf5"]),
        cbor.dumps([True, LAMP, 60, b"\xf5"]),
        cbor.dumps([Code.PUT, LAMP.encode(), 60, b"\xf5"]),
        cbor.dumps([Code.PUT, LAMP, -1, b"\xf5"]),
        cbor.dumps([Code.PUT, LAMP, 65536, b"\xf5"]),
        cbor.dumps([Code.PUT, LAMP, False, b"\xf5"]),
        cbor.dumps([Code.PUT, LAMP, 60, "on"]),
        cbor.dumps([Code.PUT, LAMP, 60, b"\xf5", None]),
        cbor.dumps([Code.PUT, LAMP, 60, b"\xf5"]) + b"\0",
    ],
)
def test_contents_that_are_no_request_are_refused_without_a_trace(driver, peer, contents):
    """A sender with a bug must be able to send it again under the same number once that is mended."""
    assert refusal(driver, peer.signed(content=contents)) is Problem.MALFORMED
    assert hand_over(driver, peer.signed()).code == Code.CHANGED


def test_contents_in_another_format_are_no_request(driver, peer):
    """The bytes of a reading may happen to be those of a command."""
    assert refusal(driver, peer.signed(content_format=42)) is Problem.MALFORMED
    assert refusal(driver, peer.signed(content_format=0)) is Problem.MALFORMED


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(TURN_ON, path="/no/such/resource"), Code.CHANGED),
        (replace(TURN_ON, code=Code.DELETE), Code.CHANGED),
        (replace(TURN_ON, content_format=0), Code.CHANGED),
        (replace(TURN_ON, payload=b"\xff"), Code.CHANGED),
        (CarriedRequest(Code.DELETE, "/ps/channel", None, b""), Code.CHANGED),
        (CarriedRequest(Code.GET, LAMP, None, b""), Code.CHANGED),
    ],
)
def test_the_answer_says_nothing_of_what_came_of_the_request(driver, peer, request_, code):
    """Whoever hands over a sealed object need not learn what was in it; and no request of a sender stops the device."""
    reply = hand_over(driver, peer.signed(request=request_))

    assert (reply.code, reply.payload, reply.options) == (code, b"", ())
    assert changes(driver) == 0
    assert refusal(driver, peer.signed(request=request_)) is Problem.REPLAYED


def test_an_application_reaches_what_is_open_to_everybody(driver, peer):
    """A reading for the store comes by the hand of a hub."""
    reading = CarriedRequest(Code.GET, "/ps/info", None, b"")

    assert hand_over(driver, peer.signed(0, KEEP, purpose=APP)).code == Code.CHANGED
    assert hand_over(driver, peer.signed(1, reading, purpose=APP)).code == Code.CHANGED
    assert changes(driver, STORE) == 1


@pytest.mark.parametrize("path", [LAMP, "/sensors/temperature", "/ps/channel"])
@pytest.mark.parametrize("code", [Code.GET, Code.PUT])
def test_a_lost_key_of_an_application_manages_nothing(driver, peer, path, code):
    """The application was hacked. Its key signs requests for the lamp, with a purpose that is its own."""
    request = CarriedRequest(code, path, 60, b"\xf5")

    assert refusal(driver, peer.signed(request=request, purpose=APP)) is Problem.UNPROTECTED
    assert hand_over(driver, peer.signed(request=KEEP, purpose=APP)).code == Code.CHANGED


def test_an_application_that_asks_for_nothing_there_is_not_told_so(driver, peer):
    """Its object is taken: an answer to the contents would go to whoever handed it over."""
    request = replace(KEEP, path="/no/such/resource")

    assert hand_over(driver, peer.signed(request=request, purpose=APP)).code == Code.CHANGED


@pytest.mark.parametrize("content_format", [16, 96])
def test_a_signed_object_in_the_format_of_another_form_is_refused(driver, peer, content_format):
    """What a filter on the way took for encrypted was readable for all."""
    assert refusal(driver, peer.signed(), content_format) is Problem.MALFORMED


@pytest.mark.parametrize("content_format", [None, 16, 18])
def test_a_sealed_object_in_the_format_of_another_form_is_refused(driver, peer, content_format):
    """Without the option, the format is that of signed objects."""
    assert refusal(driver, peer.sealed(peer.signed()), content_format) is Problem.MALFORMED


def test_a_format_that_is_none_of_objects_is_not_understood(driver, peer):
    """As with every other resource."""
    assert refusal(driver, peer.signed(), 60) is Problem.UNSUPPORTED_FORMAT


def test_a_sealed_object_is_opened(driver, peer):
    """The hub that stored it could not read it."""
    assert hand_over(driver, peer.sealed(peer.signed()), 96).code == Code.CHANGED
    assert changes(driver) == 1


def test_an_object_inside_of_an_object_is_served(driver, peer):
    """The owner hands over what somebody else signed, over a sealed detour. Each of both is taken once."""
    inner = CarriedRequest(Code.POST, "/ps/objects", 18, peer.signed(0))

    assert hand_over(driver, peer.signed(1, inner)).code == Code.CHANGED
    assert changes(driver) == 1
    assert refusal(driver, peer.signed(0)) is Problem.REPLAYED


def test_objects_inside_of_objects_exhaust_no_stack(driver, peer):
    """A sender wraps one object into the next as often as 16 KiB have room for it, so that the device recurses."""
    data, depth = peer.signed(500), 1
    while len(wrapped := peer.signed(500 - depth, CarriedRequest(Code.POST, "/ps/objects", 18, data))) <= 16_384:
        data, depth = wrapped, depth + 1

    assert depth > 80
    assert hand_over(driver, data).code == Code.CHANGED
    assert changes(driver) == 1


def test_observers_are_told_what_an_object_changed(driver, peer):
    """The app shows a lamp that is off while it is on. The response comes first, as over a channel."""
    register = ((int(Option.OBSERVE), b""), *path_options(STORE))
    driver.ask(Code.PUT, STORE, b"before")
    driver.send(Message(Type.CON, Code.GET, 900, b"watch", register))
    options = (*path_options("/ps/objects"), (int(Option.CONTENT_FORMAT), b"\x12"))

    answered, told = driver.send(Message(Type.CON, Code.POST, 901, b"hand", options, peer.signed(request=KEEP)))

    assert (answered.token, answered.code) == (b"hand", Code.CHANGED)
    assert (told.token, told.payload) == (b"watch", b"kept")


def test_observers_are_not_told_what_an_object_only_read(driver, peer):
    """A GET changes nothing, however it comes."""
    register = ((int(Option.OBSERVE), b""), *path_options(STORE))
    driver.ask(Code.PUT, STORE, b"before")
    driver.send(Message(Type.CON, Code.GET, 900, b"watch", register))
    driver.build._store.content = b"behind its back"

    hand_over(driver, peer.signed(request=CarriedRequest(Code.GET, STORE, None, b"")))
    hand_over(driver, peer.signed(1, request=CarriedRequest(Code.POST, STORE, None, b"")))

    assert driver.others == []


def test_the_date_is_the_provisioned_one_and_the_time_since(driver, peer):
    """An object that waited for longer than it lasts opens no door."""
    driver.done("time", 100_000)

    assert refusal(driver, peer.signed(issued=NOW + 101 + MAX_AHEAD)) is Problem.STALE
    assert refusal(driver, peer.signed(expires=NOW + 99)) is Problem.STALE
    assert refusal(driver, peer.signed(issued=NOW + 99 - MAX_AGE)) is Problem.STALE
    assert hand_over(driver, peer.signed(0, issued=NOW + 100 + MAX_AHEAD)).code == Code.CHANGED
    assert hand_over(driver, peer.signed(1, expires=NOW + 100)).code == Code.CHANGED
    assert hand_over(driver, peer.signed(2, issued=NOW + 100 - MAX_AGE)).code == Code.CHANGED


def test_the_date_goes_on_after_a_reboot(driver, peer):
    """A loss of power must not give an object its time back."""
    driver.done("time", 100_000)
    driver.done("reset", {0: REBOOT})

    assert refusal(driver, peer.signed(expires=NOW + 99)) is Problem.STALE


def test_without_a_date_the_number_alone_protects(peer):
    """A device without a clock that is right has no other way."""
    driver = Driver()
    provision(driver, peer, date=None)

    assert hand_over(driver, peer.signed(issued=NOW, expires=1)).code == Code.CHANGED
    assert refusal(driver, peer.signed(issued=NOW, expires=1)) is Problem.REPLAYED


def test_a_later_provisioning_leaves_the_date_alone(driver, peer):
    """What is left out stays as it is."""
    provision(driver, peer, date=None)

    assert refusal(driver, peer.signed(expires=NOW - 1)) is Problem.STALE


def test_a_device_that_knows_the_date_judges_by_its_own_clock(peer):
    """In the field, nobody provisions a date."""
    keyring = Keyring(peer.vault)
    owner = SenderKey(OWNER, peer.vault.public(peer.owner.handle), Purpose.PLATFORM)
    keyring.inbox.admit([replace(peer.owner, kid=DEVICE)], [owner])
    device = new_device(keyring)
    options = (*path_options("/ps/objects"), (int(Option.CONTENT_FORMAT), b"\x12"))

    def answer(message_id: int, now: float) -> Message:
        device.receive(Message(Type.CON, Code.POST, message_id, b"", options, peer.signed()).encode(), "somebody", now)
        [(_peer, datagram)] = device.transmit()
        return Message.decode(datagram)

    assert problem.decode(answer(1, NOW - MAX_AHEAD - 1).payload) is Problem.STALE
    assert answer(2, NOW - MAX_AHEAD).code == Code.CHANGED


def test_the_digest_covers_keys_for_objects(driver, peer):
    """Who asks a device whether it changed must hear of a key that somebody added."""
    seen = [driver.state()[0]]
    for part in (
        {1: [{1: b"new", 2: 6, 3: bytes(32), 4: 65002}]},
        {1: [{1: b"new", 2: 6, 3: bytes(31) + b"\1", 4: 65002}]},
        {2: [{1: OWNER, 2: peer.public(peer.owner), 4: 65003}]},
        {3: [{1: GROUP, 2: bytes(16), 3: 30, 4: 65002}]},
        {3: [{1: GROUP, 2: bytes(16), 3: 1, 4: 65002}]},
        {4: NOW + 1},
    ):
        driver.done("provision", {5: part})
        seen.append(driver.state()[0])

    assert len(set(seen)) == len(seen)


def test_another_key_of_the_same_identifier_counts_anew(driver, peer):
    """The owner lost its key, and begins again with a new one; the numbers of the old one stay used."""
    hand_over(driver, peer.signed(70))
    driver.done("provision", {5: {2: [{1: OWNER, 2: peer.public(peer.application), 4: 65002}]}})
    new = replace(peer.application, kid=OWNER, purpose=Purpose.PLATFORM)
    old, peer.owner = peer.owner, new

    assert hand_over(driver, peer.signed(0)).code == Code.CHANGED
    driver.done("provision", {5: {2: [{1: OWNER, 2: peer.public(old), 4: 65002}]}})
    peer.owner = old
    assert refusal(driver, peer.signed(70)) is Problem.REPLAYED


def test_the_device_lists_where_objects_go(driver):
    """A hub finds it as it finds everything else."""
    assert b'</ps/objects>;rt="ps.objects"' in driver.ask(Code.GET, "/.well-known/core").payload
