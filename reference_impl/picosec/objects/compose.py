"""Encrypting a signed object: for one reader, or for a group. The signature is made first (spec/v1/objects.md)."""

from __future__ import annotations

from typing import Any, Final

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Entropy, PublicKey
from picosec.crypto.vault import Vault
from picosec.objects.headers import Headers, Label, headers
from picosec.objects.keys import GroupKey, Purpose
from picosec.objects.sealed import seal0, seal_to
from picosec.registry import CONTENT_FORMAT_COSE_SIGN1

#: The algorithm of what is sealed for one reader, unless the sender chooses another one.
SEALING: Final = Aead.AES_CCM_16_128_128


def sealed_object(
    signed: bytes,
    purpose: Purpose,
    reader: PublicKey,
    kid: bytes,
    vault: Vault,
    entropy: Entropy,
    aead: Aead = SEALING,
) -> bytes:
    """Return a tagged signed object as a sealed one; ``kid`` names the reader's key.

    ``entropy`` gives the nonce, and then the 32 bytes of the ephemeral key (OBJ-300). Raises ``bad_key`` for a reader's
    key that agrees on nothing.
    """
    head = _outer(aead, {int(Label.TYP): int(purpose)}, entropy)
    return seal_to(head, signed, reader, kid, vault, entropy, party_v=kid).encode()


def group_object(signed: bytes, group: GroupKey, entropy: Entropy) -> bytes:
    """Return a tagged signed object as one for a group, of the purpose of its key; ``entropy`` gives the nonce."""
    head = _outer(group.aead, {int(Label.KID): group.kid, int(Label.TYP): int(group.purpose)}, entropy)
    return seal0(head, signed, group.key).encode()


def _outer(aead: Aead, further: dict[int, Any], entropy: Entropy) -> Headers:
    protected = {int(Label.ALG): aead.value, int(Label.CONTENT_TYPE): CONTENT_FORMAT_COSE_SIGN1, **further}
    return headers(protected, {int(Label.IV): entropy(aead.nonce_length)})
