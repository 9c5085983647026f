"""Anonymous tokens as a role asks for them, and spends them (spec/v1/identity-tokens.md)."""

from __future__ import annotations

from collections.abc import Callable

from picosec.channel.channels import Channel
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.identity.token import MAX_COUNT
from picosec.identity.token_purse import Fetching, Purse, fetching
from picosec.messaging import problem
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.objects.request import CarriedRequest
from picosec.registry import CONTENT_FORMAT_TOKEN_REQUEST, CONTENT_FORMAT_TOKEN_RESPONSE, Problem
from picosec.roles.client import Client
from picosec.roles.events import Event, Failed, TokensFetched
from picosec.roles.tokens import PATH

_OPTIONS = (*path_options(PATH), (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_TOKEN_REQUEST)))


class TokenFetching:
    """Fills a purse over channels, and makes redemptions out of it."""

    def __init__(self, purse: Purse, client: Client, entropy: Entropy, report: Callable[[Event, float], None]) -> None:
        self._purse = purse
        self._client = client
        self._entropy = entropy
        self._report = report

    def fetch(self, handle: int, channel: Channel, kid: bytes, count: int, now: float) -> None:
        """Ask the peer of a channel for tokens; a TokensFetched or Failed follows.

        Raises ``unknown_credential`` for a key that is not known, ``bad_request`` for none or too many tokens, and as
        :meth:`Client.errand`.
        """
        source = self._purse.source(kid)
        if not 0 < count <= MAX_COUNT:
            raise ProtocolError(Problem.BAD_REQUEST, "IDN-1310", f"{count} tokens at once")
        asked = fetching(source, count, self._entropy)

        def answered(outcome: Message | Problem, now: float) -> None:
            try:
                tokens = asked.finish(_evaluated(outcome))
                if self._purse.sources.get(kid) != source:
                    raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-1800", "the key was replaced meanwhile")
            except ProtocolError as error:
                self._report(Failed(handle, error.problem), now)
                return
            self._purse.put(tokens)
            self._report(TokensFetched(handle, kid, self._purse.count(kid)), now)

        self._client.errand(handle, token_request(asked), channel, now, answered)

    def redeem(self, kid: bytes, request: CarriedRequest) -> bytes:
        """Return a redemption; how it travels is up to whoever asked for it. Raises as :meth:`Purse.redeem` does."""
        return self._purse.redeem(kid, request, self._entropy)


def token_request(asked: Fetching) -> Message:
    """Return the request for tokens that were begun."""
    return Message(Type.CON, Code.POST, 0, b"", _OPTIONS, asked.request().encode())


def _evaluated(outcome: Message | Problem) -> bytes:
    """Return what a request for tokens was answered with. Raises what stands in its place."""
    if isinstance(outcome, Problem):
        raise ProtocolError(outcome, "IDN-1810", "the request was not answered")
    if (outcome.code, outcome.content_format) != (Code.CONTENT, CONTENT_FORMAT_TOKEN_RESPONSE):
        raise ProtocolError(problem.named(outcome), "IDN-1810", "the peer refused")
    return outcome.payload
