"""Faults of senders of objects: keys that say too much, numbers that return, and what nobody can open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from picosec.crypto.vault import SoftwareVault
from picosec.objects import compose, sealed, statement
from picosec.objects.headers import Headers, Label
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement
from picosec.roles import objects
from picosec.roles.device import Device
from picosec.roles.objects import Draft, Objects
from picosec_conformance.faults import fault


@fault("OBJ-210")
def signs_whatever_it_is_asked_to() -> None:
    """The caller knows what it does: an application has its command signed by the device."""
    objects.check_signer = lambda vault, key, purpose: None
    statement.check_signer = objects.check_signer


@fault("OBJ-210")
def signs_under_the_purpose_of_the_key() -> None:
    """What was asked for is not what comes out, and nobody says so."""
    original = Objects.make

    def make(self: Objects, draft: Draft, now: float) -> bytes:
        key = self._inbox.own.named(draft.sender)
        return original(
            self, Draft(draft.sender, draft.recipient, key.purpose, draft.content_format, draft.content), now
        )

    Objects.make = make


@fault("OBJ-290")
def begins_to_count_with_its_power() -> None:
    """The number lies in memory: the first object after a power cut has the number of the first before it."""
    counter, init = SoftwareVault.counter, Device.__init__
    numbers: dict[str, int] = {}

    def counted(self: SoftwareVault, name: str) -> int:
        if not name.startswith("object "):
            return counter(self, name)
        numbers[name] = numbers.get(name, 0) + 1
        return numbers[name] - 1

    def booted(self: Device, *rest: Any, **named: Any) -> None:
        numbers.clear()
        init(self, *rest, **named)

    SoftwareVault.counter, Device.__init__ = counted, booted


@fault("OBJ-290")
def counts_by_the_clock() -> None:
    """Seconds since 1970 never return, says the author, who never said two things in a second."""
    _numbers(lambda self, name, now: int(now))


@fault("OBJ-290")
def saves_its_number_now_and_then() -> None:
    """Flash wears out, so that every tenth number is written, and the power fails in between."""
    init = Device.__init__
    numbers: dict[str, int] = {}

    def counted(self: SoftwareVault, name: str) -> int:
        numbers[name] = numbers.get(name, 0) + 1
        return numbers[name] - 1

    def booted(self: Device, *rest: Any, **named: Any) -> None:
        for name in numbers:
            numbers[name] -= numbers[name] % 10
        init(self, *rest, **named)

    original = SoftwareVault.counter
    SoftwareVault.counter = lambda self, name: (counted if name.startswith("object ") else original)(self, name)
    Device.__init__ = booted


@fault("OBJ-290")
def counts_by_name() -> None:
    """The counter belongs to the identifier; a key of two names says two things under one number."""
    original, make = SoftwareVault.counter, Objects.make
    names: list[str] = []

    def named(self: Objects, draft: Draft, now: float) -> bytes:
        names[:] = [draft.sender.hex()]
        return make(self, draft, now)

    SoftwareVault.counter = lambda self, name: original(
        self, f"object {names[0]}" if name.startswith("object ") else name
    )
    Objects.make = named


def _numbers(number: Any) -> None:
    original, make = SoftwareVault.counter, Objects.make
    times: list[float] = []

    def timed(self: Objects, draft: Draft, now: float) -> bytes:
        times[:] = [now]
        return make(self, draft, now)

    SoftwareVault.counter = lambda self, name: (
        number(self, name, times[0]) if name.startswith("object ") else original(self, name)
    )
    Objects.make = timed


@fault("OBJ-300")
def has_one_ephemeral_key() -> None:
    """Making keys is slow, and so one is made and kept."""
    original = compose.seal_to
    kept: dict[Any, bytes] = {}

    def seal_to(head: Any, contents: bytes, reader: Any, kid: bytes, vault: Any, entropy: Any, **rest: Any) -> Any:
        return original(head, contents, reader, kid, vault, lambda size: kept.setdefault(size, entropy(size)), **rest)

    compose.seal_to = seal_to


@fault("OBJ-300")
def seals_under_a_nonce_of_zeros() -> None:
    """The key is new each time, and so the nonce need not be; the day the key is not, it shows."""
    _nonces(lambda further, size, entropy: bytes(size) if Label.KID not in further else entropy(size))


@fault("OBJ-360")
def counts_nonces_from_the_beginning() -> None:
    """A counter makes no collisions, until the power fails and it begins at zero with the same key."""
    init, given = Device.__init__, [0]

    def booted(self: Device, *rest: Any, **named: Any) -> None:
        given[0] = 0
        init(self, *rest, **named)

    def counted(further: Any, size: int, entropy: Any) -> bytes:
        given[0] += 1
        return given[0].to_bytes(size, "big") if Label.KID in further else bytes(entropy(size))

    Device.__init__ = booted
    _nonces(counted)


def _nonces(nonce: Any) -> None:
    original = compose._outer

    def outer(aead: Any, further: Any, entropy: Any) -> Headers:
        return original(aead, further, lambda size: nonce(further, size, entropy))

    compose._outer = outer


@fault("OBJ-370")
def sends_signatures_as_its_library_makes_them() -> None:
    """ASN.1, because that is what came out."""
    original = Signed.encode

    def encode(self: Signed) -> bytes:
        if self.headers.entries[Label.ALG] == -7:
            r, s = (int.from_bytes(half, "big") for half in (self.signature[:32], self.signature[32:]))
            return original(Signed(self.headers, self.payload, encode_dss_signature(r, s)))
        return original(self)

    Signed.encode = encode


@fault("OBJ-370")
def derives_for_nobody() -> None:
    """The reader is not named in the derivation, and cannot open what was sealed to it."""
    original = compose.seal_to

    def seal_to(*arguments: Any, **parties: Any) -> Any:
        return original(*arguments)

    compose.seal_to = seal_to


@fault("OBJ-370")
def leaves_the_end_out() -> None:
    """The end is optional, and so nobody notices that it never comes along."""
    original = Statement._headers

    def endless(self: Statement, key: Any) -> Headers:
        return original(replace(self, expires=None), key)

    Statement._headers = endless


@fault("OBJ-370")
def encrypts_under_the_wrong_context() -> None:
    """Two of the three structures were copied from the first, and one of them was not changed."""
    original = sealed.encryption_structure
    sealed.encryption_structure = lambda context, protected, external: original("Encrypt0", protected, external)
