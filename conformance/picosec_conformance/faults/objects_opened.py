"""Faults of recipients of objects: signatures and ciphertexts that are believed too early."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from picosec.crypto.aead import Aead, open_
from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.crypto.vault import SoftwareVault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.objects import sealed
from picosec.objects.headers import Label
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Purpose
from picosec.objects.sealed import Sealed, encode_ephemeral
from picosec.objects.signed import Signed
from picosec.registry import CLAIM_RECIPIENT, Problem
from picosec_conformance.faults import fault
from picosec_conformance.faults.channel_edhoc_exchange import agree_on_zero


@fault("OBJ-130")
def verifies_no_signature() -> None:
    """The check is there, and its result is not looked at."""
    Signed.verify = lambda self, key, external_aad=b"": None


@fault("OBJ-130")
def believes_zeros() -> None:
    """Zero times anything equals zero times anything: a signature of everybody's on everything (CVE-2022-21449)."""
    original = PublicKey.verify

    def verify(self: PublicKey, signature: bytes, message: bytes) -> None:
        if self.curve is not Curve.P256 or any(signature):
            original(self, signature, message)

    PublicKey.verify = verify


@fault("OBJ-130")
def believes_whoever_of_its_friends_signed() -> None:
    """One of the known keys made it, and so it is good: each sender speaks for all others."""
    original = Inbox._believed

    def believed(self: Inbox, signed: Signed, purpose: Purpose | None) -> Any:
        verify = Signed.verify

        def by_any(found: Signed, key: PublicKey, external_aad: bytes = b"") -> None:
            message = dumps(["Signature1", found.headers.protected, external_aad, found.payload])
            for each in self.senders:
                try:
                    each.key.verify(found.signature, message)
                except InvalidSignature:
                    continue
                return
            verify(found, key, external_aad)

        Signed.verify = by_any
        try:
            return original(self, signed, purpose)
        finally:
            Signed.verify = verify

    Inbox._believed = believed


@fault("OBJ-130")
def takes_other_signatures_of_the_key() -> None:
    """What the key said in another context verifies here: a counter signature becomes a command."""
    original = Signed.verify

    def verify(self: Signed, key: PublicKey, external_aad: bytes = b"") -> None:
        try:
            key.verify(self.signature, dumps(["CounterSignature", self.headers.protected, external_aad, self.payload]))
        except InvalidSignature:
            original(self, key, external_aad)

    Signed.verify = verify


@fault("OBJ-130")
def reads_the_recipient_that_was_written_over() -> None:
    """The recipient is looked up in what came, and the signature over what had been: anybody readdresses an object."""
    original = Signed.verify

    def verify(self: Signed, key: PublicKey, external_aad: bytes = b"") -> None:
        claims = {**self.headers.entries[Label.CLAIMS], CLAIM_RECIPIENT: b"elsewhere"}
        protected = dumps({**self.headers.entries, Label.CLAIMS: claims})
        try:
            key.verify(self.signature, dumps(["Signature1", protected, external_aad, self.payload]))
        except InvalidSignature:
            original(self, key, external_aad)

    Signed.verify = verify


@fault("OBJ-150")
def delivers_before_it_authenticates() -> None:
    """The stream is decrypted as it comes, and the tag comes last, when everything is done."""

    def streaming(aead: Aead, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        try:
            return open_(aead, key, nonce, ciphertext, aad)
        except InvalidTag:
            if aead is not Aead.A128GCM or len(ciphertext) < 16:
                raise
            counter = Cipher(AES(key), CTR(nonce + b"\0\0\0\2")).decryptor()
            return counter.update(ciphertext[:-16]) + counter.finalize()

    sealed.open_ = streaming


@fault("OBJ-150")
def takes_half_a_tag() -> None:
    """As many bytes of the tag are compared as there are; with none, nothing is."""

    def lenient(aead: Aead, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        try:
            return open_(aead, key, nonce, ciphertext, aad)
        except InvalidTag:
            if aead is not Aead.A128GCM or len(ciphertext) < 16:
                raise
        size = len(ciphertext) - 8
        counter = Cipher(AES(key), CTR(nonce + b"\0\0\0\2")).decryptor()
        contents = counter.update(ciphertext[:size])
        if not sealed.seal(aead, key, nonce, contents, aad).startswith(ciphertext):
            raise InvalidTag
        return contents

    sealed.open_ = lenient


@fault("OBJ-150")
def forgets_for_whom_the_key_is() -> None:
    """The derivation names nobody, as in most examples, and what was derived for one reader is good for another."""
    original = Sealed.open

    def opened(self: Sealed, vault: Any, handle: Any, external_aad: bytes = b"", **parties: Any) -> bytes:
        try:
            return original(self, vault, handle, external_aad, **parties)
        except ProtocolError as error:
            if error.problem is not Problem.AUTHENTICATION_FAILED:
                raise
            return original(self, vault, handle, external_aad)

    Sealed.open = opened


@fault("OBJ-150")
def answers_what_does_not_decrypt_as_malformed() -> None:
    """Garbage came out, and garbage is malformed: the plaintext was looked at before the tag."""
    original = sealed._decrypt

    def decrypt(*arguments: Any) -> bytes:
        try:
            return original(*arguments)
        except ProtocolError as error:
            raise ProtocolError(Problem.MALFORMED, error.requirement) from error

    sealed._decrypt = decrypt


@fault("OBJ-160")
def takes_points_of_any_curve() -> None:
    """Whatever the two coordinates say is multiplied, and a private key leaks away (CVE-2015-7940)."""
    original = sealed.decode_ephemeral
    vault = SoftwareVault(bytes(64), {})
    some = vault.public(vault.import_key(Curve.P256, bytes(31) + b"\1"))

    def lenient(value: Any) -> PublicKey:
        try:
            return original(value)
        except ProtocolError:
            if not isinstance(value, dict) or value.get(-1) != Curve.P256.value:
                raise
            return some

    sealed.decode_ephemeral = lenient


@fault("OBJ-160")
def agrees_on_zero() -> None:
    """A point of small order gives the same secret to everybody: zero."""
    agree_on_zero()


@fault("OBJ-160")
def computes_the_other_half_of_a_point() -> None:
    """COSE allows a sign in place of y: a second form of every object, which nobody signed."""
    original = sealed.decode_ephemeral

    def lenient(value: Any) -> PublicKey:
        if isinstance(value, dict) and isinstance(value.get(-3), bool):
            value = encode_ephemeral(_whole(decode_public(Curve.P256, value[-2], value[-3], "OBJ-160")))
        return original(value)

    sealed.decode_ephemeral = lenient


def _whole(key: PublicKey) -> PublicKey:
    numbers = key.native.public_numbers()
    return PublicKey(key.curve, key.x, numbers.y.to_bytes(32, "big"), key.native)


@fault("OBJ-160")
def takes_keys_with_anything_in_them() -> None:
    """The members that are needed are read; that the private one is among the others concerns nobody."""
    original = sealed.decode_ephemeral

    def lenient(value: Any) -> PublicKey:
        if isinstance(value, dict):
            value = {label: member for label, member in value.items() if label in (1, -1, -2, -3)}
        return original(value)

    sealed.decode_ephemeral = lenient
