"""Asking a device for evidence, and judging it: a verifier as a person has it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from picosec.cli.attester_files import DEBUG, measured, read_code, read_known
from picosec.cli.client import converse, show
from picosec.cli.mistakes import DONE, REFUSED, Mistake, complain
from picosec.cli.present import printable, table
from picosec.cli.request import Place, destination
from picosec.errors import ProtocolError
from picosec.identity.evidence import NONCE_SIZE, Debug, Evidence, decode_evidence
from picosec.identity.verifier import Appraisal, KnownAttester, Verifier
from picosec.messaging.coap import Code, Type, path_options
from picosec.registry import CONTENT_FORMAT_EAT, Problem
from picosec.roles import events
from picosec.roles.attestation import PATH, Question, evidence_request, question_of

#: Nothing after the host, or the one resource there is for this.
_PATHS: Final = ((), path_options("/"), path_options(PATH))
#: What is broken when evidence is the device's own and fresh, and only its state is not acceptable.
_STATE: Final = frozenset({"IDN-1260", "IDN-1270", "IDN-1280", "IDN-1290"})
#: What a person may do about evidence that is not even that.
_ADVICE: Final = {
    Problem.UNKNOWN_CREDENTIAL: "another key signed it than that of --attester: is it the file of this device?",
    Problem.AUTHENTICATION_FAILED: "the key of --attester did not sign it: is it the file of this device?",
    Problem.STALE: "the clocks of the device and of this machine differ: which of them is wrong?",
}

_OK: Final = "ok"


def check(options: argparse.Namespace) -> int:
    """Ask, show what the device says, and say whether it is acceptable."""
    known, place = _known(options), _place(options)
    challenge = os.urandom(NONCE_SIZE)
    message = replace(evidence_request(challenge), type=Type.NON if options.non else Type.CON)
    waiting = converse(message, place, options)
    match waiting.outcome:
        case events.Response(message=answer) if answer.code == Code.CONTENT and waiting.session is not None:
            pass
        case events.Response(message=answer) if answer.code == Code.METHOD_NOT_ALLOWED:
            complain("the device has no key for evidence: give it one, `picosec device --attester FILE`")
            return REFUSED
        case outcome:
            return show(outcome, options) or REFUSED  # whatever it is, no evidence
    if answer.content_format != CONTENT_FORMAT_EAT:
        complain(f"the answer is of Content-Format {answer.content_format}, which is no evidence")
        return REFUSED
    return judge(answer.payload, question_of(waiting.session, challenge), known, time.time())


def judge(data: bytes, question: Question, known: KnownAttester, now: float) -> int:
    """Show what evidence says and whether that is acceptable; return the exit code.

    Of what the device did not say, or not now and here, nothing is shown.
    """
    verifier = Verifier()
    verifier.admit([known])
    try:
        evidence, refused = verifier.appraise(data, question.nonce, now, question.code), None
    except ProtocolError as error:
        if error.requirement not in _STATE:
            complain(f"this is no evidence of the device, {error}" + _hint(error.problem))
            return REFUSED
        evidence, refused = decode_evidence(data)[1], error
    print(described(evidence, known.appraisal, now))
    if refused is None:
        print("acceptable")
        return DONE
    complain(f"not acceptable ({refused.problem.name.lower()}, {refused.requirement}): {refused.detail}")
    return REFUSED


def described(evidence: Evidence, appraisal: Appraisal, now: float) -> str:
    """Return what a device says of itself as a table for people, and of each line whether it is acceptable."""
    rows = [["device", evidence.ueid.hex()], ["when", _when(evidence.issued, now)]]
    debug, least = evidence.debug, appraisal.least_debug
    rows.append(["debug ports", _word(debug), _OK if debug >= least else f"less than {_word(least)}"])
    rows += _software(evidence, appraisal)
    most = appraisal.most_tampered
    if evidence.tampered is None:
        rows.append(["tampered", "no sensor", _OK if most is None else "nobody would notice"])
    else:
        fine = evidence.tampered <= (most or 0)
        rows.append(["tampered", f"{evidence.tampered} times", _OK if fine else f"more than {most or 0}"])
    return table(rows)


def _software(evidence: Evidence, appraisal: Appraisal) -> Iterator[list[str]]:
    acceptable = appraisal.software
    for name, runs in sorted(evidence.software.items()):
        if acceptable is None:
            verdict = "not judged: --code"
        elif name not in acceptable:
            verdict = "unknown: nobody said that it may run"
        else:
            verdict = _OK if runs in acceptable[name] else "unknown: another one than may run"
        yield [f"software {printable(name)}", runs.hex(), verdict]
    for name in sorted((acceptable or {}).keys() - evidence.software.keys()):
        yield [f"software {printable(name)}", "does not run", "missing"]


def _known(options: argparse.Namespace) -> KnownAttester:
    """Return whom to believe, with what the command line says of what is acceptable. Raises :class:`Mistake`."""
    path: Path | None = options.attester
    if path is None:
        raise Mistake("check takes --attester, the public half that `picosec attest new` wrote on the device")
    if options.identity is None and options.peer is None:
        raise Mistake("check takes --identity and --peer: evidence is given over a channel only")
    if options.tampered is not None and options.tampered < 0:
        raise Mistake(f"--tampered takes how often at most, not {options.tampered}")
    known = read_known(path)
    said = known.appraisal
    software = dict(said.software or {})
    for name, file in (read_code(options.code) if options.code else {}).items():
        software[name] = software.get(name, frozenset()) | {measured(file)}
    least = max(said.least_debug, Debug.DISABLED) if options.debug_disabled else said.least_debug
    most = said.most_tampered if options.tampered is None else options.tampered
    return replace(known, appraisal=Appraisal(least, software or None, most))


def _place(options: argparse.Namespace) -> Place:
    """Return where to ask, whatever resource that is. Raises :class:`Mistake`."""
    place = destination(options.what, serial=options.serial is not None)
    if place.options not in _PATHS:
        raise Mistake(f"{options.what!r}: devices are asked at {PATH}, so give the device alone, coap://HOST[:PORT]")
    return place


def _when(issued: int | None, now: float) -> str:
    if issued is None:
        return "now, as the channel says; the device knows no date"
    ago = round(now - issued)
    told = f"{ago} s ago" if ago >= 0 else f"{-ago} s ahead of this clock"
    return f"{datetime.fromtimestamp(issued, UTC):%Y-%m-%d %H:%M:%S} UTC, {told}"


def _hint(problem: Problem) -> str:
    return f"; {_ADVICE[problem]}" if problem in _ADVICE else ""


def _word(state: Debug) -> str:
    return next(name for name, each in DEBUG.items() if each is state).replace("-", " ")
