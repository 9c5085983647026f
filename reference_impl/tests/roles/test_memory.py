"""What a party took outlives its power: the objects, the lists, the histories, and nothing older than them."""

import zlib
from types import SimpleNamespace

import pytest

from picosec.crypto.curves import Curve
from picosec.crypto.vault import SoftwareVault, software_vault
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain
from picosec.identity.credential import Claims, issue
from picosec.identity.endorsement import Endorsement
from picosec.identity.endorsements import Endorser
from picosec.identity.history import Known
from picosec.identity.holder import HolderKey
from picosec.identity.keys import credential, thumbprint
from picosec.identity.own import new_identity
from picosec.identity.scope import Scope
from picosec.identity.statement import Kind
from picosec.identity.status_lists import StatusIssuer
from picosec.identity.tamper import TamperKind
from picosec.messaging.cbor import dumps
from picosec.objects.headers import headers
from picosec.objects.keys import OwnKey, Purpose, SenderKey
from picosec.objects.signed import sign
from picosec.objects.statement import Statement
from picosec.registry import Problem
from picosec.roles.keyring import Keyring
from picosec.roles.memory import COUNTER, memory_of
from picosec.roles.storage import MemoryShelf

NOW, URI = 1_800_000_000, "urn:locks"
OWNER = software_vault(bytes)
SIGNING = OwnKey(b"owner", OWNER.import_key(Curve.ED25519, bytes(range(32))), Purpose.PLATFORM)


class PowerFailed(Exception):
    """Nothing more happens in this life."""


class Place:
    """A device's vault and card, which stay when its power fails, and what fails next."""

    def __init__(self):
        self.counters = {}
        self.shelf = MemoryShelf()

    def life(self):
        """Return the keyring of the next life, with what the files of the device say, and its memory."""
        keyring = Keyring(SoftwareVault(bytes(64), self.counters))
        own = OwnKey(b"lamp", keyring.vault.import_key(Curve.P256, bytes([3]) * 32), Purpose.PLATFORM)
        keyring.inbox.admit([own], [SenderKey(b"owner", OWNER.public(SIGNING.handle), Purpose.PLATFORM)])
        keyring.status.admit([StatusIssuer(b"issuer", OWNER.public(SIGNING.handle), URI)])
        memory = memory_of(keyring, keyring.vault, self.shelf)
        memory.recall()
        return keyring, memory

    def began(self):
        keyring, memory = self.life()
        memory.begin()
        return keyring


@pytest.fixture
def place():
    return Place()


def made(sequence):
    said = Statement(b"owner", b"lamp", Purpose.PLATFORM, sequence, NOW, 60, b"\xf6")
    return said.sign(OWNER, SIGNING).encode()


def token(entries=bytes(2), issued=NOW):
    claims = {2: URI, 4: NOW + 3600, 6: issued, 65533: {"bits": 1, "lst": zlib.compress(entries)}}
    head = headers({1: -8, 4: b"issuer", 16: "application/statuslist+cwt"})
    return sign(head, dumps(claims), OWNER, SIGNING.handle).encode()


def took(keyring, sequence):
    """Whether an object is taken, and not refused because it was before."""
    try:
        keyring.inbox.open(made(sequence), NOW)
    except ProtocolError as error:
        if error.problem is not Problem.REPLAYED:
            raise
        return False
    return True


def test_no_object_is_taken_again_in_the_next_life(place):
    """Somebody recorded the command, and pulls the plug of the lamp."""
    first = place.began()
    assert [took(first, number) for number in (5, 3, 5)] == [True, True, False]

    second = place.began()

    assert [took(second, number) for number in (3, 5, 4)] == [False, False, True]
    assert not took(place.began(), 4)


def test_lists_are_held_in_the_next_life(place):
    """Whoever is in the list pulls the plug; then hands over the list from before."""
    first = place.began()
    cred = dumps({65535: {"status_list": {"idx": 1, "uri": URI}}})
    first.status.take(first.status.judge(token(bytes([2, 0])), NOW))

    second = place.began()

    assert second.status.revokes(cred)
    assert second.took_back(cred)
    assert second.status.state() == first.status.state()
    with pytest.raises(ProtocolError, match="stale"):
        second.status.judge(token(issued=NOW - 1), NOW)


def test_what_a_sensor_noticed_is_known_in_the_next_life(place):
    """The thief takes the battery out; what he did before counts on."""
    first = place.began()
    first.tamper.notice(TamperKind.OPENED, None)
    first.tamper.notice(TamperKind.OTHER, NOW)

    second = place.began()

    assert second.tamper.record == first.tamper.record
    second.tamper.notice(TamperKind.MOVED, NOW)
    assert place.began().tamper.record.count == 3


def person():
    """Return an identity, and the same with its next key."""
    keys = [OWNER.import_key(Curve.P256, bytes([number]) * 32) for number in (1, 2, 3)]
    first = new_identity(OWNER, keys[0], thumbprint(OWNER.public(keys[2])), Kind.USER, NOW)
    return first, first.rotate(OWNER, keys[1], NOW + 1)


def test_keys_of_the_past_do_not_come_back(place):
    """The file that the device starts with says what its owner knew when he bought it."""
    before, after = person()
    keyring = place.began()
    keyring.believe(before.history)
    keyring.follow(keyring.peers[before.identifier].follow(after.history))

    second, memory = place.life()
    second.believe(before.history)
    memory.begin()

    known = second.peers[before.identifier]
    assert known == Known(before.identifier, after.history.names, after.history.key)
    assert second.took_back(credential(before.identifier, before.history.key))
    assert not second.took_back(credential(before.identifier, after.history.key))


def test_a_file_that_knows_more_is_believed_and_remembered(place):
    """The owner brings a newer history, and later starts the device with the old file by mistake."""
    before, after = person()
    for history in (before.history, after.history, before.history):
        keyring, memory = place.life()
        keyring.believe(history)
        memory.begin()

    assert keyring.peers[before.identifier].key == after.history.key


def test_a_file_of_another_branch_freezes_the_identity(place):
    """Two histories are going around: nobody is believed until an emergency decides, also after a restart."""
    before, after = person()
    other = before.rotate(OWNER, OWNER.import_key(Curve.P256, bytes([9]) * 32), NOW + 2)
    for history in (after.history, other.history, after.history):
        keyring, memory = place.life()
        keyring.believe(history)
        memory.begin()

    assert keyring.peers[before.identifier].believed is None


def test_a_key_is_replaced_when_that_can_be_stored(place):
    """The disk is full: the old key stays until the history comes again, and is forgotten then."""
    before, after = person()
    keyring = place.began()
    keyring.believe(before.history)
    known = keyring.peers[before.identifier]

    def full():
        raise ProtocolError(Problem.INTERNAL, "CHN-880", "no space left")

    keyring.keep_by(full)
    with pytest.raises(ProtocolError, match="no space left"):
        keyring.follow(known.follow(after.history))
    assert keyring.peers[before.identifier] == known
    keyring.keep_by(lambda: None)

    assert keyring.follow(known.follow(after.history)) == credential(before.identifier, before.history.key)


def chain():
    """Return the credential of somebody in a zone, as a chain of one, and the anchor that signed it."""
    anchor = Anchor(b"anchor", OWNER.public(SIGNING.handle), bytes(32))
    holder = HolderKey(b"holder", OWNER.public(OWNER.import_key(Curve.P256, bytes([5]) * 32)))
    claims = Claims(bytes(32), holder, Kind.USER, NOW, NOW + 3600, scope=Scope({"/x": 1}))
    return Chain((issue(claims, OWNER, SIGNING.handle, b"anchor"),)), anchor


def test_credentials_are_held_in_the_next_life(place):
    """Who handed over his chain once need not do it again when the lamp was switched off."""
    held, anchor = chain()
    first = place.began()
    first.chains.admit([anchor])
    first.chains.take(first.chains.judge(held.encode(), NOW))

    second = place.began()
    second.chains.admit([anchor])

    assert second.chains.named(b"holder", NOW) == [held]
    third = place.began()
    with pytest.raises(ProtocolError, match="IDN-890"):  # the zone is believed no longer
        third.chains.named(b"holder", NOW)


def test_endorsements_are_held_in_the_next_life(place):
    """A peer that needs the word of a third party has it still."""
    said = Endorsement(bytes([7]) * 32, NOW, NOW + 3600).sign(OWNER, SIGNING.handle, b"endorser")
    endorser = Endorser(b"endorser", OWNER.public(SIGNING.handle))
    for hands_over in (True, False):
        keyring = place.began()
        keyring.endorsements.admit([endorser], [endorser.kid])
        if hands_over:
            keyring.endorsements.take(keyring.endorsements.judge(said, NOW))
        keyring.endorsements.check(bytes([7]) * 32, NOW)
    with pytest.raises(ProtocolError, match="IDN-2110"):
        keyring.endorsements.check(bytes([8]) * 32, NOW)


def test_no_token_is_taken_again_in_the_next_life(place):
    """Who spent his tokens pulls the plug; nor does he get more of them."""
    key = SimpleNamespace(name=b"key")
    tokens = [SimpleNamespace(nonce=bytes([number]) * 32) for number in range(2)]
    for token_, count in zip(tokens, (3, 2), strict=True):
        issuer = place.began().issuer
        issuer.count(SimpleNamespace(key=key, peer=b"peer", evaluation=SimpleNamespace(elements=[None] * count)))
        issuer.spend(SimpleNamespace(key=key, redemption=SimpleNamespace(token=token_)))

    *_keys, issued, spent = place.began().issuer.state()
    assert issued == [[b"key", [[b"peer", 5]]]]
    assert spent == [[b"key", [token_.nonce for token_ in tokens]]]


def test_what_a_sensor_noticed_is_not_forgotten(place):
    """Whoever opens the case takes out the battery first thing."""
    place.began().tamper.notice(TamperKind.OPENED, NOW)

    assert place.began().tamper.record.count == 1


def test_an_older_copy_is_refused(place):
    """Somebody copied the card before the command came, and puts the copy back to send it again."""
    keyring = place.began()
    took(keyring, 0)
    copy = place.shelf.content
    took(keyring, 1)
    place.shelf.content = copy

    with pytest.raises(ProtocolError, match="an older copy"):
        place.life()


@pytest.mark.parametrize(("content", "why"), [(b"", "it is gone"), (bytes(80), "it does not open")])
def test_a_memory_that_was_taken_away_is_missed(place, content, why):
    """An empty card is only that of a new device while nothing was ever taken."""
    took(place.began(), 0)
    place.shelf.content = content

    with pytest.raises(ProtocolError, match=why):
        place.life()


def test_nothing_is_written_while_there_is_nothing_new(place):
    """Flash wears out."""
    took(place.began(), 0)
    content, counters = place.shelf.content, dict(place.counters)

    keyring = place.began()
    assert (place.shelf.content, place.counters) == (content, counters)

    for writes in (True, False):
        keyring.status.take(keyring.status.judge(token(), NOW))
        assert (place.counters != counters) is writes
        counters = dict(place.counters)


@pytest.mark.parametrize("moment", ["write", "count"])
def test_power_may_fail_between_any_two_steps(place, moment, monkeypatch):
    """Before the state is written nothing was taken; afterwards it was, whether or not it was counted.

    Either way the device starts again, and neither copy of before lets an object be taken twice.
    """
    keyring = place.began()
    took(keyring, 0)

    def fail(*given):
        raise PowerFailed

    with monkeypatch.context() as patch:
        patch.setattr(*((MemoryShelf, "write") if moment == "write" else (SoftwareVault, "counter")), fail)
        with pytest.raises(PowerFailed):
            keyring.inbox.open(made(1), NOW)

    second = place.began()
    assert not took(second, 0)
    assert took(second, 1) is (moment == "write")
    third = place.began()
    assert not took(third, 1)
    assert place.counters[COUNTER] == 2
