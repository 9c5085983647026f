"""Seals data with AES-256-GCM under a key that a PKCS#11 token makes and keeps.

The nonce has 96 bits from the token's generator, as NIST SP 800-38D section 8.2.2 allows for 2^32 messages under one
key; a nonce that were counted would come twice once the counters were turned back, which ends GCM. The label is
authenticated as associated data, which the wrapping of keys (AES-KWP), without a nonce, cannot do.
"""

from __future__ import annotations

from typing import Any, Final

from pkcs11 import KeyType, Mechanism, exceptions
from pkcs11.constants import Attribute, MechanismFlag, ObjectClass
from pkcs11.mechanisms import GCMParams

from picosec.crypto.vault import InvalidTag
from picosec.messaging import cbor
from picosec.net.pkcs11_token import explained, refuse_readable
from picosec.net.storage import StorageError

_NONCE: Final = 12
_TAG: Final = 16
#: What tokens say of a tag that does not fit; SoftHSM says GeneralError.
_NOT_OPENED: Final = (
    exceptions.EncryptedDataInvalid,
    exceptions.EncryptedDataLenRange,
    exceptions.FunctionFailed,
    exceptions.GeneralError,
)


class TokenSeal:
    """The key of one vault in a token; ``binding`` is bound to all that it seals, besides the label."""

    def __init__(self, session: Any, name: str, binding: bytes) -> None:
        self._session = session
        self._label = f"{name} sealing key"
        self._binding = binding
        self._key: Any = None

    def seal(self, data: bytes, label: bytes) -> bytes:
        """Return nonce, ciphertext and tag. Raises :class:`StorageError`."""
        with explained("seal"):
            nonce: bytes = self._session.generate_random(8 * _NONCE)
            sealed: bytes = self._opened().encrypt(
                data, mechanism=Mechanism.AES_GCM, mechanism_param=self._parameters(nonce, label)
            )
        return nonce + sealed

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Return what was sealed. Raises ``InvalidTag``, and :class:`StorageError` when the token fails."""
        if len(sealed) < _NONCE + _TAG:
            raise InvalidTag
        with explained("unseal"):
            key, parameters = self._opened(), self._parameters(sealed[:_NONCE], label)
            try:
                data: bytes = key.decrypt(sealed[_NONCE:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
            except _NOT_OPENED as error:
                raise InvalidTag from error
        return data

    def _opened(self) -> Any:
        """Return the key, which the token makes at its first use."""
        if self._key is None:
            wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._label}
            found = list(self._session.get_objects(wanted))
            if len(found) > 1:
                raise StorageError(f"the token has {len(found)} objects {self._label!r}: remove all but the right one")
            if found:
                refuse_readable(found[0], self._label)
            self._key = found[0] if found else self._made()
        return self._key

    def _made(self) -> Any:
        return self._session.generate_key(
            KeyType.AES,
            256,
            label=self._label,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template={Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )

    def _parameters(self, nonce: bytes, label: bytes) -> GCMParams:
        return GCMParams(nonce, cbor.dumps([self._binding, label]), 8 * _TAG)
