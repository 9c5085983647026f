"""The link to the target while somebody hostile uses it: what the suite itself sends never collides with an attack."""

from __future__ import annotations

import random

from picosec.messaging.coap import Message
from picosec.messaging.stream_message import StreamMessage
from picosec_conformance.adapters import Adapter
from picosec_conformance.manifest import Manifest
from picosec_conformance.target import Target

#: Message ids in use at most; after that the oldest are long past on any target.
_MOST = 50_000


class Link(Target):
    """A target that takes every message id on the link for spent, also those that tampering brought about.

    Otherwise the target would take a request of the Test Interface for the repetition of an attack.
    """

    def __init__(self, adapter: Adapter, manifest: Manifest) -> None:
        super().__init__(adapter, manifest)
        self._spent: set[int] = set()
        #: Frames sent since the last :meth:`begin`, probes and requests of the Test Interface among them.
        self.sent = 0

    @classmethod
    def over(cls, target: Target) -> Link:
        """Return the link that a target is on, for as long as the target itself is not used."""
        return cls(target._adapter, target.manifest)

    def begin(self, rng: random.Random) -> None:
        """Start anew; the caller resets the target, which forgets the message ids it has seen."""
        super().begin(rng)
        self.sent = 0
        if self.manifest.declares("conformance.test-interface"):
            self._spent.clear()

    def send(self, frame: Message | StreamMessage | bytes, note: str = "") -> None:
        """Send one frame and note its message id."""
        data = frame if isinstance(frame, bytes) else self.form.encode(frame)
        self._spent.add(int.from_bytes(data[2:4], "big"))
        self.sent += 1
        super().send(data, note)

    def fresh_message_id(self) -> int:
        """Return a message id that nobody has used on this link."""
        if len(self._spent) > _MOST:
            self._spent.clear()
        message_id = super().fresh_message_id()
        while message_id in self._spent:
            message_id = super().fresh_message_id()
        return message_id
