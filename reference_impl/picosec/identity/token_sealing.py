"""The envelope of a redemption: sealed for the device, so that whoever carries it can neither spend nor change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Entropy, PublicKey
from picosec.crypto.vault import Handle, Vault
from picosec.errors import ProtocolError
from picosec.identity.status_token import citing
from picosec.identity.token import Redemption, is_kid
from picosec.objects.headers import Headers, Label, headers, malformed
from picosec.objects.sealed import Sealed, seal_to, strong_algorithm
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_TOKEN_REDEMPTION, Problem

#: Bytes of the largest redemption (IDN-1390).
MAX_SIZE: Final = 4096
#: The algorithm of what is sealed here.
SEALING: Final = Aead.AES_CCM_16_128_128

_OUTER: Final = {int(Label.ALG), int(Label.CONTENT_TYPE), int(Label.TYP)}


def seal_redemption(redemption: Redemption, reader: PublicKey, kid: bytes, vault: Vault, entropy: Entropy) -> bytes:
    """Return a redemption for the holder of one private key, whose name is ``kid``.

    ``entropy`` gives the nonce, and then the 32 bytes of the ephemeral key. Raises ``bad_key`` for a reader's key that
    agrees on nothing, ``too_large`` for a request that no device takes.
    """
    protected = {
        int(Label.ALG): SEALING.value,
        int(Label.CONTENT_TYPE): CONTENT_FORMAT_CBOR,
        int(Label.TYP): CONTENT_FORMAT_TOKEN_REDEMPTION,
    }
    head = headers(protected, {int(Label.IV): entropy(SEALING.nonce_length)})
    made = seal_to(head, redemption.encode(), reader, kid, vault, entropy, party_v=kid).encode()
    if len(made) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-1390", f"a redemption of {len(made)} bytes is taken by nobody")
    return made


def unseal_redemption(data: bytes, readers: Mapping[bytes, Handle], vault: Vault) -> Redemption:
    """Return what a redemption holds, for the holder of ``readers``, private keys by name.

    Raises as :func:`read_envelope` does, and ``unknown_credential`` (IDN-1420), ``bad_key`` or
    ``authentication_failed`` (IDN-1430), ``malformed`` or ``not_deterministic`` (IDN-1400).
    """
    sealed, kid = read_envelope(data)
    handle = readers.get(kid)
    if handle is None:
        raise ProtocolError(Problem.UNKNOWN_CREDENTIAL, "IDN-1420", "sealed for a key that is not here")
    with citing("IDN-1430"):
        contents = sealed.open(vault, handle, party_v=kid)
    return Redemption.decode(contents)


def read_envelope(data: bytes) -> tuple[Sealed, bytes]:
    """Return a redemption as it is sealed, and the name of the key that it is sealed for.

    Raises ``too_large`` (IDN-1390), ``malformed`` or ``not_deterministic`` (IDN-1400), ``unsupported_algorithm``
    (IDN-1410).
    """
    if len(data) > MAX_SIZE:
        raise ProtocolError(Problem.TOO_LARGE, "IDN-1390", f"{len(data)} bytes")
    with citing("IDN-1400"):
        sealed = Sealed.decode(data)
        kid = _reader(sealed)
    with citing("IDN-1410"):
        strong_algorithm(sealed.headers)
        sealed.check_agreement()
    return sealed, kid


def _reader(sealed: Sealed) -> bytes:
    """Hold the headers against the grammar, and return the name of the reader's key."""
    head, recipient = sealed.headers, sealed.recipient
    if not _is_outer(head):
        raise malformed("IDN-1400", "the headers are not those of a redemption")
    if recipient.entries.keys() != {Label.ALG} or recipient.unprotected.keys() != {Label.KID, Label.EPHEMERAL_KEY}:
        raise malformed("IDN-1400", "the headers are not those of the recipient of a redemption")
    kid = recipient.unprotected[Label.KID]
    if not is_kid(kid):
        raise malformed("IDN-1400", "no key identifier")
    assert isinstance(kid, bytes)
    return kid


def _is_outer(head: Headers) -> bool:
    types = head.entries.get(Label.CONTENT_TYPE), head.entries.get(Label.TYP)
    return (
        head.entries.keys() == _OUTER
        and head.unprotected.keys() == {Label.IV}
        and types == (CONTENT_FORMAT_CBOR, CONTENT_FORMAT_TOKEN_REDEMPTION)
        and type(head.unprotected[Label.IV]) is bytes
    )
