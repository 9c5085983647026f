"""Runs beside the bench, where python-cwt is: it needs an older cbor2 than the reference, so nothing of it is here.

Its one argument is JSON: private keys on P-256 and contents, in hexadecimal. A line with versions goes out first; then
each line ``{"turn": name, "times": n}`` is answered with ``{"seconds": s}``, the processor time of so many objects,
made and opened with the header of the grammar of objects, or of so many chains of credentials, verified link by link
from the anchor on. ``{"turn": name, "times": 0}`` is answered with one such
``{"object": hexadecimal}``, and with ``"object"`` in the question by the ``{"contents": hexadecimal}`` of it.
"""

import gc
import json
import sys
from functools import partial
from importlib.metadata import version
from time import process_time
from typing import Any

import cbor2
import cwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

SENDER, READER, ANCHOR = b"\x01", b"\x11", b"anchor"
HEADER = {1: -7, 3: 60, 4: SENDER, 15: {6: 1_800_000_000, -65537: READER, -65538: 7}, 16: 65002}
SEALED = {1: 1, 3: 18, 16: 65002}
AGREEMENT = {1: -25}
#: COSE_KDF_Context: A128GCM, nothing of the sender, the reader's identifier, 128 bits, the encoded agreement.
CONTEXT = [1, [None, None, None], [READER, None, None], [128, b"\xa1\x01\x38\x18"]]


def key(kid: bytes, algorithm: int, private: bytes, public_only: bool) -> Any:
    """Return a key on P-256."""
    point = derive_private_key(int.from_bytes(private, "big"), SECP256R1()).public_key().public_numbers()
    members = {1: 2, 2: kid, 3: algorithm, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    return cwt.COSEKey.new(members if public_only else {**members, -4: private})


def main() -> None:
    """Answer until the input ends."""
    given = {name: bytes.fromhex(value) for name, value in json.loads(sys.argv[1]).items()}
    signer, verifier = (key(SENDER, -7, given["signer"], public_only) for public_only in (False, True))
    reader, to_reader = (key(READER, -25, given["reader"], public_only) for public_only in (False, True))
    cose = cwt.COSE.new()

    def sign() -> Any:
        return cose.encode(given["contents"], signer, protected=HEADER)

    def seal() -> Any:
        recipient = cwt.Recipient.new(AGREEMENT, {4: READER}, recipient_key=to_reader, context=CONTEXT)
        return cose.encode(sign(), protected=SEALED, recipients=[recipient])

    def verify(made: bytes) -> Any:
        return cose.decode(made, verifier)

    def unseal(made: bytes) -> Any:
        return verify(cose.decode(made, reader, context=CONTEXT))

    anchor = key(ANCHOR, -7, given["anchor"], True)

    def follow(links: list[bytes]) -> Any:
        holder: dict[Any, Any] = {}
        for link in links:
            holder = cwt.decode(link, cwt.COSEKey.new({3: -7, **holder}) if holder else anchor)[8][1]
        return holder[2]

    turns: dict[str, tuple[Any, Any, Any]] = {
        "signed": (sign, verify, given["contents"]),
        "sealed": (seal, unseal, given["contents"]),
    }
    for name in ("chain-1", "chain-3"):
        items = cbor2.loads(given[name])
        links = [cbor2.dumps(cbor2.CBORTag(18, item)) for item in items]
        turns[name] = (partial(list, links), follow, cbor2.loads(items[-1][2])[8][1][2])
    print(json.dumps({"cwt": version("cwt"), "cryptography": version("cryptography")}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        make, read, expected = turns[question["turn"]]
        if "object" in question:
            answer = {"contents": read(bytes.fromhex(question["object"])).hex()}
        elif question["times"]:
            gc.collect()
            started = process_time()
            for _ in range(question["times"]):
                assert read(make()) == expected
            answer = {"seconds": process_time() - started}
        else:
            answer = {"object": make().hex()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
