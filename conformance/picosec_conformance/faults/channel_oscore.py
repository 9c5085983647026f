"""Faults of OSCORE: keys, the option, and what a protected message shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from picosec.channel import oscore, oscore_context
from picosec.channel.oscore_context import Direction
from picosec.channel.oscore_option import OscoreOption
from picosec.messaging.coap import Code, Message, Option
from picosec.roles import keyring
from picosec_conformance.faults import fault


@fault("CHN-600")
def forgets_the_master_salt() -> None:
    """The salt is optional and the first peer had none: keys agree with that peer and with no other."""
    original = oscore_context.derive_keys

    def unsalted(master_secret: bytes, master_salt: bytes, *rest: Any) -> Any:
        return original(master_secret, b"", *rest)

    oscore_context.derive_keys = unsalted


@fault("CHN-600")
def takes_an_empty_id_context_for_none() -> None:
    """ "if id_context:" is false for an empty one, and nil goes into the derivation."""
    original = oscore_context.derive_keys

    def falsy(secret: bytes, salt: bytes, sender: bytes, recipient: bytes, id_context: bytes | None, aead: Any) -> Any:
        return original(secret, salt, sender, recipient, id_context or None, aead)

    oscore_context.derive_keys = falsy


@fault("CHN-610")
def accepts_any_identifiers() -> None:
    """Identifiers come from an operator who "knows what he does": equal ones, and the directions share a key."""

    def unchecked(*identifiers: Any) -> None:
        """Check nothing."""

    oscore_context.check_identifiers = unchecked
    keyring.check_identifiers = unchecked
    original = Direction.__init__

    def cut(self: Direction, identifier: bytes, key: bytes, common_iv: bytes, aead: Any) -> None:
        original(self, identifier[: aead.nonce_length - 6], key, common_iv, aead)

    Direction.__init__ = cut


@fault("CHN-1090")
def names_what_no_option_can_carry() -> None:
    """The length of an ID Context is one byte, so 255 are fine: the option that holds it is too long to be read."""
    oscore_context.MAX_ID_CONTEXT = 255


@fault("CHN-620")
def pads_the_partial_iv() -> None:
    """A struct with a fixed field of two bytes is copied into the option as it is."""

    def padded(number: int) -> bytes:
        return number.to_bytes(max(2, (number.bit_length() + 7) // 8), "big")

    oscore.encode_partial_iv = padded


@fault("CHN-620")
def leaves_an_empty_kid_out() -> None:
    """ "if kid:" is false for an empty one, and its flag is not set."""
    original = OscoreOption.encode

    def encode(self: OscoreOption) -> bytes:
        return original(replace(self, kid=self.kid or None))

    OscoreOption.encode = encode


@fault("CHN-630")
def skips_reserved_bits() -> None:
    """A parser for today that masks off tomorrow: what a later version marks as different is read as the same."""
    original = OscoreOption.decode

    def lenient(cls: type[OscoreOption], value: bytes) -> OscoreOption:
        return original(bytes((value[0] & 0x1F,)) + value[1:] if value else value)

    OscoreOption.decode = classmethod(lenient)


@fault("CHN-630")
def reads_behind_the_option() -> None:
    """A slice that ends early is no error in many languages: five bytes of Partial IV become one."""

    def lenient(cls: type[OscoreOption], value: bytes) -> OscoreOption:
        flags = value[0] if value else 0
        end = 1 + (flags & 7)
        partial_iv, rest = value[1:end], value[end:]
        context = None
        if flags & 0x10:
            context, rest = rest[1 : 1 + (rest[0] if rest else 0)], rest[1 + (rest[0] if rest else 0) :]
        return cls(partial_iv, rest if flags & 8 else None, context)

    OscoreOption.decode = classmethod(lenient)


@fault("CHN-640")
def accepts_padded_numbers() -> None:
    """Number 7 and number 07 are the same number, says the parser."""

    def lenient(cls: type[OscoreOption], value: bytes) -> OscoreOption:
        length = value[0] & 7 if value else 0
        if length > 1 and value[1:2] == b"\0":
            return cls(value[1 : 1 + length], value[1 + length :])
        return original(value)

    original = OscoreOption.decode
    OscoreOption.decode = classmethod(lenient)


@fault("CHN-650")
def leaves_the_size_out_of_the_nonce() -> None:
    """The first byte of the nonce is an easy one to miss: identifiers 01 and 0001 then give the same nonces."""
    original = Direction.__init__

    def without_size(self: Direction, identifier: bytes, key: bytes, common_iv: bytes, aead: Any) -> None:
        original(self, identifier, key, common_iv, aead)
        self.iv ^= len(identifier) << 8 * (aead.nonce_length - 1)

    Direction.__init__ = without_size


@fault("CHN-660")
def binds_nothing() -> None:
    """The additional data are left empty: everything decrypts, between two devices with the same fault."""
    Direction.aad = lambda self, partial_iv: b""


@fault("CHN-660")
def binds_the_wrong_version() -> None:
    """The version of a draft, which was 0 for years, was left in place."""
    original = Direction.aad

    def old(self: Direction, partial_iv: bytes) -> bytes:
        return original(self, partial_iv).replace(b"\x85\x01\x81", b"\x85\x00\x81", 1)

    Direction.aad = old


@fault("CHN-670")
def shows_the_path() -> None:
    """The path is copied outside, because the router needs it to find the handler."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        path = tuple(entry for entry in message.options if entry[0] == Option.URI_PATH)
        return original(message, code, (*outer, *path), option, ciphertext)

    oscore._wrapped = wrapped


@fault("CHN-670")
def shows_the_method() -> None:
    """The code of the original message stays in the header."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        sent = original(message, code, outer, option, ciphertext)
        return replace(sent, code=message.code) if code == Code.POST else sent

    oscore._wrapped = wrapped


@fault("CHN-680")
def shows_the_response_code() -> None:
    """2.05 outside for a value, 4.04 for what is not there: a map of the house for whoever listens."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        sent = original(message, code, outer, option, ciphertext)
        return replace(sent, code=message.code) if code == Code.CHANGED else sent

    oscore._wrapped = wrapped


@fault("CHN-680")
def shows_the_content_format() -> None:
    """Options of the response are left where they were, next to the ciphertext."""
    original = oscore._wrapped

    def wrapped(message: Message, code: Code, outer: Any, option: bytes, ciphertext: bytes) -> Message:
        shown = message.options if code == Code.CHANGED else ()
        return original(message, code, (*outer, *shown), option, ciphertext)

    oscore._wrapped = wrapped
