"""Faults of recipients of objects: from the wrong hand, or without asking what is in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects import inbox
from picosec.objects.request import CarriedRequest, read_request
from picosec.objects.statement import Statement
from picosec.roles import objects
from picosec.roles.device import Device
from picosec.roles.objects import Objects
from picosec.roles.resources import Access, Reply, Request
from picosec.roles.server import Server
from picosec_conformance.faults import fault


@fault("OBJ-310")
def takes_objects_over_channels_only() -> None:
    """Everything else needs a channel, and so does this: what a stranger brings is left lying."""
    original = Objects.resource
    Objects.resource = lambda self: replace(original(self), access=Access.CHANNEL)


@fault("OBJ-310")
def says_more_than_that_it_took_it() -> None:
    """The answer is friendly, and tells the carrier who wrote what to whom."""
    original = Objects._post

    def post(self: Objects, request: Request) -> Reply:
        reply = original(self, request)
        carried = reply.carried
        return replace(reply, payload=b"" if carried is None else carried.path.encode())

    Objects._post = post


@fault("OBJ-310")
def answers_with_what_came_of_the_request() -> None:
    """The carrier learns that the lamp does not exist."""
    post, make = Objects._post, Device.__init__
    sites: list[Device] = []

    def init(self: Device, *rest: Any, **named: Any) -> None:
        make(self, *rest, **named)
        sites[:] = [self]

    def answered(self: Objects, request: Request) -> Reply:
        reply = post(self, request)
        if reply.carried is None:
            return reply
        return replace(sites[0]._site.answer(reply.carried), carried=None)

    Objects._post, Device.__init__ = answered, init


@fault("OBJ-320")
def takes_objects_and_does_nothing() -> None:
    """The queue has a way in."""
    Server._serve_carried = lambda self, request: None


@fault("OBJ-320")
def tells_no_observers_of_objects() -> None:
    """The lamp goes on, and the app shows it dark."""

    def serve(self: Server, request: Request | None) -> None:
        while request is not None:
            try:
                request = self._site.answer(request).carried
            except ProtocolError:
                return

    Server._serve_carried = serve


@fault("OBJ-320")
def serves_objects_as_if_nobody_had_signed() -> None:
    """They came in the open, and so they may do what is open."""
    original = Objects._post

    def post(self: Objects, request: Request) -> Reply:
        reply = original(self, request)
        return replace(reply, carried=reply.carried and replace(reply.carried, author=None))

    Objects._post = post


@fault("OBJ-320")
def dies_of_a_request_that_fails() -> None:
    """Over a channel the error would be answered; here nobody catches it."""

    def serve(self: Server, request: Request | None) -> None:
        if request is not None:
            self._site.answer(request)
            self.observers.changed(request.path, request.now)

    Server._serve_carried = serve


@fault("OBJ-330")
def lets_applications_manage() -> None:
    """A signature is a signature: what an application asks for is done."""
    original = Objects._post

    def post(self: Objects, request: Request) -> Reply:
        self._closed = lambda path: False
        reply = original(self, request)
        return replace(reply, carried=reply.carried and replace(reply.carried, author=b"anybody"))

    Objects._post = post


@fault("OBJ-330")
def takes_from_applications_what_it_will_not_do() -> None:
    """The request comes to nothing later, and its sender believes that it was taken."""
    original = Objects.__init__

    def init(self: Objects, inbox: Any, entropy: Any, date: Any, closed: Any, granted: Any) -> None:
        original(self, inbox, entropy, date, lambda path: False, granted)

    Objects.__init__ = init


@fault("OBJ-330")
def lends_the_channel_of_the_carrier() -> None:
    """The hub may switch the lamp, and so may whatever it carries: the confused deputy."""
    original = Objects._post

    def post(self: Objects, request: Request) -> Reply:
        closed = self._closed
        self._closed = lambda path: request.channel is None and closed(path)
        try:
            reply = original(self, request)
        finally:
            self._closed = closed
        return replace(reply, carried=reply.carried and replace(reply.carried, channel=request.channel))

    Objects._post = post


@fault("OBJ-340")
def does_not_look_at_the_content_format() -> None:
    """The tag says it all; a hop that sorts by Content-Format sorts something else."""
    original = Objects._post

    def post(self: Objects, request: Request) -> Reply:
        return original(self, replace(request, content_format=objects.FORMATS[inbox.form_of(request.payload)]))

    Objects._post = post


@fault("OBJ-350")
def takes_any_contents_for_a_request() -> None:
    """Whatever decodes as one is one, whatever the sender said that it is."""
    objects.read_request = lambda statement: read_request(replace(statement, content_format=60))


@fault("OBJ-350")
def takes_whatever_comes_close_to_a_request() -> None:
    """True is 1 and a fifth member is for later; somebody else reads it differently."""

    def lenient(statement: Statement) -> CarriedRequest:
        match cbor.loads(statement.content) if statement.content_format == 60 else None:
            case [int(code), str(path), content_format, bytes(payload), *_] if 0 < code < 32:
                return CarriedRequest(int(code), path, content_format, payload)
        return read_request(statement)

    objects.read_request = lenient


@fault("OBJ-350")
def takes_any_code_for_a_method() -> None:
    """Codes have eight bits, and so the field has; what is no method is refused later, when its number is gone."""

    def lenient(statement: Statement) -> CarriedRequest:
        match cbor.loads(statement.content) if statement.content_format == 60 else None:
            case [int(code), str(path), content_format, bytes(payload)] if type(code) is int and 0 <= code < 256:
                return CarriedRequest(code, path, content_format, payload)
        return read_request(statement)

    objects.read_request = lenient
