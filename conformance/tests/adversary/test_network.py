"""The acts of the network: what arrives, what is counted, what is recorded."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.adapters.memory import MemoryAdapter
from picosec_conformance.manifest import Manifest, parse_manifest
from picosec_conformance.network import Delivery, Link, Network, Packet, TargetEndpoint
from tests.harness.miniature import Miniature

MANIFEST = """
features = ["messaging.server"]
[target]
name = "miniature"
version = "1"
vendor = "none"
profile = "coap-server"
[adapter]
kind = "memory"
factory = "tests.harness.miniature:Miniature"
"""


class Peer:
    """Remembers what it receives and answers nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[bytes] = []

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Take a datagram."""
        self.received.append(data)
        return []


@pytest.fixture
def manifest() -> Manifest:
    """A target in this process."""
    return parse_manifest(MANIFEST, "miniature.toml")


@pytest.fixture
def link(manifest: Manifest) -> Iterator[Link]:
    """A link to it."""
    adapter = MemoryAdapter(Miniature)
    adapter.start()
    link = Link(adapter, manifest)
    link.begin(random.Random(1))
    yield link
    adapter.close()


@pytest.fixture
def peer() -> Peer:
    """An endpoint."""
    return Peer("peer")


@pytest.fixture
def seen() -> list[Delivery]:
    """What the witness was told."""
    return []


@pytest.fixture
def network(link: Link, peer: Peer, seen: list[Delivery]) -> Network:
    """A network of the peer and the target."""
    network = Network(link, seen.append)
    network.join(peer)
    network.join(TargetEndpoint(link, lambda message, sender: (sender, "answer")))
    return network


def get(link: Link, label: str = "get") -> Packet:
    """A request of the peer."""
    return Packet(label, "peer", "target", link.build(Code.GET, f"/{label}").encode())


def test_nothing_arrives_by_itself(network: Network, link: Link, seen: list[Delivery]) -> None:
    """The suite is the network."""
    network.post([get(link)])

    assert [packet.label for packet in network.in_flight] == ["get"]
    assert seen == []


def test_delivery_brings_the_answer_onto_the_network(network: Network, link: Link, peer: Peer) -> None:
    """The answer is not delivered either."""
    (packet,) = network.post([get(link)])
    delivery = network.deliver(packet)

    assert delivery.receiver == "target"
    assert [Message.decode(each.data).payload for each in delivery.emitted] == [b"/get"]
    assert peer.received == []
    network.settle()
    assert [Message.decode(data).payload for data in peer.received] == [b"/get"]
    assert network.acts == {"deliver": 2}


def test_what_overtakes_counts_as_reordered(network: Network, link: Link) -> None:
    """The second before the first."""
    first, second = network.post([get(link, "a"), get(link, "b")])
    network.deliver(second)
    network.drop(first)

    assert network.acts == {"reorder": 1, "drop": 1}
    assert [packet.label for packet in network.in_flight] == ["answer"]


def test_delay_puts_behind_all_others(network: Network, link: Link) -> None:
    """Late, but not lost."""
    first, _second = network.post([get(link, "a"), get(link, "b")])
    network.delay(first)

    assert [packet.label for packet in network.in_flight] == ["b", "a"]


def test_duplicate_stays_in_flight(network: Network, link: Link, seen: list[Delivery]) -> None:
    """And arrives once more."""
    (packet,) = network.post([get(link)])
    network.duplicate(packet)
    network.deliver(packet)

    assert [delivery.data for delivery in seen] == [packet.data, packet.data]


def test_replay_under_fresh_ids_uses_none_that_was_used(network: Network, link: Link, seen: list[Delivery]) -> None:
    """Or the message layer would take it for a repetition of something else."""
    (packet,) = network.post([get(link)])
    for _ in range(3):
        network.replay(packet, fresh=True)
    ids = [Message.decode(delivery.data).message_id for delivery in seen]

    assert len({*ids, Message.decode(packet.data).message_id}) == 4


def test_altered_datagrams_leave_the_original_in_flight(network: Network, link: Link, seen: list[Delivery]) -> None:
    """The adversary can do both: alter, and deliver."""
    (packet,) = network.post([get(link)])
    network.flip(packet, 3)
    network.truncate(packet, 5)

    assert [delivery.data for delivery in seen] == [bytes([packet.data[0] ^ 0x10]) + packet.data[1:], packet.data[:5]]
    assert network.in_flight[0] == packet


def test_reflection_and_diversion_choose_the_receiver(network: Network, link: Link, peer: Peer) -> None:
    """Who gets a message is the adversary's choice."""
    (packet,) = network.post([get(link)])
    network.reflect(packet)
    network.divert(packet, "peer")

    assert peer.received == [packet.data, packet.data]


def test_injection_needs_no_sender(network: Network, peer: Peer) -> None:
    """Bytes that nobody sent."""
    network.inject(b"made up", "peer", "noise")

    assert peer.received == [b"made up"]
    assert network.acts == {"inject": 1}


def test_labels_are_unique(network: Network, link: Link) -> None:
    """A scenario names datagrams by them."""
    packets = network.post([get(link), get(link)])

    assert [packet.label for packet in packets] == ["get", "get-2"]
    assert list(network.packets) == ["get", "get-2"]


def test_everything_is_recorded_with_a_note(network: Network, link: Link) -> None:
    """A report shows what was done to which message."""
    (packet,) = network.post([get(link)])
    network.deliver(packet)
    network.flip(packet, 9)
    network.drop(network.in_flight[0])

    assert [(frame.direction, frame.peer, frame.note) for frame in network.frames] == [
        ("sent", "peer", "deliver get"),
        ("received", "peer", "answer"),
        ("sent", "peer", "flip get, bit 9 flipped"),
        ("received", "peer", "dropped: answer"),
    ]


def test_suite_never_uses_an_id_that_an_attack_has_used(link: Link) -> None:
    """Otherwise a target takes a request of the Test Interface for the repetition of an attack, and answers that."""
    following = (link.fresh_message_id() + 1) & 0xFFFF
    link.send(Message(Type.NON, Code.GET, following, b"\x01"))

    assert link.fresh_message_id() == (following + 1) & 0xFFFF
