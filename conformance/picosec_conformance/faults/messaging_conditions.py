"""Faults of entity-tags and conditions: tags that say too little, and checks that let through what they should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging.coap import Code
from picosec.messaging.conditions import Conditions
from picosec.roles import resources
from picosec.roles.resources import Reply, Request, Site
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import answer_as_if


def _replying(changed: Callable[[Request, Reply, Site], Reply]) -> None:
    """Let the site answer something else to a request."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        return changed(request, original(self, request), self)

    Site.answer = answer


def _conditions(**changes: Any) -> None:
    answer_as_if(lambda request: replace(request, conditions=replace(request.conditions, **changes)))


@fault("MSG-2100")
def gives_no_entity_tags() -> None:
    """It compares them when they come, and tells nobody what they are."""
    _replying(lambda request, reply, site: replace(reply, etag=b"") if reply.code == Code.CONTENT else reply)


@fault("MSG-2110")
def makes_entity_tags_from_the_length() -> None:
    """A new length is a new representation; the same length is the same one."""
    resources.entity_tag = lambda content_format, payload: len(payload).to_bytes(4, "big")


@fault("MSG-2110")
def makes_entity_tags_of_a_few_bits() -> None:
    """A byte of a hash: two in three hundred are the same, and nobody tries so many."""
    original = resources.entity_tag
    resources.entity_tag = lambda content_format, payload: original(content_format, payload)[:1]


@fault("MSG-2120")
def sends_again_what_the_client_has() -> None:
    """ETag is elective, so it is left unread."""
    _conditions(known=())


@fault("MSG-2120")
def reads_the_first_entity_tag_alone() -> None:
    """One ETag per request is what everybody sends."""
    Conditions.knows = lambda self, tag: self.known[:1] == (tag,)


@fault("MSG-2120")
def validates_without_an_entity_tag() -> None:
    """The client asked for one or two, and is left to guess which of them it is."""
    _replying(lambda request, reply, site: replace(reply, etag=b"") if reply.code == Code.VALID else reply)


@fault("MSG-2130")
def sends_the_representation_with_a_validation() -> None:
    """It is at hand, and does no harm."""

    def changed(request: Request, reply: Reply, site: Site) -> Reply:
        if reply.code != Code.VALID:
            return reply
        return replace(reply, payload=site.answer(replace(request, conditions=Conditions())).payload)

    _replying(changed)


@fault("MSG-2140")
def takes_any_entity_tag_for_the_present_one() -> None:
    """Whoever asks with an ETag has something, and that will do."""
    Conditions.knows = lambda self, tag: bool(self.known)


@fault("MSG-2150")
def ignores_if_match() -> None:
    """A critical option that is understood and not acted on."""
    _conditions(match=())


@fault("MSG-2150")
def changes_first_and_checks_then() -> None:
    """The answer is right, and the change was made."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.requirement == "MSG-2150":
                original(self, replace(request, conditions=Conditions()))
            raise

    Site.answer = answer


@fault("MSG-2150")
def takes_nothing_for_anything() -> None:
    """An empty If-Match holds always: there is a resource, even if there is nothing in it."""
    original = Conditions.check
    Conditions.check = lambda self, tag: original(
        self, resources.UNTAGGED if tag is None and b"" in self.match else tag
    )


@fault("MSG-2160")
def reads_the_first_if_match_alone() -> None:
    """One value per request is what everybody sends."""
    answer_as_if(
        lambda request: replace(request, conditions=replace(request.conditions, match=request.conditions.match[:1]))
    )


@fault("MSG-2160")
def takes_the_empty_if_match_for_an_entity_tag() -> None:
    """No representation has an empty tag, so the condition never holds."""
    original = Conditions.check

    def check(self: Conditions, tag: bytes | None) -> None:
        original(replace(self, match=tuple(each or b"no such tag" for each in self.match)), tag)

    Conditions.check = check


@fault("MSG-2170")
def ignores_if_none_match() -> None:
    """A critical option that is understood and not acted on."""
    _conditions(absent=False)


@fault("MSG-2170")
def overwrites_first_and_checks_then() -> None:
    """The answer is right, and the change was made."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.requirement == "MSG-2170":
                original(self, replace(request, conditions=Conditions()))
            raise

    Site.answer = answer


@fault("MSG-2180")
def creates_nothing_on_condition() -> None:
    """The resource is there, so something is there."""
    original = Conditions.check
    Conditions.check = lambda self, tag: original(self, resources.UNTAGGED if tag is None and self.absent else tag)
