"""Faults of recipients of objects: whose key it is, what it is for, and for whom."""

from __future__ import annotations

from typing import Any

from picosec.objects.inbox import Inbox
from picosec.objects.keys import Keys, Purpose, SenderKey
from picosec.objects.signed import Signed
from picosec.objects.statement import read_statement
from picosec_conformance.faults import fault


@fault("OBJ-190")
def takes_the_beginning_of_a_name() -> None:
    """Identifiers are compared by as many bytes as the shorter one has."""
    original = Keys.named

    def named(self: Any, kid: bytes) -> Any:
        for key in self:
            if key.kid.startswith(kid) or kid.startswith(key.kid):
                return key
        return original(self, kid)

    Keys.named = named


@fault("OBJ-190")
def tries_the_keys_that_it_has() -> None:
    """Nobody has this name, and so every key is tried, to be helpful."""
    original = Keys.named

    def named(self: Any, kid: bytes) -> Any:
        return original(self, kid) if kid in self else next(iter(self))

    Keys.named = named


@fault("OBJ-200")
def looks_at_no_purpose() -> None:
    """A key is a key: what an application lost switches the lamp."""
    Keys.find = lambda self, kid, purpose: self.named(kid)


@fault("OBJ-200")
def looks_at_the_purpose_of_senders_only() -> None:
    """What one reads with was never thought to have a purpose."""
    original = Keys.find

    def find(self: Any, kid: bytes, purpose: Purpose) -> Any:
        key = self.named(kid)
        return original(self, kid, purpose) if isinstance(key, SenderKey) else key

    Keys.find = find


@fault("OBJ-200")
def lets_the_platform_speak_for_everybody() -> None:
    """Whoever may do more may do less, thinks the author, and so an update server talks to a shop."""
    original = Keys.find

    def find(self: Any, kid: bytes, purpose: Purpose) -> Any:
        key = self.named(kid)
        return key if key.purpose is Purpose.PLATFORM else original(self, kid, purpose)

    Keys.find = find


@fault("OBJ-220")
def forgets_the_envelope() -> None:
    """What was inside is judged as if it had come in the open: a command enters where applications deliver."""
    original = Inbox._believed
    Inbox._believed = lambda self, signed, purpose: original(self, signed, None)


@fault("OBJ-230")
def takes_what_is_signed_for_others() -> None:
    """The signature is good, and who it was for is not asked."""
    Inbox._check_recipient = lambda self, statement: None


@fault("OBJ-230")
def takes_what_it_can_decrypt() -> None:
    """It was sealed to this reader, and so it was meant for it; a reader before had sealed it again."""
    believed, check = Inbox._believed, Inbox._check_recipient

    def trusting(self: Inbox, signed: Signed, purpose: Purpose | None) -> Any:
        Inbox._check_recipient = check if purpose is None else lambda self, statement: None
        try:
            return believed(self, signed, purpose)
        finally:
            Inbox._check_recipient = check

    Inbox._believed = trusting


@fault("OBJ-130")
def asks_for_the_recipient_before_the_signature() -> None:
    """A stranger finds out which identifiers a device has, one unsigned object at a time."""
    original = Inbox._believed

    def hasty(self: Inbox, signed: Signed, purpose: Purpose | None) -> Any:
        self._check_recipient(read_statement(signed))
        return original(self, signed, purpose)

    Inbox._believed = hasty
