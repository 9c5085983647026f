"""What travels: one datagram with the name by which a scenario refers to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """A datagram as its sender sent it. ``label`` tells it from every other one on the same network."""

    label: str
    sender: str
    receiver: str
    data: bytes
