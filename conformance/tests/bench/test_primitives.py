"""The bare primitives do the work of a true handshake: they yield what RFC 9529 section 3 publishes."""

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

from picosec_conformance.bench.edhoc import INITIATOR, RESPONDER
from picosec_conformance.bench.primitives import Side, handshake


def _key(text: str) -> EllipticCurvePrivateKey:
    return derive_private_key(int(text, 16), SECP256R1())


def test_bare_primitives_yield_the_published_secrets() -> None:
    """A bound that leaves out some of the work would make the reference look slow."""
    of_initiator, of_responder = handshake(
        Side.make(INITIATOR.credential, b"\x2b", INITIATOR.private_key, b"\x37"),
        Side.make(RESPONDER.credential, b"\x32", RESPONDER.private_key, b"\x27"),
        suites=b"\x82\x06\x02",
        x=_key("368ec1f69aeb659ba37d5a8d45b21bdc0299dceaa8ef235f3ca42ce3530f9525"),
        y=_key("e2f4126777205e853b437d6eaca1e1f753cdcc3e2c69fa884b0a1a640977e418"),
    )
    assert of_initiator == of_responder
    assert of_initiator.prk_out.hex() == "2c71afc1a9338a940bb3529ca734b886f30d1aba0b4dc51beeaeabdfea9ecbf8"
    assert of_initiator.prk_exporter.hex() == "e14d06699cee248c5a04bf9227bbcd4ce394de7dcb56db43555474171e6446db"
    assert of_initiator.master_secret.hex() == "f9868f6a3aca78a05d1485b35030b162"
    assert of_initiator.master_salt.hex() == "ada24c7dbfc85eeb"
