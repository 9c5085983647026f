"""What nobody would send but an attacker: bytes that promise too much, bytes twice, and bytes from elsewhere."""

from __future__ import annotations

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code
from picosec.registry import RESPONSE_CODE, Problem
from picosec_conformance.blockwise import Upload, parts_of
from picosec_conformance.control import Control
from picosec_conformance.courier import OFF, ON, PATH, Courier, asking
from picosec_conformance.objects import Key, tagged
from picosec_conformance.reach import Reach
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs(CONTROL)

PROMISES = {
    "array-of-2^64": b"\xd2\x9b" + b"\xff" * 8,
    "array-of-2^32": b"\xd2\x9a" + b"\xff" * 4,
    "string-of-2^64": b"\xd2\x84\x5b" + b"\xff" * 8,
    "string-of-2^63": b"\xd2\x84\x5b\x7f" + b"\xff" * 7,
    "string-of-2^31": b"\xd2\x84\x5a\x7f\xff\xff\xff",
    "map-of-2^64": b"\xd2\x84\x40\xbb" + b"\xff" * 8,
    "map-of-2^32": b"\xd2\x84\x40\xba" + b"\xff" * 4,
    "recipients-of-2^64": b"\xd8\x60\x84\x40\xa0\x40\x9b" + b"\xff" * 8,
    "tag-alone": b"\xd2",
    "tag-of-2^64": b"\xdb" + b"\xff" * 8,
    "break": b"\xd2\xff",
    "reserved": b"\xd2\x1c",
}


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("what", PROMISES)
def test_length_that_is_not_there_is_refused(courier: Courier, what: str) -> None:
    """Ten bytes announce more than there is memory in the world; whoever allocates first has lost."""
    data = PROMISES[what]

    courier.refuses(data, Problem.MALFORMED, 96 if data[:1] == b"\xd8" else 18)


@pytest.mark.requirement("OBJ-020")
@pytest.mark.parametrize("head", [b"\x81", b"\xa1\x00", b"\xd2"], ids=["arrays", "maps", "tags"])
@pytest.mark.parametrize("where", ["outside", "unprotected", "recipients", "protected", "claims"])
def test_depth_brings_nothing_down(courier: Courier, head: bytes, where: str) -> None:
    """A thousand brackets: a parser that calls itself for each of them runs out of stack."""
    deep = head * 400 + b"\x00"
    signed = courier.signed()
    if where in ("protected", "claims"):
        whole = dumps(signed.header)
        old = {"protected": dumps(signed.header[4]), "claims": dumps(signed.claims)}[where]
        signed.protected = whole.replace(old, deep, 1)
        data = signed.close()
    elif where == "recipients":
        parts = courier.sealed().parts(signed.close())
        data = tagged(96, *parts[:3], []).removesuffix(b"\x80") + deep
    else:
        data = b"\xd2" + deep if where == "outside" else signed.close().replace(b"\xa0", deep, 1)

    with courier.target.expect_unchanged():
        assert courier.hand(data).code in (Code.BAD_REQUEST, Code.REQUEST_ENTITY_TOO_LARGE)


@pytest.mark.requirement("OBJ-310", "OBJ-260")
@pytest.mark.needs("messaging.datagram")
def test_copy_of_the_message_is_no_second_object(courier: Courier) -> None:
    """The acknowledgement was lost, so the hop says it again: it hears what it would have heard, and no replay."""
    target = courier.target
    request = target.build(Code.POST, PATH, courier.signed().close(), content_format=18)
    first = target.exchange(request)

    again = target.exchange(request)

    assert first.code == again.code == Code.CHANGED
    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-260")
@pytest.mark.needs("messaging.block.server")
def test_object_that_comes_in_blocks_twice_is_taken_once(courier: Courier) -> None:
    """Two uploads of the same object, begun one after the other and ended in any order."""
    data = courier.signed(asking(Code.PUT, courier.target.manifest.resources.large, bytes(400))).close()
    courier.hand(data)

    upload = Upload(courier.target, courier.target.exchange, PATH, code=Code.POST, content_format=18)
    reply = upload.whole(data, 64)

    courier.target.expect_refusal(reply, RESPONSE_CODE[Problem.REPLAYED], Problem.REPLAYED)


@pytest.mark.requirement("OBJ-130", "OBJ-270")
@pytest.mark.needs("messaging.block.server")
def test_object_of_two_halves_is_refused(courier: Courier) -> None:
    """The first blocks of one good object and the last ones of another."""
    first, second = (
        courier.signed(asking(Code.PUT, courier.target.manifest.resources.large, bytes((fill,)) * 400)).close()
        for fill in (1, 2)
    )
    upload = Upload(courier.target, courier.target.exchange, PATH, code=Code.POST, content_format=18)
    mixed = first[:256] + second[256:]
    with courier.target.expect_unchanged():
        for block, payload in parts_of(mixed, 64):
            reply = upload.part(block, payload)
        courier.target.expect_refusal(
            reply, RESPONSE_CODE[Problem.AUTHENTICATION_FAILED], Problem.AUTHENTICATION_FAILED
        )
    courier.takes(first)
    courier.takes(second)


@pytest.mark.requirement("OBJ-310", "OBJ-260")
def test_object_comes_over_every_link(courier: Courier, reach: Reach) -> None:
    """Handed over here, and again there: hops meet nowhere but at the target."""
    for name in reach.names:
        courier.target = reach.link(name)
        data = courier.signed().close()
        courier.takes(data)
        for other in reach.names:
            elsewhere = reach.link(other)
            reply = elsewhere.exchange(elsewhere.build(Code.POST, PATH, data, content_format=18))
            elsewhere.expect_refusal(reply, RESPONSE_CODE[Problem.REPLAYED], Problem.REPLAYED)
    assert courier.switched() == len(reach.names)


@pytest.mark.requirement("OBJ-010", "OBJ-310")
def test_large_object_comes_in_one_message(connection: Target, control: Control, courier: Courier) -> None:
    """A connection carries it whole, if the target has said that it takes so much."""
    path = connection.manifest.resources.large
    for size, expected in ((600, Code.CHANGED), (900, Code.CHANGED)):
        data = courier.signed(asking(Code.PUT, path, bytes(size))).close()
        reply = connection.exchange(connection.build(Code.POST, PATH, data, content_format=18))
        assert reply.code == expected


@pytest.mark.requirement("OBJ-190", "OBJ-200")
def test_one_name_may_stand_in_every_list(courier: Courier) -> None:
    """Whom one believes, what one reads with and where one is a member are three lists; a name in one says nothing."""
    sender = Key(courier.reader.kid, Curve.ED25519, courier.rng.randbytes(32))
    courier.control.provision_objects(senders=[sender.sender()])

    signed = courier.signed(sender=sender).close()

    courier.takes(courier.sealed().close(signed))
    assert courier.switched() == 1


@pytest.mark.requirement("OBJ-130", "OBJ-190")
def test_new_key_takes_the_place_of_the_old_one(courier: Courier) -> None:
    """A sender got a new key under its old name; what the old one signs is a stranger's."""
    old, new = courier.sender, courier.key(courier.sender.kid, Curve.P256)
    courier.control.provision_objects(senders=[new.sender()])

    courier.refuses(courier.signed(courier.switch(OFF), sender=old).close(), Problem.AUTHENTICATION_FAILED)
    courier.takes(courier.signed(courier.switch(ON), sender=new).close())


@pytest.mark.requirement("OBJ-270")
def test_many_refusals_leave_room(courier: Courier) -> None:
    """A hundred strangers: what they leave behind would fill a small device in an afternoon."""
    stranger = courier.key(b"\x98", Curve.ED25519)
    objects = [courier.signed(sender=stranger, recipient=bytes((each, 1))).close() for each in range(100)]
    with courier.target.expect_unchanged():
        for data in objects:
            assert courier.hand(data).code == RESPONSE_CODE[Problem.UNKNOWN_CREDENTIAL]

    courier.takes(courier.signed().close())


@pytest.mark.requirement("OBJ-020")
def test_object_that_ends_too_early_is_refused(courier: Courier) -> None:
    """Cut at every byte: a length that is believed reads behind the end."""
    data = courier.signed().close()
    with courier.target.expect_unchanged():
        for length in range(len(data)):
            courier.target.expect_refusal(courier.hand(data[:length], 18), Code.BAD_REQUEST, Problem.MALFORMED)


@pytest.mark.requirement("MSG-060", "OBJ-020")
@pytest.mark.needs("objects.recipient")
def test_indefinite_length_is_refused(courier: Courier) -> None:
    """An array whose end is marked, as streaming encoders write it."""
    data = courier.signed().close()

    courier.refuses(b"\xd2\x9f" + data[2:] + b"\xff", Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("MSG-060", "OBJ-020")
@pytest.mark.needs("objects.recipient")
@pytest.mark.parametrize("where", ["tag", "protected", "agreement", "inside"])
def test_longer_encoding_of_an_envelope_is_refused(courier: Courier, where: str) -> None:
    """A second way to write the same, at any depth, with everything authenticated."""
    sealed, contents = courier.sealed(), courier.signed().close()
    if where == "protected":
        sealed.protected = dumps(sealed.header).replace(b"\xa3\x01\x01", b"\xa3\x01\x18\x01")
    elif where == "agreement":
        sealed.agreement = b"\xa1\x01\x39\x00\x18"
    elif where == "inside":
        contents = contents.replace(b"\xd2\x84", b"\xd2\x98\x04", 1)
    data = sealed.close(contents)
    if where == "tag":
        data = b"\xd9\x00\x60" + data[2:]

    courier.refuses(data, Problem.NOT_DETERMINISTIC, 96)
