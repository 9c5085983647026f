"""The life of a channel, cell by cell, and what is left of it afterwards."""

import itertools

import pytest

from picosec.channel.channels import Channel
from picosec.channel.life import TRANSITIONS, Event, State
from picosec.channel.oscore_context import SecurityContext


def channel_in(state: State) -> Channel:
    channel = Channel(SecurityContext(bytes(16), b"\x01", b"\x02"))
    channel.state = state
    return channel


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)), ids=lambda label: label.name)
def test_every_cell(state, event):
    """What the table does not say does not happen: a closed channel stays closed, whatever comes."""
    channel = channel_in(state)
    if (state, event) not in TRANSITIONS:
        with pytest.raises(KeyError):
            channel.advance(event)
        assert channel.state is state
        return

    channel.advance(event)

    assert channel.state is TRANSITIONS[state, event]


def test_every_state_is_reached_and_only_closed_is_final():
    """A state that nothing leads to is dead text; one that nothing leaves holds keys for ever."""
    assert set(TRANSITIONS.values()) == set(State) - {State.PROMISED}
    assert {state for state, _event in TRANSITIONS} == set(State) - {State.CLOSED}


@pytest.mark.parametrize(
    ("state", "event"), [cell for cell, after in TRANSITIONS.items() if after is State.CLOSED], ids=lambda it: it.name
)
def test_whatever_closes_a_channel_erases_its_keys(state, event):
    """A dump of the memory, taken later, must not open what was recorded before."""
    channel = channel_in(state)

    channel.advance(event)

    assert channel.context.sender.key == channel.context.recipient.key == b""
    assert channel.session is None
