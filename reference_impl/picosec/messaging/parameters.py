"""The numbers that govern the message layer (RFC 7252 section 4.8), and the bounds on what an endpoint keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """Times are seconds. The defaults of the first group are those of RFC 7252; change them with a whole network."""

    ack_timeout: float = 2.0
    ack_random_factor: float = 1.5
    max_retransmit: int = 4
    #: Confirmable messages of ours that may wait for an acknowledgement from one peer at the same time.
    nstart: int = 1
    max_latency: float = 100.0

    #: How long a response may take and still ride on the acknowledgement.
    piggyback_window: float = 1.0

    #: Bytes of the largest request taken.
    max_message: int = 4096
    #: Peers with state. The one unheard of for longest makes room; none of these bounds stops the others' service.
    max_peers: int = 1024
    #: Requests from one peer being worked on.
    max_exchanges: int = 64
    #: Of these, how many may be answered late; beyond that only what can be answered at once is served.
    max_late: int = 16
    #: Requests to one peer, queued or awaiting their response.
    max_requests: int = 32
    #: Notifications to one peer that wait to be sent, to be acknowledged, or for a reset that may still come.
    max_notifications: int = 128
    #: Message ids of one peer remembered against repetition.
    max_remembered: int = 64

    @property
    def max_transmit_span(self) -> float:
        """From the first transmission of a confirmable message to its last."""
        return float(self.ack_timeout * (2**self.max_retransmit - 1) * self.ack_random_factor)

    @property
    def exchange_lifetime(self) -> float:
        """From the first transmission of a confirmable message until its id may be used again: 247 s."""
        return self.max_transmit_span + 2 * self.max_latency + self.ack_timeout

    @property
    def non_lifetime(self) -> float:
        """The same for a non-confirmable message: 145 s."""
        return self.max_transmit_span + self.max_latency


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """The same for connections (spec/v1/messaging-streams.md). Times are seconds."""

    #: Bytes of the largest message taken, header included; the other end is told.
    max_message: int = 8192
    #: Whether large bodies may come, and be asked for, in blocks; the other end is told.
    block_wise: bool = False
    #: Connections with state. The idle one unheard of for longest makes room.
    max_connections: int = 256
    #: Requests from one connection being worked on.
    max_exchanges: int = 64
    #: Requests and pings of ours on one connection awaiting their answer.
    max_requests: int = 32
    #: Pongs on one connection that wait for earlier requests.
    max_delayed_pongs: int = 8
    #: How long a new connection may stay without CSM.
    csm_timeout: float = 30.0
    #: How long a request or ping of ours waits, and a request of the peer may be worked on.
    patience: float = 247.0
    #: How long a released connection may stay open.
    release_timeout: float = 30.0
