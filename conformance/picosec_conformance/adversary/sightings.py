"""Everything the target was seen to send, and what may not show in it: secrets, nonces and keys for the second time."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag

from picosec.channel import edhoc_coap
from picosec.channel.edhoc_error import is_error
from picosec.channel.oscore import OUTER_OPTIONS
from picosec.channel.oscore_context import SecurityContext
from picosec.channel.oscore_option import OscoreOption
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, decode_options
from picosec.registry import CONTENT_FORMAT_EDHOC
from picosec_conformance.adversary.cast import Cast
from picosec_conformance.adversary.dialogue import Asked
from picosec_conformance.adversary.invariants import Invariant, Tally
from picosec_conformance.handshake import PATH
from picosec_conformance.network.tampering import dissect


class Sightings:
    """Remembers the target's datagrams. Methods raise ``Broken`` for what must not be seen."""

    def __init__(self, cast: Cast, tally: Tally) -> None:
        self._cast = cast
        self._tally = tally
        self._seen: set[bytes] = set()
        self._all: list[bytes] = []
        #: By the key and nonce that a message was protected with: its ciphertext.
        self._nonces: dict[tuple[bytes, bytes], bytes] = {}
        #: The ephemeral keys of its message_1 and message_2.
        self.initiator_keys: set[bytes] = set()
        self.responder_keys: set[bytes] = set()

    def rebooted(self) -> None:
        """Forget which datagrams may be repeated, and the entropy that a test build may draw again."""
        self._seen.clear()
        self.initiator_keys.clear()
        self.responder_keys.clear()

    def sees(self, data: bytes, asked: Asked | None) -> bool:
        """Look at a datagram of the target, perhaps an answer to ``asked``; return whether it is a new one."""
        self._all.append(data)
        self._judge_secrecy(data)
        if data in self._seen:
            return False
        self._seen.add(data)
        try:
            message = Message.decode(data)
        except ProtocolError:
            return True
        if message.option(Option.OSCORE) is not None:
            self._note_protected(message, asked)
        elif message.is_request:
            self._note_handshake_request(data, message)
        elif message.code == Code.CHANGED and message.content_format == CONTENT_FORMAT_EDHOC:
            g_y = dissect(data).get("g_y")
            if g_y is not None:
                self._fresh(g_y, self.responder_keys, "CHN-270")
        return True

    def carried(self, message: Message) -> Asked | None:
        """Return the request that a datagram carries, if an honest peer protected it for a channel in use."""
        option = _option(message)
        if option is None or not option.partial_iv:
            return None
        for dialogue in self._cast.dialogues():
            for asked in dialogue.asked:
                same = asked.protected.payload == message.payload and asked.context is dialogue.context
                if same and _option(asked.protected) in (option, _named(option, asked.context)):
                    return asked
        return None

    def opened(self, reply: Message, asked: Asked) -> Message | None:
        """Return what a protected answer carries, without any effect on the channel; None when it does not verify."""
        option = _option(reply)
        if option is None:
            return None
        plaintext = _opened(reply.payload, asked.context, _answer_nonce(option, asked), asked.binding.aad)
        if plaintext is None:
            return None
        try:
            options, payload = decode_options(plaintext, 1)
        except ProtocolError:
            return None
        return Message(reply.type, plaintext[0], reply.message_id, reply.token, options, payload)

    def judge_all(self) -> None:
        """Look at every datagram again, now that all secrets are known."""
        for data in self._all:
            self._judge_secrecy(data)

    def _judge_secrecy(self, data: bytes) -> None:
        shown = next((name for secret, name in self._cast.secrets.items() if secret in data), None)
        self._tally.hold(Invariant.SECRECY, shown is None, "CHN-680", f"a datagram shows {shown}")

    def _note_handshake_request(self, data: bytes, message: Message) -> None:
        try:
            if message.path != PATH:
                return
            identifier, text = edhoc_coap.split_prefix(message.payload)
        except ProtocolError:
            return
        if identifier is None:
            g_x = dissect(data).get("g_x")
            if g_x is not None:
                self._fresh(g_x, self.initiator_keys, "CHN-280")
            return
        if is_error(text):
            return
        parties = [party for party in self._cast.parties.values() if party.honest]
        proven = [party.foresee(known, text) for party in parties if (known := party.has(identifier)) is not None]
        detail = "the target sent message_3 to somebody whose message_2 does not verify"
        self._tally.hold(Invariant.AUTHENTIC, any(proven), "CHN-550", detail)

    def _fresh(self, key: bytes, keys: set[bytes], requirement: str) -> None:
        self._tally.hold(Invariant.FRESH_NONCES, key not in keys, requirement, f"ephemeral key {key.hex()} again")
        keys.add(key)

    def _note_protected(self, message: Message, asked: Asked | None) -> None:
        option = _option(message)
        if option is None:
            return
        self._judge_outside(message)
        if message.is_response:
            if asked is not None:
                nonce = _answer_nonce(option, asked)
                self._note(message.payload, asked.context, nonce, asked.binding.aad)
            return
        for dialogue in self._cast.dialogues():
            for context in dialogue.contexts:
                if context.recipient_id == option.kid and option.partial_iv:
                    nonce = context.recipient.nonce(int.from_bytes(option.partial_iv, "big"))
                    self._note(message.payload, context, nonce, context.recipient.aad(option.partial_iv))

    def _judge_outside(self, message: Message) -> None:
        """Judge that a protected message shows neither its code nor an option that belongs inside."""
        outside = {number for number, _value in message.options} - {int(Option.OSCORE)}
        if message.is_request:
            hidden = message.code == Code.POST and outside <= OUTER_OPTIONS
            self._tally.hold(Invariant.SECRECY, hidden, "CHN-670", "a protected request shows its code or options")
        else:
            hidden = message.code == Code.CHANGED and not outside
            self._tally.hold(Invariant.SECRECY, hidden, "CHN-680", "a protected response shows its code or options")

    def _note(self, ciphertext: bytes, context: SecurityContext, nonce: bytes, aad: bytes) -> None:
        """Note the nonce of a message if it was made under the key of a context."""
        plaintext = _opened(ciphertext, context, nonce, aad)
        if plaintext is None:
            return
        use = (context.recipient.key, nonce)
        once = self._nonces.setdefault(use, ciphertext) == ciphertext
        self._tally.hold(Invariant.FRESH_NONCES, once, "CHN-850", f"nonce {nonce.hex()} protects two messages")
        if plaintext[0] >> 5 == 2:
            try:
                _options, payload = decode_options(plaintext, 1)
            except ProtocolError:
                return
            self._cast.hide(payload, "what a protected response carries")


def _option(message: Message) -> OscoreOption | None:
    value = message.option(Option.OSCORE)
    if value is None:
        return None
    try:
        return OscoreOption.decode(value)
    except ProtocolError:
        return None


def _named(option: OscoreOption, context: SecurityContext) -> OscoreOption:
    """Return the option with the ID Context that a client may leave out (CHN-710)."""
    return OscoreOption(option.partial_iv, option.kid, context.id_context)


def _answer_nonce(option: OscoreOption, asked: Asked) -> bytes:
    if option.partial_iv:
        return asked.context.recipient.nonce(int.from_bytes(option.partial_iv, "big"))
    return asked.nonce


def _opened(ciphertext: bytes, context: SecurityContext, nonce: bytes, aad: bytes) -> bytes | None:
    """Return the plaintext of a message to us, without any effect on the context; None when it is not one."""
    try:
        return context.recipient.cipher.decrypt(nonce, ciphertext, aad) or None
    except (InvalidTag, ValueError):
        return None
