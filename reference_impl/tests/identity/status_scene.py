"""A status issuer, and somebody who believes it, for tests of status lists."""

import zlib

import cbor2

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.identity.status_lists import StatusIssuer, StatusLists
from picosec.messaging.cbor import dumps
from picosec.objects.headers import headers
from picosec.objects.signed import sign

NOW = 1_800_000_000
DAY = 86_400
URI = "https://example.com/statuslists/1"
KID = b"\x31"
TYPE = "application/statuslist+cwt"
CURVES = {Curve.P256: -7, Curve.ED25519: -8}


class StatusScene:
    """Lists of one name, signed with a key on ``curve``."""

    def __init__(self, curve=Curve.P256):
        self.curve = curve
        self.vault = software_vault(bytes)
        self.handle = self.vault.import_key(curve, bytes(range(1, 33)))
        self.lists = StatusLists()
        self.lists.admit([StatusIssuer(KID, self.vault.public(self.handle), URI)])

    def token(self, entries=bytes(2), bits=1, issued=NOW, **claims):
        """Return a token; ``claims`` are further ones, by name."""
        said = {2: URI, 6: issued, 65533: {"bits": bits, "lst": zlib.compress(entries)}}
        said |= {{"ends": 4, "ttl": 65534}[name]: value for name, value in claims.items()}
        head = headers({1: CURVES[self.curve], 4: KID, 16: TYPE})
        return sign(head, dumps(said), self.vault, self.handle).encode()

    def take(self, data, now=NOW):
        """Take a token. Raises as :meth:`StatusLists.judge` does."""
        self.lists.take(self.lists.judge(data, now))

    def refusal(self, data, now=NOW):
        """Return the name of the error with which a token is refused, None for one that is good; nothing changes."""
        before = self.lists.state()
        try:
            self.lists.judge(data, now)
        except ProtocolError as error:
            return error.problem.name
        finally:
            assert self.lists.state() == before
        return None

    def requirement(self, place, now=NOW, uri=URI):
        """Return the requirement by which the credential at a place is refused, None when it passes."""
        try:
            self.lists.check(credential({"status_list": {"idx": place, "uri": uri}}), now)
        except ProtocolError as error:
            return error.requirement if error.problem.name == "BAD_CREDENTIAL" else error.problem.name
        return None


def credential(status):
    """Return a claims set with a claim ``status``."""
    return cbor2.dumps({2: "phone", 65535: status}, canonical=True)
