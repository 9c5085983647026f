"""An agent that stores its channels, over several lives."""

import pytest
from parties import APP_CRED, DEVICE, app_keyring, converse, device_keyring, get, new_app, new_device, outcome

from picosec.channel.life import State
from picosec.channel.store import LABEL
from picosec.messaging import cbor
from picosec.roles.channel_table import IDLE_TIMEOUT, ChannelPolicy
from picosec.roles.events import Response
from picosec.roles.storage import MemoryShelf


class Lives:
    """A device that loses power, and an app that does not."""

    def __init__(self):
        self.shelf, self.keys = MemoryShelf(), device_keyring()
        self.app = new_app(app_keyring())
        self.device = new_device(self.keys, shelf=self.shelf)
        self.device.provision(channel_policy=ChannelPolicy(store=True))
        self.app.open(DEVICE, 0.0)
        converse(self.app, self.device)

    def restart(self):
        self.device = new_device(self.keys, shelf=self.shelf)

    def asks(self):
        handle = self.app.request(get("/actuators/lamp"), DEVICE, 0.0, next(iter(self.app.channels)))
        converse(self.app, self.device)
        return isinstance(outcome(self.app, handle), Response)


def test_a_channel_sleeps_and_wakes_up():
    """Power comes and goes; the conversation goes on."""
    lives = Lives()
    for _ in range(3):
        lives.restart()
        (channel,) = lives.device.channels
        assert channel.state is State.ASLEEP
        assert lives.asks()
        assert channel.state is State.OPEN


def test_every_byte_of_the_state_is_sealed():
    """The flash is read and written by whoever opens the case."""
    lives = Lives()
    sealed = lives.shelf.content
    (channel,) = lives.device.channels
    assert channel.session.prk_out not in sealed
    for place in range(0, len(sealed), 7):
        forged = bytearray(sealed)
        forged[place] ^= 1
        lives.shelf.content = bytes(forged)
        lives.restart()
        assert len(lives.device.channels) == 0


def test_a_channel_of_who_was_taken_back_does_not_wake_up():
    """Power failed after the list was stored, and before the channel was closed."""
    lives = Lives()
    lives.keys.took_back = lambda cred: cred == APP_CRED
    lives.restart()

    assert len(lives.device.channels) == 0
    assert not lives.asks()


@pytest.mark.parametrize("steps_back", [1, 2, 5])
def test_an_older_state_is_given_up(steps_back):
    """Each state that was ever written is a copy that somebody may have."""
    lives = Lives()
    states = [lives.shelf.content]
    for _ in range(5):
        lives.restart()
        assert lives.asks()
        states.append(lives.shelf.content)

    lives.shelf.content = states[-1 - steps_back]
    lives.restart()

    assert len(lives.device.channels) == 0
    assert not lives.asks()


def test_a_loss_of_power_within_a_write_costs_the_channels_and_no_more():
    """The counter went up, and the state was not written: it cannot be told from an old one."""
    lives = Lives()
    lives.keys.vault.counter("channels")
    lives.restart()

    assert len(lives.device.channels) == 0
    lives.app.open(DEVICE, 0.0)
    converse(lives.app, lives.device)
    lives.restart()
    assert len(lives.device.channels) == 1


def test_nothing_stays_stored_when_storing_ends():
    """A policy that changes must not leave keys behind."""
    lives = Lives()
    lives.device.provision(channel_policy=ChannelPolicy())
    _value, records, counters = cbor.loads(lives.keys.vault.unseal(lives.shelf.content, LABEL))

    assert (records, counters) == ([], {})


def test_counters_of_closed_channels_are_forgotten():
    """Storage must not grow with every channel that ever was."""
    lives = Lives()
    size = len(lives.shelf.content)
    for _ in range(20):
        lives.app.close(next(iter(lives.app.channels)), 0.0)
        converse(lives.app, lives.device)
        lives.app.open(DEVICE, 0.0)
        converse(lives.app, lives.device)

    assert len(lives.shelf.content) <= size + 4


def test_a_channel_that_woke_up_can_be_renewed_and_closed():
    """Sleep is no other kind of life."""
    lives = Lives()
    lives.restart()
    assert lives.asks()
    lives.app.renew(next(iter(lives.app.channels)), 0.0)
    converse(lives.app, lives.device)
    lives.restart()
    (channel,) = {each.bond.current for each in lives.app.channels}
    lives.app.close(channel, 0.0)
    converse(lives.app, lives.device)

    assert len(lives.device.channels) == 0


def test_an_end_that_does_not_know_where_its_peer_is_closes_alone():
    """Nobody was heard since the restart: there is nowhere to send it to."""
    lives = Lives()
    lives.restart()
    (channel,) = lives.device.channels

    lives.device.close(channel, 0.0)

    assert len(lives.device.channels) == 0
    assert lives.device.transmit() == []


def test_hours_without_a_message_count_from_the_restart():
    """The clock of a device shows seconds since 1970: whatever rested must not look fifty years old."""
    lives = Lives()
    lives.restart()
    lives.device.tick(1_700_000_000.0)
    assert len(lives.device.channels) == 1

    lives.device.tick(1_700_000_000.0 + IDLE_TIMEOUT)
    assert len(lives.device.channels) == 0


@pytest.mark.parametrize("shelf", [None, MemoryShelf()])
def test_it_says_that_channels_outlive_it_when_they_can(shelf):
    """An app that reads so would not open a new channel after each loss of power."""
    app, device = new_app(), new_device(shelf=shelf)
    handle = app.request(get("/ps/info"), DEVICE, 0.0)
    converse(app, device)
    features = cbor.loads(outcome(app, handle).message.payload)["features"]

    assert ("channel.resume" in features) == (shelf is not None)
