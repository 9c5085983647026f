"""The suite as whose credential stands in a status list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from picosec.channel.credentials import Kind
from picosec_conformance.keeper import Keeper
from picosec_conformance.showing import Meeting
from picosec_conformance.status import status_claim


class Bearer:
    """The suite with a credential whose status stands in a list, and the target on one side of a handshake."""

    def __init__(
        self,
        keeper: Keeper,
        side: str = "responder",
        *,
        claims: Mapping[int, Any] | None = None,
        kind: Kind = Kind.KID,
    ) -> None:
        self._control = keeper.control
        further = status_claim() if claims is None else claims
        self.meeting = Meeting(keeper.target, keeper.control, keeper.rng, side, kind, own_claims=further)

    @property
    def accepted(self) -> bool:
        """Whether the target lets the credential pass, which is shown to it; when not, it says ``bad_credential``.

        A power cut then ends the channel, or what is left of the handshake, so that it can be shown again.
        """
        honest = self.meeting.honest
        passed = self.meeting.shown(honest.id_cred, honest.cred)
        self._control.reboot()
        return passed
