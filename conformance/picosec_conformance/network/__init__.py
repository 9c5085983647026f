"""The network that the suite owns: whoever is on it says only what this package delivers, and hears only that."""

from picosec_conformance.network.link import Link
from picosec_conformance.network.network import ACTS, Delivery, Endpoint, Network, TargetEndpoint
from picosec_conformance.network.packet import Packet
from picosec_conformance.network.tampering import common_fields, flipped, renumbered, spliced, truncated

__all__ = [
    "ACTS",
    "Delivery",
    "Endpoint",
    "Link",
    "Network",
    "Packet",
    "TargetEndpoint",
    "common_fields",
    "flipped",
    "renumbered",
    "spliced",
    "truncated",
]
