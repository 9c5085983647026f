"""RFC 9052 appendix C and RFC 8392 appendix A: the published bytes, and every structure on the way to them."""

import cbor2
import pytest

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve, decode_public, public_from_native
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.objects.headers import decode_headers
from picosec.objects.sealed import Sealed, Sealed0, encode_ephemeral
from picosec.objects.signed import Signed
from picosec.objects.structures import derivation_context, encryption_structure, signature_structure
from picosec.registry import Problem

CONTENT = b"This is the content."

# RFC 9052 appendix C.2.1, with the key "11" of appendix C.7.1.
SIGNED = bytes.fromhex(
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4"
    "d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
)
SIGNER = (
    "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff",
    "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e",
)
# RFC 9052 appendix C.4.1, with the key "our-secret2" of appendix C.7.2.
ENCRYPTED = bytes.fromhex(
    "d08343a1010aa1054d89f52f65a1c580933b5261a78c581c5974e1b99a3a4cc09a659aa2e9e7fff161d38ce71cb45ce460ffb569"
)
SECRET = bytes.fromhex("849b5786457c1491be3a76dcea6c4271")
# RFC 9052 appendix C.3.1, with the key of meriadoc.brandybuck of appendix C.7.2.
CIPHERTEXT = bytes.fromhex("7adbe2709ca818fb415f1e5df66f4e1a51053ba6d65a1a0c52a357da7a644b8070a151b0")
EPHEMERAL_X = bytes.fromhex("98f50a4ff6c05861c8860d13a638ea56c3f5ad7590bbfbf054e1c7b4d91d6280")
READER = bytes.fromhex("aff907c99f9ad3aae6c4cdf21122bce2bd68b5283e6907154ad911840fa208cf")


def test_signed_message_verifies():
    signed = Signed.decode(SIGNED)

    assert signed.payload == CONTENT
    signed.verify(decode_public(Curve.P256, *map(bytes.fromhex, SIGNER)))
    assert signed.encode() == SIGNED


def test_signed_message_of_another_key_does_not():
    """The other coordinate sign: a point of the curve, and not the signer's."""
    other = decode_public(Curve.P256, bytes.fromhex(SIGNER[0]), True)
    with pytest.raises(ProtocolError) as refused:
        Signed.decode(SIGNED).verify(other)

    assert refused.value.problem is Problem.AUTHENTICATION_FAILED


def test_encrypted_message_opens():
    sealed = Sealed0.decode(ENCRYPTED)

    assert sealed.open(SECRET) == CONTENT
    assert sealed.encode() == ENCRYPTED


def test_message_for_one_recipient_opens():
    """Its ephemeral key has the sign of y alone, which objects refuse; COSE below them does not care."""
    point = public_from_native(Curve.P256, decode_public(Curve.P256, EPHEMERAL_X, True).native)
    head = decode_headers(bytes.fromhex("a10101"), {5: bytes.fromhex("c9cf4df2fe6c632bf7886413")})
    recipient = decode_headers(bytes.fromhex("a1013818"), {-1: encode_ephemeral(point)})
    vault = software_vault(bytes)

    assert Sealed(head, CIPHERTEXT, recipient).open(vault, vault.import_key(Curve.P256, READER)) == CONTENT


def test_structures_are_those_of_the_examples():
    """What is signed, authenticated and derived from, as the working group's examples list them."""
    assert signature_structure(bytes.fromhex("a10126"), b"", CONTENT) == bytes.fromhex(
        "846a5369676e61747572653143a101264054546869732069732074686520636f6e74656e742e"
    )
    assert encryption_structure("Encrypt", bytes.fromhex("a10101"), b"") == bytes.fromhex(
        "8367456e637279707443a1010140"
    )
    assert encryption_structure("Encrypt0", bytes.fromhex("a1010a"), b"") == bytes.fromhex(
        "8368456e63727970743043a1010a40"
    )
    assert derivation_context(Aead.A128GCM, bytes.fromhex("a1013818"), None, None) == bytes.fromhex(
        "840183f6f6f683f6f6f682188044a1013818"
    )


def test_context_names_the_recipient():
    """Who passes on a sealed object under another reader's name gets another key."""
    contexts = {derivation_context(Aead.A128GCM, b"", None, party) for party in (None, b"", b"\x11", b"\x12")}

    assert len(contexts) == 4


@pytest.mark.parametrize(("tag", "kind"), [(18, Signed), (16, Sealed0), (96, Sealed)])
@pytest.mark.parametrize("parts", [[], [b"", {}], [b"", {}, b"", b"", b""], {}, b"", None])
def test_other_shapes_are_refused(tag, kind, parts):
    with pytest.raises(ProtocolError) as refused:
        kind.decode(cbor2.dumps(cbor2.CBORTag(tag, parts)))

    assert refused.value.problem is Problem.MALFORMED


@pytest.mark.parametrize(
    ("protected", "unprotected"),
    [
        ({}, {}),
        (b"", []),
        (b"", None),
        (b"\xa0", {}),
        (b"\x80", {}),
        (b"\xf6", {}),
        (b"\xa1\x01\x26", {1: -7}),
        (b"\xa1\x01", {}),
        (b"\xa2\x01\x26\x01\x26", {}),
    ],
)
def test_headers_that_say_two_things_are_refused(protected, unprotected):
    """The published Python libraries take most of these."""
    with pytest.raises(ProtocolError):
        decode_headers(protected, unprotected)
