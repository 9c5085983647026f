"""Two agents that agree on new keys, over a link that loses what a test takes away."""

import pytest
from parties import APP, DEVICE, connected, contexts, converse, get, new_app, outcome
from parties import app_keyring as app_keys

from picosec.channel.life import State
from picosec.errors import ProtocolError
from picosec.roles.channel_table import ChannelPolicy
from picosec.roles.events import ChannelClosed, ChannelFailed, ChannelOpened, Response


def only(agent):
    """Return the channel that is in force."""
    (channel,) = {channel.bond.current for channel in agent.channels}
    return channel


def asks(app, device, now=0.0):
    handle = app.request(get("/actuators/lamp"), DEVICE, now, only(app))
    converse(app, device, now)
    return isinstance(outcome(app, handle), Response)


def test_both_ends_can_begin():
    """Whoever counts to its limit first offers; the keys afterwards are new at both ends, and the same."""
    app, device = connected()
    assert asks(app, device)
    for agent in (app, device):
        before = only(app).session.prk_out
        handle = agent.renew(only(agent), 0.0)
        converse(app, device)
        assert isinstance(outcome(agent, handle), ChannelOpened)
        assert only(app).session.prk_out == only(device).session.prk_out != before
        assert asks(app, device)


def test_crossing_offers_lead_to_one_set_of_keys():
    """Both count the same messages, so both reach the mark in the same exchange."""
    app, device = connected()
    app.renew(only(app), 0.0)
    device.renew(only(device), 0.0)

    converse(app, device)

    assert only(app).session.prk_out == only(device).session.prk_out
    assert only(app).session.renewals == only(device).session.renewals == 1
    assert asks(app, device)


@pytest.mark.parametrize("lost", range(4))
def test_any_message_may_be_lost(lost):
    """Offer, answer, confirmation, its answer: whichever never arrives, the two still talk, then and later."""
    app, device = connected()
    app.renew(only(app), 0.0)
    count = 0
    for _ in range(4):
        for source, sink, name in ((app, device, APP), (device, app, DEVICE)):
            for _peer, datagram in source.transmit():
                if count != lost:
                    sink.receive(datagram, name, 0.0)
                count += 1
    for agent in (app, device):
        while (due := agent.next_timeout()) is not None and due <= 299:
            agent.tick(due)
            agent.transmit()  # nothing of what is sent again arrives either

    assert asks(app, device, 300.0)
    app.renew(only(app), 300.0)
    converse(app, device, 300.0)
    assert only(app).session.prk_out == only(device).session.prk_out
    assert asks(app, device, 300.0)


def test_an_app_renews_after_as_many_messages_as_its_policy_says():
    """Nobody has to think of it."""
    app, device = connected()
    app.provision(channel_policy=ChannelPolicy(renew_after=5))
    for _ in range(20):
        assert asks(app, device)

    assert only(device).session.renewals == only(app).session.renewals >= 2


def test_a_provisioned_channel_cannot_be_renewed_or_closed():
    """There is no session to start from, and nobody who could open it again."""
    for_app, _for_device = contexts()
    keys = app_keys()
    keys.add(contexts=[for_app])
    app = new_app(keys)
    (channel,) = app.channels

    for act in (app.renew, app.close):
        with pytest.raises(ProtocolError, match="bad_request"):
            act(channel, 0.0)


def test_closing_erases_both_ends():
    """The next request finds nobody, at either end, and neither end has a key left."""
    app, device = connected()
    channels = [only(app), only(device)]
    handle = app.close(only(app), 0.0)
    converse(app, device)

    assert isinstance(outcome(app, handle), ChannelClosed)
    assert len(app.channels) == len(device.channels) == 0
    assert all(channel.state is State.CLOSED for channel in channels)
    assert all(channel.context.sender.key == b"" for channel in channels)
    with pytest.raises(ProtocolError, match="unknown_context"):
        app.request(get("/actuators/lamp"), DEVICE, 0.0, channels[0])


def test_a_second_offer_waits_for_the_first():
    """One offer at a time: two would lead to two sets of keys."""
    app, device = connected()
    app.renew(only(app), 0.0)

    with pytest.raises(ProtocolError, match="busy"):
        app.renew(only(app), 0.0)

    converse(app, device)
    assert asks(app, device)


def test_a_peer_that_knows_no_renewal_is_no_obstacle():
    """An older device answers 4.04 over the channel; everything goes on."""
    app, device = connected()
    del device._server._site._resources["/ps/channel"]

    handle = app.renew(only(app), 0.0)
    converse(app, device)

    assert isinstance(outcome(app, handle), ChannelFailed)
    assert asks(app, device)
