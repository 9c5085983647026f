"""Requests in objects: what they do, what they may do, and that nobody is told what came of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, RESPONSE_CODE, Problem
from picosec_conformance.channel import Channel
from picosec_conformance.courier import FORMS, LARGEST, OFF, ON, PATH, Courier, asking
from picosec_conformance.objects import CONTENT_TYPE
from picosec_conformance.observing import Observer, ProtectedObserver, only
from picosec_conformance.settings import CONTROL

pytestmark = pytest.mark.needs(CONTROL)

NO_REQUESTS: dict[str, bytes] = {
    "nothing": b"",
    "nil": b"\xf6",
    "map": dumps({}),
    "text": dumps("PUT /actuators/lamp"),
    "no-members": b"\x80",
    "three": dumps([3, "/actuators/lamp", 60]),
    "five": dumps([3, "/actuators/lamp", 60, ON, None]),
    "two-items": dumps([3, "/actuators/lamp", 60, ON]) * 2,
    "cut": dumps([3, "/actuators/lamp", 60, ON])[:-1],
    "code-0": dumps([0, "/actuators/lamp", 60, ON]),
    "code-32": dumps([32, "/actuators/lamp", 60, ON]),
    "response": dumps([69, "/actuators/lamp", 60, ON]),
    "negative-code": dumps([-3, "/actuators/lamp", 60, ON]),
    "code-as-text": dumps(["PUT", "/actuators/lamp", 60, ON]),
    "code-as-float": dumps([3.0, "/actuators/lamp", 60, ON]),
    "code-as-true": dumps([True, "/actuators/lamp", None, b""]),
    "path-as-bytes": dumps([3, b"/actuators/lamp", 60, ON]),
    "path-as-list": dumps([3, ["actuators", "lamp"], 60, ON]),
    "no-path": dumps([3, None, 60, ON]),
    "format-65536": dumps([3, "/actuators/lamp", 65536, ON]),
    "negative-format": dumps([3, "/actuators/lamp", -1, ON]),
    "format-as-text": dumps([3, "/actuators/lamp", "application/cbor", ON]),
    "format-as-false": dumps([3, "/actuators/lamp", False, ON]),
    "payload-as-text": dumps([3, "/actuators/lamp", 60, "on"]),
    "payload-as-item": dumps([3, "/actuators/lamp", 60, True]),
    "no-payload": dumps([3, "/actuators/lamp", 60, None]),
}


@pytest.mark.requirement("OBJ-350")
@pytest.mark.parametrize("contents", NO_REQUESTS)
def test_contents_that_are_no_request_are_refused(courier: Courier, contents: str) -> None:
    """Everything about the object is good but what it says."""
    courier.refuses(courier.signed(NO_REQUESTS[contents]).close(), Problem.MALFORMED)


@pytest.mark.requirement("MSG-060")
@pytest.mark.parametrize("contents", [b"\x84\x18\x03", b"\x98\x04\x03"], ids=["code", "length"])
def test_contents_in_another_encoding_are_refused(courier: Courier, contents: bytes) -> None:
    """Two devices must not read two requests out of one object: there is one way to write each."""
    good = dumps([3, courier.lamp, 60, ON])
    assert good[:2] == b"\x84\x03"

    courier.refuses(courier.signed(contents + good[2:]).close(), Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("OBJ-350")
@pytest.mark.parametrize("content_format", [0, 42, 50, 112, 18, 65535])
@pytest.mark.parametrize("form", FORMS)
def test_contents_of_another_format_are_refused(courier: Courier, form: str, content_format: int) -> None:
    """A reading that happens to look like a command was never meant as one."""
    signed = courier.signed()
    signed.header[CONTENT_TYPE] = content_format

    courier.refuses(courier.wrapped(signed, form), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-350")
@pytest.mark.parametrize("sender", ["sender", "app"])
def test_contents_of_every_purpose_are_judged(courier: Courier, sender: str) -> None:
    """Applications ask in the same words."""
    courier.refuses(courier.signed(b"\xf6", sender=getattr(courier, sender)).close(), Problem.MALFORMED)


@pytest.mark.requirement("OBJ-320")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("form", FORMS)
def test_request_does_what_it_does_over_a_channel(courier: Courier, channel: Channel, form: str) -> None:
    """The lamp goes on, and goes off; over a channel, everybody can see it."""
    for state in (ON, OFF, ON):
        courier.takes(courier.wrapped(courier.signed(courier.switch(state)), form))
        assert channel.leveled() == state
    assert courier.switched() == 3


@pytest.mark.requirement("OBJ-320")
def test_platform_may_ask_what_is_open(courier: Courier) -> None:
    """Whoever may do more may do less."""
    courier.takes(courier.signed(courier.keep(b"by the platform")).close())

    assert courier.target.request(Code.GET, courier.store).payload == b"by the platform"


@pytest.mark.requirement("OBJ-320")
@pytest.mark.needs("messaging.observe.server", "channel.oscore.server")
@pytest.mark.parametrize("form", FORMS)
def test_observers_are_told_what_an_object_changed(courier: Courier, channel: Channel, form: str) -> None:
    """The app shows the lamp, and an object switches it."""
    observer = ProtectedObserver(courier.target, channel)
    observation = observer.register()

    courier.takes(courier.wrapped(courier.signed(), form))
    told = observer.own(courier.target.until_probe_answered())

    assert observer.open(observation, only(told)).payload == ON


@pytest.mark.requirement("OBJ-320")
@pytest.mark.needs("messaging.observe.server")
def test_observers_in_the_open_are_told_what_an_object_changed(courier: Courier) -> None:
    """The same for what is open to everybody, and by either purpose."""
    courier.takes(courier.signed(courier.keep(b"0")).close())
    observer = Observer(courier.target)
    observer.register()

    for number, sender in enumerate((courier.sender, courier.app), 1):
        courier.takes(courier.signed(courier.keep(b"%d" % number), sender=sender).close())
        told = only(observer.own(courier.target.until_probe_answered()))
        observer.acknowledge(told)
        assert told.payload == b"%d" % number
    observer.deregister()


FAILING: dict[str, tuple[int, str, int | None, bytes]] = {
    "not-found": (Code.PUT, "/nowhere", 60, ON),
    "no-path": (Code.PUT, "", 60, ON),
    "root": (Code.GET, "/", None, b""),
    "long-segment": (Code.PUT, "/" + "x" * 300, 60, ON),
    "many-segments": (Code.PUT, "/x" * 300, 60, ON),
    "not-utf": (Code.PUT, "/\0\u202e", 60, ON),
    "method": (Code.DELETE, "/actuators/lamp", None, b""),
    "unknown-method": (31, "/actuators/lamp", None, b""),
    "format": (Code.PUT, "/actuators/lamp", 0, b"on"),
    "large-format": (Code.PUT, "/actuators/lamp", 65535, ON),
    "contents": (Code.PUT, "/actuators/lamp", 60, dumps("on")),
    "no-cbor": (Code.PUT, "/actuators/lamp", 60, b"\xff"),
    "nothing": (Code.PUT, "/actuators/lamp", 60, b""),
    "edhoc": (Code.POST, "/.well-known/edhoc", 64, b"\xf5\x03\x02"),
    "channel": (Code.DELETE, "/ps/channel", None, b""),
    "keys": (Code.POST, "/ps/channel", 60, b"\xf6"),
    "object": (Code.POST, PATH, 18, b"\xd2"),
    "list": (Code.GET, "/.well-known/core", None, b""),
}


@pytest.mark.requirement("OBJ-310", "OBJ-320")
@pytest.mark.parametrize("what", FAILING)
def test_answer_does_not_say_what_came_of_the_request(courier: Courier, what: str) -> None:
    """The object was taken; that its request fails concerns its sender, who is not here, and takes nothing down."""
    data = courier.signed(asking(FAILING[what][0], FAILING[what][1], FAILING[what][3], FAILING[what][2])).close()

    courier.takes(data)

    courier.control.alive()
    assert courier.switched() == 0
    courier.refuses(data, Problem.REPLAYED)
    courier.takes(courier.signed().close())
    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-310", "OBJ-320")
@pytest.mark.parametrize("payload", [b"", b"\xf5", b"\xff"], ids=bytes.hex)
def test_no_request_takes_the_target_down(courier: Courier, payload: bytes) -> None:
    """Every method of every path that there may be: behind some of them, somebody relies on a channel being there."""
    listed = re.findall(
        r"<([^>]*)>", courier.target.request(Code.GET, "/.well-known/core").payload.decode(errors="replace")
    )
    paths = {*listed, courier.lamp, "/ps/channel", "/.well-known/edhoc", "/.well-known/core", PATH}
    for path in sorted(paths):
        for code in (*range(1, 6), 31):
            contents = asking(code, path, payload, CONTENT_FORMAT_CBOR if payload else None)
            courier.takes(courier.signed(contents).close())
    courier.control.alive()


@pytest.mark.requirement("OBJ-310", "OBJ-320")
def test_answer_does_not_hold_what_was_read(courier: Courier) -> None:
    """Whoever brings the object would learn what only its sender may read."""
    courier.takes(courier.signed(asking(Code.GET, courier.target.manifest.resources.protected_get)).close())


@pytest.mark.requirement("OBJ-320")
def test_object_may_hold_an_object(courier: Courier) -> None:
    """One sender has another one's object handed over."""
    inner = courier.signed(sender=courier.other_sender).close()

    courier.takes(courier.signed(asking(Code.POST, PATH, inner, 18)).close())

    assert courier.switched() == 1
    courier.refuses(inner, Problem.REPLAYED)


@pytest.mark.requirement("OBJ-310")
@pytest.mark.needs("messaging.block.server")
def test_object_in_an_object_in_an_object_harms_nobody(courier: Courier) -> None:
    """As many as fit into the largest one: whoever opens each inside of the one before runs out of room."""
    depth, data = 80, courier.signed(number=1000).close()
    for level in range(1, depth):
        data = courier.signed(asking(Code.POST, PATH, data, 18), number=1000 - level).close()
    assert len(data) <= LARGEST

    courier.takes(data)

    courier.control.alive()
    courier.takes(courier.signed(number=2000).close())


@pytest.mark.requirement("OBJ-330")
@pytest.mark.parametrize("path", ["protected_put", "protected_get"])
@pytest.mark.parametrize("code", [Code.GET, Code.PUT, Code.POST, Code.DELETE])
def test_application_does_not_reach_what_is_closed(courier: Courier, path: str, code: Code) -> None:
    """An application has a key, and so does whoever broke it; neither says anything about the lamp."""
    where: Any = getattr(courier.target.manifest.resources, path)
    payload, content_format = (ON, CONTENT_FORMAT_CBOR) if code in (Code.PUT, Code.POST) else (b"", None)
    contents = asking(code, where, payload, content_format)

    courier.refuses(courier.signed(contents, sender=courier.app).close(), Problem.UNPROTECTED)


@pytest.mark.requirement("OBJ-330")
@pytest.mark.parametrize("form", FORMS)
def test_envelope_opens_no_door_to_an_application(courier: Courier, form: str) -> None:
    """What was encrypted has proven nothing more."""
    signed = courier.signed(courier.switch(), sender=courier.app).close()
    data = {
        "signed": lambda: signed,
        "sealed": lambda: courier.sealed(courier.app_reader).close(signed),
        "group": lambda: courier.grouped(courier.app_group).close(signed),
    }[form]()

    courier.refuses(data, Problem.UNPROTECTED)
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-330")
@pytest.mark.needs("channel.oscore.server")
def test_channel_of_the_carrier_lends_nothing(courier: Courier, channel: Channel) -> None:
    """The carrier may switch the lamp, and carries what an application asks for: the confused deputy."""
    data = courier.signed(courier.switch(), sender=courier.app).close()

    reply = courier.hand(data, ask=channel.ask)

    courier.target.expect_refusal(reply, RESPONSE_CODE[Problem.UNPROTECTED], Problem.UNPROTECTED)
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-330")
def test_object_of_an_application_lends_nothing_to_one_inside(courier: Courier) -> None:
    """An application hands over what the platform signed, and what another application did."""
    outer = asking(Code.POST, PATH, courier.signed().close(), 18)
    courier.takes(courier.signed(outer, sender=courier.app).close())
    assert courier.switched() == 1

    inner = courier.signed(courier.switch(OFF), sender=courier.other_app).close()
    courier.takes(courier.signed(asking(Code.POST, PATH, inner, 18)).close())
    assert courier.switched() == 1


SPELLINGS = pytest.mark.parametrize("spelled", ["/{}", "{}/", "{}?x", "{}#x", ".{}", "/x/..{}", "%2F{}", "\0{}"])


@pytest.mark.requirement("OBJ-330")
@SPELLINGS
def test_other_spelling_opens_no_door_to_an_application(courier: Courier, spelled: str) -> None:
    """A check by text and a site by segments disagree on what a path is."""
    contents = asking(Code.PUT, spelled.format(courier.lamp), ON, CONTENT_FORMAT_CBOR)

    courier.hand(courier.signed(contents, sender=courier.app).close())

    courier.control.alive()
    assert courier.switched() == 0


@pytest.mark.requirement("OBJ-310")
@SPELLINGS
def test_other_spelling_harms_nobody(courier: Courier, spelled: str) -> None:
    """The platform asks for a path that no option of a message could hold."""
    courier.takes(courier.signed(asking(Code.PUT, spelled.format(courier.lamp), ON, CONTENT_FORMAT_CBOR)).close())

    courier.control.alive()


@pytest.mark.requirement("OBJ-330")
@pytest.mark.parametrize("name", ["app", "other_app"])
def test_application_reaches_what_is_open(courier: Courier, name: str) -> None:
    """What everybody may do, it may do by object."""
    courier.takes(courier.signed(courier.keep(b"mine"), sender=getattr(courier, name)).close())

    assert courier.target.request(Code.GET, courier.store).payload == b"mine"
