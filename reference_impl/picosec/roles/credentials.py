"""Credentials of zones as a role takes and presents them: ``/ps/credentials`` (spec/v1/identity-credentials.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.registry import CONTENT_FORMAT_CREDENTIAL_CHAIN, Problem
from picosec.roles.keyring import Keyring, OwnChain
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/credentials"
OWN_PATH: Final = "/ps/credentials/own"
_FORMATS: Final = (CONTENT_FORMAT_CREDENTIAL_CHAIN,)


class Credentials:
    """What takes chains of others from anybody's hand, and its own anew from somebody who is known.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock.
    """

    def __init__(self, keyring: Keyring, date: Callable[[float], float | None]) -> None:
        self._keyring = keyring
        self._date = date

    def resource(self) -> Resource:
        """Return what everybody hands chains to (IDN-840)."""
        return Resource({Code.POST: self._post}, Access.OPEN, takes=_FORMATS, attributes={"rt": "ps.credentials"})

    def own_resource(self) -> Resource:
        """Return what takes one's own chain anew, from whom that was granted."""
        return Resource({Code.PUT: self._put}, takes=_FORMATS, attributes={"rt": "ps.credentials.own"})

    def presentation(self) -> Message:
        """Return the request that hands one's own chain to somebody. Raises ``bad_request`` without one."""
        options = (*path_options(PATH), (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_CREDENTIAL_CHAIN)))
        return Message(Type.CON, Code.POST, 0, b"", options, self._own("CNF-460", Problem.BAD_REQUEST).chain.encode())

    def _own(self, requirement: str, problem: Problem) -> OwnChain:
        if self._keyring.own_chain is None:
            raise ProtocolError(problem, requirement, "there are no credentials of its own here")
        return self._keyring.own_chain

    def _post(self, request: Request) -> Reply:
        chains = self._keyring.chains
        chains.take(chains.judge(request.payload, self._date(request.now)))
        return Reply(Code.CHANGED)

    def _put(self, request: Request) -> Reply:
        own = self._own("IDN-970", Problem.METHOD_NOT_ALLOWED)
        chain = self._keyring.chains.judge(request.payload, self._date(request.now))
        _check_renewal(own.chain, chain)
        self._keyring.present(replace(own, chain=chain))
        return Reply(Code.CHANGED)


def _check_renewal(before: Chain, after: Chain) -> None:
    """Raise ``bad_credential`` for a chain that is for another key, identifier or purpose (IDN-980), or that goes by
    somebody who was not in between before (IDN-2220), ``stale`` for one that was not issued later (IDN-990).
    """
    ours, theirs = before.last.claims, after.last.claims
    if theirs.holder.members() != ours.holder.members() or theirs.purpose is not ours.purpose:
        raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-980", "credentials for another key")
    known = [each.claims.holder.key for each in before.credentials]
    between = [each.claims.holder.key for each in after.credentials[:-1]]
    if theirs.zone != ours.zone or not all(_holds(known, key) for key in between):
        raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-2220", "credentials of another zone, or by somebody else")
    if theirs.issued <= ours.issued:
        raise ProtocolError(Problem.STALE, "IDN-990", f"issued {ours.issued - theirs.issued} s before what is held")


def _holds(keys: Iterable[PublicKey], key: PublicKey) -> bool:
    return any((each.curve, each.x, each.y) == (key.curve, key.x, key.y) for each in keys)
