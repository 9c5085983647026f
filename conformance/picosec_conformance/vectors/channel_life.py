"""Vectors of renewal (spec/v1/channel-life.md): offers, and the keys that two of them lead to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from picosec.channel.channels import channel_from_session
from picosec.channel.credentials import Credential
from picosec.channel.renewal import Offer, renewal_context, renewed
from picosec.channel.session import Role, Session
from picosec.crypto.curves import Curve, PublicKey
from picosec.crypto.suites import SUITES
from picosec_conformance.vectors.edhoc_message_1 import FLAGS as FLAGS_1
from picosec_conformance.vectors.model import Case, VectorFile, octets
from picosec_conformance.vectors.operations import Result, accepted, operation, rejected

_FLAGS: Final = {
    "Encoding": "A reader that takes two encodings derives two contexts, and the ends disagree.",
    "EqualIdentifiers": "Both directions share a key, and their first messages share a nonce.",
    "Grammar": FLAGS_1["Grammar"],
    "LongIdentifier": "An identifier that does not fit is cut, and two identifiers become one nonce.",
    "ShortNonce": "A nonce of few bits comes again, and with it the keys of another time.",
}

#: What the key schedule needs of the peer: nothing.
_NOBODY: Final = Credential(b"", PublicKey(Curve.P256, b"", b"", None))
_FIRST: Final = Offer(bytes.fromhex("a0a1a2a3a4a5a6a7"), b"\x0c")
_SECOND: Final = Offer(bytes.fromhex("b0b1b2b3b4b5b6b7"), b"\x0d")


@operation("channel.offer.decode")
def _decode(inputs: dict[str, Any]) -> Result:
    offer = Offer.decode(octets(inputs, "payload"))
    return Result({"nonce": offer.nonce, "identifier": offer.identifier})


@operation("channel.renew")
def _renew(inputs: dict[str, Any]) -> Result:
    """Renew as the end that began; the other end has the same keys with sender and recipient exchanged."""
    role = Role(inputs["role"])
    session = Session(role, 3, inputs["suite"], b"\x0a", b"\x0b", _NOBODY, octets(inputs, "prk_out"))
    first, second = (Offer.decode(octets(inputs, name)) for name in ("first", "second"))
    session = renewed(session, first, second, began=True)
    context = channel_from_session(session).context
    given = session.oscore()
    return Result(
        {
            "sender_id": context.sender_id,
            "recipient_id": context.recipient_id,
            "sender_key": context.sender.key,
            "recipient_key": context.recipient.key,
        },
        {
            "context": renewal_context(first, second),
            "prk_out": session.prk_out,
            "master_secret": given.master_secret,
            "master_salt": given.master_salt,
        },
    )


def files() -> Iterator[VectorFile]:
    """Yield the files about renewal."""
    yield _file("channel_offer_decode", "channel.offer.decode", "Offers of new keys", tuple(_offers()))
    yield _file("channel_renew", "channel.renew", "Keys that follow from two offers", tuple(_renewals()))


def _file(name: str, operation: str, title: str, cases: tuple[Case, ...]) -> VectorFile:
    used = {flag for case in cases for flag in case.flags}
    flags = {name: text for name, text in _FLAGS.items() if name in used}
    return VectorFile("channel", name, operation, title, flags, cases)


def _offers() -> Iterator[Case]:
    name = "channel.offer.decode"
    for id, text, payload in (
        ("short", "An identifier of one byte stands as a byte string here.", "8248a0a1a2a3a4a5a6a7410c"),
        ("empty", "The empty identifier is one.", "8248a0a1a2a3a4a5a6a740"),
        (
            "seven",
            "Seven bytes, the most that a 13-byte nonce leaves room for.",
            "8248a0a1a2a3a4a5a6a74701020304050607",
        ),
    ):
        yield accepted(name, id, text, ["CHN-1300"], {"payload": bytes.fromhex(payload)})
    for id, text, flag, problem, payload in (
        (
            "integer",
            "An identifier as an integer, as EDHOC has it.",
            "Grammar",
            "bad_request",
            "8248a0a1a2a3a4a5a6a70c",
        ),
        ("one-item", "The identifier is missing.", "Grammar", "bad_request", "8148a0a1a2a3a4a5a6a7"),
        ("three-items", "One item too many.", "Grammar", "bad_request", "8348a0a1a2a3a4a5a6a7410c00"),
        ("map", "A map with the right values.", "Grammar", "bad_request", "a20048a0a1a2a3a4a5a6a701410c"),
        ("text", "The nonce is a text.", "Grammar", "bad_request", "82686162636465666768410c"),
        ("nonce-of-7", "A nonce of seven bytes.", "ShortNonce", "bad_request", "8247a0a1a2a3a4a5a6410c"),
        ("nonce-of-9", "A nonce of nine bytes.", "Grammar", "bad_request", "8249a0a1a2a3a4a5a6a7a8410c"),
        ("empty-nonce", "No nonce at all.", "ShortNonce", "bad_request", "8240410c"),
        ("cut", "The payload ends in the identifier.", "Grammar", "malformed", "8248a0a1a2a3a4a5a6a741"),
        ("surplus", "A byte behind the offer.", "Grammar", "malformed", "8248a0a1a2a3a4a5a6a7410c00"),
        (
            "long-head",
            "The length of the nonce in two bytes.",
            "Encoding",
            "not_deterministic",
            "825808a0a1a2a3a4a5a6a7410c",
        ),
    ):
        yield rejected(name, id, text, ["CHN-1370"], {"payload": bytes.fromhex(payload)}, problem, [flag])


def _renewals() -> Iterator[Case]:
    def inputs(suite: int, role: Role, first: Offer = _FIRST, second: Offer = _SECOND) -> dict[str, Any]:
        prk_out = bytes(range(0x40, 0x60))
        return {
            "role": role.value,
            "suite": suite,
            "prk_out": prk_out,
            "first": first.encode(),
            "second": second.encode(),
        }

    name = "channel.renew"
    for suite in SUITES:
        yield accepted(
            name,
            f"suite-{suite}",
            f"The Initiator of a handshake with suite {suite} renews.",
            ["CHN-1310"],
            inputs(suite, Role.INITIATOR),
        )
    yield accepted(name, "responder", "The Responder renews.", ["CHN-1310"], inputs(2, Role.RESPONDER))
    long = Offer(_FIRST.nonce, bytes(7))
    yield accepted(
        name,
        "other-lengths",
        "Seven bytes and none.",
        ["CHN-1310"],
        inputs(2, Role.INITIATOR, long, Offer(_SECOND.nonce, b"")),
    )
    same = Offer(_SECOND.nonce, _FIRST.identifier)
    yield rejected(
        name,
        "equal",
        "Both ends offer one identifier.",
        ["CHN-1360"],
        inputs(2, Role.INITIATOR, _FIRST, same),
        "bad_identifier",
        ["EqualIdentifiers"],
    )
    for suite, length in ((2, 8), (6, 7)):
        yield rejected(
            name,
            f"identifier-of-{length}",
            f"An identifier of {length} bytes under the AEAD of suite {suite}.",
            ["CHN-1360"],
            inputs(suite, Role.INITIATOR, Offer(_FIRST.nonce, bytes(length))),
            "bad_identifier",
            ["LongIdentifier"],
        )
