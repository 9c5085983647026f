"""Who signed a statement of this chapter: what stands in its headers, and nothing besides."""

from __future__ import annotations

from typing import Final

from picosec.errors import ProtocolError
from picosec.identity.holder import is_kid
from picosec.objects.headers import Headers, Label
from picosec.registry import Problem

_PARAMETERS: Final = {int(Label.ALG), int(Label.KID), int(Label.TYP)}


def signer_of(head: Headers, kind: int | str, requirement: str) -> bytes:
    """Return the identifier of the key that signed a statement of the type ``kind``.

    Raises ``malformed``, citing ``requirement``, for headers that are not algorithm, key identifier and this type.
    """
    if head.unprotected or head.entries.keys() != _PARAMETERS:
        raise ProtocolError(Problem.MALFORMED, requirement, "headers that a statement does not have")
    found, kid = head.entries[Label.TYP], head.entries[Label.KID]
    if type(found) is not type(kind) or found != kind:
        raise ProtocolError(Problem.MALFORMED, requirement, "a statement of another type")
    if type(kid) is not bytes or not is_kid(kid):
        raise ProtocolError(Problem.MALFORMED, requirement, "no key identifier")
    return kid
