"""What a device makes of answers to its questions for evidence, and what its sensor tells."""

import pytest
from ti_driver import FACTORY, REBOOT, Driver

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.registry import Problem
from picosec.roles.attestation import Appraising
from picosec.roles.events import Appraised, Failed, Pong, Reset
from picosec.roles.keyring import Keyring

VAULT = software_vault(bytes)
KEY = VAULT.public(VAULT.import_key(Curve.ED25519, bytes(range(32))))
OWN = {1: b"\x51", 2: 6, 3: bytes(range(32)), 4: bytes(17), 5: 4, 6: {"firmware": bytes(32)}}
KNOWN = {1: b"\x51", 2: {1: 1, -1: 6, -2: KEY.x}, 3: bytes(17)}


@pytest.fixture
def driver():
    return Driver()


def test_keys_counts_and_attesters_outlive_the_power_and_no_factory_reset(driver):
    """The next owner begins anew."""
    fresh = driver.state()[0]
    digests = [fresh]
    for gift in ({1: OWN}, {2: [KNOWN]}, {1: {**OWN, 5: 0}}, {2: [{**KNOWN, 4: {3: 7}}]}):
        driver.done("provision", {10: gift})
        digests.append(driver.state()[0])
    driver.done("act", ["tamper", {1: 1}])
    digests.append(driver.state()[0])
    assert len(set(digests)) == len(digests)

    driver.done("reset", {0: REBOOT})
    assert driver.state()[0] == digests[-1]
    driver.done("reset", {0: FACTORY})
    assert driver.state()[0] == fresh


class Silent:
    """A client that sends nothing."""

    def ask(self, *what):
        pass


class Peer:
    """As much of a channel as a question needs."""

    cred = b"\xa0"
    sender_id, recipient_id = b"\x01", b"\x02"
    bond = property(lambda self: self)
    session = property(lambda self: self)
    peer = property(lambda self: self)

    def export(self, label, context, length):
        return bytes(length)


def test_outcomes_of_questions_are_told_apart_from_those_of_requests():
    """An event of something else passes, and a question has one outcome."""
    appraising = Appraising(Keyring(VAULT), Silent(), bytes, lambda now: None)
    appraising.ask(7, Peer(), 0.0)
    appraising.ask(8, Peer(), 0.0)

    for other in (Failed(6, Problem.TIMEOUT), Reset(6), Pong(7)):
        assert appraising.judged(other, 0.0) is other
    assert appraising.judged(Failed(7, Problem.TIMEOUT), 0.0) == Appraised(7, Problem.TIMEOUT)
    assert appraising.judged(Reset(8), 0.0) == Appraised(8, Problem.REFUSED)
    late = Failed(7, Problem.TIMEOUT)
    assert appraising.judged(late, 0.0) is late
