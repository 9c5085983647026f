"""From a long game that breaks an invariant to a short one: moves are left out while it still does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from picosec.channel.credentials import Kind
from picosec_conformance.adversary.cast import RESPONDER
from picosec_conformance.adversary.setting import Setting
from picosec_conformance.adversary.steps import Step

Game = tuple[Setting, list[Step]]
#: Games played at most to make one shorter.
BUDGET = 400


def shrink(game: Game, breaks: Callable[[Game], bool], budget: int = BUDGET) -> Game:
    """Return the shortest game found that still ``breaks``, as the given one does."""
    left = budget

    def still(candidate: Game) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and breaks(candidate)

    before = None
    while before != game and left > 0:
        before = game
        game = _without_moves(game, still)
        game = _simpler(game, still)
    return game


def _without_moves(game: Game, still: Callable[[Game], bool]) -> Game:
    """Leave out runs of moves, long ones first, from the end to the beginning."""
    setting, steps = game
    size = max(1, len(steps) // 2)
    while True:
        at = len(steps)
        while at > 0:
            start = max(0, at - size)
            for shorter in _left_out(steps, start, at):
                if still((setting, shorter)):
                    steps = shorter
                    break
            at = start
        if size == 1:
            return setting, steps
        size = max(1, size // 2)


def _left_out(steps: list[Step], start: int, end: int) -> Iterator[list[Step]]:
    """Yield the steps without some; where one began something that is numbered, also with later numbers moved up."""
    yield steps[:start] + steps[end:]
    if end - start > 1:
        return
    begun = _begins(steps[start])
    if begun:
        number = 1 + sum(_begins(each) == begun for each in steps[:start])
        yield steps[:start] + [_moved_up(each, begun, number) for each in steps[end:]]


def _begins(step: Step) -> str:
    """Return what stands before the number in the labels of what a step begins, empty for other steps."""
    match step.move:
        case "connect":
            return f"{step.parameters['party']}-"
        case "target-connects":
            return f"{RESPONDER}-"
        case "ask":
            return f"{step.parameters['dialogue']}/request-"
        case _:
            return ""


def _moved_up(step: Step, begun: str, number: int) -> Step:
    """Return a step in which labels count one less of what was begun after ``number``."""
    pattern = re.compile(rf"^{re.escape(begun)}(\d+)")

    def counted(found: re.Match[str]) -> str:
        at = int(found[1])
        return f"{begun}{at - 1 if at > number else at}"

    changed = {
        name: pattern.sub(counted, value) if isinstance(value, str) else value
        for name, value in step.parameters.items()
    }
    return Step(step.move, changed)


def _simpler(game: Game, still: Callable[[Game], bool]) -> Game:
    """Take away from the setting what does not matter, all at once if possible."""
    everything: dict[str, Any] = {"seed": 1, "method": 3, "kind": Kind.KID, "message_4": False}
    common = next((suite for suite in game[0].suites if suite in game[0].target_suites), None)
    if common is not None:
        everything |= {"suites": (common,), "target_suites": (common,)}
    for less in (everything, *({name: value} for name, value in everything.items())):
        simpler = replace(game[0], **less)
        if simpler != game[0] and still((simpler, game[1])):
            game = (simpler, game[1])
    for name in ("suites", "target_suites"):
        for suite in getattr(game[0], name):
            fewer: dict[str, Any] = {name: tuple(each for each in getattr(game[0], name) if each != suite)}
            if fewer[name] and still((replace(game[0], **fewer), game[1])):
                game = (replace(game[0], **fewer), game[1])
    return game
