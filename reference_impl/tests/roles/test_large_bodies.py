"""An app and a device that have more to say than fits into a message."""

import pytest
from parties import APP, DEVICE, converse, get, new_app, new_device, put

from picosec.channel.channels import Channel
from picosec.messaging.blocks import Block, exponent_of
from picosec.messaging.blockwise import Blockwise
from picosec.messaging.coap import Code, Message, Option, Type, path_options
from picosec.messaging.held import Limits
from picosec.registry import Problem
from picosec.roles.app import App
from picosec.roles.device import Device
from picosec.roles.events import ChannelFailed, ChannelOpened, Failed, Notification, Response
from picosec.roles.resources import Access, Reply, Request, Resource

PATH = "/log"
LARGE = bytes(range(256)) * 20


class Log:
    """A resource that keeps what it is given, and tells who observes it."""

    def __init__(self) -> None:
        self.content = LARGE
        self.written = 0

    def resource(self) -> Resource:
        handlers = {Code.GET: self._get, Code.PUT: self._put, Code.POST: self._post}
        return Resource(handlers, Access.OPEN, observable=True)

    def _get(self, request: Request) -> Reply:
        return Reply(Code.CONTENT, self.content)

    def _put(self, request: Request) -> Reply:
        self.content = request.payload
        self.written += 1
        return Reply(Code.CHANGED)

    def _post(self, request: Request) -> Reply:
        self.written += 1
        return Reply(Code.CHANGED, request.payload[::-1])


class Meeting:
    """An app, a device with a log, and perhaps a channel between them."""

    def __init__(self, *, protected: bool) -> None:
        self.log = Log()
        self.app: App = new_app()
        self.device: Device = new_device(further={PATH: self.log.resource()})
        self.channel: Channel | None = None
        if protected:
            self.app.open(DEVICE, 0.0)
            converse(self.app, self.device)
            self.app.events()
            self.channel = next(iter(self.app.channels))

    def ask(self, message: Message, size: int | None = None) -> Response | Failed:
        handle = self.app.request(message, DEVICE, 0.0, self.channel, size)
        converse(self.app, self.device)
        (event,) = self.app.events()
        assert event.handle == handle
        assert isinstance(event, Response | Failed)
        return event


@pytest.fixture(params=[False, True], ids=["open", "channel"])
def meeting(request: pytest.FixtureRequest) -> Meeting:
    return Meeting(protected=request.param)


@pytest.mark.parametrize("size", [None, 16, 256, 1024])
def test_a_large_representation_is_read(meeting: Meeting, size: int | None) -> None:
    """The caller asks once, and gets all of it."""
    answer = meeting.ask(get(PATH), size)
    assert isinstance(answer, Response)
    assert (answer.message.code, answer.message.payload) == (Code.CONTENT, LARGE)
    assert answer.message.option(Option.BLOCK2) is None
    assert answer.protected is (meeting.channel is not None)


@pytest.mark.parametrize("size", [None, 16, 256, 1024])
def test_a_large_body_is_written_once(meeting: Meeting, size: int | None) -> None:
    """The device acts once, on the whole."""
    answer = meeting.ask(put(PATH, LARGE[::-1]), size)
    assert isinstance(answer, Response)
    assert answer.message.code == Code.CHANGED
    assert (meeting.log.content, meeting.log.written) == (LARGE[::-1], 1)


def test_a_large_question_has_a_large_answer(meeting: Meeting) -> None:
    """Both bodies in blocks, and one act."""
    message = Message(Type.CON, Code.POST, 0, b"", path_options(PATH), LARGE)
    answer = meeting.ask(message, 64)
    assert isinstance(answer, Response)
    assert answer.message.payload == LARGE[::-1]
    assert meeting.log.written == 1


def test_two_transfers_at_once_keep_their_bodies(meeting: Meeting) -> None:
    """Two parts of an app write to one resource: tags tell the blocks apart."""
    bodies = [bytes((number,)) * 3000 for number in (1, 2)]
    handles = [meeting.app.request(put(PATH, body), DEVICE, 0.0, meeting.channel) for body in bodies]
    converse(meeting.app, meeting.device)
    events = meeting.app.events()
    assert {event.handle for event in events} == set(handles)
    assert all(isinstance(event, Response) and event.message.code == Code.CHANGED for event in events)
    assert meeting.log.content in bodies
    assert meeting.log.written == 2


def test_what_is_too_large_is_refused(meeting: Meeting) -> None:
    """With the first block, and not with the last."""
    answer = meeting.ask(put(PATH, bytes(40000)))
    assert isinstance(answer, Response)
    assert answer.message.code == Code.REQUEST_ENTITY_TOO_LARGE
    assert meeting.log.written == 0


def test_what_is_read_without_end_is_given_up(meeting: Meeting) -> None:
    meeting.log.content = bytes(40000)
    answer = meeting.ask(get(PATH))
    assert isinstance(answer, Failed)
    assert answer.reason is Problem.TOO_LARGE


def test_a_large_notification_is_reported_whole(meeting: Meeting) -> None:
    """A notification holds the first block of what is large; the app sees all of it, once (RFC 7959 section 2.6)."""
    meeting.app.observe(get(PATH), DEVICE, 0.0, meeting.channel)
    converse(meeting.app, meeting.device)
    meeting.log.content = LARGE[::-1]
    meeting.device.changed(PATH, 10.0)
    converse(meeting.app, meeting.device)
    events = meeting.app.events()
    assert all(isinstance(event, Notification) for event in events)
    assert [event.message.payload for event in events if isinstance(event, Notification)] == [LARGE, LARGE[::-1]]


def test_a_block_is_no_change(meeting: Meeting) -> None:
    """Who observes is told when the resource changed, not with each block that says how it will."""
    meeting.app.observe(get(PATH), DEVICE, 0.0, meeting.channel)
    converse(meeting.app, meeting.device)
    meeting.app.events()
    meeting.app.request(put(PATH, b"x" * 100), DEVICE, 10.0, meeting.channel, 16)
    converse(meeting.app, meeting.device)
    notified = [event.message.payload for event in meeting.app.events() if isinstance(event, Notification)]
    assert notified == [b"x" * 100]


def test_an_address_changes_in_the_middle_of_a_transfer() -> None:
    """Over a channel a transfer goes on from another address; the channel is who the client is."""
    meeting = Meeting(protected=True)
    meeting.app.request(put(PATH, LARGE), DEVICE, 0.0, meeting.channel)
    for number in range(20):
        for _peer, datagram in meeting.app.transmit():
            meeting.device.receive(datagram, f"{APP} {number}", 0.0)
        for _peer, datagram in meeting.device.transmit():
            meeting.app.receive(datagram, DEVICE, 0.0)
    assert meeting.log.content == LARGE


@pytest.mark.parametrize("size", [16, 32])
def test_a_handshake_goes_through_small_blocks(size: int) -> None:
    """Certificates make handshake messages larger than any datagram; a device may have room for less than that."""
    app, device = new_app(), new_device()
    device._server._blockwise = Blockwise(Limits(largest=exponent_of(size)))
    app.open(DEVICE, 0.0)
    converse(app, device)
    assert len(app.channels) == len(device.channels) == 1
    assert any(isinstance(event, ChannelOpened) for event in app.events())


def test_a_handshake_whose_blocks_do_not_fit_fails() -> None:
    """Somebody puts another block into message_2."""
    app, device = new_app(), new_device()
    device._server._blockwise = Blockwise(Limits(largest=0))
    app.open(DEVICE, 0.0)
    ((_, message_1),) = app.transmit()
    device.receive(message_1, APP, 0.0)
    ((_, message_2),) = device.transmit()
    app.receive(message_2, DEVICE, 0.0)
    ((_, asked),) = app.transmit()
    request = Message.decode(asked)
    forged = Message(Type.ACK, Code.CHANGED, request.message_id, request.token, (Block(7, False, 0).option(23),), b"x")
    app.receive(forged.encode(), DEVICE, 0.0)
    (event,) = [event for event in app.events() if isinstance(event, ChannelFailed)]
    assert event.reason is Problem.INCONSISTENT
