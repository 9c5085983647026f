"""Two ends and a group for tests of objects: keys of both curves and both purposes."""

from picosec.crypto.aead import Aead
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.objects.compose import group_object, sealed_object
from picosec.objects.inbox import Inbox
from picosec.objects.keys import GroupKey, Keys, OwnKey, Purpose, SenderKey
from picosec.objects.statement import Statement

NOW = 1_800_000_000
SENDERS = {Curve.P256: b"\x01", Curve.ED25519: b"\x02"}
READERS = {Curve.P256: b"\x11", Curve.X25519: b"\x12"}
AEADS = [aead for aead in Aead if aead.tag_length == 16]
GROUPS = {aead: bytes([0x20 + aead.value]) for aead in AEADS}
STATEMENT = Statement(b"\x01", b"\x11", Purpose.PLATFORM, 7, NOW, 60, b"\x84\x03\x65/lamp\x18\x3c\x41\xf5")


class Scene:
    """A sender and a recipient of one purpose."""

    def __init__(self, purpose=Purpose.PLATFORM):
        self.purpose = purpose
        self.vault = software_vault(bytes)
        self.drawn = 0
        curves = {*SENDERS, *READERS}
        self.handles = {curve: self.vault.import_key(curve, bytes([curve.value]) * 32) for curve in curves}
        self.public = {curve: self.vault.public(handle) for curve, handle in self.handles.items()}
        self.groups = {aead: GroupKey(kid, bytes(aead.key_length), aead, purpose) for aead, kid in GROUPS.items()}
        self.inbox = Inbox(
            self.vault,
            Keys(OwnKey(kid, self.handles[curve], purpose) for curve, kid in READERS.items()),
            Keys(SenderKey(kid, self.public[curve], purpose) for curve, kid in SENDERS.items()),
            Keys(self.groups.values()),
        )

    def curve_of(self, sender):
        """Return the curve of a sender's key."""
        return next(curve for curve, kid in SENDERS.items() if kid == sender)

    def entropy(self, size):
        """Return bytes that nobody drew before."""
        self.drawn += 1
        return self.drawn.to_bytes(4, "big") + b"\5" * (size - 4)

    def signed(self, statement=STATEMENT):
        """Return a signed object by the key that the statement names."""
        curve = self.curve_of(statement.sender)
        return statement.sign(self.vault, OwnKey(statement.sender, self.handles[curve], self.purpose)).encode()

    def sealed(self, signed, curve=Curve.P256, aead=Aead.A128GCM):
        """Return an object sealed for the reader's key on a curve."""
        return sealed_object(
            signed, self.purpose, self.public[curve], READERS[curve], self.vault, self.entropy, aead=aead
        )

    def grouped(self, signed, aead=Aead.A128GCM):
        """Return an object for the group of an algorithm."""
        return group_object(signed, self.groups[aead], self.entropy)

    def forms(self, statement=STATEMENT):
        """Return one object of each form around a statement."""
        signed = self.signed(statement)
        return {"signed": signed, "sealed": self.sealed(signed), "group": self.grouped(signed)}

    def refusal(self, data, now=NOW):
        """Return the name of the error with which an object is refused, None when it is taken.

        What is refused has changed nothing.
        """
        before = self.inbox.state()
        try:
            self.inbox.open(data, now)
        except ProtocolError as error:
            assert self.inbox.state() == before
            return error.problem.name
        return None
