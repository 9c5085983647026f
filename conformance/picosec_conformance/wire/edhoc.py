"""Scapy layers for EDHOC messages (RFC 9528 section 5): CBOR sequences, one field per item.

A field takes a Python value, which is encoded, or ``Raw`` bytes, which go on the wire as they are:

>>> bytes(Error(code=Raw(b"\\x18\\x01"), info="no")).hex()
'1801626e6f'
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Any, ClassVar

import cbor2
from scapy.fields import Field
from scapy.packet import Packet

from picosec_conformance.wire.cbor import Item, Stop, item, sequence


class Raw(bytes):
    """An encoded item, right or wrong."""


def _encode(value: object) -> bytes:
    return bytes(value) if isinstance(value, Raw) else cbor2.dumps(value)


class ItemField(Field[Any, bytes]):
    """One item of a CBOR sequence; ``None`` leaves it out. Dissected as ``Raw``."""

    islist = 1

    def addfield(self, pkt: Packet | None, s: bytes, val: Any) -> bytes:
        """Append the item."""
        return s if val is None else s + _encode(val)

    def getfield(self, pkt: Packet | None, s: bytes) -> tuple[bytes, Any]:
        """Split the item off; bytes that are none stay behind."""
        try:
            end = item(s).end
        except Stop:
            return s, None
        return s[end:], Raw(s[:end])

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """Show the item in diagnostic notation."""
        items, _ = sequence(_encode(x)) if x is not None else ([], None)
        return ", ".join(one.text for one in items)


class Sequence(Packet):
    """A message: what is behind its items (external authorization data, or nothing) is the payload."""


class Message1(Sequence):
    """METHOD, SUITES_I, G_X, C_I; over CoAP ``true`` comes first."""

    name = "EDHOC message_1"
    fields_desc: ClassVar = [
        ItemField("method", 3),
        ItemField("suites_i", 2),
        ItemField("g_x", b""),
        ItemField("c_i", b""),
    ]


class Message2(Sequence):
    """G_Y and CIPHERTEXT_2 in one byte string."""

    name = "EDHOC message_2"
    fields_desc: ClassVar = [ItemField("g_y_ciphertext_2", b"")]


class Message3(Sequence):
    """CIPHERTEXT_3; over CoAP C_R comes first."""

    name = "EDHOC message_3"
    fields_desc: ClassVar = [ItemField("ciphertext_3", b"")]


class Message4(Sequence):
    """CIPHERTEXT_4."""

    name = "EDHOC message_4"
    fields_desc: ClassVar = [ItemField("ciphertext_4", b"")]


class Error(Sequence):
    """ERR_CODE and ERR_INFO."""

    name = "EDHOC error"
    fields_desc: ClassVar = [ItemField("code", 1), ItemField("info", "")]


class Ead(Sequence):
    """One item of external authorization data: label (negative means critical) and value."""

    name = "EDHOC EAD"
    fields_desc: ClassVar = [ItemField("label", 0), ItemField("value", None)]


def classify(items: Items[Item]) -> type[Sequence] | None:
    """Return the layer whose shape the items have, None if they are no EDHOC message."""
    if not items:
        return None
    first, kinds = items[0], [one.major for one in items]
    if kinds[0] == 2:
        content = first.value if isinstance(first.value, bytes) else b""
        if len(items) > 1 or len(content) < 8:
            return None
        return Message2 if len(content) >= _SHORTEST_MESSAGE_2 else Message3
    if kinds[0] > 1 or not isinstance(first.value, int):
        return None
    if len(items) == 2 and _is_error(first.value, items[1]):
        return Error
    if len(items) >= 4 and kinds[1] in (0, 1, 4) and kinds[2] == 2 and kinds[3] in (0, 1, 2):
        return Message1
    return None


#: G_Y of the shortest curve, then C_R, ID_CRED_R and an 8-byte MAC. message_3 with static DH keys is shorter.
_SHORTEST_MESSAGE_2 = 32 + 2 + 8 + 1


def _is_error(code: int, info: Item) -> bool:
    shapes = {1: info.major == 3, 2: info.major in (0, 1, 4), 3: info.value is True}
    return shapes.get(code, False)
