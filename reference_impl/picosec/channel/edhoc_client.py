"""One attempt to open a channel: request after request, through the negotiation of the suite, to a session or an
error.
"""

from __future__ import annotations

from picosec.channel.credentials import Kind
from picosec.channel.edhoc_coap import request
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import WRONG_SUITE, ErrorMessage, is_error
from picosec.channel.initiator import Initiator, State, next_suite
from picosec.channel.session import Session
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_EDHOC, Problem


class EdhocClient:
    """An Initiator over CoAP. After the last response, either ``session`` or ``error`` is set.

    Raises as :class:`Initiator` does.
    """

    __slots__ = ("_entropy", "_initiator", "_tried", "error", "session")

    def __init__(
        self, config: EdhocConfig, method: int, c_i: bytes, entropy: Entropy, kind: Kind | None = None
    ) -> None:
        self._entropy = entropy
        self._initiator = Initiator(config, method, c_i, entropy, kind=kind)
        self._tried = [self._initiator.suite.number]
        self.session: Session | None = None
        self.error: ProtocolError | None = None

    @property
    def c_i(self) -> bytes:
        """The connection identifier of this end."""
        return self._initiator.c_i

    def start(self) -> Message:
        """Return the first request."""
        return request(self._initiator.prepare_message_1(), None)

    def receive(self, response: Message, time: float | None = None) -> Message | None:
        """Process the response to the last request; return the next request, ``None`` when there is none.

        ``time`` is in seconds since 1970, if known. Raises nothing: what goes wrong is in ``error``; then the request
        returned, if any, tells the peer and needs no answer.
        """
        initiator = self._initiator
        try:
            if response.code != Code.CHANGED:
                return self._refused(response.payload)
            if response.payload and response.content_format not in (None, CONTENT_FORMAT_EDHOC):
                raise ProtocolError(Problem.UNSUPPORTED_FORMAT, "CHN-940", f"Content-Format {response.content_format}")
            if initiator.state is State.WAIT_MESSAGE_2:
                initiator.process_message_2(response.payload, time)
                return request(initiator.prepare_message_3(), initiator.c_r)
            if response.payload:
                if not initiator.config.policy.message_4:
                    raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-590", "a message_4 that was not agreed on")
                self.session = initiator.process_message_4(response.payload)
            else:
                self.session = initiator.complete()
        except ProtocolError as error:
            self.error = error
            if response.code == Code.CHANGED and initiator.c_r is not None:
                return request(initiator.error_message(error), initiator.c_r)
        return None

    def _refused(self, payload: bytes) -> Message | None:
        initiator = self._initiator
        if not is_error(payload):
            raise ProtocolError(Problem.REFUSED, "CHN-530", "an error response without an EDHOC error message")
        waited_for_message_2 = initiator.state is State.WAIT_MESSAGE_2
        message: ErrorMessage = initiator.process_error(payload)
        if message.code != WRONG_SUITE or not waited_for_message_2:
            raise ProtocolError(message.problem, "CHN-530", f"the peer sent ERR_CODE {message.code}, {message.info!r}")
        suite = next_suite(initiator, message.info, self._tried)
        self._tried.append(suite)
        self._initiator = Initiator(
            initiator.config, initiator.method, initiator.c_i, self._entropy, suite, initiator.kind
        )
        return self.start()
