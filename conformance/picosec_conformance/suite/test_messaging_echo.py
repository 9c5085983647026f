"""Addresses that nobody has proven: how much goes there, and what it takes to prove one."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.blocks import Block
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.channel import Channel
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import meet
from picosec_conformance.handshake import PATH as EDHOC
from picosec_conformance.handshake import TRUE, edhoc_request
from picosec_conformance.protection import fresh_context, set_up
from picosec_conformance.reach import Reach
from picosec_conformance.target import Nonconformity, Target


class Ledger:
    """The target as an address sees it that has shown nothing yet: what went there, and what came."""

    def __init__(self, stranger: Target) -> None:
        self.target = stranger
        self._sent = self._received = 0

    def send(self, message: Message | bytes) -> list[Message]:
        """Send and return what comes, until nothing comes any more; judge the sum of all so far."""
        data = message if isinstance(message, bytes) else message.encode()
        self.target.send(data)
        self._sent += len(data)
        return self.collect()

    def collect(self) -> list[Message]:
        """Return what comes by itself."""
        came = []
        probe = Message(Type.CON, Code.EMPTY, self.target.fresh_message_id())
        self.target.send(probe)
        self._sent += len(probe.encode())
        while (data := self.target.receive_bytes()) is not None:
            self._received += len(data)
            message = self.target.parse(data)
            if (message.type, message.message_id) == (Type.RST, probe.message_id):
                break
            came.append(message)
        if self._received > 3 * self._sent:
            raise Nonconformity(f"{self._received} bytes to an address that sent {self._sent}")
        return came

    @property
    def credit(self) -> int:
        """Bytes that may still come."""
        return 3 * self._sent - self._received


@pytest.fixture
def stranger(target: Target, reach: Reach) -> Ledger:
    """The target on a link where addresses can be forged, not proven."""
    return Ledger(reach.stranger())


def large(stranger: Ledger, *options: tuple[int, bytes]) -> Message:
    """Return a request for more than three times its bytes."""
    path = stranger.target.manifest.resources.large
    return stranger.target.build(Code.GET, path, options=options)


def challenged(stranger: Ledger, request: Message) -> bytes:
    """Send a request, judge that it is challenged, and return the Echo value."""
    answers = stranger.send(request)
    if served(answers):
        pytest.skip("no resource with more than three times the bytes of a request: name one in the manifest")
    if len(answers) != 1 or answers[0].code != Code.UNAUTHORIZED:
        raise Nonconformity("expected one challenge, 4.01 with an Echo option")
    value = answers[0].option(Option.ECHO)
    if not value or len(value) > 40 or answers[0].payload:
        raise Nonconformity("a challenge has an Echo option of 1 to 40 bytes and no payload")
    if answers[0].type == Type.CON:
        raise Nonconformity("a challenge in a confirmable message would be sent again and again")
    return value


def proof(stranger: Ledger, value: bytes) -> Message:
    """Return the request for much, with an Echo value."""
    return large(stranger, (int(Option.ECHO), value))


def served(answers: list[Message]) -> bool:
    """Whether a request was answered with its representation."""
    return [answer.code for answer in answers] == [Code.CONTENT]


@pytest.mark.requirement("MSG-1900", "MSG-1910")
def test_large_answer_is_not_sent_to_a_stranger(stranger: Ledger) -> None:
    """An attacker asks in the victim's name for the longest list there is."""
    challenged(stranger, large(stranger))


@pytest.mark.requirement("MSG-1900")
def test_many_requests_bring_no_more_than_few(stranger: Ledger) -> None:
    """The limit is for the sum: a hundred requests in the victim's name, each of them harmless."""
    for _ in range(30):
        stranger.send(large(stranger))
        stranger.send(stranger.target.build(Code.GET, "/no/such/resource"))
        stranger.send(stranger.target.build(Code.PUT, "/.well-known/core"))


@pytest.mark.requirement("MSG-1900")
def test_repetitions_count(stranger: Ledger) -> None:
    """The same packet again and again: its answer is remembered, and must be counted each time."""
    request = large(stranger)
    for _ in range(30):
        stranger.send(request)


@pytest.mark.requirement("MSG-1900")
def test_malformed_messages_count(stranger: Ledger) -> None:
    """What cannot be parsed is answered with a reset of four bytes, or not at all."""
    for garbage in (b"\x40\x01\x00\x01\xff", b"\x40\x21\x00\x02", b"\x41\x01\x00\x03", b"\x44\x01\x00\x04\x00"):
        stranger.send(garbage)


@pytest.mark.requirement("MSG-1900")
@pytest.mark.needs("conformance.test-interface")
def test_copies_of_a_late_response_count(stranger: Ledger, control: Control) -> None:
    """A separate response that nobody acknowledges is sent five times: to the victim."""
    request = stranger.target.build(Code.GET, stranger.target.manifest.resources.slow)
    stranger.send(request)
    for _ in range(8):
        control.advance(20)
        stranger.collect()


def grow(stranger: Ledger, target: Target, excess: int) -> Message:
    """Make a resource so large that the answer to the request that is returned exceeds the limit by so many bytes."""
    path = target.manifest.resources.put
    target.request(Code.PUT, path, b"1")
    small = stranger.send(stranger.target.build(Code.GET, path))
    for _ in range(40):
        stranger.collect()
    request = stranger.target.build(Code.GET, path)
    room = stranger.credit + 3 * len(request.encode())
    target.request(Code.PUT, path, bytes(room + excess - sum(len(each.encode()) - 1 for each in small)))
    return request


@pytest.mark.requirement("MSG-1900", "MSG-1910")
@pytest.mark.needs("conformance.test-interface")
def test_limit_holds_to_the_byte(stranger: Ledger, target: Target) -> None:
    """Three times is three times, and a server that counts has no reason for one more."""
    answers = stranger.send(grow(stranger, target, 1))
    assert [answer.code for answer in answers] == [Code.UNAUTHORIZED]


@pytest.mark.requirement("MSG-1900")
@pytest.mark.needs("conformance.test-interface")
def test_nothing_is_put_aside_for_a_late_response(stranger: Ledger, target: Target, control: Control) -> None:
    """The attacker asks for something slow, and has what its copies would need used up before they are due."""
    for _ in range(20):
        stranger.collect()
    stranger.send(stranger.target.build(Code.GET, stranger.target.manifest.resources.slow))

    stranger.send(grow(stranger, target, 0))
    control.advance(100)

    stranger.collect()


@pytest.mark.requirement("MSG-420")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
@pytest.mark.parametrize("code", [Code.GET, Code.POST, Code.PUT], ids=lambda code: code.name)
def test_request_of_its_own_is_not_limited(stranger: Ledger, control: Control, code: Code) -> None:
    """A device knocks at a server that it never heard of: nobody forged that, and the server may be asleep."""
    Control(stranger.target).act("request", {1: int(code), 2: "/x".ljust(240, "x") * 4})
    control.advance(100)
    stranger.target.send(Message(Type.CON, Code.EMPTY, stranger.target.fresh_message_id()))
    frames = []
    while (data := stranger.target.receive_bytes()) is not None:
        message = stranger.target.parse(data)
        if message.type == Type.RST:
            break
        frames += [data] if message.is_request else []
    assert len(frames) == 5
    assert len(set(frames)) == 1


@pytest.mark.requirement("MSG-1920", "MSG-1910")
def test_proven_address_is_served(stranger: Ledger) -> None:
    """An honest client at a new address gets what it asks for, one round trip later."""
    value = challenged(stranger, large(stranger))

    stranger.target.send(proof(stranger, value))
    reply = stranger.target.receive("the representation")

    assert reply.code == Code.CONTENT


def reply_of(stranger: Ledger, request: Message) -> Message:
    """Return the one answer to a request, without counting."""
    return stranger.target.exchange(request)


@pytest.mark.requirement("MSG-1960")
def test_proof_is_asked_for_once(stranger: Ledger, control: Control) -> None:
    """A challenge for each request would double every conversation."""
    value = challenged(stranger, large(stranger))
    assert reply_of(stranger, proof(stranger, value)).code == Code.CONTENT
    for _ in range(5):
        control.advance(59)
        assert reply_of(stranger, large(stranger)).code == Code.CONTENT


@pytest.mark.requirement("MSG-1960")
def test_proof_holds_for_an_address_that_was_known_for_long(stranger: Ledger, control: Control) -> None:
    """A neighbour since yesterday, who asks for much for the first time: its proof is as fresh as any."""
    stranger.collect()
    control.advance(86_400 - 30)
    value = challenged(stranger, large(stranger))
    assert reply_of(stranger, proof(stranger, value)).code == Code.CONTENT
    control.advance(59)
    assert reply_of(stranger, large(stranger)).code == Code.CONTENT


@pytest.mark.requirement("MSG-1920")
@pytest.mark.parametrize("uptime", [0, 3600, 400 * 86_400])
def test_value_is_good_for_a_minute(stranger: Ledger, control: Control, uptime: int) -> None:
    """A slow radio: the round trip takes its time, whether the server has just started or not."""
    control.advance(uptime)
    value = challenged(stranger, large(stranger))
    control.advance(59)

    assert reply_of(stranger, proof(stranger, value)).code == Code.CONTENT


@pytest.mark.requirement("MSG-1940")
def test_old_value_proves_nothing(stranger: Ledger, control: Control) -> None:
    """The attacker had the victim's address yesterday, and kept what was sent to it."""
    value = challenged(stranger, large(stranger))
    control.advance(248)

    assert challenged(stranger, proof(stranger, value)) != value


@pytest.mark.requirement("MSG-1940")
def test_value_from_before_a_reboot_proves_nothing(stranger: Ledger, control: Control) -> None:
    """After a reboot the clock may stand where it stood before."""
    value = challenged(stranger, large(stranger))
    control.reboot(introduced=False)

    challenged(stranger, proof(stranger, value))


@pytest.mark.requirement("MSG-1950")
def test_each_byte_of_a_value_counts(stranger: Ledger, rng: random.Random) -> None:
    """Whoever does not see the value guesses it: one byte that is not compared is 256 guesses in one."""
    length = len(challenged(stranger, large(stranger)))
    assert length >= 8
    for place in range(length):
        stranger.target.move()  # or what came in vain would add up to enough for the answer
        fresh = Ledger(stranger.target)
        forged = bytearray(challenged(fresh, large(fresh)))
        forged[place] ^= 1 << rng.randrange(8)
        challenged(fresh, proof(fresh, bytes(forged)))


@pytest.mark.requirement("MSG-1950")
def test_enough_of_a_value_is_nobodys_to_know(stranger: Ledger) -> None:
    """What is the same for all addresses is no secret; eight bytes have to be left that are not."""
    values = []
    for _ in range(12):
        stranger.target.move()
        fresh = Ledger(stranger.target)
        values.append(challenged(fresh, large(fresh)))
    assert sum(len(set(column)) > 1 for column in zip(*values, strict=True)) >= 8


@pytest.mark.requirement("MSG-1950")
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_value_of_another_length_proves_nothing(stranger: Ledger, cut: int) -> None:
    """A comparison that stops at the end of what was sent takes one byte for all of them."""
    value = challenged(stranger, large(stranger))

    for forged in (value[:-cut], value[cut:], value + bytes(cut), bytes(cut), bytes(40)):
        if forged:
            challenged(stranger, proof(stranger, forged))


@pytest.mark.requirement("MSG-1930")
def test_value_proves_one_address(stranger: Ledger, reach: Reach) -> None:
    """The attacker has an address of its own, and uses what was sent there in the victim's name."""
    value = challenged(stranger, large(stranger))
    stranger.target.move()
    other = Ledger(stranger.target)

    challenged(other, proof(other, value))


@pytest.mark.requirement("MSG-1910", "MSG-1920")
@pytest.mark.needs("channel.oscore.server")
def test_moving_client_proves_its_address_over_the_channel(
    stranger: Ledger, target: Target, control: Control, rng: random.Random
) -> None:
    """A request that decrypts shows who wrote it, not where from: one that was held back comes in the victim's name."""
    given = set_up(target, control, fresh_context(rng))
    channel = Channel(stranger.target, given.context)
    request = large(stranger)
    (answer,) = stranger.send(channel.protect(request))
    plain = channel.unprotect(answer)
    assert answer.option(Option.ECHO) is None
    value = plain.option(Option.ECHO)
    assert plain.code == Code.UNAUTHORIZED
    assert value is not None

    assert channel.ask(proof(stranger, value)).code == Code.CONTENT


@pytest.mark.requirement("MSG-1900")
@pytest.mark.needs("channel.edhoc.responder", "conformance.test-interface")
def test_second_message_of_a_handshake_counts(
    stranger: Ledger, target: Target, control: Control, rng: random.Random
) -> None:
    """Handshakes are begun in the victim's name: each message_2 goes to the victim, a certificate in it."""
    parties = meet(target, rng)
    control.provision(methods=[parties.method], suites=[parties.suite], message_4=False, by_value=True)
    message_1 = parties.initiator().prepare_message_1()
    for _ in range(10):
        stranger.send(edhoc_request(stranger.target, TRUE, message_1))


@pytest.mark.requirement("MSG-1990")
@pytest.mark.needs("conformance.test-interface")
def test_stranger_is_not_registered_for_notifications(stranger: Ledger, control: Control) -> None:
    """One packet in the victim's name, and the sensor reports to the victim for as long as it lives."""
    path = "/ps/test/store"
    target = stranger.target
    target.exchange(target.build(Code.PUT, path, b"1"))
    request = target.build(Code.GET, path, options=((int(Option.OBSERVE), b""),))
    before = control.state()[0]

    (answer,) = stranger.send(request)

    assert answer.code == Code.UNAUTHORIZED
    assert answer.option(Option.ECHO) is not None
    assert control.state()[0] == before


@pytest.mark.requirement("MSG-2300", "MSG-1900")
@pytest.mark.needs("messaging.block.server")
def test_stranger_who_asks_for_little_gets_it(stranger: Ledger) -> None:
    """Its library leaves Echo to the application; blocks of 16 bytes it can ask for, and each of them fits."""
    for number in range(4):
        (answer,) = stranger.send(large(stranger, Block(number, False, 0).option(Option.BLOCK2)))
        assert answer.code == Code.CONTENT
        found = Block.decode(answer.option(Option.BLOCK2) or b"")
        assert (found.number, found.size, len(answer.payload)) == (number, 16, 16)


class Asking:
    """The target as a client, which is asked to prove its address."""

    def __init__(self, target: Target, control: Control) -> None:
        self._target = target
        self.handle = control.act("request", {1: int(Code.GET), 2: "/some/path"})
        self.request = target.receive("a request")

    def challenge(self, value: bytes) -> None:
        """Answer the last request with a challenge."""
        options = ((int(Option.ECHO), value),)
        request = self.request
        self._target.send(Message(Type.ACK, Code.UNAUTHORIZED, request.message_id, request.token, options))

    def again(self) -> Message:
        """Return the request that the target sends once more."""
        self.request = self._target.receive("the request once more")
        return self.request

    def answer(self) -> None:
        """Answer the last request."""
        self._target.send(Message(Type.ACK, Code.CONTENT, self.request.message_id, self.request.token, (), b"x"))


@pytest.mark.requirement("MSG-1970")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("value", [b"\x01", bytes(8), bytes(range(40))], ids=["1", "8", "40"])
def test_client_proves_its_address(target: Target, control: Control, value: bytes) -> None:
    """A server with much to say asks who is there; a client that takes this for an error never gets it."""
    asking = Asking(target, control)
    first = asking.request
    asking.challenge(value)

    repeated = asking.again()
    asking.answer()

    assert repeated.option(Option.ECHO) == value
    assert (repeated.code, repeated.path, repeated.payload) == (first.code, first.path, first.payload)
    assert repeated.message_id != first.message_id
    assert control.event("response").fields[1] == Code.CONTENT


@pytest.mark.requirement("MSG-1970")
def test_client_proves_its_address_once(target: Target, control: Control) -> None:
    """A server that is never content must not keep a client busy for ever."""
    asking = Asking(target, control)
    asking.challenge(b"first")
    asking.again()
    asking.challenge(b"second")

    assert target.until_probe_answered() == []
    assert control.event("response").fields[1] == Code.UNAUTHORIZED


@pytest.mark.requirement("MSG-1970")
@pytest.mark.needs("channel.edhoc.initiator")
def test_initiator_proves_its_address(target: Target, control: Control, rng: random.Random) -> None:
    """A Responder with a certificate to send asks first; the handshake goes on where it was."""
    parties = meet(target, rng)
    control.act("open", {1: parties.method, 2: [parties.suite]})
    request = target.receive("message_1")
    options = ((int(Option.ECHO), b"challenge"),)
    target.send(Message(Type.ACK, Code.UNAUTHORIZED, request.message_id, request.token, options))

    repeated = target.receive("message_1 once more")

    assert repeated.path == EDHOC
    assert repeated.option(Option.ECHO) == b"challenge"
    assert repeated.payload == request.payload


@pytest.mark.requirement("MSG-1980")
def test_value_goes_with_no_other_request(target: Target, control: Control) -> None:
    """Like a cookie: a server that sees the value again knows the client again."""
    asking = Asking(target, control)
    asking.challenge(b"cookie")
    asking.again()
    asking.answer()
    control.event("response")

    later = Asking(target, control)

    assert later.request.option(Option.ECHO) is None
