"""One key for everything: what was signed as a thing of one kind is none of another, however it is wrapped."""

from __future__ import annotations

from typing import Any

import pytest

from picosec.crypto.curves import Curve
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code
from picosec.registry import (
    CONTENT_FORMAT_CREDENTIAL_CHAIN,
    CONTENT_FORMAT_ENDORSEMENT,
    CONTENT_FORMAT_STATUS_LIST,
    Problem,
)
from picosec_conformance import courier, endorsing, keeper
from picosec_conformance.control import trusted_credential
from picosec_conformance.courier import Courier
from picosec_conformance.credentials import DEPTH, Link, chain
from picosec_conformance.endorsing import Word
from picosec_conformance.identity import claims as issuer_claims
from picosec_conformance.objects import SIGN1, Key, Signed, tagged
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import URI, Token, packed
from picosec_conformance.zone import PATH, Zone

pytestmark = pytest.mark.needs(
    CONTROL, "identity.credentials", "identity.endorsements", "identity.status", "objects.recipient"
)

Resource = tuple[Code, str, int]
#: Where each kind is handed over.
RESOURCES: dict[str, Resource] = {
    "credential": (Code.POST, PATH, CONTENT_FORMAT_CREDENTIAL_CHAIN),
    "endorsement": (Code.POST, endorsing.PATH, CONTENT_FORMAT_ENDORSEMENT),
    "status": (Code.PUT, keeper.PATH, CONTENT_FORMAT_STATUS_LIST),
    "object": (Code.POST, courier.PATH, SIGN1),
}
REQUIREMENTS = {"credential": "IDN-710", "endorsement": "IDN-2010", "status": "IDN-110", "object": "OBJ-110"}


def made(zone: Zone, key: Key, kind: str, recipient: bytes, contents: bytes) -> list[Any]:
    """Return something of a kind, as good as any, in its four parts."""
    match kind:
        case "credential":
            return Link(key, zone.key("ann"), zone.name, {DEPTH: 1}).item()
        case "endorsement":
            closed = Word(key, bytes(32)).close()
        case "status":
            closed = Token(key, 1, packed(1, 16, {})).close()
        case _:
            closed = Signed(key, recipient, 1, contents).close()
    return list(loads(closed).value)


@pytest.mark.parametrize("curve", [Curve.P256, Curve.ED25519], ids=["p256", "ed25519"])
@pytest.mark.parametrize("kind", RESOURCES)
@pytest.mark.parametrize(
    "place", [pytest.param(name, marks=pytest.mark.requirement(id)) for name, id in REQUIREMENTS.items()]
)
def test_what_was_signed_as_one_thing_is_no_other(
    zone: Zone, courier: Courier, curve: Curve, kind: str, place: str
) -> None:
    """Somebody has one key for all that he is: anchor, issuer, endorser, keeper of a list, sender."""
    key = zone.new_key(b"\x01", curve)
    zone.believe(key)
    entry = {1: key.kid, 2: key.cose_key}
    zone.control.provision(trusted=[trusted_credential("kcwt", dumps(issuer_claims("issuer", key.public)))])
    zone.control.provision_endorsements(endorsers=[entry])
    zone.control.provision_status(issuers=[{**entry, 3: URI}])
    zone.control.provision_objects(senders=[key.sender()])
    parts = made(zone, key, kind, courier.reader.kid, courier.switch())
    code, path, content_format = RESOURCES[place]
    data = chain(parts) if place == "credential" else tagged(SIGN1, *parts)

    def hand() -> Any:
        return zone.target.exchange(zone.target.build(code, path, data, content_format=content_format))

    if kind == place:
        assert hand().code == Code.CHANGED
        return
    with zone.target.expect_unchanged():
        zone.target.expect_refusal(hand(), Code.BAD_REQUEST, Problem.MALFORMED)
