"""What the games of the state machine are drawn from: settings, and what has happened before they begin."""

from __future__ import annotations

from hypothesis import strategies as st

from picosec_conformance.adversary.setting import Abilities, Setting, families
from picosec_conformance.adversary.steps import Step, step

_ALICE = (step("connect", party="alice"), step("settle"))
_TARGET = (step("target-connects"), step("settle"))
#: What has happened before the adversary begins.
PROLOGUES: tuple[tuple[Step, ...], ...] = (
    (),
    _ALICE,
    _TARGET,
    (*_ALICE, step("ask", dialogue="alice-1", what="write"), step("settle")),
    (*_ALICE, *_TARGET),
    (step("connect", party="alice"), step("connect", party="bob")),
    (step("ask", dialogue="carol-1", what="write"), step("settle")),
    (*_TARGET, step("target-asks", dialogue="dora-1")),
)


def settings_of(able: Abilities) -> st.SearchStrategy[Setting]:
    """Return what examples may be played under."""
    seeds = st.integers(0, 0xFFFF)
    if not able.handshakes:
        return st.builds(Setting, seeds)
    message_4 = st.booleans() if able.message_4 else st.just(False)

    def orders(family: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
        every, some = st.permutations(family), st.lists(st.sampled_from(family), min_size=1, unique=True)
        return st.one_of(every, every, some).map(tuple)

    def of_family(family: tuple[int, ...]) -> st.SearchStrategy[Setting]:
        methods, kinds = st.sampled_from(able.methods[::-1]), st.sampled_from(able.kinds)
        setting = st.builds(Setting, seeds, methods, kinds, orders(family), orders(family), message_4)
        return setting.filter(lambda each: bool(set(each.suites) & set(each.target_suites)))

    groups = families(able)
    with_choice = [group for group in groups if len(group) > 1]
    return st.sampled_from([*with_choice, *groups]).flatmap(of_family)
