"""An app and a device that know each other, and the link between them."""

from collections.abc import Callable
from hashlib import sha256

from picosec.channel.credentials import Kind, Usage
from picosec.channel.edhoc_config import Policy
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec.roles.app import App
from picosec.roles.device import Device
from picosec.roles.events import Event
from picosec.roles.keyring import DEFAULT_POLICY, ContextParameters, Keyring, Trusted
from picosec.roles.simulated import ScriptedEntropy
from picosec.roles.storage import MemoryStorage

APP, DEVICE = "app", "device"
ON, OFF = cbor.dumps(True), cbor.dumps(False)
CBOR_OPTION = (int(Option.CONTENT_FORMAT), bytes([CONTENT_FORMAT_CBOR]))


def claims_set(name: str, private: bytes, kid: bytes) -> bytes:
    """Return a CWT claims set for a P-256 key."""
    vault = software_vault(ScriptedEntropy())
    key = vault.public(vault.import_key(Curve.P256, private))
    return cbor.dumps({2: name, 8: {1: {1: 2, 2: kid, -1: 1, -2: key.x, -3: key.y}}})


APP_KEY, DEVICE_KEY = sha256(b"app").digest(), sha256(b"device").digest()
APP_CRED, DEVICE_CRED = claims_set(APP, APP_KEY, b"\x01"), claims_set(DEVICE, DEVICE_KEY, b"\x02")


def keyring(
    entropy: Callable[[int], bytes],
    *,
    private: bytes,
    credential: bytes,
    peer: bytes,
    policy: Policy = DEFAULT_POLICY,
    kind: Kind = Kind.KID,
) -> Keyring:
    keys = Keyring(software_vault(entropy), policy)
    own = keys.own_credential(kind, credential, private, Usage.STATIC_DH)
    keys.add(own=[own], trusted=[Trusted(Kind.KID, peer)])
    return keys


def app_keyring(seed: bytes = b"app", **changes: object) -> Keyring:
    given = {"private": APP_KEY, "credential": APP_CRED, "peer": DEVICE_CRED} | changes
    return keyring(ScriptedEntropy(seed), **given)  # type: ignore[arg-type]


def device_keyring(seed: bytes = b"device", **changes: object) -> Keyring:
    given = {"private": DEVICE_KEY, "credential": DEVICE_CRED, "peer": APP_CRED} | changes
    return keyring(ScriptedEntropy(seed), **given)  # type: ignore[arg-type]


def new_app(keys: Keyring | None = None, seed: bytes = b"app entropy") -> App:
    return App(ScriptedEntropy(seed), keys or app_keyring())


def new_device(keys: Keyring | None = None, seed: bytes = b"device entropy", **options: object) -> Device:
    return Device(ScriptedEntropy(seed), keys or device_keyring(), **options)  # type: ignore[arg-type]


def contexts(storage: MemoryStorage | None = None) -> tuple[ContextParameters, ContextParameters]:
    """Return both ends, app and device, of one OSCORE context."""
    secret = bytes(range(16))
    app = ContextParameters(b"\x0a", b"\x0d", secret, MemoryStorage())
    return app, ContextParameters(b"\x0d", b"\x0a", secret, storage or MemoryStorage())


def put(path: str, payload: bytes, kind: Type = Type.CON) -> Message:
    return Message(kind, Code.PUT, 0, b"", (*path_options(path), CBOR_OPTION), payload)


def get(path: str) -> Message:
    return Message(Type.CON, Code.GET, 0, b"", path_options(path))


def converse(app: App, device: Device, now: float = 0.0) -> None:
    """Carry datagrams both ways until nobody has anything to say."""
    busy = True
    while busy:
        busy = False
        for _peer, datagram in app.transmit():
            device.receive(datagram, APP, now)
            busy = True
        for _peer, datagram in device.transmit():
            app.receive(datagram, DEVICE, now)
            busy = True


def outcome(app: App, handle: int) -> Event:
    """Return the one last event about an act."""
    return [event for event in app.events() if event.handle == handle][-1]


def connected() -> tuple[App, Device]:
    """Return an app and a device with one channel between them."""
    app, device = new_app(), new_device()
    app.open(DEVICE, 0.0)
    converse(app, device)
    app.events()
    device.events()
    assert len(app.channels) == len(device.channels) == 1
    return app, device
