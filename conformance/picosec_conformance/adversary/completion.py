"""When the target says that a handshake is complete: with whom, on which keys, and could it have been better."""

from __future__ import annotations

from picosec.channel.edhoc_messages import bstr
from picosec.channel.session import Role
from picosec_conformance.adversary.cast import Cast
from picosec_conformance.adversary.dialogue import Dialogue
from picosec_conformance.adversary.invariants import Invariant, Tally
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.control import Control, Event
from picosec_conformance.target import Nonconformity

#: What both ends export to see whether they agree: a label for private use.
_LABEL, _CONTEXT, _LENGTH = 40000, b"agreement", 16


def judge_channel(
    event: Event, payload: bytes, control: Control, cast: Cast, setting: Setting, tally: Tally
) -> Dialogue:
    """Return the dialogue whose handshake the target completed with a message of this payload.

    Raises ``Broken`` unless exactly one honest peer stands behind it, sent it, and agrees.
    """
    identifier, method, suite, credential, role = (event.fields.get(key) for key in range(1, 6))
    requirement = "CHN-500" if role == "responder" else "CHN-510"
    if not isinstance(identifier, bytes):
        raise Nonconformity("the event channel must name the channel by a byte string")
    exported = control.export(identifier, _LABEL, _CONTEXT, _LENGTH)
    peer = next((each for each in cast.dialogues() if _exports(each, exported)), None)
    detail = "the target completed a handshake, with keys that no peer has"
    tally.hold(Invariant.AUTHENTIC, peer is not None, requirement, detail)
    assert peer is not None
    detail = f"the target took {peer.party}, who lacks the key, for somebody else"
    tally.hold(Invariant.AUTHENTIC, peer.honest, requirement, detail)
    session = peer.session or peer.foreseen
    assert session is not None
    views = {
        "the method": (method, session.method),
        "the suite": (suite, session.suite),
        "who began": (role, _other(session.role).value),
        "the identifiers": (identifier, session.sender_id),
    }
    for what, (theirs, ours) in views.items():
        tally.hold(Invariant.AGREEMENT, theirs == ours, "CHN-910", f"{what}: {theirs!r} there, {ours!r} here")
    names = (cast.credentials[peer.party], bstr(cast.credentials[peer.party]))
    detail = f"the target takes {peer.party} for somebody else"
    tally.hold(Invariant.AGREEMENT, credential in names, requirement, detail)
    detail = f"{peer.label} gave a second channel"
    tally.hold(Invariant.AGREEMENT, not peer.confirmed, "CHN-560", detail)
    if role == "responder":
        detail = f"the target accepted a message_3 that {peer.party} did not send"
        tally.hold(Invariant.AUTHENTIC, payload == peer.final, requirement, detail)
    elif setting.message_4:
        detail = f"the target completed the handshake without the message_4 of {peer.party}"
        tally.hold(Invariant.AUTHENTIC, payload == peer.final, "CHN-990" if payload else "CHN-590", detail)
    best = _best(setting, session.role)
    weaker = "CHN-200" if role == "responder" else "CHN-220"
    tally.hold(Invariant.NO_DOWNGRADE, suite == best, weaker, f"suite {suite}, though both have suite {best}")
    peer.confirmed = True
    parameters = session.oscore()
    cast.hide(session.prk_out, "PRK_out")
    cast.hide(parameters.master_secret, "a master secret")
    return peer


def _exports(dialogue: Dialogue, exported: bytes) -> bool:
    session = dialogue.session or dialogue.foreseen
    return session is not None and session.export(_LABEL, _CONTEXT, _LENGTH) == exported


def _other(role: Role) -> Role:
    return Role.RESPONDER if role is Role.INITIATOR else Role.INITIATOR


def _best(setting: Setting, peer: Role) -> int | None:
    """Return the first suite in the Initiator's order that the Responder has."""
    ours, theirs = setting.suites, setting.target_suites
    first, second = (ours, theirs) if peer is Role.INITIATOR else (theirs, ours)
    return next((suite for suite in first if suite in second), None)
