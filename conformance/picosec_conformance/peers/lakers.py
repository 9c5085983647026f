"""EDHOC as others wrote it: lakers, through its Python package. Method 3 with suite 2 is all it has.

Its ephemeral keys cannot be given. It panics on some inputs, and its PanicException is a BaseException: a caller who
feeds it hostile input catches that (see :mod:`picosec_conformance.peers.lakers_shim`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from picosec_conformance.peers.missing import require


@dataclass(frozen=True, slots=True)
class Party:
    """One side's static Diffie-Hellman key: a CWT claims set with a ``kid``, and its 32-byte private key."""

    credential: bytes
    private_key: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """What a completed handshake gives: PRK_out, and the OSCORE master secret (16 bytes) and salt (8 bytes)."""

    prk_out: bytes
    master_secret: bytes
    master_salt: bytes


class Initiator:
    """lakers as the initiator."""

    def __init__(self, me: Party, peer: bytes) -> None:
        """Prepare a handshake of ``me`` with the owner of the credential ``peer``."""
        self._lakers = require("lakers", "lakers-python")
        self._me, self._peer = me, peer
        self._session = self._lakers.EdhocInitiator()
        self._prk_out = b""
        #: The responder's connection identifier, after message_2.
        self.c_r = b""

    def message_1(self, c_i: bytes) -> bytes:
        """Return message_1 with the connection identifier ``c_i``."""
        message: bytes = self._session.prepare_message_1(c_i)
        return message

    def message_3(self, message_2: bytes, by_value: bool = False) -> bytes:
        """Verify message_2 and return message_3. Raises ``ValueError`` when lakers refuses it."""
        self.c_r, id_cred_r, _ = self._session.parse_message_2(message_2)
        peer = self._lakers.credential_check_or_fetch(id_cred_r, self._peer)
        self._session.verify_message_2(self._me.private_key, self._me.credential, peer)
        message, self._prk_out = self._session.prepare_message_3(_transfer(self._lakers, by_value))
        return bytes(message)

    def finish(self, message_4: bytes | None = None) -> Keys:
        """Process message_4, or do without one, and return the keys."""
        if message_4 is None:
            self._session.completed_without_message_4()
        else:
            self._session.process_message_4(message_4)
        return _keys(self._session, self._prk_out)

    def key_update(self, context: bytes) -> bytes:
        """Update the keys of a finished handshake and return the new PRK_out."""
        return bytes(self._session.edhoc_key_update(context))


class Responder:
    """lakers as the responder."""

    def __init__(self, me: Party, peer: bytes) -> None:
        """Prepare a handshake of ``me`` with the owner of the credential ``peer``."""
        self._lakers = require("lakers", "lakers-python")
        self._peer = peer
        self._session = self._lakers.EdhocResponder(me.private_key, me.credential)
        self._prk_out = b""
        #: The initiator's connection identifier, after message_1.
        self.c_i = b""

    def message_2(self, message_1: bytes, c_r: bytes, by_value: bool = False) -> bytes:
        """Process message_1 and return message_2. Raises ``ValueError`` when lakers refuses it."""
        self.c_i, _ = self._session.process_message_1(message_1)
        return bytes(self._session.prepare_message_2(_transfer(self._lakers, by_value), c_r))

    def process_message_3(self, message_3: bytes) -> None:
        """Verify message_3. Raises ``ValueError`` when lakers refuses it."""
        id_cred_i, _ = self._session.parse_message_3(message_3)
        peer = self._lakers.credential_check_or_fetch(id_cred_i, self._peer)
        self._prk_out = self._session.verify_message_3(peer)

    def message_4(self) -> bytes:
        """Return message_4, which finishes the handshake."""
        return bytes(self._session.prepare_message_4())

    def finish(self, with_message_4: bool = False) -> Keys:
        """Return the keys, after :meth:`message_4` if ``with_message_4`` says so, else without one."""
        if not with_message_4:
            self._session.completed_without_message_4()
        return _keys(self._session, self._prk_out)

    def key_update(self, context: bytes) -> bytes:
        """Update the keys of a finished handshake and return the new PRK_out."""
        return bytes(self._session.edhoc_key_update(context))


def _transfer(lakers: Any, by_value: bool) -> Any:
    return lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference


def _keys(session: Any, prk_out: bytes) -> Keys:
    return Keys(bytes(prk_out), bytes(session.edhoc_exporter(0, b"", 16)), bytes(session.edhoc_exporter(1, b"", 8)))
