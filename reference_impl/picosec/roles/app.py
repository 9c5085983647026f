"""The app: the agent of a person or a service, who asks and offers nothing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from picosec.channel.credentials import Kind
from picosec.errors import ProtocolError
from picosec.messaging.blocks import exponent_of
from picosec.messaging.coap import Message
from picosec.roles.agent import Agent, Entropy
from picosec.roles.events import ChannelOpened, Event, Failed
from picosec.roles.keyring import Keyring


class App(Agent):
    """An agent that asks, over a channel that it opens for that when it has none yet."""

    def __init__(self, entropy: Entropy, keyring: Keyring) -> None:
        super().__init__(entropy, keyring, {}, responder=False, knows_date=True)
        #: By handle: what to ask, of whom, in blocks of which exponent, and whether to observe it.
        self._waiting: dict[int, tuple[Message, Hashable, int | None, bool]] = {}

    def ask(
        self,
        message: Message,
        peer: Hashable,
        now: float,
        method: int | None = None,
        suites: Sequence[int] | None = None,
        kind: Kind | None = None,
        block_size: int | None = None,
        *,
        observing: bool = False,
    ) -> int:
        """Open a channel and send a request over it, with blocks of ``block_size`` as :meth:`Agent.request` has them,
        or register for what it asks for.

        Under the handle that this returns a ChannelOpened and then a Response, Reset or Failed follows, or a
        ChannelFailed alone. Raises as :meth:`Agent.open` does.
        """
        handle = self.open(peer, now, method, suites, kind)
        exponent = None if block_size is None else exponent_of(block_size)
        self._waiting[handle] = (message, peer, exponent, observing)
        return handle

    def _report(self, event: Event, now: float) -> None:
        super()._report(event, now)
        if event.handle not in self._waiting:
            return
        message, peer, exponent, observing = self._waiting.pop(event.handle)
        if isinstance(event, ChannelOpened):
            try:
                if observing:
                    self._observing.observe(event.handle, message, peer, now, event.channel)
                else:
                    self._client.ask(event.handle, message, peer, now, event.channel, exponent)
            except ProtocolError as error:
                super()._report(Failed(event.handle, error.problem), now)
