"""Status lists that a device takes from anybody's hand, and the channels that end on account of them."""

import zlib

import pytest
from ti_driver import FACTORY, REBOOT, Driver

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging import problem
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.objects.headers import headers
from picosec.objects.signed import sign
from picosec.registry import Problem

NOW, URI, KID = 1_800_000_000, "urn:locks", b"\x31"
VAULT = software_vault(bytes)
ISSUER = VAULT.import_key(Curve.ED25519, bytes(range(32)))


def token(entries=bytes(2), issued=NOW):
    """Return a status list token of the issuer."""
    claims = {2: URI, 4: NOW + 3600, 6: issued, 65533: {"bits": 1, "lst": zlib.compress(entries)}}
    head = headers({1: -8, 4: KID, 16: "application/statuslist+cwt"})
    return sign(head, dumps(claims), VAULT, ISSUER).encode()


def hand_over(driver, data, content_format=279):
    """Return what the device answers to a token."""
    options = (*path_options("/ps/status"), (int(Option.CONTENT_FORMAT), uint_bytes(content_format)))
    (reply,) = driver.send(Message(Type.CON, Code.PUT, len(data) + data[-1], data[-4:], options, data))
    return reply


@pytest.fixture
def driver():
    driver = Driver()
    key = {1: 1, -1: 6, -2: VAULT.public(ISSUER).x}
    driver.done("provision", {5: {4: NOW}, 6: {1: [{1: KID, 2: key, 3: URI}], 2: 60}})
    return driver


def test_a_list_is_taken_and_outlives_the_power(driver):
    """Whoever is in the list pulls the plug."""
    before = driver.state()[0]
    assert hand_over(driver, token()).code == Code.CHANGED
    taken = driver.state()[0]
    assert taken != before

    driver.done("reset", {0: REBOOT})

    assert driver.state()[0] == taken
    reply = hand_over(driver, token(issued=NOW - 1))
    assert problem.decode(reply.payload) is Problem.STALE


def test_a_factory_reset_forgets_lists_and_issuers(driver):
    """The next owner believes somebody else."""
    hand_over(driver, token())

    driver.done("reset", {0: FACTORY})

    assert driver.state() == Driver().state()
    assert problem.decode(hand_over(driver, token()).payload) is Problem.UNKNOWN_CREDENTIAL


def test_a_refused_list_leaves_no_trace(driver):
    """One bit of the signature, and everything is as it was."""
    hand_over(driver, token())
    before = driver.state()
    data = token(b"\xff\xff", NOW + 1)

    reply = hand_over(driver, data[:-1] + bytes((data[-1] ^ 1,)))

    assert problem.decode(reply.payload) is Problem.AUTHENTICATION_FAILED
    assert driver.state() == before


def test_another_content_format_is_refused(driver):
    """What comes as something else is something else."""
    assert hand_over(driver, token(), 18).code == Code.UNSUPPORTED_CONTENT_FORMAT


def test_issuers_are_given_whole_or_not_at_all(driver):
    """A name that is none, and a key that does not sign."""
    key = {1: 1, -1: 6, -2: VAULT.public(ISSUER).x}
    for entry in ({1: KID, 2: key, 3: ""}, {1: KID, 2: {**key, -1: 4}, 3: URI}, {1: b"", 2: key, 3: URI}):
        assert driver.refused("provision", {6: {1: [{1: b"\x02", 2: key, 3: URI}, entry]}}) is Problem.BAD_REQUEST
