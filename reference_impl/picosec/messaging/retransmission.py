"""Sending a confirmable message again, ever more slowly (RFC 7252 section 4.2)."""

from __future__ import annotations

from collections.abc import Callable

from picosec.messaging.parameters import Parameters


class Retransmission:
    """The schedule of one confirmable message that was just sent for the first time."""

    __slots__ = ("_left", "frame", "timeout")

    def __init__(self, frame: bytes, parameters: Parameters, entropy: Callable[[int], bytes]) -> None:
        """Draw the first timeout: two bytes of entropy place it between ACK_TIMEOUT and its 1.5-fold (MSG-430)."""
        share = int.from_bytes(entropy(2), "big") / 0xFFFF
        self.frame = frame
        #: Seconds until the message is due again, or given up.
        self.timeout = parameters.ack_timeout * (1 + (parameters.ack_random_factor - 1) * share)
        self._left = parameters.max_retransmit

    def next(self) -> bool:
        """Count one more transmission and double the timeout; ``False`` when there were enough (MSG-440)."""
        if self._left == 0:
            return False
        self._left -= 1
        self.timeout *= 2
        return True
