"""What a sensor for tampering noticed, as a role tells it: ``/ps/tamper`` (spec/v1/identity-tamper.md)."""

from __future__ import annotations

from typing import Final

from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec.roles.keyring import Keyring
from picosec.roles.resources import Reply, Request, Resource

PATH: Final = "/ps/tamper"


class Tamper:
    """What peers read and observe; what it tells is kept in the keyring, and outlives the power."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def resource(self) -> Resource:
        """Return it. There is no method that would change it (IDN-1540)."""
        formats = (CONTENT_FORMAT_CBOR,)
        return Resource({Code.GET: self._get}, gives=formats, attributes={"rt": "ps.tamper"}, observable=True)

    def _get(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, self._keyring.tamper.record.encode(), CONTENT_FORMAT_CBOR)
