"""Credentials of zones as channels and objects meet them: who is believed on account of an anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from picosec.channel.credentials import Credential
from picosec.channel.cwt import parse_cwt
from picosec.errors import ProtocolError
from picosec.identity.chain import Chain
from picosec.identity.chains import Chains
from picosec.identity.claims import claims_of
from picosec.identity.credential import is_credential
from picosec.identity.scope import Scope, decode_scope
from picosec.objects.keys import Purpose, SenderKey
from picosec.registry import Problem

#: Credentials of which it is remembered what they grant.
_REMEMBERED: Final = 64
_SCOPE: Final = 9


class Vouching:
    """Vouches for peers and for senders of objects by the chains that are held, or shown."""

    def __init__(self, chains: Chains) -> None:
        self._chains = chains

    # -- for channels --------------------------------------------------------------------------------------------

    def shown(self, cwt: bytes, time: float | None) -> Credential | None:
        """Return what a peer shows, if it is a credential of a zone (IDN-880)."""
        try:
            if not is_credential(cwt):
                return None
            chain = self._chains.shown(cwt, time)
        except ProtocolError as error:
            raise _refused(error) from error
        return self._peers([chain])[0]

    def named(self, kid: bytes, time: float | None) -> Sequence[Credential]:
        """Return whom the held chains of an identifier are of (IDN-890)."""
        try:
            return self._peers(self._chains.named(kid, time))
        except ProtocolError as error:
            raise _refused(error) from error

    def _peers(self, chains: Sequence[Chain]) -> Sequence[Credential]:
        peers = [_peer(chain) for chain in chains if chain.last.claims.purpose is None]
        if chains and not peers:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-900", "a key for objects opens no channel")
        return peers

    def check(self, peer: Credential, time: float | None) -> None:
        """Judge again the credential that opens a channel, some time after it was shown. Raises ``bad_credential``."""
        if peer.ends is not None and time is not None and time > peer.ends:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-920", "it ended while the handshake went on")
        self._chains.check_status((*peer.issuers, peer.cred), time)

    # -- for objects ---------------------------------------------------------------------------------------------

    def senders(self, kid: bytes, purpose: Purpose) -> Sequence[SenderKey]:
        """Return the keys of an identifier that sign objects of a purpose. Raises ``wrong_purpose`` (IDN-940)."""
        claims = [chain.last.claims for chain in self._chains if chain.holder.kid == kid]
        fitting = [SenderKey(kid, each.holder.key, purpose) for each in claims if each.purpose is purpose]
        if claims and not fitting:
            raise ProtocolError(Problem.WRONG_PURPOSE, "IDN-940", "the credential is for something else")
        return fitting

    def credentials(self, sender: SenderKey, now: float | None) -> tuple[bytes, ...]:
        """Return the credentials by which a key signs objects now: whoever gave it a further one takes nothing away
        (IDN-2230). Raises ``bad_credential`` (IDN-950) when there is none.
        """
        try:
            chains = self._chains.named(sender.kid, now)
        except ProtocolError as error:
            raise _refused(error) from error
        found = tuple(chain.last.cwt for chain in chains if _is_of(chain, sender))
        if not found:
            raise ProtocolError(Problem.BAD_CREDENTIAL, "IDN-950", "no credential of this key is good now")
        return found


def _is_of(chain: Chain, sender: SenderKey) -> bool:
    """Whether a chain is of this key, and not of one that shares its coordinate, and for what the sender does."""
    claims, key = chain.last.claims, chain.holder.key
    same = (key.curve, key.x, key.y) == (sender.key.curve, sender.key.x, sender.key.y)
    return same and claims.purpose is sender.purpose


def _peer(chain: Chain) -> Credential:
    """Return the credential of a chain's holder, with what else it rests on."""
    *issuers, cwt = chain.cwts
    first = chain.credentials[0].claims.holder.key
    party = bytes([first.curve.value]) + first.x + first.y
    return replace(parse_cwt(cwt), issuers=tuple(issuers), ends=chain.last.claims.expires, party=party)


@lru_cache(_REMEMBERED)
def granted(cred: bytes) -> Scope | None:
    """Return what a peer may do whose credential, CRED_x, was accepted; None for everything.

    The scope of the last credential of a chain lies within all those before it, and within its anchor's. Others may
    have scopes of any form: one that nobody understands grants nothing (IDN-2240).
    """
    claims = claims_of(cred)
    if _SCOPE not in claims:
        return None
    try:
        return decode_scope(claims[_SCOPE], "IDN-2240")
    except ProtocolError:
        return Scope({})


def _refused(error: ProtocolError) -> ProtocolError:
    """Return the one error for whatever is wrong with a credential that a peer shows."""
    return ProtocolError(Problem.BAD_CREDENTIAL, error.requirement, error.detail)
