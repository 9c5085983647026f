"""Whoever makes objects for a test build of the device, and reads what it makes."""

from typing import Any

from ti_driver import Driver

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging import cbor, problem
from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.objects.compose import sealed_object
from picosec.objects.inbox import Inbox
from picosec.objects.keys import GroupKey, Keys, OwnKey, Purpose, SenderKey
from picosec.objects.request import CarriedRequest
from picosec.objects.statement import Statement
from picosec.registry import Problem

NOW = 1_800_000_000
LAMP, STORE = "/actuators/lamp", "/ps/test/store"
OWNER, APPLICATION, DEVICE, SIGNER, READER, GROUP = b"owner", b"app", b"device", b"signer", b"reader", b"group"
TURN_ON = CarriedRequest(Code.PUT, LAMP, 60, cbor.dumps(True))
KEEP = CarriedRequest(Code.PUT, STORE, None, b"kept")
SECRETS = {kid: bytes([number] * 32) for number, kid in enumerate((OWNER, APPLICATION, DEVICE, SIGNER, READER), 1)}
GROUP_KEY = bytes(range(16))
BLOCK = 1024


class Peer:
    """The owner and an application of the device, and who reads its objects."""

    def __init__(self) -> None:
        self.vault = software_vault(lambda count: bytes(range(count)))
        self.owner = self._key(OWNER, Curve.ED25519, Purpose.PLATFORM)
        self.application = self._key(APPLICATION, Curve.P256, Purpose.APPLICATION)
        self.reader = self._key(READER, Curve.P256, Purpose.PLATFORM)
        self.device = self.vault.public(self.vault.import_key(Curve.X25519, SECRETS[DEVICE]))
        signer = SenderKey(
            SIGNER, self.vault.public(self.vault.import_key(Curve.P256, SECRETS[SIGNER])), Purpose.PLATFORM
        )
        group = GroupKey(GROUP, GROUP_KEY, Aead.AES_CCM_16_128_128, Purpose.PLATFORM)
        self.inbox = Inbox(self.vault, Keys([self.reader]), Keys([signer]), Keys([group]))

    def _key(self, kid: bytes, curve: Curve, purpose: Purpose) -> OwnKey:
        return OwnKey(kid, self.vault.import_key(curve, SECRETS[kid]), purpose)

    def public(self, key: OwnKey) -> dict[int, Any]:
        """Return the COSE_Key."""
        public = self.vault.public(key.handle)
        kind = {1: 2 if public.y else 1, -1: public.curve.value, -2: public.x}
        return {**kind, -3: public.y} if public.y else kind

    def signed(self, sequence: int = 0, request: CarriedRequest = TURN_ON, **changes: Any) -> bytes:
        """Return an object for the device, of the owner's unless ``purpose`` is that of applications."""
        key = self.application if changes.get("purpose") is Purpose.APPLICATION else self.owner
        said = {"sender": key.kid, "recipient": DEVICE, "purpose": key.purpose, "sequence": sequence, "issued": NOW}
        said |= {"content_format": 60, "content": request.encode(), **changes}
        return Statement(**said).sign(self.vault, key).encode()

    def sealed(self, contents: bytes) -> bytes:
        """Return contents sealed for the device."""
        return sealed_object(contents, Purpose.PLATFORM, self.device, DEVICE, self.vault, lambda count: b"\x07" * count)


def provision(driver: Driver, peer: Peer, date: int | None = NOW) -> None:
    """Give a device its keys, whom it believes and, unless ``date`` is None, the date."""
    own = [
        {1: DEVICE, 2: Curve.X25519.value, 3: SECRETS[DEVICE], 4: int(Purpose.PLATFORM)},
        {1: SIGNER, 2: Curve.P256.value, 3: SECRETS[SIGNER], 4: int(Purpose.PLATFORM)},
    ]
    senders = [{1: key.kid, 2: peer.public(key), 4: int(key.purpose)} for key in (peer.owner, peer.application)]
    groups = [{1: GROUP, 2: GROUP_KEY, 3: 30, 4: int(Purpose.PLATFORM)}]
    driver.done("provision", {5: {1: own, 2: senders, 3: groups, **({} if date is None else {4: date})}})


def hand_over(driver: Driver, data: bytes, content_format: int | None = 18) -> Message:
    """Return what the device answers to an object, which goes in blocks if it is large."""
    if len(data) <= BLOCK:
        return driver.ask(Code.POST, "/ps/objects", data, content_format)
    assert content_format is not None
    return in_blocks(driver, "/ps/objects", data, content_format)


def in_blocks(driver: Driver, path: str, data: bytes, content_format: int) -> Message:
    """Post a body in blocks, and return the response to the last."""
    for number, start in enumerate(range(0, len(data), BLOCK)):
        block = Block(number, start + BLOCK < len(data), exponent_of(BLOCK)).option(Option.BLOCK1)
        options = (*path_options(path), (int(Option.CONTENT_FORMAT), bytes([content_format])), block)
        part = Message(Type.CON, Code.POST, 1000 + number, b"part", options, data[start : start + BLOCK])
        (reply,) = driver.send(part)
    return reply


def refusal(driver: Driver, data: bytes, content_format: int | None = 18) -> Problem | None:
    """Return the error with which the device refuses an object, without a trace of it."""
    before = driver.state()
    reply = hand_over(driver, data, content_format)
    assert driver.state() == before
    return problem.decode(reply.payload)


def changes(driver: Driver, path: str = LAMP) -> int:
    """Return how often something was set."""
    return driver.state()[1].get(path, 0)


def made(driver: Driver, **fields: Any) -> bytes:
    """Return an object of the device's: from its signer to the reader, unless ``fields`` say otherwise."""
    asked = {1: SIGNER, 2: READER, 3: 42, 4: b"21.5", 5: int(Purpose.PLATFORM)}
    handle = driver.done("act", ["object", asked | {int(key[1:]): value for key, value in fields.items()}])
    [[name, entries]] = driver.events()
    assert (name, entries[0]) == ("object", handle)
    return entries[1]
