"""The credential checks that both roles make before they look at a proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from picosec.channel.credentials import Credential, Usage
from picosec.channel.edhoc_config import EdhocConfig
from picosec.crypto.suites import Suite
from picosec.errors import ProtocolError
from picosec.registry import Problem

#: Bytes of an OSCORE nonce that are not the identifier's.
NONCE_OVERHEAD: Final = 6

T = TypeVar("T")


def usable(config: EdhocConfig, id_cred: bytes, usage: Usage, suite: Suite, time: float | None) -> Sequence[Credential]:
    """Return the trusted credentials, at least one, that ID_CRED_x may stand for and that can serve.

    Raises ``unknown_credential`` (CHN-450, CHN-460) or ``bad_credential`` (CHN-400 to CHN-490).
    """
    found = config.trusted.candidates(id_cred, time)
    fitting = [credential for credential in found if credential.serves(usage, suite)]
    if not fitting:
        raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-470", "the key cannot serve the method in the suite")
    others = [credential for credential in fitting if credential.key.x not in config.own_keys]
    if not others:
        raise ProtocolError(Problem.BAD_CREDENTIAL, "CHN-480", "the peer shows a key of this endpoint")
    return others


def first_proven(peers: Sequence[Credential], check: Callable[[Credential], T]) -> T:
    """Return what ``check`` gives for the first credential whose proof it accepts (CHN-370).

    Raises what ``check`` raises: ``authentication_failed`` only when it does so for each.
    """
    for peer in peers[:-1]:
        try:
            return check(peer)
        except ProtocolError as error:
            if error.problem is not Problem.AUTHENTICATION_FAILED:
                raise
    return check(peers[-1])


def check_identifier(identifier: bytes, suite: Suite) -> None:
    """Raise ``bad_identifier`` for a connection identifier that does not fit into an OSCORE nonce (CHN-310)."""
    longest = suite.application_aead.nonce_length - NONCE_OVERHEAD
    if len(identifier) > longest:
        raise ProtocolError(Problem.BAD_IDENTIFIER, "CHN-310", f"{len(identifier)} bytes, at most {longest} fit")
