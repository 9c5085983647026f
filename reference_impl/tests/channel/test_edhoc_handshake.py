"""Whole handshakes: over the grid, through negotiation, and what they give."""

from itertools import product

import pytest
from edhoc_pair import C_I, C_R, entropy, pair, trust

from picosec.channel.credentials import Kind, Usage
from picosec.channel.ead import EadItem, padding
from picosec.channel.edhoc_config import EdhocConfig, Policy
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import Message1
from picosec.channel.initiator import Initiator, next_suite
from picosec.channel.responder import Responder
from picosec.channel.session import Role
from picosec.crypto.suites import SUITES
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.registry import Problem
from picosec_conformance.identity import make_identity


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("method", range(4))
@pytest.mark.parametrize("message_4", [False, True], ids=["three", "four"])
def test_both_sides_agree(method, suite, message_4):
    """Every method in every suite, each kind of credential against the next one."""
    for position, kind in enumerate(Kind):
        other = list(Kind)[(position + 1) % len(Kind)]
        initiator, responder = pair(method, suite, kind, other, message_4=message_4).run()
        ours, theirs = initiator.session, responder.session

        assert ours.prk_out == theirs.prk_out
        assert ours.export(40000, b"context", 50) == theirs.export(40000, b"context", 50)
        assert ours.updated(b"x").prk_out == theirs.updated(b"x").prk_out != ours.prk_out
        assert (ours.oscore().sender_id, ours.oscore().recipient_id) == (C_R, C_I)
        assert (theirs.oscore().sender_id, theirs.oscore().recipient_id) == (C_I, C_R)
        assert ours.oscore().master_secret == theirs.oscore().master_secret
        assert len(ours.oscore().master_secret) == SUITES[suite].application_aead.key_length
        assert (ours.role, theirs.role) == (Role.INITIATOR, Role.RESPONDER)
        assert ours.peer.subject.endswith("responder")
        assert theirs.peer.subject.endswith("initiator")


def test_every_pair_of_kinds_completes():
    """The two sides need not name their credentials in the same way."""
    for first, second in product(Kind, Kind):
        initiator, _ = pair(3, 2, first, second).run()
        assert initiator.session is not None


def test_secrets_do_not_show_in_representations():
    """A log line or a traceback must not hold keys."""
    initiator, responder = pair().run()
    waiting, _ = pair().to_message_3()

    for thing in (initiator.session, responder.session, waiting, initiator):
        assert initiator.session.prk_out.hex() not in repr(thing)
        assert repr(initiator.session.prk_out) not in repr(thing)
    assert "prk" not in repr(initiator.session)


def test_a_completed_session_holds_nothing_but_its_result():
    """Forward secrecy: ephemeral keys and intermediate secrets end with the handshake."""
    for machine in pair().run():
        assert machine._held is None


def test_each_session_has_its_own_keys():
    """The same two endpoints, twice: fresh ephemeral keys make fresh sessions."""
    both = pair()
    source = entropy("fresh")

    def run():
        initiator = Initiator(both.initiator_config, 3, C_I, source)
        responder = Responder(both.responder_config, source)
        message_1 = initiator.prepare_message_1()
        responder.process_message_1(message_1)
        message_2 = responder.prepare_message_2(C_R)
        initiator.process_message_2(message_2)
        responder.process_message_3(initiator.prepare_message_3())
        return message_1, message_2, responder.complete().prk_out

    first, second = run(), run()
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_understood_items_arrive_and_others_do_not():
    """Data for an application comes with the session; padding and what nobody knows is dropped."""
    both = pair(message_4=True, ead_labels=frozenset({7, 9}))
    initiator, responder = both.initiator(), both.responder()
    known, critical, unknown = EadItem(7, b"a"), EadItem(9, None, critical=True), EadItem(8, b"b")
    responder.process_message_1(initiator.prepare_message_1([known, *padding(3), unknown]))
    initiator.process_message_2(responder.prepare_message_2(C_R, [unknown, critical]))
    responder.process_message_3(initiator.prepare_message_3([critical]))
    initiator.process_message_4(responder.prepare_message_4([known, *padding(1)]))

    assert responder.session.ead == (known, critical)
    assert initiator.session.ead == (critical, known)


def endpoint(suites: tuple[int, ...], seed: str, peer_suites: tuple[int, ...], peer_seed: str) -> EdhocConfig:
    """Return an endpoint with a static key on each curve that its suites need."""

    def identities(of: tuple[int, ...], name: str):
        return [
            make_identity(
                Kind.KID, Usage.STATIC_DH, suite, entropy(f"{name} {SUITES[suite].curve}"), kid=name.encode(), name=name
            )
            for suite in of
        ]

    vault = software_vault(bytes)
    own = [identity.unlock(vault) for identity in identities(suites, seed)]
    return EdhocConfig(vault, own, trust(*identities(peer_suites, peer_seed)), Policy((3,), suites))


def negotiate(
    initiator_suites: tuple[int, ...], responder_suites: tuple[int, ...]
) -> tuple[list[tuple[int, ...]], int]:
    """Return each SUITES_I that was sent, and the suite in which the handshake completes."""
    first = endpoint(initiator_suites, "i", responder_suites, "r")
    second = endpoint(responder_suites, "r", initiator_suites, "i")
    sent, tried = [], [initiator_suites[0]]
    while True:
        initiator = Initiator(first, 3, C_I, entropy(f"attempt {len(sent)}"), tried[-1])
        responder = Responder(second, entropy("responder"))
        message_1 = initiator.prepare_message_1()
        sent.append(Message1.decode(message_1).suites)
        try:
            responder.process_message_1(message_1)
        except ProtocolError as error:
            answer = initiator.process_error(responder.error_message(error))
            tried.append(next_suite(initiator, answer.info, tried))
            continue
        initiator.process_message_2(responder.prepare_message_2(C_R))
        responder.process_message_3(initiator.prepare_message_3())
        assert initiator.complete().prk_out == responder.complete().prk_out
        return sent, initiator.session.suite


@pytest.mark.parametrize(
    ("ours", "theirs", "sent", "suite"),
    [
        ((5, 6, 2), (2,), [(5,), (5, 6, 2)], 2),
        ((5, 6, 3), (6, 3), [(5,), (5, 6)], 6),
        ((2, 3), (3, 2), [(2,)], 2),
        ((0, 2), (2, 0), [(0,)], 0),
        ((6, 5, 4, 3, 2, 1, 0), (0,), [(6,), (6, 5, 4, 3, 2, 1, 0)], 0),
    ],
)
def test_the_most_preferred_common_suite_is_found(ours, theirs, sent, suite):
    """RFC 9528 section 6.3.2: the order is the Initiator's, and all it prefers is shown."""
    assert negotiate(ours, theirs) == (sent, suite)


def test_negotiation_ends_where_nothing_is_common():
    """No endless loop, and no suite that only one side has."""
    with pytest.raises(ProtocolError) as caught:
        negotiate((2, 3), (0, 4))
    assert caught.value.problem is Problem.UNSUPPORTED_SUITE


def test_a_forged_error_message_cannot_hide_a_preferred_suite():
    """A man in the middle answers for the Responder: only weak suites. The Responder sees the whole list and
    refuses.
    """
    both = endpoint((2, 3), "i", (2, 3), "r"), endpoint((2, 3), "r", (2, 3), "i")
    initiator = Initiator(both[0], 3, C_I, entropy("one"))
    initiator.prepare_message_1()
    forged = initiator.process_error(ErrorMessage(2, (3,)).encode())
    downgraded = Initiator(both[0], 3, C_I, entropy("two"), next_suite(initiator, forged.info, [2]))

    with pytest.raises(ProtocolError) as caught:
        Responder(both[1], entropy("r")).process_message_1(downgraded.prepare_message_1())

    assert (caught.value.problem, caught.value.requirement) == (Problem.UNSUPPORTED_SUITE, "CHN-200")


def test_removed_preferences_break_the_handshake():
    """The man in the middle also cuts the preferred suite out of message_1: then the transcripts differ."""
    both = endpoint((2, 3), "i", (2, 3), "r"), endpoint((2, 3), "r", (2, 3), "i")
    initiator = Initiator(both[0], 3, C_I, entropy("two"), 3)
    message_1 = Message1.decode(initiator.prepare_message_1())
    responder = Responder(both[1], entropy("r"))
    responder.process_message_1(Message1(message_1.method, (3,), message_1.g_x, message_1.c_i).encode())

    with pytest.raises(ProtocolError):
        initiator.process_message_2(responder.prepare_message_2(C_R))
    assert initiator.session is None


def test_an_endpoint_without_a_fitting_credential_does_not_begin():
    """A suite counts as supported only where a credential can serve it."""
    both = pair(3, 2, initiator_policy={"methods": (0, 3), "suites": (0, 2)})

    assert both.initiator_config.suites(Role.INITIATOR, 3) == (2,)
    assert Initiator(both.initiator_config, 3, C_I, entropy("x")).suite.number == 2
    for method in (1, 2, 7):
        with pytest.raises(ProtocolError) as caught:
            Initiator(both.initiator_config, method, C_I, entropy("x"))
        assert caught.value.problem is Problem.UNSUPPORTED_METHOD
    with pytest.raises(ProtocolError) as caught:
        Initiator(both.initiator_config, 3, C_I, entropy("x"), selected=0)
    assert caught.value.problem is Problem.UNSUPPORTED_SUITE


def test_credentials_by_value_come_first_where_the_policy_says_so():
    """The order among own credentials is the policy's, then their own."""
    vault = software_vault(bytes)
    identity = make_identity(Kind.KID, Usage.STATIC_DH, 2, entropy("x"), kid=b"\x2b")
    by_reference = identity.unlock(vault)
    by_value = make_identity(Kind.KCCS, Usage.STATIC_DH, 2, entropy("y")).unlock(vault)

    for prefer, chosen in ((False, by_reference), (True, by_value)):
        for own in ([by_reference, by_value], [by_value, by_reference]):
            config = EdhocConfig(vault, own, trust(identity), Policy((3,), (2,), by_value=prefer))
            assert config.own(Role.INITIATOR, 3, 2) is chosen
            assert config.own(Role.INITIATOR, 3, 2, Kind.KID) is by_reference
    assert config.own(Role.INITIATOR, 3, 2, Kind.X5T) is None
    assert config.suites(Role.INITIATOR, 3, Kind.X5T) == ()


@pytest.mark.parametrize("c_r", [C_I, bytes(8)], ids=["equal", "long"])
def test_an_own_identifier_that_cannot_be_used_changes_nothing(c_r):
    """A mistake of this endpoint must not cost the peer its session."""
    both = pair()
    responder = both.responder()
    responder.process_message_1(both.initiator().prepare_message_1())

    with pytest.raises(ProtocolError) as caught:
        responder.prepare_message_2(c_r)

    assert caught.value.problem is Problem.BAD_IDENTIFIER
    assert responder.prepare_message_2(C_R)
