"""An agent's part in EDHOC: its identifiers, the handshakes of either side, and the resource at which they happen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from picosec.channel.combined import Combined
from picosec.channel.credentials import Kind
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.session import Role
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, Problem
from picosec.roles.channel_table import ChannelTable
from picosec.roles.events import ChannelFailed, ChannelOpened, Event
from picosec.roles.handshakes import Answer, Identifiers, Opening, Responding, refusal
from picosec.roles.keyring import Keyring
from picosec.roles.openings import Openings
from picosec.roles.resources import Access, Reply, Request, Resource
from picosec.roles.reverse import Initiating, Inviting

#: Types of credentials (RFC 9668 section 8.3): CWT, claims set, X.509; and header parameters that identify them.
_CREDENTIAL_TYPES: Final = (0, 1, 2)
_IDENTIFIER_TYPES: Final = (4, 13, 14, 33, 34)


class Handshaking:
    """Handshakes in both flows and both roles.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock; ``responder`` says
    whether it takes part in handshakes that peers begin.
    """

    def __init__(
        self,
        keyring: Keyring,
        channels: ChannelTable,
        entropy: Entropy,
        openings: Openings,
        report: Callable[[Event, float], None],
        date: Callable[[float], float | None],
        *,
        responder: bool,
    ) -> None:
        self._keyring = keyring
        self._channels = channels
        self._entropy = entropy
        self._openings = openings
        self._report = report
        self._responder = responder
        self._date = date
        self._identifiers = Identifiers()
        self._responding = Responding(entropy)
        self._initiating = Initiating(entropy)
        #: Whether an offer of new keys has an identifier of ours.
        self.offered: Callable[[bytes], bool] = lambda identifier: False

    def __len__(self) -> int:
        return len(self._responding) + len(self._initiating) + len(self._openings)

    # -- beginning -----------------------------------------------------------------------------------------------

    def open(
        self,
        handle: int,
        peer: Hashable,
        now: float,
        method: int | None = None,
        suites: Sequence[int] | None = None,
        kind: Kind | None = None,
        first: Message | None = None,
    ) -> None:
        """Start a handshake as Initiator; raises as :class:`Opening` and :meth:`Openings.open` do."""
        opening = Opening(self._config(suites), self._entropy, self._choose, method, kind, first)
        self._openings.open(handle, opening, peer, now, first)

    def invite(
        self,
        handle: int,
        peer: Hashable,
        now: float,
        suites: Sequence[int] | None = None,
        first: Message | None = None,
    ) -> None:
        """Ask a server to start a handshake, as Responder; raises as :meth:`Openings.open` does."""
        inviting = Inviting(self._config(suites), self._entropy, self.choose_for_peer)
        self._openings.open(handle, inviting, peer, now, first)

    # -- answering -----------------------------------------------------------------------------------------------

    def resource(self) -> Resource:
        """Return the EDHOC resource."""
        takes = (CONTENT_FORMAT_CID_EDHOC,)
        return Resource(
            {Code.POST: self._serve},
            Access.OPEN,
            takes,
            attributes={"rt": "core.edhoc"},
            further=self._attributes,
            repeatable=True,
        )

    def finish(self, combined: Combined, peer: Hashable, now: float) -> Message | None:
        """Complete the handshake that a combined request ends, or return the response that refuses it.

        Raises ``ProtocolError`` with ``bad_option`` when this agent responds to nobody.
        """
        if not self._responder:
            raise ProtocolError(Problem.BAD_OPTION, "MSG-500", "this endpoint takes no combined requests")
        answer = self._responding.combined(combined.c_r, combined.message_3, now, self._date(now))
        answer = self._taken(answer, peer, now)
        return None if answer.session is not None else answer.response

    def _serve(self, request: Request) -> Reply:
        response = self._taken(self._answer(request), request.peer, request.now).response
        return Reply(response.code, response.payload, response.content_format)

    def _answer(self, request: Request) -> Answer:
        now, time = request.now, self._date(request.now)
        if not request.payload:
            return self._initiating.begin(request.peer, self._keyring.config, now, self._choose)
        if self._initiating.has(request.payload):
            return self._initiating.answer(request.payload, now, time)
        return self._responding.answer(request.payload, self._keyring.config, now, time, self.choose_for_peer)

    def _taken(self, answer: Answer, peer: Hashable, now: float) -> Answer:
        """Open the channel that an answer leads to, and report it; the answer is a refusal when there is no room."""
        if answer.session is not None:
            try:
                channel = self._channels.open(answer.session, now, peer)
                self._report(ChannelOpened(None, channel, answer.session), now)
            except ProtocolError as error:
                answer = refusal(error)
        if answer.failure is not None:
            self._report(ChannelFailed(None, answer.failure), now)
        return answer

    def _attributes(self) -> Iterator[tuple[str, str | None]]:
        """Yield what links to the EDHOC resource say of it (RFC 9668 section 6)."""
        config = self._keyring.config
        suites: set[int] = set()
        for method in sorted(config.policy.methods):
            serving = {*config.suites(Role.RESPONDER, method), *config.suites(Role.INITIATOR, method)}
            suites |= serving
            if serving:
                yield "ed-method", str(method)
        yield from (("ed-csuite", str(suite)) for suite in sorted(suites))
        yield from (("ed-cred-t", str(number)) for number in _CREDENTIAL_TYPES)
        yield from (("ed-idcred-t", str(number)) for number in _IDENTIFIER_TYPES)
        yield from (("ed-i", None), ("ed-r", None))
        if not config.policy.message_4:
            yield "ed-comb-req", None

    # -- time and telling ----------------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Discard the sessions that were not completed in time."""
        self._responding.expire(now)
        self._initiating.expire(now)

    def next_timeout(self) -> float | None:
        """Return when the first of them expires."""
        times = (self._responding.next_timeout(), self._initiating.next_timeout())
        return min((time for time in times if time is not None), default=None)

    def state(self) -> list[Any]:
        """Return what accepted messages may change."""
        return [self._responding.state(), self._initiating.state(), self._openings.handles()]

    # -- within --------------------------------------------------------------------------------------------------

    def in_use(self, identifier: bytes) -> bool:
        """Whether an identifier is that of a channel or of a session in progress (CHN-290, CHN-1010)."""
        return (
            identifier in self._channels
            or identifier in self._responding
            or identifier in self._initiating
            or self._openings.uses(identifier)
            or self.offered(identifier)
        )

    def choose_for_peer(self, theirs: bytes) -> bytes:
        """Return an identifier that is not in use and differs from one of the peer's."""
        return self._identifiers.choose(lambda identifier: identifier == theirs or self.in_use(identifier))

    def _choose(self) -> bytes:
        return self._identifiers.choose(self.in_use)

    def _config(self, suites: Sequence[int] | None) -> EdhocConfig:
        config = self._keyring.config
        if suites is None:
            return config
        return config.with_policy(replace(config.policy, suites=tuple(suites)))
