"""Objects that a device makes, and keys that it is given for them, through the Test Interface."""

import pytest
from object_peer import DEVICE, GROUP, GROUP_KEY, NOW, READER, SECRETS, SIGNER, Peer, in_blocks, made, provision
from ti_driver import REBOOT, Driver

from picosec.errors import ProtocolError
from picosec.messaging import cbor, problem
from picosec.objects.keys import Purpose
from picosec.objects.sealed import Sealed, Sealed0
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement, read_statement
from picosec.registry import Problem

PLATFORM, APPLICATION = int(Purpose.PLATFORM), int(Purpose.APPLICATION)
ASKED = {1: SIGNER, 2: READER, 3: 42, 4: b"21.5", 5: PLATFORM}
OWN = {1: b"own", 2: 1, 3: SECRETS[SIGNER], 4: PLATFORM}


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def driver(peer) -> Driver:
    driver = Driver()
    provision(driver, peer)
    return driver


def numbers(driver: Driver, count: int, **fields: object) -> list[int]:
    """Return the numbers of the next signed objects."""
    return [read_statement(Signed.decode(made(driver, **fields))).sequence for _ in range(count)]


def test_a_signed_object_says_what_was_asked_for(driver, peer):
    """Who reads it believes every word of it."""
    driver.done("time", 7_900)

    statement = peer.inbox.open(made(driver, _6=NOW + 60), NOW)

    assert statement == Statement(SIGNER, READER, Purpose.PLATFORM, 0, NOW + 7, 42, b"21.5", NOW + 60)


def test_a_sealed_object_is_for_its_reader_alone(driver, peer):
    """The hub on its way sees the reader's identifier, and neither who sent it nor what."""
    data = made(driver, _7=peer.public(peer.reader))

    assert peer.inbox.open(data, NOW).content == b"21.5"
    assert SIGNER not in data
    assert b"21.5" not in data


def test_a_group_object_is_for_the_members(driver, peer):
    """Whoever has the key of the group reads it, and nobody else."""
    data = made(driver, _2=GROUP, _8=GROUP)

    assert peer.inbox.open(data, NOW).content == b"21.5"
    assert b"21.5" not in data


def test_a_sealed_object_has_keys_and_nonces_of_its_own(driver, peer):
    """Two objects under one key and nonce give away both."""
    sealed = [Sealed.decode(made(driver, _7=peer.public(peer.reader))) for _ in range(2)]
    grouped = [Sealed0.decode(made(driver, _2=GROUP, _8=GROUP)) for _ in range(2)]

    assert sealed[0].recipient.unprotected[-1] != sealed[1].recipient.unprotected[-1]
    assert sealed[0].headers.unprotected != sealed[1].headers.unprotected
    assert grouped[0].headers.unprotected != grouped[1].headers.unprotected


def test_no_number_returns_after_a_reboot(driver):
    """The reader keeps what it took first, and refuses the other object of the same number."""
    before = numbers(driver, 3)
    driver.done("reset", {0: REBOOT})

    assert len({*before, *numbers(driver, 3)}) == 6
    assert before == sorted(before)


def test_a_key_counts_under_whatever_name(driver):
    """The same key was provisioned twice, under two identifiers."""
    driver.done("provision", {5: {1: [OWN]}})

    assert len({*numbers(driver, 2), *numbers(driver, 2, _1=b"own")}) == 4


def test_a_refused_act_takes_no_number(driver):
    """Gaps are no harm, but a number is the reader's only measure of what it missed."""
    driver.refused("act", ["object", ASKED | {5: APPLICATION}])

    assert numbers(driver, 1) == [0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({5: APPLICATION}, Problem.WRONG_PURPOSE),
        ({1: b"nobody"}, Problem.UNKNOWN_CREDENTIAL),
        ({1: DEVICE}, Problem.BAD_KEY),
        ({8: b"nobody"}, Problem.UNKNOWN_CREDENTIAL),
        ({7: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}, Problem.BAD_KEY),
        ({7: {1: 1, -1: 4, -2: bytes(32)}}, Problem.BAD_KEY),
        ({5: 60}, Problem.BAD_REQUEST),
        ({3: 65_536}, Problem.BAD_REQUEST),
        ({1: b""}, Problem.BAD_REQUEST),
        ({2: bytes(33)}, Problem.BAD_REQUEST),
        ({8: b""}, Problem.BAD_REQUEST),
        ({7: {1: 1, -1: 6, -2: bytes(32)}}, Problem.BAD_REQUEST),
        ({7: {1: 1, -1: 4, -2: bytes(32), -3: bytes(32)}}, Problem.BAD_REQUEST),
        ({7: {1: 1, -1: 4, -2: bytes(32)}, 8: GROUP}, Problem.BAD_REQUEST),
    ],
)
def test_an_object_that_cannot_be_made_is_refused(driver, changes, error):
    """An act that half succeeds would leave the suite to guess what was meant."""
    assert driver.refused("act", ["object", ASKED | changes]) is error


def test_an_object_that_nobody_takes_is_not_made(driver):
    """Contents of 16 KiB leave no room for what says whose they are."""
    reply = in_blocks(driver, "/ps/test/act", cbor.dumps(["object", ASKED | {4: bytes(16_384)}]), 60)

    assert problem.decode(reply.payload) is Problem.TOO_LARGE
    assert driver.events() == []


def test_an_application_key_signs_for_applications(driver):
    """Each purpose has its own keys, also on the side of who signs."""
    driver.done("provision", {5: {1: [OWN | {4: APPLICATION}]}})

    statement = read_statement(Signed.decode(made(driver, _1=b"own", _5=APPLICATION)))

    assert statement.purpose is Purpose.APPLICATION
    assert driver.refused("act", ["object", ASKED | {1: b"own"}]) is Problem.WRONG_PURPOSE


def test_who_cannot_tell_the_date_says_so(peer):
    """A time since the device was switched on would pass for a date in 1970, and be as wrong."""
    driver = Driver()
    provision(driver, peer, date=None)
    driver.done("time", 5_000)
    data = made(driver)

    assert read_statement(Signed.decode(data)).issued == 0
    with pytest.raises(ProtocolError) as refused:
        peer.inbox.open(data, NOW)
    assert refused.value.problem is Problem.STALE


@pytest.mark.parametrize(
    "objects",
    [
        {5: 0},
        {4: -1},
        {1: [OWN | {2: 2}]},
        {1: [OWN | {4: 60}]},
        {1: [OWN | {1: b""}]},
        {1: [OWN | {1: bytes(33)}]},
        {1: [{1: b"own", 2: 1, 3: SECRETS[SIGNER]}]},
        {2: [{1: b"sender", 2: {1: 1, -1: 1, -2: bytes(32)}, 4: PLATFORM}]},
        {2: [{1: b"sender", 2: {1: 2, -1: 6, -2: bytes(32)}, 4: PLATFORM}]},
        {2: [{1: b"sender", 2: {1: 1, -1: 6, -2: bytes(32)}, 4: 1}]},
        {3: [{1: b"group", 2: GROUP_KEY, 3: 10, 4: PLATFORM}]},
        {3: [{1: b"group", 2: GROUP_KEY, 3: 24, 4: PLATFORM}]},
        {3: [{1: b"group", 2: bytes(32), 3: 1, 4: PLATFORM}]},
    ],
)
def test_a_provisioning_that_is_not_of_the_grammar_changes_nothing(driver, objects):
    """Half of it taken in would be a state that nobody asked for."""
    assert driver.refused("provision", {5: {4: NOW + 1} | objects}) is Problem.BAD_REQUEST


@pytest.mark.parametrize(
    "objects",
    [
        {1: [OWN | {3: bytes(32)}]},
        {1: [OWN | {3: bytes(31)}]},
        {2: [{1: b"sender", 2: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}, 4: PLATFORM}]},
        {2: [{1: b"sender", 2: {1: 1, -1: 6, -2: bytes(31)}, 4: PLATFORM}]},
    ],
)
def test_a_provisioned_key_that_is_none_changes_nothing(driver, objects):
    """As with credentials."""
    assert driver.refused("provision", {5: {4: NOW + 1} | objects}) is Problem.BAD_KEY


def test_objects_are_taken_in_with_all_else_or_not_at_all(driver):
    """A credential that is wrong takes the keys for objects with it."""
    wrong = {1: [{1: "kccs", 2: b"\xa0", 3: bytes(32)}], 5: {1: [OWN], 4: NOW + 1}}

    assert driver.refused("provision", wrong) is not None
