"""Faults of whoever holds requests against what was granted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel.channels import Channel
from picosec.channel.store import ChannelStore
from picosec.errors import ProtocolError
from picosec.identity.scope import Scope
from picosec.registry import Problem
from picosec.roles.agent import Agent
from picosec.roles.channel_table import ChannelTable
from picosec.roles.resources import Access, Handler, Request, Resource, Site
from picosec_conformance.faults import fault


def _granting(grants: Any) -> None:
    Agent._grants = grants


@fault("IDN-1600")
def grants_everything_to_whoever_was_let_in() -> None:
    """A channel is a channel."""
    _granting(lambda self, channel: None)


@fault("IDN-1600")
def grants_what_lies_below() -> None:
    """Who may see the room may see the lamp in it, and whatever is called nearly so."""
    Scope.allows = lambda self, path, code: any(
        (path.startswith(each) or each.startswith(path)) and bits & 1 << code - 1 for each, bits in self.methods.items()
    )


@fault("IDN-1600")
def grants_paths_without_case() -> None:
    """Nobody gives two resources names that differ in that."""
    original = Scope.allows
    Scope.allows = lambda self, path, code: original(
        Scope({each.lower(): bits for each, bits in self.methods.items()}), path.lower(), code
    )


@fault("IDN-1600")
def overlooks_a_slash_at_the_end() -> None:
    """It is the same resource to any web server."""
    original = Scope.allows
    Scope.allows = lambda self, path, code: original(
        Scope({each.rstrip("/"): bits for each, bits in self.methods.items()}), path, code
    )


@fault("IDN-1600")
def lets_who_may_write_read() -> None:
    """Whoever sets it knows what it is."""
    original = Scope.allows
    Scope.allows = lambda self, path, code: original(self, path, code) or (code == 1 and path in self.methods)


def _naming(name: Any) -> None:
    """Look a request up in its grant under another name than its path."""
    Request.granted = property(lambda self: self.grant is None or self.grant.allows(name(self), self.code))


@fault("IDN-1940")
def compares_paths_with_their_queries() -> None:
    """The name of a resource is all that stands behind the host."""
    _naming(lambda asked: asked.path + ("?" + "&".join(asked.queries) if asked.queries else ""))


@fault("IDN-1940")
def grants_whatever_has_a_query() -> None:
    """Queries are for searching, and searching changes nothing."""
    original = Request.granted.fget
    Request.granted = property(lambda self: bool(self.queries) or original(self))


@fault("IDN-1600")
def answers_that_there_is_nothing() -> None:
    """What somebody may not use does not concern him."""
    original = Site.admit

    def admit(self: Site, request: Request) -> Handler:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.problem is Problem.FORBIDDEN:
                raise ProtocolError(Problem.NOT_FOUND, "IDN-1600") from error
            raise

    Site.admit = admit


@fault("IDN-1600")
def forgets_grants_with_its_power() -> None:
    """What the peer may do stood beside the channel, and was not stored with it."""
    original, restored = Agent._grants, ChannelTable.restore
    woken: set[bytes] = set()

    def restore(self: ChannelTable, store: ChannelStore) -> None:
        restored(self, store)
        woken.update(channel.id for channel in self)

    ChannelTable.restore = restore
    _granting(lambda self, channel: None if channel.id in woken else original(self, channel))


@fault("IDN-1610")
def acts_and_complains() -> None:
    """The answer is right, and comes too late."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Any:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.problem is Problem.FORBIDDEN:
                original(self, replace(request, grant=None))
            raise

    Site.answer = answer


@fault("IDN-1610")
def does_whatever_an_object_asks() -> None:
    """It is signed, and by somebody who was let in."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Any:
        return original(self, request if request.author is None else replace(request, grant=None))

    Site.answer = answer


@fault("IDN-1620")
def counts_methods_from_zero() -> None:
    """GET is code 1, so it is bit 1."""
    Scope.allows = lambda self, path, code: bool(self.methods.get(path, 0) >> code & 1)


@fault("IDN-1620")
def grants_one_method_at_most() -> None:
    """A method, not a set of them."""
    Scope.allows = lambda self, path, code: self.methods.get(path, 0) == 1 << code - 1


@fault("IDN-1620")
def grants_nothing_without_a_scope() -> None:
    """What is not granted is not granted."""
    original = Agent._grants

    def grants(self: Agent, channel: Channel) -> Scope | None:
        scope = original(self, channel)
        of_a_zone = channel.session is not None and channel.session.peer.ends is not None
        return Scope({}) if scope is None and of_a_zone else scope

    _granting(grants)


@fault("IDN-1620")
def asks_everybody_for_a_scope() -> None:
    """The owner was introduced before there were any."""
    original = Agent._grants
    _granting(lambda self, channel: original(self, channel) or Scope({"/sensors/temperature": 1}))


@fault("IDN-1630")
def closes_what_is_open_to_guests() -> None:
    """A scope is all that there is, and the list of what there is does not stand in it."""
    original = Site.admit

    def admit(self: Site, request: Request) -> Handler:
        handler = original(self, request)
        if not request.granted and self._resources[request.path].access is Access.OPEN:
            raise ProtocolError(Problem.FORBIDDEN, "IDN-1630")
        return handler

    Site.admit = admit


@fault("IDN-1630")
def asks_for_a_grant_to_leave() -> None:
    """Closing a channel is a DELETE, and nobody granted one."""
    original = Site.__init__

    def init(self: Site, resources: dict[str, Resource]) -> None:
        closed = {
            path: replace(each, access=Access.CHANNEL) if each.access is Access.PEER else each
            for path, each in resources.items()
        }
        original(self, closed)

    Site.__init__ = init


@fault("IDN-1640")
def grants_a_key_what_it_had_first() -> None:
    """Who has this key may do that: it was looked up once."""
    original = Agent._grants
    known: dict[bytes, Scope | None] = {}

    def grants(self: Agent, channel: Channel) -> Scope | None:
        if channel.session is None:
            return None
        return known.setdefault(channel.session.peer.key.x, original(self, channel))

    _granting(grants)


@fault("IDN-1640")
def grants_the_channel_before_what_it_has() -> None:
    """One variable for the grant of whoever asks, which is set when a channel opens."""
    original = Agent._grants
    last: list[Scope | None] = []
    opened: set[bytes] = set()

    def grants(self: Agent, channel: Channel) -> Scope | None:
        if channel.id not in opened:
            opened.add(channel.id)
            last.append(original(self, channel))
        return last[-1]

    _granting(grants)
