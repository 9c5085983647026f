"""Both state machines, cell by cell."""

from itertools import product

import pytest
from edhoc_pair import C_R, pair

from picosec.channel import initiator as initiating
from picosec.channel import responder as responding
from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.machine import Event
from picosec.errors import ProtocolError
from picosec.registry import Problem

Initiating, Responding = initiating.State, responding.State
ERROR = ErrorMessage(1, "refused").encode()


def initiator_in(state, message_4=False):
    """Return an Initiator in a state, and an honest next message for it."""
    if state is Initiating.START:
        return pair(message_4=message_4).initiator(), b""
    initiator, message = pair(message_4=message_4).to_message_2()
    if state is Initiating.FAILED:
        initiator.process_error(ERROR)
    if state in (Initiating.WAIT_MESSAGE_2, Initiating.FAILED):
        return initiator, message
    if state is Initiating.VERIFIED_MESSAGE_2:
        initiator.process_message_2(message)
        return initiator, message
    if state is Initiating.SENT_MESSAGE_3:
        return pair(message_4=True).to_message_4() if message_4 else (sent_message_3(), message)
    return pair(message_4=message_4).run()[0], message


def sent_message_3():
    initiator, message = pair().to_message_2()
    initiator.process_message_2(message)
    initiator.prepare_message_3()
    return initiator


def responder_in(state, message_4=False):
    """Return a Responder in a state, and an honest next message for it."""
    both = pair(message_4=message_4)
    message_1 = both.initiator().prepare_message_1()
    if state is Responding.START:
        return both.responder(), message_1
    if state is Responding.VERIFIED_MESSAGE_1:
        responder = both.responder()
        responder.process_message_1(message_1)
        return responder, message_1
    responder, message = both.to_message_3()
    if state is Responding.FAILED:
        responder.process_error(ERROR)
    if state in (Responding.VERIFIED_MESSAGE_3, Responding.COMPLETE):
        responder.process_message_3(message)
    if state is Responding.COMPLETE:
        responder.prepare_message_4() if message_4 else responder.complete()
    return responder, message


INITIATOR_ACTIONS = {
    Event.MESSAGE_1: lambda machine, message: machine.prepare_message_1(),
    Event.MESSAGE_2: lambda machine, message: machine.process_message_2(message),
    Event.MESSAGE_3: lambda machine, message: machine.prepare_message_3(),
    Event.MESSAGE_4: lambda machine, message: machine.process_message_4(message),
    Event.ERROR: lambda machine, message: machine.process_error(ERROR),
    Event.COMPLETE: lambda machine, message: machine.complete(),
}
RESPONDER_ACTIONS = {
    Event.MESSAGE_1: lambda machine, message: machine.process_message_1(message),
    Event.MESSAGE_2: lambda machine, message: machine.prepare_message_2(C_R),
    Event.MESSAGE_3: lambda machine, message: machine.process_message_3(message),
    Event.MESSAGE_4: lambda machine, message: machine.prepare_message_4(),
    Event.ERROR: lambda machine, message: machine.process_error(ERROR),
    Event.COMPLETE: lambda machine, message: machine.complete(),
}
#: What the peer sends, and so may be rejected.
INITIATOR_HEARS = {Initiating.WAIT_MESSAGE_2: Event.MESSAGE_2, Initiating.SENT_MESSAGE_3: Event.MESSAGE_4}
RESPONDER_HEARS = {Responding.START: Event.MESSAGE_1, Responding.WAIT_MESSAGE_3: Event.MESSAGE_3}


def name(cell) -> str:
    return cell.name.lower()


@pytest.mark.parametrize("event", INITIATOR_ACTIONS, ids=name)
@pytest.mark.parametrize("state", Initiating, ids=name)
def test_every_cell_of_the_initiator(state, event):
    """What the table has leads where it says; what it does not have changes nothing and says so."""
    machine, message = initiator_in(state, message_4=event is Event.MESSAGE_4)
    visit(machine, message, state, event, initiating.TRANSITIONS, INITIATOR_ACTIONS[event])


@pytest.mark.parametrize("event", RESPONDER_ACTIONS, ids=name)
@pytest.mark.parametrize("state", Responding, ids=name)
def test_every_cell_of_the_responder(state, event):
    """The same for the other side."""
    machine, message = responder_in(state, message_4=event is Event.MESSAGE_4)
    visit(machine, message, state, event, responding.TRANSITIONS, RESPONDER_ACTIONS[event])


def visit(machine, message, state, event, table, act):
    assert machine.state is state
    before = snapshot(machine)
    if (state, event) in table:
        act(machine, message)
        assert machine.state is table[state, event]
        return
    with pytest.raises(ProtocolError) as caught:
        act(machine, message)
    assert caught.value.problem is Problem.UNEXPECTED_MESSAGE
    assert snapshot(machine) == before


def snapshot(machine):
    """Return everything a machine holds, by identity."""
    return {slot: id(getattr(machine, slot)) for cls in type(machine).__mro__ for slot in getattr(cls, "__slots__", ())}


@pytest.mark.parametrize("state", INITIATOR_HEARS, ids=name)
def test_the_initiator_fails_on_what_it_rejects(state):
    """The table's REJECTED cells; secrets are gone, and nothing brings the session back."""
    machine, message = initiator_in(state, message_4=True)
    reject(machine, message, INITIATOR_ACTIONS[INITIATOR_HEARS[state]], initiating.TRANSITIONS[state, Event.REJECTED])


@pytest.mark.parametrize("state", RESPONDER_HEARS, ids=name)
def test_the_responder_fails_on_what_it_rejects(state):
    """The same for the other side."""
    machine, message = responder_in(state)
    reject(machine, message, RESPONDER_ACTIONS[RESPONDER_HEARS[state]], responding.TRANSITIONS[state, Event.REJECTED])


def reject(machine, message, act, failed):
    with pytest.raises(ProtocolError) as caught:
        act(machine, message + b"\x1c")
    assert caught.value.problem is Problem.MALFORMED
    assert machine.state is failed
    assert machine._held is None
    assert machine.session is None
    with pytest.raises(ProtocolError) as again:
        act(machine, message)
    assert again.value.problem is Problem.UNEXPECTED_MESSAGE


def test_the_responder_fails_on_a_key_that_gives_no_secret():
    """The one rejection that comes with message_2: only now the all-zero secret shows."""
    both = pair(3, 0)
    responder = both.responder()
    message_1 = bytearray(both.initiator().prepare_message_1())
    message_1[4:36] = bytes(32)
    responder.process_message_1(bytes(message_1))

    with pytest.raises(ProtocolError) as caught:
        responder.prepare_message_2(C_R)

    assert caught.value.problem is Problem.BAD_KEY
    assert responder.state is responding.TRANSITIONS[Responding.VERIFIED_MESSAGE_1, Event.REJECTED]


def test_the_tables_have_no_cells_that_nothing_visits():
    """A transition that no code takes is a transition that a drawing lies about."""
    visited = set(product(Initiating, INITIATOR_ACTIONS)) | {(state, Event.REJECTED) for state in INITIATOR_HEARS}
    assert set(initiating.TRANSITIONS) <= visited
    visited = set(product(Responding, RESPONDER_ACTIONS)) | {(state, Event.REJECTED) for state in RESPONDER_HEARS}
    assert set(responding.TRANSITIONS) - visited == {(Responding.VERIFIED_MESSAGE_1, Event.REJECTED)}


def test_a_policy_with_message_4_does_not_complete_without_it():
    """Key confirmation that can be left out by whoever drops a packet is none."""
    for machine in (
        initiator_in(Initiating.SENT_MESSAGE_3, message_4=True)[0],
        responder_in(Responding.VERIFIED_MESSAGE_3, message_4=True)[0],
    ):
        state = machine.state
        with pytest.raises(ProtocolError) as caught:
            machine.complete()
        assert caught.value.problem is Problem.UNEXPECTED_MESSAGE
        assert machine.state is state
        assert machine.session is None
