"""``picosec mutants``: change the reference in many small ways, and see which changes the suite does not notice."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from picosec_conformance.mutants.generate import Mutant, modules, mutants_of
from picosec_conformance.mutants.run import Judgement, MutantsError, run_mutants, score
from picosec_conformance.mutants.survivors import ListError, Survivor, load_survivors, reason_for

Listed = tuple[Survivor, ...]

_EXAMPLES = """\
examples:
  picosec mutants                                  every mutant there is; takes its time
  picosec mutants --sample 20 --seed 7             20 of each module, chosen by the seed
  picosec mutants channel/oscore.py --json out.json
  picosec mutants --unlisted --jobs 2              all that nobody has explained yet; a third of the time
  picosec mutants messaging --list                 what would be changed

exit status: 0 when every survivor is listed with a reason in mutants/survivors.toml, and no entry is out of date; 1
else; 2 for a wrong request
"""


#: Mutants after which a run says how far it is.
_STEP = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description = "Mutation testing of the reference: what does the suite not notice?"
    parser.epilog = _EXAMPLES
    parser.add_argument("names", nargs="*", metavar="MODULE", help="only these packages or modules")
    parser.add_argument("--sample", metavar="N", type=int, help="at most N mutants of each module")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="decides the sample (default: 1)")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="mutants to judge at once (default: 1)")
    parser.add_argument("--unlisted", action="store_true", help="leave out what is listed: it survived before")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what became of each mutant")


def run(options: argparse.Namespace) -> int:
    """Return 0 when all that survives is listed, 1 when not, 2 for a wrong request."""
    chosen = [module for module in modules() if not options.names or _named(module, options.names)]
    unknown = [name for name in options.names if not any(_named(module, [name]) for module in modules())]
    try:
        listed = load_survivors()
        if unknown or options.jobs < 1 or (options.sample is not None and options.sample < 1):
            raise ListError(
                f"there is no module {unknown[0]!r}; `picosec mutants --list` shows what there is"
                if unknown
                else "give numbers of at least 1"
            )
    except ListError as error:
        print(f"picosec mutants: {error}", file=sys.stderr)
        return 2
    every = {module: list(mutants_of(module)) for module in chosen}
    sample = [mutant for module in chosen for mutant in _sample(module, every[module], options.sample, options.seed)]
    if options.unlisted:
        sample = [mutant for mutant in sample if not reason_for(listed, mutant, 1)]
    if options.list:
        for mutant in sample:
            print(mutant)
        return 0
    began = time.monotonic()
    try:
        with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:  # pytest keeps what is printed while it runs
            print(
                f"{len(sample)} mutants to judge; first the whole reference, to see which test reaches what",
                file=stream,
            )
            results, sick = run_mutants(sample, jobs=options.jobs, done=_Progress(len(sample), listed, stream))
    except MutantsError as error:
        print(f"picosec mutants: {error}", file=sys.stderr)
        return 1
    return _conclude(results, sick, every, listed, time.monotonic() - began, options.json)


def _named(module: str, names: list[str]) -> bool:
    return any(module in (name, f"{name}.py") or module.startswith(f"{name}/") for name in names)


def _sample(module: str, mutants: list[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """Choose by seed and module, so that a module's sample does not depend on which others are named."""
    if size is None or size >= len(mutants):
        return mutants
    chosen = random.Random(f"{seed}:{module}").sample(range(len(mutants)), size)
    return [mutants[index] for index in sorted(chosen)]


class _Progress:
    """Shows what survives as it is found, and how far the run is."""

    def __init__(self, total: int, listed: Listed, stream: TextIO) -> None:
        self._total = total
        self._listed = listed
        self._stream = stream
        self._judged = 0

    def __call__(self, result: Judgement) -> None:
        self._judged += 1
        if not result.detected:
            word = "listed" if reason_for(self._listed, result.mutant, result.tests) else result.outcome.upper()
            print(f"{word:<9} {result.tests:>5} tests  {result.mutant}", file=self._stream, flush=True)
        if self._judged % _STEP == 0:
            print(f"  {self._judged} of {self._total} mutants", file=self._stream, flush=True)


def _conclude(
    results: list[Judgement],
    sick: list[str],
    every: Mapping[str, list[Mutant]],
    listed: Listed,
    seconds: float,
    json_file: Path | None,
) -> int:
    """Print the table by module and say what is wrong: a survivor without a reason, an entry without a survivor."""
    width = max(map(len, every), default=0)
    print(f"\n{'module':<{width}}  mutants    run  killed  unusable  timeout  survived  unobservable  score")
    for module, mutants in every.items():
        _row(module, width, len(mutants), [result for result in results if result.mutant.module == module], listed)
    _row("all", width, sum(map(len, every.values())), results, listed)
    unexplained = [result.mutant for result in results if not result.detected and not _reason(result, listed)]
    for mutant in unexplained:
        print(f"survived without a reason: {mutant}")
    out_of_date = [entry for entry in listed if entry.module in every and _out_of_date(entry, every, results)]
    for entry in out_of_date:
        print(f"listed, but nothing of the kind survives: {entry}")
    for test in sick:
        print(f"left out, since the whole reference fails it: {test}")
    print(f"{len(results)} mutants in {seconds:.0f} s")
    if json_file is not None:
        text = json.dumps(_json(results, every, listed, seconds), indent=1, ensure_ascii=False)
        json_file.write_text(text + "\n", encoding="utf-8")
    return 1 if unexplained or out_of_date or sick else 0


def _reason(result: Judgement, listed: Listed) -> str:
    return "" if result.detected else reason_for(listed, result.mutant, result.tests)


def _out_of_date(entry: Survivor, every: Mapping[str, list[Mutant]], results: list[Judgement]) -> bool:
    """Whether all that an entry is about was judged and detected, or does not exist."""
    about = sum(entry.names(mutant) for mutant in every[entry.module])
    return about == sum(result.detected and entry.names(result.mutant) for result in results)


def _row(name: str, width: int, total: int, results: list[Judgement], listed: Listed) -> None:
    count = Counter(result.outcome for result in results)
    explained = sum(bool(_reason(result, listed)) for result in results)
    survived = count["survived"] + count["broken"]
    share = score(results, listed)
    print(
        f"{name:<{width}}  {total:>7}  {len(results):>5}  {count['killed']:>6}  {count['unusable']:>8}  "
        f"{count['timeout']:>7}  "
        f"{survived:>8}  {explained:>12}  {share:>5.1%}"
    )


def _json(
    results: list[Judgement], every: Mapping[str, list[Mutant]], listed: Listed, seconds: float
) -> dict[str, object]:
    def figures(total: int, chosen: list[Judgement]) -> dict[str, object]:
        count = Counter(result.outcome for result in chosen)
        explained = sum(bool(_reason(result, listed)) for result in chosen)
        return {
            "mutants": total,
            "run": len(chosen),
            **{outcome: count[outcome] for outcome in ("killed", "unusable", "timeout", "survived", "broken")},
            "unobservable": explained,
            "score": round(score(chosen, listed), 4),
        }

    return {
        "seconds": round(seconds, 1),
        "total": figures(sum(map(len, every.values())), results),
        "modules": {
            module: figures(len(mutants), [result for result in results if result.mutant.module == module])
            for module, mutants in every.items()
        },
        "results": [_result(result, listed) for result in results],
    }


def _result(result: Judgement, listed: Listed) -> dict[str, object]:
    mutant = result.mutant
    return {
        "module": mutant.module,
        "place": mutant.place,
        "line": mutant.line,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "outcome": result.outcome,
        "by": result.by,
        "said": result.reason,
        "tests": result.tests,
        "unobservable": _reason(result, listed) or None,
        "seconds": round(result.seconds, 2),
    }
