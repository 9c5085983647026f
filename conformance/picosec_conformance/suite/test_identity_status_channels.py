"""Channels of peers whose credential is taken back while they are open."""

from __future__ import annotations

import random
from typing import Any

import pytest

from picosec.channel.credentials import Kind
from picosec.messaging.coap import Code
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import HostileResponder, as_initiator, expect_given_up, meet
from picosec_conformance.handshake import Parties, open_channel, respond
from picosec_conformance.keeper import Keeper
from picosec_conformance.lives import Renewing, another_peer, opened, works
from picosec_conformance.objects import NOW
from picosec_conformance.observing import ProtectedObserver
from picosec_conformance.settings import CONTROL
from picosec_conformance.status import PLACE, SUBJECT, status_claim

pytestmark = pytest.mark.needs(CONTROL, "channel.oscore.server")


def met(keeper: Keeper, place: int = PLACE, **choices: Any) -> Parties:
    """Introduce the target to somebody who stands in the list."""
    return meet(keeper.target, keeper.rng, own_claims=status_claim(place), **choices)


def ends(control: Control) -> list[object]:
    """Return why channels were closed, as the target reports it."""
    return [event.fields[2] for event in control.events() if event.name == "channel-closed"]


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.needs(f"channel.edhoc.credential.{kind.value}"), id=kind.value)
        for kind in (Kind.KID, Kind.KCCS, Kind.KCWT)
    ],
)
def test_channel_ends_when_its_credential_is_taken_back(keeper: Keeper, kind: Kind) -> None:
    """The thief does not have to open anything: the phone's conversation is still going on."""
    keeper.takes(keeper.token().close())
    channel = opened(keeper.target, met(keeper, own_kind=kind))
    assert works(keeper.target, channel)

    keeper.takes(keeper.revoking().close())

    assert not works(keeper.target, channel)
    assert ends(keeper.control) == ["revoked"]
    assert keeper.control.state()[2] == 0


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.initiator")
def test_channel_that_the_target_opened_ends_too(keeper: Keeper) -> None:
    """Who called whom makes no difference."""
    keeper.takes(keeper.token().close())
    parties = met(keeper, **as_initiator())
    keeper.control.act("open", {1: parties.method, 2: [parties.suite]})
    channel = open_channel(keeper.target, respond(keeper.target, parties))
    keeper.target.until_probe_answered()
    assert works(keeper.target, channel)

    keeper.takes(keeper.revoking().close())

    assert not works(keeper.target, channel)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
def test_all_channels_of_the_peer_end_and_no_others(keeper: Keeper) -> None:
    """Three conversations of the lost phone; the neighbour in the list, and who stands in none, go on."""
    keeper.takes(keeper.token().close())
    lost = met(keeper)
    gone = [opened(keeper.target, lost) for _ in range(3)]
    kept = [
        opened(keeper.target, another_peer(keeper.control, lost, keeper.rng, kid, claims))
        for kid, claims in ((b"\x2d", status_claim(PLACE + 1)), (b"\x2e", {}))
    ]

    keeper.takes(keeper.revoking().close())

    assert [works(keeper.target, channel) for channel in (*gone, *kept)] == [False] * 3 + [True] * 2
    assert ends(keeper.control) == ["revoked"] * 3


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
def test_list_of_another_name_ends_no_channel(keeper: Keeper) -> None:
    """Place 3 of the lamps is taken back; the phone has place 3 of the locks."""
    keeper.takes(keeper.token().close())
    channel = opened(keeper.target, met(keeper))
    other = keeper.token({PLACE: 1}, issuer=keeper.other)
    other.claims[SUBJECT] = keeper.other_uri

    keeper.takes(other.close())

    assert works(keeper.target, channel)


@pytest.mark.requirement("IDN-290", "IDN-200")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("why", ["forged", "older", "cut"])
def test_refused_list_ends_no_channel(keeper: Keeper, why: str) -> None:
    """Anybody could cut every conversation of a house with one packet."""
    keeper.takes(keeper.token().close())
    channel = opened(keeper.target, met(keeper))
    token = keeper.revoking(issued=NOW - 1 if why == "older" else NOW + 1)
    if why == "cut":
        token.listed["lst"] = token.listed["lst"][:-1]
    problem = {"forged": Problem.AUTHENTICATION_FAILED, "older": Problem.STALE, "cut": Problem.MALFORMED}[why]

    keeper.refuses(token.close(bytes(64) if why == "forged" else None), problem)

    assert works(keeper.target, channel)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
@pytest.mark.parametrize("case", ["suspended", "not-in-the-list"])
def test_channel_ends_for_whatever_is_not_valid(keeper: Keeper, case: str) -> None:
    """Suspended, or cut off with the end of the list: it would be refused at the door, and is shown out."""
    keeper.takes(keeper.token(bits=2).close())
    channel = opened(keeper.target, met(keeper, 9))

    if case == "suspended":
        keeper.takes(keeper.token({9: 2}, bits=2, issued=NOW + 1).close())
    else:
        keeper.takes(keeper.token(size=8, issued=NOW + 1).close())

    assert not works(keeper.target, channel)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
def test_who_brings_the_list_that_revokes_him_gets_an_answer(keeper: Keeper) -> None:
    """The request came over a channel that was good then; the next one does not."""
    keeper.takes(keeper.token().close())
    channel = opened(keeper.target, met(keeper))

    keeper.takes(keeper.revoking().close(), ask=channel.ask)

    assert not works(keeper.target, channel)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.initiator")
def test_handshake_that_is_going_on_opens_nothing(keeper: Keeper) -> None:
    """Whoever knows that he will be found out holds the last answer back, and gives it when the list has come."""
    keeper.takes(keeper.token().close())
    parties = met(keeper, **as_initiator())
    other = HostileResponder(keeper.target, keeper.control, parties)
    other.wait_1()
    other.send_2()
    other.wait_3()
    keeper.takes(keeper.revoking().close())

    other.send_4(b"")

    expect_given_up(keeper.target, keeper.control, Problem.BAD_CREDENTIAL)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder", "channel.resume")
@pytest.mark.parametrize("when", ["before", "after"])
def test_stored_channel_ends_with_its_credential(keeper: Keeper, when: str) -> None:
    """The channel outlives a loss of power, and what was taken back before it or after it is taken back."""
    keeper.takes(keeper.token().close())
    parties = met(keeper)
    keeper.control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, store_channels=True)
    channel = opened(keeper.target, parties)
    list_ = keeper.revoking().close()

    for step in (list_, None) if when == "before" else (None, list_):
        if step is None:
            keeper.control.reboot()
        else:
            keeper.takes(step)

    assert not works(keeper.target, channel)
    assert keeper.control.state()[2] == 0


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder")
def test_new_handshake_after_the_end_fails(keeper: Keeper, control: Control) -> None:
    """The peer sees 4.01, as after a power cut, and tries again."""
    keeper.takes(keeper.token().close())
    parties = met(keeper)
    channel = opened(keeper.target, parties)
    request = keeper.target.build(Code.GET, keeper.target.manifest.resources.protected_get)
    keeper.takes(keeper.revoking().close())

    reply = keeper.target.exchange(channel.protect(request))

    keeper.target.expect_refusal(reply, Code.UNAUTHORIZED, Problem.UNKNOWN_CONTEXT)


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder", "channel.renewal")
@pytest.mark.parametrize("when", ["renewed", "offered"])
def test_new_keys_do_not_save_a_channel(keeper: Keeper, when: str) -> None:
    """The channel has other keys by now, or is promised some, and is still that of the lost phone."""
    keeper.takes(keeper.token().close())
    renewing = Renewing(keeper.target, met(keeper), keeper.rng)
    if when == "renewed":
        renewing.renew()
    else:
        renewing.derive(renewing.offer())

    keeper.takes(keeper.revoking().close())

    assert not works(keeper.target, renewing.channel)
    assert not works(keeper.target, renewing.before)
    assert keeper.control.state()[2] == 0


@pytest.mark.requirement("IDN-290")
@pytest.mark.needs("channel.edhoc.responder", "messaging.observe.server")
def test_observation_ends_with_the_channel(keeper: Keeper, rng: random.Random) -> None:
    """Who may ask no longer is told no longer."""
    keeper.takes(keeper.token().close())
    parties = met(keeper)
    observer = ProtectedObserver(keeper.target, opened(keeper.target, parties))
    observer.register()
    keeper.takes(keeper.revoking().close())

    other = opened(keeper.target, another_peer(keeper.control, parties, rng))
    request = keeper.target.build(Code.PUT, observer.path, b"\xf5", content_format=60)
    assert other.unprotect(keeper.target.exchange(other.protect(request))).code == Code.CHANGED

    assert observer.own(keeper.target.until_probe_answered()) == []
