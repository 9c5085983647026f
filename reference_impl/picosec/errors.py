"""The one error type: what is raised is what is sent."""

from __future__ import annotations

from picosec.registry import RESPONSE_CODE, TEXT, Problem


class ProtocolError(Exception):
    """A peer, or a caller, broke a rule of the specification.

    ``problem`` is the registry's error, ``requirement`` the id of the rule that was broken, and ``detail`` says
    where; detail is for people at this end and is never sent to a peer that has not authenticated.
    """

    def __init__(self, problem: Problem, requirement: str, detail: str = "") -> None:
        super().__init__(problem, requirement, detail)
        self.problem = problem
        self.requirement = requirement
        self.detail = detail

    @property
    def response_code(self) -> int:
        """The CoAP response code that carries this error."""
        return RESPONSE_CODE[self.problem]

    def __str__(self) -> str:
        text = f"{self.problem.name.lower()} ({self.requirement}): {TEXT[self.problem]}"
        return f"{text}; {self.detail}" if self.detail else text
