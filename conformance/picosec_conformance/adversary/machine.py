"""The adversary as a state machine of Hypothesis, which draws its moves one by one."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from picosec_conformance.adversary.cast import INITIATORS
from picosec_conformance.adversary.forgeries import fitting
from picosec_conformance.adversary.player import MANY, SOME, Player, pick
from picosec_conformance.network import common_fields


class Machine(Player):
    """Everything that can be done, each on its own."""

    # -- honest moves --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.able.responder)
    @rule(party=st.sampled_from((*INITIATORS, "mallory", "eve")), settle=st.booleans())
    def connect(self, party: str, settle: bool) -> None:
        """Somebody begins a handshake with the target, and perhaps completes it."""
        self.do("connect", party=party)
        self.perhaps_settle(settle)

    @precondition(lambda self: self.channels())
    @rule(at=SOME, what=st.sampled_from(("write", "read", "odd")), settle=st.booleans())
    def ask(self, at: int, what: str, settle: bool) -> None:
        """A peer sends a request over a channel, and perhaps gets its answer."""
        self.do("ask", dialogue=pick(self.channels(), at).label, what=what)
        self.perhaps_settle(settle)

    @rule(settle=st.booleans())
    def write(self, settle: bool) -> None:
        """A peer changes an open resource."""
        self.do("write", party=next(iter(self.stage.cast.parties)))
        self.perhaps_settle(settle)

    @precondition(lambda self: self.able.initiator)
    @rule(settle=st.booleans())
    def target_connects(self, settle: bool) -> None:
        """The target opens a channel itself."""
        self.do("target-connects")
        self.perhaps_settle(settle)

    @precondition(lambda self: self.able.client and self.usable())
    @rule(at=SOME)
    def target_asks(self, at: int) -> None:
        """The target sends a request over a channel."""
        self.do("target-asks", dialogue=pick(self.usable(), at).label)

    @precondition(lambda self: self.able.renewal and self.sessions())
    @rule(at=SOME)
    def renew(self, at: int) -> None:
        """Both ends renew the keys of a channel."""
        self.do("renew", dialogue=pick(self.sessions(), at).label)

    @precondition(lambda self: self.able.control)
    @rule()
    def reboot(self) -> None:
        """The target loses its power."""
        self.do("reboot")

    @precondition(lambda self: self.able.control)
    @rule(seconds=st.sampled_from((1, 3, 10, 50, 150, 300)))
    def wait(self, seconds: int) -> None:
        """Time passes for the target."""
        self.do("wait", seconds=seconds)

    @rule()
    def settle(self) -> None:
        """The network works for a moment."""
        self.do("settle")

    # -- hostile moves -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.flying())
    @rule(at=SOME, move=st.sampled_from(("deliver", "drop", "duplicate", "delay")))
    def pass_on(self, at: int, move: str) -> None:
        """Something in flight arrives now, later, twice or never."""
        self.do(move, packet=pick(self.flying(), at).label)

    @precondition(lambda self: self.packets())
    @rule(at=SOME, length=MANY)
    def truncate(self, at: int, length: int) -> None:
        """The beginning of a datagram arrives."""
        packet = pick(self.packets(), at)
        self.do("truncate", packet=packet.label, length=length % len(packet.data))

    @precondition(lambda self: self.packets())
    @rule(at=SOME, bit=MANY)
    def flip(self, at: int, bit: int) -> None:
        """A datagram arrives with a wrong bit."""
        packet = pick(self.packets(), at)
        self.do("flip", packet=packet.label, bit=bit % (8 * len(packet.data)))

    @precondition(lambda self: len(self.packets()) > 1)
    @rule(at=SOME, donor=SOME, field=SOME)
    def splice(self, at: int, donor: int, field: int) -> None:
        """A datagram arrives with a field of another one."""
        packet, other = pick(self.packets(), at), pick(self.packets(), donor)
        fields = common_fields(packet.data, other.data)
        if fields:
            self.do("splice", packet=packet.label, donor=other.label, field=pick(fields, field))

    @precondition(lambda self: self.packets())
    @rule(at=SOME, fresh=st.booleans())
    def replay(self, at: int, fresh: bool) -> None:
        """A datagram of any time arrives again."""
        self.do("replay", packet=pick(self.packets(), at).label, fresh=fresh)

    @precondition(lambda self: self.packets())
    @rule(at=SOME)
    def reflect(self, at: int) -> None:
        """A datagram comes back to its sender."""
        self.do("reflect", packet=pick(self.packets(), at).label)

    @precondition(lambda self: self.packets())
    @rule(at=SOME, who=SOME)
    def divert(self, at: int, who: int) -> None:
        """A datagram reaches somebody else."""
        names = list(reversed(self.stage.cast.parties))
        self.do("divert", packet=pick(self.packets(), at).label, party=pick(names, who))

    @precondition(lambda self: self.requests())
    @rule(at=SOME, what=SOME)
    def inject(self, at: int, what: int) -> None:
        """Somebody answers who was not asked."""
        packet = pick(self.requests(), at)
        self.do("inject", packet=packet.label, what=pick(fitting(packet.data), what))

    @rule(data=st.binary(max_size=48))
    def noise(self, data: bytes) -> None:
        """Bytes arrive that mean nothing."""
        self.do("noise", data=data.hex())
