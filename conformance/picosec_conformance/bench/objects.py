"""Objects: one made and opened, by the reference, by python-cwt in a process of its own, and by bare primitives.

*Signed* is a COSE_Sign1 with ES256, whose header has what the grammar of objects lists; *sealed* is the same inside of
a COSE_Encrypt with A128GCM, for one reader on P-256 by ECDH-ES. The reference makes and judges objects as a whole: keys
by identifier and purpose, recipient, time and number. The others do the COSE alone. The reference signs with the nonces
of RFC 6979, the others with random ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from hmac import digest
from itertools import count
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.objects.compose import sealed_object
from picosec.objects.inbox import Inbox
from picosec.objects.keys import Keys, OwnKey, Purpose, SenderKey
from picosec.objects.statement import Statement
from picosec_conformance.bench import credentials
from picosec_conformance.bench.report import MeasurementFailed
from picosec_conformance.peers.missing import PeerMissing

SENDER, READER = b"\x01", b"\x11"
NOW: Final = 1_800_000_000
CONTENTS: Final = b"\x83\x03\x6e/actuators/lamp\x41\xf5"
_CHILD = Path(__file__).with_name("cwt_peer.py")
_PATIENCE = 120.0
#: What python-cwt is asked to do.
TURNS: Final = ("signed", "sealed", "chain-1", "chain-3")

#: What is measured: makes one object, opens it, and returns it.
Turn = Callable[[], bytes]


def reference() -> dict[str, Turn]:
    """Return both turns of the reference."""
    vault = software_vault(os.urandom)
    signer, reader = (vault.import_key(Curve.P256, private(name)) for name in ("signer", "reader"))
    key = OwnKey(SENDER, signer, Purpose.PLATFORM)
    own = Keys([OwnKey(READER, reader, Purpose.PLATFORM)])
    inbox = Inbox(vault, own, Keys([SenderKey(SENDER, vault.public(signer), Purpose.PLATFORM)]))
    public, numbers = vault.public(reader), count()

    def make() -> bytes:
        said = Statement(SENDER, READER, Purpose.PLATFORM, next(numbers), NOW, 60, CONTENTS)
        return said.sign(vault, key).encode()

    def signed() -> bytes:
        made = make()
        inbox.open(made, NOW)
        return made

    def sealed() -> bytes:
        made = sealed_object(make(), Purpose.PLATFORM, public, READER, vault, os.urandom, Aead.A128GCM)
        inbox.open(made, NOW)
        return made

    return {"signed": signed, "sealed": sealed}


def bare() -> dict[str, Turn]:
    """Return the cryptography of both turns and nothing else: no encoding, and keys that are decoded beforehand."""
    curve, agreement, algorithm = SECP256R1(), ECDH(), ECDSA(SHA256())
    signer = derive_private_key(int.from_bytes(private("signer"), "big"), curve)
    reader = derive_private_key(int.from_bytes(private("reader"), "big"), curve)
    verifier, to_reader = signer.public_key(), reader.public_key()
    structure = bytes(80) + CONTENTS

    def signed() -> bytes:
        signature = signer.sign(structure, algorithm)
        verifier.verify(signature, structure, algorithm)
        return signature

    def sealed() -> bytes:
        signature = signer.sign(structure, algorithm)
        ephemeral = generate_private_key(curve)
        point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        nonce, plaintext = os.urandom(12), structure + signature
        ciphertext = AESGCM(_key(ephemeral.exchange(agreement, to_reader))).encrypt(nonce, plaintext, b"")
        received = EllipticCurvePublicKey.from_encoded_point(curve, point)
        AESGCM(_key(reader.exchange(agreement, received))).decrypt(nonce, ciphertext, b"")
        verifier.verify(signature, structure, algorithm)
        return ciphertext

    return {"signed": signed, "sealed": sealed}


def _key(secret: bytes) -> bytes:
    """HKDF with one block, and a context as long as that of an object."""
    return digest(digest(bytes(32), secret, "sha256"), bytes(26) + b"\x01", "sha256")[:16]


class Elsewhere:
    """One of the turns of python-cwt, timed by the process that it runs in.

    Every method raises ``MeasurementFailed`` when that process ends.
    """

    def __init__(self, ask: Callable[[dict[str, Any]], dict[str, Any]], turn: str) -> None:
        self._ask = ask
        self._turn = turn

    def seconds(self, times: int) -> float:
        """Return the processor time that so many objects took."""
        return float(self._ask({"turn": self._turn, "times": times})["seconds"])

    def make(self) -> bytes:
        """Return an object with number 7."""
        return bytes.fromhex(self._ask({"turn": self._turn, "times": 0})["object"])

    def open(self, data: bytes) -> bytes:
        """Return the contents of an object."""
        return bytes.fromhex(self._ask({"turn": self._turn, "object": data.hex()})["contents"])


@contextmanager
def cwt(folder: Path) -> Iterator[tuple[dict[str, Elsewhere], Mapping[str, str]]]:
    """Run python-cwt from ``folder``, where its own cbor2 is as well, and give its turns and its versions.

    Raises ``PeerMissing`` when it is not there, ``MeasurementFailed`` when it breaks.
    """
    if not (folder / "cwt").is_dir():
        raise PeerMissing(f"cwt is not in {folder}: pip install --target {folder} 'cwt>=3.3,<4' 'cbor2<6'")
    given = {name: private(name).hex() for name in ("signer", "reader")}
    given |= {name: data.hex() for name, data in credentials.for_peer().items()}
    command = [sys.executable, "-P", str(_CHILD), json.dumps({**given, "contents": CONTENTS.hex()})]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_peer, from_peer = process.stdin, process.stdout

        def ask(question: dict[str, Any]) -> dict[str, Any]:
            to_peer.write(json.dumps(question) + "\n")
            to_peer.flush()
            line = from_peer.readline()
            if not line:
                raise MeasurementFailed("python-cwt ended without an answer")
            answer: dict[str, Any] = json.loads(line)
            return answer

        first = from_peer.readline()
        if not first:
            raise MeasurementFailed("python-cwt does not start")
        try:
            yield {turn: Elsewhere(ask, turn) for turn in TURNS}, json.loads(first)
        finally:
            to_peer.close()
            process.wait(_PATIENCE)


def private(name: str) -> bytes:
    """Return the private key that a name stands for."""
    return sha256(b"PicoSec bench: " + name.encode()).digest()
