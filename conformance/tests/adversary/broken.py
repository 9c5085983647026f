"""The reference device with one thing wrong, as a program: ``broken.py FAULT device --stdio --test-interface``.

What an adversary has to find. The faults of the suite are not used here, so that the proof does not depend on them.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec import cli
from picosec.channel import authentication, edhoc_messages, responder
from picosec.channel.sequence import Counter
from picosec.crypto.aead import InvalidTag, seal
from picosec.crypto.vault import SoftwareVault
from picosec.errors import ProtocolError
from picosec.messaging import coap, problem
from picosec.messaging.message_ids import ReceivedIds
from picosec.messaging.replay import ReplayWindow
from picosec.registry import Problem
from picosec.roles import client, handshakes, server
from picosec.roles.events import Response
from picosec.roles.storage import MemoryStorage

FAULTS: dict[str, Callable[[], None]] = {}


def broken(apply: Callable[[], None]) -> Callable[[], None]:
    """Register a fault under the name of its function."""
    FAULTS[apply.__name__.replace("_", "-")] = apply
    return apply


@broken
def accepts_replays() -> None:
    """The replay window forgets."""
    ReplayWindow.seen = lambda self, number: False  # type: ignore[method-assign]


@broken
def marks_before_it_verifies() -> None:
    """A forgery moves the replay window, and the owner is locked out."""
    original = ReplayWindow.seen

    def seen(self: ReplayWindow, number: int) -> bool:
        known = original(self, number)
        if not known:
            self.mark(number)
        return known

    ReplayWindow.seen = seen  # type: ignore[method-assign]


@broken
def skips_the_mac() -> None:
    """Whoever shows a credential has it."""

    def accept(*arguments: Any) -> None:
        """Check nothing."""

    authentication.check = accept


@broken
def reuses_a_nonce() -> None:
    """The counter stands still."""
    Counter.take = lambda self: self.value  # type: ignore[method-assign]


@broken
def forgets_numbers_at_reboot() -> None:
    """Sequence numbers start anew after a loss of power."""
    MemoryStorage.reserve = lambda self, name, count: 0  # type: ignore[method-assign]


@broken
def keeps_an_ephemeral_key() -> None:
    """A key pair is expensive: it is made once."""
    original = SoftwareVault.generate
    made: dict[Any, Any] = {}

    def generate(self: SoftwareVault, curve: Any, entropy: Any) -> Any:
        if (id(self), curve) not in made:
            made[id(self), curve] = original(self, curve, entropy)
        return made[id(self), curve]

    SoftwareVault.generate = generate  # type: ignore[method-assign]


@broken
def keeps_the_session_after_message_3() -> None:
    """The session is not discarded, whatever its message_3 was."""

    class Keeping(dict[bytes, Any]):
        def pop(self, key: bytes, *default: Any) -> Any:
            found, expires = self[key]
            return copy.copy(found), expires

    original = handshakes.Responding.__init__

    def remember(self: handshakes.Responding, entropy: Any) -> None:
        original(self, entropy)
        self._sessions = Keeping()

    handshakes.Responding.__init__ = remember  # type: ignore[method-assign]


@broken
def answers_twice() -> None:
    """A repeated request is a new one."""
    ReceivedIds.get = lambda self, message_id, now: None  # type: ignore[method-assign]


@broken
def downgrades() -> None:
    """The Responder takes any suite that it has, whatever the Initiator prefers."""

    class Careless(edhoc_messages.Message1):
        @classmethod
        def decode(cls, data: bytes) -> edhoc_messages.Message1:
            message = edhoc_messages.Message1.decode(data)
            return replace(message, suites=message.suites[-1:])

    responder.Message1 = Careless  # type: ignore[misc]


@broken
def believes_anybody() -> None:
    """The client takes an answer in the open for its server's."""
    original = client.Client._answered

    def answered(self: client.Client, asked: Any, message: Any, now: float) -> None:
        if message.option(9) is None:
            self._report(Response(asked.handle, message, protected=True), now)
        else:
            original(self, asked, message, now)

    client.Client._answered = answered  # type: ignore[method-assign]


@broken
def quotes_what_it_served() -> None:
    """A refusal in the open quotes what was sent over the channel before, from a buffer that was not cleared."""
    original, refusal = server.Server._respond, problem.response
    last: list[bytes] = [b""]

    def respond(self: server.Server, answering: Any, response: Any, now: float) -> None:
        if answering.channel is not None and response.code == 0x45:
            last[0] = response.payload
        original(self, answering, response, now)

    def quoting(cause: Problem, detail: str = "") -> Any:
        response = refusal(cause, detail)
        return replace(response, payload=response.payload + last[0])

    server.Server._respond = respond  # type: ignore[method-assign]
    problem.response = quoting


@broken
def takes_any_tag() -> None:
    """message_3 is decrypted, and its tag left alone."""

    def opened(aead: Any, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        inverted = seal(aead, key, nonce, ciphertext[: -aead.tag_length], aad)  # a stream cipher is its own inverse
        return inverted[: -aead.tag_length]

    responder.open_ = opened


@broken
def tells_a_wrong_tag_from_a_wrong_proof() -> None:
    """Two errors for two steps of one check: whoever forges message_3 learns how far the forgery came."""
    original = responder.Responder._verify_message_3

    def verify(self: responder.Responder, held: Any, data: bytes, time: float | None) -> Any:
        try:
            return original(self, held, data, time)
        except ProtocolError as error:
            if isinstance(error.__cause__, InvalidTag):
                raise ProtocolError(Problem.DECRYPTION_FAILED, "CHN-520") from error
            raise

    responder.Responder._verify_message_3 = verify  # type: ignore[method-assign]


@broken
def keeps_every_handshake() -> None:
    """Memory for handshakes is taken and not counted."""
    handshakes.MAX_SESSIONS = 1 << 30  # type: ignore[misc]


@broken
def dies_of_a_short_token() -> None:
    """A message that ends within its token ends the process."""
    original = coap.Message.decode.__func__  # type: ignore[attr-defined]

    def decode(cls: Any, data: bytes) -> Any:
        try:
            return original(cls, data)
        except ProtocolError as error:
            if error.problem is Problem.MALFORMED and error.requirement == "MSG-260":
                sys.exit("out of bounds")
            raise

    coap.Message.decode = classmethod(decode)  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    sys.exit(cli.main(sys.argv[2:]))
