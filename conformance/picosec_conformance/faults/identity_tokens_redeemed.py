"""Faults of devices that take anonymous tokens: what they take for a redemption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from picosec.crypto.aead import Aead
from picosec.errors import ProtocolError
from picosec.identity import token_sealing
from picosec.identity.token import Redemption, Token
from picosec.identity.token_issuer import TokenIssuer
from picosec.messaging import cbor
from picosec.objects.headers import Headers, Label
from picosec.objects.request import request_of
from picosec.objects.sealed import Sealed, content_algorithm
from picosec.registry import Problem
from picosec.roles.device import Device
from picosec_conformance.faults import fault


@fault("IDN-1390")
def reads_redemptions_of_any_size() -> None:
    """What is too large will turn out to be wrong."""
    token_sealing.MAX_SIZE = 1 << 20


@fault("IDN-1390")
def takes_redemptions_of_one_message() -> None:
    """Nobody needs more than a kilobyte to switch a lamp."""
    token_sealing.MAX_SIZE = 1024


def _outer(judge: Callable[[Headers], bool]) -> None:
    token_sealing._is_outer = judge


@fault("IDN-1400")
def takes_what_was_sealed_as_something_else() -> None:
    """It decrypts, so it is what it has to be."""
    labels = {int(Label.ALG), int(Label.CONTENT_TYPE), int(Label.TYP)}
    _outer(lambda head: head.entries.keys() <= labels and type(head.unprotected.get(Label.IV)) is bytes)


@fault("IDN-1400")
def overlooks_headers_of_redemptions_that_it_does_not_know() -> None:
    """Whoever wrote them will have had a reason."""

    def judge(head: Headers) -> bool:
        types = head.entries.get(Label.CONTENT_TYPE), head.entries.get(Label.TYP)
        return types == (60, 65010) and type(head.unprotected.get(Label.IV)) is bytes and Label.ALG in head.entries

    _outer(judge)


@fault("IDN-1400")
def overlooks_headers_of_the_recipient() -> None:
    """There is a key and a name; what else is there is not looked at."""
    original = token_sealing._reader

    def reader(sealed: Sealed) -> bytes:
        known = {label: sealed.recipient.unprotected.get(label) for label in (Label.KID, Label.EPHEMERAL_KEY)}
        found = {label: value for label, value in known.items() if value is not None}
        return original(replace(sealed, recipient=replace(sealed.recipient, unprotected=found)))

    token_sealing._reader = reader


def _reading(read: Callable[[Any], Redemption | None]) -> None:
    """Read contents otherwise: ``read`` returns a redemption, or None for what is none."""
    original = Redemption.decode

    def decode(cls: Any, data: bytes) -> Redemption:
        try:
            return original(data)
        except ProtocolError as error:
            found = None if error.problem is not Problem.MALFORMED else read(data)
            if found is None:
                raise
            return found

    Redemption.decode = classmethod(decode)


@fault("IDN-1400")
def overlooks_more_in_a_redemption() -> None:
    """What stands behind the request is for later versions."""

    def read(data: bytes) -> Redemption | None:
        match cbor.loads(data):
            case [bytes(kid), bytes(nonce), bytes(output), [*_] as request, _]:
                return Redemption(Token(kid, nonce, output), request_of(request))
        return None

    _reading(read)


@fault("IDN-1400")
def takes_requests_in_bytes() -> None:
    """An object has its request in a byte string, and one of the two was read more often."""

    def read(data: bytes) -> Redemption | None:
        match cbor.loads(data):
            case [bytes(kid), bytes(nonce), bytes(output), bytes(request)]:
                return Redemption(Token(kid, nonce, output), request_of(cbor.loads(request)))
        return None

    _reading(read)


@fault("IDN-1410")
def takes_redemptions_with_short_tags() -> None:
    """What is good for channels is good for tokens; nobody counts how often somebody tries."""
    token_sealing.strong_algorithm = content_algorithm


@fault("IDN-1410")
def agrees_on_keys_of_redemptions_by_whatever_is_named() -> None:
    """One agreement is implemented, and used for all."""
    Sealed.check_agreement = lambda self: None


@fault("IDN-1410")
def takes_redemptions_of_one_algorithm() -> None:
    """The one that it would choose itself."""
    original = token_sealing.strong_algorithm

    def strong_algorithm(head: Headers) -> Aead:
        if original(head) is not token_sealing.SEALING:
            raise ProtocolError(Problem.UNSUPPORTED_ALGORITHM, "IDN-1410")
        return original(head)

    token_sealing.strong_algorithm = strong_algorithm


class _Readers(dict[bytes, Any]):
    """Readers' keys, and where else to look for one."""

    def __init__(self, known: Mapping[bytes, Any], further: Callable[[bytes], Any]) -> None:
        super().__init__(known)
        self._further = further

    def get(self, kid: bytes, default: Any = None) -> Any:
        """Return a key, from wherever it is."""
        return super().get(kid) or self._further(kid)


def _looking(further: Callable[[Any, bytes], Any]) -> None:
    """Look for readers' keys elsewhere too: ``further`` gets the keyring."""
    original = Device.__init__

    def init(self: Device, entropy: Any, keyring: Any, **rest: Any) -> None:
        original(self, entropy, keyring, **rest)
        keyring.issuer.readers = _Readers(keyring.issuer.readers, lambda kid: further(keyring, kid))

    Device.__init__ = init


@fault("IDN-1420")
def tries_the_reader_that_it_has() -> None:
    """It has the private key; how somebody calls it does not matter."""
    _looking(lambda keyring, kid: next(iter(keyring.issuer.readers.values()), None))


@fault("IDN-1420")
def reads_redemptions_with_keys_for_objects() -> None:
    """All private keys lie in one table."""
    _looking(lambda keyring, kid: next((key.handle for key in keyring.inbox.own if key.kid == kid), None))


@fault("IDN-1420")
def takes_tokens_of_the_key_that_it_has() -> None:
    """There was only one when this was written."""
    original = TokenIssuer._key
    TokenIssuer._key = lambda self, kid, requirement: (
        self.keys.get(kid)
        or (next(iter(self.keys.values())) if requirement == "IDN-1420" else original(self, kid, requirement))
    )


def _opening(attempt: Callable[[Any, Sealed, Any, Any, ProtocolError], bytes]) -> None:
    """Do something else when a redemption does not decrypt."""
    original = Sealed.open

    def opened(self: Sealed, vault: Any, handle: Any, external_aad: bytes = b"", *rest: Any, **parties: Any) -> bytes:
        try:
            return original(self, vault, handle, external_aad, *rest, **parties)
        except ProtocolError as error:
            if error.problem is not Problem.AUTHENTICATION_FAILED:
                raise
            return attempt(original, self, vault, handle, error)

    Sealed.open = opened


@fault("IDN-1430")
def derives_without_the_readers_name() -> None:
    """Both were seen in the field: what does not decrypt with it may do so without."""
    _opening(lambda original, sealed, vault, handle, error: original(sealed, vault, handle))


@fault("IDN-1430")
def says_that_broken_redemptions_are_malformed() -> None:
    """What does not decrypt is read as if it had, and is no CBOR."""

    def attempt(original: Any, sealed: Sealed, vault: Any, handle: Any, error: ProtocolError) -> bytes:
        raise ProtocolError(Problem.MALFORMED, "IDN-1430")

    _opening(attempt)
