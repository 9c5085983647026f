"""Anonymous tokens as a role issues and takes them: ``/ps/tokens`` (spec/v1/identity-tokens.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from picosec.channel.channels import Channel
from picosec.crypto.curves import Entropy
from picosec.errors import ProtocolError
from picosec.identity.token import encode_response
from picosec.messaging import cbor
from picosec.messaging.coap import Code
from picosec.registry import (
    CONTENT_FORMAT_TOKEN_REDEMPTION,
    CONTENT_FORMAT_TOKEN_REQUEST,
    CONTENT_FORMAT_TOKEN_RESPONSE,
    Problem,
)
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/tokens"
REDEEM_PATH: Final = f"{PATH}/redeem"


class Tokens:
    """What issues tokens to peers that it knows, and takes them from anybody's hand.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock.
    """

    def __init__(self, keyring: Keyring, entropy: Entropy, date: Callable[[float], float | None]) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._date = date

    def resources(self) -> Mapping[str, Resource]:
        """Return what peers ask for tokens, and what everybody spends them at."""
        issue = Resource(
            {Code.POST: self._issue},
            takes=(CONTENT_FORMAT_TOKEN_REQUEST,),
            gives=(CONTENT_FORMAT_TOKEN_RESPONSE,),
            attributes={"rt": "ps.tokens"},
        )
        redeem = Resource(
            {Code.POST: self._redeem},
            Access.OPEN,
            takes=(CONTENT_FORMAT_TOKEN_REDEMPTION,),
            attributes={"rt": "ps.redeem"},
        )
        return {PATH: issue, REDEEM_PATH: redeem}

    def _issue(self, request: Request) -> Reply:
        if request.channel is None:
            raise ProtocolError(Problem.UNPROTECTED, "IDN-1300", "tokens go to a peer that is there to take them")
        issuer = self._keyring.issuer
        peer = self._peer(request.channel)
        issued = issuer.evaluate(request.payload, peer, self._date(request.now), self._entropy)
        issuer.count(issued)
        return Reply(Code.CONTENT, encode_response(issued.evaluation), CONTENT_FORMAT_TOKEN_RESPONSE)

    def _redeem(self, request: Request) -> Reply:
        issuer = self._keyring.issuer
        redeemed = issuer.judge(request.payload, self._date(request.now))
        issuer.spend(redeemed)
        inside = redeemed.redemption.request
        carried = Request(
            inside.code,
            inside.path,
            inside.payload,
            inside.content_format,
            None,
            None,
            request.peer,
            request.now,
            grant=redeemed.key.scope,
        )
        return Reply(Code.CHANGED, carried=carried)

    def _peer(self, channel: Channel) -> bytes:
        """Return what names the peer of a channel for as long as it is who it is, whatever channels it has."""
        if channel.session is not None:
            return self._keyring.holder(channel.session.peer)
        context = channel.context
        return cbor.dumps([context.sender_id, context.recipient_id, context.id_context])
