"""The resource that Initiators talk to: sessions in progress, found by the identifier before each message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from picosec.channel.edhoc_coap import response, split_prefix
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_error import error_message, is_error
from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS
from picosec.channel.responder import Responder
from picosec.channel.session import Session
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, RESPONSE_CODE, Problem

#: Sessions in progress at one time (CHN-570).
MAX_SESSIONS: Final = 16
#: Seconds from message_1 to message_3: EXCHANGE_LIFETIME of RFC 7252 (CHN-980).
SESSION_LIFETIME: Final = 247.0

_ONE_BYTE: Final = tuple(sorted(SHORT_IDENTIFIERS))


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to send, and the session that the request completed, if it did."""

    message: Message
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class _InProgress:
    responder: Responder
    begun: float


def choose_identifier(entropy: Entropy, taken: Callable[[bytes], bool]) -> bytes:
    """Return a connection identifier that is not ``taken``: one byte while there is one, else two."""
    start = entropy(1)[0]
    for offset in range(len(_ONE_BYTE)):
        candidate = _ONE_BYTE[(start + offset) % len(_ONE_BYTE)]
        if not taken(candidate):
            return candidate
    while taken(candidate := entropy(2)):
        pass
    return candidate


class EdhocServer:
    """Serves one EDHOC resource. ``now`` is in seconds on any clock that does not go back."""

    __slots__ = ("_entropy", "_in_progress")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._in_progress: dict[bytes, _InProgress] = {}

    def __len__(self) -> int:
        return len(self._in_progress)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._in_progress

    def state(self) -> list[bytes]:
        """Return the identifiers of the sessions in progress, for a digest."""
        return sorted(self._in_progress)

    def handle(
        self,
        request: Message,
        config: EdhocConfig,
        taken: Callable[[bytes], bool],
        now: float,
        time: float | None = None,
    ) -> Reply:
        """Process a POST request; ``taken`` says which identifiers name channels, ``time`` the seconds since 1970 if
        known.

        Raises ``unsupported_format`` (CHN-960); every other error becomes an EDHOC error message (CHN-530).
        """
        if request.content_format not in (None, CONTENT_FORMAT_CID_EDHOC):
            raise ProtocolError(Problem.UNSUPPORTED_FORMAT, "CHN-960", f"Content-Format {request.content_format}")
        self.expire(now)
        try:
            identifier, message = split_prefix(request.payload)
        except ProtocolError as error:
            return _refusal(error, error_message(error, ()))
        if identifier is None:
            return self._begin(message, config, taken, now)
        return self._continue(identifier, message, time)

    def _begin(self, message_1: bytes, config: EdhocConfig, taken: Callable[[bytes], bool], now: float) -> Reply:
        responder = Responder(config, self._entropy)
        try:
            c_i = responder.process_message_1(message_1).c_i
            c_r = choose_identifier(
                self._entropy, lambda candidate: candidate == c_i or candidate in self or taken(candidate)
            )
            message_2 = responder.prepare_message_2(c_r)
        except ProtocolError as error:
            return _refusal(error, responder.error_message(error))
        if len(self._in_progress) >= MAX_SESSIONS:
            del self._in_progress[next(iter(self._in_progress))]
        self._in_progress[c_r] = _InProgress(responder, now)
        return Reply(response(Code.CHANGED, message_2))

    def _continue(self, identifier: bytes, message: bytes, time: float | None) -> Reply:
        in_progress = self._in_progress.pop(identifier, None)
        if in_progress is None:
            missing = ProtocolError(Problem.UNEXPECTED_MESSAGE, "CHN-560", "no session in progress")
            return Reply(response(Code.CHANGED)) if is_error(message) else _refusal(missing, error_message(missing, ()))
        if is_error(message):
            return Reply(response(Code.CHANGED))
        responder = in_progress.responder
        try:
            responder.process_message_3(message, time)
        except ProtocolError as error:
            return _refusal(error, responder.error_message(error))
        if responder.config.policy.message_4:
            message_4 = responder.prepare_message_4()
            return Reply(response(Code.CHANGED, message_4), responder.session)
        return Reply(response(Code.CHANGED), responder.complete())

    def expire(self, now: float) -> None:
        """Discard the sessions whose time is over (CHN-980)."""
        for identifier, each in list(self._in_progress.items()):
            if now - each.begun >= SESSION_LIFETIME:
                del self._in_progress[identifier]

    def next_timeout(self) -> float | None:
        """Return when the next session expires, ``None`` without one."""
        return min((each.begun + SESSION_LIFETIME for each in self._in_progress.values()), default=None)


def _refusal(error: ProtocolError, message: bytes) -> Reply:
    return Reply(response(RESPONSE_CODE[error.problem], message))
