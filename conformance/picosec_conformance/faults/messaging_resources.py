"""Faults of resources and refusals: names that open too much, and answers that say too much or too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from picosec.errors import ProtocolError
from picosec.messaging import coap, problem
from picosec.messaging.coap import Code, Option
from picosec.registry import RESPONSE_CODE, TEXT, Problem
from picosec.roles.resources import Reply, Request, Site
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import answer_as_if, read_segments


@fault("MSG-560")
def joins_segments_without_escaping() -> None:
    """A path becomes a string, and a slash inside a segment becomes a separator."""
    coap._segment = bytes.decode


@fault("MSG-560")
def forgives_a_trailing_slash() -> None:
    """ "/ps/info/" surely means "/ps/info": and a rule for the one is no rule for the other."""
    answer_as_if(lambda request: replace(request, path=request.path.rstrip("/") or "/"))


@fault("MSG-560")
def compares_paths_without_case() -> None:
    """A file system that does not tell capital letters apart serves names that no rule was written for."""
    answer_as_if(lambda request: replace(request, path=request.path.lower()))


@fault("MSG-560")
def falls_back_to_the_parent() -> None:
    """The longest prefix that is served answers for everything below it."""
    answer_as_if(lambda request: replace(request, path="/ps/info" if "/ps/info/" in request.path else request.path))


@fault("MSG-560")
def decodes_twice() -> None:
    """Percent signs inside a segment are decoded once more than they were encoded (CVE-2001-0333)."""
    read_segments(lambda value: b"%" in value, lambda value: unquote(value.decode()))


@fault("MSG-560")
def ends_names_at_a_zero_byte() -> None:
    """The check compares the whole name, the file system the part before the zero byte (CVE-2006-7243)."""
    read_segments(lambda value: b"\0" in value, lambda value: value.partition(b"\0")[0].decode())


@fault("MSG-560")
def says_that_no_method_is_allowed() -> None:
    """The method is looked up first, and nothing allows it where nothing is."""
    RESPONSE_CODE[Problem.NOT_FOUND] = 0x85


@fault("MSG-570")
def takes_unknown_methods_for_get() -> None:
    """A switch whose last case is the default."""
    answer_as_if(lambda request: replace(request, code=request.code if request.code < 5 else 1))


@fault("MSG-570")
def keeps_three_bits_of_a_method() -> None:
    """Seven methods fit into three bits, and what comes after them is one of the seven."""
    answer_as_if(lambda request: replace(request, code=request.code & 7))


@fault("MSG-570")
def does_not_implement_what_it_refuses() -> None:
    """An unknown method is 5.01, as in HTTP: a fault of the server, which the client tries again elsewhere."""
    RESPONSE_CODE[Problem.METHOD_NOT_ALLOWED] = 0xA1


@fault("MSG-580")
def ignores_accept() -> None:
    """There is one representation, so that is what one gets."""
    answer_as_if(lambda request: replace(request, accept=None))


@fault("MSG-580")
def offers_something_else() -> None:
    """There is no representation to the client's liking, so it gets an empty one."""
    original = Site.answer

    def answer(self: Site, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            if error.problem is not Problem.NOT_ACCEPTABLE:
                raise
            return Reply(Code.CONTENT)

    Site.answer = answer


@fault("MSG-590")
def ignores_the_content_format() -> None:
    """The parser will find out what it is."""
    answer_as_if(lambda request: replace(request, content_format=None))


@fault("MSG-590")
def reads_text_as_cbor() -> None:
    """Format 0 is what a careless client sends, so it is taken for whatever the resource takes."""
    answer_as_if(lambda request: replace(request, content_format=request.content_format or None))


@fault("MSG-700")
def refuses_without_a_number() -> None:
    """A sentence for people is all that the body holds."""
    problem.encode = lambda error, detail="": b"\xa1\x20" + b"\x65sorry"


@fault("MSG-700")
def refuses_in_plain_cbor() -> None:
    """The details are there, under a content format that says nothing about them."""
    problem._FORMAT = ((int(Option.CONTENT_FORMAT), b"\x3c"),)


@fault("MSG-700")
def refuses_without_a_word() -> None:
    """An empty body saves bytes, and leaves the client to guess."""
    problem.encode = lambda error, detail="": b""


@fault("MSG-700")
def numbers_its_errors_itself() -> None:
    """A list of errors of one's own, which nobody else has."""
    problem.encode = lambda error, detail="": problem.cbor.dumps(
        {problem.PROBLEM_DETAIL_KEY: {problem.NUMBER: int(error) + 1}, problem.TITLE: error.name.lower()}
    )


@fault("MSG-710")
def puts_prose_into_the_title() -> None:
    """A title for people, which every implementation words differently."""
    original = problem.cbor.dumps
    words = {error.name.lower(): TEXT[error] for error in Problem}

    def wordy(value: Any) -> Any:
        if isinstance(value, dict) and value.get(problem.TITLE) in words:
            value = {**value, problem.TITLE: words[value[problem.TITLE]]}
        return original(value)

    problem.cbor.dumps = wordy


@fault("MSG-710")
def leaves_the_title_out() -> None:
    """The number says it all, to those who have the list at hand."""
    problem.encode = lambda error, detail="": problem.cbor.dumps(
        {problem.PROBLEM_DETAIL_KEY: {problem.NUMBER: int(error)}}
    )


@fault("MSG-720")
def explains_itself_to_strangers() -> None:
    """The exception's text goes out with the error, key identifiers and all."""
    original = problem.encode
    problem.encode = lambda error, detail="": original(error, detail or TEXT[error])


@fault("MSG-720")
def repeats_the_path_to_strangers() -> None:
    """ "not found: /x" helps with debugging, and reflects whatever a forger of addresses wants reflected."""
    original, encode = Site.answer, problem.encode
    last = [""]

    def answer(self: Site, request: Request) -> Reply:
        try:
            return original(self, request)
        except ProtocolError as error:
            last[0] = error.detail
            raise

    Site.answer = answer
    problem.encode = lambda error, detail="": encode(error, detail or last[0])


@fault("MSG-750")
def has_codes_of_its_own() -> None:
    """4.00 for everything that came in wrong."""
    RESPONSE_CODE[Problem.UNSUPPORTED_FORMAT] = 0x80
    RESPONSE_CODE[Problem.METHOD_NOT_ALLOWED] = 0x80


@fault("MSG-750")
def says_forbidden_to_hide_what_is_there() -> None:
    """4.03 for whatever is protected, found or not: the client does not learn that a channel would help."""
    RESPONSE_CODE[Problem.UNPROTECTED] = 0x83
