"""Objects as a role takes and makes them: ``/ps/objects``, and what it signs itself (spec/v1/objects.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from picosec.crypto.curves import Entropy, PublicKey
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope, together
from picosec.messaging.coap import Code
from picosec.objects.compose import group_object, sealed_object
from picosec.objects.inbox import Inbox, form_of
from picosec.objects.keys import Purpose
from picosec.objects.request import read_request
from picosec.objects.sealed import TAG_ENCRYPT, TAG_ENCRYPT0
from picosec.objects.signed import TAG
from picosec.objects.statement import MAX_SIZE, Statement, check_signer
from picosec.registry import (
    CONTENT_FORMAT_COSE_ENCRYPT,
    CONTENT_FORMAT_COSE_ENCRYPT0,
    CONTENT_FORMAT_COSE_SIGN1,
    Problem,
)
from picosec.roles.resources import Access, Reply, Request, Resource

PATH: Final = "/ps/objects"

#: Content-Format of each form, by its tag; a request without the option has the first.
FORMATS: Final = {
    TAG: CONTENT_FORMAT_COSE_SIGN1,
    TAG_ENCRYPT: CONTENT_FORMAT_COSE_ENCRYPT,
    TAG_ENCRYPT0: CONTENT_FORMAT_COSE_ENCRYPT0,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An object to be made: ``sender`` and ``recipient`` are key identifiers, ``expires`` is in seconds since 1970.

    It is sealed for the recipient if ``reader``, whose key that is, is given, or encrypted for ``group``.
    """

    sender: bytes
    recipient: bytes
    purpose: Purpose
    content_format: int
    content: bytes
    expires: int | None = None
    reader: PublicKey | None = None
    group: bytes | None = None


class Objects:
    """What takes objects from anybody's hand, and makes them.

    ``date`` turns the time of this role into seconds since 1970, or None without a trusted clock. ``closed`` says
    whether a path is for platform objects only, ``granted`` what a credential allows.
    """

    def __init__(
        self,
        inbox: Inbox,
        entropy: Entropy,
        date: Callable[[float], float | None],
        closed: Callable[[str], bool],
        granted: Callable[[bytes], Scope | None],
    ) -> None:
        self._inbox = inbox
        self._entropy = entropy
        self._date = date
        self._closed = closed
        self._granted = granted

    def resource(self) -> Resource:
        """Return what everybody hands objects to."""
        attributes = {"rt": "ps.objects"}
        return Resource({Code.POST: self._post}, Access.OPEN, takes=tuple(FORMATS.values()), attributes=attributes)

    def make(self, draft: Draft, now: float) -> bytes:
        """Return an object, signed with the next number of its key (OBJ-290).

        Raises ``unknown_credential``, ``wrong_purpose`` (OBJ-210), ``bad_key`` or ``too_large``.
        """
        inbox, vault, date = self._inbox, self._inbox.vault, self._date(now)
        key = inbox.own.named(draft.sender)
        check_signer(vault, key, draft.purpose)
        group = None if draft.group is None else inbox.groups.find(draft.group, draft.purpose)
        statement = Statement(
            draft.sender,
            draft.recipient,
            draft.purpose,
            vault.counter(f"object {vault.public(key.handle).x.hex()}"),
            0 if date is None else int(date),
            draft.content_format,
            draft.content,
            draft.expires,
        )
        made = statement.sign(vault, key).encode()
        if draft.reader is not None:
            made = sealed_object(made, draft.purpose, draft.reader, draft.recipient, vault, self._entropy)
        elif group is not None:
            made = group_object(made, group, self._entropy)
        if len(made) > MAX_SIZE:
            raise ProtocolError(Problem.TOO_LARGE, "OBJ-010", f"an object of {len(made)} bytes is taken by nobody")
        return made

    def _post(self, request: Request) -> Reply:
        said = CONTENT_FORMAT_COSE_SIGN1 if request.content_format is None else request.content_format
        if FORMATS[form_of(request.payload)] != said:
            raise ProtocolError(Problem.MALFORMED, "OBJ-340", f"not an object of Content-Format {said}")
        statement = self._inbox.judge(request.payload, self._date(request.now))
        inside = read_request(statement)
        platform = statement.purpose is Purpose.PLATFORM
        if not platform and self._closed(inside.path):
            raise ProtocolError(Problem.UNPROTECTED, "OBJ-330", inside.path)
        self._inbox.take(statement)
        carried = Request(
            inside.code,
            inside.path,
            inside.payload,
            inside.content_format,
            None,
            None,
            request.peer,
            request.now,
            author=statement.sender if platform else None,
            grant=together(self._granted(each) for each in statement.credentials) if platform else None,
        )
        return Reply(Code.CHANGED, carried=carried)
