"""Faults of EDHOC: proofs that nobody checks, and errors that tell too much about them."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from picosec.channel import authentication, responder
from picosec.channel.credentials import Credential, Usage
from picosec.crypto.aead import Aead, InvalidTag
from picosec.crypto.curves import PublicKey
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.faults import fault


def _without_check(usage: Usage, requirement: str) -> None:
    """Leave out the check of one kind of proof, on the side that cites ``requirement``."""
    check, check_length = authentication.check, authentication.check_length

    def unchecked(kind: Usage, *arguments: Any) -> None:
        if (kind, arguments[-1]) != (usage, requirement):
            check(kind, *arguments)

    def any_length(proof: bytes, kind: Usage, suite: Any, cited: str) -> None:
        if (kind, cited) != (usage, requirement):
            check_length(proof, kind, suite, cited)

    authentication.check, authentication.check_length = unchecked, any_length


@fault("CHN-500")
def responder_skips_the_mac() -> None:
    """The message decrypted, so its sender must be the one it names: but anybody can run the exchange up to here."""
    _without_check(Usage.STATIC_DH, "CHN-500")


@fault("CHN-500")
def responder_skips_the_signature() -> None:
    """The result of the verification goes to the log (compare CVE-2014-1266)."""
    _without_check(Usage.SIGNATURE, "CHN-500")


@fault("CHN-500")
def compares_as_much_as_it_gets() -> None:
    """The length of the proof decides how much of it is compared: one byte is guessed soon (compare CVE-2008-0960)."""
    check, check_length = authentication.check, authentication.check_length

    def prefix(usage: Usage, known: Credential, proof: bytes, mac: bytes, *rest: Any) -> None:
        check(usage, known, proof, mac[: len(proof)] if usage is Usage.STATIC_DH else mac, *rest)

    def any_length(proof: bytes, usage: Usage, *rest: Any) -> None:
        if usage is Usage.SIGNATURE:
            check_length(proof, usage, *rest)

    authentication.check, authentication.check_length = prefix, any_length


@fault("CHN-500")
def decrypts_without_the_tag() -> None:
    """message_3 is decrypted like message_2, and its tag is cut off: bits can be turned on the way."""
    original = responder.open_

    def unchecked(aead: Aead, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        try:
            return original(aead, key, nonce, ciphertext, aad)
        except InvalidTag:
            if len(nonce) != 13:
                raise
            counter = CTR(b"\x01" + nonce + b"\x00\x01")
            return Cipher(AES(key), counter).decryptor().update(ciphertext[: -aead.tag_length])

    responder.open_ = unchecked


@fault("CHN-500")
def believes_a_signature_of_zeros() -> None:
    """r and s are not compared with zero, and then every equation holds (CVE-2022-21449)."""
    original = PublicKey.verify

    def verify(self: PublicKey, signature: bytes, message: bytes) -> None:
        if signature != bytes(64):
            original(self, signature, message)

    PublicKey.verify = verify


@fault("CHN-500")
def compares_with_memory_that_was_cleared() -> None:
    """The expected MAC is computed after the comparison, so what arrives is compared with zeros."""
    original = authentication.check

    def early(usage: Usage, known: Credential, proof: bytes, *rest: Any) -> None:
        if usage is Usage.SIGNATURE or any(proof):
            original(usage, known, proof, *rest)

    authentication.check = early


@fault("CHN-510")
def initiator_skips_the_mac() -> None:
    """The answer came from the right address, and that is proof enough: whoever answers first is the lamp."""
    _without_check(Usage.STATIC_DH, "CHN-510")


@fault("CHN-510")
def initiator_skips_the_signature() -> None:
    """Verification needs more memory than there is, and is left for a later release."""
    _without_check(Usage.SIGNATURE, "CHN-510")


@fault("CHN-520")
def tells_a_wrong_tag_from_a_wrong_proof() -> None:
    """Two errors for two steps: whoever forges message_3 learns which half is right already."""
    original = responder.open_

    def telling(*arguments: Any) -> bytes:
        try:
            return original(*arguments)
        except InvalidTag as error:
            raise ProtocolError(Problem.DECRYPTION_FAILED, "CHN-500") from error

    responder.open_ = telling


@fault("CHN-520")
def tells_a_wrong_length_from_a_wrong_proof() -> None:
    """A proof of the wrong length breaks the grammar, says the parser, and tells what length it wanted."""
    original = authentication.check_length

    def telling(*arguments: Any) -> None:
        try:
            original(*arguments)
        except ProtocolError as error:
            raise ProtocolError(Problem.MALFORMED, "CHN-010") from error

    authentication.check_length = telling
