"""Peers who need the word of third parties: when they are let in, and when their channels end."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.bearer import Bearer
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.endorsing import Endorsers
from picosec_conformance.handshake import open_channel
from picosec_conformance.lives import works
from picosec_conformance.objects import NOW, Key
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import DAY, ENDS, GRACE, PLACE, SUBJECT, TTL, status_claim

pytestmark = pytest.mark.needs(CONTROL)


def channel_of(endorsers: Endorsers) -> Channel:
    """Return a channel of the identity that is endorsed."""
    session = endorsers.somebody.authenticates()
    assert session is not None
    return open_channel(endorsers.target, session)


@pytest.mark.requirement("IDN-2110", "IDN-2130")
def test_peer_is_let_in_by_the_word_that_it_needs(endorsers: Endorsers) -> None:
    """A lamp that nobody tested is in the same box as one that was."""
    assert not endorsers.accepted

    endorsers.takes(endorsers.word().close())

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2110")
def test_word_of_another_endorser_does_not_serve(endorsers: Endorsers) -> None:
    """That the guild likes somebody says nothing of his wiring."""
    endorsers.takes(endorsers.word(endorsers.guild).close())

    assert not endorsers.accepted


@pytest.mark.requirement("IDN-2110")
@pytest.mark.parametrize("place", [0, 7, 8, 16, 31])
def test_word_about_another_does_not_serve(endorsers: Endorsers, place: int) -> None:
    """The neighbour's lamp was tested, and has nearly the same name."""
    changed = bytes(byte ^ (index == place) for index, byte in enumerate(endorsers.identity))
    endorsers.takes(endorsers.word(identity=changed).close())

    assert not endorsers.accepted


@pytest.mark.requirement("IDN-2110", "IDN-2130")
def test_every_word_that_is_needed_is_needed(endorsers: Endorsers) -> None:
    """Tested, and insured: one of them is not both."""
    endorsers.need(endorsers.house, endorsers.guild)
    endorsers.takes(endorsers.word().close())
    assert not endorsers.accepted

    endorsers.takes(endorsers.word(endorsers.guild).close())

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2130")
def test_nobody_needs_a_word_unless_somebody_says_so(endorsers: Endorsers) -> None:
    """A device that knows endorsers asks for none of them by itself."""
    endorsers.need()

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2130")
def test_peer_that_was_introduced_by_itself_needs_no_word(endorsers: Endorsers) -> None:
    """The owner gave the phone's credential to the lock with his own hands."""
    assert Bearer(endorsers.keeper, claims={}).accepted


@pytest.mark.requirement("IDN-2110", "IDN-2130")
def test_word_is_about_the_identity_and_not_about_its_key(endorsers: Endorsers) -> None:
    """The lamp has another key by now, and is the lamp that was tested."""
    endorsers.takes(endorsers.word().close())
    endorsers.somebody.history.rotate()
    endorsers.somebody.takes(endorsers.somebody.history.encode())

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2110")
def test_word_of_a_key_that_is_believed_no_longer_does_not_serve(endorsers: Endorsers) -> None:
    """The house lost its key, and has another one under the same name."""
    endorsers.takes(endorsers.word().close())
    assert endorsers.accepted

    endorsers.introduce(Key(endorsers.house.kid, endorsers.house.curve, endorsers.rng.randbytes(32)))

    assert not endorsers.accepted


@pytest.mark.requirement("IDN-2120", "IDN-2130")
def test_word_ends(endorsers: Endorsers) -> None:
    """A test is good for a day here, to the last second."""
    endorsers.takes(endorsers.word().close())

    endorsers.control.advance(DAY)
    assert endorsers.accepted
    endorsers.control.advance(1)
    assert not endorsers.accepted

    endorsers.takes(endorsers.word(issued=NOW + DAY + 1, ends=NOW + 2 * DAY).close())
    assert endorsers.accepted


@pytest.mark.requirement("IDN-2120", "IDN-2130")
@pytest.mark.parametrize("entry", [1, 2, 3])
def test_word_is_withdrawn_and_given_back(endorsers: Endorsers, entry: int) -> None:
    """The lamp caught fire somewhere, then it turned out to have been the curtain."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token(bits=2).close())
    endorsers.takes(endorsers.word(status=status_claim()).close())
    assert endorsers.accepted

    keeper.takes(keeper.token({PLACE: entry}, bits=2, issued=NOW + 1).close())
    assert not endorsers.accepted

    keeper.takes(keeper.token(bits=2, issued=NOW + 2).close())
    assert endorsers.accepted


@pytest.mark.requirement("IDN-2120")
def test_list_of_withdrawals_grows_too_old(endorsers: Endorsers) -> None:
    """Who keeps the list away must not gain by it for ever."""
    keeper = endorsers.keeper
    lasting = keeper.token()
    lasting.claims = {**lasting.claims, ENDS: NOW + 2 * GRACE, TTL: DAY}
    keeper.takes(lasting.close())
    endorsers.takes(endorsers.word(status=status_claim(), ends=NOW + 2 * GRACE).close())

    endorsers.control.advance(DAY + GRACE)
    assert endorsers.accepted
    endorsers.control.advance(1)
    assert not endorsers.accepted


@pytest.mark.requirement("IDN-2130")
def test_word_that_nobody_needs_is_withdrawn_without_effect(endorsers: Endorsers) -> None:
    """The guild throws somebody out, and the house has not changed its mind."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token().close())
    endorsers.takes(endorsers.word().close(), endorsers.word(endorsers.guild, status=status_claim()).close())
    channel = channel_of(endorsers)

    keeper.takes(keeper.revoking().close())

    assert works(endorsers.target, channel)
    assert endorsers.accepted


@pytest.mark.requirement("IDN-2130")
def test_endorsers_withdraw_their_own_words_only(endorsers: Endorsers) -> None:
    """Place 3 of the guild's list is not place 3 of the house's."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token().close())
    endorsers.takes(endorsers.word(status=status_claim()).close())
    other = keeper.token({PLACE: 1}, issuer=keeper.other)
    other.claims[SUBJECT] = keeper.other_uri

    keeper.takes(other.close())

    assert endorsers.accepted


@pytest.mark.requirement("IDN-2140")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("case", ["revoked", "suspended", "not-in-the-list"])
def test_channel_ends_with_the_word_that_it_needed(endorsers: Endorsers, control: Control, case: str) -> None:
    """The lamp that caught fire is still in the house, and talks to the hub."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token(bits=2).close())
    endorsers.takes(endorsers.word(status=status_claim(9)).close())
    channel = channel_of(endorsers)
    assert works(endorsers.target, channel)

    size = 8 if case == "not-in-the-list" else 16
    entries = {"revoked": {9: 1}, "suspended": {9: 2}}.get(case, {})
    keeper.takes(keeper.token(entries, bits=2, size=size, issued=NOW + 1).close())

    assert not works(endorsers.target, channel)
    assert control.state()[2] == 0


@pytest.mark.requirement("IDN-2140")
@pytest.mark.needs("channel.oscore.server")
def test_channels_of_others_go_on(endorsers: Endorsers) -> None:
    """Whoever was introduced by himself, and has the same place in no list, is not concerned."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token().close())
    endorsers.takes(endorsers.word(status=status_claim()).close())
    gone = channel_of(endorsers)
    endorsers.takes(endorsers.word(issued=NOW + 1, status=status_claim(PLACE + 1)).close())

    keeper.takes(keeper.revoking().close())

    assert works(endorsers.target, gone)


@pytest.mark.requirement("IDN-2140")
@pytest.mark.needs("channel.oscore.server")
@pytest.mark.parametrize("how", ["forged", "older"])
def test_refused_list_ends_no_channel(endorsers: Endorsers, how: str) -> None:
    """Anybody could throw anybody out with one packet."""
    keeper = endorsers.keeper
    keeper.takes(keeper.token().close())
    endorsers.takes(endorsers.word(status=status_claim()).close())
    channel = channel_of(endorsers)

    token = keeper.revoking(issued=NOW - 1 if how == "older" else NOW + 1)
    problem = Problem.STALE if how == "older" else Problem.AUTHENTICATION_FAILED
    keeper.refuses(token.close(bytes(64) if how == "forged" else None), problem)

    assert works(endorsers.target, channel)


@pytest.mark.requirement("IDN-2250")
@pytest.mark.needs("channel.oscore.server")
def test_channel_ends_when_the_word_ends(endorsers: Endorsers, control: Control) -> None:
    """The test was for a year, and the conversation began in the last hour of it and never stops."""
    endorsers.takes(endorsers.word(ends=NOW + 60).close(), endorsers.word(endorsers.guild, ends=NOW + 30).close())
    channel = channel_of(endorsers)
    control.advance(60)
    assert works(endorsers.target, channel)

    control.advance(1)

    assert not works(endorsers.target, channel)
    assert control.state()[2] == 0


@pytest.mark.requirement("IDN-2250")
@pytest.mark.needs("channel.oscore.server")
def test_request_after_the_end_of_the_word_is_not_served(endorsers: Endorsers, control: Control) -> None:
    """The clock is set, and no second passes before the request comes."""
    endorsers.takes(endorsers.word(ends=NOW + 60).close())
    channel, target = channel_of(endorsers), endorsers.target
    path = target.manifest.resources.protected_put
    control.provision_objects(date=NOW + 61)
    before = control.changes(path)

    reply = target.exchange(channel.protect(target.build(Code.PUT, path, b"\xf5", content_format=60)))

    target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)
    assert control.changes(path) == before


@pytest.mark.requirement("IDN-2130")
@pytest.mark.needs("channel.oscore.server")
def test_channel_lasts_as_long_as_the_newer_word(endorsers: Endorsers, control: Control) -> None:
    """The house tested the lamp again in time."""
    endorsers.takes(endorsers.word(ends=NOW + 60).close())
    channel = channel_of(endorsers)
    endorsers.takes(endorsers.word(issued=NOW + 1, ends=NOW + 120).close())
    control.advance(61)
    assert works(endorsers.target, channel)

    control.advance(60)

    assert not works(endorsers.target, channel)


@pytest.mark.requirement("IDN-2130")
@pytest.mark.needs("channel.oscore.server")
def test_end_of_a_word_that_nobody_needs_ends_no_channel(endorsers: Endorsers, control: Control) -> None:
    """Nobody asks the guild, or nobody asks anybody any more."""
    endorsers.takes(endorsers.word(ends=NOW + 600).close(), endorsers.word(endorsers.guild, ends=NOW + 30).close())
    channel = channel_of(endorsers)
    control.advance(31)
    assert works(endorsers.target, channel)

    endorsers.need()
    control.advance(600)

    assert works(endorsers.target, channel)
