"""A shim as a child process: one JSON object per line in, one out, each with a deadline (vectors/README.md)."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
from types import TracebackType
from typing import IO, Any

import jsonschema

from picosec_conformance.vectors.model import schema

#: An answer longer than this many bytes is garbage.
LONGEST_LINE = 4 * 1024 * 1024


class ShimBroke(Exception):
    """The shim gave no answer that can be judged: it ended, stayed silent, or talked nonsense. Never a rejection."""


class Shim:
    """Keeps one child alive and asks it; starts a fresh one after each break. Use it as a context manager."""

    def __init__(self, command: list[str], timeout: float) -> None:
        """Remember ``command``; ``timeout`` is the deadline of one answer in seconds."""
        self._command = command
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stderr: IO[bytes] | None = None
        definitions = schema("shim")
        self._request_schema = _validator(definitions, "request")
        self._answer_schema = _validator(definitions, "answer")

    def __enter__(self) -> Shim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ask(self, operation: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Ask one question and return the answer, which follows the schema.

        Raises ``ShimBroke`` when there is none, after stopping the child: the next question goes to a fresh one.
        Raises ``FileNotFoundError`` or ``PermissionError`` when the command cannot be started at all.
        """
        request = {"operation": operation, "inputs": inputs}
        self._request_schema.validate(request)
        if self._process is None:
            self._start()
        try:
            return self._exchange(json.dumps(request).encode() + b"\n")
        except ShimBroke:
            self.stop()
            raise

    def stop(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, self._stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _start(self) -> None:
        with contextlib.ExitStack() as stack:
            stderr = stack.enter_context(tempfile.TemporaryFile())
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=stderr)
            self._stderr = stderr
            stack.pop_all()  # stop() closes it, with the child
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._process.stdout, self._lines), daemon=True).start()

    def _exchange(self, line: bytes) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        if not self._lines.empty():
            raise ShimBroke(f"spoke without being asked, or ended{self._last_words()}")
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            raise ShimBroke(f"ended before it was asked{self._last_words()}") from None
        try:
            answer = self._lines.get(timeout=self._timeout)
        except queue.Empty:
            raise ShimBroke(f"no answer within {self._timeout:g} s{self._last_words()}") from None
        if not answer.endswith(b"\n"):
            raise ShimBroke(f"ended instead of answering{self._last_words()}")
        return self._parse(answer)

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise ShimBroke(f"answered with what is not JSON: {_shortened(line)}") from None
        for problem in self._answer_schema.iter_errors(answer):
            raise ShimBroke(f"the answer breaks the schema: {problem.message[:200]}")
        return answer

    def _last_words(self) -> str:
        """What the child last wrote to its standard error, for the person who mends it."""
        if self._stderr is None or self._stderr.closed:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:
                self._process.wait(timeout=0.2)
        self._stderr.seek(0, 2)
        self._stderr.seek(max(0, self._stderr.tell() - 2000))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"; its last words: {lines[-1][:200]}" if lines else ""


def _read_lines(pipe: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Pass on each line; the last one, which has no line end, tells that the child has ended or talks too much."""
    with contextlib.suppress(OSError, ValueError):
        while (line := pipe.readline(LONGEST_LINE)).endswith(b"\n"):
            lines.put(line)
    lines.put(b"")


def _validator(definitions: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$defs": definitions["$defs"], "$ref": f"#/$defs/{name}"})


def _shortened(line: bytes) -> str:
    return repr(line[:80])[1:]
