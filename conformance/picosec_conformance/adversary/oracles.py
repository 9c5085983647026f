"""Do errors tell what they may not? What is refused for different secrets has to look the same on the wire.

Times are compared and reported. They judge nothing: on a noisy link no test could.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median

from picosec.channel.credentials import initiator_usage
from picosec.channel.edhoc_config import EdhocConfig
from picosec.channel.edhoc_messages import compact_id_cred, encode_identifier
from picosec.channel.oscore_context import SecurityContext
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.cbor import dumps
from picosec.messaging.coap import Code, Message
from picosec.registry import CONTENT_FORMAT_CBOR
from picosec_conformance.adapters import TargetDied
from picosec_conformance.adversary.arena import Arena
from picosec_conformance.adversary.invariants import Broken, Invariant
from picosec_conformance.adversary.ranks import Comparison, mann_whitney
from picosec_conformance.adversary.referee import dead
from picosec_conformance.channel import Channel
from picosec_conformance.edhoc_run import Prover, Run
from picosec_conformance.handshake import SUITE_CID, TRUE, Parties, edhoc_request, introduce, message_of
from picosec_conformance.identity import curve_for
from picosec_conformance.network.tampering import flipped
from picosec_conformance.target import Nonconformity

#: Refusals of each kind, and in a quick run.
ROUNDS, FEW = 120, 12

#: Makes a message that is refused for one reason.
Maker = Callable[[], Message]


@dataclass(frozen=True, slots=True)
class Timing:
    """Two reasons for the same refusal, and how the times until it compare. Times are medians in microseconds."""

    reasons: tuple[str, str]
    times: tuple[float, float]
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Oracle:
    """One kind of refusal: by ``requirement`` the same for all ``reasons``."""

    name: str
    requirement: str
    reasons: tuple[str, ...]
    rounds: int
    timings: tuple[Timing, ...]
    seconds: float


class Interrogation:
    """Asks the target for refusals. Raises ``Broken`` when two that must look alike differ."""

    def __init__(self, arena: Arena, seed: int, *, quick: bool = False) -> None:
        self._arena = arena
        self._rng = random.Random(f"oracles:{seed}")
        self._rounds = FEW if quick else ROUNDS

    def run(self) -> Iterator[Oracle]:
        """Interrogate the target about everything that it has."""
        able = self._arena.able
        if able.responder:
            for method in (3, 0):
                if method in able.methods:
                    yield self._ask(f"message_3, method {method}", "CHN-520", self._handshakes(method))
        if able.server and able.control:
            yield self._ask("request over a channel", "CHN-750", self._requests())

    def _ask(self, name: str, requirement: str, makers: dict[str, Maker]) -> Oracle:
        """Collect refusals, a round of all reasons after the other, so that what drifts concerns all of them."""
        began = time.perf_counter()
        link, tally = self._arena.link, self._arena.tally
        times: dict[str, list[float]] = {reason: [] for reason in makers}
        seen: dict[str, tuple[int, object, bytes]] = {}
        try:
            for _ in range(self._rounds):
                for reason in self._rng.sample(list(makers), len(makers)):
                    message = makers[reason]()
                    start = time.perf_counter()
                    reply = link.exchange(message, reason)
                    times[reason].append((time.perf_counter() - start) * 1e6)
                    shape = (reply.code, reply.options, reply.payload)
                    seen.setdefault(reason, shape)
                    for other, known in seen.items():
                        detail = f"{name}: {reason!r} is answered otherwise than {other!r}"
                        tally.hold(Invariant.UNIFORM_ERRORS, shape == known, requirement, detail)
        except (Nonconformity, TargetDied) as error:
            raise dead(error) from error
        except ProtocolError as error:  # an honest step of the suite came upon what it does not take
            raise Broken(Invariant.RECOVERY, error.requirement, str(error)) from error
        timings = tuple(
            Timing((a, b), (median(times[a]), median(times[b])), mann_whitney(times[a], times[b]))
            for a, b in combinations(makers, 2)
        )
        return Oracle(name, requirement, tuple(makers), self._rounds, timings, time.perf_counter() - began)

    # -- handshakes ----------------------------------------------------------------------------------------------

    def _handshakes(self, method: int) -> dict[str, Maker]:
        parties = self._introduced(method)
        return {
            "wrong ciphertext": lambda: self._message_3(parties, lambda text: flipped(text, 23)),
            "wrong tag": lambda: self._message_3(parties, lambda text: flipped(text, 8 * len(text) - 1)),
            "wrong private key": lambda: self._message_3(self._impostor(parties), bytes),
            "proof cut short": lambda: self._composed(parties, lambda run: run["signature_or_mac_3"][:-1]),
            "proof of zeros": lambda: self._composed(parties, lambda run: bytes(len(run["signature_or_mac_3"]))),
        }

    def _composed(self, parties: Parties, proof: Callable[[Run], bytes]) -> Message:
        """Return a message_3 that decrypts, with another proof in it."""
        link = self._arena.link
        own = parties.config.credentials[0]
        theirs = parties.target.unlock(software_vault(self._rng.randbytes))
        run = Run(
            parties.method,
            (parties.suite,),
            self._rng.randbytes(32),
            SUITE_CID,
            initiator=Prover(own.id_cred, own.cred, own.credential.key, parties.own.private_key),
            responder=Prover(theirs.id_cred, theirs.cred, theirs.credential.key),
        )
        run.read_message_2(message_of(link.exchange(edhoc_request(link, TRUE, run.compose_message_1()))))
        run.compose_plaintext_3()
        text = run.encrypt_3(compact_id_cred(own.id_cred) + dumps(proof(run)))
        return edhoc_request(link, encode_identifier(run.c_r), text)

    def _introduced(self, method: int) -> Parties:
        link = self._arena.link
        link.begin(self._rng)
        self._arena.reset(self._rng.randbytes(32))
        return introduce(link, self._rng, method=method, suite=_suite(self._arena))

    def _impostor(self, parties: Parties) -> Parties:
        """Return the same parties, of which the suite's has another private key than its credential says."""
        config = parties.config
        curve = curve_for(initiator_usage(parties.method), parties.suite)
        own = replace(config.credentials[0], handle=config.vault.generate(curve, self._rng.randbytes))
        return replace(parties, config=EdhocConfig(config.vault, [own], config.trusted, config.policy))

    def _message_3(self, parties: Parties, change: Callable[[bytes], bytes]) -> Message:
        link = self._arena.link
        initiator = parties.initiator()
        initiator.process_message_2(message_of(link.exchange(edhoc_request(link, TRUE, initiator.prepare_message_1()))))
        assert initiator.c_r is not None
        text = change(initiator.prepare_message_3())
        return edhoc_request(link, encode_identifier(initiator.c_r), text)

    # -- channels ------------------------------------------------------------------------------------------------

    def _requests(self) -> dict[str, Maker]:
        link = self._arena.link
        link.begin(self._rng)
        self._arena.reset(self._rng.randbytes(32))
        channel = self._arena.provisioned(self._rng)
        right = channel.context
        secret = self._rng.randbytes(16)
        wrong = Channel(link, SecurityContext(secret, right.sender_id, right.recipient_id))

        def request(over: Channel) -> Message:
            path = link.manifest.resources.or_nowhere("protected_put")
            return over.protect(link.build(Code.PUT, path, b"\xf5", content_format=CONTENT_FORMAT_CBOR))

        def changed(bit: int) -> Message:
            message = request(channel)
            return replace(message, payload=flipped(message.payload, bit % (8 * len(message.payload))))

        def other_channel() -> Message:
            number = request(channel)
            return replace(number, payload=request(wrong).payload)

        return {
            "wrong key": other_channel,
            "first bit wrong": lambda: changed(0),
            "first bit of the tag wrong": lambda: changed(-8 * right.aead.tag_length),
            "last bit of the tag wrong": lambda: changed(-1),
        }


def _suite(arena: Arena) -> int:
    return 2 if 2 in arena.able.suites else arena.able.suites[0]
