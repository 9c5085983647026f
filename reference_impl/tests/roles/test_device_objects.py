"""Objects that a device takes from anybody's hand and makes itself, through the Test Interface."""

from typing import Any

import pytest
from ti_driver import Driver

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging import cbor, problem
from picosec.messaging.coap import Code
from picosec.objects.compose import sealed_object
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Keys, OwnKey, Purpose, SenderKey
from picosec.objects.request import CarriedRequest
from picosec.objects.statement import Statement
from picosec.registry import Problem

NOW = 1_800_000_000
LAMP = "/actuators/lamp"
OWNER, APPLICATION, DEVICE, SIGNER, READER, GROUP = b"owner", b"app", b"device", b"signer", b"reader", b"group"
TURN_ON = CarriedRequest(Code.PUT, LAMP, 60, cbor.dumps(True))
SECRETS = {kid: bytes([number] * 32) for number, kid in enumerate((OWNER, APPLICATION, DEVICE, SIGNER, READER), 1)}
GROUP_KEY = bytes(range(16))


class Peer:
    """Whoever makes objects for the device, and reads what it makes."""

    def __init__(self) -> None:
        self.vault = software_vault(lambda count: bytes(range(count)))
        self.owner = self._key(OWNER, Curve.ED25519, Purpose.PLATFORM)
        self.application = self._key(APPLICATION, Curve.P256, Purpose.APPLICATION)
        self.reader = self._key(READER, Curve.P256, Purpose.PLATFORM)
        self.device = self.vault.public(self.vault.import_key(Curve.X25519, SECRETS[DEVICE]))
        signer = self.vault.public(self.vault.import_key(Curve.P256, SECRETS[SIGNER]))
        self.inbox = Inbox(self.vault, Keys([self.reader]), Keys([SenderKey(SIGNER, signer, Purpose.PLATFORM)]))

    def _key(self, kid: bytes, curve: Curve, purpose: Purpose) -> OwnKey:
        return OwnKey(kid, self.vault.import_key(curve, SECRETS[kid]), purpose)

    def public(self, key: OwnKey) -> dict[int, Any]:
        public = self.vault.public(key.handle)
        kind = {1: 2 if public.y else 1, -1: public.curve.value, -2: public.x}
        return {**kind, -3: public.y} if public.y else kind

    def signed(self, sequence: int = 0, request: CarriedRequest = TURN_ON, **changes: Any) -> bytes:
        key = self.application if changes.get("purpose") is Purpose.APPLICATION else self.owner
        said = {"sender": key.kid, "recipient": DEVICE, "purpose": key.purpose, "sequence": sequence, "issued": NOW}
        said |= {"content_format": 60, "content": request.encode(), **changes}
        return Statement(**said).sign(self.vault, key).encode()

    def sealed(self, contents: bytes) -> bytes:
        return sealed_object(contents, Purpose.PLATFORM, self.device, DEVICE, self.vault, lambda count: b"\x07" * count)


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def driver(peer) -> Driver:
    driver = Driver()
    provision(driver, peer)
    return driver


def provision(driver: Driver, peer: Peer, **changes: Any) -> None:
    own = [
        {1: DEVICE, 2: Curve.X25519.value, 3: SECRETS[DEVICE], 4: int(Purpose.PLATFORM)},
        {1: SIGNER, 2: Curve.P256.value, 3: SECRETS[SIGNER], 4: int(Purpose.PLATFORM)},
    ]
    senders = [{1: key.kid, 2: peer.public(key), 4: int(key.purpose)} for key in (peer.owner, peer.application)]
    groups = [{1: GROUP, 2: GROUP_KEY, 3: 30, 4: int(Purpose.PLATFORM)}]
    driver.done("provision", {5: {1: own, 2: senders, 3: groups, 4: NOW}})


def hand_over(driver: Driver, data: bytes, content_format: int | None = 18):
    return driver.ask(Code.POST, "/ps/objects", data, content_format)


def refusal(driver: Driver, data: bytes, content_format: int | None = 18) -> Problem | None:
    before = driver.state()
    reply = hand_over(driver, data, content_format)
    assert driver.state() == before
    return problem.decode(reply.payload)


def lamp(driver: Driver) -> int:
    """How often the lamp was set."""
    return driver.state()[1].get(LAMP, 0)


def test_a_platform_object_is_served_like_a_request_over_a_channel(driver, peer):
    """The command waited somewhere until the device woke up; whoever hands it over needs no rights of its own."""
    assert driver.ask(Code.PUT, LAMP, cbor.dumps(True), 60).code == Code.UNAUTHORIZED

    reply = hand_over(driver, peer.signed())

    assert (reply.code, reply.payload) == (Code.CHANGED, b"")
    assert lamp(driver) == 1
