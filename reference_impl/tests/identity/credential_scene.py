"""A zone that issues credentials, people who delegate theirs, and a device that judges chains, for tests."""

from dataclasses import replace

from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain, read_chain
from picosec.identity.chains import Chains
from picosec.identity.credential import Claims, issue
from picosec.identity.holder import HolderKey
from picosec.identity.scope import scope_of
from picosec.identity.statement import Kind
from picosec.identity.status_lists import StatusLists

NOW = 1_800_000_000
DAY = 86_400
ZONE = bytes(range(32))
LAMP = scope_of([("/actuators/lamp", 5)])
HOUSE = scope_of([("/actuators/lamp", 5), ("/sensors/temperature", 1)])


class CredentialScene:
    """Keys by name, all on ``curve``: that of the zone, and those of holders; a kid is the name of its key."""

    def __init__(self, curve=Curve.P256, scope=None):
        self.vault = software_vault(bytes)
        self.handles = {
            name: self.vault.import_key(curve, bytes([number] * 32))
            for number, name in enumerate(["zone", "ann", "bob", "cleo", "dan", "mallory"], 1)
        }
        self.status = StatusLists()
        self.chains = Chains(self.status)
        self.anchor = Anchor(b"zone", self.vault.public(self.handles["zone"]), ZONE, scope)
        self.chains.admit([self.anchor])

    def key(self, name):
        """Return the key of a holder."""
        return HolderKey(name.encode(), self.vault.public(self.handles[name]))

    def claims(self, name, **changes):
        """Return claims about a holder."""
        claims = Claims(ZONE, self.key(name), Kind.USER, issued=NOW, expires=NOW + DAY)
        return replace(claims, **changes)

    def chain(self, *rows):
        """Return a chain; a row is the name of a holder and what is special about the claims."""
        signer, credentials = "zone", []
        for name, changes in rows:
            credentials.append(issue(self.claims(name, **changes), self.vault, self.handles[signer], signer.encode()))
            signer = name
        return Chain(tuple(credentials))

    def refusal(self, data, now=NOW):
        """Return error and requirement with which a chain is refused, None for a good one; nothing changes."""
        before = self.chains.state()
        try:
            self.chains.judge(data, now)
        except ProtocolError as error:
            return error.problem.name.lower(), error.requirement
        finally:
            assert self.chains.state() == before
        return None

    def take(self, data, now=NOW):
        """Hold a chain."""
        self.chains.take(self.chains.judge(data, now))


def reread(chain):
    """Return a chain as somebody else reads it."""
    return read_chain(chain.encode())
