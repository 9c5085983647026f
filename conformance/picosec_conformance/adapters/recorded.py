"""A target that is a recording: it takes what the suite sent then, and says what the target said then. No waiting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from picosec_conformance.adapters.base import AdapterError, ConnectionEnded, Ending, Framing, TargetDied
from picosec_conformance.transcript import Operation, Outcome, Step, Transcript

_WORDS = {
    Operation.START: "starts {link}",
    Operation.SEND: "sends {data} to {link}",
    Operation.SEND_RAW: "sends the raw bytes {data} to {link}",
    Operation.RECEIVE: "waits for {link}",
    Operation.POWER_CYCLE: "power-cycles {link}",
    Operation.RECALL: "takes up {link}",
    Operation.CONNECT: "connects to {link}",
    Operation.DISCONNECT: "disconnects from {link}",
}
_FAILURES: dict[Outcome, Callable[[str], Exception]] = {
    Outcome.DIED: TargetDied,
    Outcome.BROKE: AdapterError,
    Outcome.CLOSED: ConnectionEnded,
    Outcome.RESET: partial(ConnectionEnded, reset=True),
}
_SHOWN = 48  # bytes of a frame that a person compares


class RecordingMismatch(Exception):
    """The suite does something else than in the recording: it is another suite. The text names test and frame."""


class Playback:
    """The steps of one test after another, each given out once and in order.

    The first mismatch of a test ends it: whatever the test does after it, ``problem`` stays.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self.begin("")

    def begin(self, test: str) -> None:
        """Go to the first step of a test; one that the transcript does not have did nothing."""
        self._test = test
        self._steps = self._transcript.get(test, ())
        self._position = 0
        self.problem = ""

    def end(self) -> None:
        """Note a recording that goes on where the suite stops."""
        if not self.problem and self._position < len(self._steps):
            self.problem = f"{self._where()}: the suite is done, but in the recording it {_told(self._next)}"

    def peek(self, link: str, operation: Operation) -> bool:
        """Whether this operation comes next."""
        step = self._next
        return step is not None and (step.link, step.operation) == (link, operation)

    def take(self, link: str, operation: Operation, sent: bytes | int | None = None) -> Step:
        """Return the next step, which has to be this operation and, where something is sent or chosen, the same.

        Raises ``RecordingMismatch``, or what the operation raised when it was recorded.
        """
        step = self._next
        if self.problem:
            raise RecordingMismatch(self.problem)
        if step is None or not self.peek(link, operation) or (sent is not None and sent != step.data):
            asked = Step(0, link, operation, sent)
            self.problem = (
                f"{self._where()}: the suite {_told(asked, step)}, but in the recording it {_told(step, asked)}"
            )
            raise RecordingMismatch(self.problem)
        self._position += 1
        if step.outcome is not None:
            raise _FAILURES[step.outcome](step.reason)
        return step

    @property
    def _next(self) -> Step | None:
        return self._steps[self._position] if self._position < len(self._steps) else None

    def _where(self) -> str:
        sent = sum(step.operation in (Operation.SEND, Operation.SEND_RAW) for step in self._steps[: self._position])
        return (
            f"{self._test}, step {self._position + 1}, behind frame {sent}" if sent else f"{self._test}, at its start"
        )


def _told(step: Step | None, other: Step | None = None) -> str:
    """Say what a step is; of long frames, the part in which they differ."""
    if step is None:
        return "does nothing more"
    data = step.data if isinstance(step.data, bytes) else b""
    start = 0
    if other is not None and isinstance(other.data, bytes):
        pairs = zip(data, other.data, strict=False)
        start = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(data), len(other.data)))
    first = max(0, start - _SHOWN // 2)
    shown = "…" * bool(first) + data[first : first + _SHOWN].hex() + "…" * (len(data) > first + _SHOWN)
    return _WORDS[step.operation].format(link=step.link, data=shown or "an empty frame")


class RecordedAdapter:
    """One link of the recording."""

    def __init__(self, name: str, framing: Framing, playback: Playback) -> None:
        self.framing = framing
        self._name = name
        self._playback = playback

    @property
    def up(self) -> bool:
        """Whether the link was up when the recording was made. In most tests the target was."""
        return not self._playback.peek(self._name, Operation.START)

    def start(self) -> None:
        """Start as it was recorded."""
        self._playback.take(self._name, Operation.START)

    def send(self, frame: bytes) -> None:
        """Compare a frame with the one that was sent then."""
        self._playback.take(self._name, Operation.SEND, frame)

    def send_raw(self, data: bytes) -> None:
        """Compare bytes with those that were sent then."""
        self._playback.take(self._name, Operation.SEND_RAW, data)

    def receive(self, timeout: float) -> bytes | None:
        """Return what was received then; that nothing came is known at once."""
        data = self._playback.take(self._name, Operation.RECEIVE).data
        assert not isinstance(data, int)
        return data

    def connect(self, *, bare: bool = False) -> None:
        """Agree that this is where a connection was made."""
        self._playback.take(self._name, Operation.CONNECT, int(bare))

    def disconnect(self, ending: Ending) -> None:
        """Agree that this is where the connection was ended."""
        self._playback.take(self._name, Operation.DISCONNECT, int(ending))

    def power_cycle(self) -> None:
        """Agree that this is where the power was taken away."""
        self._playback.take(self._name, Operation.POWER_CYCLE)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
