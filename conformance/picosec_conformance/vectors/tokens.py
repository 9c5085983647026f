"""Vectors of anonymous tokens: issued, fetched, spent and redeemed (spec/v1/identity-tokens.md)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from picosec.crypto.curves import P256_ORDER, Curve
from picosec.crypto.p256 import decode_scalar, encode_point
from picosec.crypto.voprf import blind
from picosec.messaging.cbor import dumps, loads
from picosec_conformance.objects import ALG, CCM_8, CONTENT_TYPE, EPHEMERAL, IV, KID, NOW, TYP, Key, Sealed
from picosec_conformance.tokens import (
    LAMP,
    LARGEST_REDEMPTION,
    LARGEST_REQUEST,
    MOST,
    SCOPE,
    SWITCHING,
    TokenKey,
    envelope,
    reading,
)
from picosec_conformance.vectors import (
    token_operations,  # noqa: F401 - registers the operations
    voprf_operations,  # noqa: F401 - registers the operations
)
from picosec_conformance.vectors.model import Case, VectorFile
from picosec_conformance.vectors.objects_cast import FLAGS as OBJECT_FLAGS
from picosec_conformance.vectors.objects_cast import secret
from picosec_conformance.vectors.operations import accepted, ask, rejected

FLAGS: Final = {
    **{name: OBJECT_FLAGS[name] for name in ("Algorithm", "Form", "Forgery", "Headers")},
    "Contents": "It decrypts, and is no token with a request.",
    "Short": "A short answer gives some tokens, and leaves open which.",
    "Allowance": "One peer who gets tokens without end needs no others.",
    "NoPoint": "A point of another curve that is multiplied with a private scalar gives away a part of it.",
    "OtherKey": "A key for one person tags his tokens.",
    "Spent": "A token that is good twice is as good as money that can be copied.",
    "Scope": "Who may wash may not open the cellar.",
    "Late": "A token for this week is handed over in the next.",
}

KEY: Final = TokenKey(b"\x51", secret("token key"))
OTHER: Final = TokenKey(b"\x52", secret("another token key"))
READER: Final = reading(b"\x61", Curve.P256, secret("token reader"))
SECOND: Final = reading(b"reader", Curve.X25519, secret("second token reader"))
NONCES: Final = tuple(secret(f"nonce {number}") for number in range(MOST + 1))
BLINDS: Final = tuple(secret(f"blind {number}") for number in range(MOST + 1))
BLINDED: Final = tuple(
    encode_point(blind(nonce, decode_scalar(scalar))) for nonce, scalar in zip(NONCES, BLINDS, strict=True)
)
_NO_POINT: Final = b"\x02" + (7).to_bytes(32, "big")  # there is none with this x


def files() -> Iterator[VectorFile]:
    """Yield the files about tokens."""
    for name, operation, title, cases in (
        ("token_issue", "token.issue", "Tokens are issued, or not", (*_issued(), *_not_issued())),
        ("token_fetch", "token.fetch", "Tokens are made of what an issuer answered, or not", (*_fetched(), *_unfit())),
        ("token_spend", "token.spend", "Tokens are spent on requests", tuple(_spent())),
        (
            "token_redeem",
            "token.redeem",
            "Tokens are taken, or refused",
            (*_redeemed(), *_forms(), *_headers(), *_refused()),
        ),
    ):
        used = {flag for case in cases for flag in case.flags}
        flags = {flag: text for flag, text in FLAGS.items() if flag in used}
        yield VectorFile("identity", name, operation, title, flags, cases)


def _keys(**more: Any) -> list[dict[str, Any]]:
    row = {"kid": KEY.kid, "private_key": KEY.scalar, "scope": SCOPE, "allowance": MOST, **more}
    other = {"kid": OTHER.kid, "private_key": OTHER.scalar, "scope": SCOPE, "allowance": 1}
    return [{name: value for name, value in row.items() if value is not None}, other]


# -- issuing -----------------------------------------------------------------------------------------------------


def _asking(request: bytes, keys: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    inputs = {"keys": keys or _keys(), "request": request, "now": NOW, "r": secret("proof"), **more}
    return {name: value for name, value in inputs.items() if value is not None}


def _request(count: int = 1, kid: bytes = KEY.kid) -> bytes:
    return dumps([kid, list(BLINDED[:count])])


def _issued() -> Iterator[Case]:
    for id, text, requirement, inputs in (
        ("one", "One token.", "IDN-1370", _asking(_request())),
        ("two", "Two tokens, and one proof for both.", "IDN-1370", _asking(_request(2))),
        ("most", "Sixteen tokens.", "IDN-1310", _asking(_request(MOST))),
        ("same", "The same element twice.", "IDN-1370", _asking(dumps([KEY.kid, [BLINDED[0], BLINDED[0]]]))),
        ("last-second", "The key ends now.", "IDN-1340", _asking(_request(), _keys(expires=NOW))),
        ("no-clock", "A key that ended, without a clock.", "IDN-1340", _asking(_request(), _keys(expires=1), now=None)),
        ("up-to-the-allowance", "The last of sixteen.", "IDN-1360", _asking(_request(), before=MOST - 1)),
        (
            "up-to-the-room",
            "The last for which there is room.",
            "IDN-1360",
            _asking(_request(), _keys(room=20), before=4, others=15),
        ),
    ):
        yield accepted("token.issue", id, text, [requirement], inputs)


def _not_issued() -> Iterator[Case]:
    good = _request()

    def no(id: str, text: str, requirement: str, error: str, flag: str, request: bytes, **more: Any) -> Case:
        return rejected("token.issue", id, text, [requirement], _asking(request, **more), error, [flag])

    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("no-elements", "No elements.", dumps([KEY.kid, []])),
        ("no-kid", "The key is not named.", dumps([list(BLINDED[:1])])),
        ("empty-kid", "A name of no bytes.", dumps([b"", list(BLINDED[:1])])),
        ("long-kid", "A name of 33 bytes.", dumps([bytes(33), list(BLINDED[:1])])),
        ("short-element", "An element of 32 bytes.", dumps([KEY.kid, [BLINDED[0][:-1]]])),
        ("uncompressed", "An element of 65 bytes.", dumps([KEY.kid, [bytes([4]) + bytes(64)]])),
        ("element-as-text", "An element as text.", dumps([KEY.kid, ["x" * 33]])),
        ("element-outside", "The element is not in an array.", dumps([KEY.kid, BLINDED[0]])),
        ("more", "A third part.", dumps([KEY.kid, list(BLINDED[:1]), 0])),
        ("map", "A map.", dumps({1: KEY.kid, 2: list(BLINDED[:1])})),
        ("cut", "Cut short by a byte.", good[:-1]),
        ("behind", "A byte behind it.", good + b"\x00"),
    ):
        yield no(id, text, "IDN-1320", "malformed", "Form", data)
    long = b"\x9f" + good[1:] + b"\xff"
    yield no("indefinite", "An array of indefinite length.", "IDN-1320", "not_deterministic", "Form", long)
    yield no("too-many", "Seventeen tokens.", "IDN-1310", "too_large", "Form", _request(MOST + 1))
    large = good + bytes(LARGEST_REQUEST + 1 - len(good))
    yield no("too-large", "1,025 bytes.", "IDN-1310", "too_large", "Form", large)
    for id, text, element in (
        ("no-point", "No point has this x.", _NO_POINT),
        ("beyond", "x is the order of the field.", b"\x02" + b"\xff" * 32),
        ("infinity", "33 zeros, for infinity.", bytes(33)),
        ("other-tag", "Another first byte.", b"\x05" + BLINDED[0][1:]),
    ):
        yield no(id, text, "IDN-1350", "bad_key", "NoPoint", dumps([KEY.kid, [BLINDED[0], element]]))
    yield no("unknown", "A key that is not there.", "IDN-1330", "unknown_credential", "OtherKey", _request(kid=b"\x53"))
    ended = _keys(expires=NOW - 1)
    yield no("ended", "The key ended a second ago.", "IDN-1340", "stale", "Late", good, keys=ended)
    for id, text, request, more in (
        ("allowance", "The seventeenth for a peer.", good, {"before": MOST}),
        ("more-than-is-left", "Two, where one is left.", _request(2), {"before": MOST - 1}),
        ("room", "The twenty-first, where there is room for twenty.", good, {"keys": _keys(room=20), "others": 20}),
        ("none", "A key that nobody gets tokens of.", good, {"keys": _keys(allowance=0)}),
    ):
        yield no(id, text, "IDN-1360", "exhausted", "Allowance", request, **more)


# -- fetching ----------------------------------------------------------------------------------------------------


def _answer(count: int, key: TokenKey = KEY) -> bytes:
    """Return what a key makes of so many elements."""
    result = ask("token.issue", _asking(dumps([KEY.kid, list(BLINDED[:count])]), [{**_keys()[0], **_as(key)}]))
    assert not isinstance(result, str)
    return bytes.fromhex(result.output["response"])


def _as(key: TokenKey) -> dict[str, Any]:
    return {"private_key": key.scalar}


def _fetching(count: int, response: bytes, public: TokenKey = KEY) -> dict[str, Any]:
    return {
        "kid": KEY.kid,
        "public_key": encode_point(public.secret.public),
        "nonces": list(NONCES[:count]),
        "blinds": list(BLINDS[:count]),
        "response": response,
    }


def _fetched() -> Iterator[Case]:
    for id, text, count in (("one", "One token.", 1), ("two", "Two tokens.", 2), ("most", "Sixteen tokens.", MOST)):
        yield accepted("token.fetch", id, text, ["IDN-1800"], _fetching(count, _answer(count)))


def _unfit() -> Iterator[Case]:
    elements, proof = loads(_answer(2))

    def no(id: str, text: str, requirement: str, error: str, flag: str, response: Any) -> Case:
        inputs = _fetching(2, response if isinstance(response, bytes) else dumps(response))
        return rejected("token.fetch", id, text, [requirement], inputs, error, [flag])

    c, s = proof[:32], proof[32:]
    for id, text, response in (
        ("other-key", "Another key, with a proof of that.", _answer(2, OTHER)),
        ("swapped", "The elements are in the other order.", [elements[::-1], proof]),
        ("one-of-another", "One element is of another key.", [[elements[0], loads(_answer(2, OTHER))[0][1]], proof]),
        ("challenge", "A bit of c is another one.", [elements, bytes([c[0] ^ 1]) + c[1:] + s]),
        ("answer", "A bit of s is another one.", [elements, c + s[:-1] + bytes([s[-1] ^ 1])]),
        ("zeros", "A proof of zeros.", [elements, bytes(64)]),
        ("proof-of-one", "The proof is for the first element alone.", [elements, loads(_answer(1))[1]]),
        ("beyond", "s is the order of the group more.", [elements, c + _raised(s)]),
        ("unchanged", "The elements come back as they went.", [list(BLINDED[:2]), proof]),
    ):
        yield no(id, text, "IDN-1800", "authentication_failed", "OtherKey", response)
    for id, text, response in (
        ("empty", "No bytes.", b""),
        ("no-proof", "No proof.", [elements]),
        ("short-proof", "A proof of 63 bytes.", [elements, proof[:-1]]),
        ("two-proofs", "A proof for each.", [elements, proof, proof]),
        ("proof-in-parts", "c and s apart.", [elements, [c, s]]),
        ("short-element", "An element of 32 bytes.", [[elements[0], elements[1][:-1]], proof]),
        ("behind", "A byte behind it.", dumps([elements, proof]) + b"\x00"),
    ):
        yield no(id, text, "IDN-1810", "malformed", "Form", response)
    for id, text, response in (
        ("fewer", "One element for two.", [elements[:1], proof]),
        ("more", "Three elements for two.", [[*elements, elements[0]], proof]),
    ):
        yield no(id, text, "IDN-1810", "malformed", "Short", response)
    for id, text, element in (("no-point", "No point has this x.", _NO_POINT), ("infinity", "Infinity.", bytes(33))):
        yield no(id, text, "IDN-1820", "bad_key", "NoPoint", [[elements[0], element], proof])


def _raised(scalar: bytes) -> bytes:
    """Return a scalar that stands for the same, and is not below the order of the group where there is room for it."""
    raised = int.from_bytes(scalar, "big") + P256_ORDER
    return raised.to_bytes(32, "big") if raised < 2**256 else b"\xff" * 32


# -- spending and redeeming --------------------------------------------------------------------------------------


def _spent() -> Iterator[Case]:
    token = {"kid": KEY.kid, "nonce": NONCES[0], "output": KEY.secret.output(NONCES[0])}
    code, path, content_format, payload = SWITCHING
    for id, text, reader, request in (
        ("lamp", "The lamp is to go on.", READER, (code, path, content_format, payload)),
        ("x25519", "For a reader's key on X25519.", SECOND, (code, path, content_format, payload)),
        ("get", "A request without a payload.", READER, (1, "/sensors/temperature", None, b"")),
    ):
        inputs = {
            "token": token,
            "request": dict(zip(("code", "path", "content_format", "payload"), request, strict=True)),
            "reader": {"kid": reader.kid, "curve": _CURVES[reader.curve], "private_key": reader.private},
            "iv": secret("token nonce")[:13],
            "ephemeral_key": secret("token ephemeral"),
        }
        yield accepted("token.spend", id, text, ["IDN-1850"], inputs)


_CURVES: Final = {Curve.P256: "P-256", Curve.X25519: "X25519"}


def _sealed(reader: Key = READER, algorithm: int = 30) -> Sealed:
    return envelope(reader, random.Random(f"{reader.kid.hex()} {algorithm}"), algorithm)


def _redemption(contents: Any = None, reader: Key = READER) -> bytes:
    contents = KEY.contents(NONCES[0]) if contents is None else contents
    return _sealed(reader).close(contents if isinstance(contents, bytes) else dumps(contents))


def _taking(data: bytes, keys: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    readers = [{"kid": key.kid, "curve": _CURVES[key.curve], "private_key": key.private} for key in (READER, SECOND)]
    inputs = {"keys": keys or _keys(), "readers": readers, "now": NOW, **more, "redemption": data}
    return {name: value for name, value in inputs.items() if value is not None}


def _redeemed() -> Iterator[Case]:
    good, twice = _redemption(), KEY.contents(NONCES[1])
    for id, text, requirement, inputs in (
        ("lamp", "The lamp goes on.", "IDN-1490", _taking(good)),
        ("x25519", "For the reader's key on X25519.", "IDN-1490", _taking(_redemption(reader=SECOND))),
        ("last-second", "The key ends now.", "IDN-1450", _taking(good, _keys(expires=NOW))),
        ("no-clock", "The key ended, without a clock.", "IDN-1450", _taking(good, _keys(expires=1), now=None)),
        ("another-token", "Another token was spent.", "IDN-1460", _taking(good, spent=[_redemption(twice)])),
        (
            "same-nonce",
            "The nonce was spent with another key.",
            "IDN-1460",
            _taking(good, spent=[_redemption(OTHER.contents(NONCES[0]))]),
        ),
        (
            "last-room",
            "The last for which there is room.",
            "IDN-1480",
            _taking(good, _keys(room=2), spent=[_redemption(twice)]),
        ),
        (
            "read",
            "A request without a payload.",
            "IDN-1490",
            _taking(_redemption(KEY.contents(NONCES[0], [1, "/sensors/temperature", None, b""]))),
        ),
    ):
        yield accepted("token.redeem", id, text, [requirement], inputs)
    for algorithm, name in ((1, "a128gcm"), (24, "chacha20")):
        data = _sealed(algorithm=algorithm).close(dumps(KEY.contents(NONCES[0])))
        yield accepted("token.redeem", name, f"Sealed with algorithm {algorithm}.", ["IDN-1410"], _taking(data))


def _no(id: str, text: str, requirement: str, error: str, flag: str, data: bytes, **more: Any) -> Case:
    return rejected("token.redeem", id, text, [requirement], _taking(data, **more), error, [flag])


def _forms() -> Iterator[Case]:
    good = _redemption()
    kid, nonce, output, request = KEY.contents(NONCES[0])
    for id, text, data in (
        ("empty", "No bytes.", b""),
        ("untagged", "Without its tag.", good[2:]),
        ("cut", "Cut short by a byte.", good[:-1]),
        ("behind", "A byte behind it.", good + b"\x00"),
    ):
        yield _no(id, text, "IDN-1400", "malformed", "Form", data)
    large = good + bytes(LARGEST_REDEMPTION + 1 - len(good))
    yield _no("too-large", "4,097 bytes.", "IDN-1390", "too_large", "Form", large)
    for id, text, contents in (
        ("contents-empty", "Nothing is inside.", b""),
        ("no-request", "No request.", [kid, nonce, output]),
        ("more", "A fifth part.", [kid, nonce, output, request, 0]),
        ("short-nonce", "A nonce of 31 bytes.", [kid, nonce[:-1], output, request]),
        ("short-output", "An output of 31 bytes.", [kid, nonce, output[:-1], request]),
        ("nonce-as-text", "A nonce as text.", [kid, "n" * 32, output, request]),
        ("empty-kid", "A name of no bytes.", [b"", nonce, output, request]),
        ("long-kid", "A name of 33 bytes.", [bytes(33), nonce, output, request]),
        ("request-inside", "The request as a byte string.", [kid, nonce, output, dumps(request)]),
        ("no-method", "A request with code 0.", [kid, nonce, output, [0, *request[1:]]]),
        ("response", "A request with code 2.05.", [kid, nonce, output, [0x45, *request[1:]]]),
        ("contents-behind", "A byte behind the contents.", dumps([kid, nonce, output, request]) + b"\x00"),
    ):
        yield _no(id, text, "IDN-1400", "malformed", "Contents", _redemption(contents))
    long = _redemption(b"\x9f" + dumps([kid, nonce, output, request])[1:] + b"\xff")
    yield _no("indefinite", "Contents of indefinite length.", "IDN-1400", "not_deterministic", "Contents", long)


def _headers() -> Iterator[Case]:
    contents = dumps(KEY.contents(NONCES[0]))
    for id, text, header, unprotected, reader in (
        ("no-algorithm", "alg is missing.", {ALG: None}, {}, {}),
        ("no-type", "typ is missing.", {TYP: None}, {}, {}),
        ("object", "typ of an object.", {TYP: 65002}, {}, {}),
        ("no-content-type", "The content type is missing.", {CONTENT_TYPE: None}, {}, {}),
        ("other-content", "The content type of a signed object.", {CONTENT_TYPE: 18}, {}, {}),
        ("strange", "A parameter that is not listed.", {99: 0}, {}, {}),
        ("strange-unprotected", "One that is not protected.", {}, {99: 0}, {}),
        ("no-kid", "The reader's key is not named.", {}, {}, {KID: None}),
        ("long-kid-outside", "A name of 33 bytes.", {}, {}, {KID: bytes(33)}),
        ("no-ephemeral", "No ephemeral key.", {}, {}, {EPHEMERAL: None}),
        ("strange-recipient", "A parameter of the recipient's that is not listed.", {}, {}, {99: 0}),
    ):
        made = _sealed()
        made.header, made.unprotected, made.reader = (
            {label: value for label, value in {**before, **change}.items() if value is not None}
            for before, change in ((made.header, header), (made.unprotected, unprotected), (made.reader, reader))
        )
        yield _no(id, text, "IDN-1400", "malformed", "Headers", made.close(contents))
    short = _sealed()
    short.unprotected = {IV: bytes(11)}
    yield _no("short-iv", "A nonce of 11 bytes.", "IDN-1400", "malformed", "Headers", short.close(contents))


def _refused() -> Iterator[Case]:
    good = _redemption()
    kid, nonce, output, request = KEY.contents(NONCES[0])
    yield _no(
        "short-tag",
        "A tag of eight bytes.",
        "IDN-1410",
        "unsupported_algorithm",
        "Algorithm",
        _sealed(algorithm=CCM_8).close(dumps([kid, nonce, output, request])),
    )
    other = _sealed()
    other.agreement = {ALG: -27}
    data = other.close(dumps([kid, nonce, output, request]))
    yield _no("agreement", "Another agreement.", "IDN-1410", "unsupported_algorithm", "Algorithm", data)
    stranger = reading(b"\x62", Curve.P256, READER.private)
    for id, text, data in (
        ("other-reader", "For a reader's key of another name.", _redemption(reader=stranger)),
        ("other-key", "A token of a key that is not there.", _redemption([b"\x53", nonce, output, request])),
    ):
        yield _no(id, text, "IDN-1420", "unknown_credential", "OtherKey", data)
    imposter = _sealed(reading(READER.kid, Curve.P256, secret("nobody"))).close(dumps(KEY.contents(NONCES[0])))
    moved = _sealed()
    moved.party_v = [None, None, None]
    for id, text, data in (
        ("tampered", "A bit of the ciphertext is another one.", _bent(good)),
        ("nobody", "Sealed for another private key.", imposter),
        ("no-party", "The derivation does not name the reader.", moved.close(dumps(KEY.contents(NONCES[0])))),
    ):
        yield _no(id, text, "IDN-1430", "authentication_failed", "Forgery", data)
    for id, text, contents in (
        ("forged", "An output of zeros.", [kid, nonce, bytes(32), request]),
        ("other-nonce", "The output for another nonce.", [kid, NONCES[1], output, request]),
        ("of-another-key", "The output of another key.", [OTHER.kid, nonce, output, request]),
    ):
        yield _no(id, text, "IDN-1440", "authentication_failed", "Forgery", _redemption(contents))
    ended = _keys(expires=NOW - 1)
    yield _no("ended", "The key ended a second ago.", "IDN-1450", "stale", "Late", good, keys=ended)
    yield _no("spent", "The same redemption.", "IDN-1460", "spent", "Spent", good, spent=[good])
    again = _redemption(KEY.contents(NONCES[0], [1, "/sensors/temperature", None, b""]), SECOND)
    yield _no("spent-otherwise", "The token in another redemption.", "IDN-1460", "spent", "Spent", again, spent=[good])
    for id, text, asked in (
        ("other-path", "Another path.", [3, "/actuators/door", 60, b"\xf5"]),
        ("other-method", "Another method on a path that is granted.", [1, LAMP, None, b""]),
        ("below", "A path below one that is granted.", [3, f"{LAMP}/on", 60, b"\xf5"]),
        ("no-bit", "A method that no scope can have.", [8, LAMP, 60, b"\xf5"]),
    ):
        yield _no(id, text, "IDN-1470", "forbidden", "Scope", _redemption(KEY.contents(nonce, asked)))
    full = {"keys": _keys(room=1), "spent": [_redemption(KEY.contents(NONCES[1]))]}
    yield _no("no-room", "One was spent, where there is room for one.", "IDN-1480", "exhausted", "Spent", good, **full)


def _bent(data: bytes) -> bytes:
    place = len(data) // 2 - 40
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
