"""Faults of recipients of objects: headers and algorithms that say what a stranger wants them to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from picosec.crypto.aead import Aead
from picosec.crypto.suites import Signature
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.objects import inbox, sealed, signed, statement
from picosec.objects.headers import Headers, Label, check_only, decode_headers
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Purpose
from picosec.objects.sealed import Sealed
from picosec.objects.signed import Signed
from picosec.objects.statement import Statement
from picosec.registry import Problem
from picosec_conformance.faults import fault


@fault("OBJ-100")
def lets_the_protected_parameter_win() -> None:
    """What stands twice is taken from where it is safe; the next one takes it from where it is not."""
    _take_twice(lambda protected, unprotected: protected)


@fault("OBJ-100")
def lets_the_last_parameter_win() -> None:
    """Both headers go into one map, as a JSON library would have it."""
    _take_twice(lambda protected, unprotected: unprotected)


def _take_twice(winner: Callable[[Any, Any], Any]) -> None:
    """Take a parameter that stands in both headers, with the value that ``winner`` chooses."""

    def decode(protected: Any, unprotected: Any) -> Headers:
        try:
            return decode_headers(protected, unprotected)
        except ProtocolError as error:
            if error.requirement != "OBJ-100" or type(unprotected) is not dict:
                raise
            entries = cbor.loads(protected)
            if type(entries) is not dict:
                raise
            merged = {key: winner(value, unprotected.get(key, value)) for key, value in entries.items()}
            return Headers(protected, merged, {key: unprotected[key] for key in unprotected if key not in entries})

    signed.decode_headers = sealed.decode_headers = decode


@fault("OBJ-110")
def skips_parameters_that_it_does_not_know() -> None:
    """Be liberal in what you accept: what is not understood cannot matter."""
    statement.check_only = lambda found, known, requirement: None


@fault("OBJ-110")
def understands_nothing_that_is_critical() -> None:
    """The list of what has to be understood is not understood either (CVE-2025-59420, of a library for tokens)."""

    def lenient(found: dict[Any, Any], known: set[int], requirement: str) -> None:
        check_only(found, {*known, Label.CRIT}, requirement)

    statement.check_only = lenient


@fault("OBJ-110")
def reads_the_unprotected_header_as_well() -> None:
    """kid may stand on either side, as in most of COSE: whoever passes the object on writes another sender's name."""
    original = statement.read_statement

    def lenient(found: Signed) -> Statement:
        entries = {**found.headers.unprotected, **found.headers.entries}
        return original(replace(found, headers=Headers(found.headers.protected, entries, {})))

    inbox.read_statement = lenient


@fault("OBJ-110")
def takes_missing_claims_for_zero() -> None:
    """A field that is not there has its default value, says the generator of the parser."""
    original = statement._unsigned
    statement._unsigned = lambda value, most=2**64 - 1: original(0 if value is None else value, most)


@fault("OBJ-040")
def knows_one_signature_only() -> None:
    """Ed25519 costs flash, and who sends has to know what this one here was built with."""
    signed.algorithm_of = _lacking(Signature.EDDSA.value, signed.algorithm_of)


@fault("OBJ-040")
def knows_what_its_hardware_knows() -> None:
    """The chip has AES, and ChaCha20 was left out of the build."""
    sealed.algorithm_of = _lacking(Aead.CHACHA20_POLY1305.value, sealed.algorithm_of)


def _lacking(algorithm: int, original: Callable[[Headers], int]) -> Callable[[Headers], int]:
    def algorithm_of(head: Headers) -> int:
        if original(head) == algorithm:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120")
        return original(head)

    return algorithm_of


@fault("OBJ-120")
def takes_tags_of_eight_bytes() -> None:
    """What is good for channels is good for objects; nobody counts how often somebody tries."""
    sealed.MIN_TAG = 8


@fault("OBJ-120")
def signs_by_the_key_and_not_by_the_header() -> None:
    """The algorithm is that of the key, so that the header may say what it likes."""
    Signed.check_algorithm = lambda self: None
    original = Signed.read_algorithm

    def guessed(self: Signed) -> Any:
        try:
            return original(self)
        except ProtocolError:
            return Signature.ES256

    Signed.read_algorithm = guessed


@fault("OBJ-120")
def takes_true_for_an_algorithm() -> None:
    """In this language true is 1 and 1.0 is 1, and 1 is AES-GCM."""

    def algorithm_of(head: Headers) -> Any:
        value = head.entries.get(Label.ALG, head.unprotected.get(Label.ALG))
        if not isinstance(value, int | float):
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "OBJ-120")
        return value

    signed.algorithm_of = sealed.algorithm_of = algorithm_of


@fault("OBJ-120")
def agrees_by_whatever_is_named() -> None:
    """One agreement is implemented, and used for all."""
    Sealed.check_agreement = lambda self: None


@fault("OBJ-140")
def takes_nonces_of_any_length() -> None:
    """The library takes them, and hashes what is too long."""

    def content_nonce(head: Headers, aead: Any) -> Any:
        return head.entries.get(Label.IV, head.unprotected.get(Label.IV))

    sealed.content_nonce = content_nonce


@fault("OBJ-140")
def takes_a_missing_nonce_for_zeros() -> None:
    """The buffer was cleared before it was not filled."""
    original = inbox._read_outer

    def read(head: Headers, known: set[int]) -> Purpose:
        head.unprotected.setdefault(int(Label.IV), bytes(12))
        return original(head, known)

    inbox._read_outer = read


@fault("OBJ-170")
def lets_hops_add_headers() -> None:
    """A hop leaves its trace, and every trace is believed to be harmless."""
    inbox.check_only = lambda found, known, requirement: None


@fault("OBJ-170")
def does_not_ask_what_is_encrypted() -> None:
    """The content type is for those who do not know what they get."""
    original = Headers.integer

    def integer(self: Headers, label: Label) -> int:
        return 18 if label == Label.CONTENT_TYPE else original(self, label)

    Headers.integer = integer


@fault("OBJ-170")
def looks_for_the_reader_when_nobody_is_named() -> None:
    """Without a name it is probably for us."""
    original = inbox._kid
    inbox._kid = lambda value: original(b"reader" if value is None else value)


@fault("OBJ-180")
def lets_the_header_choose_for_the_group() -> None:
    """One key, any algorithm: two of them run the same counter over it."""
    original = Inbox._unsealed0

    def unsealed0(self: Inbox, data: bytes) -> tuple[Purpose, bytes]:
        try:
            return original(self, data)
        except ProtocolError as error:
            if error.requirement != "OBJ-180":
                raise
            found = sealed.Sealed0.decode(data)
            key = self.groups.named(found.headers.entries[Label.KID])
            return key.purpose, found.open(key.key)

    Inbox._unsealed0 = unsealed0
