"""Faults in the form of what is made: objects that others refuse, or that give their key away."""

from __future__ import annotations

from typing import Any

from picosec.crypto.curves import Entropy
from picosec.messaging import cbor
from picosec.objects.headers import Headers, Label, headers
from picosec.objects.keys import GroupKey
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement
from picosec.roles import objects
from picosec_conformance.faults import fault


@fault("OBJ-360")
def takes_a_fixed_nonce_for_groups() -> None:
    """The nonce of a group object is all zeros, as if its key served once: what was seen twice can be forged."""
    original = objects.group_object

    def fixed(signed: bytes, group: GroupKey, entropy: Entropy) -> bytes:
        return original(signed, group, bytes)

    objects.group_object = fixed


@fault("OBJ-370")
def leaves_the_key_identifier_unprotected() -> None:
    """The key identifier stands in the unprotected header, as the libraries' examples have it: anybody changes it."""
    original = Statement._headers

    def unprotected(self: Statement, key: Any) -> Headers:
        entries = dict(original(self, key).entries)
        return headers(entries, {int(Label.KID): entries.pop(int(Label.KID))})

    Statement._headers = unprotected


@fault("OBJ-370")
def writes_the_claims_in_the_order_of_the_code() -> None:
    """Maps come out as they were filled: valid CBOR, another encoding, and refused by who compares bytes."""
    original = Signed.encode

    def unordered(self: Signed) -> bytes:
        head = self.headers
        reversed_entries = b"".join(
            cbor.dumps(label) + cbor.dumps(value) for label, value in reversed(head.entries.items())
        )
        protected = bytes((0xA0 | len(head.entries),)) + reversed_entries
        return original(Signed(Headers(protected, head.entries, head.unprotected), self.payload, self.signature))

    Signed.encode = unordered
