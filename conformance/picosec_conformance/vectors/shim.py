"""The shim of the reference, and the loop that any shim written in Python can use: ``python -m …vectors.shim``.

A shim reads one JSON object per line on its standard input and answers each with one line on its standard output
(vectors/schema/shim.schema.json). It holds no state between two lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

from picosec_conformance.vectors import families
from picosec_conformance.vectors.operations import ask

UNSUPPORTED: dict[str, Any] = {"unsupported": True}

Answerer = Callable[[str, dict[str, Any]], dict[str, Any]]


def answer(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Answer one request from the reference."""
    if name not in families.operations():
        return UNSUPPORTED
    result = ask(name, inputs)
    return {"error": result} if isinstance(result, str) else {"output": result.output}


def serve(answer: Answerer, requests: TextIO, answers: TextIO) -> None:
    """Answer every line of ``requests``.

    What ``answer`` raises becomes a ``crash`` line, which is no rejection. Some bindings raise their panics past
    ``Exception``, so everything but a request to stop is caught.
    """
    for line in requests:
        request = json.loads(line)
        try:
            reply = answer(request["operation"], request["inputs"])
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as failure:
            reply = {"crash": f"{type(failure).__name__}: {failure}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(answer, sys.stdin, sys.stdout)
