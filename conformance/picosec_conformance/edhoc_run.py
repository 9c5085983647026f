"""EDHOC as RFC 9528 writes it: one named value after the other, and no check at all.

A second opinion next to the reference, from the primitives up: the vectors record its values beside the reference's
messages and fail where the two differ. In the suite it is the hostile peer: each message can be composed from altered
parts.

Values have the RFC's names in lower case, as bytes, and stay in ``steps`` in the order in which they were computed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from picosec.channel.edhoc_messages import compact_id_cred, encode_identifier, encode_suites
from picosec.crypto.aead import open_, seal
from picosec.crypto.curves import Curve, PublicKey, decode_public
from picosec.crypto.suites import SUITES, Suite
from picosec.crypto.vault import Handle, SoftwareVault
from picosec.messaging.cbor import dumps, loads_sequence

HASH_LENGTH = 32


def extract(salt: bytes, ikm: bytes) -> bytes:
    """EDHOC_Extract with SHA-256."""
    return hmac.digest(salt, ikm, "sha256")


def kdf(prk: bytes, label: int, context: bytes, length: int) -> bytes:
    """EDHOC_KDF with SHA-256."""
    info = dumps(label) + dumps(context) + dumps(length)
    output, block, counter = b"", b"", 0
    while len(output) < length:
        counter += 1
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def xor(left: bytes, right: bytes) -> bytes:
    """Combine two byte strings of one length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class Prover:
    """Who authenticates: how messages name the credential, CRED_x, its public key, and the private key.

    ``private_key`` is ``None`` for the other side, whose proof is only read.
    """

    id_cred: bytes
    cred: bytes
    key: PublicKey
    private_key: bytes | None = None


@dataclass(slots=True)
class Run:
    """One side of one session. The Initiator calls the methods with odd numbers, the Responder those with even ones,
    and each reads what the other sent.
    """

    method: int
    suites: tuple[int, ...]
    ephemeral: bytes
    c_i: bytes = b""
    c_r: bytes = b""
    initiator: Prover | None = None
    responder: Prover | None = None
    steps: dict[str, bytes] = field(default_factory=dict)
    message_1: bytes = b""

    @property
    def suite(self) -> Suite:
        """The selected suite."""
        return SUITES[self.suites[-1]]

    @property
    def initiator_signs(self) -> bool:
        """Whether the Initiator's proof is a signature."""
        return self.method in (0, 1)

    @property
    def responder_signs(self) -> bool:
        """Whether the Responder's proof is a signature."""
        return self.method in (0, 2)

    def __getitem__(self, name: str) -> bytes:
        return self.steps[name]

    def _set(self, name: str, value: bytes) -> bytes:
        self.steps[name] = value
        return value

    # -- message_1 -----------------------------------------------------------------------------------------------

    def compose_message_1(self, ead: bytes = b"", g_x: bytes | None = None) -> bytes:
        """Return message_1; ``ead`` is an encoded sequence."""
        key = self._set("g_x", public(self.suite.curve, self.ephemeral) if g_x is None else g_x)
        parts = dumps(self.method), encode_suites(self.suites), dumps(key), encode_identifier(self.c_i), ead
        self.message_1 = b"".join(parts)
        return self.message_1

    def read_message_1(self, message: bytes) -> None:
        """Take method, suites, key and identifier from message_1."""
        method, suites, key, c_i, *_ = loads_sequence(message)
        self.method, self.suites = method, tuple(suites) if isinstance(suites, list) else (suites,)
        self.message_1 = message
        self.c_i = dumps(c_i) if isinstance(c_i, int) else c_i
        self._set("g_x", key)

    # -- message_2 -----------------------------------------------------------------------------------------------

    def _agree_ephemeral(self, g_y: bytes, theirs: bytes) -> None:
        digest = self._set("h_message_1", sha256(self.message_1).digest())
        th_2 = self._set("th_2", sha256(dumps(g_y) + dumps(digest)).digest())
        g_xy = self._set("g_xy", agree(self.suite.curve, self.ephemeral, theirs))
        self._set("prk_2e", extract(th_2, g_xy))

    def _derive_3e2m(self, private: bytes, theirs: PublicKey) -> None:
        if self.responder_signs:
            self._set("prk_3e2m", self["prk_2e"])
            return
        salt = self._set("salt_3e2m", kdf(self["prk_2e"], 1, self["th_2"], HASH_LENGTH))
        g_rx = self._set("g_rx", agree(self.suite.curve, private, theirs.x))
        self._set("prk_3e2m", extract(salt, g_rx))

    def compose_plaintext_2(
        self, ead: bytes = b"", *, id_cred: bytes | None = None, cred: bytes | None = None, g_y: bytes | None = None
    ) -> bytes:
        """Return PLAINTEXT_2, composed with the Responder's private keys."""
        me = _own(self.responder)
        id_cred, cred = me.id_cred if id_cred is None else id_cred, me.cred if cred is None else cred
        self._agree_ephemeral(
            self._set("g_y", public(self.suite.curve, self.ephemeral) if g_y is None else g_y), self["g_x"]
        )
        self._derive_3e2m(_private(me), _x(self.suite.curve, self["g_x"]))
        c_r = encode_identifier(self.c_r)
        context = self._set("context_2", c_r + id_cred + dumps(self["th_2"]) + cred + ead)
        length = HASH_LENGTH if self.responder_signs else self.suite.mac_length
        proof = mac = self._set("mac_2", kdf(self["prk_3e2m"], 2, context, length))
        if self.responder_signs:
            message = self._set("to_be_signed_2", to_be_signed(id_cred, self["th_2"], cred, ead, mac))
            proof = sign(self.suite.signature.curve, _private(me), message)
        self._set("signature_or_mac_2", proof)
        return self._set("plaintext_2", c_r + compact_id_cred(id_cred) + dumps(proof) + ead)

    def encrypt_2(self, plaintext: bytes) -> bytes:
        """Return message_2, which hides ``plaintext``, and derive TH_3 from it."""
        self._set("plaintext_2", plaintext)
        keystream = self._set("keystream_2", kdf(self["prk_2e"], 0, self["th_2"], len(plaintext)))
        ciphertext = self._set("ciphertext_2", xor(plaintext, keystream))
        self._set("th_3", sha256(dumps(self["th_2"]) + plaintext + _own(self.responder).cred).digest())
        return dumps(self["g_y"] + ciphertext)

    def compose_message_2(self, ead: bytes = b"") -> bytes:
        """Return an honest message_2."""
        return self.encrypt_2(self.compose_plaintext_2(ead))

    def read_message_2(self, message: bytes) -> None:
        """Decrypt message_2, take C_R from it and derive TH_3; nothing is verified."""
        (content,) = loads_sequence(message)
        g_y, ciphertext = self._set("g_y", content[:HASH_LENGTH]), content[HASH_LENGTH:]
        self._agree_ephemeral(g_y, g_y)
        them = _own(self.responder)
        self._derive_3e2m(self.ephemeral, them.key)
        keystream = kdf(self["prk_2e"], 0, self["th_2"], len(ciphertext))
        plaintext = self._set("plaintext_2", xor(ciphertext, keystream))
        c_r = loads_sequence(plaintext)[0]
        self.c_r = dumps(c_r) if isinstance(c_r, int) else c_r
        self._set("th_3", sha256(dumps(self["th_2"]) + plaintext + them.cred).digest())

    # -- message_3 -----------------------------------------------------------------------------------------------

    def _derive_4e3m(self, private: bytes, theirs: PublicKey) -> None:
        if self.initiator_signs:
            self._set("prk_4e3m", self["prk_3e2m"])
            return
        salt = self._set("salt_4e3m", kdf(self["prk_3e2m"], 5, self["th_3"], HASH_LENGTH))
        g_iy = self._set("g_iy", agree(self.suite.curve, private, theirs.x))
        self._set("prk_4e3m", extract(salt, g_iy))

    def _derive_key_3(self) -> None:
        aead = self.suite.aead
        self._set("k_3", kdf(self["prk_3e2m"], 3, self["th_3"], aead.key_length))
        self._set("iv_3", kdf(self["prk_3e2m"], 4, self["th_3"], aead.nonce_length))

    def compose_plaintext_3(
        self, ead: bytes = b"", *, id_cred: bytes | None = None, cred: bytes | None = None
    ) -> bytes:
        """Return PLAINTEXT_3, composed with the Initiator's private keys."""
        me = _own(self.initiator)
        id_cred, cred = me.id_cred if id_cred is None else id_cred, me.cred if cred is None else cred
        self._derive_4e3m(_private(me), _x(self.suite.curve, self["g_y"]))
        context = self._set("context_3", id_cred + dumps(self["th_3"]) + cred + ead)
        length = HASH_LENGTH if self.initiator_signs else self.suite.mac_length
        proof = mac = self._set("mac_3", kdf(self["prk_4e3m"], 6, context, length))
        if self.initiator_signs:
            message = self._set("to_be_signed_3", to_be_signed(id_cred, self["th_3"], cred, ead, mac))
            proof = sign(self.suite.signature.curve, _private(me), message)
        self._set("signature_or_mac_3", proof)
        return self._set("plaintext_3", compact_id_cred(id_cred) + dumps(proof) + ead)

    def encrypt_3(self, plaintext: bytes) -> bytes:
        """Return message_3, which hides ``plaintext``, and derive TH_4 and PRK_out from it."""
        self._set("plaintext_3", plaintext)
        self._derive_key_3()
        data = self._set("a_3", additional_data(self["th_3"]))
        ciphertext = self._set("ciphertext_3", seal(self.suite.aead, self["k_3"], self["iv_3"], plaintext, data))
        self._finish(plaintext, _own(self.initiator).cred)
        return dumps(ciphertext)

    def compose_message_3(self, ead: bytes = b"") -> bytes:
        """Return an honest message_3."""
        return self.encrypt_3(self.compose_plaintext_3(ead))

    def read_message_3(self, message: bytes) -> None:
        """Decrypt message_3 and derive PRK_out; its proof is not verified. Raises ``InvalidTag``."""
        (ciphertext,) = loads_sequence(message)
        self._derive_key_3()
        data = additional_data(self["th_3"])
        plaintext = self._set("plaintext_3", open_(self.suite.aead, self["k_3"], self["iv_3"], ciphertext, data))
        them = _own(self.initiator)
        self._derive_4e3m(self.ephemeral, them.key)
        self._finish(plaintext, them.cred)

    def _finish(self, plaintext: bytes, cred: bytes) -> None:
        th_4 = self._set("th_4", sha256(dumps(self["th_3"]) + plaintext + cred).digest())
        prk_out = self._set("prk_out", kdf(self["prk_4e3m"], 7, th_4, HASH_LENGTH))
        prk_exporter = self._set("prk_exporter", kdf(prk_out, 10, b"", HASH_LENGTH))
        self._set("oscore_master_secret", kdf(prk_exporter, 0, b"", self.suite.application_aead.key_length))
        self._set("oscore_master_salt", kdf(prk_exporter, 1, b"", 8))

    # -- message_4 -----------------------------------------------------------------------------------------------

    def _derive_key_4(self) -> bytes:
        aead = self.suite.aead
        self._set("k_4", kdf(self["prk_4e3m"], 8, self["th_4"], aead.key_length))
        self._set("iv_4", kdf(self["prk_4e3m"], 9, self["th_4"], aead.nonce_length))
        return self._set("a_4", additional_data(self["th_4"]))

    def compose_message_4(self, ead: bytes = b"") -> bytes:
        """Return message_4; ``ead`` is the whole PLAINTEXT_4."""
        data = self._derive_key_4()
        self._set("plaintext_4", ead)
        return dumps(self._set("ciphertext_4", seal(self.suite.aead, self["k_4"], self["iv_4"], ead, data)))

    def read_message_4(self, message: bytes) -> bytes:
        """Return PLAINTEXT_4. Raises ``InvalidTag``."""
        (ciphertext,) = loads_sequence(message)
        data = self._derive_key_4()
        return self._set("plaintext_4", open_(self.suite.aead, self["k_4"], self["iv_4"], ciphertext, data))


def to_be_signed(id_cred: bytes, th: bytes, cred: bytes, ead: bytes, mac: bytes) -> bytes:
    """Return the Sig_structure of a proof."""
    return dumps(["Signature1", id_cred, dumps(th) + cred + ead, mac])


def additional_data(th: bytes) -> bytes:
    """Return the Enc_structure of message_3 or message_4."""
    return dumps(["Encrypt0", b"", th])


def _vault(curve: Curve, private: bytes) -> tuple[SoftwareVault, Handle]:
    vault = SoftwareVault(bytes(64), {})
    return vault, vault.import_key(curve, private)


def public(curve: Curve, private: bytes) -> bytes:
    """Return a public key as EDHOC sends it."""
    vault, handle = _vault(curve, private)
    return vault.public(handle).x


def agree(curve: Curve, private: bytes, x: bytes) -> bytes:
    """Return the Diffie-Hellman secret of a private key and a public one as EDHOC sends it."""
    vault, handle = _vault(curve, private)
    return vault.agree(handle, decode_public(curve, x))


def sign(curve: Curve, private: bytes, message: bytes) -> bytes:
    """Return an ES256 or EdDSA signature."""
    vault, handle = _vault(curve, private)
    return vault.sign(handle, message)


def _x(curve: Curve, x: bytes) -> PublicKey:
    return decode_public(curve, x)


def _own(prover: Prover | None) -> Prover:
    if prover is None:
        raise ValueError("the run does not know this side")
    return prover


def _private(prover: Prover) -> bytes:
    if prover.private_key is None:
        raise ValueError("the run does not have this side's private key")
    return prover.private_key
