"""Devices that let members of a zone in: by value, by reference, and for as long as their credentials last."""

from dataclasses import replace

import pytest
from parties import APP, DEVICE, app_keyring, converse, device_keyring, get, new_app, new_device, outcome

from picosec.channel.credentials import Kind, Usage
from picosec.channel.life import Event
from picosec.crypto.curves import Curve
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.identity.chain import Anchor, Chain
from picosec.identity.credential import Claims, issue
from picosec.identity.holder import HolderKey
from picosec.identity.scope import scope_of
from picosec.identity.statement import Kind as Holder
from picosec.objects.keys import Purpose
from picosec.roles.channel_table import ChannelPolicy
from picosec.roles.events import ChannelClosed, ChannelEnd, Failed, Response
from picosec.roles.keyring import OwnChain
from picosec.roles.storage import MemoryShelf

NOW = 1_800_000_000
ZONE = bytes(range(32))
VAULT = software_vault(bytes)
ISSUER = VAULT.import_key(Curve.P256, bytes([1] * 32))
ANCHOR = Anchor(b"anchor", VAULT.public(ISSUER), ZONE)
PHONE = bytes([2] * 32)


def credential(**changes):
    """Return a credential of the phone, signed by the anchor."""
    key = VAULT.public(VAULT.import_key(Curve.P256, PHONE))
    claims = Claims(ZONE, HolderKey(b"phone", key), Holder.USER, issued=NOW, expires=NOW + 60)
    return issue(replace(claims, **changes), VAULT, ISSUER, b"anchor")


class House:
    """A device of the zone, and an app that is a member of it and was never introduced."""

    def __init__(self, kind=Kind.KCWT, **changes):
        self.keys, self.shelf = device_keyring(), MemoryShelf()
        self.keys.chains.admit([ANCHOR])
        self.device = new_device(self.keys, shelf=self.shelf)
        theirs = app_keyring()
        theirs.own = ()
        self.chain = Chain((credential(**changes),))
        theirs.present(OwnChain(self.chain, theirs.vault.import_key(Curve.P256, PHONE), Usage.STATIC_DH, kind))
        self.app = new_app(theirs)

    def opens(self, now=NOW):
        """Return whether the app gets a channel."""
        self.app.open(DEVICE, now, 3, [2])
        converse(self.app, self.device, now)
        return len(self.device.channels) == 1

    def asks(self, now):
        """Return what comes of a request over the channel."""
        handle = self.app.request(get("/actuators/lamp"), DEVICE, now, next(iter(self.app.channels)))
        converse(self.app, self.device, now)
        return outcome(self.app, handle)

    def ends(self):
        """Return why channels of the device ended."""
        return [event.end for event in self.device.events() if isinstance(event, ChannelClosed)]


def test_a_member_is_let_in_by_value():
    house = House()
    assert house.opens()
    assert isinstance(house.asks(NOW), Response)


def test_a_member_is_let_in_by_reference_once_his_chain_is_held():
    house = House(Kind.KID)
    assert not house.opens()
    house.keys.chains.take(house.keys.chains.judge(house.chain.encode(), NOW))
    assert house.opens()


def test_a_key_for_objects_opens_nothing():
    house = House()
    house.chain = Chain((credential(purpose=Purpose.PLATFORM),))
    with pytest.raises(ProtocolError, match="IDN-900"):
        house.keys.vouching.shown(house.chain.last.cwt, NOW)


def test_a_channel_ends_by_itself_with_the_credential():
    """The device wakes up for it, and has nothing else to do."""
    house = House()
    assert house.opens()
    assert house.device.next_timeout() == NOW + 61

    house.device.tick(NOW + 60)
    assert house.ends() == []
    house.device.tick(NOW + 61)

    assert house.ends() == [ChannelEnd.EXPIRED]
    assert len(house.device.channels) == 0


def test_a_late_request_ends_the_channel_before_the_timer_does():
    house = House()
    assert house.opens()
    assert isinstance(house.asks(NOW + 60), Response)

    assert isinstance(house.asks(NOW + 60.5), Failed)

    assert house.ends() == [ChannelEnd.EXPIRED]


def test_nothing_is_told_over_a_channel_whose_time_is_over():
    """The lamp changes at the moment at which the guest has left."""
    house = House()
    assert house.opens()
    house.app.observe(get("/actuators/lamp"), DEVICE, NOW, next(iter(house.app.channels)))
    converse(house.app, house.device, NOW)
    house.device.tick(NOW + 61)
    house.device.changed("/actuators/lamp", NOW + 61)

    assert house.device.transmit() == []


def test_the_end_is_stored_with_the_channel():
    house = House()
    house.device.provision(channel_policy=ChannelPolicy(store=True))
    assert house.opens()

    house.device = new_device(house.keys, shelf=house.shelf)
    (channel,) = house.device.channels
    assert channel.session.peer.ends == NOW + 60
    house.device.tick(NOW + 61)

    assert len(house.device.channels) == 0


def test_what_ended_for_other_reasons_is_not_remembered():
    """Channels that come and go for a year, under a credential of a year."""
    house = House()
    table = house.device.channels
    for _ in range(300):
        assert house.opens()
        table.close(next(iter(table)), Event.CLOSE)
    assert len(table._ending) < 200
    assert house.device.next_timeout() is None


def test_the_scope_of_a_credential_is_that_of_its_holder():
    scope = scope_of([("/actuators/lamp", 1)])
    house = House(scope=scope)
    assert house.keys.granted(house.chain.last.cwt) == scope
    assert house.keys.granted(credential().cwt) is None


def test_a_chain_of_another_key_is_not_presented():
    keys = device_keyring()
    other = keys.vault.import_key(Curve.P256, bytes([3] * 32))
    with pytest.raises(ProtocolError, match="another credential"):
        keys.present(OwnChain(Chain((credential(),)), other, Usage.STATIC_DH, Kind.KCWT))
    assert keys.own_chain is None


def test_who_has_no_chain_hands_none_over():
    with pytest.raises(ProtocolError, match="CNF-460"):
        new_device().present(APP, NOW)
