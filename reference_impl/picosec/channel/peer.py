"""The credential checks that both roles make before they look at a proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from picosec.channel.credentials import Credential, Usage
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.session import Role
from picosec.crypto.suites import Suite
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Bytes of an OSCORE nonce that are not the identifier's.
NONCE_OVERHEAD: Final = 6

#: What refuses a credential that cannot serve, and one of this endpoint's own, by the role of this endpoint.
_UNFIT: Final = {Role.RESPONDER: "CHN-470", Role.INITIATOR: "CHN-1030"}
_OWN: Final = {Role.RESPONDER: "CHN-480", Role.INITIATOR: "CHN-1040"}

T = TypeVar("T")


def usable(
    config: EdhocConfig, role: Role, id_cred: bytes, usage: Usage, suite: Suite, time: float | None
) -> Sequence[Credential]:
    """Return the trusted credentials, at least one, that ID_CRED_x may stand for and that can serve.

    ``role`` is that of this endpoint; it decides which requirement a refusal enforces.

    Raises ``unknown_credential`` (CHN-450, CHN-460) or ``bad_credential`` (CHN-400 to CHN-490, or taken back).
    """
    unfit, own = _UNFIT[role], _OWN[role]
    try:
        found = config.trusted.candidates(id_cred, time)
    except ProtocolError as error:
        raise ProtocolError(
            error.problem, unfit if error.requirement == "CHN-470" else error.requirement, error.detail
        ) from error
    fitting = [credential for credential in found if credential.serves(usage, suite)]
    if not fitting:
        raise ProtocolError(Problem.BAD_CREDENTIAL, unfit, "the key cannot serve the method in the suite")
    others = [credential for credential in fitting if credential.key.x not in config.own_keys]
    if not others:
        raise ProtocolError(Problem.BAD_CREDENTIAL, own, "the peer shows a key of this endpoint")
    return _standing(config, others, time)


def _standing(config: EdhocConfig, peers: Sequence[Credential], time: float | None) -> Sequence[Credential]:
    """Return the credentials that were not taken back, at least one. Raises what the last of the others raised."""
    standing, refusal = [], None
    for peer in peers:
        try:
            config.standing(peer.cred, time)
            standing.append(peer)
        except ProtocolError as error:
            refusal = error
    if refusal is not None and not standing:
        raise refusal
    return standing


def first_proven(peers: Sequence[Credential], check: Callable[[Credential], T]) -> T:
    """Return what ``check`` gives for the first credential whose proof it accepts (CHN-370).

    Raises what ``check`` raises for the last one. A key with which nothing can be agreed proves nothing either: it must
    not keep others of its name out.
    """
    for peer in peers[:-1]:
        with suppress(ProtocolError):
            return check(peer)
    return check(peers[-1])


def check_identifier(identifier: bytes, suite: Suite, requirement: str = "CHN-310") -> None:
    """Raise ``bad_identifier`` for a connection identifier that does not fit into an OSCORE nonce."""
    longest = suite.application_aead.nonce_length - NONCE_OVERHEAD
    if len(identifier) > longest:
        raise ProtocolError(Problem.BAD_IDENTIFIER, requirement, f"{len(identifier)} bytes, at most {longest} fit")
