"""The client's side of one observation over a channel: which notifications are its own, and newer than those before
(RFC 8613 sections 4.1.3.5 and 7.4.1, spec/v1/channel.md).
"""

from __future__ import annotations

from picosec.channel.oscore import Binding, verify_response
from picosec.channel.oscore_context import SecurityContext
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec.registry import Problem


class Observation:
    """What notifications must be bound to, and the largest number that one of them had."""

    __slots__ = ("_binding", "_number")

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._number: int | None = None

    def unprotect(self, context: SecurityContext, message: Message) -> Message:
        """Verify a response to the registration, a notification or not; return what was protected.

        The first may do without a number and is the oldest; every other one has to have a larger number than all
        before (CHN-1150, CHN-1160). Raises ``ProtocolError`` as :func:`~picosec.channel.oscore.verify_response` does,
        and ``REPLAYED``. A message that raises changes nothing about the observation.
        """
        plain, number = verify_response(context, self._binding, message)
        if self._number is not None and (number is None or number <= self._number):
            raise ProtocolError(Problem.REPLAYED, "CHN-1150", f"number {number} after {self._number}")
        if number is None:
            self._binding.nonce = None
        else:
            self._number = number
        return plain
