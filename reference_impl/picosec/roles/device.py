"""The reference device: a temperature sensor and a lamp, told about at ``/ps/info``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

import picosec
from picosec.channel.channels import Channel
from picosec.channel.credentials import Kind
from picosec.channel.store import Shelf
from picosec.crypto.vault import Handle
from picosec.errors import ProtocolError
from picosec.identity.tamper import TamperKind
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.objects.request import CarriedRequest
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_SENML_CBOR, Problem
from picosec.roles.agent import Agent, Entropy
from picosec.roles.attestation import PATH as ATTESTATION_PATH
from picosec.roles.attestation import Appraising, Attesting
from picosec.roles.credentials import OWN_PATH as OWN_CREDENTIALS_PATH
from picosec.roles.credentials import PATH as CREDENTIALS_PATH
from picosec.roles.credentials import Credentials
from picosec.roles.endorsing import PATH as ENDORSEMENTS_PATH
from picosec.roles.endorsing import Endorsing
from picosec.roles.events import Event, IdentityChanged, ObjectMade, RedemptionMade
from picosec.roles.fetching import TokenFetching
from picosec.roles.identities import PATH as IDENTITY_PATH
from picosec.roles.identities import Identities
from picosec.roles.keyring import DEFAULT_POLICY, Keyring
from picosec.roles.objects import PATH as OBJECTS_PATH
from picosec.roles.objects import Draft, Objects
from picosec.roles.resources import INDEX, Access, Reply, Request, Resource
from picosec.roles.status import PATH as STATUS_PATH
from picosec.roles.status import Status
from picosec.roles.tamper import PATH as TAMPER_PATH
from picosec.roles.tamper import Tamper
from picosec.roles.tokens import Tokens

ROLE: Final = "device"
DEFAULT_NAME: Final = "PicoSec reference device"

#: What the device can do, in the registry's names (CNF-530).
FEATURES: Final = (
    "messaging.datagram",
    "messaging.server",
    "messaging.client",
    "messaging.observe.server",
    "messaging.observe.client",
    "messaging.no-response",
    "messaging.hop-limit",
    "messaging.etag",
    "messaging.discovery",
    "messaging.discovery.filter",
    "messaging.cbor",
    "messaging.problem-details",
    "messaging.block.server",
    "messaging.block.client",
    "messaging.echo.server",
    "messaging.echo.client",
    "channel.edhoc.responder",
    "channel.edhoc.initiator",
    *(f"channel.edhoc.method.{method}" for method in DEFAULT_POLICY.methods),
    *(f"channel.edhoc.suite.{suite}" for suite in sorted(DEFAULT_POLICY.suites)),
    *(f"channel.edhoc.credential.{kind.value}" for kind in Kind),
    "channel.edhoc.message4",
    "channel.edhoc.key-update",
    "channel.edhoc.combined",
    "channel.edhoc.reverse",
    "channel.edhoc.discovery",
    "channel.oscore.server",
    "channel.oscore.client",
    "channel.delivery",
    "channel.migration",
    "channel.life",
    "channel.renewal",
    "channel.resume",
    "objects.recipient",
    "objects.sender",
    "identity.status",
    "identity.history",
    "identity.endorsements",
    "identity.credentials",
    "identity.attester",
    "identity.verifier",
    "identity.tamper",
    "identity.tokens.issuer",
    "identity.tokens.client",
)

#: SenML labels (RFC 8428 section 6): name, unit, value.
_NAME, _UNIT, _VALUE = 0, 1, 2


class Sensor:
    """A thermometer; ``read`` gives degrees Celsius."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    def resource(self) -> Resource:
        """Return it as a resource that answers with one SenML record."""
        return Resource(
            {Code.GET: self._get},
            gives=(CONTENT_FORMAT_SENML_CBOR,),
            attributes={"rt": "temperature sensor", "if": "core.s"},
        )

    def _get(self, request: Request) -> Reply:
        record = {_NAME: "temperature", _UNIT: "Cel", _VALUE: self._read()}
        return Reply(Code.CONTENT, cbor.dumps([record]), CONTENT_FORMAT_SENML_CBOR)


class Lamp:
    """A lamp that is on or off."""

    def __init__(self) -> None:
        self.on = False
        #: How often somebody set it, to the value it had included.
        self.changes = 0

    def resource(self) -> Resource:
        """Return it as a resource that a CBOR boolean reads and sets."""
        return Resource(
            {Code.GET: self._get, Code.PUT: self._put},
            takes=(CONTENT_FORMAT_CBOR,),
            gives=(CONTENT_FORMAT_CBOR,),
            attributes={"rt": "lamp actuator", "if": "core.a"},
            observable=True,
            tagged=True,
        )

    def _get(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, cbor.dumps(self.on), CONTENT_FORMAT_CBOR)

    def _put(self, request: Request) -> Reply:
        wanted = cbor.loads(request.payload)
        if not isinstance(wanted, bool):
            raise ProtocolError(Problem.BAD_REQUEST, "MSG-180", "a lamp is set to true or false")
        self.on = wanted
        self.changes += 1
        return Reply(Code.CHANGED)


def room_temperature() -> float:
    """Return what the simulated thermometer shows."""
    return 21.5


class Device(Agent):
    """A device with a sensor and an actuator."""

    def __init__(
        self,
        entropy: Entropy,
        keyring: Keyring,
        *,
        name: str = DEFAULT_NAME,
        read_temperature: Callable[[], float] = room_temperature,
        further: Mapping[str, Resource] | None = None,
        knows_date: bool = True,
        shelf: Shelf | None = None,
    ) -> None:
        self.lamp = Lamp()
        self._objects = Objects(keyring.inbox, entropy, self._date, self._closed, keyring.granted)
        self._credentials = Credentials(keyring, self._date)
        self._identities = Identities(keyring, entropy, self._date, self.revoke)
        features = [each for each in FEATURES if each != "channel.resume" or shelf is not None]
        info = {"name": name, "version": picosec.__version__, "role": ROLE, "features": features}
        self._info = cbor.dumps(info)
        resources = {
            "/ps/info": Resource(
                {Code.GET: self._get_info},
                Access.OPEN,
                gives=(CONTENT_FORMAT_CBOR,),
                attributes={"rt": "ps.info", "sz": str(len(self._info))},
            ),
            OBJECTS_PATH: self._objects.resource(),
            STATUS_PATH: Status(keyring, self._date, self.revoke, self.dismiss).resource(),
            ENDORSEMENTS_PATH: Endorsing(keyring.endorsements, self._date).resource(),
            IDENTITY_PATH: self._identities.resource(),
            CREDENTIALS_PATH: self._credentials.resource(),
            OWN_CREDENTIALS_PATH: self._credentials.own_resource(),
            ATTESTATION_PATH: Attesting(keyring, self._date).resource(),
            TAMPER_PATH: Tamper(keyring).resource(),
            **Tokens(keyring, entropy, self._date).resources(),
            "/sensors": INDEX,
            "/sensors/temperature": Sensor(read_temperature).resource(),
            "/actuators": INDEX,
            "/actuators/lamp": self.lamp.resource(),
        }
        super().__init__(
            entropy, keyring, {**resources, **(further or {})}, responder=True, knows_date=knows_date, shelf=shelf
        )
        self._appraising = Appraising(keyring, self._client, entropy, self._date)
        self._fetching = TokenFetching(keyring.purse, self._client, entropy, self._report)

    def make_object(self, draft: Draft, now: float) -> int:
        """Make an object; an ObjectMade follows. Raises as :meth:`Objects.make` does."""
        made = self._objects.make(draft, now)
        handle = self._new_handle()
        self._report(ObjectMade(handle, made), now)
        return handle

    def rotate(self, now: float) -> int:
        """Replace the key of this device's identity; an IdentityChanged follows. Raises as :meth:`Identities.rotate`
        does.
        """
        return self._changed_identity(self._identities.rotate(now), now)

    def recover(self, handle: Handle, committed: bytes, now: float) -> int:
        """Take the key for emergencies as that of this device's identity; an IdentityChanged follows.

        Raises as :meth:`Identities.recover` does.
        """
        return self._changed_identity(self._identities.recover(handle, committed, now), now)

    def present(self, peer: Hashable, now: float) -> int:
        """Hand one's own credentials to a peer; a Response, Reset or Failed follows.

        Raises ``ProtocolError`` with ``bad_request`` without any, and as :meth:`request` does.
        """
        return self.request(self._credentials.presentation(), peer, now)

    def appraise(self, channel: Channel, now: float) -> int:
        """Ask the peer of a channel for evidence; an Appraised follows. Raises as :meth:`Appraising.ask` does."""
        handle = self._new_handle()
        self._appraising.ask(handle, channel, now)
        return handle

    def tampered(self, kind: TamperKind, now: float) -> None:
        """Take it from a sensor that somebody tampers with this device (IDN-1500)."""
        date = self._date(now)
        self._keyring.tamper.notice(kind, None if date is None else int(date))
        self.changed(TAMPER_PATH, now)

    def fetch_tokens(self, channel: Channel, kid: bytes, count: int, now: float) -> int:
        """Ask the peer of a channel for anonymous tokens; a TokensFetched or Failed follows. Raises as
        :meth:`TokenFetching.fetch` does.
        """
        handle = self._new_handle()
        self._fetching.fetch(handle, channel, kid, count, now)
        return handle

    def redeem(self, kid: bytes, request: CarriedRequest, now: float) -> int:
        """Spend an anonymous token on a request; a RedemptionMade follows. Raises as :meth:`Purse.redeem` does."""
        made = self._fetching.redeem(kid, request)
        handle = self._new_handle()
        self._report(RedemptionMade(handle, made), now)
        return handle

    def changes(self) -> dict[str, int]:
        """Return by path how often resources were changed."""
        return {"/actuators/lamp": self.lamp.changes} if self.lamp.changes else {}

    def state(self) -> list[Any]:
        """Return what accepted messages may change, as a CBOR value for a digest."""
        return [super().state(), self.lamp.on, self.lamp.changes]

    def _changed_identity(self, history: bytes, now: float) -> int:
        handle = self._new_handle()
        self._report(IdentityChanged(handle, history), now)
        return handle

    def _report(self, event: Event, now: float) -> None:
        super()._report(self._appraising.judged(event, now), now)

    def _closed(self, path: str) -> bool:
        return self._site.closed(path)

    def _get_info(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, self._info, CONTENT_FORMAT_CBOR)
