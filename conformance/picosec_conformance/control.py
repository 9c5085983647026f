"""Client of the Test Interface (spec/v1/conformance.md, "Test Interface"): sets a target up and makes it act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, code_text
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec_conformance.adapters import AdapterError
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Nonconformity, Silence, Target

FACTORY, REBOOT, PUT_BACK = 0, 1, 2
#: What tests ask for that do not look at the path.
_ANY_PATH = frozenset({"/x", "/probe", "/some/path"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the target reports to have happened. ``fields`` are keyed as the CDDL of the event says."""

    name: str
    fields: dict[int, Any]


def own_credential(
    kind: str, credential: bytes, private_key: bytes, kid: bytes | None = None, usage: int = 0
) -> dict[int, Any]:
    """Return the map of a credential that the target shall own; ``usage`` 0 is static Diffie-Hellman, 1 signatures."""
    entry: dict[int, Any] = {1: kind, 2: credential, 3: private_key, 5: usage}
    return entry if kid is None else {**entry, 4: kid}


def trusted_credential(kind: str, credential: bytes, kid: bytes | None = None) -> dict[int, Any]:
    """Return the map of a credential that the target shall accept from a peer."""
    return {1: kind, 2: credential} if kid is None else {1: kind, 2: credential, 4: kid}


def oscore_context(
    sender_id: bytes,
    recipient_id: bytes,
    master_secret: bytes,
    master_salt: bytes = b"",
    id_context: bytes | None = None,
    aead: int = 10,
    first_number: int = 0,
    failures: int = 0,
) -> dict[int, Any]:
    """Return the map of an OSCORE context; identifiers and counts are from the target's point of view.

    ``first_number`` and ``failures`` are above 0 for a context that was used before.
    """
    entry: dict[int, Any] = {1: sender_id, 2: recipient_id, 3: master_secret, 6: aead}
    counts = {7: first_number, 8: failures}
    entry |= {key: count for key, count in counts.items() if count}
    if master_salt:
        entry[4] = master_salt
    return entry if id_context is None else {**entry, 5: id_context}


class Control:
    """The Test Interface of one target."""

    #: Whether there is none, so that nothing can be set and only the wire can be judged.
    blind = False

    def __init__(self, target: Target) -> None:
        self._target = target

    def alive(self) -> None:
        """Raise ``Silence`` unless the target answers a probe."""
        self._target.until_probe_answered()

    def reset(self, seed: bytes = b"") -> None:
        """Return the target to its factory state, virtual time 0."""
        self._post("reset", {0: FACTORY, 1: seed} if seed else {0: FACTORY})
        self._target.introduce()

    def put_back(self) -> None:
        """Let the target lose power, and come back with its stored channels as they were after the last reset."""
        self._post("reset", {0: PUT_BACK})
        self._target.introduce()

    def reboot(self, *, introduced: bool = True) -> None:
        """Make the target forget what a loss of power makes it forget; then show it that somebody is here."""
        self._post("reset", {0: REBOOT})
        if introduced:
            self._target.introduce()

    def provision(
        self,
        *,
        own: Sequence[dict[int, Any]] = (),
        trusted: Sequence[dict[int, Any]] = (),
        oscore: Sequence[dict[int, Any]] = (),
        methods: Sequence[int] | None = None,
        suites: Sequence[int] | None = None,
        message_4: bool | None = None,
        by_value: bool | None = None,
        most_channels: int | None = None,
        renew_after: int | None = None,
        store_channels: bool | None = None,
    ) -> None:
        """Give the target credentials, trust, contexts and a policy; what is left out stays as it is."""
        policy = {
            1: methods and list(methods),
            2: suites and list(suites),
            3: message_4,
            4: by_value,
            5: most_channels,
            6: renew_after,
            7: store_channels,
        }
        fields = {
            1: list(own) or None,
            2: list(trusted) or None,
            3: list(oscore) or None,
            4: {key: value for key, value in policy.items() if value is not None} or None,
        }
        self._post("provision", {key: value for key, value in fields.items() if value is not None})

    def provision_objects(
        self,
        *,
        own: Sequence[dict[int, Any]] = (),
        senders: Sequence[dict[int, Any]] = (),
        groups: Sequence[dict[int, Any]] = (),
        date: int | None = None,
    ) -> None:
        """Give the target keys for objects, and the date at virtual time 0 in seconds since 1970."""
        fields = {1: list(own) or None, 2: list(senders) or None, 3: list(groups) or None, 4: date}
        self._post("provision", {5: {key: value for key, value in fields.items() if value is not None}})

    def provision_status(self, *, issuers: Sequence[dict[int, Any]] = (), grace: int | None = None) -> None:
        """Give the target issuers of status lists, and the seconds for which it believes a list that is fresh no
        longer.
        """
        fields = {1: list(issuers) or None, 2: grace}
        self._post("provision", {6: {key: value for key, value in fields.items() if value is not None}})

    def provision_identity(self, *, own: dict[int, Any] | None = None, trusted: Sequence[bytes] | None = None) -> None:
        """Give the target an identity of its own, and the identifiers of those that it trusts."""
        fields = {1: own, 2: None if trusted is None else list(trusted)}
        self._post("provision", {7: {key: value for key, value in fields.items() if value is not None}})

    def provision_attestation(
        self, *, own: dict[int, Any] | None = None, attesters: Sequence[dict[int, Any]] = ()
    ) -> None:
        """Give the target a key for evidence with what it is to say, and attesters whose evidence it believes."""
        fields = {1: own, 2: list(attesters) or None}
        self._post("provision", {10: {key: value for key, value in fields.items() if value is not None}})

    def provision_endorsements(
        self, *, endorsers: Sequence[dict[int, Any]] = (), required: Sequence[bytes] | None = None
    ) -> None:
        """Give the target endorsers, and say whose word its peers need."""
        fields = {1: list(endorsers) or None, 2: None if required is None else list(required)}
        self._post("provision", {9: {key: value for key, value in fields.items() if value is not None}})

    def provision_credentials(
        self, *, anchors: Sequence[dict[int, Any]] = (), own: dict[int, Any] | None = None
    ) -> None:
        """Give the target anchors of zones to believe, and a chain of credentials of its own."""
        fields = {1: list(anchors) or None, 2: own}
        self._post("provision", {8: {key: value for key, value in fields.items() if value is not None}})

    def change_identity(self, name: str, parameters: dict[int, Any] | None = None) -> bytes:
        """Make the target ``rotate`` or ``recover`` its identity, and return the history that it then has."""
        handle = self.act(name, parameters)
        event = self.event("identity")
        history = event.fields.get(1)
        if event.fields.get(0) != handle or not isinstance(history, bytes):
            raise Nonconformity("the event of an identity has its handle and its history")
        return history

    def provision_tokens(
        self,
        *,
        keys: Sequence[dict[int, Any]] = (),
        sources: Sequence[dict[int, Any]] = (),
        readers: Sequence[dict[int, Any]] = (),
    ) -> None:
        """Give the target keys of anonymous tokens, keys that redemptions are sealed for, and where it gets tokens."""
        fields = {1: list(keys) or None, 2: list(sources) or None, 3: list(readers) or None}
        self._post("provision", {11: {key: value for key, value in fields.items() if value is not None}})

    def make_object(
        self,
        signer: bytes,
        recipient: bytes,
        contents: bytes,
        purpose: int,
        *,
        content_format: int = CONTENT_FORMAT_CBOR,
        ends: int | None = None,
        reader: dict[int, Any] | None = None,
        group: bytes | None = None,
    ) -> bytes:
        """Make the target compose an object, sealed for the owner of ``reader`` or for a group, and return it."""
        optional = {6: ends, 7: reader, 8: group}
        given = {key: value for key, value in optional.items() if value is not None}
        handle = self.act("object", {1: signer, 2: recipient, 3: content_format, 4: contents, 5: purpose, **given})
        event = self.event("object")
        made = event.fields.get(1)
        if event.fields.get(0) != handle or not isinstance(made, bytes):
            raise Nonconformity("the event of an object has its handle and its bytes")
        return made

    def advance(self, seconds: float) -> list[bytes]:
        """Advance the target's clock and return the frames it sends on account of that, in order."""
        request = self._target.build(
            Code.POST, "/ps/test/time", cbor.dumps(round(seconds * 1000)), content_format=CONTENT_FORMAT_CBOR
        )
        self._target.send(request, f"advance the clock by {seconds:g} s")
        due: list[bytes] = []
        while True:
            data = self._target.receive_bytes()
            if data is None:
                raise Silence("the target does not answer /ps/test/time")
            reply = self._target.parse(data)
            if reply.token == request.token and reply.code != Code.EMPTY:
                self._check("time", reply)
                return due
            due.append(data)

    def inject(self, entropy: bytes) -> None:
        """Queue bytes that the target's next draws of entropy return."""
        self._post("entropy", entropy)

    def act(self, name: str, parameters: dict[int, Any] | None = None) -> int:
        """Make the target act towards the suite and return the handle under which events report on it."""
        reply = self._post("act", [name, parameters or {}])
        handle = self._decode("act", reply)
        if not isinstance(handle, int):
            raise Nonconformity("/ps/test/act must answer with a handle (uint)")
        return handle

    def events(self) -> list[Event]:
        """Return what happened since the last poll."""
        reply = self._target.request(Code.POST, "/ps/test/events")
        self._check("events", reply)
        rows = self._decode("events", reply)
        try:
            return [Event(name, dict(fields)) for name, fields in rows]
        except (TypeError, ValueError) as error:
            raise Nonconformity("/ps/test/events must answer with an array of [name, map]") from error

    def event(self, name: str) -> Event:
        """Return the one event of this name since the last poll. Raises ``Nonconformity`` for none or several."""
        events = self.events()
        matching = [event for event in events if event.name == name]
        if len(matching) != 1:
            raise Nonconformity(f"expected one event {name!r}, got {[event.name for event in events]}")
        return matching[0]

    def state(self) -> dict[int, Any]:
        """Return the state map: 0 digest, 1 changes by path, 2 channels, 3 handshakes in progress."""
        reply = self._target.request(Code.GET, "/ps/test/state")
        self._check("state", reply)
        state = self._decode("state", reply)
        if not isinstance(state, dict) or not {0, 1, 2, 3} <= set(state):
            raise Nonconformity("/ps/test/state must answer with a map of the keys 0 to 3")
        return state

    def changes(self, path: str) -> int:
        """Return how often the resource at a path was changed since the reset."""
        return int(self.state()[1].get(path, 0))

    def export(self, channel: bytes, label: int, context: bytes, length: int) -> bytes:
        """Return what the target's exporter yields for a channel, named by the target's recipient id."""
        exported = self._decode("export", self._post("export", {0: channel, 1: label, 2: context, 3: length}))
        if not isinstance(exported, bytes):
            raise Nonconformity("/ps/test/export must answer with a byte string")
        return exported

    def _post(self, name: str, payload: Any) -> Message:
        reply = self._target.request(
            Code.POST, f"/ps/test/{name}", cbor.dumps(payload), content_format=CONTENT_FORMAT_CBOR
        )
        self._check(name, reply)
        return reply

    def _check(self, name: str, reply: Message) -> None:
        if reply.code == Code.NOT_FOUND:
            raise AdapterError(
                f"/ps/test/{name} is not found: is this a test build with the Test Interface compiled in?"
            )
        if reply.code >> 5 != 2:
            raise Nonconformity(f"/ps/test/{name} answered {code_text(reply.code)}")

    @staticmethod
    def _decode(name: str, reply: Message) -> Any:
        try:
            return cbor.loads(reply.payload)
        except ProtocolError as error:
            raise Nonconformity(f"/ps/test/{name} answered with a payload that is not deterministic CBOR") from error


class Blind(Control):
    """What stands in for the Test Interface on a black box: whatever needs it ends the test without a verdict."""

    blind = True

    def act(self, name: str, parameters: dict[int, Any] | None = None) -> int:
        """Have a client called that begins by itself; of any other target, only the Test Interface could demand it."""
        demanded = parameters or {}
        if not self._target.manifest.calls or name not in ("request", "open"):
            return super().act(name, parameters)
        plain = demanded.get(1, Code.GET) == Code.GET and not demanded.get(3) and demanded.get(4, True)
        if name == "request" and not (plain and 6 not in demanded and 8 not in demanded):
            raise NotGiven("the client's command makes it send a confirmable GET, and no other request")
        path = demanded.get(2, "/x") if name == "request" else "/x"
        if path not in _ANY_PATH and self._target.manifest.protects and 5 not in demanded:
            raise NotGiven("the client asks over a channel, where nobody sees its path")
        command = " ".join(self._target.manifest.adapter.get("command", ()))
        if path not in _ANY_PATH and "{path}" not in command:
            raise NotGiven("the client's command asks for one path only; put {path} into it (adapter.command)")
        self._target.call(path)
        return 0

    def advance(self, seconds: float) -> list[bytes]:
        """Refuse."""
        raise NotGiven("only the Test Interface could advance the target's clock")

    def events(self) -> list[Event]:
        """Refuse."""
        raise NotGiven("only the Test Interface could tell what the target made of it")

    def state(self) -> dict[int, Any]:
        """Refuse."""
        raise NotGiven("only the Test Interface could show the target's state")

    def _post(self, name: str, payload: Any) -> Message:
        raise NotGiven(f"only the Test Interface could do it (/ps/test/{name})")
