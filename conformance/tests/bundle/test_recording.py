"""Recording and replay: every step in its order, the same answers without the target, and a mismatch that is named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import pytest

from picosec.messaging import cbor
from picosec_conformance.adapters import AdapterError, ConnectionEnded, TargetDied
from picosec_conformance.adapters.base import Connection, Ending, Framing
from picosec_conformance.adapters.memory import MemoryAdapter
from picosec_conformance.adapters.recorded import RecordingMismatch
from picosec_conformance.links import Links, LiveLinks, RecordedLinks
from picosec_conformance.transcript import (
    Operation,
    Outcome,
    Step,
    Transcript,
    TranscriptError,
    decode,
    encode_test,
)


class Scripted:
    """A target in this process that does what its first byte says."""

    started = 0

    def __init__(self) -> None:
        Scripted.started += 1

    def handle(self, frame: bytes) -> list[bytes]:
        """Echo, answer twice, stay silent, die, or break the link."""
        if frame[:1] == b"d":
            raise TargetDied("the target fell over")
        if frame[:1] == b"b":
            raise AdapterError("somebody stumbled over the cable")
        if frame[:1] == b"o":
            raise OSError(5, "Input/output error")
        return [frame] * {b"e": 1, b"t": 2}.get(frame[:1], 0)


SETTINGS = {"kind": "memory", "factory": f"{__name__}:Scripted"}
MISSING = {"kind": "memory", "factory": "no_such_module:Thing"}


def session(links: Links, settings: dict[str, str] = SETTINGS) -> list[object]:
    """Do something of everything and return what came of it."""
    found: list[object] = []
    try:
        adapter = links.open("target", settings)
    except AdapterError as error:
        return [str(error)]
    found.append(adapter.framing)
    for frame in (b"echo", b"twice", b"silence", b"die", b"break", b"o"):
        try:
            adapter.send(frame)
        except (TargetDied, AdapterError) as error:
            found.append((type(error), str(error)))
        found += [adapter.receive(0), adapter.receive(3600)]
    try:
        adapter.send_raw(b"\xc0")
    except AdapterError as error:
        found.append(str(error))
    adapter.power_cycle()
    found.append(links.recall("number", 5))
    links.keep("number", 9)
    return found


def record(*tests: str) -> tuple[Transcript, list[list[object]]]:
    """Run the session as several tests and return the transcript with what each saw."""
    links, seen, items = LiveLinks(), [], []
    for test in tests:
        links.begin(test)
        seen.append(session(links))
        items.append(links.end()[0])
    links.close()
    return decode(b"".join(items)), seen


def test_replay_sees_what_the_recording_saw() -> None:
    """Frames, silence, deaths and broken links, in the order in which they came; and nobody waits an hour."""
    transcript, seen = record("one", "two")
    links = RecordedLinks(lambda: transcript)
    before = Scripted.started

    began = time.monotonic()
    for test, expected in zip(("two", "one"), reversed(seen), strict=True):
        links.begin(test)
        assert session(links) == expected
        assert links.end() == (b"", "")

    assert Scripted.started == before, "a replay starts nothing"
    assert time.monotonic() - began < 60


def test_numbers_that_outlive_a_test_are_recorded_with_it() -> None:
    """A black box remembers sequence numbers: a test replayed alone still has to begin behind those of others."""
    _, (first, second) = record("one", "two")

    assert (first[-1], second[-1]) == (5, 9)


def test_target_is_started_once_and_that_is_recorded_where_it_happened() -> None:
    """The second test finds the target up."""
    transcript, _ = record("one", "two")

    starts = {test: [step.operation for step in steps].count(Operation.START) for test, steps in transcript.items()}
    assert starts == {"one": 1, "two": 0}


def test_link_that_cannot_be_made_is_told_to_every_test() -> None:
    """A wrong path is no fault of the target, in the replay neither."""
    links, items, live = LiveLinks(), [], []
    for test in ("one", "two"):
        links.begin(test)
        live.append(session(links, MISSING))
        items.append(links.end()[0])
    transcript = decode(b"".join(items))
    replay = RecordedLinks(lambda: transcript)

    for test, expected in zip(("one", "two"), live, strict=True):
        replay.begin(test)
        assert session(replay, MISSING) == expected
        assert replay.end() == (b"", "")
    assert "no_such_module" in str(live[1])


def test_test_that_did_nothing_is_not_in_the_transcript() -> None:
    """Half of the suite does not apply to a small device."""
    links = LiveLinks()
    links.begin("idle")

    assert links.end() == (b"", "")


def replayed(transcript: Transcript, test: str = "one") -> Links:
    """Begin a test of a recording."""
    links = RecordedLinks(lambda: transcript)
    links.begin(test)
    return links


STEPS = (
    Step(1, "target", Operation.START),
    Step(2, "target", Operation.SEND, b"\x40\x01\x00\x07question"),
    Step(3, "target", Operation.RECEIVE, b"answer"),
    Step(4, "target", Operation.RECEIVE),
)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        pytest.param(b"\x40\x01\x00\x08question", ["sends 40010008", "in the recording it sends 40010007"], id="byte"),
        pytest.param(b"\x40\x01\x00\x07", ["sends 40010007 to", "7175657374696f6e"], id="shorter"),
        pytest.param(b"", ["sends an empty frame"], id="empty"),
    ],
)
def test_frame_that_differs_is_named(frame: bytes, words: list[str]) -> None:
    """The suite has changed since: a verdict over other questions must not pass for the old one."""
    links = replayed({"one": STEPS})
    adapter = links.open("target", SETTINGS)

    with pytest.raises(RecordingMismatch) as caught:
        adapter.send(frame)

    for word in ("one, at its start", *words):
        assert word in str(caught.value)
    assert links.end()[1] == str(caught.value)


def test_long_frames_are_shown_where_they_differ() -> None:
    """Nobody compares a thousand bytes by eye."""
    long = bytes(1000)
    links = replayed({"one": (Step(1, "target", Operation.SEND, long),)})

    with pytest.raises(RecordingMismatch, match=r"…0{48}ff"):
        links.open("target", SETTINGS).send(long[:900] + b"\xff" + long[901:])


def test_mismatch_stays_whatever_the_test_does_after_it() -> None:
    """A test that catches every exception must not make its way past a mismatch."""
    links = replayed({"one": STEPS})
    adapter = links.open("target", SETTINGS)
    with pytest.raises(RecordingMismatch) as first:
        adapter.receive(1)

    with pytest.raises(RecordingMismatch) as second:
        adapter.send(b"\x40\x01\x00\x07question")

    assert str(second.value) == str(first.value)


def past_the_end(links: Links) -> None:
    """Do what was recorded and then more."""
    adapter = links.open("target", SETTINGS)
    adapter.send(b"\x40\x01\x00\x07question")
    for _ in range(3):
        adapter.receive(0)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda links: links.open("target", SETTINGS).power_cycle(), id="power-cycle"),
        pytest.param(lambda links: links.open("target", SETTINGS).send_raw(STEPS[1].data), id="raw-bytes"),
        pytest.param(lambda links: links.open("production", SETTINGS).send(STEPS[1].data), id="other-link"),
        pytest.param(lambda links: links.recall("number", 1), id="recall"),
        pytest.param(past_the_end, id="past-the-end"),
    ],
)
def test_other_operation_than_recorded_is_a_mismatch(other: Callable[[Links], None]) -> None:
    """Also the order of things is part of what was judged."""
    links = replayed({"one": STEPS})
    with pytest.raises(RecordingMismatch):
        other(links)


def test_recording_that_goes_on_is_a_mismatch() -> None:
    """A test that lost its second half still passes its first."""
    links = replayed({"one": STEPS})
    links.open("target", SETTINGS).send(b"\x40\x01\x00\x07question")

    assert links.end()[1] == "one, step 3, behind frame 1: the suite is done, but in the recording it waits for target"


def test_test_without_a_recording_may_do_nothing() -> None:
    """A test that is new has no answers to read."""
    links = replayed({}, "new")

    with pytest.raises(RecordingMismatch, match="does nothing more"):
        links.open("target", SETTINGS).send(b"")


@pytest.mark.parametrize("kind", ["subprocess", "serial", "udp", "memory"])
def test_framing_is_known_without_opening_the_link(kind: Framing) -> None:
    """Some tests attack the framing, and ask which one there is."""
    adapter = replayed({}).open("target", {"kind": kind})

    assert adapter.framing == ("slipmux" if kind in ("subprocess", "serial") else "datagram")


def test_transcript_survives_the_way_into_a_file() -> None:
    """What is lost on the way is lost to every verifier."""
    died = Step(9, "target", Operation.SEND, b"", Outcome.DIED, "exit status 70; last words: \udc80")
    transcript = decode(encode_test("one", [*STEPS, died]) + encode_test("two", []))

    assert transcript["one"][:-1] == STEPS
    assert transcript["one"][-1].reason == "exit status 70; last words: \\udc80"
    assert transcript["two"] == ()


@pytest.mark.parametrize(
    "item",
    [
        pytest.param([], id="empty"),
        pytest.param(["one", [[0, "target", 9, None]]], id="unknown-operation"),
        pytest.param(["one", [[0, "target", True, b""]]], id="bool-for-1"),
        pytest.param(["one", [[-1, "target", 1, b""]]], id="before-the-start"),
        pytest.param(["one", [[0, "target", 1, None]]], id="sent-nothing"),
        pytest.param(["one", [[0, "target", 3, 7]]], id="received-a-number"),
        pytest.param(["one", [[0, "target", 5, b""]]], id="recalled-bytes"),
        pytest.param(["one", [[0, "target", 1, b"", 0]]], id="outcome-without-reason"),
        pytest.param(["one", [[0, "target", 1, b"", 4, ""]]], id="unknown-outcome"),
        pytest.param(["one", [[0, "target", 1, b"", True, ""]]], id="bool-for-an-outcome"),
        pytest.param(["one", [[0, 1, 1, b""]]], id="link-without-a-name"),
        pytest.param(["one", {}], id="steps-as-a-map"),
    ],
)
def test_transcript_outside_the_grammar_is_refused(item: object) -> None:
    """A bundle comes from anybody."""
    with pytest.raises(TranscriptError):
        decode(cbor.dumps(item))


def test_test_that_comes_twice_is_refused() -> None:
    """Which of the two was judged?"""
    with pytest.raises(TranscriptError, match="twice"):
        decode(encode_test("one", STEPS) * 2)


def test_bytes_that_are_no_cbor_are_refused() -> None:
    """Nor does half an item pass."""
    with pytest.raises(TranscriptError, match="CBOR"):
        decode(encode_test("one", STEPS)[:-1])


class Connecting(MemoryAdapter):
    """A connection in this process: bytes that begin with ``c`` and ``r`` end it."""

    def connect(self, *, bare: bool = False) -> None:
        """Begin anew."""
        self.power_cycle()

    def disconnect(self, ending: Ending) -> None:
        """Let go."""

    def send(self, frame: bytes) -> None:
        """Echo, or remember how the connection ends."""
        self._ending = frame[:1]
        super().send(frame)

    def receive(self, timeout: float) -> bytes | None:
        """Return the echo, or tell of the end."""
        if self._ending in (b"c", b"r"):
            raise ConnectionEnded("it is over", reset=self._ending == b"r")
        return super().receive(timeout)


def test_ends_of_connections_are_replayed_with_their_manner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a target closed or somebody reset decides between a failure and an error, offline too."""

    def act(links: Links) -> list[object]:
        adapter = cast(Connection, links.open("tcp", SETTINGS))
        found: list[object] = []
        for frame in (b"echo", b"closed", b"reset"):
            adapter.connect()
            adapter.send(frame)
            try:
                found.append(adapter.receive(0))
            except ConnectionEnded as ended:
                found.append((str(ended), ended.reset))
            adapter.disconnect(Ending.HALF)
        return found

    monkeypatch.setattr("picosec_conformance.links.open_adapter", lambda *_: Connecting(Scripted))
    live = LiveLinks()
    live.begin("one")
    seen = act(live)
    transcript = decode(live.end()[0])
    live.close()
    replay = RecordedLinks(lambda: transcript)
    replay.begin("one")

    assert seen == [b"echo", ("it is over", False), ("it is over", True)]
    assert act(replay) == seen
    assert replay.end() == (b"", "")


def test_further_links_are_opened_again_after_a_power_cycle() -> None:
    """The program that starts anew listens anew: a link to the old one leads nowhere."""
    links = LiveLinks()
    links.begin("one")
    links.open("target", SETTINGS)
    for _ in range(2):
        links.open("further", SETTINGS, "target")
    links.power_cycle("target")
    links.open("further", SETTINGS, "target")
    steps = decode(links.end()[0])["one"]
    links.close()

    assert [(step.link, step.operation) for step in steps] == [
        ("target", Operation.START),
        ("further", Operation.START),
        ("target", Operation.POWER_CYCLE),
        ("further", Operation.START),
    ]


def test_link_that_broke_is_started_again() -> None:
    """A cable that was pulled is put back: the tests behind it run."""
    links = LiveLinks()
    links.begin("one")
    with pytest.raises(AdapterError):
        links.open("target", SETTINGS).send(b"break")
    links.begin("two")
    adapter = links.open("target", SETTINGS)
    adapter.send(b"echo")

    assert adapter.receive(0) == b"echo"
    assert next(step.operation for step in decode(links.end()[0])["two"]) is Operation.START
    links.close()
