"""OSCORE with an implementation that others wrote: aiocoap, in both roles."""

import pytest
from oscore_pair import ANSWER, READ, SALT, SECRET, SWITCH, Flash

from picosec.channel.oscore import (
    RefusedInside,
    echo_request,
    protect_request,
    protect_response,
    unprotect_request,
    unprotect_response,
)
from picosec.channel.oscore_context import SecurityContext
from picosec.crypto.aead import Aead
from picosec.messaging.coap import Code, Message, Option, Type

aiocoap = pytest.importorskip("aiocoap")
oscore = pytest.importorskip("aiocoap.oscore")
from aiocoap.message import Direction  # noqa: E402

ALGORITHMS = {
    Aead.AES_CCM_16_64_128: "AES-CCM-16-64-128",
    Aead.AES_CCM_16_128_128: "AES-CCM-16-128-128",
    Aead.A128GCM: "A128GCM",
    Aead.CHACHA20_POLY1305: "ChaCha20/Poly1305",
}
CASES = [
    pytest.param(
        aead, client_id, server_id, id_context, id=f"{aead.name}-{client_id.hex()}-{server_id.hex()}-{id_context}"
    )
    for aead in Aead
    for client_id, server_id, id_context in [(b"", b"\1", None), (b"\0\1\2\3\4\5", b"", None), (b"c", b"s", b"zone")]
]


class TheirContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """aiocoap's own processing, over a context in memory."""

    echo_recovery = None

    def __init__(self, aead, sender_id, recipient_id, id_context):
        self.alg_aead = oscore.algorithms[ALGORITHMS[aead]]
        self.hashfun = oscore.hashfunctions["sha256"]
        self.sender_id, self.recipient_id, self.id_context = sender_id, recipient_id, id_context
        self.derive_keys(SALT, SECRET)
        self.sender_sequence_number = 0
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        pass


def ours(aead, sender_id, recipient_id, id_context, **more):
    return SecurityContext(SECRET, sender_id, recipient_id, master_salt=SALT, id_context=id_context, aead=aead, **more)


def to_them(message):
    theirs = aiocoap.Message.decode(message.encode())
    theirs.direction = Direction.INCOMING
    return theirs


def their_outgoing(**fields):
    message = aiocoap.Message(**fields)
    message.direction = Direction.OUTGOING
    return message


def from_them(message, like):
    message.mtype, message.mid, message.token = aiocoap.numbers.types.Type(int(like.type)), like.message_id, like.token
    return Message.decode(message.encode())


@pytest.mark.parametrize(("aead", "client_id", "server_id", "id_context"), CASES)
def test_our_client_and_their_server_understand_each_other(aead, client_id, server_id, id_context):
    client = ours(aead, client_id, server_id, id_context)
    server = TheirContext(aead, server_id, client_id, id_context)
    for number in range(3):
        protected, binding = protect_request(client, SWITCH)
        opened, request_id = server.unprotect(to_them(protected))
        assert (opened.code, opened.opt.uri_path, opened.payload) == (
            aiocoap.PUT,
            ("actuators", "lamp"),
            SWITCH.payload,
        )

        answer, _ = server.protect(their_outgoing(code=aiocoap.CONTENT, payload=b"%d" % number), request_id)
        plain = unprotect_response(client, binding, from_them(answer, ANSWER))
        assert (plain.code, plain.payload) == (Code.CONTENT, b"%d" % number)


@pytest.mark.parametrize(("aead", "client_id", "server_id", "id_context"), CASES)
def test_their_client_and_our_server_understand_each_other(aead, client_id, server_id, id_context):
    client = TheirContext(aead, client_id, server_id, id_context)
    server = ours(aead, server_id, client_id, id_context)
    for _ in range(3):
        request = their_outgoing(code=aiocoap.GET, uri_path=("sensors", "temperature"))
        protected, request_id = client.protect(request)
        opened, binding = unprotect_request(server, from_them(protected, READ))
        assert (opened.code, opened.path) == (Code.GET, "/sensors/temperature")

        answer = protect_response(server, binding, ANSWER)
        plain, _ = client.unprotect(to_them(answer), request_id)
        assert (plain.code, plain.opt.content_format, plain.payload) == (aiocoap.CONTENT, 112, ANSWER.payload)


def test_they_take_our_responses_with_numbers_of_their_own():
    aead = Aead.AES_CCM_16_64_128
    client, server = TheirContext(aead, b"\1", b"\2", None), ours(aead, b"\2", b"\1", None)
    protected, request_id = client.protect(their_outgoing(code=aiocoap.GET))
    _, binding = unprotect_request(server, from_them(protected, READ))
    protect_response(server, binding, ANSWER)
    plain, _ = client.unprotect(to_them(protect_response(server, binding, ANSWER)), request_id)

    assert plain.payload == ANSWER.payload


def test_they_refuse_what_we_would_refuse():
    """The same replay and the same forgery."""
    aead = Aead.AES_CCM_16_64_128
    client, server = ours(aead, b"\1", b"\2", None), TheirContext(aead, b"\2", b"\1", None)
    protected, _ = protect_request(client, SWITCH)
    forged = Message(Type.CON, Code.POST, 1, b"", ((int(Option.OSCORE), b"\x09\x05\1"),), bytes(20))
    server.unprotect(to_them(protected))

    with pytest.raises(oscore.ReplayError):
        server.unprotect(to_them(protected))
    with pytest.raises(oscore.ProtectionInvalid):
        server.unprotect(to_them(forged))


def test_our_client_meets_their_challenge():
    """aiocoap's server lost its replay window and asks for an Echo."""
    aead = Aead.AES_CCM_16_64_128
    client, server = ours(aead, b"\1", b"\2", None), TheirContext(aead, b"\2", b"\1", None)
    server.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
    server.echo_recovery = b"challenge"
    protected, binding = protect_request(client, READ)
    with pytest.raises(oscore.ReplayErrorWithEcho) as refused:
        server.unprotect(to_them(protected))
    challenge, _ = server.protect(
        their_outgoing(code=aiocoap.UNAUTHORIZED, echo=refused.value.echo), refused.value.request_id
    )
    asked = unprotect_response(client, binding, from_them(challenge, ANSWER))
    repeated, _ = protect_request(client, echo_request(READ, asked))
    opened, _ = server.unprotect(to_them(repeated))

    assert opened.opt.uri_path == ("sensors", "temperature")


def test_their_client_meets_our_challenge():
    aead, flash = Aead.AES_CCM_16_64_128, Flash()
    ours(aead, b"\2", b"\1", None, storage=flash)
    client, server = TheirContext(aead, b"\1", b"\2", None), ours(aead, b"\2", b"\1", None, storage=flash)
    protected, request_id = client.protect(their_outgoing(code=aiocoap.GET, uri_path=("sensors",)))
    with pytest.raises(RefusedInside) as refused:
        unprotect_request(server, from_them(protected, READ))
    challenge, _ = client.unprotect(to_them(refused.value.reply), request_id)
    assert (challenge.code, challenge.payload) == (aiocoap.UNAUTHORIZED, b"")

    repeated, _ = client.protect(their_outgoing(code=aiocoap.GET, uri_path=("sensors",), echo=challenge.opt.echo))
    assert unprotect_request(server, from_them(repeated, READ))[0].path == "/sensors"
