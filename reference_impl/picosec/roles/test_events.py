"""Events as the Test Interface reports them."""

from __future__ import annotations

from typing import Any

from picosec.roles import events


def event_row(event: events.Outcome) -> list[Any]:
    """Return an event as the grammar has it."""
    match event:
        case events.Response(handle, message, protected):
            return ["response", {0: handle, 1: message.code, 2: message.payload, 3: protected}]
        case events.Notification(handle, message, protected):
            return ["notification", {0: handle, 1: message.code, 2: message.payload, 3: protected}]
        case events.Failed(handle, reason):
            return ["failed", {0: handle, 1: reason.name.lower()}]
        case events.ObjectMade(handle, made):
            return ["object", {0: handle, 1: made}]
        case events.IdentityChanged(handle, history):
            return ["identity", {0: handle, 1: history}]
        case events.Appraised(handle, reason):
            return ["appraisal", {0: handle, 1: None if reason is None else reason.name.lower()}]
        case events.TokensFetched(handle, kid, count):
            return ["tokens", {0: handle, 1: kid, 2: count}]
        case events.RedemptionMade(handle, redemption):
            return ["redemption", {0: handle, 1: redemption}]
        case events.Reset(handle):
            return ["reset", {0: handle}]
        case events.Pong(handle):
            return ["pong", {0: handle}]
        case events.ChannelOpened(handle, channel, session):
            peer, role = session.peer.cred, session.role.value
            return ["channel", {0: handle, 1: channel.id, 2: session.method, 3: session.suite, 4: peer, 5: role}]
        case events.ChannelFailed(handle, reason):
            return ["channel-failed", {0: handle, 1: reason.name.lower()}]
        case events.ChannelClosed(handle, identifier, end):
            return ["channel-closed", {0: handle, 1: identifier, 2: end.value}]
