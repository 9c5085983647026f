"""Faults of recipients of objects: forms that nobody should believe."""

from __future__ import annotations

from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects import inbox
from picosec.objects.inbox import Inbox
from picosec.objects.sealed import Sealed
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement
from picosec.roles import objects
from picosec_conformance.faults import fault


@fault("OBJ-010")
def reads_objects_of_any_size() -> None:
    """Blocks bring whatever fits into memory, and nobody counts what they make up."""
    inbox.MAX_SIZE = 1 << 20


@fault("OBJ-010")
def stops_one_byte_too_early() -> None:
    """The buffer has room for 16,384 bytes, and the comparison is the wrong one."""
    inbox.MAX_SIZE -= 1


@fault("OBJ-010")
def decodes_before_it_measures() -> None:
    """The size is looked at when the object is there: a stranger's garbage is parsed at any length."""
    original = inbox.form_of

    def form_of(data: bytes) -> int:
        tag = original(data[: inbox.MAX_SIZE])
        cbor.loads(data)
        return original(data) or tag

    inbox.form_of = objects.form_of = form_of


@fault("OBJ-020")
def takes_objects_without_their_tag() -> None:
    """COSE allows messages without a tag where the context says what they are; here nothing does."""
    form_of, decode = inbox.form_of, Signed.decode.__func__

    def tagged(data: bytes) -> bytes:
        return b"\xd2" + data if data[:1] == b"\x84" else data

    inbox.form_of = objects.form_of = lambda data: form_of(tagged(data))
    Signed.decode = classmethod(lambda cls, data: decode(cls, tagged(data)))


@fault("OBJ-020")
def looks_for_the_tag_that_it_knows() -> None:
    """A tag around the tag is skipped, because CWTs come like that."""
    form_of, decode = inbox.form_of, Signed.decode.__func__

    def bare(data: bytes) -> bytes:
        return data.removeprefix(b"\xd8\x3d")

    inbox.form_of = objects.form_of = lambda data: form_of(bare(data))
    Signed.decode = classmethod(lambda cls, data: decode(cls, bare(data)))


@fault("OBJ-020")
def reads_the_first_item_only() -> None:
    """What follows the object is left in the buffer, as decoders of streams do."""
    decode = Signed.decode.__func__

    def first(cls: Any, data: bytes) -> Any:
        try:
            return decode(cls, data)
        except ProtocolError as error:
            if error.requirement != "MSG-040":
                raise
            return decode(cls, data[: cbor._item(data, 0, 0)[1]])

    Signed.decode = classmethod(first)


@fault("OBJ-020")
def takes_a_missing_payload_for_an_empty_one() -> None:
    """Nil is no payload, and no payload is an empty one: what was detached is never missed."""
    decode = Signed.decode.__func__

    def lenient(cls: Any, data: bytes) -> Any:
        parts = getattr(cbor.loads(data), "value", None)
        if isinstance(parts, list) and len(parts) == 4 and parts[2] is None:
            data = cbor.dumps(cbor2.CBORTag(18, [*parts[:2], b"", parts[3]]))
        return decode(cls, data)

    Signed.decode = classmethod(lenient)


@fault("OBJ-020")
def reads_signatures_as_its_library_writes_them() -> None:
    """The library speaks ASN.1, and so everything that it can read is a signature."""
    decode = Signed.decode.__func__

    def lenient(cls: Any, data: bytes) -> Any:
        parts = getattr(cbor.loads(data), "value", None)
        if isinstance(parts, list) and len(parts) == 4 and isinstance(parts[3], bytes) and parts[3][:1] == b"\x30":
            numbers = decode_dss_signature(parts[3])
            raw = b"".join(number.to_bytes(32, "big") for number in numbers)
            data = cbor.dumps(cbor2.CBORTag(18, [*parts[:3], raw]))
        return decode(cls, data)

    Signed.decode = classmethod(lenient)


@fault("OBJ-020")
def believes_the_group_without_a_signature() -> None:
    """Whoever has the group's key is a member, and members are friends; one stolen lamp commands all."""
    original = Inbox._verified

    def verified(self: Inbox, data: bytes) -> Statement:
        if data[:1] == b"\xd0":
            purpose, contents = self._unsealed0(data)
            if contents[:1] != b"\xd2":
                (sender, *_) = (key for key in self.senders if key.purpose is purpose)
                (group, *_) = self.groups
                return Statement(sender.kid, group.kid, purpose, 1 << 40, 0, 60, contents, 1 << 40)
        return original(self, data)

    Inbox._verified = verified


@fault("OBJ-030")
def reads_the_first_of_many_recipients() -> None:
    """The list is there, and its first entry will do."""
    decode = Sealed.decode.__func__

    def only(cls: Any, data: bytes) -> Any:
        item = cbor.loads(data)
        parts = item.value if isinstance(item, cbor2.CBORTag) else None
        if isinstance(parts, list) and len(parts) == 4 and isinstance(parts[3], list) and len(parts[3]) > 1:
            first = [each for each in parts[3] if isinstance(each, list)]
            data = cbor.dumps(cbor2.CBORTag(96, [*parts[:3], first[:1]]))
        return decode(cls, data)

    Sealed.decode = classmethod(only)


@fault("OBJ-030")
def does_not_look_at_wrapped_keys() -> None:
    """A field that is always empty need not be read."""
    decode = Sealed.decode.__func__

    def unread(cls: Any, data: bytes) -> Any:
        item = cbor.loads(data)
        parts = item.value if isinstance(item, cbor2.CBORTag) else [None]
        one = parts[-1]
        if isinstance(one, list) and len(one) == 1 and isinstance(one[0], list) and len(one[0]) == 3:
            data = cbor.dumps(cbor2.CBORTag(96, [*parts[:3], [[*one[0][:2], b""]]]))
        return decode(cls, data)

    Sealed.decode = classmethod(unread)


@fault("OBJ-030")
def dies_without_a_recipient() -> None:
    """There is always one, says the author, and takes the first of none."""
    decode = Sealed.decode.__func__

    def trusting(cls: Any, data: bytes) -> Any:
        recipients = cbor.loads(data).value[3]
        if isinstance(recipients, list):
            _ = recipients[0]
        return decode(cls, data)

    Sealed.decode = classmethod(trusting)
