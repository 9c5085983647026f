"""What can be done to one datagram on its way: cut, flip, and put together from the fields of two.

The fields are those of CoAP and, inside, of OSCORE and EDHOC; values keep the form that they have on the wire.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel.edhoc_coap import split_prefix
from picosec.channel.edhoc_messages import KEY_LENGTH, bstr
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps, loads_sequence
from picosec.messaging.coap import Message, Option
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC

#: The shortest tag of the channel's algorithms; a longer one is taken apart within.
_TAG = 8
_MESSAGE_1 = ("method", "suites", "g_x", "c_i")

#: Fields that are also exchanged together: what belongs to one encryption, and what the message layer matches.
TOGETHER = {"protected": ("ciphertext", "tag"), "ids": ("message_id", "token")}

Fields = dict[str, Any]


def flipped(data: bytes, bit: int) -> bytes:
    """Return ``data`` with one bit inverted, counted from the most significant of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def truncated(data: bytes, length: int) -> bytes:
    """Return the first ``length`` bytes."""
    return data[:length]


def renumbered(data: bytes, message_id: int, token: bytes) -> bytes:
    """Return a message under another message id and token, so that the message layer takes it for a new one.

    Raises ``ProtocolError`` for bytes that are no CoAP message.
    """
    message = Message.decode(data)
    return replace(message, message_id=message_id, token=token if message.code else b"").encode()


def spliced(data: bytes, donor: bytes, field: str) -> bytes:
    """Return ``data`` with one field of ``donor``, or those of ``TOGETHER``.

    Raises ``KeyError`` where one of the datagrams lacks it, ``ValueError`` where the two do not fit together.
    """
    fields, others = dissect(data), dissect(donor)
    for name in TOGETHER.get(field, (field,)):
        if name not in fields:
            raise KeyError(name)
        fields[name] = others[name]
    return assemble(fields)


def common_fields(data: bytes, donor: bytes) -> list[str]:
    """Return the fields that both datagrams have, and in which they differ."""
    fields, others = dissect(data), dissect(donor)
    differing = [name for name, value in fields.items() if name in others and others[name] != value]
    return differing + [name for name, parts in TOGETHER.items() if set(parts) <= set(differing)]


def dissect(data: bytes) -> Fields:
    """Return the fields of a datagram by name, in the order of the wire; empty for what is no CoAP message."""
    try:
        message = Message.decode(data)
    except ProtocolError:
        return {}
    fields: Fields = {"type": message.type, "code": message.code, "message_id": message.message_id}
    if message.is_empty:
        return fields
    fields["token"] = message.token
    fields["options"] = tuple(entry for entry in message.options if entry[0] != Option.OSCORE)
    oscore = message.option(Option.OSCORE)
    if oscore is not None:
        fields |= _oscore_fields(oscore)
        return {**fields, "ciphertext": message.payload[:-_TAG], "tag": message.payload[-_TAG:]}
    if message.content_format == CONTENT_FORMAT_CID_EDHOC:
        return {**fields, **_handshake_fields(message.payload)}
    if message.content_format == CONTENT_FORMAT_EDHOC:
        return {**fields, **_message_2_fields(message.payload)}
    return {**fields, "payload": message.payload}


def assemble(fields: Fields) -> bytes:
    """Return the datagram that has these fields."""
    options = tuple(fields.get("options", ()))
    if "oscore" in fields:
        options += ((int(Option.OSCORE), fields["oscore"]),)
    elif "kid" in fields:
        option = OscoreOption(fields["partial_iv"], fields["kid"], fields["kid_context"])
        options += ((int(Option.OSCORE), option.encode()),)
    payload = b"".join(fields[name] for name in ("ciphertext", "tag", "payload", "prefix") if name in fields)
    payload += b"".join(fields[name] for name in (*_MESSAGE_1, "ead_1", "message") if name in fields)
    if "g_y" in fields:
        payload += bstr(fields["g_y"] + fields["ciphertext_2"])
    head = fields["type"], fields["code"], fields["message_id"]
    return Message(*head, fields.get("token", b""), options, payload).encode()


def _oscore_fields(value: bytes) -> Fields:
    """Take the option apart, or leave it whole where nothing in it can be exchanged."""
    try:
        option = OscoreOption.decode(value)
    except ProtocolError:
        return {"oscore": value}
    if not value or option.encode() != value:
        return {"oscore": value}
    return {"partial_iv": option.partial_iv, "kid": option.kid, "kid_context": option.kid_context}


def _handshake_fields(payload: bytes) -> Fields:
    try:
        identifier, message = split_prefix(payload)
        prefix = payload[: len(payload) - len(message)]
        if identifier is None:
            items = [dumps(item) for item in loads_sequence(message)]
            if len(items) >= len(_MESSAGE_1):
                fields = dict(zip(_MESSAGE_1, items, strict=False))
                return {"prefix": prefix, **fields, "ead_1": b"".join(items[len(_MESSAGE_1) :])}
    except ProtocolError:
        return {"payload": payload}
    return {"prefix": prefix, "message": message}


def _message_2_fields(payload: bytes) -> Fields:
    try:
        items = loads_sequence(payload)
    except ProtocolError:
        items = []
    if len(items) == 1 and isinstance(items[0], bytes) and len(items[0]) > KEY_LENGTH:
        return {"g_y": items[0][:KEY_LENGTH], "ciphertext_2": items[0][KEY_LENGTH:]}
    return {"message": payload}
